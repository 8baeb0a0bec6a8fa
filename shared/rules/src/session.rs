//! Sessions: the caller's token and the stored row, which never holds the token.
//!
//! A token is `v2.<user id>.<32 random bytes>`. The user ID is in clear (percent-encoded): its owner
//! knows it, and only the row proves it. With it, session and credential need one read, and no key.
//! The row's key is the SHA-256 of the token.
//!
//! The first form was `v1.<key id>.<sealed user id>.<32 random bytes>`. Such tokens serve until they
//! expire.

use std::time::Duration;

use url::form_urlencoded::{self, byte_serialize};

use crate::credential::Credential;
use crate::digest::{hex, sha256};
use crate::random;
use crate::secret::{Sealed, SessionToken};
use crate::time::Timestamp;
use crate::user::UserId;

/// Idle time after which a session ends.
pub const IDLE: Duration = Duration::from_hours(12);
/// A session's longest lifetime.
pub const ABSOLUTE: Duration = Duration::from_hours(7 * 24);
/// How often the row's time of last use is written. Longer than an access token lives, so that few
/// requests both refresh and write it.
const TOUCH_INTERVAL: Duration = Duration::from_hours(2);
/// The form of new tokens, with the dot after it.
const FORM: &str = "v2.";
/// In bytes; a real token has about 70, one of the form `v1` about 150.
const LENGTH_LIMIT: usize = 1024;

/// The random half of a session token, created before the user is known.
pub struct Seed(String);

impl Seed {
    /// A new seed of 256 random bits.
    pub fn new() -> Self {
        Self(random::token())
    }

    /// Its SHA-256, which may be stored.
    pub fn digest(&self) -> String {
        hex(&sha256(self.0.as_bytes()))
    }

    /// The session token for `user`.
    pub fn token(&self, user: &UserId) -> SessionToken {
        let user: String = byte_serialize(user.as_str().as_bytes()).collect();
        SessionToken::new(format!("{FORM}{user}.{}", self.0))
    }
}

impl Default for Seed {
    fn default() -> Self {
        Self::new()
    }
}

/// Whom a token names.
pub enum Named {
    /// This user.
    User(UserId),
    /// The user in a sealed text, in a token of the form `v1`.
    Sealed(Sealed),
}

/// The parts of a well-formed token. Nothing is authenticated yet.
pub struct PresentedToken {
    /// Whom it names.
    pub named: Named,
    /// SHA-256 of the token: the row's key.
    pub digest: String,
    /// SHA-256 of the random half.
    pub seed_digest: String,
}

impl PresentedToken {
    /// Splits a token; `None` if it is malformed.
    pub fn parse(token: &str) -> Option<Self> {
        if token.len() > LENGTH_LIMIT || !token.bytes().all(|byte| byte.is_ascii_graphic()) {
            return None;
        }
        let (named, seed) = token.rsplit_once('.')?;
        let named = match named.strip_prefix(FORM) {
            Some(user) => Named::User(UserId::parse(&form_urlencoded::parse(user.as_bytes()).next()?.0)?),
            None => Named::Sealed(Sealed::from_text(named)),
        };
        Some(Self {
            named,
            digest: hex(&sha256(token.as_bytes())),
            seed_digest: hex(&sha256(seed.as_bytes())),
        })
    }
}

/// A session's row.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Session {
    /// SHA-256 of the token in hexadecimal.
    pub digest: String,
    /// The session's user.
    pub user: UserId,
    /// The era of the user's credential that it belongs to. It ends with that era.
    pub era: Option<String>,
    /// When it began.
    pub began_at: Timestamp,
    /// When it was last used, accurate to two hours.
    pub last_used_at: Timestamp,
}

impl Session {
    /// A session of the credential's user and era that begins now.
    pub fn begin(token: &SessionToken, credential: &Credential, now: Timestamp) -> Self {
        let digest = hex(&sha256(token.expose().as_bytes()));
        let Credential { user, era, .. } = credential;
        let now = now.whole_seconds();
        Self { digest, user: user.clone(), era: era.clone(), began_at: now, last_used_at: now }
    }

    /// When it ends at the latest.
    pub fn expires_at(&self) -> Timestamp {
        self.began_at.plus(ABSOLUTE)
    }

