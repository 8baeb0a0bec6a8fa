//! What a check found, and the line that says so.

use std::fmt;

use aws_sdk_dynamodb::config::http::HttpResponse;
use aws_sdk_dynamodb::error::{ProvideErrorMetadata, SdkError};
use postern::outside::http::aws::describe;
use serde_json::{Value, json};

/// Another deployment of the same template changes nothing, for CloudFormation compares templates.
pub(super) const PUT_BACK: &str = "put it back (docs/deploy.md#put-back-what-differs)";

/// The outcome of one check. Its text is doctor's own, with names of resources in it: never a
/// secret, and never what another system wrote.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Finding {
    /// What is as it should be.
    Good(String),
    /// What is not, and how to fix it.
    Wrong(String, String),
    /// What doctor could not tell, and why.
    Unknown(String, String),
}

impl Finding {
    pub(super) fn good(what: impl Into<String>) -> Self {
        Self::Good(what.into())
    }

    pub(super) fn wrong(what: impl Into<String>, fix: impl Into<String>) -> Self {
        Self::Wrong(what.into(), fix.into())
    }

    pub(super) fn unknown(what: impl Into<String>, why: impl Into<String>) -> Self {
        Self::Unknown(what.into(), why.into())
    }

    /// Whether something has to be fixed.
    pub(crate) const fn is_wrong(&self) -> bool {
        matches!(self, Self::Wrong(..))
    }

    /// For pipelines: what docs/deploy.md promises.
    pub(crate) fn json(&self) -> Value {
        match self {
            Self::Good(what) => json!({ "state": "good", "what": what }),
            Self::Wrong(what, fix) => json!({ "state": "wrong", "what": what, "fix": fix }),
            Self::Unknown(what, why) => json!({ "state": "unknown", "what": what, "why": why }),
        }
    }
}

impl fmt::Display for Finding {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Good(what) => write!(formatter, "good   {what}"),
            Self::Wrong(what, fix) => write!(formatter, "wrong  {what}: {fix}"),
            Self::Unknown(what, why) => write!(formatter, "?      {what}: {why}"),
        }
    }
}

/// The findings of a check that found nothing else.
pub(super) fn or_good(mut findings: Vec<Finding>, what: impl Into<String>) -> Vec<Finding> {
    if findings.is_empty() {
        findings.push(Finding::good(what));
    }
    findings
}

/// A call that AWS did not answer.
pub(super) struct Refusal {
    /// What the call is about does not exist.
    pub(super) is_absent: bool,
    why: String,
}

impl Refusal {
    /// `action` is the permission that the call needs.
    pub(super) fn of<E: ProvideErrorMetadata>(action: &str, error: &SdkError<E, HttpResponse>) -> Self {
        // Only an answer of the service has a code.
        let code = error.as_service_error().and_then(ProvideErrorMetadata::code).unwrap_or_default();
        Self::new(action, code, &describe(error))
    }

    /// `code` is the service's word for it, and `otherwise` says what happened if it is none that
    /// is known.
    pub(super) fn new(action: &str, code: &str, otherwise: &str) -> Self {
        let is_absent =
            matches!(code, "ResourceNotFoundException" | "NoSuchEntity" | "NotFound" | "NotFoundException");
        let why = match code {
            _ if is_absent => format!("{action} finds nothing"),
            "AccessDenied"
            | "AccessDeniedException"
            | "UnauthorizedOperation"
            | "NotAuthorized"
            | "AuthorizationError" => format!("you may not call {action}; try again with a role that may"),
            _ => format!("{action}: {otherwise}; try again"),
        };
        Self { is_absent, why }
    }

    /// What doctor could not tell because of it.
    pub(super) fn unknown(self, what: impl Into<String>) -> Finding {
        Finding::unknown(what, self.why)
    }

    /// The same, unless the reason is that something does not exist, which is wrong.
    pub(super) fn unless_absent(self, what: impl Into<String>, absent: Finding) -> Finding {
        if self.is_absent { absent } else { self.unknown(what) }
    }
}
