//! Signs ID tokens with RS256 and publishes the key.
//!
//! The key in `fixtures/` was made for this fake alone. It is public and protects nothing.

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use ring::rsa::PublicKeyComponents;
use ring::signature::{RSA_PKCS1_SHA256, RsaKeyPair};
use serde_json::{Value, json};

use super::random;

const KEY: &[u8] = include_bytes!("../fixtures/fake_google_signing_key.der");
const KEY_ID: &str = "fakegoogle0000000000000000000000000000001";

/// The beginning of a SubjectPublicKeyInfo (RFC 5280) around an RSA key of 2048 bits with the
/// exponent 65537.
const RSA_2048: [u8; 24] = [
    0x30, 0x82, 0x01, 0x22, 0x30, 0x0d, 0x06, 0x09, 0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x01, 0x01,
    0x05, 0x00, 0x03, 0x82, 0x01, 0x0f, 0x00,
];

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

    /// The key as PEM, by its ID. Google sends a certificate here; its libraries take a bare key in
    /// its place.
    pub(super) fn public_key(&self) -> Value {
        let der = STANDARD.encode([&RSA_2048[..], self.0.public().as_ref()].concat());
        json!({KEY_ID: format!("-----BEGIN PUBLIC KEY-----\n{der}\n-----END PUBLIC KEY-----\n")})
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
