//! How long a request waits for another request's refresh.

use std::time::Duration;

use super::lease::LEASE;
use crate::clock::Deadline;

/// The pauses between two reads of the item. They double from the first up to the longest.
const FIRST_PAUSE: Duration = Duration::from_millis(40);
const LONGEST_PAUSE: Duration = Duration::from_secs(1);

/// The state of one request's waiting.
pub(super) struct Wait {
    pause: Duration,
    /// The holder of the lease and the time at which waiting for it ends.
    watched: Option<(String, Deadline)>,
}

impl Default for Wait {
    fn default() -> Self {
        Self { pause: FIRST_PAUSE, watched: None }
    }
}

impl Wait {
    /// The length of the next pause.
    pub(super) const fn next_pause(&self) -> Duration {
        self.pause
    }

    /// The pause before the item is read again, while `holder` may be refreshing. Waiting for one
    /// holder takes at most the length of a lease, even if the clock that wrote the lease is wrong.
    pub(super) fn pause_for(&mut self, holder: Option<&str>) -> Option<Duration> {
        let holder = holder?;
        let until = match &self.watched {
            Some((known, until)) if known == holder => *until,
            _ => {
                let until = Deadline::after(LEASE);
                self.watched = Some((holder.to_owned(), until));
                until
            }
        };
        if until.remaining().is_zero() {
            return None;
        }
        let pause = until.at_most(self.pause);
        self.pause = LONGEST_PAUSE.min(self.pause * 2);
        Some(pause)
    }
}
