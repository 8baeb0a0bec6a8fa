//! `cargo xtask count`: how many connections there are of each status, client, set of scopes, key
//! and age. The key is the one that seals the refresh token; the age is the time since the last
//! write.

use std::collections::BTreeMap;

use postern::app::App;
use postern::outside::dynamodb::{Reading, Stored};
use postern_rules::credential::age;
use postern_rules::error::Error;
use postern_rules::time::Timestamp;
use serde_json::{Value, json};

use super::journal::{Journal, Side, Work};
use super::{Pass, Settings, Task, Told, journal, show};
use crate::account::Account;
use crate::commands::{CountOptions, Output};
use crate::connections::in_words;
use crate::stack::Stack;
use crate::target::{self, explain};

/// The name of the count of items that this version cannot read.
const UNREADABLE: &str = "unreadable";

/// The most items that a deployment counts without being asked to.
const MOST: u64 = 1_000_000;
/// How many items a second a deployment reads.
const PER_SECOND: u32 = 10_000;

pub(crate) async fn run(options: CountOptions) -> Result<(), String> {
    let CountOptions { kept, per_second } = &options;
    let app = target::app(&kept.target, &[]).await?;
    let (command, region, table) = ("count".to_owned(), app.aws_region.clone(), Side::of(&app).await?);
    let work = Work { command, region, from: table.clone(), to: table, key: None, since: None };
    let journal = journal(kept, work, app.clock.now())?;
    let pass = Pass::new(&app, Reading::Counted, Settings::of_a_count(*per_second), journal);
    show(&pass, &Counting { now: app.clock.now() }, |_| Ok(())).await?;
    let counted = answer(pass.journal.borrow().counts());
    match kept.output {
        Output::Json => println!("{counted:#}"),
        Output::Human => print!("{}", in_words(&counted)),
    }
    Ok(())
}

/// The counts of a stack's connections, for a deployment.
pub(crate) async fn all_of(account: &Account, stack: &Stack) -> Result<Value, String> {
    let app = target::of_stack(account, stack, &[])?;
    let items = app.store.described().await.map_err(|error| explain(&error.into()))?.items;
    if items > MOST {
        return Err(format!("the table has {items} items; `cargo xtask count` counts them"));
    }
    eprintln!("Counting {items} connections...");
    counted(&app, Settings::of_a_count(PER_SECOND)).await
}

/// The counts, without a journal.
pub(super) async fn counted(app: &App, settings: Settings) -> Result<Value, String> {
    let pass = Pass::new(app, Reading::Counted, settings, Journal::in_memory(app.clock.now()));
    pass.run(&Counting { now: app.clock.now() }, &mut |_| Ok(())).await?;
    Ok(answer(pass.journal.borrow().counts()))
}

/// Counts items by their kinds.
pub(super) struct Counting {
    pub(super) now: Timestamp,
}

impl Task for Counting {
    fn known(&self, stored: &Stored, _: Option<&Stored>) -> Option<Told> {
        Some(kind(stored, self.now))
    }

    async fn carry_out(&self, stored: &Stored) -> Result<Told, Error> {
        Ok(kind(stored, self.now))
    }
}

/// Of what kind an item is: the entry of the answer as a text.
fn kind(stored: &Stored, now: Timestamp) -> Told {
    let Ok(listed) = stored.listed() else {
        return Told::counted(UNREADABLE);
    };
    let age = stored.updated_at().map_or("unknown", |written| age(now.since(written)));
    let keys: Vec<String> = stored.keys().into_iter().collect();
    let kind = json!({
        "status": listed.status.word(),
        "client_id": listed.client_id,
        "scopes": listed.scopes.iter().collect::<Vec<_>>(),
        "key": keys.join(" "),
        "last_written": age,
    });
    Told::counted(&kind.to_string())
}

/// The counts in the form of the function `connections`, with two members more.
fn answer(counts: &BTreeMap<String, u64>) -> Value {
    let entry = |(kind, count): (&String, &u64)| {
        let mut kind: Value = serde_json::from_str(kind).ok()?;
        kind["connections"] = json!(count);
        Some(kind)
    };
    let unreadable = counts.get(UNREADABLE).copied().unwrap_or_default();
    json!({ "counts": counts.iter().filter_map(entry).collect::<Vec<_>>(), "unreadable": unreadable })
}
