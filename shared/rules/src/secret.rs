//! Secret strings: typed, without `Display`, redacted in `Debug`, and wiped on drop.

use std::fmt;
use std::marker::PhantomData;

use serde::{Deserialize, Deserializer};
use zeroize::Zeroizing;

/// A secret string of one kind. Only [`Secret::expose`] returns its text.
pub struct Secret<Kind> {
    text: Zeroizing<String>,
    kind: PhantomData<fn() -> Kind>,
}

impl<Kind> Secret<Kind> {
    /// Wraps `text`.
    pub fn new(text: impl Into<String>) -> Self {
        Self { text: Zeroizing::new(text.into()), kind: PhantomData }
    }

    /// The text, for the one call that needs it.
    pub fn expose(&self) -> &str {
        &self.text
    }
}

impl<'de, Kind> Deserialize<'de> for Secret<Kind> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer).map(Self::new)
    }
}

impl<Kind> Clone for Secret<Kind> {
    fn clone(&self) -> Self {
        Self::new(self.text.as_str())
    }
}

impl<Kind> fmt::Debug for Secret<Kind> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("[redacted]")
    }
}

macro_rules! kinds {
    ($($(#[$doc:meta])* $name:ident)*) => {
        /// The kinds of [`Secret`]; they exist as type arguments only.
        pub mod kind {
            $($(#[$doc])* pub enum $name {})*
        }
        $($(#[$doc])* pub type $name = Secret<kind::$name>;)*
    };
}

kinds! {
    /// A code from Google's authorization endpoint (RFC 6749 section 4.1.2).
    AuthorizationCode
    /// A code that this API issues to a front end.
    OneTimeCode
    /// The `state` of an authorization request (RFC 6749 section 4.1.1).
    State
    /// A PKCE code verifier (RFC 7636 section 4.1).
    CodeVerifier
    /// An access token (RFC 6749 section 1.4).
    AccessToken
    /// A refresh token (RFC 6749 section 1.5).
    RefreshToken
    /// An ID token (OpenID Connect Core section 2).
    IdToken
    /// Google's client secret.
    ClientSecret
    /// A session token of this API.
    SessionToken
    /// A receipt of this API, as a page gets it.
    SealedReceipt
}

/// Text sealed by [`crate::seal`]. Safe to store and compare.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sealed(String);

impl Sealed {
    /// Wraps stored or received text, without checking it.
    pub fn from_text(text: impl Into<String>) -> Self {
        Self(text.into())
    }

    /// The sealed text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether a token at rest has the first version's form.
    pub fn is_of_first_form(&self) -> bool {
        self.0.starts_with("v1.")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_shows_nothing_of_itself() {
        let token = AccessToken::new("ya29.planted");
        assert_eq!(format!("{token:?}"), "[redacted]");
        assert_eq!(token.expose(), "ya29.planted");
    }
}
