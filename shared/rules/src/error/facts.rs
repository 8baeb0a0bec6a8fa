//! Status, code, text and fault of every error condition.

use super::{Error, Reason};

/// Whose fault a condition is. Decides the log level.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// The caller's: logged at info.
    Caller,
    /// An external system's: logged at warn.
    Upstream,
    /// The operator's or Postern's: logged at error.
    Operator,
}

/// How a condition is reported.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Facts {
    /// The HTTP status.
    pub status: u16,
    /// The stable code.
    pub code: &'static str,
    /// The constant text for people.
    pub detail: &'static str,
    /// Whose fault it is.
    pub fault: Fault,
}

impl Error {
    /// How each condition is reported.
    #[expect(clippy::too_many_lines, reason = "one arm for each condition, in one place")]
    pub fn facts(&self) -> Facts {
        use Fault::{Caller, Operator, Upstream};
        let (status, code, detail, fault) = match self {
            Self::InvalidRequest(detail) => (400, "invalid_request", *detail, Caller),
            Self::MalformedEncoding => (
                400,
                "malformed_encoding",
                "A percent-encoding in the query or the form is broken or is not UTF-8.",
                Caller,
            ),
            Self::DuplicateParameter => (
                400,
                "duplicate_parameter",
                "A parameter that may stand only once was sent more than once.",
                Caller,
            ),
            Self::UnsupportedParameter => (
                400,
                "unsupported_parameter",
                "The query has a parameter that this route does not support.",
                Caller,
            ),
            Self::TooManyParameters => (
                400,
                "too_many_parameters",
                "The query has more than 32 parameters or 4,096 bytes, or the form more than 32 parameters.",
                Caller,
            ),
            Self::InvalidReturnTo => (
                400,
                "invalid_return_to",
                "return_to must be an absolute URL of at most 512 characters whose origin is one of the allowed origins.",
                Caller,
            ),
            Self::InvalidRedirectUri => (
                400,
                "invalid_redirect_uri",
                "redirect_uri must be a URL of an allowed origin or an allowed return URI, of at most 512 characters, without a fragment and without the parameters of an answer.",
                Caller,
            ),
            Self::UnsupportedResponseType => {
                (400, "unsupported_response_type", "response_type must be code.", Caller)
            }
            Self::UnsupportedGrantType => {
                (400, "unsupported_grant_type", "grant_type must be authorization_code.", Caller)
            }
            Self::InvalidGrant => (
                400,
                "invalid_grant",
                "The code is unknown, expired or used, or belongs to another client, redirect_uri or verifier.",
                Caller,
            ),
            Self::InvalidReceipt => (
                400,
                "invalid_receipt",
                "The receipt is unknown, older than a minute or used, or its user has signed out everywhere or disconnected.",
                Caller,
            ),
            Self::EventRefused(refusal) => (400, "invalid_request", refusal.description(), Caller),
            Self::InvalidPageToken => (
                400,
                "invalid_page_token",
                "pageToken must be a nextPageToken that this route returned for the same query.",
                Caller,
            ),
            Self::InvalidQuery => {
                (400, "invalid_query", "q or labelIds is not usable for a Gmail search.", Caller)
            }
            Self::AmbiguousCookie => {
                (400, "ambiguous_cookie", "One of this API's cookies was sent more than once.", Caller)
            }
            Self::StateMissing => (
                400,
                "state_missing",
                "The sign-in is not tied to this browser. Start again from the application.",
                Caller,
            ),
            Self::StateMismatch => (
                400,
                "state_mismatch",
                "The sign-in does not belong to this browser. Start again from the application.",
                Caller,
            ),
            Self::StateExpired => (
                400,
                "state_expired",
                "The sign-in took more than ten minutes. Start again from the application.",
                Caller,
            ),
            Self::StateUsed => (
                400,
                "state_used",
                "This sign-in was completed or tried before. Start again from the application.",
                Caller,
            ),
            Self::IssuerMismatch => (400, "issuer_mismatch", "The answer does not come from Google.", Caller),
            Self::NonceMismatch => (
                400,
                "nonce_mismatch",
                "Google's answer was made for another sign-in. Start again from the application.",
                Caller,
            ),
            Self::CodeRejected => (
                400,
                "code_rejected",
                "Google did not accept the authorization code: it was used before, has expired, belongs to another sign-in, or looks percent-encoded.",
                Caller,
            ),
            Self::NotFound => (404, "not_found", "There is nothing at this path.", Caller),
            Self::MethodNotAllowed(_) => {
                (405, "method_not_allowed", "This path does not have this method.", Caller)
            }
            Self::UriTooLong => (414, "uri_too_long", "The path or the query is too long.", Caller),
            Self::UnsupportedMediaType => (
                415,
                "unsupported_media_type",
                "The body must be of the type that the route takes, such as application/json, in UTF-8 and without a content encoding.",
                Caller,
            ),
            Self::PayloadTooLarge => (413, "payload_too_large", "The body is larger than 16 KiB.", Caller),
            Self::HeadersTooLarge => {
                (431, "headers_too_large", "The headers or cookies are too large.", Caller)
            }
            Self::EdgeRequired => {
                (403, "edge_required", "This API answers only at its public address.", Caller)
            }
            Self::ForbiddenOrigin => (
                403,
                "forbidden_origin",
                "The request comes from a page whose origin is not allowed.",
                Caller,
            ),
            Self::CsrfHeaderMissing => (
                403,
                "csrf_header_missing",
                "The header X-Requested-With must be sent with this request.",
                Caller,
            ),
            Self::PrefetchRefused => {
                (403, "prefetch_refused", "This address must not be loaded ahead of time.", Caller)
            }
            Self::ConsentDenied => {
                (403, "consent_denied", "Access was denied on Google's consent page.", Caller)
            }
            Self::ConsentIncomplete { .. } => (
                403,
                "consent_incomplete",
                "A permission that the application needs was not granted on Google's consent page.",
                Caller,
            ),
            Self::BlockedByAdmin => (
                403,
                "blocked_by_admin",
                "The administrator of this Google account's organisation blocks the application.",
                Caller,
            ),
            Self::OrgInternal => {
                (403, "org_internal", "The application admits accounts of its own organisation only.", Caller)
            }
            Self::DisallowedUserAgent => (
                403,
                "disallowed_useragent",
                "Google does not show its sign-in page in an embedded browser.",
                Caller,
            ),
            Self::ProviderError => {
                (502, "provider_error", "Google's sign-in page ended with an error.", Upstream)
            }
            Self::AccountMismatch => (
                409,
                "account_mismatch",
                "The sign-in was finished with another Google account than the one it was started for.",
                Caller,
            ),
            Self::DomainNotAllowed => (
                403,
                "domain_not_allowed",
                "This Google account does not belong to an organisation that may connect.",
                Caller,
            ),
            Self::Unauthorized { reason, .. } => (401, reason.code(), reason.detail(), reason.fault()),
            Self::InsufficientScope { has_metadata: true, .. } => (
                403,
                "insufficient_scope",
                "With the permission gmail.metadata Gmail neither searches nor returns whole messages, whatever else was granted. Authorize again.",
                Caller,
            ),
            Self::InsufficientScope { has_metadata: false, .. } => {
                (403, "insufficient_scope", "The granted permissions do not cover this request.", Caller)
            }
            Self::MessageNotFound => {
                (404, "message_not_found", "The mailbox has no message with this ID.", Caller)
            }
            Self::ConnectionNotFound => {
                (404, "connection_not_found", "Nothing is stored of a user with this ID.", Caller)
            }
            Self::MessageTooLarge => (
                422,
                "message_too_large",
                "The message is too large to be returned whole. Ask for format=metadata.",
                Caller,
            ),
            Self::MailNotEnabled => {
                (403, "mail_not_enabled", "This Google account has no Gmail mailbox.", Caller)
            }
            Self::DomainPolicy => (
                403,
                "domain_policy",
                "The policy of this Google account's organisation forbids the use of the Gmail API.",
                Caller,
            ),
            Self::RateLimited(_) => {
                (429, "rate_limited", "Too many requests for this mailbox. Try again later.", Upstream)
            }
            Self::QuotaExhausted => {
                (503, "quota_exhausted", "The application's daily Gmail quota is used up.", Operator)
            }
            Self::Config(error) => (503, "config_error", error.problem.sentence(), Operator),
            Self::GmailNotEnabled => (
                503,
                "config_error",
                "The Gmail API is not enabled in the application's Google Cloud project.",
                Operator,
            ),
            Self::GoogleSetup(_) => (
                503,
                "config_error",
                "Google refuses the application's OAuth client or project as it is set up.",
                Operator,
            ),
            Self::StorageUnavailable(_) => {
                (503, "storage_unavailable", "The credential store is not available. Try again.", Upstream)
            }
            Self::CredentialUnreadable(_) => {
                (503, "credential_unreadable", "The stored record cannot be read by this version.", Operator)
            }
            Self::SecretsUnavailable(_) => (
                503,
                "secrets_unavailable",
                "The application's secrets are not available. Try again.",
                Upstream,
            ),
            Self::Deferred { condition, .. } => return condition.facts(),
            Self::OutOfTime => (503, "out_of_time", "The request took too long. Try again.", Upstream),
            Self::UpstreamUnavailable { .. } => {
                (503, "upstream_unavailable", "Google is not available. Try again.", Upstream)
            }
            Self::ExchangeFailed { .. } => (
                502,
                "upstream_unavailable",
                "Google failed while the sign-in was completed. Start again.",
                Upstream,
            ),
            Self::UpstreamTimeout { .. } => {
                (504, "upstream_timeout", "Google did not answer in time.", Upstream)
            }
            Self::UpstreamMalformed(_) => {
                (502, "upstream_malformed", "Google's answer could not be understood.", Upstream)
            }
            Self::UpstreamRejected(_) => (502, "upstream_rejected", "Google refused the request.", Upstream),
            Self::IdentityUnavailable => {
                (502, "identity_unavailable", "Google did not say which account this is.", Upstream)
            }
            Self::IdentityInvalid => (
                502,
                "identity_invalid",
                "Google's identity token is not valid for this application.",
                Upstream,
            ),
            Self::IdentityMismatch => {
                (502, "identity_mismatch", "Google named two different accounts.", Upstream)
            }
            Self::NoRefreshToken(_) => (
                502,
                "no_refresh_token",
                "Google gave no lasting access. Authorize again, through the consent page.",
                Upstream,
            ),
            Self::Internal => (500, "internal", "Something went wrong here.", Operator),
        };
        Facts { status, code, detail, fault }
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
            Self::ScopesChanged => {
                "The application needs permissions that were not granted yet. Authorize again."
            }
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
