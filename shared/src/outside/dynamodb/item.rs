//! Converts items of the two tables from and to types. An incomplete item is an error, never
//! `None`.

use std::collections::HashMap;

use aws_sdk_dynamodb::types::AttributeValue;
use postern_rules::code::Issued;
use postern_rules::credential::{
    Credential, Lease, SetAside, Setback, SetbackCause, Status, StoredAccessToken, StoredRefreshToken,
};
use postern_rules::pkce::Challenge;
use postern_rules::scopes::Scopes;
use postern_rules::secret::Sealed;
use postern_rules::session::Session;
use postern_rules::time::Timestamp;
use postern_rules::user::{Email, UserId};

use super::by_status::Listed;

/// A DynamoDB item.
pub(super) type Item = HashMap<String, AttributeValue>;

/// The version of the items' schema that this version of Postern reads and writes.
pub(super) const SCHEMA: i64 = 1;

/// The names of the attributes.
pub(super) mod attribute {
    pub(in crate::outside::dynamodb) const ACCESS_TOKEN: &str = "access_token";
    pub(in crate::outside::dynamodb) const ACCESS_TOKEN_EXPIRES_AT: &str = "access_token_expires_at";
    pub(in crate::outside::dynamodb) const ACCESS_TOKEN_OBTAINED_AT: &str = "access_token_obtained_at";
    pub(in crate::outside::dynamodb) const BEGAN_AT: &str = "began_at";
    pub(in crate::outside::dynamodb) const CHALLENGE: &str = "challenge";
    pub(in crate::outside::dynamodb) const CLIENT_ID: &str = "client_id";
    pub(in crate::outside::dynamodb) const CONNECTED_AT: &str = "connected_at";
    pub(in crate::outside::dynamodb) const DEAD_REFRESH_TOKEN: &str = "dead_refresh_token";
    pub(in crate::outside::dynamodb) const DEAD_TOKEN_ID: &str = "dead_token_id";
    pub(in crate::outside::dynamodb) const DEAD_TOKEN_TRIED_AT: &str = "dead_token_tried_at";
    pub(in crate::outside::dynamodb) const DIED_AT: &str = "died_at";
    pub(in crate::outside::dynamodb) const EMAIL: &str = "email";
    pub(in crate::outside::dynamodb) const ENDED_AT: &str = "ended_at";
    pub(in crate::outside::dynamodb) const END_NOTICED_FOR: &str = "end_noticed_for";
    pub(in crate::outside::dynamodb) const EXPIRES_AT: &str = "expires_at";
    pub(in crate::outside::dynamodb) const ERA: &str = "era";
    pub(in crate::outside::dynamodb) const HANDLED_AT: &str = "handled_at";
    pub(in crate::outside::dynamodb) const ID: &str = "id";
    pub(in crate::outside::dynamodb) const ISSUED_AT: &str = "issued_at";
    pub(in crate::outside::dynamodb) const LAST_USED_AT: &str = "last_used_at";
    pub(in crate::outside::dynamodb) const LEASE_HOLDER: &str = "lease_holder";
    pub(in crate::outside::dynamodb) const LEASE_UNTIL: &str = "lease_until";
    pub(in crate::outside::dynamodb) const SIGN_IN_ASKED_AT: &str = "sign_in_asked_at";
    pub(in crate::outside::dynamodb) const REFRESHED_AT: &str = "refreshed_at";
    pub(in crate::outside::dynamodb) const REDEEMED_FOR: &str = "redeemed_for";
    pub(in crate::outside::dynamodb) const REDIRECT_URI: &str = "redirect_uri";
    pub(in crate::outside::dynamodb) const REFRESH_FAILURE: &str = "refresh_failure";
    pub(in crate::outside::dynamodb) const REFRESH_FAILURES: &str = "refresh_failures";
    pub(in crate::outside::dynamodb) const REFRESH_RETRY_AT: &str = "refresh_retry_at";
    pub(in crate::outside::dynamodb) const REFRESH_TOKEN: &str = "refresh_token";
    pub(in crate::outside::dynamodb) const REFRESH_TOKEN_EXPIRES_AT: &str = "refresh_token_expires_at";
    pub(in crate::outside::dynamodb) const REFRESH_TOKEN_ID: &str = "refresh_token_id";
    pub(in crate::outside::dynamodb) const SCHEMA: &str = "schema";
    pub(in crate::outside::dynamodb) const SCOPES: &str = "scopes";
    pub(in crate::outside::dynamodb) const SESSION_SEED: &str = "session_seed";
    pub(in crate::outside::dynamodb) const SESSIONS_VALID_FROM: &str = "sessions_valid_from";
    pub(in crate::outside::dynamodb) const STATUS: &str = "status";
    pub(in crate::outside::dynamodb) const UPDATED_AT: &str = "updated_at";
    pub(in crate::outside::dynamodb) const USER_ID: &str = "user_id";
    pub(in crate::outside::dynamodb) const VERSION: &str = "version";
    pub(in crate::outside::dynamodb) const WRITE_ID: &str = "write_id";
}
use attribute as a;

