//! What can go wrong, as conditions. The one exhaustive match from a condition to its status, code and words is
//! [`Error::facts`]; nothing here renders HTTP and no text here repeats what a caller or Google sent.

use std::error::Error as StdError;

use crate::config::ConfigError;
use crate::credential::Scopes;
use crate::user::{LoginHint, UserId};

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
    /// A stored token does not open: it was altered or moved.
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
}

/// Whom an authorization URL is for.
#[derive(Clone, Debug, Default)]
pub struct Invitation {
    /// The user who must be the one to finish the flow, when one is known.
    pub bound_to: Option<UserId>,
    /// The account that Google preselects.
    pub hint: Option<LoginHint>,
}

/// Whose fault a condition is; it decides the log level.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// The caller's: logged at info.
    Caller,
    /// An outside system's: logged at warn.
    Upstream,
    /// The operator's or ours: logged at error.
    Operator,
}

/// What a condition is called and what is said of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Facts {
    /// The HTTP status.
    pub status: u16,
    /// The stable code.
    pub code: &'static str,
    /// The fixed text for people.
    pub detail: &'static str,
    /// Whose fault it is.
    pub fault: Fault,
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
    /// The callback came without a state or without its flow cookie.
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
    /// Google refuses the client or the project as they are set up.
    GoogleSetup(#[source] Source),
    /// DynamoDB does not answer.
    StorageUnavailable(#[source] Source),
    /// An item is not one this version can read.
    CredentialUnreadable(#[source] Source),
    /// Secrets Manager does not answer and nothing usable is remembered.
    SecretsUnavailable(#[source] Source),
    /// A stored token names a sealing key that the keyring does not hold.
    KeyUnavailable,
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
    /// Status, code, words and fault of each condition.
    #[expect(clippy::too_many_lines, reason = "one line for each condition, in one place")]
    pub fn facts(&self) -> Facts {
        use Fault::{Caller, Operator, Upstream};
        let (status, code, detail, fault) = match self {
            Self::InvalidRequest(detail) => (400, "invalid_request", *detail, Caller),
            Self::MalformedEncoding => (400, "malformed_encoding", "A percent-encoding in the query is broken or is not UTF-8.", Caller),
            Self::DuplicateParameter => (400, "duplicate_parameter", "A parameter that may stand only once was sent more than once.", Caller),
            Self::UnsupportedParameter => (400, "unsupported_parameter", "The query has a parameter that this route does not support.", Caller),
            Self::TooManyParameters => (400, "too_many_parameters", "The query has more than 32 parameters or 4,096 bytes.", Caller),
            Self::InvalidReturnTo => (400, "invalid_return_to", "return_to must be an absolute URL of at most 512 characters whose origin is one of the allowed origins.", Caller),
            Self::InvalidPageToken => (400, "invalid_page_token", "pageToken must be a nextPageToken that this route returned for the same query.", Caller),
            Self::InvalidQuery => (400, "invalid_query", "q or labelIds is not usable for a Gmail search.", Caller),
            Self::AmbiguousCookie => (400, "ambiguous_cookie", "One of this API's cookies was sent more than once.", Caller),
            Self::StateMissing => (400, "state_missing", "The sign-in is not tied to this browser. Start again from the application.", Caller),
            Self::StateMismatch => (400, "state_mismatch", "The sign-in does not belong to this browser. Start again from the application.", Caller),
            Self::StateExpired => (400, "state_expired", "The sign-in took more than ten minutes. Start again from the application.", Caller),
            Self::StateUsed => (400, "state_used", "This sign-in was completed or tried before. Start again from the application.", Caller),
            Self::IssuerMismatch => (400, "issuer_mismatch", "The answer does not come from Google.", Caller),
            Self::NonceMismatch => (400, "nonce_mismatch", "Google's answer was made for another sign-in. Start again from the application.", Caller),
            Self::CodeRejected => (400, "code_rejected", "Google did not accept the authorization code: it was used before, has expired, belongs to another sign-in, or looks percent-encoded.", Caller),
            Self::NotFound => (404, "not_found", "There is nothing at this path.", Caller),
            Self::MethodNotAllowed(_) => (405, "method_not_allowed", "This path does not have this method.", Caller),
            Self::UriTooLong => (414, "uri_too_long", "The path or the query is too long.", Caller),
            Self::UnsupportedMediaType => (415, "unsupported_media_type", "The body must be application/json in UTF-8 without a content encoding.", Caller),
            Self::PayloadTooLarge => (413, "payload_too_large", "The body is larger than 16 KiB.", Caller),
            Self::HeadersTooLarge => (431, "headers_too_large", "The headers or cookies are too large.", Caller),
            Self::ForbiddenOrigin => (403, "forbidden_origin", "The request comes from a page whose origin is not allowed.", Caller),
            Self::CsrfHeaderMissing => (403, "csrf_header_missing", "The header X-Requested-With must be sent with this request.", Caller),
            Self::PrefetchRefused => (403, "prefetch_refused", "This address must not be loaded ahead of time.", Caller),
            Self::ConsentDenied => (403, "consent_denied", "Access was denied on Google's consent page.", Caller),
            Self::ConsentIncomplete { .. } => (403, "consent_incomplete", "A permission that the application needs was not granted on Google's consent page.", Caller),
            Self::BlockedByAdmin => (403, "blocked_by_admin", "The administrator of this Google account's organisation blocks the application.", Caller),
            Self::OrgInternal => (403, "org_internal", "The application admits accounts of its own organisation only.", Caller),
            Self::DisallowedUserAgent => (403, "disallowed_useragent", "Google does not show its sign-in page in an embedded browser.", Caller),
            Self::ProviderError => (502, "provider_error", "Google's sign-in page ended with an error.", Upstream),
            Self::AccountMismatch => (409, "account_mismatch", "The sign-in was finished with another Google account than the one it was started for.", Caller),
            Self::Unauthorized { reason, .. } => (401, reason.code(), reason.detail(), reason.fault()),
            Self::InsufficientScope { .. } => (403, "insufficient_scope", "The granted permissions do not cover this request.", Caller),
            Self::MailNotEnabled => (403, "mail_not_enabled", "This Google account has no Gmail mailbox.", Caller),
            Self::DomainPolicy => (403, "domain_policy", "The policy of this Google account's organisation forbids the use of the Gmail API.", Caller),
            Self::RateLimited(_) => (429, "rate_limited", "Too many requests for this mailbox. Try again later.", Upstream),
            Self::QuotaExhausted => (503, "quota_exhausted", "The application's daily Gmail quota is used up.", Operator),
            Self::Config(error) => (503, "config_error", error.detail(), Operator),
            Self::GoogleSetup(_) => (503, "config_error", "Google refuses the application's OAuth client or project as it is set up.", Operator),
            Self::StorageUnavailable(_) => (503, "storage_unavailable", "The credential store is not available. Try again.", Upstream),
            Self::CredentialUnreadable(_) => (503, "credential_unreadable", "The stored record cannot be read by this version.", Operator),
            Self::SecretsUnavailable(_) => (503, "secrets_unavailable", "The application's secrets are not available. Try again.", Upstream),
            Self::KeyUnavailable => (503, "key_unavailable", "A sealing key is not available.", Operator),
            Self::UpstreamUnavailable { .. } => (503, "upstream_unavailable", "Google is not available. Try again.", Upstream),
            Self::ExchangeFailed { .. } => (502, "upstream_unavailable", "Google failed while the sign-in was completed. Start again.", Upstream),
            Self::UpstreamTimeout { .. } => (504, "upstream_timeout", "Google did not answer in time.", Upstream),
            Self::UpstreamMalformed(_) => (502, "upstream_malformed", "Google's answer could not be understood.", Upstream),
            Self::UpstreamRejected(_) => (502, "upstream_rejected", "Google refused the request.", Upstream),
            Self::IdentityUnavailable => (502, "identity_unavailable", "Google did not say which account this is.", Upstream),
            Self::IdentityInvalid => (502, "identity_invalid", "Google's identity token is not valid for this application.", Upstream),
            Self::IdentityMismatch => (502, "identity_mismatch", "Google named two different accounts.", Upstream),
            Self::NoRefreshToken(_) => (502, "no_refresh_token", "Google gave no lasting access, even after the consent page.", Upstream),
            Self::Internal => (500, "internal", "Something went wrong here.", Operator),
        };
        Facts { status, code, detail, fault }
    }

    /// Whom the answer's authorization URL is for; `None` when going to Google again would not help.
    pub fn invitation(&self) -> Option<&Invitation> {
        match self {
            Self::Unauthorized { invitation, .. }
            | Self::InsufficientScope { invitation, .. }
            | Self::ConsentIncomplete { invitation, .. }
            | Self::ExchangeFailed { invitation, .. }
            | Self::NoRefreshToken(invitation) => Some(invitation),
            Self::UpstreamTimeout { invitation, .. } => invitation.as_ref(),
            _ => None,
        }
    }

    /// Seconds after which the same request may succeed (RFC 9110 section 10.2.3).
    pub const fn retry_after(&self) -> Option<u64> {
        match self {
            Self::RateLimited(seconds) => Some(*seconds),
            Self::UpstreamUnavailable { retry_after, .. } => Some(*retry_after),
            Self::QuotaExhausted => Some(3600),
            Self::Config(_) | Self::GoogleSetup(_) => Some(60),
            Self::StorageUnavailable(_)
            | Self::SecretsUnavailable(_)
            | Self::KeyUnavailable
            | Self::CredentialUnreadable(_) => Some(5),
            _ => None,
        }
    }

    /// The 401 for a caller of whom nothing is known.
    pub fn unauthorized(reason: Reason) -> Self {
        Self::Unauthorized { reason, invitation: Invitation::default() }
    }
}

impl Reason {
    const fn code(self) -> &'static str {
        match self {
            Self::NotSignedIn | Self::SessionExpired => "unauthenticated",
            _ => "reauthorization_required",
        }
    }

    const fn detail(self) -> &'static str {
        match self {
            Self::NotSignedIn => "Sign in first.",
            Self::SessionExpired => "The session is not valid. Sign in again.",
            Self::NotConnected => "No mailbox is connected.",
            Self::RevokedOrExpired => "Google no longer accepts the stored grant. Authorize again.",
            Self::ReauthPolicy => "The organisation's policy asks for a new sign-in. Authorize again.",
            Self::ScopesChanged => "The application needs permissions that were not granted yet. Authorize again.",
            Self::ClientChanged => "The application's OAuth client has changed. Authorize again.",
            Self::SealBroken => "The stored credential cannot be used. Authorize again.",
        }
    }

    const fn fault(self) -> Fault {
        match self {
            Self::SealBroken => Fault::Operator,
            _ => Fault::Caller,
        }
    }
}

impl From<ConfigError> for Error {
    fn from(error: ConfigError) -> Self {
        Self::Config(error)
    }
}
