//! One line of an import file: a refresh token from another system, and what that system says about
//! its owner. Nothing of a line is ever shown: its defects are fixed sentences.

use serde::Deserialize;
use zeroize::Zeroizing;

use crate::digest::{hex, sha256};
use crate::secret::RefreshToken;
use crate::user::{Email, LoginHint, UserId};

/// The most bytes of a line, without its end.
pub const LINE_LIMIT: usize = 64 * 1024;
/// Four times the 512 bytes that Google documents as the maximum of a refresh token.
const TOKEN_LIMIT: usize = 4 * 512;

/// What is wrong with a line.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Defect {
    /// It is longer than [`LINE_LIMIT`].
    #[error("the line is longer than 64 KiB")]
    TooLong,
    /// It is not UTF-8, or has a byte order mark or a control character.
    #[error("the line is not UTF-8 text without byte order mark and control characters")]
    NotText,
    /// It is not a JSON object with the known members.
    #[error("the line is not a JSON object with the member refresh_token, and at most email and sub")]
    NotAnEntry,
    /// No refresh token of Google has this form.
    #[error("refresh_token is not 1 to 2048 visible ASCII characters")]
    NotAToken,
    /// No Google user has this ID.
    #[error("sub is not 1 to 255 visible ASCII characters")]
    NotAUser,
    /// No account has this address.
    #[error("email is not an address")]
    NotAnAddress,
}

/// A refresh token, and whose it is according to the file.
#[derive(Clone, Debug)]
pub struct Entry {
    /// The token. The caller replaces it when Google has replaced it.
    pub refresh_token: RefreshToken,
    user: Option<UserId>,
    email: Option<LoginHint>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Wire {
    refresh_token: Zeroizing<String>,
    email: Option<String>,
    sub: Option<String>,
}

impl Entry {
    /// Parses a line without its end: `{"refresh_token": "...", "email": "...", "sub": "..."}`, of
    /// which the last two may be null or missing. Refuses unknown and repeated members.
    pub fn parse(line: &[u8]) -> Result<Self, Defect> {
        if line.len() > LINE_LIMIT {
            return Err(Defect::TooLong);
        }
        let text = std::str::from_utf8(line).map_err(|_| Defect::NotText)?;
        if text.chars().any(|character| character.is_control() || character == '\u{FEFF}') {
            return Err(Defect::NotText);
        }
        // serde would also take a list of the members' values.
        let wire = Some(text).filter(|text| text.trim_start().starts_with('{'));
        let wire: Wire = wire.and_then(|text| serde_json::from_str(text).ok()).ok_or(Defect::NotAnEntry)?;
        let token = wire.refresh_token;
        let is_token =
            (1..=TOKEN_LIMIT).contains(&token.len()) && token.bytes().all(|byte| byte.is_ascii_graphic());
        if !is_token {
            return Err(Defect::NotAToken);
        }
        let address = |text: String| LoginHint::parse(&text).filter(|_| text.contains('@'));
        Ok(Self {
            refresh_token: RefreshToken::new(token.as_str()),
            user: wire.sub.map(|sub| UserId::parse(&sub).ok_or(Defect::NotAUser)).transpose()?,
            email: wire.email.map(|email| address(email).ok_or(Defect::NotAnAddress)).transpose()?,
        })
    }

