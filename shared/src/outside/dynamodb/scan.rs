//! Reads the credentials table page by page, for commands and the function `sweep`, which go through
//! all of it. No other function does so.

use std::collections::{BTreeSet, HashMap};
use std::fmt;
use std::hash::BuildHasher;

use aws_sdk_dynamodb::types::{AttributeValue, KeysAndAttributes, TableDescription};
use postern_rules::config::names;
use postern_rules::credential::Credential;
use postern_rules::seal::key_id;
use postern_rules::secret::Sealed;
use postern_rules::time::Timestamp;
use postern_rules::user::UserId;

use super::item::{Item, Unreadable, attribute as a, credential, listed, number, optional_integer, string};
use super::{Listed, Policy, Resealed, Store, StoreError, item};

/// The attributes that hold sealed tokens.
pub const SEALED: [&str; 3] = [a::REFRESH_TOKEN, a::ACCESS_TOKEN, a::DEAD_REFRESH_TOKEN];
/// What a count needs: no access token.
const COUNTED: [&str; 8] = [
    a::USER_ID,
    a::STATUS,
    a::CLIENT_ID,
    a::SCOPES,
    a::CONNECTED_AT,
    a::UPDATED_AT,
    a::REFRESH_TOKEN,
    a::DEAD_REFRESH_TOKEN,
];

/// One of the parts of a table that are read beside each other.
#[derive(Clone, Copy, Debug)]
pub struct Segment {
    /// From 0.
    pub number: i32,
    /// How many there are.
    pub of: i32,
}

/// What is read.
#[derive(Clone, Debug)]
pub enum Reading {
    /// Every item, whole.
    All,
    /// Of every item what [`Stored::listed`] and [`Stored::keys`] need.
    Counted,
    /// Whole items that were written at this time or later.
    Since(Timestamp),
    /// Whole items that [`Store::copy`] wrote of the table with this name, while it was in use, and
    /// that nobody has written since.
    CopiesOf(String),
}

/// A page of a segment.
#[derive(Debug)]
pub struct Batch {
    /// The items.
    pub items: Vec<Stored>,
    /// How many were read, with those that the reading leaves out.
    pub read: usize,
    /// The user ID behind which the next page begins; `None` after the last page.
    pub after: Option<String>,
}

/// An item as it is stored, also one that this version cannot read.
#[derive(Clone)]
pub struct Stored(pub(super) Item);

/// The IDs of the keys that seal the tokens of an item.
pub fn keys_of<S: BuildHasher>(item: &HashMap<String, AttributeValue, S>) -> BTreeSet<String> {
    let texts = SEALED.iter().filter_map(|name| item.get(*name)?.as_s().ok());
    let keys = texts.map(|text| key_id(&Sealed::from_text(text)).to_owned());
    keys.filter(|key| !key.is_empty()).collect()
}

impl fmt::Debug for Stored {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("[item]")
    }
}

impl Stored {
    /// The owner.
    pub fn user(&self) -> Result<UserId, Unreadable> {
        item::user(&self.0)
    }

    /// The owner's ID, as it is stored.
    pub fn user_id(&self) -> Option<&str> {
        item::optional_text(&self.0, a::USER_ID)
    }

    /// The credential.
    pub fn credential(&self) -> Result<Credential, Unreadable> {
        credential(&self.0)
    }

    /// What the index would hold of it.
    pub fn listed(&self) -> Result<Listed, Unreadable> {
        listed(&self.0)
    }

    /// When it was last written.
    pub fn updated_at(&self) -> Option<Timestamp> {
        optional_integer(&self.0, a::UPDATED_AT).ok().flatten().map(Timestamp::from_seconds)
    }

    /// The IDs of the keys that seal its tokens.
    pub fn keys(&self) -> BTreeSet<String> {
        keys_of(&self.0)
    }

    /// The same with new texts in their places.
    pub fn keys_with(&self, new: &Resealed) -> BTreeSet<String> {
        let mut item = self.0.clone();
        item.extend(new.texts().map(|(name, text)| (name.to_owned(), string(text.as_str()))));
        Self(item).keys()
    }
}

/// What DynamoDB says of the table.
#[derive(Clone, Debug)]
pub struct Described {
    /// The ID that no other table of this name has had.
    pub id: Option<String>,
    /// How many items it has, as counted within the last six hours.
    pub items: u64,
    /// To what time it was restored, if it was.
    pub restored_to: Option<Timestamp>,
}

