//! The error bodies of Google's three families: OAuth, the Google APIs (Gmail and UserInfo), and its front ends' HTML.

use postern_rules::time::Timestamp;
use serde_json::{Value, json};

use super::answer::Answer;
use super::calls::Endpoint;
use super::dates;

/// What the token endpoint says of a refresh token that has died.
pub(super) const EXPIRED_OR_REVOKED: &str = "Token has been expired or revoked.";
/// The number of the fake's Cloud project.
pub(super) const PROJECT: &str = "640512773041";

const EXPECTED_CREDENTIAL: &str = "Expected OAuth 2 access token, login cookie or other valid authentication \
                                   credential. See \
                                   https://developers.google.com/identity/sign-in/web/devconsole-project.";
const SORRY: &str = include_str!("sorry.html");

/// An error of the token or revoke endpoint.
pub(super) fn oauth(status: u16, error: &str, description: &str) -> Answer {
    Answer::oauth(status, &json!({"error": error, "error_description": description}))
}

/// An error of a Google API: code, canonical status, domain and reason, message, and details when
/// there are some.
pub(super) fn api(code: u16, status: &str, reason: (&str, &str), message: &str, details: &[Value]) -> Answer {
    api_with(code, status, reason, message, &[], details)
}

/// The same, with fields of `errors[0]` that not every error has.
pub(super) fn api_with(
    code: u16,
    status: &str,
    (domain, reason): (&str, &str),
    message: &str,
    extra: &[(&str, &str)],
    details: &[Value],
) -> Answer {
    let mut first = json!({"message": message, "domain": domain, "reason": reason});
    for (name, value) in extra {
        first[*name] = (*value).into();
    }
    let mut error = json!({"code": code, "message": message, "errors": [first], "status": status});
    if !details.is_empty() {
        error["details"] = details.into();
    }
    Answer::api(code, &json!({ "error": error }))
}

/// 400 `invalidArgument`.
pub(super) fn invalid_argument(message: &str) -> Answer {
    api(400, "INVALID_ARGUMENT", ("global", "invalidArgument"), message, &[])
}

/// 404 `notFound`.
pub(super) fn not_found() -> Answer {
    api(404, "NOT_FOUND", ("global", "notFound"), "Requested entity was not found.", &[])
}

/// 401 for a call without a token, and at UserInfo for a token without an identity scope.
pub(super) fn credentials_missing() -> Answer {
    let message = format!("Request is missing required authentication credential. {EXPECTED_CREDENTIAL}");
    let details = [info("CREDENTIALS_MISSING", json!({}))];
    api(401, "UNAUTHENTICATED", ("global", "required"), &message, &details)
        .with("www-authenticate", "Bearer realm=\"https://accounts.google.com/\"")
}

/// 401 for a token that is expired, revoked or unknown. `errors[0]` has a message of its own.
pub(super) fn invalid_credentials() -> Answer {
    let message = format!("Request had invalid authentication credentials. {EXPECTED_CREDENTIAL}");
    let extra =
        [("message", "Invalid Credentials"), ("location", "Authorization"), ("locationType", "header")];
    api_with(401, "UNAUTHENTICATED", ("global", "authError"), &message, &extra, &[])
        .with("www-authenticate", "Bearer realm=\"https://accounts.google.com/\", error=\"invalid_token\"")
}

/// 403 for a token that lacks a scope.
pub(super) fn insufficient_scope() -> Answer {
    let message = "Request had insufficient authentication scopes.";
    let metadata =
        json!({"service": "gmail.googleapis.com", "method": "caribou.api.proto.MailboxService.ListMessages"});
    let details = [info("ACCESS_TOKEN_SCOPE_INSUFFICIENT", metadata)];
    let reason = ("global", "insufficientPermissions");
    let extra = [("message", "Insufficient Permission")];
    api_with(403, "PERMISSION_DENIED", reason, message, &extra, &details).with(
        "www-authenticate",
        "Bearer realm=\"https://accounts.google.com/\", error=\"insufficient_scope\", \
         scope=\"https://www.googleapis.com/auth/gmail.readonly\"",
    )
}

/// 403 for what a token with `gmail.metadata` may not do, whatever else it covers.
pub(super) fn metadata_scope(refusal: &str) -> Answer {
    api(403, "PERMISSION_DENIED", ("global", "forbidden"), &format!("Metadata scope {refusal}"), &[])
}

/// 429 for more calls of one user than run at once.
pub(super) fn concurrent() -> Answer {
    let message = "Too many concurrent requests for user";
    api(429, "RESOURCE_EXHAUSTED", ("global", "rateLimitExceeded"), message, &[])
}

/// 503 of an API.
pub(super) fn unavailable() -> Answer {
    let message = "The service is currently unavailable.";
    api(503, "UNAVAILABLE", ("global", "backendError"), message, &[])
}

