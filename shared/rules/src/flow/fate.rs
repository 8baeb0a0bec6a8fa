//! How a browser's flow ended: spent, or tried with an unknown outcome.

use serde::{Deserialize, Serialize};

use super::Flow;

/// How many attempts with an unknown outcome are remembered.
const ATTEMPT_LIMIT: usize = 4;

/// What the flow cookie records about the state.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) enum Fate {
    /// Not spent.
    #[default]
    #[serde(rename = "o")]
    Open,
    /// Requests tried to spend it, with an unknown outcome. Holds the names of the attempts.
    #[serde(rename = "u")]
    Unanswered(Vec<String>),
    /// Spent: the flow is over.
    #[serde(rename = "s")]
    Spent,
}

impl Fate {
    pub(super) fn is_open(&self) -> bool {
        *self == Self::Open
    }
}

impl Flow {
    /// Whether the cookie records that the flow is over.
    pub fn is_spent(&self) -> bool {
        self.fate == Fate::Spent
    }

    /// This flow, marked as over. It gives no second code, so it need not remember for whom.
    #[must_use]
    pub fn over(&self) -> Self {
        Self { fate: Fate::Spent, code_request: None, ..self.clone() }
    }

    /// Names of the attempts to spend the state whose outcome is unknown.
    pub fn unanswered(&self) -> &[String] {
        match &self.fate {
            Fate::Unanswered(attempts) => attempts,
            Fate::Open | Fate::Spent => &[],
        }
    }

    /// This flow with one more attempt whose outcome is unknown.
    #[must_use]
    pub fn with_unanswered(&self, attempt: &str) -> Self {
        let known = self.unanswered();
        let newest = known.len().saturating_sub(ATTEMPT_LIMIT - 1);
        let attempts = known[newest..].iter().cloned().chain([attempt.to_owned()]).collect();
        Self { fate: Fate::Unanswered(attempts), ..self.clone() }
    }
}
