//! Why AWS did not answer a question of doctor's: what is not there is one thing, what the caller may not see another.

use aws_sdk_dynamodb::config::http::HttpResponse;
use aws_sdk_dynamodb::error::{ProvideErrorMetadata, SdkError};
use postern::outside::http::aws::describe;

use super::finding::Finding;
use super::target::ASK_AGAIN;

/// What became of a call that failed.
#[derive(Debug)]
pub(super) enum Refusal {
    /// What was asked for is not there.
    Absent,
    /// The caller may not ask.
    Forbidden,
    /// Anything else, in words of our own.
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

    /// The finding when this is the reason why `what` could not be told; `action` is what the caller needs permission for.
    pub(super) fn untold(&self, what: impl Into<String>, action: &str) -> Finding {
        self.untold_with(ASK_AGAIN, what, action)
    }

    /// The same with another remedy than asking again.
    pub(super) fn untold_with(&self, remedy: &str, what: impl Into<String>, action: &str) -> Finding {
        let why = match self {
            Self::Absent => format!("{action} finds nothing"),
            Self::Forbidden => format!("you may not {action}; ask again with a role that may"),
            Self::Other(words) => format!("{action}: {words}; {remedy}"),
        };
        Finding::untold(what, why)
    }
}
