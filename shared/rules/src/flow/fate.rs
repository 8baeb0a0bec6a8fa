//! What a browser was told of its flow's end: that it is over, or that a request gave up without
//! knowing. Pure rules.

use serde::{Deserialize, Serialize};

use super::Flow;

/// How many attempts to spend a state are remembered that were never answered.
const UNANSWERED: usize = 4;

/// What became of a flow's state, as far as its browser was told.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) enum Fate {
    /// Nobody has spent it.
    #[default]
    #[serde(rename = "o")]
    Open,
    /// Requests that have given up tried to, under these names, and do not know whether they did.
    #[serde(rename = "u")]
    Unanswered(Vec<String>),
    /// It is spent: the flow is over.
    #[serde(rename = "s")]
    Spent,
}

impl Fate {
    /// Whether there is nothing to write down.
    pub(super) fn is_open(&self) -> bool {
        *self == Self::Open
    }
}

impl Flow {
    /// Whether the browser was told that the flow is over.
    pub fn is_spent(&self) -> bool {
        self.fate == Fate::Spent
    }

    /// The flow as one that is over.
    #[must_use]
    pub fn over(&self) -> Self {
        Self { fate: Fate::Spent, ..self.clone() }
    }

    /// The names under which requests that have given up tried to spend the state, and do not know
    /// whether they did.
    pub fn unanswered(&self) -> &[String] {
        match &self.fate {
            Fate::Unanswered(attempts) => attempts,
            Fate::Open | Fate::Spent => &[],
        }
    }

    /// The flow as one whose state this request tried to spend as `attempt`, without an answer; the
    /// browser is told so when the request gives up, and not before.
    #[must_use]
    pub fn with_unanswered(&self, attempt: &str) -> Self {
        let known = self.unanswered();
        let newest = known.len().saturating_sub(UNANSWERED - 1);
        let attempts = known[newest..].iter().cloned().chain([attempt.to_owned()]).collect();
        Self { fate: Fate::Unanswered(attempts), ..self.clone() }
    }
}