    /// Whether `user` may use it now: not expired, not idle too long, and not ended by signing out
    /// everywhere or by disconnecting.
    pub fn is_valid(&self, user: &UserId, credential: Option<&Credential>, now: Timestamp) -> bool {
        let is_of_this_era =
            credential.is_none_or(|credential| credential.is_in_era(self.era.as_deref(), self.began_at));
        &self.user == user && now < self.expires_at() && now < self.last_used_at.plus(IDLE) && is_of_this_era
    }

    /// Whether to write the time of last use.
    pub fn should_be_touched(&self, now: Timestamp) -> bool {
        now.since(self.last_used_at) >= TOUCH_INTERVAL
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::credential::tests::credential;

    const NOW: Timestamp = Timestamp::from_seconds(1_000_000);

    fn session() -> (Session, UserId) {
        let credential = credential();
        (Session::begin(&SessionToken::new("token"), &credential, NOW), credential.user)
    }

    #[test]
    fn a_token_names_its_user_and_its_row() {
        // A dot in a user ID is not the one before the random half.
        for id in ["110169484474386276334", "a.b", ".", "a&b=c+d%;\"~"] {
            let user = UserId::parse(id).unwrap();
            let seed = Seed::new();
            let token = seed.token(&user);
            let presented = PresentedToken::parse(token.expose()).unwrap();
            assert!(matches!(presented.named, Named::User(named) if named == user));
            let credential = Credential { user, ..credential() };
            assert_eq!(presented.digest, Session::begin(&token, &credential, NOW).digest);
            assert_eq!(presented.seed_digest, seed.digest());
        }
    }

    #[test]
    fn a_token_of_the_first_form_names_its_user_in_a_sealed_text() {
        let presented = PresentedToken::parse("v1.k1.AAAA.BBBB").unwrap();
        assert!(matches!(presented.named, Named::Sealed(sealed) if sealed.as_str() == "v1.k1.AAAA"));
    }

    #[test]
    fn a36_a_session_ends_after_twelve_idle_hours_or_seven_days() {
        let (mut session, user) = session();
        assert!(session.is_valid(&user, None, NOW));
        assert!(!session.is_valid(&user, None, NOW.plus(IDLE)));
        session.last_used_at = NOW.plus(ABSOLUTE);
        assert!(!session.is_valid(&user, None, NOW.plus(ABSOLUTE)));
    }

    #[test]
    fn a_session_serves_its_own_user_alone() {
        let (session, _) = session();
        assert!(!session.is_valid(&UserId::parse("2").unwrap(), None, NOW));
    }

    #[test]
    fn a_session_ends_with_the_era_that_it_belongs_to() {
        let of = |era: Option<&str>| Credential { era: era.map(str::to_owned), ..credential() };
        for (its, todays, is_valid) in [
            (Some("a"), Some("a"), true),
            (Some("a"), Some("b"), false),
            // A credential of an earlier version of Postern, and sessions of that version.
            (None, None, true),
            (None, Some("a"), false),
            (Some("a"), None, false),
        ] {
            let session = Session::begin(&SessionToken::new("token"), &of(its), NOW);
            assert_eq!(
                session.is_valid(&session.user, Some(&of(todays)), NOW),
                is_valid,
                "{its:?} {todays:?}"
            );
        }
    }

    #[test]
    fn f73_the_time_decides_only_where_there_is_no_era() {
        for (era, is_valid) in [(Some("a".to_owned()), true), (None, false)] {
            let of =
                |sessions_valid_from| Credential { era: era.clone(), sessions_valid_from, ..credential() };
            let session = Session::begin(&SessionToken::new("token"), &of(NOW), NOW);
            // Signed out everywhere by a process whose clock is a minute ahead, before this began.
            let ahead = of(NOW.plus(Duration::from_mins(1)));
            assert_eq!(session.is_valid(&session.user, Some(&ahead), NOW), is_valid, "{era:?}");
        }
    }

    #[test]
    fn b29_a_text_that_is_no_token_is_not_taken_apart() {
        for text in ["", "x", "a b.c", "é.x", "v2..x", &"x.".repeat(1000)] {
            assert!(PresentedToken::parse(text).is_none(), "{text:?}");
        }
    }
}
