//! One sign-in, from the authorization URL to the code: state, PKCE, browser binding and expiry.
//!
//! Types enforce the order of checks: only [`Flow::verify`] makes a [`Verified`], only spending its
//! state makes a [`Redeemable`], and only that can be exchanged for tokens.

mod delivery;
mod fate;
mod kept;
mod offer;
mod redirect_uri;
mod return_to;
mod words;

use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::{Deserialize, Serialize};
use subtle::ConstantTimeEq;

pub use self::delivery::{AnswerTo, CodeRequest, Delivery, parse_client_id};
use self::fate::Fate;
pub use self::kept::{Held, Newcomer, crowded_out};
pub use self::offer::OFFERED_FOR;
use self::offer::Offer;
pub use self::redirect_uri::{RedirectUri, ResponseMode};
pub use self::return_to::ReturnTo;
pub use self::words::{cookie_suffix, is_cookie_suffix, parse_code, parse_state};
use crate::config::{Origins, ReturnUris};
use crate::digest::{hex, sha256};
use crate::error::{Error, Invitation};
use crate::random;
use crate::scopes::Scopes;
use crate::secret::{CodeVerifier, State};
use crate::time::Timestamp;
use crate::user::{LoginHint, UserId};

/// How long a flow may take (RFC 6749 section 4.1.2 recommends ten minutes for a code).
pub const LIFETIME: Duration = Duration::from_mins(10);

/// How a flow may be finished.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Channel {
    /// Only by Google's redirect.
    #[serde(rename = "r")]
    Redirect,
    /// By Google's redirect or by a page's POST. Only for a page that asked for JSON.
    #[serde(rename = "p")]
    RedirectOrPost,
}

/// The content of the sealed flow cookie. Two versions run side by side during a deployment, so
/// newer members are optional and unknown ones are ignored.
#[derive(Clone, Serialize, Deserialize)]
pub struct Flow {
    #[serde(rename = "s")]
    state_hash: String,
    #[serde(rename = "v")]
    verifier: String,
    #[serde(rename = "n")]
    nonce: String,
    /// Empty if the flow ends in a code.
    #[serde(rename = "r")]
    return_to: String,
    #[serde(rename = "d", default, skip_serializing_if = "Option::is_none")]
    code_request: Option<CodeRequest>,
    #[serde(rename = "c")]
    channel: Channel,
    #[serde(rename = "u", skip_serializing_if = "Option::is_none")]
    bound_to: Option<String>,
    #[serde(rename = "f", default)]
    consent_forced: bool,
    #[serde(rename = "again", default, skip_serializing_if = "std::ops::Not::not")]
    asked_again: bool,
    #[serde(rename = "t")]
    started_at: i64,
    #[serde(rename = "m", default)]
    started_at_millis: i64,
    #[serde(rename = "i", default, skip_serializing_if = "Option::is_none")]
    client_id: Option<String>,
    /// Scopes requested in addition to the configured ones, space separated.
    #[serde(rename = "w", default, skip_serializing_if = "String::is_empty")]
    more_scopes: String,
    #[serde(rename = "o", default, skip_serializing_if = "Option::is_none")]
    offer: Option<Offer>,
    #[serde(rename = "e", default, skip_serializing_if = "Fate::is_open")]
    fate: Fate,
}

/// The parameters of a new flow.
#[derive(Clone, Debug)]
pub struct Beginning {
    /// What it ends in.
    pub delivery: Delivery,
    /// How the flow may be finished.
    pub channel: Channel,
    /// Parameters of the authorization URL.
    pub invitation: Invitation,
}

impl Flow {
    /// Creates a flow and its state. The authorization URL will name `client_id`.
    pub fn begin(beginning: &Beginning, client_id: &str, now: Timestamp) -> (Self, State) {
        let state = random::token();
        let (return_to, code_request) = match &beginning.delivery {
            Delivery::Session(return_to) => (return_to.as_str().to_owned(), None),
            Delivery::Code(request) => (String::new(), Some(request.clone())),
        };
        let flow = Self {
            state_hash: URL_SAFE_NO_PAD.encode(sha256(state.as_bytes())),
            verifier: random::token(),
            nonce: random::token(),
            return_to,
            code_request,
            channel: beginning.channel,
            bound_to: beginning.invitation.bound_to.as_ref().map(|user| user.as_str().to_owned()),
            consent_forced: beginning.invitation.force_consent,
            asked_again: beginning.invitation.asked_again,
            started_at: 0,
            started_at_millis: 0,
            client_id: Some(client_id.to_owned()),
            more_scopes: beginning.invitation.more_scopes.to_string(),
            offer: None,
            fate: Fate::Open,
        };
        (flow.beginning_at(now), State::new(state))
    }

