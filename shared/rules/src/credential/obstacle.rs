//! What prevents the use of a credential, and which refresh token may be sent to Google.

use super::{Credential, Freshness, LEAST_LIFE, SetbackCause, Status, StoredRefreshToken};
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

impl Credential {
    /// What prevents the use of this credential. The client is only checked if `client_id` is
    /// known.
    pub fn obstacle(&self, needed: &Scopes, client_id: Option<&str>, now: Timestamp) -> Option<Obstacle> {
        if self.status == Status::Disconnecting {
            return Some(Obstacle::Disconnecting);
        }
        let alive = self.refresh_token.as_ref().filter(|_| self.status == Status::Active);
        if alive.is_none_or(|token| token.expires_at.is_some_and(|end| end <= now)) {
            return Some(Obstacle::Dead);
        }
        self.mismatch(needed, client_id)
    }

    /// Why the user must authorize again, as far as the item shows it: an obstacle, or an
    /// organisation that asked for a new sign-in at the last refresh. `None` while requests are
    /// served, and while only waiting helps.
    pub fn reauthorization(&self, needed: &Scopes, client_id: &str, now: Timestamp) -> Option<Reason> {
        let asks_for_sign_in = || {
            let cause = self.setback.as_ref().map(|setback| setback.cause);
            let is_over = self.freshness(LEAST_LIFE, now) == Freshness::Expired;
            cause == Some(SetbackCause::ReauthPolicy) && is_over
        };
        let obstacle = self.obstacle(needed, Some(client_id), now);
        obstacle.map(Obstacle::reason).or_else(|| asks_for_sign_in().then_some(Reason::ReauthPolicy))
    }

    /// One word for what the item shows, and why the user must authorize again.
    pub fn standing(
        &self,
        needed: &Scopes,
        client_id: &str,
        now: Timestamp,
    ) -> (&'static str, Option<Reason>) {
        match self.reauthorization(needed, client_id, now) {
            _ if self.status == Status::Disconnecting => ("disconnecting", None),
            Some(reason) => ("reauthorize", Some(reason)),
            None => ("connected", None),
        }
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

    /// The refresh token to revoke at Google: the one in use, or the one set aside, which may have
    /// been refused by mistake.
    pub fn revocable(&self) -> Option<&StoredRefreshToken> {
        let set_aside = self.set_aside.as_ref().map(|set_aside| &set_aside.token);
        self.refresh_token.as_ref().or(set_aside)
    }

    fn mismatch(&self, needed: &Scopes, client_id: Option<&str>) -> Option<Obstacle> {
        if client_id.is_some_and(|today| today != self.client_id) {
            return Some(Obstacle::ClientChanged);
        }
        (!self.scopes.missing(needed).is_empty()).then_some(Obstacle::ScopesChanged)
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::credential::tests::{NOW, credential};
    use crate::credential::{SetAside, Setback};

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
        assert_eq!(leaving.reauthorization(&needed, "client", NOW), Some(Reason::NotConnected));
        assert_eq!(leaving.revocable(), leaving.refresh_token.as_ref());
    }

    #[test]
    fn a_policy_that_asks_for_a_sign_in_is_told_once_the_access_token_is_over() {
        let needed = Scopes::default_needed();
        let refused = Setback::after(None, SetbackCause::ReauthPolicy, None, NOW);
        let held_up = Credential { setback: Some(refused), ..credential() };
        assert_eq!(held_up.reauthorization(&needed, "client", NOW), Some(Reason::ReauthPolicy));
        let passing = Setback::after(None, SetbackCause::Unavailable, None, NOW);
        let held_up = Credential { setback: Some(passing), ..credential() };
        assert_eq!(held_up.reauthorization(&needed, "client", NOW), None);
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
