//! Tries the entries of a file: paced, a bounded number at a time, and each until it has a verdict
//! or nothing but another run helps.

use std::cell::RefCell;
use std::fs::File;
use std::path::Path;
use std::pin::pin;
use std::time::Duration;

use futures_util::StreamExt;
use futures_util::stream::FuturesUnordered;
use postern::app::App;
use postern::clock::Deadline;
use postern::grant::import::{Options, Verdict, import};
use postern_rules::error::Error;
use postern_rules::import::Entry;
use postern_rules::secret::RefreshToken;
use tokio::sync::watch;
use tokio::time::Instant;

use super::journal::Target;
use super::lines::Lines;
use super::report::Outcome;
use super::{Journal, PAUSES, Rotated, beside};
use crate::commands::ImportOptions;
use crate::pace::Pace;
use crate::private::locked;
use crate::target::explain;

/// The time of one attempt at one entry.
const ATTEMPT: Duration = Duration::from_secs(15);

/// After so many lines in a row that met a temporary failure, the next ones would too.
const OUTAGE: u32 = 20;
const UNAVAILABLE: &str = "stopped: Google or AWS is not available; run the same command again";

/// How to run.
#[derive(Clone, Copy)]
pub(super) struct Settings {
    pub(super) is_dry_run: bool,
    pub(super) per_second: u32,
    pub(super) concurrency: usize,
    /// The least waits before further attempts.
    pub(super) pauses: &'static [Duration],
}

impl Settings {
    pub(super) fn of(options: &ImportOptions) -> Self {
        let ImportOptions { dry_run, per_second, concurrency, .. } = *options;
        Self { is_dry_run: dry_run, per_second, concurrency: concurrency.into(), pauses: &PAUSES }
    }
}

/// How a run ends without an error.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum End {
    /// Every line was looked at.
    Complete,
    /// It was asked to stop, and finished what was under way.
    Stopped,
}

/// A run over one file.
pub(super) struct Run<'a> {
    app: &'a App,
    settings: Settings,
    /// `None` in a dry run.
    journal: Option<RefCell<Journal>>,
    rotated: RefCell<Rotated>,
    pace: RefCell<Pace>,
    /// The imported file, which serves one run at a time.
    _lock: File,
    /// Whether waits for another attempt are given up.
    hurry: watch::Sender<bool>,
}

/// An entry to try.
struct Task {
    number: u64,
    entry: Entry,
    mark: Option<String>,
}

/// Is told what became of each line.
pub(super) type Tell<'a> = dyn FnMut(u64, &Outcome) -> Result<(), String> + 'a;

impl<'a> Run<'a> {
    /// Opens the journal of `file` and what earlier runs kept.
    pub(super) async fn new(app: &'a App, settings: Settings, file: &Path) -> Result<Self, String> {
        let lock = locked(file, "import of this file")?;
        let journal = if settings.is_dry_run {
            None
        } else {
            Some(Journal::open(&beside(file, ".journal"), &Target::of(app).await?)?)
        };
        Ok(Self {
            app,
            settings,
            journal: journal.map(RefCell::new),
            pace: RefCell::new(Pace::of(settings.per_second)),
            _lock: lock,
            rotated: RefCell::new(Rotated::open(&beside(file, ".rotated"))?),
            hurry: watch::Sender::new(false),
        })
    }

    /// Tries every entry that no earlier run has finished. When `stop` is ready, or after an error
    /// that every entry would meet, begins no further one and finishes those under way.
    pub(super) async fn all(
        &self,
        mut lines: Lines,
        stop: impl Future<Output = ()>,
        tell: &mut Tell<'_>,
    ) -> Result<End, String> {
        let mut stop = pin!(stop);
        let mut under_way = FuturesUnordered::new();
        let mut failures = 0;
        // Set when no further entry begins.
        let mut end: Option<Result<End, String>> = None;
        loop {
            if let Some(end) = end.take_if(|_| under_way.is_empty()) {
                return end;
            }
            let is_stopping = matches!(end, Some(Ok(End::Stopped) | Err(_)));
            let has_room = end.is_none() && under_way.len() < self.settings.concurrency;
            let next = self.pace.borrow().next;
            let outcome = tokio::select! {
                biased;
                () = &mut stop, if !is_stopping => Ok(Some(End::Stopped)),
                Some((number, outcome)) = under_way.next(), if !under_way.is_empty() => {
                    let outcome: Result<Outcome, String> = outcome;
                    outcome.and_then(|outcome| {
                        let is_failure = matches!(outcome, Outcome::TryAgain(_));
                        failures = if is_failure { failures + 1 } else { 0 };
                        tell(number, &outcome)?;
                        if failures >= OUTAGE && end.is_none() {
                            return Err(UNAVAILABLE.to_owned());
                        }
                        Ok(None)
                    })
                }
                () = tokio::time::sleep_until(next), if has_room => self.next(&mut lines, tell).map(|task| match task {
                    Some(task) => {
                        let turn = self.pace.borrow_mut().take();
                        under_way.push(self.attempt(task, turn));
                        None
                    }
                    None => Some(End::Complete),
                }),
            };
            match outcome {
                Ok(None) => {}
                Ok(Some(End::Complete)) => end = Some(Ok(End::Complete)),
                Ok(Some(End::Stopped)) => {
                    self.hurry.send_replace(true);
                    end = Some(Ok(End::Stopped));
                }
                Err(problem) => {
                    self.hurry.send_replace(true);
                    // The first is the cause.
                    end = Some(end.filter(Result::is_err).unwrap_or(Err(problem)));
                }
            }
        }
    }

