//! `cargo xtask restore`: puts the items of a restored table back into the stack's. Who ended a
//! connection since stays disconnected, and every session of that time is over.

use postern::grant::reseal::Fate;
use postern::outside::dynamodb::{Described, ENDS_KEPT_FOR, Policy, Reading};
use postern_rules::time::Timestamp;

use super::report::{Report, check_keyring, date};
use super::reseal::{Copying, keyring, source, work};
use super::{Pass, Settings, journal, show};
use crate::commands::{Output, RestoreOptions};
use crate::target::{self, explain};
use crate::terminal;

pub(crate) async fn run(options: RestoreOptions) -> Result<(), String> {
    terminal::require(options.yes)?;
    let RestoreOptions { pass: how, from, from_keyring, yes } = &options;
    let to = target::app(&how.kept.target, &[]).await?;
    let from = source(how, from, from_keyring.as_deref()).await?;
    if from.config.credentials_table == to.config.credentials_table {
        return Err("--from is the stack's own table".to_owned());
    }
    let table = from.store.described().await.map_err(|error| explain(&error.into()))?;
    let question = question(&options, &table, to.clock.now())?;
    if !yes {
        terminal::confirm(&question)?;
    }
    let journal = journal(&how.kept, work("restore", &from, &to, None).await?, to.clock.now())?;
    let check = check_keyring(journal.counts(), how);
    let pass = Pass::new(&from, Reading::All, Settings::of(how), journal);
    show(&pass, &Copying { from: &from, to: &to, policy: Policy::Past }, check).await?;
    let keyring = keyring(&to).await?;
    let journal = pass.journal.borrow();
    let report = Report::of(Fate::Copied, &journal);
    match how.kept.output {
        Output::Json => println!("{:#}", report.json(&keyring)),
        Output::Human => println!("{}", report.outcomes()),
    }
    Ok(())
}

/// What the operator agrees to. A table that is older than ends are remembered is refused: it would
/// bring back whom nobody remembers.
pub(super) fn question(
    options: &RestoreOptions,
    table: &Described,
    now: Timestamp,
) -> Result<String, String> {
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
    let place =
        if options.pass.kept.target.local { "local stack" } else { &options.pass.kept.target.stack_name };
    Ok(format!("Restore the {} items of {}, {of}, into {place}?", table.items, options.from))
}
