//! `events`, without a route: tells the account what becomes of connections. The stream of the
//! credentials table brings every write; some of them are events. A schedule looks for grants that
//! end soon, and marks them: the mark is a write like any other.

mod ending;
mod publish;

use postern::app::{Ahead, App};
use postern::clock::Deadline;
use postern::door::direct::Function;
use postern::door::stream::{Occasion, Tally};
use postern_rules::error::Error;

/// This function.
pub const FUNCTION: Function = Function { name: "events", ahead: &[Ahead::Secrets] };

/// Publishes the events of a batch, or marks the grants that end soon.
///
/// # Errors
///
/// What keeps the whole from being done. An event that the bus does not take is no error: the tally
/// says where the batch is to be continued.
pub async fn handle(app: &App, occasion: Occasion<'_>, deadline: Deadline) -> Result<Tally, Error> {
    match occasion {
        Occasion::Records(records) => publish::publish(app, &records, deadline).await,
        Occasion::Hour => ending::mark(app, deadline).await,
    }
}
