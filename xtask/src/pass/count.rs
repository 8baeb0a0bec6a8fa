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

use super::journal::{Journal, Work};
use super::{Pass, Settings, Told, journal, show};
use crate::account::Account;
use crate::commands::{Output, PassOptions};
use crate::connections::in_words;
use crate::stack::Stack;
use crate::target;

/// The name of the count of items that this version cannot read.
const UNREADABLE: &str = "unreadable";

pub(crate) async fn run(options: PassOptions) -> Result<(), String> {
    let app = target::app(&options.target, &[]).await?;
    let table = app.config.credentials_table.clone();
    let (command, region) = ("count".to_owned(), app.aws_region.clone());
    let work = Work { command, region, from: table.clone(), to: table, since: None };
    let journal = journal(&options, work, app.clock.now())?;
    let pass = Pass::new(&app, Reading::Counted, Settings::of(&options), journal);
    show(&pass, async |stored| Ok(kind(stored, app.clock.now())), |_| Ok(())).await?;
    let counted = answer(pass.journal.borrow().counts());
    match options.output {
        Output::Json => println!("{counted:#}"),
        Output::Human => print!("{}", in_words(&counted)),
    }
    Ok(())
}

/// The counts of a stack's connections, for a deployment.
pub(crate) async fn all_of(account: &Account, stack: &Stack) -> Result<Value, String> {
    let app = target::of_stack(account, stack, &[])?;
    counted(&app, Settings::of_a_count()).await
}

/// The counts, without a journal.
pub(super) async fn counted(app: &App, settings: Settings) -> Result<Value, String> {
    let pass = Pass::new(app, Reading::Counted, settings, Journal::in_memory(app.clock.now()));
    pass.run(async |stored| Ok::<_, Error>(kind(stored, app.clock.now())), &mut |_| Ok(())).await?;
    Ok(answer(pass.journal.borrow().counts()))
}

/// Of what kind an item is: the entry of the answer as a text.
fn kind(stored: &Stored, now: Timestamp) -> Told {
    let Ok(listed) = stored.listed() else {
        return Told { counts: vec![UNREADABLE.to_owned()], line: None };
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
    Told { counts: vec![kind.to_string()], line: None }
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
