//! Which entries of a file are done, so that the next run goes on from there. It names each by the
//! salted SHA-256 of its line, and holds nothing secret.

use std::collections::HashMap;
use std::path::Path;

use postern::app::App;
use postern::grant::import::Verdict;
use postern_rules::import::mark;
use postern_rules::random;
use serde::{Deserialize, Serialize};
use serde_json::json;

use crate::private::Private;
use crate::target::explain;

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

/// What the verdicts hold for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Target {
    pub(super) region: String,
    pub(super) table: String,
    /// The rest decides about verdicts, and not about where a grant is stored.
    #[serde(flatten)]
    pub(super) rules: Rules,
}

impl Target {
    /// The target of an import into this deployment.
    pub(super) async fn of(app: &App) -> Result<Self, String> {
        let clients = app.secrets.google_clients().await.map_err(|error| explain(&error.into()))?;
        let mut domains: Vec<&str> = app.config.allowed_domains.iter().collect();
        domains.sort_unstable();
        Ok(Self {
            region: app.aws_region.clone(),
            table: app.config.credentials_table.clone(),
            rules: Rules {
                client_id: clients
                    .iter()
                    .map(|client| client.client_id.as_str())
                    .collect::<Vec<_>>()
                    .join(" "),
                scopes: app.config.scopes.to_string(),
                allowed_domains: domains.join(" "),
            },
        })
    }
}

/// What decides about verdicts.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Rules {
    pub(super) client_id: String,
    pub(super) scopes: String,
    pub(super) allowed_domains: String,
}

/// A record that names the target. The first has the salt too; another follows whenever the rules
/// have changed.
#[derive(Serialize, Deserialize)]
struct Head {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    salt: Option<String>,
    #[serde(flatten)]
    target: Target,
}

/// Whether a verdict stays under other rules: the grant is stored.
fn is_stored(done: &Done) -> bool {
    matches!(done.verdict.as_str(), "imported" | "already_there")
}

#[derive(Serialize, Deserialize)]
struct Record {
    entry: String,
    #[serde(flatten)]
    done: Done,
}

impl Journal {
    /// Opens the journal of an import into this target, or begins it.
    pub(super) fn open(path: &Path, target: &Target) -> Result<Self, String> {
        let (mut file, text) = Private::open(path)?;
        let shown = path.display();
        let mut lines = text.lines();
        let Some(first) = lines.next() else {
            let salt = random::token();
            let head = Head { salt: Some(salt.clone()), target: target.clone() };
            file.add(&json!(head).to_string())?;
            return Ok(Self { file, salt, done: HashMap::new() });
        };
        let first = serde_json::from_str::<Head>(first).ok().and_then(|head| Some((head.salt?, head.target)));
        let (salt, mut latest) = first
            .ok_or_else(|| format!("{shown} is not a journal of this command; delete it or move it away"))?;
        if (&latest.region, &latest.table) != (&target.region, &target.table) {
            let Target { region, table, .. } = latest;
            return Err(format!(
                "{shown} is of an import into the table {table} in {region}; delete it or move it away"
            ));
        }
        let mut done = HashMap::new();
        // A line that was cut off is of an entry that will be tried again.
        for line in lines {
            if let Ok(record) = serde_json::from_str::<Record>(line) {
                done.insert(record.entry, record.done);
            } else if let Ok(head) = serde_json::from_str::<Head>(line) {
                done.retain(|_, done| is_stored(done));
                latest = head.target;
            }
        }
        if latest != *target {
            done.retain(|_, done| is_stored(done));
            file.add(&json!(Head { salt: None, target: target.clone() }).to_string())?;
        }
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
