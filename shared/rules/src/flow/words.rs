//! Parses state and code, strictly in the form in which they were issued.

use crate::random;
use crate::secret::{AuthorizationCode, State};

/// Length of the state's prefix in the flow cookie's name. Each tab can have its own flow.
const NAME_LENGTH: usize = 6;
/// Google's own limit is 256 bytes.
const CODE_LIMIT: usize = 1024;

/// Whether `text` is a possible suffix of a flow cookie's name.
pub fn is_cookie_suffix(text: &str) -> bool {
    text.len() == NAME_LENGTH && text.bytes().all(random::is_base64url)
}

/// The prefix of the state that names its cookie.
pub fn cookie_suffix(state: &State) -> &str {
    &state.expose()[..NAME_LENGTH]
}

/// Parses a state as this API issues it.
pub fn parse_state(text: &str) -> Option<State> {
    random::is_token(text).then(|| State::new(text))
}

/// Parses an authorization code: 1 to 1,024 visible ASCII characters (RFC 6749 appendix A.11,
/// without spaces).
pub fn parse_code(text: &str) -> Option<AuthorizationCode> {
    let fits = (1..=CODE_LIMIT).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_graphic());
    fits.then(|| AuthorizationCode::new(text))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn b21_a_state_of_another_form_is_refused() {
        let long = "a".repeat(10_240);
        for text in ["", "short", &"a".repeat(42), &"a".repeat(44), &format!("{}=", "a".repeat(42)), &long] {
            assert!(parse_state(text).is_none());
        }
        assert!(parse_state(&"а".repeat(43)).is_none());
        assert!(parse_state(&"a".repeat(43)).is_some());
    }

    #[test]
    fn b09_b10_b14_a_code_is_bounded_visible_ascii() {
        assert!(parse_code(&"4/0A".repeat(256)).is_some());
        for text in ["", "a b", "a\0", "a\r", "a\n", "a\u{7f}", "é", &"x".repeat(1025)] {
            assert!(parse_code(text).is_none(), "{text:?}");
        }
    }
}
