//! Remembers the OAuth client that Google refused. The refusal holds for all users until the next
//! attempt is due or another client or client secret is in use.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use postern_rules::credential::{Setback, SetbackCause};
use postern_rules::google_client::GoogleClient;
use postern_rules::time::Timestamp;

/// The client that was refused last, and the wait before the next attempt.
#[derive(Default)]
pub struct RefusedClient(Mutex<Option<(Arc<GoogleClient>, Setback)>>);

impl RefusedClient {
    /// Records that Google refused `client`. Returns the wait before the next attempt with it.
    pub fn note(&self, client: Arc<GoogleClient>, now: Timestamp) -> Duration {
        let mut refused = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let previous =
            refused.take().filter(|(known, _)| known.is_same_as(&client)).map(|(_, setback)| setback);
        let setback = Setback::after(previous.as_ref(), SetbackCause::ClientRefused, None, now);
        let wait = setback.wait(now).unwrap_or_default();
        *refused = Some((client, setback));
        wait
    }

    /// How long an attempt with `client` must still wait; `None` if it may be made.
    pub fn wait(&self, client: &GoogleClient, now: Timestamp) -> Option<Duration> {
        let refused = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let (_, setback) = refused.as_ref().filter(|(known, _)| known.is_same_as(client))?;
        setback.wait(now)
    }

    /// Forgets the refused client, because Google accepted a client.
    pub fn clear(&self) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = None;
    }
}
