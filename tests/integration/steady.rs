//! Snapshots of what is random in parts: one filter takes the random parts out, and leaves how long they are.

use regex_lite::Regex;

/// What is random (a state, a nonce, a challenge, a sealed cookie, a port of loopback) becomes a word, for comparison
/// with an inline snapshot.
pub(super) fn steady(text: &str) -> String {
    let filters = [
        (r"\b(state|nonce|code_challenge)=[\w-]{43}(&|$)", "$1=[43 random]$2"),
        (r"__Host-flow-[\w-]{6}=", "__Host-flow-[6 of state]="),
        (r"=v1\.(k\d)\.[\w.-]{80,}", "=[sealed by $1]"),
        (r"http://127\.0\.0\.1:\d+", "[google]"),
    ];
    let text = filters.iter().fold(text.to_owned(), |text, (random, word)| {
        Regex::new(random).unwrap().replace_all(&text, *word).into_owned()
    });
    text.replace('&', "\n&")
}
