//! One pass over all items of a credentials table: segments are read beside each other, each item
//! is handled once, paced, and again where that may help. It can end at any moment; the next run
//! goes on from the journal. What is done twice harms nothing.

pub(crate) mod count;
mod journal;
mod report;
pub(crate) mod reseal;
pub(crate) mod restore;
#[cfg(test)]
#[cfg(feature = "local")]
mod tests;

use std::cell::RefCell;
use std::collections::HashMap;
use std::path::PathBuf;
use std::pin::pin;
use std::time::Duration;

use futures_util::future::try_join_all;
use futures_util::stream::{StreamExt, TryStreamExt, iter};
use postern::app::App;
use postern::outside::dynamodb::{Reading, Segment, Stored};
use postern_rules::error::Error;
use postern_rules::random;
use postern_rules::time::Timestamp;
use tokio::time::Instant;

use self::journal::{Journal, Place, Work};
use crate::commands::{JournalOptions, PassOptions};
use crate::pace::Pace;
use crate::processes::asked_to_stop;
use crate::target::explain;
use crate::terminal;

/// How many segments a table is read in.
const SEGMENTS: i32 = 8;
/// The most items of a page: about 250 KB.
const PAGE: u32 = 250;
/// So many items are read in the time of one write: a write unit is a kilobyte, a read unit eight.
const READS: u32 = 10;
/// The most items of other users that one call looks for.
const LOOK: usize = 100;
/// The wait before a second attempt. It doubles with each, up to [`LONGEST_PAUSE`].
const PAUSE: Duration = Duration::from_millis(100);
const LONGEST_PAUSE: Duration = Duration::from_secs(5);

/// How to go through a table.
#[derive(Clone, Copy)]
pub(crate) struct Settings {
    pub(crate) per_second: u32,
    pub(crate) concurrency: usize,
    /// How many segments are read beside each other. A journal holds for one number.
    pub(crate) segments: i32,
    /// How long one call is tried again before the pass stops.
    pub(crate) patience: Duration,
}

impl Settings {
    fn of(options: &PassOptions) -> Self {
        let concurrency = options.concurrency.into();
        let (per_second, patience) = (options.per_second, Duration::from_mins(1));
        Self { per_second, concurrency, segments: SEGMENTS, patience }
    }

    /// For a pass that only reads.
    pub(crate) const fn of_a_count(reads_per_second: u32) -> Self {
        let per_second = reads_per_second.div_ceil(READS);
        Self { per_second, concurrency: 8, segments: SEGMENTS, patience: Duration::from_mins(1) }
    }
}

/// What became of an item: the counts to which it adds one, and what the operator should know.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Told {
    pub(crate) counts: Vec<String>,
    pub(crate) line: Option<String>,
}

impl Told {
    /// One count, and no line.
    fn counted(name: &str) -> Self {
        Self { counts: vec![name.to_owned()], line: None }
    }
}

/// What a pass does to each item.
pub(crate) trait Task {
    /// How many items are carried out together.
    const TOGETHER: usize = 1;

    /// Where the items of the same users are looked at first.
    fn other(&self) -> Option<&App> {
        None
    }

    /// What is known without another call. `other` is the user's item where the task looks.
    fn known(&self, _stored: &Stored, _other: Option<&Stored>) -> Option<Told> {
        None
    }

    /// Does it. What it does may be repeated.
    async fn carry_out(&self, stored: &Stored) -> Result<Told, Error>;

    /// The same for several; `None` if it has to be done for each alone.
    async fn carry_out_together(&self, _items: &[&Stored]) -> Result<Option<Vec<Told>>, Error> {
        Ok(None)
    }
}

/// Is told of every item, after it is done.
type Tell<'a> = dyn FnMut(&Told) -> Result<(), String> + 'a;

/// A pass over the table of `app`.
pub(crate) struct Pass<'a> {
    app: &'a App,
    reading: Reading,
    settings: Settings,
    journal: RefCell<Journal>,
    pace: RefCell<Pace>,
}

impl<'a> Pass<'a> {
    pub(crate) fn new(app: &'a App, reading: Reading, settings: Settings, journal: Journal) -> Self {
        let (journal, pace) = (RefCell::new(journal), RefCell::new(Pace::of(settings.per_second)));
        Self { app, reading, settings, journal, pace }
    }

    /// Handles every item that no earlier run has finished.
    pub(crate) async fn run(&self, task: &impl Task, tell: &mut Tell<'_>) -> Result<(), String> {
        let tell = &RefCell::new(tell);
        try_join_all((0..self.settings.segments).map(|number| self.segment(number, task, tell))).await?;
        self.journal.borrow_mut().finish()
    }

