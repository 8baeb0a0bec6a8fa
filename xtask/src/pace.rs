//! How many times a second a command does something, at most.

use std::time::Duration;

use tokio::time::Instant;

/// How far the pace may fall behind and catch up, because timers are coarse.
const SLACK: Duration = Duration::from_millis(10);

/// Spreads the beginnings of what a command does many times.
pub(crate) struct Pace {
    gap: Duration,
    /// When the next one may begin.
    pub(crate) next: Instant,
}

impl Pace {
    pub(crate) fn of(per_second: u32) -> Self {
        Self { gap: Duration::from_secs(1) / per_second, next: Instant::now() }
    }

    /// Takes the next turn: when the attempt may begin.
    pub(crate) fn take(&mut self) -> Instant {
        self.take_many(1)
    }

    /// Takes the next turns at once: when the first of them is.
    pub(crate) fn take_many(&mut self, turns: u32) -> Instant {
        let now = Instant::now();
        let turn = self.next.max(now.checked_sub(SLACK).unwrap_or(now));
        self.next = turn + self.gap * turns;
        turn
    }
}
