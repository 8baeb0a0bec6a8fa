//! How a request waits for another's refresh: for how long at a time, and for how long in all.

use std::time::Duration;

use super::lease::LEASE;
use crate::clock::Deadline;

/// The first pause; it doubles up to the longest, for a refresh that takes long will take longer.
const FIRST_PAUSE: Duration = Duration::from_millis(40);
const LONGEST_PAUSE: Duration = Duration::from_secs(1);

/// What one request has waited so far.
pub(super) struct Wait {
    pause: Duration,
    /// The holder that is waited for, and until when.
    watched: Option<(String, Deadline)>,
}

impl Default for Wait {
    fn default() -> Self {
        Self { pause: FIRST_PAUSE, watched: None }
    }
}

impl Wait {
    /// The pause that would come next.
    pub(super) const fn next_pause(&self) -> Duration {
        self.pause
    }

    /// The pause before the item is looked at again, while `holder` may be at work. Whatever the
    /// clock that wrote the lease, nobody waits for one holder for longer than a lease lasts.
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
