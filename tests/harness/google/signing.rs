//! Signs ID tokens with RS256 and publishes the key.
//!
//! The key in `fixtures/` was made for this fake. It is public and protects nothing.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ring::rand::SystemRandom;
use ring::rsa::PublicKeyComponents;
use ring::signature::{RSA_PKCS1_SHA256, RsaKeyPair};
use serde_json::{Value, json};

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
    #[expect(clippy::disallowed_methods, reason = "ring takes its own source of randomness")]
    pub(super) fn sign(&self, claims: &Value) -> String {
        let encode = |part: &Value| URL_SAFE_NO_PAD.encode(part.to_string());
        let header = json!({"alg": "RS256", "kid": KEY_ID, "typ": "JWT"});
        let token = format!("{}.{}", encode(&header), encode(claims));
        let mut signature = vec![0; self.0.public().modulus_len()];
        self.0
            .sign(&RSA_PKCS1_SHA256, &SystemRandom::new(), token.as_bytes(), &mut signature)
            .expect("a 2048-bit key signs any message");
        format!("{token}.{}", URL_SAFE_NO_PAD.encode(signature))
    }

    /// The JWK set.
    pub(super) fn certificates(&self) -> Value {
        let public = PublicKeyComponents::<Vec<u8>>::from(self.0.public());
        let (n, e) = (URL_SAFE_NO_PAD.encode(public.n), URL_SAFE_NO_PAD.encode(public.e));
        json!({"keys": [{"kty": "RSA", "use": "sig", "alg": "RS256", "kid": KEY_ID, "n": n, "e": e}]})
    }
}
