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

/// URL-safe text that holds `bytes` random bytes.
pub(super) fn text(bytes: usize) -> String {
    let mut buffer = vec![0; bytes];
    source().fill(&mut buffer).expect("the system has random bytes");
    URL_SAFE_NO_PAD.encode(buffer)
}
