//! One sign-in, from the authorization URL to the code: its state, PKCE, browser binding and expiry. Pure rules.
//!
//! The order of checks is a type: only [`Flow::verify`] makes a [`Verified`], only spending its state makes a
//! [`Redeemable`], and only that can be exchanged for tokens.

mod return_to;

use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::{Deserialize, Serialize};
use subtle::ConstantTimeEq;

pub use self::return_to::ReturnTo;
use crate::clock::Timestamp;
use crate::config::Origins;
use crate::error::{Error, Invitation};
use crate::random;
use crate::seal::{hex, sha256};
use crate::secret::{AuthorizationCode, CodeVerifier, State};
use crate::user::UserId;

/// How long a flow may take (RFC 6749 section 4.1.2 recommends ten minutes for a code).
pub const LIFETIME: Duration = Duration::from_mins(10);

/// The characters of a state: 32 bytes in base64url.
const STATE_LENGTH: usize = 43;
/// How many of them name the flow's cookie, so that several tabs can each have a flow.
const NAME_LENGTH: usize = 6;
/// The most bytes of a code; Google's own limit is 256.
const CODE_LIMIT: usize = 1024;

/// How a flow may be finished.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Channel {
    /// By Google's redirect alone.
    #[serde(rename = "r")]
    Redirect,
    /// By Google's redirect, or by a page that posts the code; only a page that asked for JSON gets such a flow.
    #[serde(rename = "p")]
    RedirectOrPost,
}

/// What the flow cookie holds, sealed.
#[derive(Clone, Serialize, Deserialize)]
pub struct Flow {
    #[serde(rename = "s")]
    state_hash: String,
    #[serde(rename = "v")]
    verifier: String,
    #[serde(rename = "n")]
    nonce: String,
    #[serde(rename = "r")]
    return_to: String,
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
}

/// What a flow begins with.
#[derive(Clone, Debug)]
pub struct Beginning {
    /// Where the browser goes in the end.
    pub return_to: ReturnTo,
    /// How the flow may be finished.
    pub channel: Channel,
    /// The user who must be the one to finish it, and the account to preselect.
    pub invitation: Invitation,
    /// Whether Google shows its consent page in any case (`prompt=consent`), which makes it issue a refresh token.
    pub force_consent: bool,
}

impl Flow {
    /// A new flow and its state.
    pub fn begin(beginning: &Beginning, now: Timestamp) -> (Self, State) {
        let state = random::token();
        let flow = Self {
            state_hash: URL_SAFE_NO_PAD.encode(sha256(state.as_bytes())),
            verifier: random::token(),
            nonce: random::token(),
            return_to: beginning.return_to.as_str().to_owned(),
            channel: beginning.channel,
            bound_to: beginning.invitation.bound_to.as_ref().map(|user| user.as_str().to_owned()),
            consent_forced: beginning.force_consent,
            asked_again: beginning.invitation.asked_again,
            started_at: now.seconds(),
        };
        (flow, State::new(state))
    }

    /// The PKCE verifier (RFC 7636 section 4.1): 43 characters, 256 random bits.
    pub fn verifier(&self) -> CodeVerifier {
        CodeVerifier::new(self.verifier.as_str())
    }

    /// The nonce that the ID token must repeat (OpenID Connect Core section 3.1.2.1).
    pub fn nonce(&self) -> &str {
        &self.nonce
    }

    /// When the flow began, in whole seconds.
    pub const fn started_at(&self) -> Timestamp {
        Timestamp::from_seconds(self.started_at)
    }

    /// When the flow is too old.
    pub fn expires_at(&self) -> Timestamp {
        self.started_at().plus(LIFETIME)
    }

    /// Checks that `state` is this flow's (in constant time), that the flow may be finished through `channel`, and
    /// that it is not too old.
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
    /// SHA-256 of the state in hexadecimal: the name under which it is spent.
    pub fn state_digest(&self) -> String {
        hex(&self.state_hash)
    }

    /// The flow.
    pub const fn flow(&self) -> &Flow {
        &self.flow
    }

    /// Where the browser goes, checked against the origins that are allowed today.
    pub fn return_to(&self, allowed: &Origins) -> ReturnTo {
        ReturnTo::parse(&self.flow.return_to, allowed).unwrap_or_else(|_| ReturnTo::default_of(allowed))
    }

    /// The flow as one whose state is spent. For the store alone, after it has recorded that.
    pub const fn spent(self) -> Redeemable {
        Redeemable(self)
    }
}

/// A flow whose state was spent by this very request: its code may be exchanged, once.
pub struct Redeemable(Verified);

impl Redeemable {
    /// The flow.
    pub const fn flow(&self) -> &Flow {
        &self.0.flow
    }

    /// Where the browser goes, checked against the origins that are allowed today.
    pub fn return_to(&self, allowed: &Origins) -> ReturnTo {
        self.0.return_to(allowed)
    }

    /// Whether `user` may finish this flow.
    pub fn admits(&self, user: &UserId) -> bool {
        self.flow().bound_to.as_deref().is_none_or(|bound| bound == user.as_str())
    }

