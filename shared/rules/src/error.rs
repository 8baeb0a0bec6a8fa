//! Every error condition. [`Error::facts`] gives its status, code and text. Error texts never
//! repeat what a caller or Google sent.

mod facts;
mod oauth;

use std::error::Error as StdError;

pub use self::facts::{Facts, Fault};
use crate::config::ConfigError;
use crate::scopes::Scopes;
use crate::security_event::Refusal;
use crate::user::{Email, LoginHint, UserId};

/// The underlying error: logged, never shown to a caller.
pub type Source = Box<dyn StdError + Send + Sync>;

/// Why a caller must go through Google's authorization page: the `reason` of a 401.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reason {
    /// The request has no session.
    NotSignedIn,
    /// The session is invalid or expired.
    SessionExpired,
    /// The user has no credential.
    NotConnected,
    /// Google refused the refresh token.
    RevokedOrExpired,
    /// The Workspace administrator's session control requires a new sign-in (`invalid_rapt`).
    ReauthPolicy,
    /// The grant does not cover the scopes needed now.
    ScopesChanged,
    /// The grant belongs to another OAuth client.
    ClientChanged,
    /// A stored token cannot be opened: it was altered or moved, or its key is gone.
    SealBroken,
}

impl Reason {
    /// Its name in the problem document.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::NotSignedIn => "not_signed_in",
            Self::SessionExpired => "session_expired",
            Self::NotConnected => "not_connected",
            Self::RevokedOrExpired => "revoked_or_expired",
            Self::ReauthPolicy => "reauth_policy",
            Self::ScopesChanged => "scopes_changed",
            Self::ClientChanged => "client_changed",
            Self::SealBroken => "seal_broken",
        }
    }

    /// Whether the user must consent again. A user who is only signed out may have a working grant.
    const fn needs_consent(self) -> bool {
        !matches!(self, Self::NotSignedIn | Self::SessionExpired)
    }
}

/// Parameters of an authorization URL offered to a caller.
#[derive(Clone, Debug, Default)]
pub struct Invitation {
    /// The user who must finish the flow, if known.
    pub bound_to: Option<UserId>,
    /// The account that Google preselects.
    pub hint: Option<LoginHint>,
    /// Scopes to request in addition to the configured ones.
    pub more_scopes: Scopes,
    /// Whether to send `prompt=consent`, so that Google issues a refresh token. Only if the user
    /// has no working grant: above 100 tokens per user and client, Google silently revokes the
    /// oldest.
    pub force_consent: bool,
    /// Whether this is the second try because Google required interaction. There is no third.
    pub asked_again: bool,
}

impl Invitation {
    /// For a known user without a working grant: the flow is bound to that account.
    pub fn of(user: &UserId, email: Option<&Email>) -> Self {
        let hint = Some(LoginHint::for_user(user, email));
        Self { bound_to: Some(user.clone()), hint, ..Self::to_consent() }
    }

    /// For an unknown user who must consent again.
    pub fn to_consent() -> Self {
        Self { force_consent: true, ..Self::default() }
    }
}

