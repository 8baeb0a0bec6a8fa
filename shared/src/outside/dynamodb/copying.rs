//! Puts an item of another credentials table into this one: only where nothing newer is, and only
//! if its user has not ended the connection since. Both are checked by the write itself.

use aws_sdk_dynamodb::error::SdkError;
use aws_sdk_dynamodb::operation::delete_item::DeleteItemError;
use aws_sdk_dynamodb::operation::transact_write_items::TransactWriteItemsError;
use aws_sdk_dynamodb::types::{CancellationReason, ConditionCheck, Put, TransactWriteItem};
use postern_rules::config::names;
use postern_rules::credential::Credential;
use postern_rules::random;

use super::item::{Item, attribute as a, ended_key, number, optional_text, string};
use super::{ACCESS_TOKEN, LEASE, Resealed, Store, StoreError, Stored};

/// How the write ID of a copy begins; the item's own write ID follows. The next write of a function
/// replaces it, so it also tells whether a copy was used.
pub(super) const COPY: &str = "copy-";

/// What a copy is of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Policy {
    /// A table that is in use until this one is: sessions go on.
    Live,
    /// A table of an earlier time: sessions of that time may have ended since, so all do.
    Past,
}

/// The outcome of a copy.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Copying {
    /// The item is here.
    Done,
    /// It was copied before, or something newer is here.
    There,
    /// The user ended this connection.
    Ended,
}

impl Store {
    /// Puts `item`, whose credential is `credential`, with the texts in `tokens`. The ends that are
    /// remembered under `marks` forbid it. A copy that nobody used is replaced by a newer one.
    ///
    /// # Panics
    ///
    /// Never: every part of the transaction is complete.
    pub async fn copy(
        &self,
        Stored(item): &Stored,
        credential: &Credential,
        tokens: &Resealed,
        marks: &[String],
        policy: Policy,
    ) -> Result<Copying, StoreError> {
        let item = self.copied(item, tokens, policy);
        let put = Put::builder()
            .table_name(&self.credentials_table)
            .condition_expression(
                "attribute_not_exists(#user) OR \
                 (begins_with(#write, :copy) AND #write <> :write AND #updated <= :updated)",
            )
            .expression_attribute_names("#user", a::USER_ID)
            .expression_attribute_names("#write", a::WRITE_ID)
            .expression_attribute_names("#updated", a::UPDATED_AT)
            .expression_attribute_values(":copy", string(COPY))
            .expression_attribute_values(":write", item[a::WRITE_ID].clone())
            .expression_attribute_values(":updated", item.get(a::UPDATED_AT).cloned().unwrap_or(number(0)))
            .set_item(Some(item))
            .build()
            .expect("a put has a table and an item");
        let has_not_ended = |mark: &String| {
            ConditionCheck::builder()
                .table_name(&self.sessions_table)
                .key(a::ID, string(ended_key(mark)))
                .condition_expression("attribute_not_exists(#ended) OR #ended < :connected")
                .expression_attribute_names("#ended", a::ENDED_AT)
                .expression_attribute_values(":connected", number(credential.connected_at.seconds()))
                .build()
                .expect("a check has a table, a key and a condition")
        };
        let checks = marks.iter().map(has_not_ended);
        let checks = checks.map(|check| TransactWriteItem::builder().condition_check(check).build());
        let actions = checks.chain([TransactWriteItem::builder().put(put).build()]).collect();
        let request = self.client.transact_write_items().set_transact_items(Some(actions));
        match Box::pin(request.send()).await {
            Ok(_) => Ok(Copying::Done),
            Err(error) => refused(error),
        }
    }

    /// The item as it is put here: nobody holds its lease.
    fn copied(&self, item: &Item, tokens: &Resealed, policy: Policy) -> Item {
        let mut copy = item.clone();
        copy.retain(|name, _| !LEASE.contains(&name.as_str()));
        // One that does not open serves nobody.
        if tokens.access_token.is_none() {
            copy.retain(|name, _| !ACCESS_TOKEN.contains(&name.as_str()));
        }
        copy.extend(tokens.texts().map(|(name, text)| (name.to_owned(), string(text.as_str()))));
        let write = optional_text(item, a::WRITE_ID).unwrap_or_default();
        // A copy of a copy that nobody used is the same write.
        let write = write.strip_prefix(COPY).unwrap_or(write);
        copy.insert(a::WRITE_ID.to_owned(), string(format!("{COPY}{write}")));
        if policy == Policy::Past {
            copy.insert(a::ERA.to_owned(), string(random::mark()));
            copy.insert(a::SESSIONS_VALID_FROM.to_owned(), number(self.clock.now().seconds()));
        }
        copy
    }

    /// Deletes a copy that nobody has used.
    pub async fn delete_copy(&self, Stored(copy): &Stored) -> Result<(), StoreError> {
        let (Some(user), Some(write)) = (copy.get(a::USER_ID), copy.get(a::WRITE_ID)) else { return Ok(()) };
        let request = self
            .client
            .delete_item()
            .table_name(&self.credentials_table)
            .key(a::USER_ID, user.clone())
            .condition_expression("#write = :write")
            .expression_attribute_names("#write", a::WRITE_ID)
            .expression_attribute_values(":write", write.clone());
        let Err(error) = Box::pin(request.send()).await else { return Ok(()) };
        match error.as_service_error() {
            Some(DeleteItemError::ConditionalCheckFailedException(_)) => Ok(()),
            _ => Err(StoreError::from_sdk(&names::CREDENTIALS_TABLE, error)),
        }
    }
}

/// Which part of the transaction refused it. The put is the last.
fn refused(error: SdkError<TransactWriteItemsError>) -> Result<Copying, StoreError> {
    let reasons = match error.as_service_error() {
        Some(TransactWriteItemsError::TransactionCanceledException(canceled)) => {
            canceled.cancellation_reasons()
        }
        _ => &[],
    };
    let is_refused = |reason: &CancellationReason| reason.code() == Some("ConditionalCheckFailed");
    match reasons.split_last() {
        Some((_, checks)) if checks.iter().any(is_refused) => Ok(Copying::Ended),
        Some((put, _)) if is_refused(put) => Ok(Copying::There),
        // Also a conflict with another write of the item: it is tried again.
        _ => Err(StoreError::from_sdk(&names::CREDENTIALS_TABLE, error)),
    }
}
