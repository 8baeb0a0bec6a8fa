//! What can go wrong, as conditions. [`Error::facts`] gives each its status, code and words; nothing here renders HTTP,
//! and no text here repeats what a caller or Google sent.

mod facts;

use std::error::Error as StdError;

pub use self::facts::{Facts, Fault};
use crate::config::ConfigError;
use crate::scopes::Scopes;
use crate::user::{Email, LoginHint, UserId};

/// Where an error came from; kept for the log, never shown to a caller.
pub type Source = Box<dyn StdError + Send + Sync>;

/// Why a caller has to go through Google's authorization page again: the closed list of 401 reasons.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reason {
    /// The request carried no session.
    NotSignedIn,
    /// The session is not valid any more, or never was.
    SessionExpired,
    /// There is no credential for this user.
    NotConnected,
    /// Google says that the grant is gone.
    RevokedOrExpired,
    /// The Workspace administrator's session control asks for a new sign-in (`invalid_rapt`).
    ReauthPolicy,
    /// The application now needs scopes that the grant does not cover.
    ScopesChanged,
    /// The grant belongs to another OAuth client than the configured one.
    ClientChanged,
    /// A stored token does not open: it was altered or moved, or its key is gone.
    SealBroken,
}

impl Reason {
    /// The reason's word in the problem document.
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

    /// Whether only a new consent helps: the grant is dead, drifted or missing. Whoever is only not
    /// signed in may well have a good one.
    const fn needs_consent(self) -> bool {
        !matches!(self, Self::NotSignedIn | Self::SessionExpired)
    }
}

/// Whom an authorization URL is for.
#[derive(Clone, Debug, Default)]
pub struct Invitation {
    /// The user who must be the one to finish the flow, when one is known.
    pub bound_to: Option<UserId>,
    /// The account that Google preselects.
    pub hint: Option<LoginHint>,
    /// What is asked for besides the configured scopes.
    pub more_scopes: Scopes,
    /// Whether Google shows its consent page in any case (`prompt=consent`), which makes it issue a
    /// refresh token: only where the grant is dead, drifted or missing, for of a hundred tokens of
    /// one user and client the oldest ends silently.
    pub force_consent: bool,
    /// Whether the person was sent to Google's page once more, because Google had to ask there: not
    /// a third time.
    pub asked_again: bool,
}

impl Invitation {
    /// For a user who is known and whose grant does not serve: the flow is bound to that account,
    /// and Google preselects it.
    pub fn of(user: &UserId, email: Option<&Email>) -> Self {
        let hint = Some(LoginHint::for_user(user, email));
        Self { bound_to: Some(user.clone()), hint, ..Self::to_consent() }
    }

    /// For somebody of whom nothing is known but that a new consent is needed.
    pub fn to_consent() -> Self {
        Self { force_consent: true, ..Self::default() }
    }
}

