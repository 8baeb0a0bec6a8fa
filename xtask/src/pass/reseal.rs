//! `cargo xtask reseal`: seals every stored token with the primary key, in place; or copies the
//! items of a table that is in use into the stack's, so that the users can move there.

use std::time::Duration;

use postern::app::App;
use postern::grant::reseal::{copy, follow_end, reseal};
use postern::outside::dynamodb::{Policy, Reading, Stored};
use postern_rules::config::names;
use postern_rules::error::Error;
use postern_rules::seal::Keyring;
use postern_rules::time::Timestamp;
use serde_json::{Value, json};

use super::journal::{Journal, Work};
use super::report::{Report, check_keyring, date, told};
use super::{Pass, Settings, Told, journal, show};
use crate::commands::{Output, PassOptions, ResealOptions};
use crate::target::{self, explain};

/// How far point-in-time recovery reaches back.
const RECOVERY: Duration = Duration::from_hours(35 * 24);
/// How far clocks of different machines may differ.
const SKEW: Duration = Duration::from_mins(5);

pub(crate) async fn run(options: ResealOptions) -> Result<(), String> {
    let app = target::app(&options.pass.target, &[]).await?;
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
    target::app(&options.target, &changes).await
}

/// What a pass over the table of `from` does to that of `to`.
pub(super) fn work(command: &str, from: &App, to: &App, since: Option<i64>) -> Work {
    let region = to.aws_region.clone();
    let (from, to) = (from.config.credentials_table.clone(), to.config.credentials_table.clone());
    Work { command: command.to_owned(), region, from, to, since }
}

async fn in_place(app: &App, options: &PassOptions) -> Result<(), String> {
    let journal = journal(options, work("reseal", app, app, None), app.clock.now())?;
    let pass = Pass::new(app, Reading::All, Settings::of(options), journal);
    show(&pass, async |stored| seal(app, stored).await, check_keyring()).await?;
    let keyring = keyring(app).await?;
    let journal = pass.journal.borrow();
    let report = Report { items: journal.items(), counts: journal.counts() };
    if options.output == Output::Json {
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

/// Seals one item.
pub(super) async fn seal(app: &App, stored: &Stored) -> Result<Told, Error> {
    let outcome = reseal(app, stored.clone()).await?;
    let keyring = app.secrets.keyring().await?;
    Ok(told(stored, &outcome, &keyring))
}

/// What the operator can do with the old keys.
fn advice(report: &Report<'_>, keyring: &Keyring, now: Timestamp) -> Option<String> {
    let old = || keyring.key_ids().filter(|key| *key != keyring.primary());
    old().next()?;
    if old().any(|key| report.sealed_with(key) > 0) {
        return Some("the keyring still needs the other keys that seal something".to_owned());
    }
    let until = date(now.plus(RECOVERY));
    Some(format!(
        "run it once more after five minutes; if the other keys seal nothing then, they can go. To be able to \
         restore the table to any time before now, keep them until {until}"
    ))
}

/// Copies what is in use elsewhere, and prints how to copy what changes from then on.
async fn move_here(from: &App, to: &App, options: &ResealOptions) -> Result<(), String> {
    if from.config.credentials_table == to.config.credentials_table {
        return Err(
            "--from is the stack's own table; without it, the table is sealed again in place".to_owned()
        );
    }
    let settings = Settings::of(&options.pass);
    let work = work("reseal", from, to, options.since);
    let journal = journal(&options.pass, work, to.clock.now())?;
    let began_at = journal.began_at();
    let reading = options.since.map_or(Reading::All, |since| Reading::Since(Timestamp::from_seconds(since)));
    let pass = Pass::new(from, reading, settings, journal);
    let one = async |stored: &Stored| copy_one(from, to, stored, Policy::Live).await;
    show(&pass, one, check_keyring()).await?;
    let mut taken_back = 0;
    if options.since.is_some() {
        let pass = Pass::new(to, Reading::Copies, settings, Journal::in_memory(began_at));
        show(&pass, async |copy| take_back(from, to, copy).await, |_| Ok(())).await?;
        taken_back = pass.journal.borrow().counts().get(TAKEN_BACK).copied().unwrap_or_default();
    }
    let keyring = keyring(to).await?;
    let journal = pass.journal.borrow();
    let report = Report { items: journal.items(), counts: journal.counts() };
    // Clocks differ.
    let again = began_at.seconds() - i64::try_from(SKEW.as_secs()).unwrap_or_default();
    if options.pass.output == Output::Json {
        let mut json: Value = report.json(&keyring);
        json["taken_back"] = json!(taken_back);
        json["since"] = json!(again);
        println!("{json:#}");
        return Ok(());
    }
    println!("{}", report.outcomes());
    if options.since.is_some() {
        println!("{taken_back} copies of connections that have ended are taken back");
    }
    println!("to copy what was written meanwhile, run the same command with --since {again}");
    Ok(())
}

const TAKEN_BACK: &str = "taken_back";

/// Copies one item.
pub(super) async fn copy_one(from: &App, to: &App, stored: &Stored, policy: Policy) -> Result<Told, Error> {
    let outcome = copy(from, to, stored, policy).await?;
    let keyring = to.secrets.keyring().await?;
    Ok(told(stored, &outcome, &keyring))
}

/// Takes back a copy of a connection that has ended.
pub(super) async fn take_back(from: &App, to: &App, copy: &Stored) -> Result<Told, Error> {
    let is_over = follow_end(from, to, copy).await?;
    Ok(Told { counts: is_over.then(|| TAKEN_BACK.to_owned()).into_iter().collect(), line: None })
}

/// The keyring that seals.
pub(super) async fn keyring(app: &App) -> Result<std::sync::Arc<Keyring>, String> {
    app.secrets.keyring().await.map_err(|error| explain(&error.into()))
}
