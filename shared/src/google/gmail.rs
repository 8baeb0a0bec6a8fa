//! Gmail's `users.messages.list`, and what its errors mean.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::{Google, Passing, Trouble, repeated, retry_after};
use crate::clock::Deadline;
use crate::outbound::Answer;
use crate::secret::AccessToken;
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
    /// The organisation's policy forbids it.
    #[error("the organisation's policy forbids it")]
    DomainPolicy,
    /// The Gmail API is not enabled in the Google project.
    #[error("the Gmail API is not enabled in the project of the OAuth client")]
    NotConfigured,
    /// The project's daily quota is used up.
    #[error("the daily quota is used up")]
    DailyLimit,
    /// Too many requests: 429, or 403 with a rate-limit reason.
    #[error("too many requests")]
    RateLimited(Trouble),
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
            Self::InsufficientScope => "insufficient_scope",
            Self::DomainPolicy => "domain_policy",
            Self::NotConfigured => "api_not_enabled",
            Self::DailyLimit => "quota_exhausted",
            Self::RateLimited(_) => "rate_limited",
            Self::Rejected(_) => "rejected",
            Self::Trouble(trouble) => trouble.word(),
        }
    }
}

impl Passing for GmailError {
    fn passing(&self) -> Option<&Trouble> {
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
        let answer = match self.ask(BackEnd::Gmail, &self.http, request, timeout, LIMIT).await {
            Err(trouble @ Trouble::Unavailable { status: 429, .. }) => {
                return Err(GmailError::RateLimited(trouble));
            }
            answer => answer?,
        };
        if answer.status != 200 {
            let patience = retry_after(&answer, self.clock.now());
            return Err(refusal(&answer, patience));
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

/// Gmail's error body (Gmail API, "Resolve errors"); either list may be missing.
#[derive(Deserialize)]
struct ErrorBody {
    error: ErrorMembers,
}

#[derive(Deserialize)]
struct ErrorMembers {
    #[serde(default)]
    errors: Vec<ErrorDetail>,
    #[serde(default)]
    details: Vec<ErrorDetail>,
    #[serde(default)]
    status: String,
}

#[derive(Deserialize)]
struct ErrorDetail {
    #[serde(default)]
    reason: String,
}

/// What a refusal means: decided on status and reasons, never on the message.
fn refusal(answer: &Answer, retry_after: Option<u64>) -> GmailError {
    let body: Option<ErrorBody> = serde_json::from_slice(&answer.body).ok();
    let said = |words: &[&str]| {
        body.as_ref().is_some_and(|ErrorBody { error }| {
            let reasons = error.errors.iter().chain(&error.details).map(|detail| detail.reason.as_str());
            reasons.chain([error.status.as_str()]).any(|reason| words.contains(&reason))
        })
    };
    match answer.status {
        401 => GmailError::Unauthorized,
        400 if said(&["failedPrecondition", "FAILED_PRECONDITION"]) => GmailError::MailNotEnabled,
        400 => GmailError::BadQuery,
        403 if said(&[
            "rateLimitExceeded",
            "userRateLimitExceeded",
            "quotaExceeded",
            "RESOURCE_EXHAUSTED",
        ]) =>
        {
            GmailError::RateLimited(Trouble::Unavailable { status: 403, retry_after })
        }
        403 if said(&["dailyLimitExceeded"]) => GmailError::DailyLimit,
        403 if said(&["domainPolicy"]) => GmailError::DomainPolicy,
        403 if said(&["accessNotConfigured", "SERVICE_DISABLED"]) => GmailError::NotConfigured,
        403 if said(&["insufficientPermissions", "ACCESS_TOKEN_SCOPE_INSUFFICIENT"]) => {
            GmailError::InsufficientScope
        }
        status => GmailError::Rejected(status),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn meaning(status: u16, body: &str) -> GmailError {
        let body = zeroize::Zeroizing::new(body.as_bytes().to_vec());
        refusal(&Answer { status, headers: reqwest::header::HeaderMap::new(), body }, None)
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
        assert!(matches!(meaning(401, "junk"), GmailError::Unauthorized));
        assert!(matches!(meaning(400, &reason("failedPrecondition")), GmailError::MailNotEnabled));
        assert!(matches!(meaning(400, &reason("invalidArgument")), GmailError::BadQuery));
        assert!(matches!(meaning(403, &reason("userRateLimitExceeded")), GmailError::RateLimited(_)));
        assert!(matches!(meaning(403, &reason("dailyLimitExceeded")), GmailError::DailyLimit));
        assert!(matches!(meaning(403, &reason("domainPolicy")), GmailError::DomainPolicy));
        assert!(matches!(meaning(403, &reason("accessNotConfigured")), GmailError::NotConfigured));
        assert!(matches!(meaning(403, &reason("insufficientPermissions")), GmailError::InsufficientScope));
        let detail = r#"{"error":{"details":[{"reason":"ACCESS_TOKEN_SCOPE_INSUFFICIENT"}]}}"#;
        assert!(matches!(meaning(403, detail), GmailError::InsufficientScope));
        assert!(matches!(
            meaning(403, r#"{"error":{"status":"RESOURCE_EXHAUSTED"}}"#),
            GmailError::RateLimited(_)
        ));
        assert!(matches!(meaning(403, "<html>"), GmailError::Rejected(403)));
        assert!(matches!(meaning(404, "{}"), GmailError::Rejected(404)));
    }

    #[test]
    fn f50_a_page_without_messages_is_an_empty_one() {
        let page: Page = serde_json::from_str(r#"{"resultSizeEstimate":0}"#).unwrap();
        assert_eq!(page, Page::default());
        assert_eq!(serde_json::to_string(&page).unwrap(), r#"{"messages":[],"resultSizeEstimate":0}"#);
    }
}
