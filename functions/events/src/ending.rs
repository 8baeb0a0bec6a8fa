//! Looks through the active connections for grants that end soon, and marks each once.

use std::time::Duration;

use postern::app::App;
use postern::clock::Deadline;
use postern::door::stream::Tally;
use postern::outside::dynamodb::within;
use postern::telemetry::metrics;
use postern_rules::credential::Status;
use postern_rules::error::Error;

/// A grant that ends within this time ends soon.
const SOON: Duration = Duration::from_hours(48);
/// The entries of one query of the index: about half of the megabyte that one may return.
const PAGE: u16 = 1000;

/// Marks the active grants that end within two days and are not marked. One that cannot be marked
/// holds up no other, but makes the whole fail in the end, as does a lack of time. What was marked
/// stays so. Says how many active connections there are, if it saw them all.
pub(crate) async fn mark(app: &App, deadline: Deadline) -> Result<Tally, Error> {
    let now = app.clock.now();
    let mut tally = Tally::default();
    let mut not_marked = 0_usize;
    let mut failed: Option<Error> = None;
    let mut after: Option<String> = None;
    loop {
        let page = app.store.connections(Status::Active, after.as_deref(), PAGE);
        let page = within(deadline, page).await?;
        for connection in &page.listed {
            tally.records += 1;
            let ends_soon = connection.ends_at.is_some_and(|end| end > now && end <= now.plus(SOON));
            let Some(token) = connection.refresh_token_id.as_deref().filter(|_| ends_soon) else { continue };
            if connection.end_noticed_for.as_deref() == Some(token) {
                continue;
            }
            match within(deadline, app.store.notice_end(&connection.user, token)).await {
                Ok(()) => tally.events += 1,
                Err(error) if !deadline.allows(Duration::ZERO) => return Err(error.into()),
                Err(error) => {
                    not_marked += 1;
                    tracing::warn!(event = "not_marked", not_marked, error = %error, "a grant that ends soon");
                    failed = Some(error.into());
                }
            }
        }
        after = page.after;
        if after.is_none() {
            metrics::measure_connected_users(tally.records);
            return failed.map_or(Ok(tally), Err);
        }
    }
}
