//! A user's stored credential and its rules: scopes, freshness, client changes and revocation.

mod freshness;
mod setback;

use std::time::Duration;

pub use self::freshness::Freshness;
pub use self::setback::{Setback, SetbackCause, whole_seconds};
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
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Status {
    /// It can be used.
    Active,
    /// Google refused the refresh token.
    Revoked,
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
    /// When the user first connected.
    pub connected_at: Timestamp,
    /// A random ID. Sessions of another generation are invalid, whatever the clocks say. Absent in
    /// items of earlier versions.
    pub generation: Option<String>,
    /// Sessions that began earlier are invalid. All that earlier versions know.
    pub sessions_valid_from: Timestamp,
}

/// Why a credential cannot be used.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Obstacle {
    /// The grant was revoked, or its time limit has passed.
    Dead,
    /// The grant belongs to another OAuth client.
    ClientChanged,
    /// The grant does not cover the scopes needed now.
    ScopesChanged,
}

impl Credential {
    /// What prevents the use of this credential. The client is only checked if `client_id` is
    /// known.
    pub fn obstacle(&self, needed: &Scopes, client_id: Option<&str>, now: Timestamp) -> Option<Obstacle> {
        let alive = self.refresh_token.as_ref().filter(|_| self.status == Status::Active);
        if alive.is_none_or(|token| token.expires_at.is_some_and(|end| end <= now)) {
            return Some(Obstacle::Dead);
        }
        self.mismatch(needed, client_id)
    }

    /// The refresh token to send to Google: the one in use, or the one set aside, if it is due and
    /// nothing else stands in the way.
    pub fn refreshable(
        &self,
        needed: &Scopes,
        client_id: &str,
        now: Timestamp,
    ) -> Result<&StoredRefreshToken, Obstacle> {
        match (self.obstacle(needed, Some(client_id), now), &self.refresh_token, &self.set_aside) {
            (None, Some(token), _) => Ok(token),
            (Some(Obstacle::Dead), None, Some(set_aside))
                if set_aside.is_due(now) && self.mismatch(needed, Some(client_id)).is_none() =>
            {
                Ok(&set_aside.token)
            }
            (obstacle, ..) => Err(obstacle.unwrap_or(Obstacle::Dead)),
        }
    }

    fn mismatch(&self, needed: &Scopes, client_id: Option<&str>) -> Option<Obstacle> {
        if client_id.is_some_and(|today| today != self.client_id) {
            return Some(Obstacle::ClientChanged);
        }
        (!self.scopes.missing(needed).is_empty()).then_some(Obstacle::ScopesChanged)
    }

    /// Who holds the lease at `now`, if it has not expired.
    pub fn holder(&self, now: Timestamp) -> Option<&str> {
        self.lease.as_ref().filter(|lease| lease.until > now).map(|lease| lease.holder.as_str())
    }
}

/// The `sessions_valid_from` of a generation that begins at `now`. A process whose clock is behind may
/// have begun a session a moment ago (F73).
pub fn first_session_at(now: Timestamp) -> Timestamp {
    now.minus(CLOCK_SKEW)
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    pub(super) const NOW: Timestamp = Timestamp::from_seconds(1_000_000);

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
            connected_at: NOW,
            generation: Some("generation".to_owned()),
            sessions_valid_from: NOW,
        }
    }

    #[test]
    fn f12_a_grant_of_limited_time_is_dead_once_its_time_is_over() {
        let mut limited = credential();
        limited.refresh_token.as_mut().unwrap().expires_at = Some(NOW);
        assert_eq!(limited.obstacle(&Scopes::default(), None, NOW), Some(Obstacle::Dead));
    }

    #[test]
    fn drift_is_noticed_in_the_client_and_in_the_scopes() {
        let needed = Scopes::default_needed();
        assert_eq!(credential().obstacle(&needed, Some("client"), NOW), None);
        assert_eq!(credential().obstacle(&needed, Some("other"), NOW), Some(Obstacle::ClientChanged));
        let wider = Scopes::needed("https://mail.google.com/");
        assert_eq!(credential().obstacle(&wider, Some("client"), NOW), Some(Obstacle::ScopesChanged));
    }

    #[test]
    fn a_lease_runs_out_by_itself() {
        let lease = Some(Lease { holder: "w".to_owned(), until: NOW });
        let leased = Credential { lease, ..credential() };
        assert_eq!(leased.holder(NOW), None);
        assert_eq!(leased.holder(Timestamp::from_seconds(999_999)), Some("w"));
    }

    #[test]
    fn f90_a_token_that_was_set_aside_is_tried_ten_minutes_later_within_seven_days() {
        let needed = Scopes::default_needed();
        let token = credential().refresh_token.unwrap();
        let set_aside = SetAside { token: token.clone(), died_at: NOW, tried_at: NOW };
        let dead = Credential {
            status: Status::Revoked,
            refresh_token: None,
            set_aside: Some(set_aside),
            ..credential()
        };
        let after = |seconds| NOW.plus(Duration::from_secs(seconds));
        assert_eq!(dead.refreshable(&needed, "client", after(599)), Err(Obstacle::Dead));
        assert_eq!(dead.refreshable(&needed, "client", after(600)), Ok(&token));
        assert_eq!(dead.refreshable(&needed, "client", after(7 * 24 * 3600)), Err(Obstacle::Dead));
        assert_eq!(dead.refreshable(&needed, "other", after(600)), Err(Obstacle::Dead));
        assert_eq!(
            dead.refreshable(&Scopes::needed("https://mail.google.com/"), "client", after(600)),
            Err(Obstacle::Dead)
        );
        assert_eq!(credential().refreshable(&needed, "client", NOW), Ok(&token));
    }
}
