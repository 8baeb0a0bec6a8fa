//! Puts items of another credentials table into this one: each only where nothing newer is, and
//! only if its user has not ended the connection since. Both are checked by the write itself.

use std::collections::BTreeSet;

use aws_sdk_dynamodb::error::SdkError;
use aws_sdk_dynamodb::operation::delete_item::DeleteItemError;
use aws_sdk_dynamodb::operation::transact_write_items::TransactWriteItemsError;
use aws_sdk_dynamodb::types::{CancellationReason, ConditionCheck, Put, TransactWriteItem};
use postern_rules::config::names;
use postern_rules::digest::{hex, sha256};
use postern_rules::random;
use postern_rules::time::Timestamp;

use super::item::{Item, attribute as a, ended_key, number, optional_integer, optional_text, string};
use super::{ACCESS_TOKEN, LEASE, Resealed, Store, StoreError, Stored};

/// How the write ID of every copy begins: `copy:<source>:<the item's own write ID>`. The next write
/// of a function replaces it, so it also tells whether a copy was used. No other write ID has a
/// colon.
const COPY: &str = "copy:";
/// The most actions of a transaction: AWS's quota.
const ACTIONS: usize = 100;

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

impl Policy {
    /// How the write IDs of copies of the table `from` begin. Those of a table of an earlier time
    /// all begin alike: no end in such a table takes a copy back.
    pub(super) fn beginning(self, from: &str) -> String {
        match self {
            Self::Live => format!("{COPY}{}:", hex(&sha256(from.as_bytes())[..4])),
            Self::Past => format!("{COPY}past:"),
        }
    }
}

/// The write ID of the item that a copy is of, if nobody has used it; of another item its own.
fn original(item: &Item) -> &str {
    let write = optional_text(item, a::WRITE_ID).unwrap_or_default();
    let of_copy = write.strip_prefix(COPY).and_then(|rest| rest.split_once(':'));
    of_copy.map_or(write, |(_, write)| write)
}

fn updated_at(item: &Item) -> i64 {
    optional_integer(item, a::UPDATED_AT).ok().flatten().unwrap_or_default()
}

impl Stored {
    /// Whether it keeps a copy of `item` out: it is a copy of it, or newer, or was used. What
    /// [`Store::copy`] requires decides; this only saves the call.
    pub fn keeps_out(&self, Self(item): &Self) -> bool {
        let Self(there) = self;
        let is_unused_copy = optional_text(there, a::WRITE_ID).is_some_and(|write| write.starts_with(COPY));
        !is_unused_copy || original(there) == original(item) || updated_at(there) > updated_at(item)
    }
}

/// An item of another table, to be put here.
#[derive(Debug)]
pub struct Incoming<'a> {
    /// The item.
    pub item: &'a Stored,
    /// When its connection began.
    pub connected_at: Timestamp,
    /// The texts of its tokens here.
    pub tokens: Resealed,
    /// Where an end of the connection may be remembered.
    pub marks: BTreeSet<String>,
}

impl Store {
    /// Puts an item of another table, of the kind and name in `of`. The ends that are remembered
    /// under its marks forbid it. A copy that nobody used is replaced by a newer one.
    ///
    /// # Panics
    ///
    /// Never: every part of the transaction is complete.
    pub async fn copy(&self, incoming: &Incoming<'_>, of: (Policy, &str)) -> Result<Copying, StoreError> {
        match self.transact(self.actions(incoming, of)).await {
            Ok(()) => Ok(Copying::Done),
            Err(error) => refused(error),
        }
    }