/// Every condition that prevents the requested response.
#[derive(Debug, thiserror::Error)]
#[error("{}", self.facts().code)]
pub enum Error {
    /// The request breaks the contract; the text says how.
    InvalidRequest(&'static str),
    /// A percent-encoding is broken or is not UTF-8.
    MalformedEncoding,
    /// A parameter that must be unique is repeated.
    DuplicateParameter,
    /// The route does not have this parameter.
    UnsupportedParameter,
    /// The query has too many parameters or bytes.
    TooManyParameters,
    /// `return_to` is not a URL of an allowed origin.
    InvalidReturnTo,
    /// `redirect_uri` is neither a URL of an allowed origin nor an allowed return URI.
    InvalidRedirectUri,
    /// The authorization request asks for something else than a code.
    UnsupportedResponseType,
    /// The token request has another grant type than `authorization_code`.
    UnsupportedGrantType,
    /// The one-time code does not serve: unknown, expired, used, or another front end's.
    InvalidGrant,
    /// The receipt does not serve: malformed, expired, used, or of an era that is over.
    InvalidReceipt,
    /// A security event token is not Google's, or is for another application.
    EventRefused(#[source] Refusal),
    /// `pageToken` is malformed, or Gmail refused it.
    InvalidPageToken,
    /// `q` or `labelIds` is malformed, or Gmail refused it.
    InvalidQuery,
    /// One of this API's cookies is repeated.
    AmbiguousCookie,
    /// The callback has no state.
    StateMissing,
    /// The state does not match a flow cookie.
    StateMismatch,
    /// The flow is older than ten minutes.
    StateExpired,
    /// The state was used before.
    StateUsed,
    /// The callback names another issuer than Google.
    IssuerMismatch,
    /// The ID token was issued for another flow.
    NonceMismatch,
    /// Google refused the authorization code.
    CodeRejected,
    /// No route has this path.
    NotFound,
    /// The path does not have this method; lists the allowed ones.
    MethodNotAllowed(&'static str),
    /// The path or query is too long.
    UriTooLong,
    /// The body is not of the type that the route takes.
    UnsupportedMediaType,
    /// The body is too large.
    PayloadTooLarge,
    /// The headers or cookies are too large.
    HeadersTooLarge,
    /// The request did not come through the proxy in front of this API.
    EdgeRequired,
    /// The request comes from a page of another origin.
    ForbiddenOrigin,
    /// A POST without `X-Requested-With`.
    CsrfHeaderMissing,
    /// A browser's prefetch of a route with effects.
    PrefetchRefused,
    /// The user denied access.
    ConsentDenied,
    /// The user did not grant a required scope.
    ConsentIncomplete {
        /// The required scopes that were not granted.
        missing: Scopes,
        /// For the next attempt.
        invitation: Invitation,
    },
    /// The organisation's administrator blocks the application.
    BlockedByAdmin,
    /// Google admits only accounts of the project's organisation.
    OrgInternal,
    /// Google refuses this kind of browser.
    DisallowedUserAgent,
    /// Google's page returned another error.
    ProviderError,
    /// The flow was bound to one account and finished with another.
    AccountMismatch,
    /// The account belongs to no allowed domain.
    DomainNotAllowed,
    /// The caller must go through Google's authorization page.
    Unauthorized {
        /// Why.
        reason: Reason,
        /// For the next attempt.
        invitation: Invitation,
    },
    /// The grant lacks a scope that this request needs (RFC 6750 section 3.1).
    InsufficientScope {
        /// The scopes that would suffice.
        missing: Scopes,
        /// Whether the grant has `gmail.metadata`, with which Gmail refuses searches.
        has_metadata: bool,
        /// For the next attempt.
        invitation: Invitation,
    },
    /// The mailbox has no such message.
    MessageNotFound,
    /// Nothing is stored of the user that an administrator named.
    ConnectionNotFound,
    /// The message does not fit into a response.
    MessageTooLarge,
    /// The account has no Gmail mailbox.
    MailNotEnabled,
    /// The organisation's policy forbids the Gmail API.
    DomainPolicy,
    /// Too many requests for this mailbox; retry after these seconds.
    RateLimited(u64),
    /// The project's daily quota is used up.
    QuotaExhausted,
    /// A variable is missing or unusable.
    Config(ConfigError),
    /// The Gmail API is not enabled in the client's project.
    GmailNotEnabled,
    /// Google refuses the client's or project's configuration.
    GoogleSetup(#[source] Source),
    /// DynamoDB is unavailable.
    StorageUnavailable(#[source] Source),
    /// This version cannot read a stored item.
    CredentialUnreadable(#[source] Source),
    /// Secrets Manager is unavailable and no usable secret is cached.
    SecretsUnavailable(#[source] Source),
    /// A refresh failed, now or recently.
    Deferred {
        /// The resulting condition.
        #[source]
        condition: Box<Error>,
        /// Seconds until the next attempt.
        retry_after: u64,
    },
    /// The request's time is used up.
    OutOfTime,
    /// Google is unavailable.
    UpstreamUnavailable {
        /// Seconds until the next attempt.
        retry_after: u64,
        /// The underlying error.
        #[source]
        source: Source,
    },
    /// Google failed while redeeming the code; the outcome is unknown.
    ExchangeFailed {
        /// For the next attempt.
        invitation: Invitation,
        /// The underlying error.
        #[source]
        source: Source,
    },
    /// Google did not respond in time.
    UpstreamTimeout {
        /// For the next attempt, if the user must start again.
        invitation: Option<Invitation>,
        /// The underlying error.
        #[source]
        source: Source,
    },
    /// Google's response is malformed.
    UpstreamMalformed(#[source] Source),
    /// Google refused for another reason.
    UpstreamRejected(#[source] Source),
    /// Google did not identify the user.
    IdentityUnavailable,
    /// The ID token is not valid for this client.
    IdentityInvalid,
    /// The ID token and UserInfo name different users.
    IdentityMismatch,
    /// Google issued no refresh token even after consent, and none is stored.
    NoRefreshToken(Invitation),
    /// A defect in Postern.
    Internal,
}

impl Error {
    /// The condition itself, without the wrapper that adds a retry time.
    pub fn condition(&self) -> &Self {
        match self {
            Self::Deferred { condition, .. } => condition.condition(),
            other => other,
        }
    }

    /// The invitation for the response's authorization URL; `None` if authorizing would not help.
    pub fn invitation(&self) -> Option<&Invitation> {
        match self.condition() {
            Self::Unauthorized { invitation, .. }
            | Self::InsufficientScope { invitation, .. }
            | Self::ConsentIncomplete { invitation, .. }
            | Self::ExchangeFailed { invitation, .. }
            | Self::NoRefreshToken(invitation) => Some(invitation),
            Self::UpstreamTimeout { invitation, .. } => invitation.as_ref(),
            _ => None,
        }
    }

    /// The variable that is missing or unusable.
    pub const fn variable(&self) -> Option<&'static str> {
        match self {
            Self::Config(error) => Some(error.variable),
            _ => None,
        }
    }

    /// Seconds after which the request may succeed (RFC 9110 section 10.2.3).
    pub const fn retry_after(&self) -> Option<u64> {
        match self {
            Self::RateLimited(seconds) => Some(*seconds),
            Self::UpstreamUnavailable { retry_after, .. } | Self::Deferred { retry_after, .. } => {
                Some(*retry_after)
            }
            Self::OutOfTime => Some(1),
            Self::QuotaExhausted => Some(3600),
            Self::Config(_) | Self::GmailNotEnabled | Self::GoogleSetup(_) => Some(60),
            Self::StorageUnavailable(_) | Self::SecretsUnavailable(_) | Self::CredentialUnreadable(_) => {
                Some(5)
            }
            _ => None,
        }
    }

    /// The 401 for an unknown caller.
    pub fn unauthorized(reason: Reason) -> Self {
        let invitation = Invitation { force_consent: reason.needs_consent(), ..Invitation::default() };
        Self::Unauthorized { reason, invitation }
    }

    /// The 401 for a signed-in user without a credential.
    pub fn not_connected(user: &UserId) -> Self {
        Self::Unauthorized { reason: Reason::NotConnected, invitation: Invitation::of(user, None) }
    }
}

impl From<ConfigError> for Error {
    fn from(error: ConfigError) -> Self {
        Self::Config(error)
    }
}
