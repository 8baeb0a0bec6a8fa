//! Who a user is: Google's `sub`, the e-mail for display, and the hint that preselects an account.

use std::fmt;

/// The most characters of a displayed text that are kept.
const DISPLAY_LIMIT: usize = 256;

/// A Google account's stable identifier: the ID token's `sub` (OpenID Connect Core section 2: at most 255 ASCII
/// characters), which UserInfo v2 calls `id`. The only key of a user.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct UserId(String);

impl UserId {
    /// Takes `sub` if it has the form the standard gives it.
    pub fn parse(sub: &str) -> Option<Self> {
        let fits = (1..=255).contains(&sub.len()) && sub.bytes().all(|byte| byte.is_ascii_graphic());
        fits.then(|| Self(sub.to_owned()))
    }

    /// The identifier's text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for UserId {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("[user]")
    }
}

/// An e-mail address as Google gave it: shown to its owner, used for no decision.
#[derive(Clone, PartialEq, Eq)]
pub struct Email(String);

impl Email {
    /// Takes an address for display, cut after 256 characters; control characters make it unusable.
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

/// A `login_hint` for Google's account chooser (OpenID Connect Core section 3.1.2.1): an e-mail address or a `sub`.
/// It goes to Google, percent-encoded, and nowhere else.
#[derive(Clone, PartialEq, Eq)]
pub struct LoginHint(String);

impl LoginHint {
    /// Takes a hint of 1 to 320 characters with at most one `@` and no control or bidirectional-format character.
    pub fn parse(hint: &str) -> Option<Self> {
        let length = hint.chars().count();
        let fits = (1..=320).contains(&length)
            && hint.matches('@').count() <= 1
            && !hint.chars().any(|character| character.is_control() || is_bidirectional_control(character));
        fits.then(|| Self(hint.to_owned()))
    }

    /// The hint for a user who is known: the e-mail when there is a usable one, else the `sub`.
    pub fn for_user(user: &UserId, email: Option<&Email>) -> Self {
        email.and_then(|email| Self::parse(email.as_str())).unwrap_or_else(|| Self(user.as_str().to_owned()))
    }

    /// The hint's text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for LoginHint {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("[login hint]")
    }
}

/// Whether a character changes the direction of the text around it (Unicode UAX #9), which hides what a text says.
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