/// A quota of the project's per user and minute, spent. Google answers 403; some clients saw 429.
pub(super) fn quota(status: u16, retry_after: Option<u32>, endpoint: Endpoint) -> Answer {
    let service = service(endpoint);
    let message = format!(
        "Quota exceeded for quota metric 'Queries' and limit 'Queries per minute per user' of service '{service}' \
         for consumer 'project_number:{PROJECT}'."
    );
    let metadata = json!({
        "service": service,
        "consumer": format!("projects/{PROJECT}"),
        "quota_metric": format!("{service}/default"),
        "quota_limit": "defaultPerMinutePerUser",
        "quota_limit_value": "15000",
        "quota_location": "global",
    });
    let link = "https://cloud.google.com/docs/quota#requesting_higher_quota";
    let details = [info("RATE_LIMIT_EXCEEDED", metadata), help("Request a higher quota limit.", link)];
    let reason = ("usageLimits", "rateLimitExceeded");
    let answer = api(status, limited(status), reason, &message, &details);
    match retry_after {
        Some(seconds) => answer.with("retry-after", &seconds.to_string()),
        None => answer,
    }
}

/// A limit of the user's own, with the time of its end in the message alone.
pub(super) fn quota_in_message(status: u16, retry_after: i64, now: Timestamp) -> Answer {
    let until = dates::timestamp(now.seconds().saturating_add(retry_after));
    // Two spaces, as Google writes it.
    let message = format!("User-rate limit exceeded.  Retry after {until}");
    api(status, limited(status), ("usageLimits", "rateLimitExceeded"), &message, &[])
}

fn limited(status: u16) -> &'static str {
    if status == 429 { "RESOURCE_EXHAUSTED" } else { "PERMISSION_DENIED" }
}

/// 403 for an API that is not enabled in the project.
pub(super) fn service_disabled(endpoint: Endpoint) -> Answer {
    let service = service(endpoint);
    let title = if endpoint == Endpoint::UserInfo { "Google OAuth2 API" } else { "Gmail API" };
    let link = format!("https://console.developers.google.com/apis/api/{service}/overview?project={PROJECT}");
    let message = format!(
        "{title} has not been used in project {PROJECT} before or it is disabled. Enable it by visiting {link} \
         then retry. If you enabled this API recently, wait a few minutes for the action to propagate to our \
         systems and retry."
    );
    let metadata = json!({
        "serviceTitle": title,
        "consumer": format!("projects/{PROJECT}"),
        "activationUrl": link,
        "containerInfo": PROJECT,
        "service": service,
    });
    let activation = help("Google developers console API activation", &link);
    let details = [info("SERVICE_DISABLED", metadata), localized(&message), activation];
    let extra = [("extendedHelp", "https://console.developers.google.com")];
    let reason = ("usageLimits", "accessNotConfigured");
    api_with(403, "PERMISSION_DENIED", reason, &message, &extra, &details)
}

/// The service that an endpoint belongs to, as error details name it.
pub(super) fn service(endpoint: Endpoint) -> &'static str {
    if endpoint == Endpoint::UserInfo { "oauth2.googleapis.com" } else { "gmail.googleapis.com" }
}

/// A `google.rpc.ErrorInfo`.
pub(super) fn info(reason: &str, metadata: Value) -> Value {
    let mut info = json!({
        "@type": "type.googleapis.com/google.rpc.ErrorInfo",
        "reason": reason,
        "domain": "googleapis.com",
    });
    info["metadata"] = metadata;
    info
}

/// A `google.rpc.LocalizedMessage`.
pub(super) fn localized(message: &str) -> Value {
    json!({"@type": "type.googleapis.com/google.rpc.LocalizedMessage", "locale": "en-US", "message": message})
}

/// A `google.rpc.Help` with one link.
pub(super) fn help(description: &str, url: &str) -> Value {
    json!({"@type": "type.googleapis.com/google.rpc.Help", "links": [{"description": description, "url": url}]})
}

fn is_oauth(endpoint: Endpoint) -> bool {
    matches!(endpoint, Endpoint::Token | Endpoint::Revoke | Endpoint::TokenInfo)
}

/// Trouble at Google, in the shape of the endpoint.
pub(super) fn server_error(status: u16, endpoint: Endpoint) -> Answer {
    match status {
        502 | 504 => Answer::html(
            status,
            format!(
                "<!DOCTYPE html>\n<html lang=en>\n<meta charset=utf-8>\n<title>Error {status} (Server Error)!!1</title>\n\
                 <p>The server encountered a temporary error and could not complete your request.\n"
            ),
        ),
        503 if is_oauth(endpoint) => {
            oauth(503, "temporarily_unavailable", "The service is currently unavailable.")
        }
        _ if is_oauth(endpoint) => oauth(status, "internal_failure", "Internal error encountered."),
        503 => unavailable(),
        _ => api(status, "INTERNAL", ("global", "backendError"), "Internal error encountered.", &[]),
    }
}

/// 200 with the body of a failure.
pub(super) fn error_within_success(endpoint: Endpoint) -> Answer {
    Answer { status: 200, ..server_error(500, endpoint) }
}

/// The page of Google's front ends for an address that asks too often.
pub(super) fn sorry(status: u16) -> Answer {
    Answer::html(status, SORRY).uncached()
}

/// The way to that page.
pub(super) fn sorry_redirect() -> Answer {
    let location =
        "https://www.google.com/sorry/index?continue=https://gmail.googleapis.com/gmail/v1/users/me/messages";
    Answer { status: 302, ..sorry(302) }.with("location", location)
}
