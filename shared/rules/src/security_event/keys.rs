//! Google's public keys (RFC 7517), for RS256.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::Deserialize;

/// The most keys that are kept. Google has two or three.
const KEYS_LIMIT: usize = 16;

/// An RSA key.
#[derive(Clone, PartialEq, Eq)]
pub struct PublicKey {
    pub(super) modulus: Vec<u8>,
    pub(super) exponent: Vec<u8>,
}

/// The keys that Google publishes, by their IDs.
#[derive(Default)]
pub struct Keys(Vec<(String, PublicKey)>);

#[derive(Deserialize)]
struct Set {
    keys: Vec<Key>,
}

/// The members that an RSA key for signatures has. A key of another type lacks some.
#[derive(Deserialize)]
struct Key {
    kid: Option<String>,
    kty: String,
    alg: Option<String>,
    n: Option<String>,
    e: Option<String>,
}

impl Keys {
    /// Reads a JWK set. Keys of other types are left out; `None` if no key is left.
    pub fn parse(json: &[u8]) -> Option<Self> {
        let set: Set = super::object(json)?;
        let keys: Vec<_> = set.keys.into_iter().filter_map(usable).take(KEYS_LIMIT).collect();
        (!keys.is_empty()).then_some(Self(keys))
    }

    /// The key with this ID.
    pub fn get(&self, id: &str) -> Option<&PublicKey> {
        self.0.iter().find(|(known, _)| known == id).map(|(_, key)| key)
    }
}

fn usable(key: Key) -> Option<(String, PublicKey)> {
    let is_for_us = key.kty == "RSA" && key.alg.as_deref().is_none_or(|algorithm| algorithm == "RS256");
    let bytes = |text: Option<String>| URL_SAFE_NO_PAD.decode(text?).ok();
    let key = is_for_us.then_some(key)?;
    Some((key.kid?, PublicKey { modulus: bytes(key.n)?, exponent: bytes(key.e)? }))
}