/// An item that this version cannot read, with the attribute's name.
#[derive(Debug, thiserror::Error)]
#[error("the attribute {0} is missing or is not what it should be")]
pub struct Unreadable(pub(super) &'static str);

/// A string attribute's value.
pub(super) fn string(text: impl Into<String>) -> AttributeValue {
    AttributeValue::S(text.into())
}

/// A number attribute's value.
pub(super) fn number(value: i64) -> AttributeValue {
    AttributeValue::N(value.to_string())
}

/// A string attribute of an item, if it is there and a string.
pub(super) fn optional_text<'a>(item: &'a Item, name: &str) -> Option<&'a str> {
    item.get(name).and_then(|value| value.as_s().ok()).map(String::as_str)
}

pub(super) fn text<'a>(item: &'a Item, name: &'static str) -> Result<&'a str, Unreadable> {
    optional_text(item, name).ok_or(Unreadable(name))
}

pub(super) fn optional_integer(item: &Item, name: &'static str) -> Result<Option<i64>, Unreadable> {
    let Some(value) = item.get(name) else { return Ok(None) };
    value.as_n().ok().and_then(|digits| digits.parse().ok()).map(Some).ok_or(Unreadable(name))
}

pub(super) fn integer(item: &Item, name: &'static str) -> Result<i64, Unreadable> {
    optional_integer(item, name)?.ok_or(Unreadable(name))
}

/// The user whose item it is.
pub(super) fn user(item: &Item) -> Result<UserId, Unreadable> {
    UserId::parse(text(item, a::USER_ID)?).ok_or(Unreadable(a::USER_ID))
}

pub(super) fn status(item: &Item) -> Result<Status, Unreadable> {
    Status::of_word(text(item, a::STATUS)?).ok_or(Unreadable(a::STATUS))
}

/// Reads an item of the credentials table.
pub(super) fn credential(item: &Item) -> Result<Credential, Unreadable> {
    if integer(item, a::SCHEMA)? != SCHEMA {
        return Err(Unreadable(a::SCHEMA));
    }
    let status = status(item)?;
    let refresh_token = refresh_token(item, a::REFRESH_TOKEN, a::REFRESH_TOKEN_ID)?;
    if status == Status::Active && refresh_token.is_none() {
        return Err(Unreadable(a::REFRESH_TOKEN));
    }
    Ok(Credential {
        user: user(item)?,
        email: optional_text(item, a::EMAIL).and_then(Email::for_display),
        client_id: text(item, a::CLIENT_ID)?.to_owned(),
        scopes: Scopes::parse(text(item, a::SCOPES)?),
        status,
        refresh_token,
        dead_token_id: optional_text(item, a::DEAD_TOKEN_ID).map(str::to_owned),
        set_aside: set_aside(item)?,
        access_token: access_token(item)?,
        lease: lease(item)?,
        setback: setback(item)?,
        version: u64::try_from(integer(item, a::VERSION)?).map_err(|_| Unreadable(a::VERSION))?,
        updated_at: optional_integer(item, a::UPDATED_AT)?.map(Timestamp::from_seconds),
        sign_in_asked_at: optional_integer(item, a::SIGN_IN_ASKED_AT)?.map(Timestamp::from_seconds),
        refreshed_at: optional_integer(item, a::REFRESHED_AT)?.map(Timestamp::from_seconds),
        connected_at: Timestamp::from_seconds(integer(item, a::CONNECTED_AT)?),
        era: optional_text(item, a::ERA).map(str::to_owned),
        sessions_valid_from: Timestamp::from_seconds(integer(item, a::SESSIONS_VALID_FROM)?),
    })
}