impl Store {
    /// At most `limit` items of a segment, from the first behind `after`. They may be a moment old.
    pub async fn scan(
        &self,
        segment: Segment,
        after: Option<&str>,
        limit: u16,
        reading: &Reading,
    ) -> Result<Batch, StoreError> {
        let start = after.map(|user| HashMap::from([(a::USER_ID.to_owned(), string(user))]));
        let is_part = segment.of > 1;
        let mut request = self
            .client
            .scan()
            .table_name(&self.credentials_table)
            .set_segment(is_part.then_some(segment.number))
            .set_total_segments(is_part.then_some(segment.of))
            .set_exclusive_start_key(start)
            .limit(limit.into());
        request = match reading {
            Reading::All => request,
            Reading::Counted => {
                let names = COUNTED.iter().map(|name| (format!("#{name}"), (*name).to_owned()));
                request
                    .projection_expression(COUNTED.map(|name| format!("#{name}")).join(", "))
                    .set_expression_attribute_names(Some(names.collect()))
            }
            Reading::Since(time) => request
                .filter_expression("#updated >= :since")
                .expression_attribute_names("#updated", a::UPDATED_AT)
                .expression_attribute_values(":since", number(time.seconds())),
            Reading::CopiesOf(table) => request
                .filter_expression("begins_with(#write, :copy)")
                .expression_attribute_names("#write", a::WRITE_ID)
                .expression_attribute_values(":copy", string(Policy::Live.beginning(table))),
        };
        let answer = Box::pin(request.send())
            .await
            .map_err(|error| StoreError::from_sdk(&names::CREDENTIALS_TABLE, error))?;
        let key = answer.last_evaluated_key.as_ref();
        Ok(Batch {
            read: usize::try_from(answer.scanned_count).unwrap_or_default(),
            items: answer.items.unwrap_or_default().into_iter().map(Stored).collect(),
            after: key.map(|key| item::text(key, a::USER_ID).map(str::to_owned)).transpose()?,
        })
    }

    /// The items of the users of `items`, by the user's ID as it is stored; at most a hundred. They
    /// are read consistently.
    pub async fn of_the_same_users(&self, items: &[Stored]) -> Result<HashMap<String, Stored>, StoreError> {
        if items.is_empty() {
            return Ok(HashMap::new());
        }
        let keys =
            items.iter().filter_map(|Stored(item)| Some((a::USER_ID.to_owned(), item.get(a::USER_ID)?)));
        let keys = keys.map(|(name, user)| Item::from([(name, user.clone())])).collect();
        let wanted = KeysAndAttributes::builder().consistent_read(true).set_keys(Some(keys)).build();
        let wanted = wanted.map_err(|error| StoreError::Unavailable(error.to_string()))?;
        let request = self.client.batch_get_item().request_items(&self.credentials_table, wanted);
        let answer = Box::pin(request.send())
            .await
            .map_err(|error| StoreError::from_sdk(&names::CREDENTIALS_TABLE, error))?;
        if answer.unprocessed_keys.is_some_and(|left| !left.is_empty()) {
            return Err(StoreError::Unavailable("BatchGetItem left keys unprocessed".to_owned()));
        }
        let found = answer.responses.unwrap_or_default().remove(&self.credentials_table).unwrap_or_default();
        let named = found.into_iter().map(Stored);
        Ok(named.filter_map(|item| Some((item.user_id()?.to_owned(), item))).collect())
    }

    /// Describes the table.
    pub async fn described(&self) -> Result<Described, StoreError> {
        let request = self.client.describe_table().table_name(&self.credentials_table);
        let answer = Box::pin(request.send())
            .await
            .map_err(|error| StoreError::from_sdk(&names::CREDENTIALS_TABLE, error))?;
        let table = answer.table.as_ref();
        let restore = table.and_then(TableDescription::restore_summary);
        Ok(Described {
            id: table.and_then(TableDescription::table_id).map(str::to_owned),
            items: table
                .and_then(TableDescription::item_count)
                .map_or(0, |count| count.try_into().unwrap_or(0)),
            restored_to: restore.map(|restore| Timestamp::from_seconds(restore.restore_date_time().secs())),
        })
    }
}
