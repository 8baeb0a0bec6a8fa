//! The errors that the fake makes itself, in Google's formats: OAuth, the APIs, and HTML of its
//! front ends.

use serde_json::json;

use super::answer::Answer;
use super::calls::Endpoint;
use super::recorded;

/// The token endpoint's message for a dead refresh token.
pub(super) const EXPIRED_OR_REVOKED: &str = "Token has been expired or revoked.";

/// An error of the token or revoke endpoint, or the authorization page that shows it.
pub(super) fn oauth(status: u16, error: &str, description: &str) -> Answer {
    Answer::oauth(status, &json!({"error": error, "error_description": description}))
}

/// An error of a Google API: code, canonical status, domain and reason, message.
pub(super) fn api(code: u16, status: &str, (domain, reason): (&str, &str), message: &str) -> Answer {
    let first = json!({"message": message, "domain": domain, "reason": reason});
    let error = json!({"code": code, "message": message, "errors": [first], "status": status});
    Answer::api(code, format!("{:#}", json!({ "error": error })))
}

/// 400 `invalidArgument`.
pub(super) fn invalid_argument(message: &str) -> Answer {
    api(400, "INVALID_ARGUMENT", ("global", "invalidArgument"), message)
}

/// 404 `notFound`.
pub(super) fn not_found() -> Answer {
    api(404, "NOT_FOUND", ("global", "notFound"), "Requested entity was not found.")
}

/// 401 for a call without a token, and at UserInfo for a token without an identity scope.
pub(super) fn credentials_missing() -> Answer {
    Answer::api(401, recorded::CREDENTIAL_MISSING)
        .with("www-authenticate", "Bearer realm=\"https://accounts.google.com/\"")
}

/// 401 for a token that is expired, revoked or unknown.
pub(super) fn invalid_credentials() -> Answer {
    Answer::api(401, recorded::INVALID_CREDENTIALS)
        .with("www-authenticate", "Bearer realm=\"https://accounts.google.com/\", error=\"invalid_token\"")
}

/// 403 for a token that lacks a scope.
pub(super) fn insufficient_scope() -> Answer {
    Answer::api(403, recorded::INSUFFICIENT_SCOPE).with(
        "www-authenticate",
        "Bearer realm=\"https://accounts.google.com/\", error=\"insufficient_scope\", \
         scope=\"https://www.googleapis.com/auth/gmail.readonly\"",
    )
}

/// An outage of Google, in the endpoint's format.
pub(super) fn server_error(status: u16, endpoint: Endpoint) -> Answer {
    let is_oauth = matches!(endpoint, Endpoint::Token | Endpoint::Revoke);
    let (canonical, code, message) = match status {
        502 | 504 => {
            let page =
                format!("<!DOCTYPE html>\n<html lang=en>\n<title>Error {status} (Server Error)!!1</title>\n");
            return Answer::html(status, page);
        }
        503 => ("UNAVAILABLE", "temporarily_unavailable", "The service is currently unavailable."),
        _ => ("INTERNAL", "internal_failure", "Internal error encountered."),
    };
    if is_oauth {
        oauth(status, code, message)
    } else {
        api(status, canonical, ("global", "backendError"), message)
    }
}
