//! Random text for codes and tokens, and how long it is; the fake's only source of chance.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ring::rand::{SecureRandom as _, SystemRandom};

/// How long codes and tokens are, in characters.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Lengths {
    pub(super) code: usize,
    pub(super) access: usize,
    pub(super) refresh: usize,
}

impl Lengths {
    /// As recorded.
    pub(super) const USUAL: Self = Self { code: 73, access: 163, refresh: 103 };
    /// As long as Google's documentation says that they may become.
    pub(super) const LONGEST: Self = Self { code: 256, access: 2048, refresh: 512 };
}

impl Default for Lengths {
    fn default() -> Self {
        Self::USUAL
    }
}

/// The system's random source.
#[expect(
    clippy::disallowed_methods,
    reason = "the harness stands outside the functions and has no postern_rules::random"
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