    /// Whether the file agrees with Google on the owner. An address that the file has must be
    /// Google's, in upper or lower case. It only checks: the key of a user is Google's ID.
    pub fn is_of(&self, user: &UserId, email: Option<&Email>) -> bool {
        let is_same = |named: &LoginHint| {
            email.is_some_and(|email| email.as_str().to_lowercase() == named.as_str().to_lowercase())
        };
        self.user.as_ref().is_none_or(|named| named == user) && self.email.as_ref().is_none_or(is_same)
    }
}

/// The name of a secret text in a journal: SHA-256, with a salt.
pub fn mark(salt: &str, text: &[u8]) -> String {
    hex(&sha256(&[salt.as_bytes(), b"\0", text].concat()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn defect(line: impl AsRef<[u8]>) -> Option<Defect> {
        Entry::parse(line.as_ref()).err()
    }

    #[test]
    fn an_entry_has_a_token_and_may_name_its_owner() {
        for line in [
            r#"{"refresh_token":"1//0abc"}"#,
            r#" { "email": "ann@example.com", "sub": "1", "refresh_token": "1//0abc" } "#,
            r#"{"refresh_token":"1//0abc","email":null,"sub":null}"#,
        ] {
            let entry = Entry::parse(line.as_bytes()).unwrap();
            assert_eq!(entry.refresh_token.expose(), "1//0abc");
            assert!(!format!("{entry:?}").contains("abc") && !format!("{entry:?}").contains("ann"));
        }
    }

    #[test]
    fn b82_a_line_that_is_no_entry_is_refused_in_fixed_words() {
        for line in [
            "",
            " ",
            "null",
            "7",
            "\"1//0abc\"",
            "[]",
            r#"["1//0abc",null,null]"#,
            "{}",
            "{",
            "}",
            "not json",
            r#"{"refresh_token":"1//0abc"} {"refresh_token":"1//0abc"}"#,
            r#"{"refresh_token":"1//0abc"},"#,
            r#"{"refresh_token":null}"#,
            r#"{"refresh_token":7}"#,
            r#"{"refresh_token":["1//0abc"]}"#,
            r#"{"refreshToken":"1//0abc"}"#,
            r#"{"refresh_token":"1//0abc","scope":"x"}"#,
            r#"{"refresh_token":"1//0abc","sub":1}"#,
        ] {
            assert_eq!(defect(line), Some(Defect::NotAnEntry), "{line}");
        }
        for line in [r#"{"refresh_token":""}"#, r#"{"refresh_token":"a b"}"#, r#"{"refresh_token":"é"}"#] {
            assert_eq!(defect(line), Some(Defect::NotAToken), "{line}");
        }
        let long = format!(r#"{{"refresh_token":"{}"}}"#, "x".repeat(TOKEN_LIMIT + 1));
        assert_eq!(defect(long), Some(Defect::NotAToken));
        for sub in ["", "a b", "\\u0000"] {
            let line = format!(r#"{{"refresh_token":"1//0abc","sub":"{sub}"}}"#);
            assert_eq!(defect(line), Some(Defect::NotAUser));
        }
        for email in ["", "ann", "a@b@c", "a@\\u202Eb", "a@b\\n"] {
            let line = format!(r#"{{"refresh_token":"1//0abc","email":"{email}"}}"#);
            assert_eq!(defect(line), Some(Defect::NotAnAddress));
        }
    }

    #[test]
    fn a111_doubled_members_control_characters_and_long_lines_are_refused() {
        for line in [
            r#"{"refresh_token":"1//0abc","refresh_token":"1//0abd"}"#,
            r#"{"refresh_token":"1//0abc","sub":"1","sub":"2"}"#,
            r#"{"refresh_token":"1//0abc","refresh_\u0074oken":"1//0abd"}"#,
        ] {
            assert_eq!(defect(line), Some(Defect::NotAnEntry), "{line}");
        }
        for line in [
            "\u{FEFF}{\"refresh_token\":\"1//0abc\"}",
            "{\"refresh_token\":\"1//0abc\"}\u{1B}[2J",
            "{\"refresh_token\":\"1//0abc\"}\0",
            "{\"refresh_token\":\"1//0abc\",\t\"sub\":\"1\"}",
            "{\"refresh_token\":\"1//0abc\"}\r{\"refresh_token\":\"1//0abd\"}",
        ] {
            assert_eq!(defect(line), Some(Defect::NotText), "{line:?}");
        }
        assert_eq!(defect(b"{\"refresh_token\":\"\xFF\"}"), Some(Defect::NotText));
        assert_eq!(defect(r#"{"refresh_token":"1\u001b[2J"}"#), Some(Defect::NotAToken));
        assert_eq!(defect(" ".repeat(LINE_LIMIT + 1)), Some(Defect::TooLong));
    }

    #[test]
    fn the_owner_in_the_file_must_be_googles_and_an_address_may_differ_in_case() {
        let google = (UserId::parse("1").unwrap(), Email::for_display("Ann@Example.com"));
        for (members, is_of) in [
            ("", true),
            (r#","sub":"1""#, true),
            (r#","sub":"2""#, false),
            (r#","email":"aNN@example.COM""#, true),
            (r#","email":"ben@example.com""#, false),
            (r#","sub":"1","email":"ben@example.com""#, false),
            (r#","sub":"2","email":"ann@example.com""#, false),
        ] {
            let line = format!(r#"{{"refresh_token":"1//0abc"{members}}}"#);
            let entry = Entry::parse(line.as_bytes()).unwrap();
            assert_eq!(entry.is_of(&google.0, google.1.as_ref()), is_of, "{members}");
        }
    }

    #[test]
    fn a112_a_mark_depends_on_the_salt_and_the_whole_text() {
        let marks = [mark("s", b"line"), mark("t", b"line"), mark("s", b"lin"), mark("sl", b"ine")];
        assert_eq!(marks.iter().collect::<std::collections::BTreeSet<_>>().len(), 4);
        assert!(marks.iter().all(|mark| mark.len() == 64));
    }
}
