//! What prevents the use of a credential, and which refresh token may be sent to Google.

use super::{Credential, Status, StoredRefreshToken};
use crate::error::Reason;
use crate::scopes::Scopes;
use crate::time::Timestamp;

/// Why a credential cannot be used.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Obstacle {
    /// The user wants to disconnect.
    Disconnecting,
    /// The grant was revoked, or its time limit has passed.
    Dead,
    /// The grant belongs to another OAuth client.
    ClientChanged,
    /// The grant does not cover the scopes needed now.
    ScopesChanged,
}

impl Obstacle {
    /// What the caller is told.
    pub const fn reason(self) -> Reason {
        match self {
            Self::Disconnecting => Reason::NotConnected,
            Self::Dead => Reason::RevokedOrExpired,
            Self::ClientChanged => Reason::ClientChanged,
            Self::ScopesChanged => Reason::ScopesChanged,
        }
    }
}

/// What decides whether a grant can be used: what a credential and its entry in an index both show.
#[derive(Clone, Copy, Debug)]
pub struct Terms<'a> {
    /// Whether it can be used.
    pub status: Status,
    /// The OAuth client that received the grant.
    pub client_id: &'a str,
    /// The granted scopes.
    pub scopes: &'a Scopes,
    /// When the grant ends, if it is of limited time.
    pub ends_at: Option<Timestamp>,
}

impl Terms<'_> {
    /// What prevents the use of the grant. The client is only checked if `client_id` is known.
    pub fn obstacle(&self, needed: &Scopes, client_id: Option<&str>, now: Timestamp) -> Option<Obstacle> {
        match self.status {
            Status::Disconnecting => Some(Obstacle::Disconnecting),
            Status::Revoked => Some(Obstacle::Dead),
            Status::Active if self.ends_at.is_some_and(|end| end <= now) => Some(Obstacle::Dead),
            Status::Active => self.mismatch(needed, client_id),
        }
    }

    /// Whether the grant belongs to another client, if `client_id` is known, or lacks a scope.
    pub fn mismatch(&self, needed: &Scopes, client_id: Option<&str>) -> Option<Obstacle> {
        if client_id.is_some_and(|today| today != self.client_id) {
            return Some(Obstacle::ClientChanged);
        }
        (!self.scopes.missing(needed).is_empty()).then_some(Obstacle::ScopesChanged)
    }
}

impl Credential {
    /// What decides whether it can be used.
    pub fn terms(&self) -> Terms<'_> {
        Terms {
            status: self.status,
            client_id: &self.client_id,
            scopes: &self.scopes,
            ends_at: self.refresh_token.as_ref().and_then(|token| token.expires_at),
        }
    }

    /// What prevents the use of this credential. The client is only checked if `client_id` is
    /// known.
    pub fn obstacle(&self, needed: &Scopes, client_id: Option<&str>, now: Timestamp) -> Option<Obstacle> {
        self.terms().obstacle(needed, client_id, now)
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
                if set_aside.is_due(now) && self.terms().mismatch(needed, Some(client_id)).is_none() =>
            {
                Ok(&set_aside.token)
            }
            (obstacle, ..) => Err(obstacle.unwrap_or(Obstacle::Dead)),
        }
    }

    /// The refresh token to revoke at Google: the one in use, or the one set aside, which may have
    /// been refused by mistake.
    pub fn revocable(&self) -> Option<&StoredRefreshToken> {
        let set_aside = self.set_aside.as_ref().map(|set_aside| &set_aside.token);
        self.refresh_token.as_ref().or(set_aside)
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::credential::SetAside;
    use crate::credential::tests::{NOW, credential};

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
    fn f34_a_credential_that_is_being_disconnected_is_used_for_nothing() {
        let needed = Scopes::default_needed();
        let leaving = Credential { status: Status::Disconnecting, ..credential() };
        assert_eq!(leaving.obstacle(&needed, None, NOW), Some(Obstacle::Disconnecting));
        assert_eq!(leaving.refreshable(&needed, "client", NOW), Err(Obstacle::Disconnecting));
        assert_eq!(leaving.revocable(), leaving.refresh_token.as_ref());
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
