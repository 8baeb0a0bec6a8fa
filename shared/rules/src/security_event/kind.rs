//! What can happen to a Google account, and what follows from it here.

/// What happened to an account: the types of Google's guide.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Google ended the user's sessions.
    SessionsRevoked,
    /// All tokens of the user for this application ended.
    TokensRevoked,
    /// One refresh token ended.
    TokenRevoked,
    /// The account was disabled.
    AccountDisabled,
    /// The account was enabled again.
    AccountEnabled,
    /// The user must change the password.
    CredentialChangeRequired,
    /// The operator asked for a test.
    Verification,
    /// A type that this version does not know.
    Unknown,
}

impl Kind {
    /// Those that are known.
    pub const KNOWN: [Self; 7] = [
        Self::SessionsRevoked,
        Self::TokensRevoked,
        Self::TokenRevoked,
        Self::AccountDisabled,
        Self::AccountEnabled,
        Self::CredentialChangeRequired,
        Self::Verification,
    ];

    /// The types that Google is asked for: all but [`Kind::TokenRevoked`], which names a token and
    /// no user, so that nothing here could be found by it.
    pub fn requested() -> impl Iterator<Item = &'static str> {
        Self::KNOWN.into_iter().filter(|kind| *kind != Self::TokenRevoked).map(Self::uri)
    }

    /// The type with this URI.
    pub fn named(uri: &str) -> Self {
        Self::KNOWN.into_iter().find(|kind| kind.uri() == uri).unwrap_or(Self::Unknown)
    }

    /// Its URI; empty for what is unknown.
    pub const fn uri(self) -> &'static str {
        match self {
            Self::SessionsRevoked => "https://schemas.openid.net/secevent/risc/event-type/sessions-revoked",
            Self::TokensRevoked => "https://schemas.openid.net/secevent/oauth/event-type/tokens-revoked",
            Self::TokenRevoked => "https://schemas.openid.net/secevent/oauth/event-type/token-revoked",
            Self::AccountDisabled => "https://schemas.openid.net/secevent/risc/event-type/account-disabled",
            Self::AccountEnabled => "https://schemas.openid.net/secevent/risc/event-type/account-enabled",
            Self::CredentialChangeRequired => {
                "https://schemas.openid.net/secevent/risc/event-type/account-credential-change-required"
            }
            Self::Verification => "https://schemas.openid.net/secevent/risc/event-type/verification",
            Self::Unknown => "",
        }
    }

    /// Its name in the log and the metrics.
    pub const fn word(self) -> &'static str {
        match self {
            Self::SessionsRevoked => "sessions_revoked",
            Self::TokensRevoked => "tokens_revoked",
            Self::TokenRevoked => "token_revoked",
            Self::AccountDisabled => "account_disabled",
            Self::AccountEnabled => "account_enabled",
            Self::CredentialChangeRequired => "credential_change_required",
            Self::Verification => "verification",
            Self::Unknown => "unknown",
        }
    }

    /// Whether the event must name a user. One about a single token names the token.
    pub(super) const fn is_about_a_user(self) -> bool {
        !matches!(self, Self::TokenRevoked | Self::Verification | Self::Unknown)
    }

    /// Whether anything follows from it.
    pub const fn has_effect(self) -> bool {
        self.ends_grant() || self.ends_sessions()
    }

    /// Whether a grant that is not newer is dead.
    pub(super) const fn ends_grant(self) -> bool {
        matches!(self, Self::TokensRevoked | Self::TokenRevoked | Self::AccountDisabled)
    }

    /// Whether sessions that are not newer are over.
    pub(super) const fn ends_sessions(self) -> bool {
        matches!(self, Self::SessionsRevoked | Self::AccountDisabled)
    }
}
