//! How a connection stands, in the words of every answer that says it.

use super::{Credential, Freshness, LEAST_LIFE, Obstacle, SetbackCause, Terms};
use crate::error::Reason;
use crate::scopes::Scopes;
use crate::time::Timestamp;

/// Whether a stored connection serves, and if not, why.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Standing {
    /// Requests are served, or only waiting helps.
    Connected,
    /// The user must authorize again.
    Reauthorize(Reason),
    /// The user wants to disconnect, or an administrator wants it.
    Disconnecting,
}

impl Standing {
    /// The `status` of answers.
    pub const fn status(self) -> &'static str {
        match self {
            Self::Connected => "connected",
            Self::Reauthorize(_) => "reauthorize",
            Self::Disconnecting => "disconnecting",
        }
    }

    /// The `reason` of answers: why the user must authorize again.
    pub fn reason(self) -> Option<&'static str> {
        if let Self::Reauthorize(reason) = self { Some(reason.as_str()) } else { None }
    }
}

impl Terms<'_> {
    /// How the connection stands, as far as its terms show. `client_id` is today's OAuth client.
    pub fn standing(&self, needed: &Scopes, client_id: &str, now: Timestamp) -> Standing {
        match self.obstacle(needed, Some(client_id), now) {
            None => Standing::Connected,
            Some(Obstacle::Disconnecting) => Standing::Disconnecting,
            Some(obstacle) => Standing::Reauthorize(obstacle.reason()),
        }
    }
}

impl Credential {
    /// How the connection stands: as its terms show, or as an organisation wants it that asked for
    /// a new sign-in at the last refresh.
    pub fn standing(&self, needed: &Scopes, client_id: &str, now: Timestamp) -> Standing {
        let cause = self.setback.as_ref().map(|setback| setback.cause);
        let is_over = self.freshness(LEAST_LIFE, now) == Freshness::Expired;
        match self.terms().standing(needed, client_id, now) {
            Standing::Connected if cause == Some(SetbackCause::ReauthPolicy) && is_over => {
                Standing::Reauthorize(Reason::ReauthPolicy)
            }
            standing => standing,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::credential::tests::{NOW, credential};
    use crate::credential::{Setback, Status};

    #[test]
    fn a_policy_that_asks_for_a_sign_in_is_told_once_the_access_token_is_over() {
        let needed = Scopes::default_needed();
        let standing = |cause| {
            let setback = Some(Setback { cause, failures: 1, retry_at: NOW });
            Credential { setback, ..credential() }.standing(&needed, "client", NOW)
        };
        assert_eq!(standing(SetbackCause::ReauthPolicy), Standing::Reauthorize(Reason::ReauthPolicy));
        assert_eq!(standing(SetbackCause::Unavailable), Standing::Connected);
    }

    #[test]
    fn a_connection_that_is_being_disconnected_asks_nobody_to_authorize() {
        let leaving = Credential { status: Status::Disconnecting, ..credential() };
        let standing = leaving.standing(&Scopes::default_needed(), "client", NOW);
        assert_eq!((standing.status(), standing.reason()), ("disconnecting", None));
    }
}
