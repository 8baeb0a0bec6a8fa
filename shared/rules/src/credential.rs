//! A user's stored credential and its rules: scopes, freshness, client changes and revocation.

mod freshness;
mod last_use;
mod obstacle;
mod setback;
mod standing;

use std::time::Duration;

pub use self::freshness::{Freshness, LEAST_LIFE};
pub use self::last_use::age;
pub use self::obstacle::{Obstacle, Terms};
pub use self::setback::{Setback, SetbackCause, whole_seconds};
pub use self::standing::Standing;
use crate::scopes::Scopes;
use crate::secret::Sealed;
use crate::time::Timestamp;
use crate::user::{Email, UserId};

/// A refused refresh token is tried again after this long, when its user makes a request.
const RETRY_REFUSED_AFTER: Duration = Duration::from_mins(10);
/// A refused refresh token is kept for this long.
const KEEP_REFUSED_FOR: Duration = Duration::from_hours(7 * 24);
/// Tolerated clock difference between two processes.
const CLOCK_SKEW: Duration = Duration::from_mins(5);

/// An access token at rest.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoredAccessToken {
    /// The sealed token.
    pub sealed: Sealed,
    /// When Google stops accepting it.
    pub expires_at: Timestamp,
    /// When it was received.
    pub obtained_at: Timestamp,
}

/// A refresh token at rest.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoredRefreshToken {
    /// The sealed token.
    pub sealed: Sealed,
    /// A random ID for conditional writes. Unlike the sealed text, it stays when the token is
    /// resealed.
    pub id: String,
    /// When Google stops accepting it, if the grant is time-limited.
    pub expires_at: Option<Timestamp>,
}

/// A refresh token that Google refused, kept in case that was temporary: an incident at Google or a
/// misconfigured client. Used only to try again.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SetAside {
    /// The token.
    pub token: StoredRefreshToken,
    /// When Google first refused it.
    pub died_at: Timestamp,
    /// When Google last refused it.
    pub tried_at: Timestamp,
}

impl SetAside {
    /// Whether to delete it.
    pub fn is_over(&self, now: Timestamp) -> bool {
        now.since(self.died_at) >= KEEP_REFUSED_FOR
    }

    /// Whether to try it again.
    pub fn is_due(&self, now: Timestamp) -> bool {
        !self.is_over(now) && now.since(self.tried_at) >= RETRY_REFUSED_AFTER
    }
}

/// The right to refresh a credential, held by one process for a short time.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Lease {
    /// ID of the write that took the lease.
    pub holder: String,
    /// When it expires.
    pub until: Timestamp,
}

/// The state of a credential.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Status {
    /// It can be used.
    Active,
    /// Google refused the refresh token.
    Revoked,
    /// The user wants to disconnect: the grant is to be revoked and the item deleted. Nothing uses
    /// it, and only a new sign-in makes it active again.
    Disconnecting,
}

impl Status {
    /// Every status.
    pub const ALL: [Self; 3] = [Self::Active, Self::Revoked, Self::Disconnecting];

    /// Its name in a stored item.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Active => "active",
            Self::Revoked => "revoked",
            Self::Disconnecting => "disconnecting",
        }
    }

    /// The status with this name.
    pub fn of_word(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|status| status.word() == word)
    }
}

/// The stored record of one Google user.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Credential {
    /// The owner.
    pub user: UserId,
    /// The owner's address, for display.
    pub email: Option<Email>,
    /// The OAuth client that received the grant.
    pub client_id: String,
    /// The granted scopes.
    pub scopes: Scopes,
    /// Whether it can be used.
    pub status: Status,
    /// The refresh token; `None` once Google refused it.
    pub refresh_token: Option<StoredRefreshToken>,
    /// ID of the last refused refresh token; `None` while a token is in use.
    pub dead_token_id: Option<String>,
    /// That refused token, for seven days.
    pub set_aside: Option<SetAside>,
    /// The newest access token, if it may be reused.
    pub access_token: Option<StoredAccessToken>,
    /// Who is refreshing now.
    pub lease: Option<Lease>,
    /// The refresh failures since the last success.
    pub setback: Option<Setback>,
    /// Grows by one with each write.
    pub version: u64,
    /// When it was last written.
    pub updated_at: Option<Timestamp>,
    /// When the organisation last asked for a new sign-in, if no refresh has succeeded since.
    pub sign_in_asked_at: Option<Timestamp>,
    /// When Google last saw the refresh token, if the access token does not tell: it is of a later
    /// sign-in, which used none.
    pub refreshed_at: Option<Timestamp>,
    /// When the user first connected.
    pub connected_at: Timestamp,
    /// A random ID. Sessions of another era are invalid, whatever the clocks say. Absent in items of
    /// earlier versions.
    pub era: Option<String>,
    /// Sessions without an era that began earlier are invalid. All that earlier versions know.
    pub sessions_valid_from: Timestamp,
}

impl Credential {
    /// Who holds the lease at `now`, if it has not expired.
    pub fn holder(&self, now: Timestamp) -> Option<&str> {
        self.lease.as_ref().filter(|lease| lease.until > now).map(|lease| lease.holder.as_str())
    }

    /// Whether what began at `began_at` in `era`, a session or a one-time code, is of today's era: the
    /// user has neither signed out everywhere nor disconnected since.
    pub fn is_in_era(&self, era: Option<&str>, began_at: Timestamp) -> bool {
        match (era, self.era.as_deref()) {
            // Both of an earlier version of Postern, which knows the time alone.
            (None, None) => began_at >= self.sessions_valid_from,
            (its, todays) => its == todays,
        }
    }

    /// Whether the user is still connected as when something was issued at `issued_at` in `era`:
    /// has neither signed out everywhere nor disconnected since, and does not want to.
    pub fn is_connected_since(&self, era: Option<&str>, issued_at: Timestamp) -> bool {
        self.status != Status::Disconnecting && self.is_in_era(era, issued_at)
    }
}

/// The `sessions_valid_from` of a credential created at `now`. A process whose clock is behind may
/// have begun a session a moment ago (F73).
pub fn first_session_at(now: Timestamp) -> Timestamp {
    now.minus(CLOCK_SKEW)
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    pub(crate) const NOW: Timestamp = Timestamp::from_seconds(1_000_000);

    pub(crate) fn credential() -> Credential {
        Credential {
            user: UserId::parse("1").unwrap(),
            email: None,
            client_id: "client".to_owned(),
            scopes: Scopes::default_needed(),
            status: Status::Active,
            refresh_token: Some(StoredRefreshToken {
                sealed: Sealed::from_text("sealed"),
                id: "a".to_owned(),
                expires_at: None,
            }),
            dead_token_id: None,
            set_aside: None,
            access_token: None,
            lease: None,
            setback: None,
            version: 1,
            updated_at: Some(NOW),
            sign_in_asked_at: None,
            refreshed_at: None,
            connected_at: NOW,
            era: Some("era".to_owned()),
            sessions_valid_from: NOW,
        }
    }

    #[test]
    fn a_lease_runs_out_by_itself() {
        let lease = Some(Lease { holder: "w".to_owned(), until: NOW });
        let leased = Credential { lease, ..credential() };
        assert_eq!(leased.holder(NOW), None);
        assert_eq!(leased.holder(Timestamp::from_seconds(999_999)), Some("w"));
    }
}
