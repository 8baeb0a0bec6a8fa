//! Reads the index `by_status`: connections of one status, in the order of their user IDs. An index
//! is a little behind its table and holds only some attributes, so nothing is decided by it alone.

use std::collections::HashMap;

use aws_sdk_dynamodb::error::ProvideErrorMetadata;
use postern_rules::config::names;
use postern_rules::credential::{Status, Terms};
use postern_rules::scopes::Scopes;
use postern_rules::time::Timestamp;
use postern_rules::user::{Email, UserId};

use super::item::{Item, Unreadable, attribute as a, listed, string, text};
use super::{Store, StoreError};
use crate::outside::http::aws::describe;

/// The name of the index.
const BY_STATUS: &str = "by_status";

/// What the index holds of one credential: nothing that a refresh changes, and no token.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Listed {
    /// The owner.
    pub user: UserId,
    /// The owner's address, for display.
    pub email: Option<Email>,
    /// Whether it can be used.
    pub status: Status,
    /// The OAuth client that received the grant.
    pub client_id: String,
    /// The granted scopes.
    pub scopes: Scopes,
    /// When the user first connected.
    pub connected_at: Timestamp,
    /// The name of the refresh token in use.
    pub refresh_token_id: Option<String>,
    /// When the grant ends, if it is of limited time.
    pub ends_at: Option<Timestamp>,
    /// The name of the refresh token whose end was announced.
    pub end_noticed_for: Option<String>,
}

impl Listed {
    /// What decides whether it can be used.
    pub fn terms(&self) -> Terms<'_> {
        Terms { status: self.status, client_id: &self.client_id, scopes: &self.scopes, ends_at: self.ends_at }
    }
}

/// One page of the index.
#[derive(Debug)]
pub struct Page {
    /// The connections.
    pub listed: Vec<Listed>,
    /// The user ID behind which the next page begins, as it is stored: this version may not be able
    /// to read the last entry. `None` after the last page.
    pub after: Option<String>,
}

impl Page {
    /// Where the next page begins, for a caller who is told.
    ///
    /// # Errors
    ///
    /// If this version cannot read the last entry's user ID.
    pub fn next_user(&self) -> Result<Option<UserId>, StoreError> {
        let read = |id: &String| UserId::parse(id).ok_or(Unreadable(a::USER_ID));
        Ok(self.after.as_ref().map(read).transpose()?)
    }
}

impl Store {
    /// At most `limit` connections of a status, from the first user ID behind `after`. An entry
    /// that this version cannot read is logged and left out.
    pub async fn connections(
        &self,
        status: Status,
        after: Option<&str>,
        limit: u16,
    ) -> Result<Page, StoreError> {
        let status = string(status.word());
        let start = after.map(|user| {
            HashMap::from([(a::STATUS.to_owned(), status.clone()), (a::USER_ID.to_owned(), string(user))])
        });
        let request = self.client.query().table_name(&self.credentials_table).index_name(BY_STATUS);
        let request = request
            .key_condition_expression("#status = :status")
            .expression_attribute_names("#status", a::STATUS)
            .expression_attribute_values(":status", status)
            .set_exclusive_start_key(start)
            .limit(limit.into());
        let answer = Box::pin(request.send()).await.map_err(|error| {
            // Without the index, the table is not as it should be. With it, DynamoDB still fills
            // it.
            let is_missing =
                error.message().is_some_and(|words| words.contains("not have the specified index"));
            if error.code() == Some("ValidationException") && !is_missing {
                return StoreError::Unavailable(format!("the index is not ready: {}", describe(&error)));
            }
            StoreError::from_sdk(&names::CREDENTIALS_TABLE, error)
        })?;
        let read = |item: &Item| match listed(item) {
            Ok(listed) => Some(listed),
            Err(error) => {
                tracing::error!(event = "unreadable_entry", error = %error, "an entry of by_status was left out");
                None
            }
        };
        let key = answer.last_evaluated_key.as_ref();
        Ok(Page {
            listed: answer.items.unwrap_or_default().iter().filter_map(read).collect(),
            after: key.map(|key| text(key, a::USER_ID).map(str::to_owned)).transpose()?,
        })
    }
}