/// Every condition under which a request does not get what it asked for.
#[derive(Debug, thiserror::Error)]
#[error("{}", self.facts().code)]
pub enum Error {
    /// Something in the request is not as the contract says; the text says what.
    InvalidRequest(&'static str),
    /// A percent-encoding is broken or is not UTF-8.
    MalformedEncoding,
    /// A parameter that may stand once stands twice.
    DuplicateParameter,
    /// A parameter that this route does not have.
    UnsupportedParameter,
    /// More parameters, or a longer query, than any caller needs.
    TooManyParameters,
    /// `return_to` is not a URL of an allowed origin.
    InvalidReturnTo,
    /// `pageToken` is not usable, by its form or by Gmail's word.
    InvalidPageToken,
    /// `q` or `labelIds` is not usable, by its form or by Gmail's word.
    InvalidQuery,
    /// One of this API's cookies came twice.
    AmbiguousCookie,
    /// The callback came without a state.
    StateMissing,
    /// The state and the flow cookie do not belong together.
    StateMismatch,
    /// The flow began more than ten minutes ago.
    StateExpired,
    /// The state was used before.
    StateUsed,
    /// The callback names another issuer than Google.
    IssuerMismatch,
    /// The ID token was made for another flow.
    NonceMismatch,
    /// Google refused the authorization code.
    CodeRejected,
    /// No such path.
    NotFound,
    /// The path has no such method; the allowed ones.
    MethodNotAllowed(&'static str),
    /// The path or query is longer than any caller needs.
    UriTooLong,
    /// The body is not plain JSON.
    UnsupportedMediaType,
    /// The body is larger than any caller needs.
    PayloadTooLarge,
    /// The headers or cookies are larger than any caller needs.
    HeadersTooLarge,
    /// The request comes from a page of another origin.
    ForbiddenOrigin,
    /// A POST without `X-Requested-With`.
    CsrfHeaderMissing,
    /// A speculative load of a page that must not be loaded speculatively.
    PrefetchRefused,
    /// The person said no on Google's page.
    ConsentDenied,
    /// The person unticked a scope that is needed.
    ConsentIncomplete {
        /// The needed scopes that were not granted.
        missing: Scopes,
        /// For the next attempt.
        invitation: Invitation,
    },
    /// The organisation's administrator blocks this application.
    BlockedByAdmin,
    /// Google admits accounts of the owner's organisation alone.
    OrgInternal,
    /// Google does not show its page in this kind of browser.
    DisallowedUserAgent,
    /// Google's page ended with an error that has no better name.
    ProviderError,
    /// The flow was bound to one account and finished with another.
    AccountMismatch,
    /// The account belongs to none of the domains that may connect.
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
        /// The scopes that would do.
        missing: Scopes,
        /// Whether the grant has `gmail.metadata`, with which Gmail does not search.
        has_metadata: bool,
        /// For the next attempt.
        invitation: Invitation,
    },
    /// The account has no Gmail mailbox.
    MailNotEnabled,
    /// The organisation's policy forbids the use of Gmail's API.
    DomainPolicy,
    /// Too many requests for this mailbox; try again after so many seconds.
    RateLimited(u64),
    /// The project's daily quota is used up.
    QuotaExhausted,
    /// A setting is missing or unusable.
    Config(ConfigError),
    /// The Gmail API is not enabled in the client's project.
    GmailNotEnabled,
    /// Google refuses the client or the project as they are set up.
    GoogleSetup(#[source] Source),
    /// DynamoDB does not answer.
    StorageUnavailable(#[source] Source),
    /// An item is not one this version can read.
    CredentialUnreadable(#[source] Source),
    /// Secrets Manager does not answer and nothing usable is remembered.
    SecretsUnavailable(#[source] Source),
    /// A refresh failed, now or a moment ago: the condition in which that leaves the caller, and
    /// the seconds until the next attempt is due.
    Deferred {
        /// What the caller is told.
        #[source]
        condition: Box<Error>,
        /// Seconds until the next attempt is due.
        retry_after: u64,
    },
    /// The time of the request is over, whatever it was waiting for.
    OutOfTime,
    /// Google is unavailable; try again after so many seconds.
    UpstreamUnavailable {
        /// Seconds until the next attempt may help.
        retry_after: u64,
        /// What happened.
        #[source]
        source: Source,
    },
    /// Google failed while it redeemed the code; the outcome is unknown.
    ExchangeFailed {
        /// For the next attempt.
        invitation: Invitation,
        /// What happened.
        #[source]
        source: Source,
    },
    /// Google did not answer in time.
    UpstreamTimeout {
        /// For the next attempt, when one is needed.
        invitation: Option<Invitation>,
        /// What happened.
        #[source]
        source: Source,
    },
    /// Google's answer makes no sense.
    UpstreamMalformed(#[source] Source),
    /// Google refused in a way that has no better name.
    UpstreamRejected(#[source] Source),
    /// Google did not say who the user is.
    IdentityUnavailable,
    /// The ID token is not valid for this client.
    IdentityInvalid,
    /// The ID token and UserInfo name different users.
    IdentityMismatch,
    /// Google gave no refresh token even after the consent page, and none is stored.
    NoRefreshToken(Invitation),
    /// A defect of ours.
    Internal,
}

impl Error {
    /// The condition itself, without the word of when to come back.
    pub fn condition(&self) -> &Self {
        match self {
            Self::Deferred { condition, .. } => condition.condition(),
            other => other,
        }
    }

    /// Whom the answer's authorization URL is for; `None` when going to Google again would not help.
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

    /// The variable that is missing or unusable, where that is the condition.
    pub const fn variable(&self) -> Option<&'static str> {
        match self {
            Self::Config(error) => Some(error.variable),
            _ => None,
        }
    }

    /// Seconds after which the same request may succeed (RFC 9110 section 10.2.3).
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

    /// The 401 for a caller of whom nothing is known.
    pub fn unauthorized(reason: Reason) -> Self {
        let invitation = Invitation { force_consent: reason.needs_consent(), ..Invitation::default() };
        Self::Unauthorized { reason, invitation }
    }

    /// The 401 for a user who is signed in and has no credential.
    pub fn not_connected(user: &UserId) -> Self {
        Self::Unauthorized { reason: Reason::NotConnected, invitation: Invitation::of(user, None) }
    }
}

impl From<ConfigError> for Error {
    fn from(error: ConfigError) -> Self {
        Self::Config(error)
    }
}
