//! A flow that an error offers, and offers again until it is finished.
//!
//! It is reused, not replaced: the browser may be at Google with the URL of an earlier response
//! (A81).

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::{Beginning, Channel, Delivery, Flow, parse_state};
use crate::secret::State;
use crate::time::Timestamp;
use crate::user::UserId;

/// How long an offer is reused. Limits the lifetime of its state.
pub const OFFERED_FOR: Duration = Duration::from_hours(1);

/// The extra members of an offered flow.
#[derive(Clone, Serialize, Deserialize)]
pub(super) struct Offer {
    /// The state, to build the URL again. Sealed like the rest.
    #[serde(rename = "s")]
    state: String,
    /// When it was first offered, in seconds.
    #[serde(rename = "t")]
    first_at: i64,
}

impl Flow {
    /// Creates a flow that an error offers, and its state.
    pub fn offer(beginning: &Beginning, client_id: &str, now: Timestamp) -> (Self, State) {
        let (flow, state) = Self::begin(beginning, client_id, now);
        let offer = Offer { state: state.expose().to_owned(), first_at: now.seconds() };
        (Self { offer: Some(offer), ..flow }, state)
    }

    /// Whether an error offered this flow.
    pub(super) const fn was_offered(&self) -> bool {
        self.offer.is_some()
    }

    /// Renews this flow for another ten minutes, if it was offered, can still be finished and
    /// equals what a new flow would be.
    pub fn offered_again(
        &self,
        beginning: &Beginning,
        client_id: &str,
        now: Timestamp,
    ) -> Option<(Self, State)> {
        let offer = self.offer.as_ref()?;
        let is_live = now < self.expires_at() && !self.is_spent();
        let is_young = now < Timestamp::from_seconds(offer.first_at).plus(OFFERED_FOR);
        let invitation = &beginning.invitation;
        let returns_there =
            matches!(&beginning.delivery, Delivery::Session(to) if to.as_str() == self.return_to);
        let fits = returns_there
            && self.bound_to.as_deref() == invitation.bound_to.as_ref().map(UserId::as_str)
            && self.consent_forced == invitation.force_consent
            && self.more_scopes == invitation.more_scopes.to_string()
            && self.channel == Channel::Redirect
            && self.client_id() == Some(client_id);
        let state = parse_state(&offer.state).filter(|_| is_live && is_young && fits)?;
        Some((self.beginning_at(now), state))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Origins;
    use crate::error::Invitation;
    use crate::flow::{LIFETIME, ReturnTo};

    const NOW: Timestamp = Timestamp::from_seconds(1_000_000);

    fn beginning(user: Option<&str>, force_consent: bool, origin: &str) -> Beginning {
        let bound_to = user.and_then(UserId::parse);
        Beginning {
            delivery: Delivery::Session(ReturnTo::default_of(&Origins::parse(origin).unwrap())),
            channel: Channel::Redirect,
            invitation: Invitation { bound_to, force_consent, ..Invitation::default() },
        }
    }

    #[test]
    fn a81_a_flow_is_offered_again_only_as_what_it_was() {
        let ann = beginning(Some("1"), true, "https://a.example");
        let (flow, state) = Flow::offer(&ann, "client", NOW);
        let later = NOW.plus(Duration::from_secs(599));
        let (again, same) = flow.offered_again(&ann, "client", later).unwrap();
        assert_eq!((same.expose(), again.nonce()), (state.expose(), flow.nonce()));
        assert_eq!(again.expires_at(), later.plus(LIFETIME));
        assert!(again.verify(&state, false, later).is_ok());
        for other in [
            beginning(Some("2"), true, "https://a.example"),
            beginning(None, true, "https://a.example"),
            beginning(Some("1"), false, "https://a.example"),
            beginning(Some("1"), true, "https://b.example"),
        ] {
            assert!(flow.offered_again(&other, "client", NOW).is_none(), "{other:?}");
        }
        assert!(flow.offered_again(&ann, "other", NOW).is_none());
        assert!(flow.offered_again(&ann, "client", NOW.plus(LIFETIME)).is_none());
        assert!(flow.over().offered_again(&ann, "client", NOW).is_none());
        let (sign_in, _) = Flow::begin(&ann, "client", NOW);
        assert!(sign_in.offered_again(&ann, "client", NOW).is_none());
    }
}
