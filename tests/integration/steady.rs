//! Snapshots of text with random parts: one filter removes those and keeps their lengths.

use regex_lite::Regex;

/// Replaces what is random (a state, nonce, challenge, sealed cookie or port) by a fixed word, for
/// comparison with an inline snapshot.
pub(super) fn steady(text: &str) -> String {
    let filters = [
        (r"\b(state|nonce|code_challenge)=[\w-]{43}(&|$)", "$1=[43 random]$2"),
        (r"__Host-flow-[\w-]{6}=", "__Host-flow-[6 of state]="),
        (r"__Host-session=v2\.(\d+)\.[\w-]{43};", "__Host-session=v2.$1.[32 random bytes];"),
        (r"=v1\.(k\d)\.[\w.-]{80,}", "=[sealed by $1]"),
        (r"http://127\.0\.0\.1:\d+", "[google]"),
    ];
    let text = filters.iter().fold(text.to_owned(), |text, (random, word)| {
        Regex::new(random).unwrap().replace_all(&text, *word).into_owned()
    });
    text.replace('&', "\n&")
}
