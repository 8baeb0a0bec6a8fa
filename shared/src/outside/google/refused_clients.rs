//! Remembers the OAuth clients that Google refused. A refusal holds for all users of that client
//! until the next attempt is due or another client secret is in use.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use postern_rules::credential::{Setback, SetbackCause};
use postern_rules::google_client::GoogleClient;
use postern_rules::time::Timestamp;

/// The most clients that are remembered: a secret holds two. The oldest is dropped.
const MOST: usize = 2;

/// The clients that were refused, and the wait before the next attempt with each.
#[derive(Default)]
pub struct RefusedClients(Mutex<Vec<(Arc<GoogleClient>, Setback)>>);

impl RefusedClients {
    /// Records that Google refused `client`. Returns the wait before the next attempt with it.
    pub fn note(&self, client: Arc<GoogleClient>, now: Timestamp) -> Duration {
        let mut refused = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let previous = refused.iter().find(|(known, _)| known.is_same_as(&client));
        let previous = previous.map(|(_, setback)| setback);
        let setback = Setback::after(previous, SetbackCause::ClientRefused, None, now);
        let wait = setback.wait(now).unwrap_or_default();
        refused.retain(|(known, _)| known.client_id != client.client_id);
        if refused.len() == MOST {
            refused.remove(0);
        }
        refused.push((client, setback));
        wait
    }

    /// How long an attempt with `client` must still wait; `None` if it may be made.
    pub fn wait(&self, client: &GoogleClient, now: Timestamp) -> Option<Duration> {
        let refused = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let (_, setback) = refused.iter().find(|(known, _)| known.is_same_as(client))?;
        setback.wait(now)
    }

    /// Forgets that Google refused the client with this ID, because Google accepted it.
    pub fn clear(&self, client_id: &str) {
        let mut refused = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        refused.retain(|(known, _)| known.client_id != client_id);
    }
}
