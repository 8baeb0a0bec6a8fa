//! Sessions: the token a caller holds and the row behind it. Pure rules; the row never holds the token.
//!
//! A token is `v1.<key id>.<sealed user id>.<32 random bytes>`: the sealed part tells whose session it is before anything
//! is read, so that session and credential come in one read; the row is found by the SHA-256 of the whole token.

use std::time::Duration;

use crate::credential::Credential;
use crate::digest::{hex, sha256};
use crate::random;
use crate::seal::{Keyring, Purpose};
use crate::secret::{Sealed, SessionToken};
use crate::time::Timestamp;
use crate::user::UserId;

/// A session ends when it was not used for this long.
pub const IDLE: Duration = Duration::from_hours(12);
/// A session ends this long after it began.
pub const ABSOLUTE: Duration = Duration::from_hours(7 * 24);
/// The row's time of last use is written at most this often: less often than access tokens end, so that a request that
/// refreshes does not usually write it too.
const TOUCH_INTERVAL: Duration = Duration::from_hours(2);
/// The most characters of a token; a real one has about 150.
const LENGTH_LIMIT: usize = 1024;

/// The random half of a session token, known before the user is.
pub struct Seed(String);

impl Seed {
    /// A new one: 256 random bits.
    pub fn new() -> Self {
        Self(random::token())
    }

    /// What may be stored of it.
    pub fn digest(&self) -> String {
        hex(&sha256(self.0.as_bytes()))
    }

    /// The token of a session of `user`.
    pub fn token(&self, user: &UserId, keyring: &Keyring) -> SessionToken {
        let sealed = keyring.seal(Purpose::Session, &[], user.as_str().as_bytes());
        SessionToken::new(format!("{}.{}", sealed.as_str(), self.0))
    }
}

impl Default for Seed {
    fn default() -> Self {
        Self::new()
    }
}

/// The parts of a token that has the form of one; nothing is proven yet.
pub struct PresentedToken {
    /// The sealed user id.
    pub sealed_user: Sealed,
    /// SHA-256 of the whole token: the row's name.
    pub digest: String,
    /// SHA-256 of the random half.
    pub seed_digest: String,
}

impl PresentedToken {
    /// Takes a token apart; `None` when it does not have the form of one.
    pub fn parse(token: &str) -> Option<Self> {
        if token.len() > LENGTH_LIMIT || !token.bytes().all(|byte| byte.is_ascii_graphic()) {
            return None;
        }
        let (sealed, seed) = token.rsplit_once('.')?;
        Some(Self {
            sealed_user: Sealed::from_text(sealed),
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
    /// Whose session it is.
    pub user: UserId,
    /// When it began.
    pub began_at: Timestamp,
    /// When it was last used, to within two hours.
    pub last_used_at: Timestamp,
}

impl Session {
    /// A session that begins now.
    pub fn begin(token: &SessionToken, user: UserId, now: Timestamp) -> Self {
        let digest = hex(&sha256(token.expose().as_bytes()));
        let now = now.whole_seconds();
        Self { digest, user, began_at: now, last_used_at: now }
    }

    /// When it ends at the latest.
    pub fn expires_at(&self) -> Timestamp {
        self.began_at.plus(ABSOLUTE)
    }

    /// Whether it may be used now by `user`: in time, not idle for too long, and not ended by signing out everywhere.
    pub fn is_valid(&self, user: &UserId, credential: Option<&Credential>, now: Timestamp) -> bool {
        let ended_everywhere =
            credential.is_some_and(|credential| self.began_at < credential.sessions_valid_from);
        &self.user == user
            && now < self.expires_at()
            && now < self.last_used_at.plus(IDLE)
            && !ended_everywhere
    }

    /// Whether the time of last use should be written again.
    pub fn should_be_touched(&self, now: Timestamp) -> bool {
        now.since(self.last_used_at) >= TOUCH_INTERVAL
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Timestamp = Timestamp::from_seconds(1_000_000);

    fn session() -> (Session, UserId) {
        let user = UserId::parse("1").unwrap();
        (Session::begin(&SessionToken::new("token"), user.clone(), NOW), user)
    }

    #[test]
    fn a_token_names_its_user_and_its_row_and_nothing_in_clear() {
        let keyring = Keyring::parse(r#"{"primary":"k1","k1":"0123456789abcdef0123456789abcdef"}"#).unwrap();
        let user = UserId::parse("110169484474386276334").unwrap();
        let seed = Seed::new();
        let token = seed.token(&user, &keyring);
        let presented = PresentedToken::parse(token.expose()).unwrap();
        let opened = keyring.open(Purpose::Session, &[], &presented.sealed_user).unwrap();
        assert_eq!(opened.as_slice(), user.as_str().as_bytes());
        assert_eq!(presented.digest, Session::begin(&token, user.clone(), NOW).digest);
        assert_eq!(presented.seed_digest, seed.digest());
        assert!(!token.expose().contains(user.as_str()));
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
    fn b29_a_text_that_is_no_token_is_not_taken_apart() {
        for text in ["", "x", "a b.c", "é.x", &"x.".repeat(1000)] {
            assert!(PresentedToken::parse(text).is_none(), "{text:?}");
        }
    }
}
