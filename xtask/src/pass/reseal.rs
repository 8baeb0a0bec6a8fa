//! `cargo xtask reseal`: seals every stored token with the primary key, in place; or copies the
//! items of a table that is in use into the stack's, so that the users can move there.

use std::time::Duration;

use postern::app::App;
use postern::grant::reseal::{Fate, copy, copy_together, has_ended, reseal};
use postern::outside::dynamodb::{Policy, Reading, Stored};
use postern_rules::config::names;
use postern_rules::error::Error;
use postern_rules::seal::Keyring;
use postern_rules::time::Timestamp;
use serde_json::{Value, json};

use super::journal::{Journal, Side, Work};
use super::report::{Report, check_keyring, date, told};
use super::{Pass, Settings, Task, Told, journal, show};
use crate::commands::{Output, PassOptions, ResealOptions};
use crate::target::{self, explain};

/// How far point-in-time recovery reaches back.
const RECOVERY: Duration = Duration::from_hours(35 * 24);
/// How far clocks of different machines may differ.
const SKEW: Duration = Duration::from_mins(5);

pub(crate) async fn run(options: ResealOptions) -> Result<(), String> {
    let app = target::app(&options.pass.kept.target, &[]).await?;
    match &options.from {
        None => in_place(&app, &options.pass).await,
        Some(from) => {
            let from = source(&options.pass, from, options.from_keyring.as_deref()).await?;
            move_here(&from, &app, &options).await
        }
    }
}

/// The other table, as the stack's functions would use it.
pub(super) async fn source(options: &PassOptions, table: &str, keyring: Option<&str>) -> Result<App, String> {
    let mut changes = vec![(names::CREDENTIALS_TABLE.name, table.to_owned())];
    changes.extend(keyring.map(|keyring| (names::SEALING_KEYS_SECRET_ID.name, keyring.to_owned())));
    target::app(&options.kept.target, &changes).await
}

/// What a pass over the table of `from` does to that of `to`.
pub(super) async fn work(command: &str, from: &App, to: &App, since: Option<i64>) -> Result<Work, String> {
    let key = Some(keyring(to).await?.primary().to_owned());
    let (command, region) = (command.to_owned(), to.aws_region.clone());
    Ok(Work { command, region, from: Side::of(from).await?, to: Side::of(to).await?, key, since })
}

async fn in_place(app: &App, options: &PassOptions) -> Result<(), String> {
    let work = work("reseal", app, app, None).await?;
    let journal = journal(&options.kept, work, app.clock.now())?;
    let check = check_keyring(journal.counts(), options);
    let pass = Pass::new(app, Reading::All, Settings::of(options), journal);
    show(&pass, &Sealing { app }, check).await?;
    let keyring = keyring(app).await?;
    let journal = pass.journal.borrow();
    let report = Report::of(Fate::Resealed, &journal);
    if options.kept.output == Output::Json {
        println!("{:#}", report.json(&keyring));
        return Ok(());
    }
    println!("{}", report.outcomes());
    report.key_lines(&keyring).iter().for_each(|line| println!("{line}"));
    if let Some(advice) = advice(&report, &keyring, app.clock.now()) {
        println!("{advice}");
    }
    Ok(())
}

/// Seals items again in their places.
pub(super) struct Sealing<'a> {
    pub(super) app: &'a App,
}

impl Task for Sealing<'_> {
    async fn carry_out(&self, stored: &Stored) -> Result<Told, Error> {
        let outcome = reseal(self.app, stored.clone()).await?;
        let keyring = self.app.secrets.keyring().await?;
        Ok(told(stored, &outcome, &keyring))
    }
}

/// What the operator can do with the old keys.
fn advice(report: &Report<'_>, keyring: &Keyring, now: Timestamp) -> Option<String> {
    let old = || keyring.key_ids().filter(|key| *key != keyring.primary());
    old().next()?;
    if old().any(|key| report.sealed_with(key) > 0) {
        return Some("the keyring still needs the other keys that seal something".to_owned());
    }
    if report.done() > 0 {
        return Some(
            "run it once more after five minutes: some process may still use an older key".to_owned(),
        );
    }
    let until = date(now.plus(RECOVERY));
    Some(format!(
        "the other keys can go. To be able to restore the table to any time before now, keep them until {until}"
    ))
}

