//! Calls Gmail: lists, single messages and batches. Interprets its errors.

mod batch;
mod list;
mod message;
mod multipart;

use std::time::Duration;

use postern_rules::secret::AccessToken;
use postern_rules::time::Timestamp;

pub use self::batch::Gathering;
pub use self::list::{ListQuery, Message, Page};
use super::api_error::ApiError;
use super::{Google, Repeatable, Trouble, repeated};
use crate::clock::Deadline;
use crate::outside::http::Answer;
use crate::telemetry::metrics::{self, BackEnd};

/// The timeout of one attempt.
const TIMEOUT: Duration = Duration::from_secs(4);

/// Why a call to Gmail failed.
#[derive(Debug, thiserror::Error)]
pub enum GmailError {
    /// Gmail refused the access token (401).
    #[error("Gmail does not accept the access token")]
    Unauthorized,
    /// The query or the page token is not usable (400).
    #[error("Gmail refused the query")]
    BadQuery,
    /// The account has no mailbox.
    #[error("the account has no mailbox")]
    MailNotEnabled,
    /// The grant does not cover the request.
    #[error("the grant does not cover the request")]
    InsufficientScope,
    /// The grant has `gmail.metadata`, with which Gmail neither searches nor gives whole messages.
    #[error("the grant has gmail.metadata, with which Gmail gives headers only")]
    MetadataScope,
    /// The organisation's policy forbids it.
    #[error("the organisation's policy forbids it")]
    DomainPolicy,
    /// The Gmail API is not enabled in the Google project.
    #[error("the Gmail API is not enabled in the project of the OAuth client")]
    NotConfigured,
    /// The Google project of the OAuth client was deleted or suspended.
    #[error("the project of the OAuth client was deleted or suspended")]
    ProjectRefused,
    /// The project's daily quota is used up.
    #[error("the daily quota is used up")]
    DailyLimit,
    /// Too many requests: 429, or 403 with a rate-limit reason.
    #[error("too many requests")]
    RateLimited(Trouble),
    /// Too many requests. Retrying earlier than after these seconds does not help.
    #[error("too many requests for the next {0} s")]
    RateLimitedFor(u64),
    /// There is no such message.
    #[error("there is no such message")]
    NotFound,
    /// The message is larger than the caller of this code takes.
    #[error("the message is too large")]
    TooLarge,
    /// Any other refusal, with its status.
    #[error("Gmail refused with {0}")]
    Rejected(u16),
    /// There was no usable response.
    #[error(transparent)]
    Trouble(#[from] Trouble),
}

impl GmailError {
    /// A word for metrics, from a closed list.
    const fn word(&self) -> &'static str {
        match self {
            Self::Unauthorized => "unauthorized",
            Self::BadQuery => "invalid_query",
            Self::MailNotEnabled => "mail_not_enabled",
            Self::InsufficientScope | Self::MetadataScope => "insufficient_scope",
            Self::DomainPolicy => "domain_policy",
            Self::NotConfigured => "api_not_enabled",
            Self::ProjectRefused => "project_refused",
            Self::DailyLimit => "quota_exhausted",
            Self::RateLimited(_) | Self::RateLimitedFor(_) => "rate_limited",
            Self::NotFound => "not_found",
            Self::TooLarge => "too_large",
            Self::Rejected(_) => "rejected",
            Self::Trouble(trouble) => trouble.word(),
        }
    }
}

impl Repeatable for GmailError {
    fn repeatable(&self) -> Option<&Trouble> {
        match self {
            Self::RateLimited(trouble) => Some(trouble),
            Self::Trouble(trouble) if trouble.is_passing() => Some(trouble),
            _ => None,
        }
    }
}

impl Google {
    /// Makes one attempt of a call, and reads its answer. `limit` is the most bytes of the answer.
    async fn ask_gmail<T>(
        &self,
        request: reqwest::RequestBuilder,
        token: &AccessToken,
        limit: usize,
        deadline: Deadline,
        read: impl FnOnce(&Answer) -> Option<T>,
    ) -> Result<T, GmailError> {
        let asking = async {
            let request = request.bearer_auth(token.expose()).build();
            let request = request.map_err(|_| Trouble::Malformed { status: 0 })?;
            let timeout = deadline.at_most(TIMEOUT);
            let answer = self.ask(BackEnd::Gmail, &self.gmail, request, timeout, limit).await?;
            self.read_gmail(&answer, read)
        };
        // Failures that a retry resolves count too: they show how close a limit is.
        asking.await.inspect_err(|error| metrics::count_gmail_error(error.word()))
    }

    /// Reads an answer, of a call or in a batch.
    fn read_gmail<T>(
        &self,
        answer: &Answer,
        read: impl FnOnce(&Answer) -> Option<T>,
    ) -> Result<T, GmailError> {
        if answer.status != 200 {
            let now = self.clock.now();
            return Err(meaning(&ApiError::read(answer, now), now));
        }
        read(answer).ok_or(GmailError::Trouble(Trouble::Malformed { status: 200 }))
    }
}

/// Interprets a refusal by its status and reasons, or by its message if these are ambiguous.
fn meaning(error: &ApiError, now: Timestamp) -> GmailError {
    let passing = Trouble::Unavailable { status: error.status, retry_after: error.retry_after };
    match error.status {
        401 => GmailError::Unauthorized,
        400 if error.gives(&["failedPrecondition", "FAILED_PRECONDITION"]) => {
            // "Precondition check failed." has the same status and reason, but is temporary.
            if error.message_begins_with("mail service not enabled") {
                GmailError::MailNotEnabled
            } else {
                passing.into()
            }
        }
        400 => GmailError::BadQuery,
        403 | 429 => forbidden(error, passing, now),
        404 | 410 => GmailError::NotFound,
        status => GmailError::Rejected(status),
    }
}

/// Interprets a 403 or a 429. Gmail uses both for rate limits.
fn forbidden(error: &ApiError, passing: Trouble, now: Timestamp) -> GmailError {
    match (error.retry_after, error.known_wait(now)) {
        // Google did not recognise the token.
        _ if error.gives(&["dailyLimitExceededUnreg"]) => GmailError::Unauthorized,
        _ if error.gives(&["dailyLimitExceeded"]) => GmailError::DailyLimit,
        _ if error.gives(&["domainPolicy", "domainCannotUseApis"]) => GmailError::DomainPolicy,
        _ if error.is_not_enabled() => GmailError::NotConfigured,
        _ if error.is_of_a_dead_project() => GmailError::ProjectRefused,
        _ if error.gives(&["insufficientPermissions", "ACCESS_TOKEN_SCOPE_INSUFFICIENT"]) => {
            GmailError::InsufficientScope
        }
        // The reason is only "forbidden".
        _ if error.message_begins_with("metadata scope ") => GmailError::MetadataScope,
        (None, Some(seconds)) => GmailError::RateLimitedFor(seconds),
        _ if error.is_rate_limit() => GmailError::RateLimited(passing),
        _ => GmailError::Rejected(error.status),
    }
}
