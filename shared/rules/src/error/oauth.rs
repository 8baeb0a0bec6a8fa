//! The names that RFC 6749 and RFC 8935 give to our conditions. Those of RFC 6749 have ours beside
//! them: `error_code` and `code`.

use super::{Error, Fault};

impl Error {
    /// The `error` of an authorization response (RFC 6749 section 4.1.2.1).
    pub fn authorization_error(&self) -> &'static str {
        match self.condition() {
            Self::UnsupportedResponseType => "unsupported_response_type",
            // After the callback the front end's own request is over: these are Google's, or a
            // sign-in's that is not trusted.
            Self::CodeRejected => "server_error",
            Self::IssuerMismatch | Self::NonceMismatch => "access_denied",
            other => match (other.facts().fault, other.facts().status) {
                (Fault::Caller, 401 | 403 | 409) => "access_denied",
                (Fault::Caller, _) => "invalid_request",
                (Fault::Upstream | Fault::Operator, _) => other.passing_or_not(),
            },
        }
    }

    /// The `error` of the token endpoint (RFC 6749 section 5.2).
    pub fn token_error(&self) -> &'static str {
        match self.condition() {
            Self::InvalidGrant => "invalid_grant",
            Self::UnsupportedGrantType => "unsupported_grant_type",
            other => match other.facts().fault {
                Fault::Caller => "invalid_request",
                Fault::Upstream | Fault::Operator => other.passing_or_not(),
            },
        }
    }

    /// The `err` of a security event that is not acceptable (RFC 8935 section 2.4).
    pub fn delivery_error(&self) -> &'static str {
        if let Self::EventRefused(refusal) = self { refusal.err() } else { "invalid_request" }
    }

    /// Whether the same request may succeed a little later.
    fn passing_or_not(&self) -> &'static str {
        match (self.facts().fault, self.facts().status) {
            (Fault::Upstream, 429 | 503 | 504) => "temporarily_unavailable",
            _ => "server_error",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::Reason;

    #[test]
    fn each_condition_has_a_name_of_rfc_6749() {
        for (error, authorization, token) in [
            (Error::ConsentDenied, "access_denied", "invalid_request"),
            (Error::CodeRejected, "server_error", "invalid_request"),
            (Error::IssuerMismatch, "access_denied", "invalid_request"),
            (Error::NonceMismatch, "access_denied", "invalid_request"),
            (Error::AccountMismatch, "access_denied", "invalid_request"),
            (Error::UnsupportedResponseType, "unsupported_response_type", "invalid_request"),
            (Error::unauthorized(Reason::ClientChanged), "access_denied", "invalid_request"),
            (Error::InvalidGrant, "invalid_request", "invalid_grant"),
            (Error::UnsupportedGrantType, "invalid_request", "unsupported_grant_type"),
            (Error::ForbiddenOrigin, "access_denied", "invalid_request"),
            (Error::OutOfTime, "temporarily_unavailable", "temporarily_unavailable"),
            (Error::StorageUnavailable("x".into()), "temporarily_unavailable", "temporarily_unavailable"),
            (Error::ProviderError, "server_error", "server_error"),
            (Error::GmailNotEnabled, "server_error", "server_error"),
            (Error::Internal, "server_error", "server_error"),
        ] {
            assert_eq!((error.authorization_error(), error.token_error()), (authorization, token), "{error}");
        }
    }
}
