//! The failures that Google was seen to show, as the control API sets them and as they arrive:
//! status and body.

use serde_json::json;

use super::*;

const LIST: &str = "/gmail/v1/users/me/messages";
const PROJECT: &str = "640512773041";
const QUOTA: &str = "Quota exceeded for quota metric 'Queries' and limit 'Queries per minute per user' of service \
                     'gmail.googleapis.com' for consumer 'project_number:640512773041'.";

/// Sets a failure by the control API, for the next call.
async fn set(google: &Google, endpoint: &str, failure: &str, fields: &str) {
    let body = format!("endpoint={endpoint}&failure={failure}&{fields}");
    let headers = "Content-Type: application/x-www-form-urlencoded\r\n";
    let reply = send(google, "POST", "/control/failures", headers, &body).await.expect("an answer");
    assert_eq!(reply.status, 303, "{failure}: {}", reply.body);
}

async fn refused_list(google: &Google, failure: &str, fields: &str) -> Reply {
    set(google, "messages_list", failure, fields).await;
    get(google, LIST, "any").await
}

async fn refused_refresh(google: &Google, failure: &str, fields: &str) -> Reply {
    set(google, "token", failure, fields).await;
    refresh(google, "any").await
}

const LATER: &str = "User-rate limit exceeded.  Retry after 2027-01-15T08:15:00.000Z";
const PAST: &str = "User-rate limit exceeded.  Retry after 2027-01-15T07:59:00.000Z";
const DISABLED: &str = "Gmail API has not been used in project 640512773041 before or it is disabled. Enable it by \
                        visiting \
                        https://console.developers.google.com/apis/api/gmail.googleapis.com/overview?project=640512773041 \
                        then retry. If you enabled this API recently, wait a few minutes for the action to propagate to \
                        our systems and retry.";
const INVALID: &str = "Permission denied on resource project 640512773041.";
const SUSPENDED: &str = "Permission denied: Consumer 'project_number:640512773041' has been suspended.";
const METADATA: &str = "Metadata scope does not support 'q' parameter";
const EXHAUSTED: &str = "Resource has been exhausted (e.g. check quota).";
const UNREGISTERED: &str = "Daily Limit for Unauthenticated Use Exceeded. Continued use requires signup.";

