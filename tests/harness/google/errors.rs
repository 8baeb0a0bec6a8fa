//! The error bodies of Google's three families: OAuth, the Google APIs (Gmail and UserInfo), and its front ends' HTML.

use serde_json::{Value, json};
use shared::clock::Timestamp;

use super::answer::Answer;
use super::calls::Endpoint;
use super::dates;
use super::failures::Failure;

/// What Google says of an account whose administrator refuses the application.
pub(super) const ADMIN_POLICY: &str =
    "Access to your account data is restricted by policies within your organization.";

const PROJECT: &str = "640512773041";

/// An error of the token or revoke endpoint.
pub(super) fn oauth(status: u16, error: &str, description: &str) -> Answer {
    Answer::json(status, &json!({"error": error, "error_description": description})).uncached()
}

/// An error of a Google API: code, canonical status, reason and message, and details when there are some.
pub(super) fn api(
    code: u16,
    status: &str,
    (domain, reason): (&str, &str),
    message: &str,
    details: &[Value],
) -> Answer {
    let mut error = json!({
        "code": code,
        "message": message,
        "errors": [{"message": message, "domain": domain, "reason": reason}],
        "status": status,
    });
    if !details.is_empty() {
        error["details"] = details.into();
    }
    Answer::json(code, &json!({ "error": error }))
}

/// 400 `invalidArgument`.
pub(super) fn invalid_argument(message: &str) -> Answer {
    api(400, "INVALID_ARGUMENT", ("global", "invalidArgument"), message, &[])
}

/// 404 `notFound`.
pub(super) fn not_found() -> Answer {
    api(404, "NOT_FOUND", ("global", "notFound"), "Requested entity was not found.", &[])
}

/// 401 for a call without a token.
pub(super) fn login_required() -> Answer {
    let message = "Request is missing required authentication credential. Expected OAuth 2 access token, \
                   login cookie or other valid authentication credential. See \
                   https://developers.google.com/identity/sign-in/web/devconsole-project.";
    api(401, "UNAUTHENTICATED", ("global", "required"), message, &[info("CREDENTIALS_MISSING")])
        .with("www-authenticate", "Bearer realm=\"https://accounts.google.com/\"")
}

/// 401 for a token that is expired, revoked or unknown.
pub(super) fn invalid_credentials() -> Answer {
    api(401, "UNAUTHENTICATED", ("global", "authError"), "Invalid Credentials", &[])
        .with("www-authenticate", "Bearer realm=\"https://accounts.google.com/\", error=\"invalid_token\"")
}

/// 403 for a token that lacks a scope.
pub(super) fn insufficient_scope() -> Answer {
    let message = "Request had insufficient authentication scopes.";
    let domain = ("global", "insufficientPermissions");
    api(403, "PERMISSION_DENIED", domain, message, &[info("ACCESS_TOKEN_SCOPE_INSUFFICIENT")]).with(
        "www-authenticate",
        "Bearer realm=\"https://accounts.google.com/\", error=\"insufficient_scope\", \
         scope=\"https://www.googleapis.com/auth/gmail.readonly\"",
    )
}

fn info(reason: &str) -> Value {
    json!({
        "@type": "type.googleapis.com/google.rpc.ErrorInfo",
        "reason": reason,
        "domain": "googleapis.com",
        "metadata": {"service": "gmail.googleapis.com"},
    })
}

fn quota(status: u16) -> Answer {
    let message = format!(
        "Quota exceeded for quota metric 'Queries' and limit 'Queries per minute per user' of service \
         'gmail.googleapis.com' for consumer 'project_number:{PROJECT}'."
    );
    if status == 403 {
        let message = "User Rate Limit Exceeded";
        return api(403, "PERMISSION_DENIED", ("usageLimits", "userRateLimitExceeded"), message, &[]);
    }
    let domain = ("usageLimits", "rateLimitExceeded");
    api(status, "RESOURCE_EXHAUSTED", domain, &message, &[info("RATE_LIMIT_EXCEEDED")])
}