    async fn segment<T: Task>(
        &self,
        number: i32,
        task: &T,
        tell: &RefCell<&mut Tell<'_>>,
    ) -> Result<(), String> {
        let Settings { per_second, concurrency, segments, .. } = self.settings;
        let segment = Segment { number, of: segments };
        let limit = per_second.div_ceil(segments.unsigned_abs()).min(PAGE);
        let limit = u16::try_from(limit).unwrap_or(u16::MAX);
        let at_a_time = (concurrency / usize::try_from(segments).unwrap_or(1)).max(1);
        loop {
            let place = self.journal.borrow().place(number);
            let after = match &place {
                Place::Start => None,
                Place::Behind(user) => Some(user.as_str()),
                Place::End => return Ok(()),
            };
            let scan = async || Ok(self.app.store.scan(segment, after, limit, &self.reading).await?);
            let batch = self.patiently(1, &scan).await?;
            self.have_read(batch.read);
            let others = self.others(task, &batch.items).await?;
            let (mut told, mut due) = (Vec::new(), Vec::new());
            for stored in &batch.items {
                let other = stored.user_id().and_then(|user| others.get(user));
                match task.known(stored, other) {
                    Some(known) => told.push(known),
                    None => due.push(stored),
                }
            }
            told.iter().try_for_each(|told| tell.borrow_mut()(told))?;
            let carry_out = async |items: &[&Stored]| {
                let told = self.carry_out(task, items).await?;
                told.iter().try_for_each(|told| tell.borrow_mut()(told))?;
                Ok::<_, String>(told)
            };
            let carried_out = iter(due.chunks(T::TOGETHER)).map(carry_out).buffer_unordered(at_a_time);
            told.extend(carried_out.try_concat().await?);
            let counts = told.into_iter().map(|told| told.counts);
            self.journal.borrow_mut().note(number, batch.after, counts)?;
        }
    }

    /// Does it to several items together, or else to each alone.
    async fn carry_out(&self, task: &impl Task, items: &[&Stored]) -> Result<Vec<Told>, String> {
        if items.len() > 1 {
            let together = async || task.carry_out_together(items).await;
            let turns = u32::try_from(items.len()).unwrap_or(u32::MAX);
            if let Some(told) = self.patiently(turns, &together).await? {
                return Ok(told);
            }
        }
        let mut told = Vec::new();
        for stored in items {
            told.push(self.patiently(1, &async || task.carry_out(stored).await).await?);
        }
        Ok(told)
    }

    /// The items of the same users where the task looks.
    async fn others(&self, task: &impl Task, items: &[Stored]) -> Result<HashMap<String, Stored>, String> {
        let mut others = HashMap::new();
        let Some(app) = task.other() else { return Ok(others) };
        for some in items.chunks(LOOK) {
            let look = async || Ok(app.store.of_the_same_users(some).await?);
            others.extend(self.patiently(1, &look).await?);
            self.have_read(some.len());
        }
        Ok(others)
    }

    /// Takes the turns of what was read, also of what a filter left out.
    fn have_read(&self, items: usize) {
        self.pace.borrow_mut().take_many(u32::try_from(items).unwrap_or(u32::MAX) / READS);
    }

    /// Makes a call that takes so many turns, and again while it fails for a reason that may pass.
    async fn patiently<T>(&self, turns: u32, call: &impl AsyncFn() -> Result<T, Error>) -> Result<T, String> {
        let (began, mut pause) = (Instant::now(), PAUSE);
        loop {
            let turn = self.pace.borrow_mut().take_many(turns);
            tokio::time::sleep_until(turn).await;
            let error = match call().await {
                Ok(done) => return Ok(done),
                Err(error) => error,
            };
            if matches!(error.condition(), Error::Config(_)) {
                return Err(explain(&error));
            }
            if began.elapsed() >= self.settings.patience {
                return Err(gave_up(&error));
            }
            let jitter = random::jitter(u64::try_from(pause.as_millis()).unwrap_or(0));
            tokio::time::sleep(pause + Duration::from_millis(jitter)).await;
            pause = (pause * 2).min(LONGEST_PAUSE);
        }
    }
}

/// What to say when a call failed for too long.
fn gave_up(error: &Error) -> String {
    let cause = std::error::Error::source(error).map_or_else(|| error.to_string(), ToString::to_string);
    format!(
        "stopped: one call failed again and again ({cause}). The same command goes on from there; if DynamoDB \
         throttles, with a lower --per-second"
    )
}

/// Opens the journal of a command.
fn journal(options: &JournalOptions, work: Work, now: Timestamp) -> Result<Journal, String> {
    let by_default = || PathBuf::from(format!("postern-{}.journal", work.command));
    let path = options.journal.clone().unwrap_or_else(by_default);
    Journal::open(&path, work, now)
}

/// Runs a pass with a progress bar until it ends or is asked to stop. Every line goes to the
/// standard error, up to a limit.
async fn show(
    pass: &Pass<'_>,
    task: &impl Task,
    mut check: impl FnMut(&Told) -> Result<(), String>,
) -> Result<(), String> {
    let items = pass.app.store.described().await.map(|table| table.items).unwrap_or_default();
    let bar = terminal::bar(items);
    bar.set_position(pass.journal.borrow().items());
    let mut lines = 0;
    let mut tell = |told: &Told| {
        bar.inc(1);
        if let Some(line) = &told.line {
            lines += 1;
            match lines {
                0..=report::MOST_LINES => bar.suspend(|| eprintln!("{line}")),
                lines if lines == report::MOST_LINES + 1 => bar.suspend(|| eprintln!("and more")),
                _ => {}
            }
        }
        check(told)
    };
    let run = pin!(pass.run(task, &mut tell));
    let end = tokio::select! {
        end = run => end,
        // Dropped where it stands, as if it had been killed.
        () = asked_to_stop() => Err("interrupted; the same command goes on from there".to_owned()),
    };
    bar.finish_and_clear();
    end
}