    /// Whether the consent page was already forced.
    pub const fn consent_was_forced(&self) -> bool {
        self.0.flow.consent_forced
    }

    /// The same sign-in once more, through the consent page.
    pub fn again_with_consent(&self, allowed: &Origins) -> Beginning {
        let bound_to = self.flow().bound_to.as_deref().and_then(UserId::parse);
        Beginning {
            return_to: self.return_to(allowed),
            channel: self.flow().channel,
            invitation: Invitation {
                bound_to,
                asked_again: self.flow().asked_again,
                ..Invitation::default()
            },
            force_consent: true,
        }
    }

    /// The same sign-in once more through Google's page, for Google had to ask there; `None` when it was once more already.
    pub fn asked_again(&self, allowed: &Origins, force_consent: bool) -> Option<Beginning> {
        let mut beginning = self.again_with_consent(allowed);
        beginning.force_consent = force_consent || self.consent_was_forced();
        let is_first = !std::mem::replace(&mut beginning.invitation.asked_again, true);
        is_first.then_some(beginning)
    }
}

/// Whether `text` can be the rest of a flow cookie's name.
pub fn is_cookie_suffix(text: &str) -> bool {
    text.len() == NAME_LENGTH && text.bytes().all(is_state_byte)
}

/// The first characters of a state, which name its cookie.
pub fn cookie_suffix(state: &State) -> &str {
    &state.expose()[..NAME_LENGTH]
}

/// Takes a state of the form this API gives out: 43 characters of base64url.
pub fn parse_state(text: &str) -> Option<State> {
    let fits = text.len() == STATE_LENGTH && text.bytes().all(is_state_byte);
    fits.then(|| State::new(text))
}

/// The alphabet of base64url (RFC 4648 section 5).
const fn is_state_byte(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_'
}

/// Takes an authorization code: 1 to 1,024 visible ASCII characters (RFC 6749 appendix A.11, without the space).
pub fn parse_code(text: &str) -> Option<AuthorizationCode> {
    let fits = (1..=CODE_LIMIT).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_graphic());
    fits.then(|| AuthorizationCode::new(text))
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
        Beginning { return_to, channel, invitation: Invitation::default(), force_consent: false }
    }

    #[test]
    fn a_flow_is_verified_by_its_own_state_alone() {
        let (flow, state) = Flow::begin(&beginning(Channel::Redirect), NOW);
        let (_, other) = Flow::begin(&beginning(Channel::Redirect), NOW);
        assert!(matches!(flow.clone().verify(&other, false, NOW), Err(Error::StateMismatch)));
        assert!(flow.verify(&state, false, NOW).is_ok());
    }

    #[test]
    fn a06_a_flow_ends_after_ten_minutes() {
        let (flow, state) = Flow::begin(&beginning(Channel::Redirect), NOW);
        let last = NOW.plus(Duration::from_secs(599));
        assert!(flow.clone().verify(&state, false, last).is_ok());
        let late = NOW.plus(LIFETIME);
        assert!(matches!(flow.verify(&state, false, late), Err(Error::StateExpired)));
    }

    #[test]
    fn a14_a_redirect_flow_is_not_finished_by_a_post() {
        let (flow, state) = Flow::begin(&beginning(Channel::Redirect), NOW);
        assert!(matches!(flow.verify(&state, true, NOW), Err(Error::StateMismatch)));
        let (flow, state) = Flow::begin(&beginning(Channel::RedirectOrPost), NOW);
        assert!(flow.verify(&state, true, NOW).is_ok());
    }

    #[test]
    fn a12_a13_the_verifier_is_long_random_and_not_in_the_state() {
        let (flow, state) = Flow::begin(&beginning(Channel::Redirect), NOW);
        assert_eq!(flow.verifier().expose().len(), 43);
        assert_ne!(flow.verifier().expose(), state.expose());
    }

    #[test]
    fn a25_a_return_to_that_is_no_longer_allowed_becomes_the_default() {
        let (flow, state) = Flow::begin(&beginning(Channel::Redirect), NOW);
        let verified = flow.verify(&state, false, NOW).unwrap();
        let today = Origins::parse("https://new.example.com").unwrap();
        assert_eq!(verified.return_to(&today).as_str(), "https://new.example.com/");
    }

    #[test]
    fn b21_a_state_of_another_form_is_refused() {
        let long = "a".repeat(10_240);
        for text in ["", "short", &"a".repeat(42), &"a".repeat(44), &format!("{}=", "a".repeat(42)), &long] {
            assert!(parse_state(text).is_none());
        }
        assert!(parse_state(&"а".repeat(43)).is_none());
        assert!(parse_state(&"a".repeat(43)).is_some());
    }

    #[test]
    fn b09_b10_b14_a_code_is_bounded_visible_ascii() {
        assert!(parse_code(&"4/0A".repeat(256)).is_some());
        for text in ["", "a b", "a\0", "a\r", "a\n", "a\u{7f}", "é", &"x".repeat(1025)] {
            assert!(parse_code(text).is_none(), "{text:?}");
        }
    }
}
