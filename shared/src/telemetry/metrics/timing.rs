//! Measures how long calls to other systems take.

use tokio::time::Instant;

use super::{Metric, with_collected};

/// A system whose calls are timed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum BackEnd {
    DynamoDb,
    SecretsManager,
    /// Google's token endpoint, UserInfo, revocation endpoint and keys.
    GoogleToken,
    Gmail,
    EventBridge,
}

/// Times one call from now until the drop, so a cancelled call counts too.
#[must_use]
pub(crate) struct Timing {
    back_end: BackEnd,
    began: Instant,
}

impl Timing {
    pub(crate) fn begin(back_end: BackEnd) -> Self {
        Self { back_end, began: Instant::now() }
    }
}

impl Drop for Timing {
    fn drop(&mut self) {
        let microseconds = u32::try_from(self.began.elapsed().as_micros()).unwrap_or(u32::MAX);
        let milliseconds = f64::from(microseconds) / 1000.0;
        with_collected(|collected| collected.add(Metric::Time(self.back_end), "", milliseconds));
    }
}
