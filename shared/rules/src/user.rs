//! A user's identity: Google's `sub`, the e-mail address for display, and the login hint.

use std::fmt;

/// In characters.
const DISPLAY_LIMIT: usize = 256;

/// A Google account's stable ID, the only key of a user: `sub` in the ID token (at most 255 ASCII
/// characters, OpenID Connect Core section 2), `id` in UserInfo v2.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct UserId(String);

impl UserId {
    /// Parses a `sub`: 1 to 255 visible ASCII characters.
    pub fn parse(sub: &str) -> Option<Self> {
        let fits = (1..=255).contains(&sub.len()) && sub.bytes().all(|byte| byte.is_ascii_graphic());
        fits.then(|| Self(sub.to_owned()))
    }

    /// The ID.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for UserId {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("[user]")
    }
}

/// An e-mail address from Google. Only for display: no decision depends on it.
#[derive(Clone, PartialEq, Eq)]
pub struct Email(String);

impl Email {
    /// Takes an address without control characters, cut after 256 characters.
    pub fn for_display(address: &str) -> Option<Self> {
        let unusable = address.is_empty() || address.chars().any(char::is_control);
        (!unusable).then(|| Self(address.chars().take(DISPLAY_LIMIT).collect()))
    }

    /// The address.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Email {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("[email]")
    }
}

/// A `login_hint` (OpenID Connect Core section 3.1.2.1): an e-mail address or a `sub`. It is sent
/// only to Google, percent-encoded.
#[derive(Clone, PartialEq, Eq)]
pub struct LoginHint(String);

impl LoginHint {
    /// Parses 1 to 320 characters with at most one `@` and no control or bidirectional-format
    /// character.
    pub fn parse(hint: &str) -> Option<Self> {
        let length = hint.chars().count();
        let fits = (1..=320).contains(&length)
            && hint.matches('@').count() <= 1
            && !hint.chars().any(|character| character.is_control() || is_bidirectional_control(character));
        fits.then(|| Self(hint.to_owned()))
    }

    /// The hint for a known user: the e-mail address if usable, else the `sub`.
    pub(crate) fn for_user(user: &UserId, email: Option<&Email>) -> Self {
        email.and_then(|email| Self::parse(email.as_str())).unwrap_or_else(|| Self(user.as_str().to_owned()))
    }

    /// The hint.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for LoginHint {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("[login hint]")
    }
}

/// Whether a character changes the direction of text (Unicode UAX #9), which can disguise it.
pub fn is_bidirectional_control(character: char) -> bool {
    matches!(character, '\u{061C}' | '\u{200E}' | '\u{200F}' | '\u{202A}'..='\u{202E}' | '\u{2066}'..='\u{2069}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sub_is_short_printable_ascii() {
        assert!(UserId::parse("110169484474386276334").is_some());
        for wrong in ["", " ", "a b", "é", "a\n", &"1".repeat(256)] {
            assert!(UserId::parse(wrong).is_none(), "{wrong:?}");
        }
    }

    #[test]
    fn b52_a_hint_that_no_account_can_have_is_refused() {
        for wrong in ["", "a@b@c", "a\r\n@b", "a\0", "a\u{202E}@b", &"x".repeat(321)] {
            assert!(LoginHint::parse(wrong).is_none(), "{wrong:?}");
        }
    }

    #[test]
    fn b53_a_strange_hint_is_only_data() {
        for hint in ["аdmin@gmail.com", "\"><script>", "110169484474386276334"] {
            assert_eq!(LoginHint::parse(hint).as_ref().map(LoginHint::as_str), Some(hint));
        }
    }

    #[test]
    fn b66_a_displayed_address_is_cut_and_has_no_control_characters() {
        let long = "x".repeat(100_000);
        assert_eq!(Email::for_display(&long).map(|email| email.as_str().len()), Some(256));
        assert!(Email::for_display("a\u{0007}@b").is_none());
    }
}
