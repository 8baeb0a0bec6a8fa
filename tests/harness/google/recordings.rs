//! Refusals that Google was seen to send, by the names of the control API. The words are Google's
//! own, to the letter.
//!
//! What depends on a number that the caller chooses (a status, a time) is in `errors`.

use serde_json::json;

use super::answer::Answer;
use super::calls::Endpoint;
use super::errors::{self, PROJECT};
use super::failures::Treatment;
use super::pages;

/// What a recording shows.
#[derive(Clone, Copy)]
enum Shape {
    /// `error` and `error_description` of the token endpoint; at the authorization page, the page
    /// that shows them.
    OAuth(u16, &'static str, &'static str),
    /// Status, canonical status, domain, reason and message of a Google API.
    Api(u16, &'static str, (&'static str, &'static str), &'static str),
    /// The authorization page sends the browser back with this error.
    SendBack(&'static str),
    /// An answer that is made for the endpoint.
    Made(fn(Endpoint) -> Answer),
}

use Shape::{Api, Made, OAuth, SendBack};

const DENIED: &str = "PERMISSION_DENIED";
const EXHAUSTED: &str = "RESOURCE_EXHAUSTED";
const PRECONDITION: &str = "FAILED_PRECONDITION";

const RECORDINGS: &[(&str, Shape)] = &[
    // The token endpoint and the authorization page.
    ("invalid_grant", OAuth(400, "invalid_grant", errors::EXPIRED_OR_REVOKED)),
    ("invalid_grant_bad_request", OAuth(400, "invalid_grant", "Bad Request")),
    ("account_deleted", OAuth(400, "invalid_grant", "Account has been deleted")),
    ("invalid_rapt", Made(|_| invalid_rapt())),
    ("invalid_client", OAuth(401, "invalid_client", "The provided client secret is invalid.")),
    ("deleted_client", OAuth(401, "deleted_client", "The OAuth client was deleted.")),
    (
        "admin_policy_enforced",
        OAuth(
            400,
            "admin_policy_enforced",
            "Access to your account data is restricted by policies within your organization.",
        ),
    ),
    (
        "policy_enforced",
        OAuth(
            400,
            "policy_enforced",
            "Advanced Protection prevented your Google Account from being signed in.",
        ),
    ),
    (
        "org_internal",
        OAuth(403, "org_internal", "This client is restricted to users within its organization."),
    ),
    ("not_a_test_user", OAuth(403, "access_denied", "The developer hasn't given you access to this app.")),
    (
        "too_many_new_users",
        OAuth(403, "rate_limit_exceeded", "This app has reached its sign-in rate limit for now."),
    ),
    ("interaction_required", SendBack("interaction_required")),
    ("login_required", SendBack("login_required")),
    ("consent_required", SendBack("consent_required")),
    ("token_info_stale", Made(|_| Answer::api(400, &json!({"error_description": "Invalid Value"})))),
    // Gmail and UserInfo.
    (
        "precondition_failed",
        Api(400, PRECONDITION, ("global", "failedPrecondition"), "Precondition check failed."),
    ),
    (
        "mail_not_enabled",
        Api(400, PRECONDITION, ("global", "failedPrecondition"), "Mail service not enabled"),
    ),
    ("credentials_missing", Made(|_| errors::credentials_missing())),
    ("invalid_credentials", Made(|_| errors::invalid_credentials())),
    ("insufficient_scope", Made(|_| errors::insufficient_scope())),
    ("metadata_scope", Made(|_| errors::metadata_scope("does not support 'q' parameter"))),
    (
        "user_rate_limit",
        Api(403, DENIED, ("usageLimits", "userRateLimitExceeded"), "User Rate Limit Exceeded"),
    ),
    ("concurrent", Made(|_| errors::concurrent())),
    (
        "resource_exhausted",
        Api(
            429,
            EXHAUSTED,
            ("global", "rateLimitExceeded"),
            "Resource has been exhausted (e.g. check quota).",
        ),
    ),
    (
        "daily_limit",
        Api(
            403,
            DENIED,
            ("usageLimits", "dailyLimitExceeded"),
            "Daily Limit Exceeded. The quota will be reset at midnight Pacific Time (PT).",
        ),
    ),
    ("daily_limit_unregistered", Made(|_| daily_limit_unregistered())),
    ("service_disabled", Made(errors::service_disabled)),
    ("consumer_invalid", Made(|endpoint| consumer(endpoint, "CONSUMER_INVALID"))),
    ("consumer_suspended", Made(|endpoint| consumer(endpoint, "CONSUMER_SUSPENDED"))),
    (
        "domain_policy",
        Api(403, DENIED, ("global", "domainPolicy"), "The domain administrators have disabled Gmail apps."),
    ),
    (
        "domain_cannot_use_apis",
        Api(403, DENIED, ("global", "domainCannotUseApis"), "Domain cannot use apis."),
    ),
    ("not_found", Made(|_| errors::not_found())),
    // Google's front ends.
    ("sorry_redirect", Made(|_| errors::sorry_redirect())),
];

/// The name of the recording, as the table has it; none when there is none.
pub(super) fn named(name: &str) -> Option<&'static str> {
    names().find(|known| *known == name)
}

/// Every name.
pub(super) fn names() -> impl Iterator<Item = &'static str> {
    RECORDINGS.iter().map(|(name, _)| *name)
}

/// What a call to `endpoint` gets. A name that is not in the table is trouble at Google, as any
/// other.
pub(super) fn treatment(name: &str, endpoint: Endpoint) -> Treatment {
    let shape = RECORDINGS.iter().find(|(known, _)| *known == name).map(|(_, shape)| *shape);
    let is_page = endpoint == Endpoint::Authorize;
    Treatment::Instead(match shape {
        Some(SendBack(error)) if is_page => return Treatment::SendBack(error),
        Some(SendBack(error)) => errors::oauth(400, error, "Bad Request"),
        Some(OAuth(status, error, description)) if is_page => pages::error(status, error, description),
        Some(OAuth(status, error, description)) => errors::oauth(status, error, description),
        Some(Api(status, canonical, reason, message)) => errors::api(status, canonical, reason, message, &[]),
        Some(Made(make)) => make(endpoint),
        None => errors::server_error(500, endpoint),
    })
}

fn invalid_rapt() -> Answer {
    let body = json!({
        "error": "invalid_grant",
        "error_description": "reauth related error (invalid_rapt)",
        "error_uri": "https://support.google.com/a/answer/9368756",
        "error_subtype": "invalid_rapt",
    });
    Answer::oauth(400, &body)
}

fn daily_limit_unregistered() -> Answer {
    let message = "Daily Limit for Unauthenticated Use Exceeded. Continued use requires signup.";
    let help = [("extendedHelp", "https://code.google.com/apis/console")];
    errors::api_with(403, DENIED, ("usageLimits", "dailyLimitExceededUnreg"), message, &help, &[])
}

/// The Cloud project was deleted, or Google suspended it.
fn consumer(endpoint: Endpoint, reason: &str) -> Answer {
    let message = match reason {
        "CONSUMER_SUSPENDED" => {
            format!("Permission denied: Consumer 'project_number:{PROJECT}' has been suspended.")
        }
        _ => format!("Permission denied on resource project {PROJECT}."),
    };
    let metadata = json!({
        "consumer": format!("projects/{PROJECT}"),
        "containerInfo": PROJECT,
        "service": errors::service(endpoint),
    });
    let help = errors::help("Google developers console", "https://console.developers.google.com");
    let details = [errors::info(reason, metadata), errors::localized(&message), help];
    errors::api(403, DENIED, ("global", "forbidden"), &message, &details)
}