/// Copies what is in use elsewhere, and prints how to copy what changes from then on.
async fn move_here(from: &App, to: &App, options: &ResealOptions) -> Result<(), String> {
    if from.config.credentials_table == to.config.credentials_table {
        return Err(
            "--from is the stack's own table; without it, the table is sealed again in place".to_owned()
        );
    }
    let ResealOptions { pass: options, since, .. } = options;
    let settings = Settings::of(options);
    let work = work("reseal", from, to, *since).await?;
    let journal = journal(&options.kept, work, to.clock.now())?;
    let (began_at, check) = (journal.began_at(), check_keyring(journal.counts(), options));
    let reading = since.map_or(Reading::All, |since| Reading::Since(Timestamp::from_seconds(since)));
    let pass = Pass::new(from, reading, settings, journal);
    show(&pass, &Copying { from, to, policy: Policy::Live }, check).await?;
    let mut taken_back = 0;
    if since.is_some() {
        let copies = Reading::CopiesOf(from.config.credentials_table.clone());
        let pass = Pass::new(to, copies, settings, Journal::in_memory(began_at));
        show(&pass, &TakingBack { from, to }, |_| Ok(())).await?;
        taken_back = pass.journal.borrow().counts().get(TAKEN_BACK).copied().unwrap_or_default();
    }
    let keyring = keyring(to).await?;
    let journal = pass.journal.borrow();
    let report = Report::of(Fate::Copied, &journal);
    // Clocks differ.
    let again = began_at.seconds() - i64::try_from(SKEW.as_secs()).unwrap_or_default();
    if options.kept.output == Output::Json {
        let mut json: Value = report.json(&keyring);
        json["taken_back"] = json!(taken_back);
        json["since"] = json!(again);
        println!("{json:#}");
        return Ok(());
    }
    println!("{}", report.outcomes());
    if since.is_some() {
        println!("{taken_back} copies of connections that have ended are taken back");
    }
    println!("to copy what was written meanwhile, run the same command with --since {again}");
    Ok(())
}

/// Copies items into another table.
pub(super) struct Copying<'a> {
    pub(super) from: &'a App,
    pub(super) to: &'a App,
    pub(super) policy: Policy,
}

impl Task for Copying<'_> {
    /// A small transaction is seldom refused. With two keyrings of one key each this one has nine
    /// actions; AWS takes a hundred, and DynamoDB Local of 2020 ten.
    const TOGETHER: usize = 3;

    fn other(&self) -> Option<&App> {
        Some(self.to)
    }

    fn known(&self, stored: &Stored, other: Option<&Stored>) -> Option<Told> {
        other?.keeps_out(stored).then(|| Told::counted(Fate::There.as_str()))
    }

    async fn carry_out(&self, stored: &Stored) -> Result<Told, Error> {
        let outcome = copy(self.from, self.to, stored, self.policy).await?;
        let keyring = self.to.secrets.keyring().await?;
        Ok(told(stored, &outcome, &keyring))
    }

    async fn carry_out_together(&self, items: &[&Stored]) -> Result<Option<Vec<Told>>, Error> {
        let outcomes = copy_together(self.from, self.to, items, self.policy).await?;
        let Some(outcomes) = outcomes else { return Ok(None) };
        let keyring = self.to.secrets.keyring().await?;
        let told = items.iter().zip(&outcomes).map(|(stored, outcome)| told(stored, outcome, &keyring));
        Ok(Some(told.collect()))
    }
}

const TAKEN_BACK: &str = "taken_back";

/// Takes back the copies of connections that have ended.
pub(super) struct TakingBack<'a> {
    pub(super) from: &'a App,
    pub(super) to: &'a App,
}

impl Task for TakingBack<'_> {
    fn other(&self) -> Option<&App> {
        Some(self.from)
    }

    fn known(&self, _: &Stored, other: Option<&Stored>) -> Option<Told> {
        (!has_ended(other)).then(Told::default)
    }

    async fn carry_out(&self, copy: &Stored) -> Result<Told, Error> {
        self.to.store.delete_copy(copy).await?;
        Ok(Told::counted(TAKEN_BACK))
    }
}

/// The keyring that seals.
pub(super) async fn keyring(app: &App) -> Result<std::sync::Arc<Keyring>, String> {
    app.secrets.keyring().await.map_err(|error| explain(&error.into()))
}
