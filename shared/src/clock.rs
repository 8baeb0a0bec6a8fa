//! What time it is, and how much of it a request has left. The only file that asks the system's clock.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use postern_rules::time::Timestamp;
use tokio::time::Instant;

/// Where the time comes from: the system, or a test's hand.
#[derive(Clone, Debug)]
pub enum Clock {
    /// The machine's wall clock, read anew at each question (a Lambda may have been frozen since the last).
    System,
    /// A clock that stands still until it is moved.
    Manual(ManualClock),
}

impl Clock {
    /// The present moment.
    #[expect(clippy::disallowed_methods, reason = "the one place that asks the system for the time")]
    pub fn now(&self) -> Timestamp {
        match self {
            Self::System => {
                let since_epoch = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
                Timestamp::from_millis(i64::try_from(since_epoch.as_millis()).unwrap_or(i64::MAX))
            }
            Self::Manual(clock) => Timestamp::from_millis(clock.0.load(Ordering::SeqCst)),
        }
    }
}

/// A clock that is moved by hand; its clones show the same time.
#[derive(Clone, Debug)]
pub struct ManualClock(Arc<AtomicI64>);

impl ManualClock {
    /// A clock that stands at `start`.
    pub fn starting_at(start: Timestamp) -> Self {
        Self(Arc::new(AtomicI64::new(start.millis())))
    }

    /// Moves the clock forward.
    pub fn advance(&self, duration: Duration) {
        let milliseconds = i64::try_from(duration.as_millis()).unwrap_or(i64::MAX);
        self.0.fetch_add(milliseconds, Ordering::SeqCst);
    }
}

/// The moment by which a request must have its answer; every outside call, retry and wait draws from it.
#[derive(Clone, Copy, Debug)]
pub struct Deadline(Instant);

impl Deadline {
    /// The deadline that is `budget` away from now.
    pub fn after(budget: Duration) -> Self {
        Self(Instant::now() + budget)
    }

    /// What is left until the deadline; zero once it has passed.
    pub fn remaining(self) -> Duration {
        self.0.saturating_duration_since(Instant::now())
    }

    /// A deadline so much before this one: what is to be done after it has that time for itself.
    #[must_use]
    pub fn sooner_by(self, reserve: Duration) -> Self {
        Self(self.0.checked_sub(reserve).unwrap_or(self.0))
    }

    /// The earlier of two deadlines.
    #[must_use]
    pub fn or_sooner(self, other: Self) -> Self {
        Self(self.0.min(other.0))
    }

    /// The earlier of this deadline and the one that is `budget` away from now.
    #[must_use]
    pub fn within(self, budget: Duration) -> Self {
        Self(self.0.min(Instant::now() + budget))
    }

    /// The smaller of `wish` and what is left.
    pub fn at_most(self, wish: Duration) -> Duration {
        wish.min(self.remaining())
    }

    /// Whether `duration` still fits before the deadline.
    pub fn allows(self, duration: Duration) -> bool {
        self.remaining() > duration
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn clones_of_a_manual_clock_move_together() {
        let hand = ManualClock::starting_at(Timestamp::from_seconds(10));
        let clock = Clock::Manual(hand.clone());
        hand.advance(Duration::from_secs(5));
        assert_eq!(clock.now(), Timestamp::from_seconds(15));
    }
}
