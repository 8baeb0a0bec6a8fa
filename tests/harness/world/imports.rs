//! Imports one line, as `cargo xtask import` does.

use std::cell::RefCell;
use std::time::Duration;

use postern::app::App;
use postern::clock::Deadline;
use postern::grant::import::{self, Options, Verdict};
use postern_rules::error::Error;
use postern_rules::import::Entry;
use serde_json::Value;

use super::World;

/// What came of an attempt to import a line.
#[derive(Debug)]
pub struct Import {
    /// The verdict, or why there is none.
    pub outcome: Result<Verdict, Error>,
    /// The refresh tokens that Google issued in place of the line's.
    pub kept: Vec<String>,
}

impl Import {
    /// The verdict's name, or the error's code.
    pub fn word(&self) -> &'static str {
        match &self.outcome {
            Ok(verdict) => verdict.as_str(),
            Err(error) => error.facts().code,
        }
    }
}

/// Imports a line with an environment and this much time. Google replaced the tokens `replaced` by
/// the line's earlier; `keep` gets what it issues in place of the line's.
pub async fn import_line(
    app: &App,
    line: &Value,
    replaced: &[String],
    is_dry_run: bool,
    budget: Duration,
    keep: &dyn Fn(&str),
) -> Result<Verdict, Error> {
    let entry = Entry::parse(line.to_string().as_bytes()).unwrap();
    let keep: &dyn Fn(&_) = &|token: &postern_rules::secret::RefreshToken| keep(token.expose());
    let is_predecessor: &dyn Fn(&_) -> _ = &|token: &postern_rules::secret::RefreshToken| {
        replaced.iter().any(|replaced| replaced == token.expose())
    };
    let options = Options { is_dry_run, keep, is_predecessor, deadline: Deadline::after(budget) };
    import::import(app, &entry, &options).await
}

impl World {
    /// Imports a line.
    pub async fn import(&self, line: &Value) -> Import {
        self.try_import(line, &[], false, Duration::from_secs(10)).await
    }

    /// Imports a line whose token replaced these, as an earlier run found.
    pub async fn import_after(&self, replaced: &[String], line: &Value) -> Import {
        self.try_import(line, replaced, false, Duration::from_secs(10)).await
    }

    /// The same with so little time that Google is asked once.
    pub async fn import_in_haste(&self, line: &Value) -> Import {
        self.try_import(line, &[], false, Duration::from_millis(3900)).await
    }

    /// Makes all checks of an import.
    pub async fn dry_import(&self, line: &Value) -> Import {
        self.try_import(line, &[], true, Duration::from_secs(10)).await
    }

    async fn try_import(
        &self,
        line: &Value,
        replaced: &[String],
        is_dry_run: bool,
        budget: Duration,
    ) -> Import {
        let kept = RefCell::new(Vec::new());
        let keep = |token: &str| {
            self.plant(token);
            kept.borrow_mut().push(token.to_owned());
        };
        let outcome = import_line(&self.app, line, replaced, is_dry_run, budget, &keep).await;
        Import { outcome, kept: kept.into_inner() }
    }
}