    fn beginning_at(&self, now: Timestamp) -> Self {
        let started_at_millis = now.millis() - now.whole_seconds().millis();
        Self { started_at: now.seconds(), started_at_millis, ..self.clone() }
    }

    /// The OAuth client of the authorization URL; `None` in a cookie of an older version.
    pub fn client_id(&self) -> Option<&str> {
        self.client_id.as_deref()
    }

    /// The PKCE verifier (RFC 7636 section 4.1): 43 characters, 256 random bits.
    pub fn verifier(&self) -> CodeVerifier {
        CodeVerifier::new(self.verifier.as_str())
    }

    /// The nonce that the ID token must repeat (OpenID Connect Core section 3.1.2.1).
    pub fn nonce(&self) -> &str {
        &self.nonce
    }

    const fn started_at(&self) -> Timestamp {
        Timestamp::from_seconds(self.started_at)
    }

    /// When the flow began or was last offered, in milliseconds: decides which flow is newest.
    pub const fn began_at(&self) -> Timestamp {
        Timestamp::from_millis(self.started_at().millis().saturating_add(self.started_at_millis))
    }

    /// When the flow expires.
    pub fn expires_at(&self) -> Timestamp {
        self.started_at().plus(LIFETIME)
    }

    /// Checks the state (in constant time), the channel and the age.
    pub fn verify(self, state: &State, posted: bool, now: Timestamp) -> Result<Verified, Error> {
        let state_hash = sha256(state.expose().as_bytes());
        let expected = URL_SAFE_NO_PAD.encode(state_hash);
        let same_state = bool::from(expected.as_bytes().ct_eq(self.state_hash.as_bytes()));
        if !same_state || (posted && self.channel == Channel::Redirect) {
            return Err(Error::StateMismatch);
        }
        if now >= self.expires_at() {
            return Err(Error::StateExpired);
        }
        Ok(Verified { flow: self, state_hash })
    }
}

/// A flow whose state, browser and age were checked.
pub struct Verified {
    flow: Flow,
    state_hash: [u8; 32],
}

impl Verified {
    /// SHA-256 of the state in hexadecimal: the key under which it is spent.
    pub fn state_digest(&self) -> String {
        hex(&self.state_hash)
    }

    /// The flow.
    pub const fn flow(&self) -> &Flow {
        &self.flow
    }

    /// What the flow ends in, checked against today's lists. A session has another place to return
    /// to if its own is gone; a code has none.
    pub fn delivery(&self, origins: &Origins, uris: &ReturnUris) -> Result<Delivery, Error> {
        let Flow { return_to, code_request, .. } = &self.flow;
        if let Some(request) = code_request {
            return Ok(Delivery::Code(request.still_allowed(origins, uris)?));
        }
        let return_to = ReturnTo::parse(return_to, origins);
        Ok(Delivery::Session(return_to.unwrap_or_else(|_| ReturnTo::default_of(origins))))
    }

    /// Marks the state as spent. Only for the store, after it has recorded that.
    pub const fn spent(self) -> Redeemable {
        Redeemable(self)
    }
}

/// A flow whose state this request spent: its code may be exchanged, once.
pub struct Redeemable(Verified);

impl Redeemable {
    /// The flow.
    pub const fn flow(&self) -> &Flow {
        &self.0.flow
    }

    /// Whether `user` may finish this flow.
    pub fn admits(&self, user: &UserId) -> bool {
        self.flow().bound_to.as_deref().is_none_or(|bound| bound == user.as_str())
    }

    /// Whether consent was already forced.
    pub const fn consent_was_forced(&self) -> bool {
        self.0.flow.consent_forced
    }

    /// The same sign-in again, with forced consent.
    pub fn again_with_consent(&self, delivery: &Delivery) -> Beginning {
        let bound_to = self.flow().bound_to.as_deref().and_then(UserId::parse);
        Beginning {
            delivery: delivery.clone(),
            channel: self.flow().channel,
            invitation: Invitation {
                hint: bound_to.as_ref().map(|user| LoginHint::for_user(user, None)),
                bound_to,
                more_scopes: Scopes::parse(&self.flow().more_scopes),
                asked_again: self.flow().asked_again,
                ..Invitation::to_consent()
            },
        }
    }

