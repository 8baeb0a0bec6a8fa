//! What a check found, and the one line that says so.

use std::fmt;

/// The outcome of one check. Its words are doctor's own, with names of resources in them: never a secret, and never what
/// another system wrote.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Finding {
    /// It is as it should be.
    Good(String),
    /// It is not, and this mends it.
    Wrong {
        /// What is wrong.
        what: String,
        /// How to mend it.
        mend: String,
    },
    /// It could not be told.
    Untold {
        /// What could not be told.
        what: String,
        /// Why, and how to let it be told.
        why: String,
    },
}

impl Finding {
    pub(super) fn good(what: impl Into<String>) -> Self {
        Self::Good(what.into())
    }

    pub(super) fn wrong(what: impl Into<String>, mend: impl Into<String>) -> Self {
        Self::Wrong { what: what.into(), mend: mend.into() }
    }

    pub(super) fn untold(what: impl Into<String>, why: impl Into<String>) -> Self {
        Self::Untold { what: what.into(), why: why.into() }
    }

    /// Whether something has to be mended.
    pub(crate) const fn is_wrong(&self) -> bool {
        matches!(self, Self::Wrong { .. })
    }
}

impl fmt::Display for Finding {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Good(what) => write!(formatter, "good   {what}"),
            Self::Wrong { what, mend } => write!(formatter, "wrong  {what}: {mend}"),
            Self::Untold { what, why } => write!(formatter, "?      {what}: {why}"),
        }
    }
}

/// The last line.
pub(super) fn summary(findings: &[Finding]) -> String {
    let wrong = findings.iter().filter(|finding| finding.is_wrong()).count();
    let good = findings.iter().filter(|finding| matches!(finding, Finding::Good(_))).count();
    format!("{good} good, {wrong} wrong, {} could not be told", findings.len() - good - wrong)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_kind_has_its_word_and_the_summary_counts_them() {
        let findings = [
            Finding::good("the keyring"),
            Finding::wrong("the client secret", "put the current one"),
            Finding::untold("the Gmail API", "nobody asked it"),
        ];
        let lines: Vec<String> = findings.iter().map(ToString::to_string).collect();
        assert_eq!(
            lines,
            [
                "good   the keyring",
                "wrong  the client secret: put the current one",
                "?      the Gmail API: nobody asked it"
            ]
        );
        assert_eq!(summary(&findings), "1 good, 1 wrong, 1 could not be told");
    }
}
