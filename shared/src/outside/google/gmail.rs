//! Gmail's `users.messages.list`, and what its errors mean.

use std::time::Duration;

use postern_rules::secret::AccessToken;
use postern_rules::time::Timestamp;
use serde::{Deserialize, Serialize};

use super::api_error::ApiError;
use super::{Google, Repeatable, Trouble, repeated};
use crate::clock::Deadline;
use crate::telemetry::metrics::{self, BackEnd};

/// How long Gmail may take for one answer.
const TIMEOUT: Duration = Duration::from_secs(4);
/// The most bytes of an answer; a page of 500 messages has about 40 KiB.
const LIMIT: usize = 1024 * 1024;

/// What to list (Gmail API, `users.messages.list`).
#[derive(Clone, Debug, Default)]
pub struct ListQuery {
    /// Gmail's search syntax.
    pub q: Option<String>,
    /// Only messages that have all of these labels.
    pub label_ids: Vec<String>,
    /// 1 to 500; Gmail's default is 100.
    pub max_results: Option<u16>,
    /// Where to go on.
    pub page_token: Option<String>,
    /// Whether spam and trash are searched too.
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
    /// The messages; Gmail leaves the member out when there are none.
    #[serde(default)]
    pub messages: Vec<Message>,
    /// Where to go on; none at the end.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub next_page_token: Option<String>,
    /// Gmail's estimate of how many messages there are in all.
    #[serde(default)]
    pub result_size_estimate: u64,
}

/// Why Gmail did not list.
#[derive(Debug, thiserror::Error)]
pub enum GmailError {
    /// The access token is not accepted (401).
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
    /// Too many requests, and it is known in how many seconds that can be over: to ask earlier is
    /// of no use.
    #[error("too many requests for the next {0} s")]
    RateLimitedFor(u64),
    /// A refusal with no better name.
    #[error("Gmail refused with {0}")]
    Rejected(u16),
    /// There was no usable answer.
    #[error(transparent)]
    Trouble(#[from] Trouble),
}

impl GmailError {
    /// One word for it, of a closed list.
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
    /// Lists one page of the mailbox that `token` belongs to; repeated within the deadline while that may help.
    pub async fn list_messages(
        &self,
        token: &AccessToken,
        query: &ListQuery,
        deadline: Deadline,
    ) -> Result<Page, GmailError> {
        let url = format!("{}/gmail/v1/users/me/messages?{}", self.gmail_url, encoded(query));
        // Each refusal is counted, also one that is waited out: it tells how near a limit is.
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
        let request = self.http.get(url).bearer_auth(token.expose()).build();
        let request = request.map_err(|_| Trouble::Malformed { status: 0 })?;
        let timeout = deadline.at_most(TIMEOUT);
        let answer = self.ask(BackEnd::Gmail, &self.http, request, timeout, LIMIT).await?;
        if answer.status != 200 {
            let now = self.clock.now();
            return Err(meaning(&ApiError::read(&answer, now), now));
        }
        serde_json::from_slice(&answer.body).map_err(|_| Trouble::Malformed { status: 200 }.into())
    }
}

/// Each value is encoded once, as data (A66).
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

/// What a refusal means: decided on status and reasons, and on the message only where nothing else
/// tells two apart.
fn meaning(error: &ApiError, now: Timestamp) -> GmailError {
    let passing = Trouble::Unavailable { status: error.status, retry_after: error.retry_after };
    match error.status {
        401 => GmailError::Unauthorized,
        400 if error.gives(&["failedPrecondition", "FAILED_PRECONDITION"]) => {
            // "Precondition check failed." has the same status and reason, and is gone a moment
            // later.
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

/// What a 403 or a 429 means: Gmail uses both for rate limits.
fn forbidden(error: &ApiError, passing: Trouble, now: Timestamp) -> GmailError {
    // Google saw no token that it knows.
    if error.gives(&["dailyLimitExceededUnreg"]) {
        return GmailError::Unauthorized;
    }
    if error.gives(&["dailyLimitExceeded"]) {
        return GmailError::DailyLimit;
    }
    if error.gives(&["domainPolicy", "domainCannotUseApis"]) {
        return GmailError::DomainPolicy;
    }
    if error.is_not_enabled() {
        return GmailError::NotConfigured;
    }
    if error.is_of_a_dead_project() {
        return GmailError::ProjectRefused;
    }
    if error.gives(&["insufficientPermissions", "ACCESS_TOKEN_SCOPE_INSUFFICIENT"]) {
        return GmailError::InsufficientScope;
    }
    // The reason is "forbidden", which says nothing.
    if error.message_begins_with("metadata scope ") {
        return GmailError::MetadataScope;
    }
    match (error.retry_after, error.known_wait(now)) {
        (None, Some(seconds)) => GmailError::RateLimitedFor(seconds),
        _ if error.is_rate_limit() => GmailError::RateLimited(passing),
        _ => GmailError::Rejected(error.status),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::outside::http::Answer;

    fn verdict(status: u16, body: &str) -> GmailError {
        let body = zeroize::Zeroizing::new(body.as_bytes().to_vec());
        let now = Timestamp::from_seconds(0);
        let answer = Answer { status, headers: reqwest::header::HeaderMap::new(), body };
        meaning(&ApiError::read(&answer, now), now)
    }

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
    fn f39_to_f46_a_refusal_is_judged_by_status_and_reason() {
        let reason = |reason: &str| format!(r#"{{"error":{{"errors":[{{"reason":"{reason}"}}]}}}}"#);
        assert!(matches!(verdict(401, "junk"), GmailError::Unauthorized));
        assert!(matches!(verdict(400, &reason("failedPrecondition")), GmailError::Trouble(_)));
        assert!(matches!(verdict(400, &reason("invalidArgument")), GmailError::BadQuery));
        assert!(matches!(verdict(403, &reason("userRateLimitExceeded")), GmailError::RateLimited(_)));
        assert!(matches!(verdict(403, &reason("dailyLimitExceeded")), GmailError::DailyLimit));
        assert!(matches!(verdict(403, &reason("domainPolicy")), GmailError::DomainPolicy));
        assert!(matches!(verdict(403, &reason("accessNotConfigured")), GmailError::NotConfigured));
        assert!(matches!(verdict(403, &reason("insufficientPermissions")), GmailError::InsufficientScope));
        let detail = r#"{"error":{"details":[{"reason":"ACCESS_TOKEN_SCOPE_INSUFFICIENT"}]}}"#;
        assert!(matches!(verdict(403, detail), GmailError::InsufficientScope));
        assert!(matches!(
            verdict(403, r#"{"error":{"status":"RESOURCE_EXHAUSTED"}}"#),
            GmailError::RateLimited(_)
        ));
        assert!(matches!(verdict(403, "<html>"), GmailError::Rejected(403)));
        assert!(matches!(verdict(404, "{}"), GmailError::Rejected(404)));
    }

    #[test]
    fn f50_a_page_without_messages_is_an_empty_one() {
        let page: Page = serde_json::from_str(r#"{"resultSizeEstimate":0}"#).unwrap();
        assert_eq!(page, Page::default());
        assert_eq!(serde_json::to_string(&page).unwrap(), r#"{"messages":[],"resultSizeEstimate":0}"#);
    }
}
