//! How long a request waits for another request's refresh.

use std::time::Duration;

use postern_rules::random;

use super::lease::LEASE;
use crate::clock::Deadline;

/// The first pause between two reads of the item. A refresh rarely takes less. Each further pause is
/// half as long again, so a request waits at most 100 ms plus two thirds of the refresh's time longer than it takes.
const FIRST_PAUSE: Duration = Duration::from_millis(100);
/// The longest pause. In pauses of this length a thousand waiting requests read a little less than
/// the 3,000 times a second that DynamoDB allows for one item. In the first pauses they read more
/// often, and the SDK repeats what DynamoDB refuses.
const LONGEST_PAUSE: Duration = Duration::from_millis(400);
/// Up to this share of a pause is left out at random, so that requests that came together do not
/// read together.
const JITTER: u32 = 4;

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
    /// The most that the next pause takes.
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
        let most = u64::try_from((self.pause / JITTER).as_millis()).unwrap_or(0);
        let pause = self.pause.saturating_sub(Duration::from_millis(random::jitter(most)));
        self.pause = LONGEST_PAUSE.min(self.pause * 3 / 2);
        Some(until.at_most(pause))
    }
}
