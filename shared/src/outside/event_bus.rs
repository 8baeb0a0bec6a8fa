//! Puts events on the EventBridge bus. The only file that calls EventBridge.

use std::time::Duration;

use aws_sdk_eventbridge::Client;
use aws_sdk_eventbridge::types::{PutEventsRequestEntry, PutEventsResultEntry};
use postern_rules::event::SOURCE;

use crate::clock::Deadline;
use crate::outside::http::aws::describe;

/// The most events of one call (EventBridge, "PutEvents").
pub const MOST_ENTRIES: usize = 10;
/// The most bytes of one call's events together (EventBridge, "Calculating PutEvents event entry
/// size").
pub const MOST_BYTES: usize = 256 * 1024;
/// An answer that comes later than this is not waited for: what is left of the time is for the
/// report.
const RESERVE: Duration = Duration::from_millis(200);

/// An event as the bus takes it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// Its `detail-type`.
    pub detail_type: &'static str,
    /// Its detail, as JSON.
    pub detail: String,
}

impl Entry {
    /// What it counts of [`MOST_BYTES`].
    pub const fn size(&self) -> usize {
        SOURCE.len() + self.detail_type.len() + self.detail.len()
    }
}

/// Not every event is on the bus.
#[derive(Debug, thiserror::Error)]
#[error("EventBridge did not take an event: {text}")]
pub struct NotTaken {
    /// How many of the first events were taken. Some behind them may be on the bus too.
    pub taken: usize,
    /// Why the next one was not.
    pub text: String,
}

/// The bus.
pub struct EventBus {
    client: Client,
    name: String,
}

impl EventBus {
    /// The bus with this name or ARN, called with `client`.
    pub(crate) const fn new(client: Client, name: String) -> Self {
        Self { client, name }
    }

    /// Puts at most [`MOST_ENTRIES`] events of at most [`MOST_BYTES`] on the bus. When the SDK
    /// repeats a call whose answer was lost, they may be there twice.
    pub async fn put(&self, entries: &[Entry], deadline: Deadline) -> Result<(), NotTaken> {
        let none = |text: &str| NotTaken { taken: 0, text: text.to_owned() };
        let entry = |entry: &Entry| {
            PutEventsRequestEntry::builder()
                .event_bus_name(&self.name)
                .source(SOURCE)
                .detail_type(entry.detail_type)
                .detail(&entry.detail)
                .build()
        };
        let request = self.client.put_events().set_entries(Some(entries.iter().map(entry).collect()));
        let time = deadline.sooner_by(RESERVE).remaining();
        let answer = tokio::time::timeout(time, Box::pin(request.send()))
            .await
            .map_err(|_| none("no time is left"))?
            .map_err(|error| none(&describe(&error)))?;
        // An event without an entry in the answer was not taken.
        let is_taken = |entry: &PutEventsResultEntry| entry.event_id.is_some() && entry.error_code.is_none();
        let taken = answer.entries().iter().take_while(|entry| is_taken(entry)).count();
        if taken >= entries.len() {
            return Ok(());
        }
        let code = answer.entries().get(taken).and_then(PutEventsResultEntry::error_code);
        let code = code.filter(|code| code.bytes().all(|byte| byte.is_ascii_alphanumeric()));
        Err(NotTaken { taken, text: code.unwrap_or("an unnamed error").to_owned() })
    }
}
