//! The Cross-Origin-Opener-Policy (HTML Standard section 7.1.3) of the authorization endpoint. The
//! real Google changes it from time to time, so an application must work with each.

use serde::{Deserialize, Serialize};

use super::answer::Answer;

/// What the authorization endpoint says about windows that opened it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum OpenerPolicy {
    /// No header: the window keeps its opener.
    #[default]
    None,
    /// `same-origin-allow-popups`.
    SameOriginAllowPopups,
    /// `same-origin`, only reported.
    ReportOnly,
    /// `same-origin`: the window loses its opener for good.
    SameOrigin,
}

impl OpenerPolicy {
    /// The answer with the header, if there is one.
    pub(super) fn apply(self, answer: Answer) -> Answer {
        match self {
            Self::None => answer,
            Self::SameOriginAllowPopups => {
                answer.with("cross-origin-opener-policy", "same-origin-allow-popups")
            }
            Self::ReportOnly => answer.with("cross-origin-opener-policy-report-only", "same-origin"),
            Self::SameOrigin => answer.with("cross-origin-opener-policy", "same-origin"),
        }
    }
}
