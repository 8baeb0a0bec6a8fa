//! Parses what the caller asks for.

use std::time::Duration;

use postern_rules::error::Error;
use postern_rules::scopes::Scopes;
use postern_rules::secret::{AccessToken, SealedReceipt, SessionToken};
use postern_rules::user::UserId;
use serde::Deserialize;

/// The least seconds that the token must live, unless the caller says otherwise.
const USUAL_LIFE: u64 = 60;
/// Half of what Google's tokens live: a caller who asked for more would cause a refresh each time.
const LONGEST_LIFE: u64 = 1800;
/// The most scopes, and bytes in one.
const MOST_SCOPES: usize = 32;
const SCOPE_LIMIT: usize = 256;

/// The payload.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Input {
    user_id: Option<String>,
    receipt: Option<SealedReceipt>,
    session_token: Option<SessionToken>,
    min_ttl_seconds: Option<u64>,
    scopes: Option<Vec<String>>,
    refused_token: Option<AccessToken>,
    introspect: Option<bool>,
}

/// Whose access is meant.
pub(crate) enum Subject {
    /// This user's.
    User(UserId),
    /// That of the user whose page got this receipt.
    Receipt(SealedReceipt),
    /// That of the session's user.
    Session(SessionToken),
}

/// What the caller asks for.
pub(crate) enum Question {
    /// A token that lives this long, with these scopes, and that is not the one which Google
    /// refused.
    Token { life: Duration, scopes: Scopes, refused: Option<AccessToken> },
    /// Whose session or receipt it is, without a token.
    Introspection,
}

impl Question {
    /// A word for the log and the metrics.
    pub(crate) const fn asked_by(&self, subject: &Subject) -> &'static str {
        match (self, subject) {
            (Self::Token { .. }, Subject::User(_)) => "token by user",
            (Self::Token { .. }, Subject::Session(_)) => "token by session",
            (Self::Token { .. }, Subject::Receipt(_)) => "token by receipt",
            (Self::Introspection, Subject::Receipt(_)) => "introspection by receipt",
            (Self::Introspection, _) => "introspection by session",
        }
    }
}

impl Input {
    /// Checks the payload's members.
    pub(crate) fn parse(self) -> Result<(Subject, Question), Error> {
        let subject = match (self.user_id, self.receipt, self.session_token) {
            (Some(user), None, None) => Subject::User(
                UserId::parse(&user).ok_or(Error::InvalidRequest("user_id must be a Google user ID."))?,
            ),
            (None, Some(receipt), None) => Subject::Receipt(receipt),
            (None, None, Some(token)) => Subject::Session(token),
            _ => {
                return Err(Error::InvalidRequest("Send exactly one of user_id, receipt and session_token."));
            }
        };
        if self.introspect != Some(true) {
            let life = self.min_ttl_seconds.unwrap_or(USUAL_LIFE);
            if life > LONGEST_LIFE {
                return Err(Error::InvalidRequest("min_ttl_seconds must be from 0 to 1800."));
            }
            let scopes = scopes(&self.scopes.unwrap_or_default())?;
            let (life, refused) = (Duration::from_secs(life), self.refused_token);
            return Ok((subject, Question::Token { life, scopes, refused }));
        }
        let is_for_token =
            self.min_ttl_seconds.is_some() || self.scopes.is_some() || self.refused_token.is_some();
        if is_for_token || matches!(subject, Subject::User(_)) {
            return Err(Error::InvalidRequest(
                "introspect goes with receipt or session_token, and with nothing else.",
            ));
        }
        Ok((subject, Question::Introspection))
    }
}

/// The scopes, each a `scope-token` (RFC 6749 section 3.3).
fn scopes(list: &[String]) -> Result<Scopes, Error> {
    let is_scope = |scope: &String| {
        (1..=SCOPE_LIMIT).contains(&scope.len())
            && scope.bytes().all(|byte| byte.is_ascii_graphic() && byte != b'"' && byte != b'\\')
    };
    if list.len() > MOST_SCOPES || !list.iter().all(is_scope) {
        return Err(Error::InvalidRequest("scopes must be a list of at most 32 OAuth scopes."));
    }
    Ok(Scopes::parse(&list.join(" ")))
}