/// Reads an entry of the index `by_status`.
pub(super) fn listed(item: &Item) -> Result<Listed, Unreadable> {
    let token_id = optional_text(item, a::REFRESH_TOKEN_ID);
    let ends_at = optional_integer(item, a::REFRESH_TOKEN_EXPIRES_AT)?.filter(|_| token_id.is_some());
    Ok(Listed {
        user: user(item)?,
        email: optional_text(item, a::EMAIL).and_then(Email::for_display),
        status: status(item)?,
        client_id: text(item, a::CLIENT_ID)?.to_owned(),
        scopes: Scopes::parse(text(item, a::SCOPES)?),
        connected_at: Timestamp::from_seconds(integer(item, a::CONNECTED_AT)?),
        refresh_token_id: token_id.map(str::to_owned),
        ends_at: ends_at.map(Timestamp::from_seconds),
        end_noticed_for: optional_text(item, a::END_NOTICED_FOR).map(str::to_owned),
    })
}

fn access_token(item: &Item) -> Result<Option<StoredAccessToken>, Unreadable> {
    let Some(sealed) = optional_text(item, a::ACCESS_TOKEN) else { return Ok(None) };
    Ok(Some(StoredAccessToken {
        sealed: sealed_text(sealed, a::ACCESS_TOKEN)?,
        expires_at: Timestamp::from_seconds(integer(item, a::ACCESS_TOKEN_EXPIRES_AT)?),
        obtained_at: Timestamp::from_seconds(integer(item, a::ACCESS_TOKEN_OBTAINED_AT)?),
    }))
}

/// The refresh token stored as `name`. Both kinds share the attribute for their expiry.
fn refresh_token(
    item: &Item,
    name: &'static str,
    id_name: &'static str,
) -> Result<Option<StoredRefreshToken>, Unreadable> {
    let Some(sealed) = optional_text(item, name) else { return Ok(None) };
    Ok(Some(StoredRefreshToken {
        sealed: sealed_text(sealed, name)?,
        id: text(item, id_name)?.to_owned(),
        expires_at: optional_integer(item, a::REFRESH_TOKEN_EXPIRES_AT)?.map(Timestamp::from_seconds),
    }))
}

fn set_aside(item: &Item) -> Result<Option<SetAside>, Unreadable> {
    let Some(token) = refresh_token(item, a::DEAD_REFRESH_TOKEN, a::DEAD_TOKEN_ID)? else { return Ok(None) };
    Ok(Some(SetAside {
        token,
        died_at: Timestamp::from_seconds(integer(item, a::DIED_AT)?),
        tried_at: Timestamp::from_seconds(integer(item, a::DEAD_TOKEN_TRIED_AT)?),
    }))
}

fn lease(item: &Item) -> Result<Option<Lease>, Unreadable> {
    let Some(holder) = optional_text(item, a::LEASE_HOLDER) else { return Ok(None) };
    let until = Timestamp::from_millis(integer(item, a::LEASE_UNTIL)?);
    Ok(Some(Lease { holder: holder.to_owned(), until }))
}

/// A cause that only a newer version knows is ignored, so the next attempt is due.
fn setback(item: &Item) -> Result<Option<Setback>, Unreadable> {
    let Some(cause) = optional_text(item, a::REFRESH_FAILURE).and_then(SetbackCause::of_word) else {
        return Ok(None);
    };
    Ok(Some(Setback {
        cause,
        failures: u32::try_from(integer(item, a::REFRESH_FAILURES)?).unwrap_or(u32::MAX),
        retry_at: Timestamp::from_millis(integer(item, a::REFRESH_RETRY_AT)?),
    }))
}

/// Refuses a token that is not sealed (A40).
fn sealed_text(text: &str, name: &'static str) -> Result<Sealed, Unreadable> {
    let is_sealed = text.starts_with("v1.") || text.starts_with("v2.");
    if is_sealed { Ok(Sealed::from_text(text)) } else { Err(Unreadable(name)) }
}

/// The key of a session's row.
pub(super) fn session_key(digest: &str) -> String {
    format!("session#{digest}")
}

/// The key of a spent state's row.
pub(super) fn flow_key(state_digest: &str) -> String {
    format!("flow#{state_digest}")
}

