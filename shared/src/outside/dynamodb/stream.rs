//! Reads records of the credentials table's stream, as Lambda delivers them. Of an item's image
//! only the attributes that events need become values: no token, sealed or not.

use std::fmt;

use aws_sdk_dynamodb::types::AttributeValue;
use postern_rules::event::{Event, Image};
use postern_rules::scopes::Scopes;
use postern_rules::time::Timestamp;
use postern_rules::user::Email;
use serde::Deserialize;
use serde::de::{Deserializer, IgnoredAny, MapAccess, Visitor};
use serde_json::value::RawValue;

use super::item::{
    Item, SCHEMA, Unreadable, attribute as a, integer, optional_integer, optional_text, status, text, user,
};

/// The attributes that are read. The parser skips all others.
const READ: [&str; 13] = [
    a::CLIENT_ID,
    a::CONNECTED_AT,
    a::EMAIL,
    a::END_NOTICED_FOR,
    a::ERA,
    a::SIGN_IN_ASKED_AT,
    a::REFRESH_TOKEN_EXPIRES_AT,
    a::SCHEMA,
    a::SCOPES,
    a::STATUS,
    a::UPDATED_AT,
    a::USER_ID,
    a::VERSION,
];

/// Where a record stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
pub struct Place<'a> {
    /// The stream's ARN, which names the table.
    #[serde(rename = "eventSourceARN")]
    stream: &'a str,
    #[serde(borrow)]
    dynamodb: Numbered<'a>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
struct Numbered<'a> {
    #[serde(rename = "SequenceNumber")]
    sequence_number: &'a str,
}

impl<'a> Place<'a> {
    /// The place of a record, if it can be told.
    pub fn of(record: &'a RawValue) -> Option<Self> {
        serde_json::from_str(record.get()).ok()
    }

    /// The record's number in its shard, which Lambda is told if the record fails.
    pub const fn sequence_number(&self) -> &'a str {
        self.dynamodb.sequence_number
    }

    /// Whether the record is about `table`, given by its name or its ARN.
    pub fn is_of(&self, table: &str) -> bool {
        let name = self.stream.split_once(":table/").and_then(|(_, rest)| rest.split('/').next());
        name.is_some() && name == table.rsplit('/').next()
    }
}

#[derive(Deserialize)]
struct Record {
    dynamodb: Images,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Images {
    /// When the write happened, in seconds.
    approximate_creation_date_time: Option<f64>,
    old_image: Option<Read>,
    new_image: Option<Read>,
}

/// The part of an item that is read.
struct Read(Item);

/// An attribute in DynamoDB's JSON. No attribute that is read has another type.
#[derive(Deserialize)]
enum Attribute {
    S(String),
    N(String),
}

impl<'de> Deserialize<'de> for Read {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Attributes;
        impl<'de> Visitor<'de> for Attributes {
            type Value = Read;

            fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                formatter.write_str("an item in DynamoDB's JSON")
            }

            fn visit_map<M: MapAccess<'de>>(self, mut map: M) -> Result<Read, M::Error> {
                let mut item = Item::new();
                while let Some(name) = map.next_key::<String>()? {
                    if READ.contains(&name.as_str()) {
                        let value = match map.next_value()? {
                            Attribute::S(text) => AttributeValue::S(text),
                            Attribute::N(digits) => AttributeValue::N(digits),
                        };
                        item.insert(name, value);
                    } else {
                        map.next_value::<IgnoredAny>()?;
                    }
                }
                Ok(Read(item))
            }
        }
        deserializer.deserialize_map(Attributes)
    }
}

/// The event of the write that a record is about, if it makes one.
pub fn event(record: &RawValue) -> Result<Option<Event>, Unreadable> {
    const IMAGES: Unreadable = Unreadable("dynamodb");
    // The parser's own error could quote the image.
    let Record { dynamodb: images } = serde_json::from_str(record.get()).map_err(|_| IMAGES)?;
    let read = |read: Option<&Read>| read.map(|Read(item)| image(item)).transpose();
    let (before, after) = (read(images.old_image.as_ref())?, read(images.new_image.as_ref())?);
    if before.is_none() && after.is_none() {
        return Err(IMAGES);
    }
    let written_at = images.new_image.map(|Read(item)| optional_integer(&item, a::UPDATED_AT)).transpose()?;
    #[expect(clippy::cast_possible_truncation, reason = "whole seconds; the conversion saturates")]
    let recorded_at = images.approximate_creation_date_time.map(|seconds| seconds as i64);
    // A deletion leaves no item that could say when it was written.
    let at = written_at.flatten().or(recorded_at).ok_or(Unreadable(a::UPDATED_AT))?;
    Ok(Event::between(before.as_ref(), after.as_ref(), Timestamp::from_seconds(at)))
}

/// What events need to know of an item.
fn image(item: &Item) -> Result<Image, Unreadable> {
    if integer(item, a::SCHEMA)? != SCHEMA {
        return Err(Unreadable(a::SCHEMA));
    }
    let expires_at = optional_integer(item, a::REFRESH_TOKEN_EXPIRES_AT)?;
    Ok(Image {
        user: user(item)?,
        email: optional_text(item, a::EMAIL).and_then(Email::for_display),
        client_id: text(item, a::CLIENT_ID)?.to_owned(),
        scopes: Scopes::parse(text(item, a::SCOPES)?),
        status: status(item)?,
        is_asked_to_sign_in: item.contains_key(a::SIGN_IN_ASKED_AT),
        grant_expires_at: expires_at.map(Timestamp::from_seconds),
        end_noticed_for: optional_text(item, a::END_NOTICED_FOR).map(str::to_owned),
        connected_at: Timestamp::from_seconds(integer(item, a::CONNECTED_AT)?),
        era: optional_text(item, a::ERA).map(str::to_owned),
        version: u64::try_from(integer(item, a::VERSION)?).map_err(|_| Unreadable(a::VERSION))?,
    })
}
