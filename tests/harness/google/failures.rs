//! The failures that the fake can be told to show. The queue that hands them out is below this file, the bodies
//! are in `recordings` and `errors`.

mod queue;

use std::time::Duration;

use postern_rules::time::Timestamp;
pub(super) use queue::Failures;

use super::answer::Answer;
use super::calls::Endpoint;
use super::{errors, recordings};

/// How long a failure lasts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Times {
    /// For the next so many calls of the endpoint.
    Next(u32),
    /// Until `clear_failures`.
    UntilCleared,
}

/// What goes wrong. Unless its text says otherwise, a failing call changes nothing at the fake: a code is not spent.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Failure {
    /// Trouble at Google: this status with the body that the endpoint sends for it (HTML for 502 and 504).
    Status(u16),
    /// Exactly this answer.
    Answer {
        /// The status.
        status: u16,
        /// The headers.
        headers: Vec<(String, String)>,
        /// The body.
        body: String,
    },
    /// A refusal by its name in `recordings.rs`; [`Failure::recorded`] makes sure that it is there.
    Recorded(&'static str),
    /// 400 `invalid_grant`, "Token has been expired or revoked."
    InvalidGrant,
    /// 400 `invalid_grant`, "Bad Request"
    InvalidGrantBadRequest,
    /// 400 `invalid_grant` with the subtype `invalid_rapt`: a Workspace session ended.
    InvalidRapt,
    /// 401 `invalid_client`, "The provided client secret is invalid."
    InvalidClient,
    /// 400 `admin_policy_enforced`; at the authorization page, Google's error page.
    AdminPolicyEnforced,
    /// Any other error of the token or revoke endpoint.
    OAuth {
        /// The status.
        status: u16,
        /// The code.
        error: String,
        /// The description.
        description: String,
    },
    /// `rateLimitExceeded`: the quota per user and minute, with Retry-After in seconds or without.
    Quota {
        /// 403, or 429.
        status: u16,
        /// The header, when there is one.
        retry_after: Option<u32>,
    },
    /// 403 whose message alone says when to come back ("User-rate limit exceeded.  Retry after
    /// ...").
    QuotaInMessage {
        /// Seconds from now.
        retry_after: u32,
    },
    /// The same with this status: Google sends 403, and 429 at times.
    UserRateLimit {
        /// 403 or 429.
        status: u16,
        /// Seconds from now; what Google says is in the past at times.
        retry_after: i64,
    },
    /// The page "We're sorry..." of Google's front ends, with 429, 403 or 503.
    Sorry {
        /// The status.
        status: u16,
    },
    /// 403 `dailyLimitExceeded`
    DailyLimit,
    /// 401 `authError`, "Invalid Credentials"
    InvalidCredentials,
    /// 403 with the reason `ACCESS_TOKEN_SCOPE_INSUFFICIENT`
    InsufficientScope,
    /// 403 `accessNotConfigured`: the Gmail API is not enabled in the project.
    ServiceDisabled,
    /// 403 `domainPolicy`
    DomainPolicy,
    /// 400 `failedPrecondition`, "Mail service not enabled"
    MailNotEnabled,
    /// 404 `notFound`
    NotFound,
    /// 200 with an HTML body.
    NotJson,
    /// 200 with a JSON body that carries an error.
    ErrorWithinSuccess,
    /// The real answer, complete as HTTP, its JSON cut in half. The call takes effect.
    TruncatedJson,
    /// The real answer after a pause. The call takes effect before the pause.
    Slow(Duration),
    /// The real answer, one byte at a time with a pause before each. The call takes effect.
    Drip(Duration),
    /// The connection is reset when the request's first line arrives; the call is logged without headers and body.
    ResetBeforeReading,
    /// The connection is reset once the request was read; it takes no effect.
    ResetAfterReading,
    /// The request takes effect, and then the connection is reset instead of the answer.
    LoseAnswer,
    /// The request takes effect, and the connection is reset halfway through the body.
    CutBody,
    /// 307 to this URL.
    Redirect(String),
}

/// What to do with one call.
#[derive(Clone, Debug)]
pub(super) enum Treatment {
    /// Send this and do nothing else.
    Instead(Answer),
    /// Send the browser back from the authorization page with this error.
    SendBack(&'static str),
    /// Serve the call, then cut its JSON in half.
    Truncate,
    /// Serve the call, then pause, then answer.
    Slow(Duration),
    /// Serve the call, then send one byte at a time.
    Drip(Duration),
    /// Cut the line without serving the call.
    Cut,
    /// Serve the call, then cut the line.
    LoseAnswer,
    /// Serve the call, then cut the line in the middle of the body.
    CutBody,
}

impl Treatment {
    /// Whether the caller sees no status.
    pub(super) fn loses_the_answer(&self) -> bool {
        matches!(self, Self::Cut | Self::LoseAnswer)
    }
}

impl Failure {
    /// A refusal that Google was seen to send, by its name in `recordings.rs`.
    ///
    /// # Panics
    ///
    /// When there is none of this name.
    #[track_caller]
    pub fn recorded(name: &str) -> Self {
        Self::Recorded(recordings::named(name).unwrap_or_else(|| panic!("there is no recording {name}")))
    }

    fn treatment(&self, endpoint: Endpoint, now: Timestamp) -> Treatment {
        let recorded = |name| recordings::treatment(name, endpoint);
        Treatment::Instead(match self {
            Self::TruncatedJson => return Treatment::Truncate,
            Self::Slow(pause) => return Treatment::Slow(*pause),
            Self::Drip(pause) => return Treatment::Drip(*pause),
            Self::ResetBeforeReading | Self::ResetAfterReading => return Treatment::Cut,
            Self::LoseAnswer => return Treatment::LoseAnswer,
            Self::CutBody => return Treatment::CutBody,
            Self::Recorded(name) => return recorded(name),
            Self::InvalidGrant => return recorded("invalid_grant"),
            Self::InvalidGrantBadRequest => return recorded("invalid_grant_bad_request"),
            Self::InvalidRapt => return recorded("invalid_rapt"),
            Self::InvalidClient => return recorded("invalid_client"),
            Self::AdminPolicyEnforced => return recorded("admin_policy_enforced"),
            Self::DailyLimit => return recorded("daily_limit"),
            Self::InvalidCredentials => return recorded("invalid_credentials"),
            Self::InsufficientScope => return recorded("insufficient_scope"),
            Self::ServiceDisabled => return recorded("service_disabled"),
            Self::DomainPolicy => return recorded("domain_policy"),
            Self::MailNotEnabled => return recorded("mail_not_enabled"),
            Self::NotFound => return recorded("not_found"),
            Self::Answer { status, headers, body } => {
                Answer { status: *status, headers: headers.clone(), body: body.clone().into_bytes() }
            }
            Self::Status(status) => errors::server_error(*status, endpoint),
            Self::OAuth { status, error, description } => errors::oauth(*status, error, description),
            Self::Quota { status, retry_after } => errors::quota(*status, *retry_after, endpoint),
            Self::QuotaInMessage { retry_after } => {
                errors::quota_in_message(403, i64::from(*retry_after), now)
            }
            Self::UserRateLimit { status, retry_after } => {
                errors::quota_in_message(*status, *retry_after, now)
            }
            Self::Sorry { status } => errors::sorry(*status),
            Self::ErrorWithinSuccess => errors::error_within_success(endpoint),
            Self::NotJson => Answer::html(200, "<!doctype html><title>Sign in</title><p>This is not JSON."),
            Self::Redirect(location) => {
                Answer { status: 307, headers: Vec::new(), body: Vec::new() }.with("location", location)
            }
        })
    }
}
