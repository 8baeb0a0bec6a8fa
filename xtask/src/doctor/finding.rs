//! What a check found, and the line that says so.

use std::fmt;

pub(super) const TRY_AGAIN: &str = "try again";
pub(super) const DEPLOY_AGAIN: &str = "deploy the template again";

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

/// The last line.
pub(super) fn summary(findings: &[Finding]) -> String {
    let wrong = findings.iter().filter(|finding| finding.is_wrong()).count();
    let good = findings.iter().filter(|finding| matches!(finding, Finding::Good(_))).count();
    format!("{good} good, {wrong} wrong, {} not known", findings.len() - good - wrong)
}