/// The failure and its fields; status, domain and reason, and message of the answer.
type Refusal = (&'static str, u16, &'static str, &'static str);

const REFUSALS: [Refusal; 16] = [
    ("precondition_failed", 400, "global failedPrecondition", "Precondition check failed."),
    ("mail_not_enabled", 400, "global failedPrecondition", "Mail service not enabled"),
    ("quota_in_message&retry_after=900", 403, "usageLimits rateLimitExceeded", LATER),
    ("quota_in_message&retry_after=900&status=429", 429, "usageLimits rateLimitExceeded", LATER),
    ("quota_in_message&retry_after=-60", 403, "usageLimits rateLimitExceeded", PAST),
    ("metadata_scope", 403, "global forbidden", METADATA),
    ("quota", 403, "usageLimits rateLimitExceeded", QUOTA),
    ("quota&status=429", 429, "usageLimits rateLimitExceeded", QUOTA),
    ("user_rate_limit", 403, "usageLimits userRateLimitExceeded", "User Rate Limit Exceeded"),
    ("concurrent", 429, "global rateLimitExceeded", "Too many concurrent requests for user"),
    ("resource_exhausted", 429, "global rateLimitExceeded", EXHAUSTED),
    ("service_disabled", 403, "usageLimits accessNotConfigured", DISABLED),
    ("consumer_invalid", 403, "global forbidden", INVALID),
    ("consumer_suspended", 403, "global forbidden", SUSPENDED),
    ("domain_cannot_use_apis", 403, "global domainCannotUseApis", "Domain cannot use apis."),
    ("daily_limit_unregistered", 403, "usageLimits dailyLimitExceededUnreg", UNREGISTERED),
];

#[tokio::test]
async fn gmail_refuses_in_the_recorded_words() {
    let (google, _) = google().await;
    for (failure, status, reason, message) in REFUSALS {
        let reply = refused_list(&google, failure, "").await;
        assert_eq!(reply.status, status, "{failure}");
        assert_eq!(reply.header("content-type"), Some("application/json; charset=UTF-8"), "{failure}");
        assert_eq!(reply.header("retry-after"), None, "{failure}");
        let canonical = match status {
            400 => "FAILED_PRECONDITION",
            403 => "PERMISSION_DENIED",
            _ => "RESOURCE_EXHAUSTED",
        };
        let error = reply.json()["error"].clone();
        assert_eq!((&error["code"], text(&error, "status")), (&status.into(), canonical), "{failure}");
        let first = &error["errors"][0];
        assert_eq!(format!("{} {}", text(first, "domain"), text(first, "reason")), reason, "{failure}");
        assert_eq!((text(&error, "message"), text(first, "message")), (message, message), "{failure}");
    }
}

#[tokio::test]
async fn a_token_that_gmail_does_not_take_is_refused_with_the_recorded_fields() {
    let (google, _) = google().await;
    let message = "Request had invalid authentication credentials. Expected OAuth 2 access token, login cookie or other \
                   valid authentication credential. See https://developers.google.com/identity/sign-in/web/devconsole-project.";
    let expected = json!({"error": {
        "code": 401,
        "message": message,
        "errors": [{
            "message": "Invalid Credentials",
            "domain": "global",
            "reason": "authError",
            "location": "Authorization",
            "locationType": "header",
        }],
        "status": "UNAUTHENTICATED",
    }});
    assert_eq!(get(&google, LIST, "ya29.unknown").await.json(), expected);
    let switched_on = refused_list(&google, "invalid_credentials", "").await;
    assert_eq!((switched_on.status, switched_on.json()), (401, expected));
}

#[tokio::test]
async fn the_details_of_a_refusal_are_there() {
    let (google, _) = google().await;
    let scope = refused_list(&google, "insufficient_scope", "").await.json()["error"].clone();
    assert_eq!(scope["message"], "Request had insufficient authentication scopes.");
    let first = json!({"message": "Insufficient Permission", "domain": "global", "reason": "insufficientPermissions"});
    assert_eq!(scope["errors"], json!([first]));
    assert_eq!(scope["details"][0]["reason"], "ACCESS_TOKEN_SCOPE_INSUFFICIENT");

    let disabled = refused_list(&google, "service_disabled", "").await.json()["error"].clone();
    assert_eq!(disabled["errors"][0]["extendedHelp"], "https://console.developers.google.com");
    let link = format!(
        "https://console.developers.google.com/apis/api/gmail.googleapis.com/overview?project={PROJECT}"
    );
    assert_eq!(
        disabled["details"],
        json!([
            {
                "@type": "type.googleapis.com/google.rpc.ErrorInfo",
                "reason": "SERVICE_DISABLED",
                "domain": "googleapis.com",
                "metadata": {
                    "serviceTitle": "Gmail API",
                    "consumer": format!("projects/{PROJECT}"),
                    "activationUrl": link,
                    "containerInfo": PROJECT,
                    "service": "gmail.googleapis.com",
                },
            },
            {
                "@type": "type.googleapis.com/google.rpc.LocalizedMessage",
                "locale": "en-US",
                "message": disabled["message"],
            },
            {
                "@type": "type.googleapis.com/google.rpc.Help",
                "links": [{"description": "Google developers console API activation", "url": link}],
            },
        ])
    );
    for (failure, reason) in [
        ("consumer_invalid", "CONSUMER_INVALID"),
        ("consumer_suspended", "CONSUMER_SUSPENDED"),
        ("quota", "RATE_LIMIT_EXCEEDED"),
    ] {
        let details = refused_list(&google, failure, "").await.json()["error"]["details"].clone();
        assert_eq!(details[0]["reason"], reason);
        assert_eq!(details[0]["metadata"]["consumer"], format!("projects/{PROJECT}"));
    }
    let unregistered = refused_list(&google, "daily_limit_unregistered", "").await.json();
    assert_eq!(unregistered["error"]["errors"][0]["extendedHelp"], "https://code.google.com/apis/console");
}

#[tokio::test]
async fn the_sorry_page_comes_with_three_statuses_and_as_a_redirect() {
    let (google, _) = google().await;
    for (fields, status) in [("", 429), ("status=403", 403), ("status=503", 503)] {
        for reply in
            [refused_list(&google, "sorry", fields).await, refused_refresh(&google, "sorry", fields).await]
        {
            assert_eq!(reply.status, status);
            assert!(reply.header("content-type").expect("a type").starts_with("text/html"));
            assert!(reply.body.contains("We're sorry...") && reply.body.contains("automated queries"));
        }
    }
    let reply = refused_list(&google, "sorry_redirect", "").await;
    assert_eq!(reply.status, 302);
    let location = reply.header("location").expect("a location");
    assert!(location.starts_with("https://www.google.com/sorry/index?continue=https://"), "{location}");
}

#[tokio::test]
async fn the_token_endpoint_refuses_in_the_recorded_words() {
    let (google, _) = google().await;
    for (failure, status, error, description) in [
        ("invalid_grant", 400, "invalid_grant", "Token has been expired or revoked."),
        ("invalid_grant_bad_request", 400, "invalid_grant", "Bad Request"),
        ("account_deleted", 400, "invalid_grant", "Account has been deleted"),
        ("invalid_rapt", 400, "invalid_grant", "reauth related error (invalid_rapt)"),
        ("invalid_client", 401, "invalid_client", "The provided client secret is invalid."),
        ("deleted_client", 401, "deleted_client", "The OAuth client was deleted."),
    ] {
        let reply = refused_refresh(&google, failure, "").await;
        assert_eq!(
            (reply.status, reply.header("content-type")),
            (status, Some("application/json; charset=utf-8"))
        );
        let body = reply.json();
        assert_eq!((text(&body, "error"), text(&body, "error_description")), (error, description));
    }
    for failure in ["policy_enforced", "admin_policy_enforced", "org_internal"] {
        assert_eq!(refused_refresh(&google, failure, "").await.json()["error"], failure);
    }
    set(&google, "token_info", "token_info_stale", "").await;
    let stale = get(&google, "/tokeninfo?access_token=any", "").await;
    assert_eq!((stale.status, stale.json()), (400, json!({"error_description": "Invalid Value"})));
}

#[tokio::test]
async fn the_authorization_page_stops_or_sends_back_with_an_error() {
    let (google, _) = google().await;
    let url = authorization_url(&google, &[]);
    let path = url.strip_prefix(google.url()).expect("a path");
    for (failure, status, code) in [
        ("admin_policy_enforced", 400, "admin_policy_enforced"),
        ("policy_enforced", 400, "policy_enforced"),
        ("deleted_client", 401, "deleted_client"),
        ("org_internal", 403, "org_internal"),
        ("not_a_test_user", 403, "access_denied"),
        ("too_many_new_users", 403, "rate_limit_exceeded"),
    ] {
        set(&google, "authorize", failure, "times=2").await;
        assert_eq!(google.consent(&url, Decision::allow(ANN)).await, Consent::ErrorPage(code.into()));
        let page = send(&google, "GET", path, "", "").await.expect("an answer");
        assert_eq!((page.status, page.header("location")), (status, None), "{failure}");
        assert!(page.body.contains(&format!("Error {status}: ")) && page.body.contains(code), "{failure}");
    }
    for error in ["interaction_required", "login_required", "consent_required"] {
        set(&google, "authorize", error, "times=2").await;
        let expected =
            format!("{CALLBACK}?state=some+state&iss=https%3A%2F%2Faccounts.google.com&error={error}");
        let consent = google.consent(&url, Decision::allow(ANN)).await;
        assert_eq!(consent.location(), Some(expected.as_str()));
        let page = send(&google, "GET", path, "", "").await.expect("an answer");
        assert_eq!((page.status, page.header("location")), (303, Some(expected.as_str())));
    }
    assert!(google.consent(&url, Decision::allow(ANN)).await.code().is_some());
}

#[tokio::test]
async fn user_info_refuses_in_the_recorded_words() {
    let (google, _) = google().await;
    for (failure, status, reason) in [
        ("credentials_missing", 401, "required"),
        ("service_disabled", 403, "accessNotConfigured"),
        ("quota", 403, "rateLimitExceeded"),
        ("user_rate_limit", 403, "userRateLimitExceeded"),
    ] {
        set(&google, "user_info", failure, "").await;
        let reply = get(&google, "/oauth2/v2/userinfo", "any").await;
        assert_eq!(reply.status, status, "{failure}");
        let error = reply.json()["error"].clone();
        assert_eq!(error["errors"][0]["reason"], reason);
        assert!(!reply.body.contains("gmail.googleapis.com"), "UserInfo is another service: {}", reply.body);
    }
}

#[tokio::test]
async fn the_control_page_offers_every_failure_by_name() {
    let (google, _) = google().await;
    let page = get(&google, "/control", "").await.body;
    for name in named_failure::names() {
        assert!(page.contains(&format!("<option>{name}</option>")), "{name}");
        set(&google, "messages_list", name, "location=https%3A%2F%2Fexample.com%2F&times=1").await;
    }
    let known = get(&google, "/control", "").await.body;
    for button in [
        "precondition_failed",
        "quota_in_message",
        "concurrent",
        "sorry",
        "interaction_required",
        "policy_enforced",
    ] {
        assert!(known.contains(&format!("name=\"failure\" value=\"{button}\"")), "{button}");
    }
}