    /// The same sign-in again, because Google required interaction; `None` if this was already the
    /// second try.
    pub fn asked_again(&self, delivery: &Delivery, force_consent: bool) -> Option<Beginning> {
        let mut beginning = self.again_with_consent(delivery);
        beginning.invitation.force_consent = force_consent || self.consent_was_forced();
        let is_first = !std::mem::replace(&mut beginning.invitation.asked_again, true);
        is_first.then_some(beginning)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Timestamp = Timestamp::from_seconds(1_000_000);

    fn allowed() -> Origins {
        Origins::parse("https://app.example.com,http://localhost:9100").unwrap()
    }

    fn beginning(channel: Channel) -> Beginning {
        let return_to = ReturnTo::default_of(&allowed());
        Beginning { delivery: Delivery::Session(return_to), channel, invitation: Invitation::default() }
    }

    #[test]
    fn a_flow_is_verified_by_its_own_state_alone() {
        let (flow, state) = Flow::begin(&beginning(Channel::Redirect), "client", NOW);
        let (_, other) = Flow::begin(&beginning(Channel::Redirect), "client", NOW);
        assert!(matches!(flow.clone().verify(&other, false, NOW), Err(Error::StateMismatch)));
        assert!(flow.verify(&state, false, NOW).is_ok());
    }

    #[test]
    fn a06_a_flow_ends_after_ten_minutes() {
        let (flow, state) = Flow::begin(&beginning(Channel::Redirect), "client", NOW);
        let last = NOW.plus(Duration::from_secs(599));
        assert!(flow.clone().verify(&state, false, last).is_ok());
        let late = NOW.plus(LIFETIME);
        assert!(matches!(flow.verify(&state, false, late), Err(Error::StateExpired)));
    }

    #[test]
    fn a14_a_redirect_flow_is_not_finished_by_a_post() {
        let (flow, state) = Flow::begin(&beginning(Channel::Redirect), "client", NOW);
        assert!(matches!(flow.verify(&state, true, NOW), Err(Error::StateMismatch)));
        let (flow, state) = Flow::begin(&beginning(Channel::RedirectOrPost), "client", NOW);
        assert!(flow.verify(&state, true, NOW).is_ok());
    }

    #[test]
    fn a12_a13_the_verifier_is_long_random_and_not_in_the_state() {
        let (flow, state) = Flow::begin(&beginning(Channel::Redirect), "client", NOW);
        assert_eq!(flow.verifier().expose().len(), 43);
        assert_ne!(flow.verifier().expose(), state.expose());
    }

    #[test]
    fn a25_a_return_to_that_is_no_longer_allowed_becomes_the_default() {
        let (flow, state) = Flow::begin(&beginning(Channel::Redirect), "client", NOW);
        let verified = flow.verify(&state, false, NOW).unwrap();
        let today = Origins::parse("https://new.example.com").unwrap();
        let delivery = verified.delivery(&today, &ReturnUris::default());
        assert!(matches!(delivery, Ok(Delivery::Session(to)) if to.as_str() == "https://new.example.com/"));
    }

    #[test]
    fn a_cookie_of_the_version_before_opens_and_that_version_finds_its_members_in_ours() {
        let (flow, state) = Flow::begin(&beginning(Channel::Redirect), "client", NOW);
        let flow = flow.with_unanswered("attempt");
        let mut members = serde_json::to_value(&flow).unwrap();
        let old = ["s", "v", "n", "r", "c", "f", "t"];
        members.as_object_mut().unwrap().retain(|name, _| old.contains(&name.as_str()));
        assert_eq!(members.as_object().unwrap().len(), old.len());
        let of_old: Flow = serde_json::from_value(members).unwrap();
        assert_eq!((of_old.client_id(), of_old.is_spent(), of_old.was_offered()), (None, false, false));
        assert_eq!(of_old.began_at(), NOW);
        assert!(of_old.verify(&state, false, NOW).is_ok());
    }

    #[test]
    fn f16_of_the_attempts_that_gave_up_the_newest_four_are_known() {
        let (flow, _) = Flow::begin(&beginning(Channel::Redirect), "client", NOW);
        let attempts = ["1", "2", "3", "4", "5", "6"];
        let flow = attempts.iter().fold(flow, |flow, attempt| flow.with_unanswered(attempt));
        assert_eq!(flow.unanswered(), &attempts[2..]);
        assert!(flow.over().unanswered().is_empty() && flow.over().is_spent() && !flow.is_spent());
    }
}
