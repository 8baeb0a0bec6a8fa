//! An OAuth client that Google refused, remembered by a process: one refusal answers for all users
//! until the next attempt is due, or another client or secret is in use.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use postern_rules::credential::{Setback, SetbackCause};
use postern_rules::google_client::GoogleClient;
use postern_rules::time::Timestamp;

/// What a process remembers of the client that was refused last.
#[derive(Default)]
pub struct RefusedClient(Mutex<Option<(Arc<GoogleClient>, Setback)>>);

impl RefusedClient {
    /// Google refused `client`; gives how long the next attempt with it waits.
    pub fn note(&self, client: Arc<GoogleClient>, now: Timestamp) -> Duration {
        let mut refused = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let previous =
            refused.take().filter(|(known, _)| known.is_same_as(&client)).map(|(_, setback)| setback);
        let setback = Setback::after(previous.as_ref(), SetbackCause::ClientRefused, None, now);
        let wait = setback.wait(now).unwrap_or_default();
        *refused = Some((client, setback));
        wait
    }

    /// How long an attempt with `client` still waits; `None` when it may be made.
    pub fn wait(&self, client: &GoogleClient, now: Timestamp) -> Option<Duration> {
        let refused = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        refused
            .as_ref()
            .filter(|(known, _)| known.is_same_as(client))
            .and_then(|(_, setback)| setback.wait(now))
    }

    /// Google accepted a client: whatever was refused before is in order.
    pub fn clear(&self) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = None;
    }
}
