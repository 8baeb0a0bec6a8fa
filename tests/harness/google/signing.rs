//! Signs ID tokens and security events with RS256 and publishes the key.
//!
//! The key in `fixtures/` was made for this fake. It is public and protects nothing.

use std::sync::{Mutex, PoisonError};

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ring::rand::SystemRandom;
use ring::rsa::PublicKeyComponents;
use ring::signature::{RSA_PKCS1_2048_8192_SHA256, RSA_PKCS1_SHA256, RsaKeyPair};
use serde_json::{Value, json};

pub(super) const KEY: &[u8] = include_bytes!("../fixtures/fake_google_signing_key.der");
pub(super) const KEY_ID: &str = "fakegoogle0000000000000000000000000000001";

/// Holds the signing key and its name.
#[derive(Debug)]
pub(super) struct Signer {
    key: RsaKeyPair,
    id: Mutex<String>,
}

impl Signer {
    pub(super) fn new() -> Self {
        let key = RsaKeyPair::from_pkcs8(KEY).expect("the fixture is an RSA key in PKCS#8");
        Self { key, id: Mutex::new(KEY_ID.to_owned()) }
    }

    fn id(&self) -> String {
        self.id.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Gives the key another name.
    pub(super) fn rename(&self, id: &str) {
        id.clone_into(&mut self.id.lock().unwrap_or_else(PoisonError::into_inner));
    }

    /// A compact JWT of these claims.
    pub(super) fn sign(&self, claims: &Value) -> String {
        let encode = |part: &Value| URL_SAFE_NO_PAD.encode(part.to_string());
        let header = json!({"alg": "RS256", "kid": self.id(), "typ": "JWT"});
        self.signed(&format!("{}.{}", encode(&header), encode(claims)))
    }

    /// The header and claims of a JWT with their signature.
    #[expect(clippy::disallowed_methods, reason = "ring takes its own source of randomness")]
    pub(super) fn signed(&self, token: &str) -> String {
        let mut signature = vec![0; self.key.public().modulus_len()];
        self.key
            .sign(&RSA_PKCS1_SHA256, &SystemRandom::new(), token.as_bytes(), &mut signature)
            .expect("a 2048-bit key signs any message");
        format!("{token}.{}", URL_SAFE_NO_PAD.encode(signature))
    }

    /// The claims of a token that was signed with this key.
    pub(super) fn verified(&self, token: &str) -> Option<Value> {
        let (signed, signature) = token.rsplit_once('.')?;
        let signature = URL_SAFE_NO_PAD.decode(signature).ok()?;
        let public = PublicKeyComponents::<Vec<u8>>::from(self.key.public());
        public.verify(&RSA_PKCS1_2048_8192_SHA256, signed.as_bytes(), &signature).ok()?;
        let (_, claims) = signed.split_once('.')?;
        serde_json::from_slice(&URL_SAFE_NO_PAD.decode(claims).ok()?).ok()
    }

    /// The JWK set.
    pub(super) fn certificates(&self) -> Value {
        let public = PublicKeyComponents::<Vec<u8>>::from(self.key.public());
        let (n, e) = (URL_SAFE_NO_PAD.encode(public.n), URL_SAFE_NO_PAD.encode(public.e));
        json!({"keys": [{"kty": "RSA", "use": "sig", "alg": "RS256", "kid": self.id(), "n": n, "e": e}]})
    }
}
