//! Why a well-formed token is refused, in the words of RFC 8935.

/// Why a token is not Google's, or not for this application.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{}", self.err())]
pub enum Refusal {
    /// Google publishes no such key.
    UnknownKey,
    /// The signature is not Google's, or has another algorithm.
    NotAuthentic,
    /// Another issuer than Google.
    OtherIssuer,
    /// It is for another application.
    OtherAudience,
}

impl Refusal {
    /// The `err` (RFC 8935 section 2.4).
    pub const fn err(self) -> &'static str {
        match self {
            Self::UnknownKey => "invalid_key",
            Self::NotAuthentic => "authentication_failed",
            Self::OtherIssuer => "invalid_issuer",
            Self::OtherAudience => "invalid_audience",
        }
    }

    /// The constant text for people.
    pub const fn description(self) -> &'static str {
        match self {
            Self::UnknownKey => "The token is signed with a key that Google does not publish.",
            Self::NotAuthentic => "The token's signature is not Google's: only RS256 is accepted.",
            Self::OtherIssuer => "The token's issuer is not Google.",
            Self::OtherAudience => "The token is for another OAuth client than this application's.",
        }
    }
}
