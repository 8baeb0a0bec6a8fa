//! Why AWS did not answer a question: the resource is not there, or the caller may not ask.

use aws_sdk_dynamodb::config::http::HttpResponse;
use aws_sdk_dynamodb::error::{ProvideErrorMetadata, SdkError};
use postern::outside::http::aws::describe;

use super::finding::{Finding, TRY_AGAIN};

/// The outcome of a call that failed.
pub(super) enum Refusal {
    /// The resource is not there.
    Absent,
    /// The caller may not ask.
    Forbidden,
    /// Anything else, in our own words.
    Other(String),
}

impl Refusal {
    pub(super) fn of<E: ProvideErrorMetadata>(error: &SdkError<E, HttpResponse>) -> Self {
        // Only an answer of the service has a code.
        let code = match error {
            SdkError::ServiceError(_) => error.code(),
            _ => None,
        };
        match code {
            Some("ResourceNotFoundException" | "NoSuchEntity") => Self::Absent,
            Some(
                "AccessDenied"
                | "AccessDeniedException"
                | "UnauthorizedOperation"
                | "NotAuthorized"
                | "AuthorizationError",
            ) => Self::Forbidden,
            _ => Self::Other(describe(error)),
        }
    }

    /// The finding of a check that failed for this reason; `action` is the permission it needs.
    pub(super) fn unknown(&self, what: impl Into<String>, action: &str) -> Finding {
        self.unknown_but(TRY_AGAIN, what, action)
    }

    /// The same with something else to do than to try again.
    pub(super) fn unknown_but(&self, remedy: &str, what: impl Into<String>, action: &str) -> Finding {
        let why = match self {
            Self::Absent => format!("{action} finds nothing"),
            Self::Forbidden => format!("you may not call {action}; try again with a role that may"),
            Self::Other(words) => format!("{action}: {words}; {remedy}"),
        };
        Finding::unknown(what, why)
    }
}
