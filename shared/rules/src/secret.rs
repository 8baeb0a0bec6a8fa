//! Secret strings: they have a type each, no `Display`, a `Debug` that shows nothing, and are wiped when dropped.

use std::fmt;
use std::marker::PhantomData;

use zeroize::Zeroizing;

/// A secret string of one kind; only [`Secret::expose`] gives its text.
pub struct Secret<Kind> {
    text: Zeroizing<String>,
    kind: PhantomData<fn() -> Kind>,
}

impl<Kind> Secret<Kind> {
    /// Takes `text` into custody.
    pub fn new(text: impl Into<String>) -> Self {
        Self { text: Zeroizing::new(text.into()), kind: PhantomData }
    }

    /// The text itself, for the one call that needs it.
    pub fn expose(&self) -> &str {
        &self.text
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

/// The kinds of [`Secret`]; they exist as type arguments only.
pub mod kind {
    /// A code from Google's authorization endpoint (RFC 6749 section 4.1.2).
    pub enum AuthorizationCode {}
    /// The `state` of an authorization request (RFC 6749 section 4.1.1).
    pub enum State {}
    /// A PKCE code verifier (RFC 7636 section 4.1).
    pub enum CodeVerifier {}
    /// An access token (RFC 6749 section 1.4).
    pub enum AccessToken {}
    /// A refresh token (RFC 6749 section 1.5).
    pub enum RefreshToken {}
    /// An ID token (OpenID Connect Core section 2).
    pub enum IdToken {}
    /// Google's client secret.
    pub enum ClientSecret {}
    /// A session token of this API.
    pub enum SessionToken {}
}

/// A code from Google's authorization endpoint.
pub type AuthorizationCode = Secret<kind::AuthorizationCode>;
/// The `state` of an authorization request.
pub type State = Secret<kind::State>;
/// A PKCE code verifier.
pub type CodeVerifier = Secret<kind::CodeVerifier>;
/// An access token.
pub type AccessToken = Secret<kind::AccessToken>;
/// A refresh token.
pub type RefreshToken = Secret<kind::RefreshToken>;
/// An ID token.
pub type IdToken = Secret<kind::IdToken>;
/// Google's client secret.
pub type ClientSecret = Secret<kind::ClientSecret>;
/// A session token of this API.
pub type SessionToken = Secret<kind::SessionToken>;

/// Text sealed by [`crate::seal`]: useless without the key, so it may be stored and compared.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sealed(String);

impl Sealed {
    /// Takes text as it was stored or received; nothing says yet that it can be opened.
    pub fn from_text(text: impl Into<String>) -> Self {
        Self(text.into())
    }

    /// The sealed text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether it has the form in which the first version sealed tokens at rest.
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
