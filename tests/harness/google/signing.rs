//! Signs ID tokens with RS256 and publishes the key.
//!
//! The key in `fixtures/` was made for this fake alone. It is public and protects nothing.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ring::rsa::PublicKeyComponents;
use ring::signature::{RSA_PKCS1_SHA256, RsaKeyPair};
use serde_json::{Value, json};

use super::random;

const KEY: &[u8] = include_bytes!("../fixtures/fake_google_signing_key.der");
const KEY_ID: &str = "fakegoogle0000000000000000000000000000001";

/// Holds the signing key.
#[derive(Debug)]
pub(super) struct Signer(RsaKeyPair);

impl Signer {
    pub(super) fn new() -> Self {
        Self(RsaKeyPair::from_pkcs8(KEY).expect("the fixture is an RSA key in PKCS#8"))
    }

    /// A compact JWT of these claims.
    pub(super) fn sign(&self, claims: &Value) -> String {
        let header = json!({"alg": "RS256", "kid": KEY_ID, "typ": "JWT"});
        let mut token = format!("{}.{}", encode(&header.to_string()), encode(&claims.to_string()));
        let mut signature = vec![0; self.0.public().modulus_len()];
        self.0
            .sign(&RSA_PKCS1_SHA256, &random::source(), token.as_bytes(), &mut signature)
            .expect("a 2048-bit key signs any message");
        token.push('.');
        token.push_str(&URL_SAFE_NO_PAD.encode(signature));
        token
    }

    /// The claims of a token that this key signed.
    pub(super) fn claims(&self, token: &str) -> Option<Value> {
        let payload = token.split('.').nth(1)?;
        let claims = serde_json::from_slice(&URL_SAFE_NO_PAD.decode(payload).ok()?).ok()?;
        // RS256 is deterministic and the header is fixed, so signing again is a check.
        (self.sign(&claims) == token).then_some(claims)
    }

    /// The JWK set.
    pub(super) fn certificates(&self) -> Value {
        let public = PublicKeyComponents::<Vec<u8>>::from(self.0.public());
        json!({"keys": [{
            "kty": "RSA",
            "use": "sig",
            "alg": "RS256",
            "kid": KEY_ID,
            "n": URL_SAFE_NO_PAD.encode(public.n),
            "e": URL_SAFE_NO_PAD.encode(public.e),
        }]})
    }
}

fn encode(json: &str) -> String {
    URL_SAFE_NO_PAD.encode(json)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_is_known_by_its_signature() {
        let signer = Signer::new();
        let token = signer.sign(&json!({"sub": "1"}));
        assert_eq!(signer.claims(&token), Some(json!({"sub": "1"})));
        let forged = format!("{}.{}", token.rsplit_once('.').expect("a signature").0, "AAAA");
        assert_eq!(signer.claims(&forged), None);
        assert_eq!(signer.certificates()["keys"][0]["e"], "AQAB");
    }
}
