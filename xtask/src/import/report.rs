//! What became of each line: in words for the terminal, as JSON for a file, and counted.

use std::collections::BTreeMap;
use std::fs::{File, OpenOptions};
use std::io::{BufRead, BufReader, BufWriter, Read, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use postern::grant::import::Verdict;
use postern_rules::import::Defect;
use serde::Deserialize;
use serde_json::{Map, json};

use super::journal::Done;

/// What became of a line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Outcome {
    /// This run tried it.
    Now(Verdict),
    /// An earlier run did.
    Earlier(Done),
    /// It is no entry.
    NotAnEntry(Defect),
    /// A temporary failure, with a fixed sentence.
    TryAgain(&'static str),
}

impl Outcome {
    fn word(&self) -> &str {
        match self {
            Self::Now(verdict) => verdict.as_str(),
            Self::Earlier(done) => &done.verdict,
            Self::NotAnEntry(_) => "not_an_entry",
            Self::TryAgain(_) => "try_again",
        }
    }

    fn user(&self) -> Option<&str> {
        match self {
            Self::Now(Verdict::Imported(user)) => Some(user.as_str()),
            Self::Earlier(done) => done.user.as_deref(),
            _ => None,
        }
    }

    /// What the operator should know, and do. Nothing of an entry that was imported, and of one
    /// that an earlier run has reported.
    fn advice(&self) -> Option<String> {
        let sentence = match self {
            Self::Earlier(_) | Self::Now(Verdict::Imported(_)) => return None,
            Self::NotAnEntry(defect) => return Some(defect.to_string()),
            Self::TryAgain(problem) => problem,
            Self::Now(Verdict::AlreadyThere) => "the user has an active grant here, which stays",
            Self::Now(Verdict::Disconnecting) => "the user is disconnecting; leave it at that",
            Self::Now(Verdict::OtherClient) => {
                "Google issued it to another OAuth client than this deployment's; import it there, or let the user connect"
            }
            Self::Now(Verdict::Dead) => {
                "Google does not accept it any more (revoked, expired or never issued); the user must connect"
            }
            Self::Now(Verdict::Blocked) => {
                "the user's organisation or Google's policy forbids it; run again when that is changed, or let the user connect"
            }
            Self::Now(Verdict::ScopesMissing) => {
                "it covers less than GmailScopes and openid email; the user must connect"
            }
            Self::Now(Verdict::OtherUser) => {
                "it belongs to another account than sub or email say; correct the line, or leave it out"
            }
            Self::Now(Verdict::DomainNotAllowed) => "the account is of no domain in AllowedDomains",
        };
        Some(sentence.to_owned())
    }
}

/// Whether a report may be written there: nothing is there, or an earlier report.
fn is_replaceable(path: &Path) -> std::io::Result<bool> {
    #[derive(Deserialize)]
    #[serde(deny_unknown_fields)]
    #[expect(dead_code, reason = "only the form counts")]
    struct Reported {
        line: u64,
        verdict: String,
        user: Option<String>,
    }
    let file = match File::open(path) {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(true),
        file => file?,
    };
    if !file.metadata()?.is_file() {
        return Ok(false);
    }
    let mut first = Vec::new();
    BufReader::new(file.take(4096)).read_until(b'\n', &mut first)?;
    Ok(first.is_empty() || serde_json::from_slice::<Reported>(&first).is_ok())
}

/// The report of a run.
#[derive(Default)]
pub(super) struct Report {
    file: Option<(PathBuf, BufWriter<File>)>,
    counts: BTreeMap<String, u64>,
    earlier: u64,
}

impl Report {
    /// A report, also in a file. A file that exists is replaced if it is an earlier report, and
    /// never otherwise: it may hold tokens.
    pub(super) fn create(path: Option<&Path>) -> Result<Self, String> {
        let open = |path: &Path| {
            let shown = path.display();
            if !is_replaceable(path).map_err(|error| format!("--report {shown}: {error}"))? {
                return Err(format!("--report {shown} exists, and is no report of this command"));
            }
            let mut options = OpenOptions::new();
            let file = options.write(true).create(true).truncate(true).mode(0o600).open(path);
            let file = file.map_err(|error| format!("--report {shown}: {error}"))?;
            Ok::<_, String>((path.to_owned(), BufWriter::new(file)))
        };
        Ok(Self { file: path.map(open).transpose()?, ..Self::default() })
    }

    /// Adds a line. Returns what to print, if the operator should know of it.
    pub(super) fn add(&mut self, number: u64, outcome: &Outcome) -> Result<Option<String>, String> {
        let word = outcome.word();
        *self.counts.entry(word.to_owned()).or_default() += 1;
        self.earlier += u64::from(matches!(outcome, Outcome::Earlier(_)));
        if let Some((path, file)) = &mut self.file {
            let mut line = Map::from_iter([("line".into(), number.into()), ("verdict".into(), word.into())]);
            line.extend(outcome.user().map(|user| ("user".into(), json!(user))));
            let written = writeln!(file, "{}", json!(line)).and_then(|()| file.flush());
            written.map_err(|error| format!("cannot write {}: {error}", path.display()))?;
        }
        Ok(outcome.advice().map(|advice| format!("line {number}: {word}: {advice}")))
    }

    /// The counts, in one line.
    pub(super) fn summary(&self, is_dry_run: bool) -> String {
        let total: u64 = self.counts.values().sum();
        if total == 0 {
            return "no line is done".to_owned();
        }
        let count = |(word, count): (&String, &u64)| match word.as_str() {
            "imported" if is_dry_run => format!("{count} could be imported"),
            word => format!("{count} {word}"),
        };
        let counts: Vec<String> = self.counts.iter().map(count).collect();
        let earlier = match self.earlier {
            0 => String::new(),
            earlier => format!(" ({earlier} by earlier runs)"),
        };
        format!("{total} lines: {}{earlier}", counts.join(", "))
    }

    /// Whether a line met a temporary failure.
    pub(super) fn is_to_be_repeated(&self) -> bool {
        self.counts.contains_key("try_again")
    }
}
