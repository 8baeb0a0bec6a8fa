//! A user's stored credential and the rules on it: scopes, freshness, drift, death. Pure: no call, no key, no clock.

mod setback;

use std::time::Duration;

pub use self::setback::{Setback, SetbackCause, whole_seconds};
use crate::scopes::Scopes;
use crate::secret::Sealed;
use crate::time::Timestamp;
use crate::user::{Email, UserId};

/// An access token this close to its end is not used any more.
const MARGIN: Duration = Duration::from_mins(1);
/// An access token this close to its end is refreshed ahead, while it is still used.
const REFRESH_AHEAD: Duration = Duration::from_mins(5);
/// A token that was refreshed less than this ago is not refreshed ahead again.
const LEAST_INTERVAL: Duration = Duration::from_mins(1);
/// A refresh token that Google refused is tried once more after this long, as long as its user
/// comes.
const SECOND_CHANCE: Duration = Duration::from_mins(10);
/// A refresh token that Google refused is kept for this long.
const SET_ASIDE: Duration = Duration::from_hours(7 * 24);
/// How far the clocks of two processes may be apart.
const SKEW: Duration = Duration::from_mins(5);

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
    /// A random name given when the token was received: a write that concerns this very token is conditional on it,
    /// whatever key the token is sealed with by then.
    pub id: String,
    /// When Google stops accepting it, for a grant of limited time.
    pub expires_at: Option<Timestamp>,
}

/// A refresh token that Google refused, kept in case that was a mistake: an incident at Google, or
/// a client that was misconfigured there for a while. It is used for nothing but to ask once more.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SetAside {
    /// The token.
    pub token: StoredRefreshToken,
    /// When Google refused it first.
    pub died_at: Timestamp,
    /// When Google refused it last.
    pub tried_at: Timestamp,
}

impl SetAside {
    /// Whether its time is over, so that it is to be erased.
    pub fn is_over(&self, now: Timestamp) -> bool {
        now.since(self.died_at) >= SET_ASIDE
    }

    /// Whether Google is to be asked once more.
    pub fn is_due(&self, now: Timestamp) -> bool {
        !self.is_over(now) && now.since(self.tried_at) >= SECOND_CHANCE
    }
}

/// The right to refresh a credential, held by one execution environment for a short time.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Lease {
    /// The write that took the lease.
    pub holder: String,
    /// When it runs out by itself.
    pub until: Timestamp,
}

/// Where a credential stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Status {
    /// It is in use.
    Active,
    /// Google said that the grant is gone.
    Revoked,
}

/// What is stored of one Google user.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Credential {
    /// The owner.
    pub user: UserId,
    /// The owner's address, for display.
    pub email: Option<Email>,
    /// The OAuth client that the grant belongs to.
    pub client_id: String,
    /// The granted scopes.
    pub scopes: Scopes,
    /// Whether it is in use.
    pub status: Status,
    /// The refresh token; `None` once it is dead.
    pub refresh_token: Option<StoredRefreshToken>,
    /// The name of the refresh token that died last, while none is in use.
    pub dead_token_id: Option<String>,
    /// That token itself, for seven days.
    pub set_aside: Option<SetAside>,
    /// The newest access token, if one may be reused.
    pub access_token: Option<StoredAccessToken>,
    /// Who refreshes at the moment.
    pub lease: Option<Lease>,
    /// The failures of the refresh since it last succeeded.
    pub setback: Option<Setback>,
    /// Grows by one with each write.
    pub version: u64,
    /// When the user first connected.
    pub connected_at: Timestamp,
    /// Sessions that began before this moment are over.
    pub sessions_valid_from: Timestamp,
}

/// What stands against the use of a credential.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Obstacle {
    /// The grant is gone, or its agreed time is over.
    Dead,
    /// The grant belongs to another OAuth client.
    ClientChanged,
    /// The grant does not cover what is needed today.
    ScopesChanged,
}

/// What may be done with the stored access token.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Freshness {
    /// It is used as it is.
    Fresh,
    /// It is used, and one caller gets the next one meanwhile.
    Ageing,
    /// It is not used: it has expired, is about to, or there is none.
    Expired,
}

