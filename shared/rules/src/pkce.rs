//! Proof Key for Code Exchange (RFC 7636) of the front ends. Only S256: `plain` would let whoever sees
//! the authorization request redeem the code.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::{Deserialize, Serialize};
use subtle::ConstantTimeEq;

use crate::digest::sha256;
use crate::random;
use crate::secret::CodeVerifier;

/// The SHA-256 of a verifier: 43 characters of base64url.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Challenge(String);

impl Challenge {
    /// Parses a `code_challenge` of the method S256.
    pub fn parse(text: &str) -> Option<Self> {
        random::is_token(text).then(|| Self(text.to_owned()))
    }

    /// The text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether this is the challenge of `verifier`; compared in constant time.
    pub fn is_of(&self, verifier: &CodeVerifier) -> bool {
        let expected = URL_SAFE_NO_PAD.encode(sha256(verifier.expose().as_bytes()));
        expected.as_bytes().ct_eq(self.0.as_bytes()).into()
    }
}

/// Parses a `code_verifier`: 43 to 128 unreserved characters (RFC 7636 section 4.1).
pub fn parse_verifier(text: &str) -> Option<CodeVerifier> {
    let is_unreserved = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~".contains(&byte);
    let fits = (43..=128).contains(&text.len()) && text.bytes().all(is_unreserved);
    fits.then(|| CodeVerifier::new(text))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// RFC 7636 appendix B.
    const VERIFIER: &str = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk";
    const CHALLENGE: &str = "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM";

    #[test]
    fn a_challenge_is_of_its_own_verifier_alone() {
        let challenge = Challenge::parse(CHALLENGE).unwrap();
        assert!(challenge.is_of(&parse_verifier(VERIFIER).unwrap()));
        assert!(!challenge.is_of(&parse_verifier(CHALLENGE).unwrap()));
    }

    #[test]
    fn b71_b73_other_forms_are_refused() {
        let (padded, long) = (format!("{CHALLENGE}="), "a".repeat(129));
        for text in ["", "short", &padded, &CHALLENGE[1..], &CHALLENGE.replace('-', "+"), &"é".repeat(22)] {
            assert!(Challenge::parse(text).is_none(), "{text}");
        }
        for text in ["", &VERIFIER[1..], &long, &format!("{VERIFIER} "), &format!("{VERIFIER}/")] {
            assert!(parse_verifier(text).is_none(), "{text}");
        }
        assert!(parse_verifier(&long[1..]).is_some());
    }
}