    /// Puts all of these, under the same conditions, or none: whether it has put them. If not, one
    /// of them may not be put, or is being written, or they are too many for a transaction.
    ///
    /// # Panics
    ///
    /// Never: every part of the transaction is complete.
    pub async fn copy_together(
        &self,
        incoming: &[Incoming<'_>],
        of: (Policy, &str),
    ) -> Result<bool, StoreError> {
        let actions: Vec<_> = incoming.iter().flat_map(|incoming| self.actions(incoming, of)).collect();
        if actions.len() > ACTIONS {
            return Ok(false);
        }
        match self.transact(actions).await {
            Ok(()) => Ok(true),
            Err(error) if !reasons(&error).is_empty() => Ok(false),
            Err(error) => Err(StoreError::from_sdk(&names::CREDENTIALS_TABLE, error)),
        }
    }

    async fn transact(
        &self,
        actions: Vec<TransactWriteItem>,
    ) -> Result<(), SdkError<TransactWriteItemsError>> {
        let request = self.client.transact_write_items().set_transact_items(Some(actions));
        Box::pin(request.send()).await.map(|_| ())
    }

    /// The checks that no end is remembered, and the put.
    fn actions(&self, incoming: &Incoming<'_>, (policy, from): (Policy, &str)) -> Vec<TransactWriteItem> {
        let Incoming { item: Stored(item), connected_at, tokens, marks } = incoming;
        let (own, updated) = (original(item).to_owned(), updated_at(item));
        let put = Put::builder()
            .table_name(&self.credentials_table)
            .condition_expression(
                "attribute_not_exists(#user) OR \
                 (begins_with(#write, :copy) AND NOT contains(#write, :own) AND #updated <= :updated)",
            )
            .expression_attribute_names("#user", a::USER_ID)
            .expression_attribute_names("#write", a::WRITE_ID)
            .expression_attribute_names("#updated", a::UPDATED_AT)
            .expression_attribute_values(":copy", string(COPY))
            .expression_attribute_values(":own", string(format!(":{own}")))
            .expression_attribute_values(":updated", number(updated))
            .set_item(Some(self.copied(item, tokens, policy, from)))
            .build()
            .expect("a put has a table and an item");
        let has_not_ended = |mark: &String| {
            ConditionCheck::builder()
                .table_name(&self.sessions_table)
                .key(a::ID, string(ended_key(mark)))
                .condition_expression("attribute_not_exists(#ended) OR #ended < :connected")
                .expression_attribute_names("#ended", a::ENDED_AT)
                .expression_attribute_values(":connected", number(connected_at.seconds()))
                .build()
                .expect("a check has a table, a key and a condition")
        };
        let checks = marks.iter().map(has_not_ended);
        let checks = checks.map(|check| TransactWriteItem::builder().condition_check(check).build());
        checks.chain([TransactWriteItem::builder().put(put).build()]).collect()
    }

    /// The item as it is put here: nobody holds its lease.
    fn copied(&self, item: &Item, tokens: &Resealed, policy: Policy, from: &str) -> Item {
        let mut copy = item.clone();
        copy.retain(|name, _| !LEASE.contains(&name.as_str()));
        // One that does not open serves nobody.
        if tokens.access_token.is_none() {
            copy.retain(|name, _| !ACCESS_TOKEN.contains(&name.as_str()));
        }
        copy.extend(tokens.texts().map(|(name, text)| (name.to_owned(), string(text.as_str()))));
        // A copy of a copy that nobody used is of the same write.
        let write = format!("{}{}", policy.beginning(from), original(item));
        copy.insert(a::WRITE_ID.to_owned(), string(write));
        if policy == Policy::Past {
            let now = self.clock.now().seconds();
            copy.insert(a::ERA.to_owned(), string(random::mark()));
            copy.insert(a::SESSIONS_VALID_FROM.to_owned(), number(now));
            // Back ends have seen events of later versions. No item was written more than once a
            // second on average, so none had as high a version.
            let version = optional_integer(item, a::VERSION).ok().flatten().unwrap_or_default();
            copy.insert(a::VERSION.to_owned(), number(version.max(now)));
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

/// Why a transaction was cancelled: a reason for each of its actions, in their order.
fn reasons(error: &SdkError<TransactWriteItemsError>) -> &[CancellationReason] {
    match error.as_service_error() {
        Some(TransactWriteItemsError::TransactionCanceledException(canceled)) => {
            canceled.cancellation_reasons()
        }
        _ => &[],
    }
}

/// Which part of the transaction refused an item. The put is the last.
fn refused(error: SdkError<TransactWriteItemsError>) -> Result<Copying, StoreError> {
    let is_refused = |reason: &CancellationReason| reason.code() == Some("ConditionalCheckFailed");
    match reasons(&error).split_last() {
        Some((_, checks)) if checks.iter().any(is_refused) => Ok(Copying::Ended),
        Some((put, _)) if is_refused(put) => Ok(Copying::There),
        // Also a conflict with another write of the item: it is tried again.
        _ => Err(StoreError::from_sdk(&names::CREDENTIALS_TABLE, error)),
    }
}