impl Credential {
    /// What stands against using this credential: death first, then the client (where today's is known), then scopes.
    pub fn obstacle(&self, needed: &Scopes, client_id: Option<&str>, now: Timestamp) -> Option<Obstacle> {
        let alive = self.refresh_token.as_ref().filter(|_| self.status == Status::Active);
        if alive.is_none_or(|token| token.expires_at.is_some_and(|end| end <= now)) {
            return Some(Obstacle::Dead);
        }
        self.drift(needed, client_id)
    }

    /// The refresh token to ask Google with: the one in use, or the one that was set aside, when it
    /// is due and nothing but its death stands against it.
    pub fn refreshable(
        &self,
        needed: &Scopes,
        client_id: &str,
        now: Timestamp,
    ) -> Result<&StoredRefreshToken, Obstacle> {
        match (self.obstacle(needed, Some(client_id), now), &self.refresh_token, &self.set_aside) {
            (None, Some(token), _) => Ok(token),
            (Some(Obstacle::Dead), None, Some(set_aside))
                if set_aside.is_due(now) && self.drift(needed, Some(client_id)).is_none() =>
            {
                Ok(&set_aside.token)
            }
            (obstacle, ..) => Err(obstacle.unwrap_or(Obstacle::Dead)),
        }
    }

    fn drift(&self, needed: &Scopes, client_id: Option<&str>) -> Option<Obstacle> {
        if client_id.is_some_and(|today| today != self.client_id) {
            return Some(Obstacle::ClientChanged);
        }
        (!self.scopes.missing(needed).is_empty()).then_some(Obstacle::ScopesChanged)
    }

    /// What may be done with the stored access token now.
    pub fn freshness(&self, now: Timestamp) -> Freshness {
        let Some(token) = &self.access_token else { return Freshness::Expired };
        if token.expires_at <= now.plus(MARGIN) {
            Freshness::Expired
        } else if token.expires_at <= now.plus(REFRESH_AHEAD)
            && now.since(token.obtained_at) >= LEAST_INTERVAL
        {
            Freshness::Ageing
        } else {
            Freshness::Fresh
        }
    }

    /// Who holds the lease at this moment, by the clock of whoever took it.
    pub fn holder(&self, now: Timestamp) -> Option<&str> {
        self.lease.as_ref().filter(|lease| lease.until > now).map(|lease| lease.holder.as_str())
    }
}

/// The moment from which sessions count for a credential that is made at `now`: a process whose
/// clock is behind may have begun one a moment ago (F73).
pub fn first_session_at(now: Timestamp) -> Timestamp {
    now.minus(SKEW)
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Timestamp = Timestamp::from_seconds(1_000_000);

    fn credential() -> Credential {
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
            sessions_valid_from: NOW,
        }
    }

    fn with_token(expires_in: u64, age: u64) -> Credential {
        let obtained_at = Timestamp::from_millis(NOW.millis() - i64::try_from(age).unwrap() * 1000);
        let expires_at = NOW.plus(Duration::from_secs(expires_in));
        let sealed = Sealed::from_text("sealed");
        Credential {
            access_token: Some(StoredAccessToken { sealed, expires_at, obtained_at }),
            ..credential()
        }
    }

    #[test]
    fn a_token_is_used_until_a_minute_before_its_end() {
        assert_eq!(with_token(3600, 0).freshness(NOW), Freshness::Fresh);
        assert_eq!(with_token(300, 3300).freshness(NOW), Freshness::Ageing);
        assert_eq!(with_token(61, 3539).freshness(NOW), Freshness::Ageing);
        assert_eq!(with_token(60, 3540).freshness(NOW), Freshness::Expired);
        assert_eq!(credential().freshness(NOW), Freshness::Expired);
    }

    #[test]
    fn f38_a_short_lived_token_is_not_refreshed_ahead_at_every_request() {
        assert_eq!(with_token(200, 10).freshness(NOW), Freshness::Fresh);
        assert_eq!(with_token(200, 60).freshness(NOW), Freshness::Ageing);
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
