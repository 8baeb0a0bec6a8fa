//! Calls Gmail's `users.messages.list` and interprets its errors.

use std::time::Duration;

use postern_rules::secret::AccessToken;
use postern_rules::time::Timestamp;
use serde::{Deserialize, Serialize};

use super::api_error::ApiError;
use super::{Google, Repeatable, Trouble, repeated};
use crate::clock::Deadline;
use crate::telemetry::metrics::{self, BackEnd};

/// The timeout of one attempt.
const TIMEOUT: Duration = Duration::from_secs(4);
/// The most bytes of a response. A page of 500 messages has about 40 KiB.
const LIMIT: usize = 1024 * 1024;

/// The parameters (Gmail API, `users.messages.list`).
#[derive(Clone, Debug, Default)]
pub struct ListQuery {
    /// Gmail's search syntax.
    pub q: Option<String>,
    /// Only messages that have all of these labels.
    pub label_ids: Vec<String>,
    /// 1 to 500; Gmail's default is 100.
    pub max_results: Option<u16>,
    /// The token of the page to list; the first page without one.
    pub page_token: Option<String>,
    /// Whether spam and trash are included.
    pub include_spam_trash: bool,
}

/// A message as `messages.list` names it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Message {
    /// The message's id.
    pub id: String,
    /// Its thread's id.
    #[serde(rename = "threadId")]
    pub thread_id: String,
}

/// One page of a list.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Page {
    /// The messages. Gmail omits the member if there are none.
    #[serde(default)]
    pub messages: Vec<Message>,
    /// The token of the next page; `None` on the last.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub next_page_token: Option<String>,
    /// Gmail's estimate of the total number of messages.
    #[serde(default)]
    pub result_size_estimate: u64,
}

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
    /// The grant has `gmail.metadata`, with which Gmail does not search.
    #[error("the grant has gmail.metadata, with which Gmail does not search")]
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
    /// Lists one page of the mailbox that `token` belongs to. Retries within the deadline.
    pub async fn list_messages(
        &self,
        token: &AccessToken,
        query: &ListQuery,
        deadline: Deadline,
    ) -> Result<Page, GmailError> {
        let url = format!("{}/gmail/v1/users/me/messages?{}", self.gmail_url, encoded(query));
        // Failures that a retry resolves count too: they show how close a limit is.
        let list = async || {
            let page = self.list_once(&url, token, deadline).await;
            page.inspect_err(|error| metrics::count_gmail_error(error.word()))
        };
        repeated(deadline, list).await
    }

    async fn list_once(
        &self,
        url: &str,
        token: &AccessToken,
        deadline: Deadline,
    ) -> Result<Page, GmailError> {
        let request = self.gmail.get(url).bearer_auth(token.expose()).build();
        let request = request.map_err(|_| Trouble::Malformed { status: 0 })?;
        let timeout = deadline.at_most(TIMEOUT);
        let answer = self.ask(BackEnd::Gmail, &self.gmail, request, timeout, LIMIT).await?;
        if answer.status != 200 {
            let now = self.clock.now();
            return Err(meaning(&ApiError::read(&answer, now), now));
        }
        serde_json::from_slice(&answer.body).map_err(|_| Trouble::Malformed { status: 200 }.into())
    }
}

/// The query string. Each value is encoded once (A66).
fn encoded(query: &ListQuery) -> String {
    let mut form = form_urlencoded::Serializer::new(String::new());
    form.append_pair("prettyPrint", "false");
    if let Some(q) = &query.q {
        form.append_pair("q", q);
    }
    for label in &query.label_ids {
        form.append_pair("labelIds", label);
    }
    if let Some(count) = query.max_results {
        form.append_pair("maxResults", &count.to_string());
    }
    if let Some(page_token) = &query.page_token {
        form.append_pair("pageToken", page_token);
    }
    if query.include_spam_trash {
        form.append_pair("includeSpamTrash", "true");
    }
    form.finish()
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a66_a_value_stays_one_value() {
        let query = ListQuery {
            q: Some("a&alt=media".to_owned()),
            page_token: Some("x&key=y".to_owned()),
            label_ids: vec!["INBOX".to_owned(), "UNREAD".to_owned()],
            ..ListQuery::default()
        };
        assert_eq!(
            encoded(&query),
            "prettyPrint=false&q=a%26alt%3Dmedia&labelIds=INBOX&labelIds=UNREAD&pageToken=x%26key%3Dy"
        );
    }

    #[test]
    fn f50_a_page_without_messages_is_an_empty_one() {
        let page: Page = serde_json::from_str(r#"{"resultSizeEstimate":0}"#).unwrap();
        assert_eq!(page, Page::default());
        assert_eq!(serde_json::to_string(&page).unwrap(), r#"{"messages":[],"resultSizeEstimate":0}"#);
    }
}