fn service_disabled() -> Answer {
    let link = format!(
        "https://console.developers.google.com/apis/api/gmail.googleapis.com/overview?project={PROJECT}"
    );
    let message = format!(
        "Gmail API has not been used in project {PROJECT} before or it is disabled. Enable it by visiting {link} \
         then retry. If you enabled this API recently, wait a few minutes for the action to propagate to our \
         systems and retry."
    );
    let help = json!({
        "@type": "type.googleapis.com/google.rpc.Help",
        "links": [{"description": "Google developers console API activation", "url": link}],
    });
    let domain = ("usageLimits", "accessNotConfigured");
    api(403, "PERMISSION_DENIED", domain, &message, &[help, info("SERVICE_DISABLED")])
}

fn server_error(status: u16, endpoint: Endpoint) -> Answer {
    let is_oauth = matches!(endpoint, Endpoint::Token | Endpoint::Revoke | Endpoint::TokenInfo);
    match status {
        502 | 504 => Answer::html(
            status,
            format!(
                "<!DOCTYPE html>\n<html lang=en>\n<meta charset=utf-8>\n<title>Error {status} (Server Error)!!1</title>\n\
                 <p>The server encountered a temporary error and could not complete your request.\n"
            ),
        ),
        503 if is_oauth => oauth(503, "temporarily_unavailable", "The service is currently unavailable."),
        _ if is_oauth => oauth(status, "internal_failure", "Internal error encountered."),
        503 => {
            let message = "The service is currently unavailable.";
            api(503, "UNAVAILABLE", ("global", "backendError"), message, &[])
        }
        _ => api(status, "INTERNAL", ("global", "backendError"), "Internal error encountered.", &[]),
    }
}

fn error_within_success(endpoint: Endpoint) -> Answer {
    if matches!(endpoint, Endpoint::Token | Endpoint::Revoke | Endpoint::TokenInfo) {
        return oauth(200, "internal_failure", "Internal error encountered.");
    }
    Answer { status: 200, ..server_error(500, endpoint) }
}

/// The answer of a failure that has a body of its own.
pub(super) fn answer(failure: &Failure, endpoint: Endpoint, now: Timestamp) -> Answer {
    match failure {
        Failure::InvalidGrant => oauth(400, "invalid_grant", "Token has been expired or revoked."),
        Failure::InvalidGrantBadRequest => oauth(400, "invalid_grant", "Bad Request"),
        Failure::InvalidRapt => Answer::json(
            400,
            &json!({
                "error": "invalid_grant",
                "error_description": "reauth related error (invalid_rapt)",
                "error_uri": "https://support.google.com/a/answer/9368756",
                "error_subtype": "invalid_rapt",
            }),
        )
        .uncached(),
        Failure::InvalidClient => oauth(401, "invalid_client", "The provided client secret is invalid."),
        Failure::AdminPolicyEnforced => oauth(400, "admin_policy_enforced", ADMIN_POLICY),
        Failure::Quota { status, retry_after } => match retry_after {
            Some(seconds) => quota(*status).with("retry-after", &seconds.to_string()),
            None => quota(*status),
        },
        Failure::QuotaInMessage { retry_after } => {
            let until = dates::timestamp(now.seconds() + i64::from(*retry_after));
            let message = format!("User-rate limit exceeded.  Retry after {until}");
            api(429, "RESOURCE_EXHAUSTED", ("usageLimits", "rateLimitExceeded"), &message, &[])
        }
        Failure::DailyLimit => {
            let message = "Daily Limit Exceeded. The quota will be reset at midnight Pacific Time (PT).";
            api(403, "PERMISSION_DENIED", ("usageLimits", "dailyLimitExceeded"), message, &[])
        }
        Failure::InvalidCredentials => invalid_credentials(),
        Failure::InsufficientScope => insufficient_scope(),
        Failure::ServiceDisabled => service_disabled(),
        Failure::DomainPolicy => {
            let message = "The domain administrators have disabled Gmail apps.";
            api(403, "PERMISSION_DENIED", ("global", "domainPolicy"), message, &[])
        }
        Failure::MailNotEnabled => {
            let message = "Mail service not enabled";
            api(400, "FAILED_PRECONDITION", ("global", "failedPrecondition"), message, &[])
        }
        Failure::NotFound => not_found(),
        Failure::ErrorWithinSuccess => error_within_success(endpoint),
        Failure::Status(status) => server_error(*status, endpoint),
        _ => server_error(500, endpoint),
    }
}
