//! Which entries of a file are done, so that the next run goes on from there. It names each by the
//! salted SHA-256 of its line, and holds nothing secret.

use std::collections::HashMap;
use std::path::Path;

use postern::grant::import::Verdict;
use postern_rules::import::mark;
use postern_rules::random;
use serde::{Deserialize, Serialize};
use serde_json::json;

use super::private::Private;

/// A journal, open for one run only.
pub(super) struct Journal {
    file: Private,
    salt: String,
    done: HashMap<String, Done>,
}

/// What became of an entry.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Done {
    pub(super) verdict: String,
    /// Google's ID of the user, of an imported entry.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) user: Option<String>,
}

impl From<&Verdict> for Done {
    fn from(verdict: &Verdict) -> Self {
        let user = match verdict {
            Verdict::Imported(user) => Some(user.as_str().to_owned()),
            _ => None,
        };
        Self { verdict: verdict.as_str().to_owned(), user }
    }
}

#[derive(Deserialize)]
struct First {
    salt: String,
}

#[derive(Serialize, Deserialize)]
struct Record {
    entry: String,
    #[serde(flatten)]
    done: Done,
}

impl Journal {
    /// Opens the journal, or begins it.
    pub(super) fn open(path: &Path) -> Result<Self, String> {
        let (mut file, text) = Private::open(path)?;
        if file.file.try_lock().is_err() {
            return Err(format!("another import of this file is running: it holds {}", path.display()));
        }
        let mut lines = text.lines();
        let salt = if let Some(first) = lines.next() {
            let first = serde_json::from_str::<First>(first);
            first
                .map_err(|_| format!("{} is not a journal of this command; move it away", path.display()))?
                .salt
        } else {
            let salt = random::token();
            file.add(&json!({ "salt": salt }).to_string())?;
            salt
        };
        // A line that was cut off is of an entry that will be tried again.
        let records = lines.filter_map(|line| serde_json::from_str::<Record>(line).ok());
        let done = records.map(|record| (record.entry, record.done)).collect();
        Ok(Self { file, salt, done })
    }

    /// The name of a line.
    pub(super) fn mark(&self, line: &[u8]) -> String {
        mark(&self.salt, line)
    }

    /// What an earlier run noted of the line with this name.
    pub(super) fn done(&self, mark: &str) -> Option<&Done> {
        self.done.get(mark)
    }

    /// Notes that the entry with this name is done.
    pub(super) fn note(&mut self, mark: &str, verdict: &Verdict) -> Result<(), String> {
        let record = Record { entry: mark.to_owned(), done: verdict.into() };
        self.file.add(&json!(record).to_string())
    }
}
