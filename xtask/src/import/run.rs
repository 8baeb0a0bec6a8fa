//! Tries the entries of a file: paced, a bounded number at a time, and each until it has a verdict or
//! nothing but another run helps.

use std::cell::RefCell;
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

use super::lines::Lines;
use super::report::Outcome;
use super::{Journal, PAUSES, Rotated, beside};
use crate::commands::ImportOptions;

/// The time of one attempt at one entry.
const ATTEMPT: Duration = Duration::from_secs(15);
/// How far the pace may fall behind and catch up, because timers are coarse.
const SLACK: Duration = Duration::from_millis(10);

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
    pub(super) fn new(app: &'a App, settings: Settings, file: &Path) -> Result<Self, String> {
        let journal = (!settings.is_dry_run).then(|| Journal::open(&beside(file, ".journal")));
        Ok(Self {
            app,
            settings,
            journal: journal.transpose()?.map(RefCell::new),
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
        let mut pace = Pace::of(self.settings.per_second);
        // Set when no further entry begins.
        let mut end: Option<Result<End, String>> = None;
        loop {
            if let Some(end) = end.take_if(|_| under_way.is_empty()) {
                return end;
            }
            let is_stopping = matches!(end, Some(Ok(End::Stopped) | Err(_)));
            let has_room = end.is_none() && under_way.len() < self.settings.concurrency;
            let outcome = tokio::select! {
                biased;
                () = &mut stop, if !is_stopping => Ok(Some(End::Stopped)),
                Some((number, outcome)) = under_way.next(), if !under_way.is_empty() => {
                    let outcome: Result<Outcome, String> = outcome;
                    outcome.and_then(|outcome| tell(number, &outcome)).map(|()| None)
                }
                () = pace.turn(), if has_room => self.next(&mut lines, tell).map(|task| match task {
                    Some(task) => {
                        pace.take();
                        under_way.push(self.attempt(task));
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
    async fn attempt(&self, task: Task) -> (u64, Result<Outcome, String>) {
        let Task { number, mut entry, mark } = task;
        let mut pauses = self.settings.pauses.iter();
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
            let mut hurry = self.hurry.subscribe();
            tokio::select! {
                () = tokio::time::sleep(asked.max(*least)) => {}
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
        let options = Options { is_dry_run: self.settings.is_dry_run, keep: &keep, deadline };
        let imported = import(self.app, entry, &options).await;
        if let (Ok(verdict), Some(mark), Some(journal)) = (&imported, mark, &self.journal)
            && verdict.is_final()
        {
            journal.borrow_mut().note(mark, verdict)?;
        }
        kept.into_inner()?;
        Ok(imported)
    }
}

/// Why no entry can be imported.
fn explain(error: &Error) -> String {
    let cause = std::error::Error::source(error).map(|cause| format!(" ({cause})")).unwrap_or_default();
    let variable = error.variable().map(|variable| format!("{variable}: ")).unwrap_or_default();
    let detail = error.facts().detail;
    format!("stopped: {variable}{detail}{cause} Correct that, and run the same command again.")
}

/// Spreads the beginnings of attempts.
struct Pace {
    gap: Duration,
    next: Instant,
}

impl Pace {
    fn of(per_second: u32) -> Self {
        Self { gap: Duration::from_secs(1) / per_second, next: Instant::now() }
    }

    /// Waits until another attempt may begin.
    fn turn(&self) -> impl Future<Output = ()> + use<> {
        tokio::time::sleep_until(self.next)
    }

    /// An attempt begins.
    fn take(&mut self) {
        let now = Instant::now();
        self.next = self.next.max(now.checked_sub(SLACK).unwrap_or(now)) + self.gap;
    }
}
