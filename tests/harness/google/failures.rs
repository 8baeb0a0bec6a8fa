//! The failures that the fake can be told to show.

use std::time::Duration;

use postern_rules::time::Timestamp;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

use super::answer::Answer;
use super::calls::Endpoint;
use super::errors::{self, oauth};
use super::recorded;

/// A failure of a call. Unless noted otherwise, the call has no effect: a code is not spent.
///
/// The control API takes the names in snake case: `"invalid_grant"`, `{"status": 503}`,
/// `{"slow": 10000}` (milliseconds), `{"quota": {"status": 403, "retry_after": 30}}`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Failure {
    /// An outage of Google: this status, with the endpoint's body for it (HTML for 502 and 504).
    Status(u16),
    /// Exactly this answer.
    Answer {
        /// The status.
        status: u16,
        /// The headers.
        #[serde(default)]
        headers: Vec<(String, String)>,
        /// The body.
        body: String,
    },
    /// Any other error of the token or revoke endpoint.
    #[serde(rename = "oauth")]
    OAuth {
        /// The status.
        status: u16,
        /// The code.
        error: String,
        /// The description.
        #[serde(default)]
        description: String,
    },
    /// 400 `invalid_grant`, "Token has been expired or revoked."
    InvalidGrant,
    /// 400 `invalid_grant`, "Bad Request"
    InvalidGrantBadRequest,
    /// 400 `invalid_grant`, "Account has been deleted"
    AccountDeleted,
    /// 400 `invalid_grant` with the subtype `invalid_rapt`: a Workspace session ended.
    InvalidRapt,
    /// 401 `invalid_client`, "The provided client secret is invalid."
    InvalidClient,
    /// 401 `deleted_client`
    DeletedClient,
    /// 400 `admin_policy_enforced`; at the authorization page, Google's error page.
    AdminPolicyEnforced,
    /// 400 `policy_enforced`: Advanced Protection.
    PolicyEnforced,
    /// 403 `org_internal`
    OrgInternal,
    /// 403 `access_denied` at the authorization page: the application is in testing and the person
    /// is no test user.
    NotATestUser,
    /// 403 `rateLimitExceeded`: the quota per user and minute, with or without Retry-After.
    Quota {
        /// 403, or 429.
        status: u16,
        /// The header in seconds, if there is one.
        #[serde(default)]
        retry_after: Option<u32>,
    },
    /// `rateLimitExceeded`, where only the message says when to retry.
    QuotaInMessage {
        /// 403, or sometimes 429.
        status: u16,
        /// Seconds from now. Google's times are sometimes in the past.
        retry_after: i64,
    },
    /// 403 `userRateLimitExceeded`, the older form of a rate limit.
    UserRateLimit,
    /// 429, "Too many concurrent requests for user"
    Concurrent,
    /// 429, "Resource has been exhausted (e.g. check quota)."
    ResourceExhausted,
    /// 403 `dailyLimitExceeded`
    DailyLimit,
    /// 403 `dailyLimitExceededUnreg`: Google saw no token.
    DailyLimitUnregistered,
    /// The page "We're sorry..." of Google's front ends, with 429, 403 or 503.
    Sorry {
        /// The status.
        status: u16,
    },
    /// 302 to that page.
    SorryRedirect,
    /// 401 "Request is missing required authentication credential."
    CredentialsMissing,
    /// 401 `authError`, "Invalid Credentials"
    InvalidCredentials,
    /// 403 with the reason `ACCESS_TOKEN_SCOPE_INSUFFICIENT`
    InsufficientScope,
    /// 403 "Metadata scope does not support 'q' parameter"
    MetadataScope,
    /// 403 `accessNotConfigured`: the Gmail API is not enabled in the project.
    ServiceDisabled,
    /// 403 `CONSUMER_INVALID`: the project was deleted.
    ConsumerInvalid,
    /// 403 `CONSUMER_SUSPENDED`: Google suspended the project.
    ConsumerSuspended,
    /// 403 `domainPolicy`
    DomainPolicy,
    /// 403 `domainCannotUseApis`
    DomainCannotUseApis,
    /// 400 `failedPrecondition`, "Mail service not enabled"
    MailNotEnabled,
    /// 400 `failedPrecondition`, "Precondition check failed.": goes away by itself.
    PreconditionFailed,
    /// 404 `notFound`
    NotFound,
    /// 200 with an HTML body.
    NotJson,
    /// 200 with a JSON body that carries an error.
    ErrorWithinSuccess,
    /// The real answer, complete as HTTP, its JSON cut in half. The call takes effect.
    TruncatedJson,
    /// The real answer after a pause. The call takes effect before the pause.
    Slow(#[serde(with = "milliseconds")] Duration),
    /// The real answer, one byte at a time with a pause before each. The call takes effect.
    Drip(#[serde(with = "milliseconds")] Duration),
    /// The connection is reset after the request was read. It takes no effect.
    ResetAfterReading,
    /// The request takes effect, and then the connection is reset instead of the answer.
    LoseAnswer,
    /// The request takes effect, and the connection is reset halfway through the body.
    CutBody,
    /// 307 to this URL.
    Redirect(String),
}

mod milliseconds {
    use super::{Deserialize, Deserializer, Duration, Serialize, Serializer};

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Duration, D::Error> {
        Ok(Duration::from_millis(u64::deserialize(deserializer)?))
    }

    pub(super) fn serialize<S: Serializer>(time: &Duration, serializer: S) -> Result<S::Ok, S::Error> {
        time.as_millis().serialize(serializer)
    }
}

impl Failure {
    /// 200 with this JSON.
    pub fn json(body: &serde_json::Value) -> Self {
        let headers = vec![("content-type".to_owned(), "application/json".to_owned())];
        Self::Answer { status: 200, headers, body: body.to_string() }
    }

    /// An error of the token endpoint with this code.
    pub fn oauth(status: u16, error: &str) -> Self {
        Self::OAuth { status, error: error.to_owned(), description: String::new() }
    }

    /// Whether the call takes effect and only its answer fails.
    pub(super) fn has_effect(&self) -> bool {
        matches!(self, Self::TruncatedJson | Self::Slow(_) | Self::Drip(_) | Self::LoseAnswer | Self::CutBody)
    }

    /// The answer of `endpoint` to a call that fails in this way.
    pub(super) fn answer(&self, endpoint: Endpoint, now: Timestamp) -> Answer {
        let api = |status: u16, body: &str| Answer::api(status, body);
        let forbidden = |body: &str| api(403, body);
        let (status, error, description) = match self {
            Self::OAuth { status, error, description } => (*status, error.as_str(), description.as_str()),
            Self::InvalidGrant => (400, "invalid_grant", errors::EXPIRED_OR_REVOKED),
            Self::InvalidGrantBadRequest => (400, "invalid_grant", "Bad Request"),
            Self::AccountDeleted => (400, "invalid_grant", "Account has been deleted"),
            Self::InvalidClient => (401, "invalid_client", "The provided client secret is invalid."),
            Self::DeletedClient => (401, "deleted_client", "The OAuth client was deleted."),
            Self::AdminPolicyEnforced => (
                400,
                "admin_policy_enforced",
                "Access to your account data is restricted by policies within your organization.",
            ),
            Self::PolicyEnforced => (
                400,
                "policy_enforced",
                "Advanced Protection prevented your Google Account from being signed in.",
            ),
            Self::OrgInternal => {
                (403, "org_internal", "This client is restricted to users within its organization.")
            }
            Self::NotATestUser => {
                (403, "access_denied", "The developer hasn't given you access to this app.")
            }
            Self::InvalidRapt => {
                let body: serde_json::Value =
                    serde_json::from_str(recorded::INVALID_RAPT).unwrap_or_default();
                return Answer::oauth(400, &body);
            }
            Self::Answer { status, headers, body } => {
                return Answer { status: *status, headers: headers.clone(), body: body.clone().into_bytes() };
            }
            Self::Quota { status, retry_after: Some(seconds) } => {
                return api(*status, recorded::MINUTE_QUOTA).with("retry-after", &seconds.to_string());
            }
            Self::Quota { status, retry_after: None } => return api(*status, recorded::MINUTE_QUOTA),
            Self::QuotaInMessage { status, retry_after } => {
                let until = OffsetDateTime::from_unix_timestamp(now.seconds().saturating_add(*retry_after));
                let until = until.ok().and_then(|until| until.format(&Rfc3339).ok()).unwrap_or_default();
                return api(*status, &recorded::user_rate_limit(&until));
            }
            Self::UserRateLimit => return forbidden(recorded::USER_RATE),
            Self::Concurrent => return api(429, recorded::CONCURRENT),
            Self::ResourceExhausted => return api(429, recorded::EXHAUSTED),
            Self::DailyLimit => return forbidden(recorded::DAILY_LIMIT),
            Self::DailyLimitUnregistered => return forbidden(recorded::DAILY_LIMIT_UNREGISTERED),
            Self::Sorry { status } => return Answer::html(*status, recorded::SORRY).uncached(),
            Self::SorryRedirect => return Answer::redirect(302, recorded::SORRY_LOCATION),
            Self::CredentialsMissing => return errors::credentials_missing(),
            Self::InvalidCredentials => return errors::invalid_credentials(),
            Self::InsufficientScope => return errors::insufficient_scope(),
            Self::MetadataScope => return forbidden(recorded::METADATA_SEARCH),
            Self::ServiceDisabled => return forbidden(recorded::API_DISABLED),
            Self::ConsumerInvalid => return forbidden(recorded::PROJECT_DELETED),
            Self::ConsumerSuspended => return forbidden(recorded::PROJECT_SUSPENDED),
            Self::DomainPolicy => return forbidden(recorded::DOMAIN_POLICY),
            Self::DomainCannotUseApis => return forbidden(recorded::NO_APIS),
            Self::MailNotEnabled => return api(400, recorded::MAIL_NOT_ENABLED),
            Self::PreconditionFailed => return api(400, recorded::PRECONDITION),
            Self::NotFound => return errors::not_found(),
            Self::ErrorWithinSuccess => {
                return Answer { status: 200, ..errors::server_error(500, endpoint) };
            }
            Self::NotJson => return Answer::html(200, "<!doctype html><title>Sign in</title>"),
            Self::Redirect(location) => return Answer::redirect(307, location),
            Self::Status(status) => return errors::server_error(*status, endpoint),
            Self::TruncatedJson
            | Self::Slow(_)
            | Self::Drip(_)
            | Self::ResetAfterReading
            | Self::LoseAnswer
            | Self::CutBody => return errors::server_error(500, endpoint),
        };
        if endpoint == Endpoint::Authorize {
            return Answer::error_page(status, error, description);
        }
        oauth(status, error, description)
    }
}
