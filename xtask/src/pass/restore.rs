//! `cargo xtask restore`: puts the items of a restored table back into the stack's. Who ended a
//! connection since stays disconnected, and every session of that time is over.

use postern::app::App;
use postern::outside::dynamodb::{Described, ENDS_KEPT_FOR, Policy, Reading, Stored};
use postern_rules::time::Timestamp;

use super::report::{Report, check_keyring, date};
use super::reseal::{copy_one, keyring, source, work};
use super::{Pass, Settings, journal, show};
use crate::commands::{Output, RestoreOptions};
use crate::target::{self, explain};
use crate::terminal;

pub(crate) async fn run(options: RestoreOptions) -> Result<(), String> {
    terminal::require(options.yes)?;
    let to = target::app(&options.pass.target, &[]).await?;
    let from = source(&options.pass, &options.from, options.from_keyring.as_deref()).await?;
    if from.config.credentials_table == to.config.credentials_table {
        return Err("--from is the stack's own table".to_owned());
    }
    let table = from.store.described().await.map_err(|error| explain(&error.into()))?;
    let question = question(&options, table, to.clock.now())?;
    if !options.yes {
        terminal::confirm(&question)?;
    }
    let journal = journal(&options.pass, work("restore", &from, &to, None), to.clock.now())?;
    let pass = Pass::new(&from, Reading::All, Settings::of(&options.pass), journal);
    show(&pass, async |stored| put_back(&from, &to, stored).await, check_keyring()).await?;
    let keyring = keyring(&to).await?;
    let journal = pass.journal.borrow();
    let report = Report { items: journal.items(), counts: journal.counts() };
    match options.pass.output {
        Output::Json => println!("{:#}", report.json(&keyring)),
        Output::Human => println!("{}", report.outcomes()),
    }
    Ok(())
}

/// Puts one item back.
pub(super) async fn put_back(
    from: &App,
    to: &App,
    stored: &Stored,
) -> Result<super::Told, postern_rules::error::Error> {
    copy_one(from, to, stored, Policy::Past).await
}

/// What the operator agrees to. A table that is older than ends are remembered is refused: it would
/// bring back whom nobody remembers.
pub(super) fn question(options: &RestoreOptions, table: Described, now: Timestamp) -> Result<String, String> {
    let days = ENDS_KEPT_FOR.as_secs() / 86_400;
    let of = match table.restored_to {
        Some(time) if now.since(time) >= ENDS_KEPT_FOR => {
            return Err(format!(
                "{} is of {}: of connections that ended more than {days} days ago nothing is known any more, and \
                 they would come back",
                options.from,
                date(time)
            ));
        }
        Some(time) => format!("as it was at {}", date(time)),
        None => format!("which does not say of what time it is (it must be younger than {days} days)"),
    };
    let place = if options.pass.target.local { "local stack" } else { &options.pass.target.stack_name };
    Ok(format!("Restore the {} items of {}, {of}, into {place}?", table.items, options.from))
}
