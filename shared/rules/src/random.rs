//! Random values from the operating system. The only file that asks for randomness.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ring::rand::{SecureRandom, SystemRandom};

/// `N` random bytes.
///
/// # Panics
///
/// If the operating system provides no randomness.
#[expect(clippy::disallowed_methods, reason = "the one place that asks for randomness")]
pub fn bytes<const N: usize>() -> [u8; N] {
    let mut bytes = [0; N];
    SystemRandom::new().fill(&mut bytes).expect("the operating system gives random bytes");
    bytes
}

/// 32 random bytes as 43 characters of base64url (RFC 4648 section 5): an unguessable secret.
pub fn token() -> String {
    URL_SAFE_NO_PAD.encode(bytes::<32>())
}

/// Whether `text` has the form of [`token`], and of an S256 challenge: 43 characters of base64url.
pub fn is_token(text: &str) -> bool {
    text.len() == 43 && text.bytes().all(is_base64url)
}

/// Whether `byte` is of the base64url alphabet (RFC 4648 section 5).
pub const fn is_base64url(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_'
}

/// 16 random bytes as 22 characters of base64url: a unique name.
pub fn identifier() -> String {
    URL_SAFE_NO_PAD.encode(bytes::<16>())
}

/// 8 random bytes as 11 characters of base64url: a name that is unique within one item's history.
pub fn mark() -> String {
    URL_SAFE_NO_PAD.encode(bytes::<8>())
}

/// A random number from 0 to `limit_milliseconds`, for backoff with full jitter.
pub fn jitter(limit_milliseconds: u64) -> u64 {
    u64::from_le_bytes(bytes::<8>()) % limit_milliseconds.saturating_add(1)
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn a09_a_hundred_thousand_tokens_are_unique_and_of_full_length() {
        let tokens: HashSet<String> = (0..100_000).map(|_| token()).collect();
        assert_eq!(tokens.len(), 100_000);
        assert!(tokens.iter().all(|token| is_token(token)));
    }

    #[test]
    fn jitter_stays_within_its_limit() {
        assert!((0..1_000).all(|_| jitter(50) <= 50));
        assert_eq!(jitter(0), 0);
    }
}