/// Writes a session's row.
pub(super) fn session_item(session: &Session) -> Item {
    let mut item = Item::from([
        (a::ID.to_owned(), string(session_key(&session.digest))),
        (a::SCHEMA.to_owned(), number(SCHEMA)),
        (a::USER_ID.to_owned(), string(session.user.as_str())),
        (a::BEGAN_AT.to_owned(), number(session.began_at.seconds())),
        (a::LAST_USED_AT.to_owned(), number(session.last_used_at.seconds())),
        (a::EXPIRES_AT.to_owned(), number(session.expires_at().seconds())),
    ]);
    if let Some(era) = &session.era {
        item.insert(a::ERA.to_owned(), string(era));
    }
    item
}

/// Reads a session's row.
pub(super) fn session(item: &Item) -> Result<Session, Unreadable> {
    let digest = text(item, a::ID)?.strip_prefix("session#").ok_or(Unreadable(a::ID))?.to_owned();
    Ok(Session {
        digest,
        user: user(item)?,
        era: optional_text(item, a::ERA).map(str::to_owned),
        began_at: Timestamp::from_seconds(integer(item, a::BEGAN_AT)?),
        last_used_at: Timestamp::from_seconds(integer(item, a::LAST_USED_AT)?),
    })
}

/// The key of a one-time code's row.
pub(super) fn code_key(digest: &str) -> String {
    format!("code#{digest}")
}

/// The key of a used receipt's row.
pub(super) fn receipt_key(digest: &str) -> String {
    format!("receipt#{digest}")
}

/// The key of a security event's row.
pub(super) fn event_key(digest: &str) -> String {
    format!("risc#{digest}")
}

/// The key of the row that remembers an ended connection.
pub(super) fn ended_key(mark: &str) -> String {
    format!("ended#{mark}")
}

/// Writes the row of a code that was not redeemed.
pub(super) fn code_item(code: &Issued) -> Item {
    let mut item = Item::from([
        (a::ID.to_owned(), string(code_key(&code.digest))),
        (a::SCHEMA.to_owned(), number(SCHEMA)),
        (a::USER_ID.to_owned(), string(code.user.as_str())),
        (a::CHALLENGE.to_owned(), string(code.challenge.as_str())),
        (a::REDIRECT_URI.to_owned(), string(&code.redirect_uri)),
        (a::CLIENT_ID.to_owned(), string(&code.client_id)),
        (a::ISSUED_AT.to_owned(), number(code.issued_at.seconds())),
        (a::EXPIRES_AT.to_owned(), number(code.kept_until().seconds())),
    ]);
    if let Some(era) = &code.era {
        item.insert(a::ERA.to_owned(), string(era));
    }
    item
}

/// Reads a one-time code's row.
pub(super) fn code(item: &Item) -> Result<Issued, Unreadable> {
    Ok(Issued {
        digest: text(item, a::ID)?.strip_prefix("code#").ok_or(Unreadable(a::ID))?.to_owned(),
        user: user(item)?,
        challenge: Challenge::parse(text(item, a::CHALLENGE)?).ok_or(Unreadable(a::CHALLENGE))?,
        redirect_uri: text(item, a::REDIRECT_URI)?.to_owned(),
        client_id: text(item, a::CLIENT_ID)?.to_owned(),
        era: optional_text(item, a::ERA).map(str::to_owned),
        issued_at: Timestamp::from_seconds(integer(item, a::ISSUED_AT)?),
        redeemed_for: optional_text(item, a::REDEEMED_FOR).map(str::to_owned),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn complete() -> Item {
        Item::from(
            [
                (a::USER_ID, string("1")),
                (a::SCHEMA, number(1)),
                (a::STATUS, string("active")),
                (a::CLIENT_ID, string("client")),
                (a::SCOPES, string("openid email")),
                (a::REFRESH_TOKEN, string("v1.k1.x")),
                (a::REFRESH_TOKEN_ID, string("id")),
                (a::VERSION, number(1)),
                (a::CONNECTED_AT, number(1)),
                (a::SESSIONS_VALID_FROM, number(1)),
            ]
            .map(|(name, value)| (name.to_owned(), value)),
        )
    }

    #[test]
    fn f56_an_item_that_lacks_something_is_unreadable_and_names_it() {
        assert!(credential(&complete()).is_ok());
        for name in complete().keys() {
            let mut item = complete();
            item.remove(name);
            assert!(credential(&item).unwrap_err().to_string().contains(name.as_str()), "{name}");
        }
    }
}
