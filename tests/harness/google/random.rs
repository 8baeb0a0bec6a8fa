//! Random text for codes, tokens and identifiers; the fake's only source of chance.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ring::rand::{SecureRandom as _, SystemRandom};

/// The system's random source.
#[expect(
    clippy::disallowed_methods,
    reason = "the harness stands outside the functions and has no shared::random"
)]
pub(super) fn source() -> SystemRandom {
    SystemRandom::new()
}

/// `prefix` and random URL-safe characters, `length` in all.
pub(super) fn text(prefix: &str, length: usize) -> String {
    let mut buffer = vec![0; length];
    source().fill(&mut buffer).expect("the system has random bytes");
    let mut text = format!("{prefix}{}", URL_SAFE_NO_PAD.encode(buffer));
    text.truncate(length);
    text
}
