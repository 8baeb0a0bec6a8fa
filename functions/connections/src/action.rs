//! Parses what an administrator asks for. No part of an input becomes a key, a table or an index:
//! users and statuses are parsed, and a cursor says no more than these two.

use postern_rules::credential::Status;
use postern_rules::error::Error;
use postern_rules::user::UserId;
use serde::Deserialize;

/// The entries of a page, if the caller does not say.
const PAGE: u64 = 50;
/// The most entries of a page.
const LARGEST_PAGE: u64 = 100;

const NOT_A_USER: Error =
    Error::InvalidRequest("user_id must be a Google user ID: 1 to 255 visible ASCII characters.");
const NOT_A_STATUS: Error = Error::InvalidRequest("status must be active, revoked or disconnecting.");
const NOT_A_LIMIT: Error = Error::InvalidRequest("limit must be a whole number from 1 to 100.");
const NOT_A_CURSOR: Error = Error::InvalidRequest("after must be what the previous answer has as after.");

/// The payload.
#[derive(Deserialize)]
#[serde(tag = "action", rename_all = "snake_case", deny_unknown_fields)]
#[expect(missing_docs, reason = "docs/api.md describes the payload")]
pub enum Input {
    Get { user_id: String },
    List { status: String, limit: Option<u64>, after: Option<String> },
    Count { after: Option<String> },
    Disconnect { user_id: String },
    Erase { user_id: String },
    Export { user_id: String },
    SignOut { user_id: String },
}

impl Input {
    /// The action, for the log.
    pub(crate) const fn word(&self) -> &'static str {
        match self {
            Self::Get { .. } => "get",
            Self::List { .. } => "list",
            Self::Count { .. } => "count",
            Self::Disconnect { .. } => "disconnect",
            Self::Erase { .. } => "erase",
            Self::Export { .. } => "export",
            Self::SignOut { .. } => "sign out",
        }
    }
}

/// A page of connections.
pub(crate) struct Wanted {
    pub(crate) status: Status,
    pub(crate) after: Option<UserId>,
    pub(crate) limit: u16,
}

/// How far a count has come: the last user that it counted of a status.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Position {
    pub(crate) status: Status,
    pub(crate) after: Option<UserId>,
}

impl Position {
    /// Where a count begins.
    const START: Self = Self { status: Status::ALL[0], after: None };

    fn parse(text: &str) -> Option<Self> {
        let (status, after) = match text.split_once(':') {
            Some((status, user)) => (status, Some(UserId::parse(user)?)),
            None => (text, None),
        };
        Some(Self { status: Status::of_word(status)?, after })
    }

    /// The beginning of the next status.
    pub(crate) fn next_status(&self) -> Option<Self> {
        let status = Status::ALL.into_iter().find(|status| *status > self.status)?;
        Some(Self { status, after: None })
    }

    /// As the next call gives it back.
    pub(crate) fn cursor(&self) -> String {
        let status = self.status.word();
        self.after.as_ref().map_or_else(|| status.to_owned(), |user| format!("{status}:{}", user.as_str()))
    }
}

/// What an administrator asks for.
pub(crate) enum Action {
    /// How one connection stands.
    Get(UserId),
    /// Connections of a status.
    List(Wanted),
    /// How many connections there are of each kind.
    Count(Position),
    /// Revoke the grant and delete what is stored.
    Disconnect(UserId),
    /// Delete what is stored, whether Google revokes or not.
    Erase(UserId),
    /// All that is stored, without tokens.
    Export(UserId),
    /// End every session; the grant stays.
    SignOut(UserId),
}

impl Action {
    pub(crate) fn parse(input: Input) -> Result<Self, Error> {
        let user = |id: &str| UserId::parse(id).ok_or(NOT_A_USER);
        Ok(match input {
            Input::Get { user_id } => Self::Get(user(&user_id)?),
            Input::Disconnect { user_id } => Self::Disconnect(user(&user_id)?),
            Input::Erase { user_id } => Self::Erase(user(&user_id)?),
            Input::Export { user_id } => Self::Export(user(&user_id)?),
            Input::SignOut { user_id } => Self::SignOut(user(&user_id)?),
            Input::List { status, limit, after } => {
                let status = Status::of_word(&status).ok_or(NOT_A_STATUS)?;
                let limit = Some(limit.unwrap_or(PAGE)).filter(|limit| (1..=LARGEST_PAGE).contains(limit));
                let limit = limit.and_then(|limit| u16::try_from(limit).ok()).ok_or(NOT_A_LIMIT)?;
                let after = after.map(|after| UserId::parse(&after).ok_or(NOT_A_CURSOR)).transpose()?;
                Self::List(Wanted { status, after, limit })
            }
            Input::Count { after: None } => Self::Count(Position::START),
            Input::Count { after: Some(after) } => Self::Count(Position::parse(&after).ok_or(NOT_A_CURSOR)?),
        })
    }

    /// The user that it is about.
    pub(crate) const fn user(&self) -> Option<&UserId> {
        match self {
            Self::Get(user)
            | Self::Disconnect(user)
            | Self::Erase(user)
            | Self::Export(user)
            | Self::SignOut(user) => Some(user),
            Self::List(_) | Self::Count(_) => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_count_goes_on_where_its_cursor_says() {
        let mut position = Position::START;
        for words in ["active", "revoked", "disconnecting"] {
            assert_eq!(position.cursor(), words);
            let within = Position { after: UserId::parse("a:b"), ..position };
            assert_eq!(within.cursor(), format!("{words}:a:b"));
            assert_eq!(Position::parse(&within.cursor()), Some(within));
            position = Position::parse(words).unwrap().next_status().unwrap_or(Position::START);
        }
        assert_eq!(position, Position::START);
    }
}
