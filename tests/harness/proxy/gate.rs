//! A gate counts the requests through the proxies that share it, and can hold one of them: the
//! point where a test ends a process.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::watch;

/// Whether a [`Gate`] holds a call before or after its effect.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Side {
    /// The request was sent and does not reach the back end.
    Before,
    /// The back end carried out the request, and its answer does not arrive.
    After,
}

/// Counts requests, and holds one of them.
#[derive(Clone, Debug, Default)]
pub struct Gate(Arc<State>);

#[derive(Debug, Default)]
struct State {
    count: Mutex<(usize, Option<(usize, Side)>)>,
    holds: watch::Sender<bool>,
}

impl Gate {
    /// Starts counting again, and holds the request with this number (the first is 1) until its
    /// connection ends.
    pub fn arm(&self, number: usize, side: Side) {
        *self.count() = (0, Some((number, side)));
        self.0.holds.send_replace(false);
    }

    /// Starts counting again, and holds no request.
    pub fn disarm(&self) {
        *self.count() = (0, None);
        self.0.holds.send_replace(false);
    }

    /// How many requests have begun since the count started.
    pub fn requests(&self) -> usize {
        self.count().0
    }

    /// Returns once a request is held.
    ///
    /// # Panics
    /// Never: the sender lives in the gate.
    pub async fn reached(&self) {
        self.0.holds.subscribe().wait_for(|holds| *holds).await.expect("the gate is still there");
    }

    pub(super) fn begin(&self) -> usize {
        let mut count = self.count();
        count.0 += 1;
        count.0
    }

    pub(super) async fn pass(&self, number: usize, side: Side) {
        if self.count().1 == Some((number, side)) {
            self.0.holds.send_replace(true);
            std::future::pending::<()>().await;
        }
    }

    fn count(&self) -> MutexGuard<'_, (usize, Option<(usize, Side)>)> {
        self.0.count.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
