//! Gmail's `users.messages.list`.

use postern_rules::secret::AccessToken;
use serde::{Deserialize, Serialize};

use super::{GmailError, Google, repeated};
use crate::clock::Deadline;
use crate::outside::http::Answer;

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

impl Google {
    /// Lists one page of the mailbox that `token` belongs to. Retries within the deadline.
    pub async fn list_messages(
        &self,
        token: &AccessToken,
        query: &ListQuery,
        deadline: Deadline,
    ) -> Result<Page, GmailError> {
        let url = format!("{}/gmail/v1/users/me/messages?{}", self.gmail_url, encoded(query));
        let list = async || {
            let read = |answer: &Answer| serde_json::from_slice(&answer.body).ok();
            self.ask_gmail(self.gmail.get(&url), token, LIMIT, deadline, read).await
        };
        repeated(deadline, list).await.map_err(|error| match error {
            // A list is always there.
            GmailError::NotFound => GmailError::Rejected(404),
            other => other,
        })
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
