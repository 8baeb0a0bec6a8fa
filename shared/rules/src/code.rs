//! One-time codes: what a sign-in gives a front end to redeem for a session (RFC 6749 section 4.1.2).

use std::time::Duration;

use subtle::ConstantTimeEq;

use crate::credential::Credential;
use crate::digest::{hex, sha256};
use crate::flow::CodeRequest;
use crate::pkce::Challenge;
use crate::random;
use crate::secret::{CodeVerifier, OneTimeCode};
use crate::time::Timestamp;
use crate::user::UserId;

/// How long a code can be redeemed. A page redeems at once; RFC 6749 allows ten minutes.
pub const LIFETIME: Duration = Duration::from_mins(1);
/// How long a code's row is kept after that, to recognise a second attempt.
const MEMORY: Duration = Duration::from_hours(1);

/// A new code of 256 random bits.
pub fn new() -> OneTimeCode {
    OneTimeCode::new(random::token())
}

/// Parses a code as this API issues it.
pub fn parse(text: &str) -> Option<OneTimeCode> {
    random::is_token(text).then(|| OneTimeCode::new(text))
}

/// SHA-256 of a code in hexadecimal: its row's key.
pub fn digest(code: &OneTimeCode) -> String {
    hex(&sha256(code.expose().as_bytes()))
}

/// A code's row, which never holds the code.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Issued {
    /// SHA-256 of the code in hexadecimal.
    pub digest: String,
    /// The user who signed in.
    pub user: UserId,
    /// The front end's PKCE challenge.
    pub challenge: Challenge,
    /// The address that the code was sent to, byte for byte.
    pub redirect_uri: String,
    /// The front end's name for itself.
    pub client_id: String,
    /// The era of the user's credential that it belongs to, like the session that it is for.
    pub era: Option<String>,
    /// When it was issued.
    pub issued_at: Timestamp,
    /// SHA-256 of the session token that it was redeemed for.
    pub redeemed_for: Option<String>,
}

/// What a front end sends with a code.
pub struct Proof {
    /// The PKCE verifier.
    pub verifier: CodeVerifier,
    /// The `redirect_uri` of the authorization request.
    pub redirect_uri: String,
    /// The `client_id` of the authorization request.
    pub client_id: String,
}

impl Issued {
    /// The row of `code`, issued now to the front end that asked for it.
    pub fn to(request: &CodeRequest, code: &OneTimeCode, credential: &Credential, now: Timestamp) -> Self {
        Self {
            digest: digest(code),
            user: credential.user.clone(),
            challenge: request.challenge.clone(),
            redirect_uri: request.answer_to.redirect_uri.as_str().to_owned(),
            client_id: request.client_id.clone(),
            era: credential.era.clone(),
            issued_at: now.whole_seconds(),
            redeemed_for: None,
        }
    }

    /// Until when the row is kept.
    pub fn kept_until(&self) -> Timestamp {
        self.issued_at.plus(LIFETIME + MEMORY)
    }

    /// Whether `proof` is that of the front end which asked for the code, and the code has not
    /// expired. Every part is compared, so that nobody learns which one was wrong.
    pub fn admits(&self, proof: &Proof, now: Timestamp) -> bool {
        let same = |a: &str, b: &str| bool::from(a.as_bytes().ct_eq(b.as_bytes()));
        self.challenge.is_of(&proof.verifier)
            & same(&self.redirect_uri, &proof.redirect_uri)
            & same(&self.client_id, &proof.client_id)
            & (now < self.issued_at.plus(LIFETIME))
    }

    /// Whether the user is still connected as when it was issued.
    pub fn belongs_to(&self, credential: &Credential) -> bool {
        credential.is_connected_since(self.era.as_deref(), self.issued_at)
    }
}
