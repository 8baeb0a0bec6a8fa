//! Gmail's `users.messages.get`, for one message.

use postern_rules::mail::{HEADERS, MessageId, Resource, Summary};
use postern_rules::secret::AccessToken;
use serde::Deserialize;
use serde_json::value::RawValue;

use super::super::{Failure, Trouble};
use super::{GmailError, Google, repeated};
use crate::clock::Deadline;
use crate::outside::http::Answer;

/// The most bytes of a message without its body. Gmail lets no more than 500 KB of headers in, and
/// JSON may write a byte as six.
const SUMMARY_LIMIT: usize = 4 * 1024 * 1024;

/// The path and query of a message without its body.
pub(super) fn summary_path(id: &MessageId) -> String {
    let headers = HEADERS.map(|name| format!("&metadataHeaders={name}")).concat();
    format!("/gmail/v1/users/me/messages/{}?prettyPrint=false&format=metadata{headers}", id.as_str())
}

/// Reads a message that was asked for by its ID. Another one is not taken for it.
pub(super) fn read_summary(body: &[u8], id: &MessageId) -> Option<Summary> {
    let resource: Resource = serde_json::from_slice(body).ok()?;
    (resource.id == id.as_str()).then(|| resource.into())
}

impl Google {
    /// What a list shows of a message. Retries within the deadline.
    pub async fn message_summary(
        &self,
        token: &AccessToken,
        id: &MessageId,
        deadline: Deadline,
    ) -> Result<Summary, GmailError> {
        let read = |answer: &Answer| read_summary(&answer.body, id);
        self.message(&summary_path(id), token, SUMMARY_LIMIT, deadline, read).await
    }

    /// The whole message, as Gmail's JSON. Attachments are only named in it. Retries within the
    /// deadline.
    ///
    /// # Errors
    ///
    /// [`GmailError::TooLarge`] for a message of more than `limit` bytes.
    pub async fn whole_message(
        &self,
        token: &AccessToken,
        id: &MessageId,
        limit: usize,
        deadline: Deadline,
    ) -> Result<Box<RawValue>, GmailError> {
        let path = format!("/gmail/v1/users/me/messages/{}?prettyPrint=false&format=full", id.as_str());
        let read = |answer: &Answer| {
            let found: Identified = serde_json::from_slice(&answer.body).ok()?;
            (found.id == id.as_str()).then(|| serde_json::from_slice(&answer.body).ok())?
        };
        self.message(&path, token, limit, deadline, read).await.map_err(|error| match error {
            GmailError::Trouble(Trouble::Unanswered(Failure::TooLarge)) => GmailError::TooLarge,
            other => other,
        })
    }

    async fn message<T>(
        &self,
        path: &str,
        token: &AccessToken,
        limit: usize,
        deadline: Deadline,
        read: impl Fn(&Answer) -> Option<T>,
    ) -> Result<T, GmailError> {
        let url = format!("{}{path}", self.gmail_url);
        let get = async || self.ask_gmail(self.gmail.get(&url), token, limit, deadline, &read).await;
        repeated(deadline, get).await.map_err(absent)
    }
}

/// Gmail answers 400 to an ID that it cannot have issued.
fn absent(error: GmailError) -> GmailError {
    match error {
        GmailError::BadQuery => GmailError::NotFound,
        other => other,
    }
}

#[derive(Deserialize)]
struct Identified {
    id: String,
}
