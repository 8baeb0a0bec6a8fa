//! The clock, and the time that a request has left. Only this file reads the system clock.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use postern_rules::time::Timestamp;
use tokio::time::Instant;

/// The source of the time.
#[derive(Clone, Debug)]
pub enum Clock {
    /// The system clock, read on every call: Lambda may have frozen the process in between.
    System,
    /// A clock that a test moves.
    Manual(ManualClock),
}

impl Clock {
    /// The current time.
    #[expect(clippy::disallowed_methods, reason = "the one place that reads the system clock")]
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

/// A clock that moves only when it is told to. Its clones share one time.
#[derive(Clone, Debug)]
pub struct ManualClock(Arc<AtomicI64>);

impl ManualClock {
    /// A clock set to `start`.
    pub fn starting_at(start: Timestamp) -> Self {
        Self(Arc::new(AtomicI64::new(start.millis())))
    }

    /// Moves the clock forward.
    pub fn advance(&self, duration: Duration) {
        let milliseconds = i64::try_from(duration.as_millis()).unwrap_or(i64::MAX);
        self.0.fetch_add(milliseconds, Ordering::SeqCst);
    }
}

/// The time by which a request must be answered. All outside calls, retries and waits draw on it.
#[derive(Clone, Copy, Debug)]
pub struct Deadline(Instant);

impl Deadline {
    /// The deadline `budget` from now.
    pub fn after(budget: Duration) -> Self {
        Self(Instant::now() + budget)
    }

    /// The time left; zero once the deadline has passed.
    pub fn remaining(self) -> Duration {
        self.0.saturating_duration_since(Instant::now())
    }

    /// This deadline minus `reserve`, kept for later steps.
    #[must_use]
    pub fn sooner_by(self, reserve: Duration) -> Self {
        Self(self.0.checked_sub(reserve).unwrap_or(self.0))
    }

    /// The earlier of two deadlines.
    #[must_use]
    pub fn or_sooner(self, other: Self) -> Self {
        Self(self.0.min(other.0))
    }

    /// The earlier of this deadline and `budget` from now.
    #[must_use]
    pub fn within(self, budget: Duration) -> Self {
        self.or_sooner(Self::after(budget))
    }

    /// The smaller of `wish` and the time left.
    pub fn at_most(self, wish: Duration) -> Duration {
        wish.min(self.remaining())
    }

    /// Whether more than `duration` is left.
    pub fn allows(self, duration: Duration) -> bool {
        self.remaining() > duration
    }
}