    /// The next entry that needs an attempt. Tells of the lines before it.
    fn next(&self, lines: &mut Lines, tell: &mut Tell<'_>) -> Result<Option<Task>, String> {
        while let Some(line) = lines.next()? {
            let number = line.number;
            let parsed = line.text.and_then(|text| Ok((Entry::parse(&text)?, text)));
            let (entry, text) = match parsed {
                Ok(parsed) => parsed,
                Err(defect) => {
                    tell(number, &Outcome::NotAnEntry(defect))?;
                    continue;
                }
            };
            let Some(journal) = &self.journal else { return Ok(Some(Task { number, entry, mark: None })) };
            let mark = journal.borrow().mark(&text);
            let Some(done) = journal.borrow().done(&mark).cloned() else {
                return Ok(Some(Task { number, entry, mark: Some(mark) }));
            };
            tell(number, &Outcome::Earlier(done))?;
        }
        Ok(None)
    }

    /// Tries an entry, again while that may help. An error is one that every entry would meet.
    async fn attempt(&self, task: Task, turn: Instant) -> (u64, Result<Outcome, String>) {
        let Task { number, mut entry, mark } = task;
        let mut pauses = self.settings.pauses.iter();
        let mut hurry = self.hurry.subscribe();
        tokio::time::sleep_until(turn).await;
        let outcome = loop {
            entry.refresh_token = self.rotated.borrow().newest(&entry.refresh_token);
            let error = match self.import(&entry, mark.as_deref()).await {
                Ok(Ok(verdict)) => break Ok(Outcome::Now(verdict)),
                Ok(Err(error)) => error,
                Err(problem) => break Err(problem),
            };
            if matches!(error.condition(), Error::Config(_) | Error::GoogleSetup(_)) {
                break Err(explain(&error));
            }
            let wait = error.retry_after().map(Duration::from_secs).zip(pauses.next());
            let Some((asked, least)) = wait else { break Ok(Outcome::TryAgain(error.facts().detail)) };
            let turn = async {
                tokio::time::sleep(asked.max(*least)).await;
                // Every attempt asks Google, so each waits for its turn.
                let turn = self.pace.borrow_mut().take();
                tokio::time::sleep_until(turn).await;
            };
            tokio::select! {
                () = turn => {}
                _ = hurry.wait_for(|hurry| *hurry) => break Ok(Outcome::TryAgain(error.facts().detail)),
            }
        };
        (number, outcome)
    }

    /// One attempt, noted in the journal if it is final. The outer error is of a file on this
    /// machine.
    async fn import(&self, entry: &Entry, mark: Option<&str>) -> Result<Result<Verdict, Error>, String> {
        let kept = RefCell::new(Ok(()));
        let keep = |newer: &RefreshToken| {
            *kept.borrow_mut() = self.rotated.borrow_mut().keep(&entry.refresh_token, newer);
        };
        let deadline = Deadline::after(ATTEMPT);
        let is_predecessor =
            |token: &RefreshToken| self.rotated.borrow().leads_to(token, &entry.refresh_token);
        let options = Options {
            is_dry_run: self.settings.is_dry_run,
            keep: &keep,
            is_predecessor: &is_predecessor,
            deadline,
        };
        let imported = import(self.app, entry, &options).await;
        // Without the newer token the entry is not done: the next run must not pass it over.
        kept.into_inner()?;
        if let (Ok(verdict), Some(mark), Some(journal)) = (&imported, mark, &self.journal)
            && verdict.is_final()
        {
            journal.borrow_mut().note(mark, verdict)?;
        }
        Ok(imported)
    }
}
