//! How long the calls of other systems take.

use std::time::Duration;

use tokio::time::Instant;

use super::{Metric, with_collected};

/// A system whose calls are timed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BackEnd {
    /// DynamoDB.
    DynamoDb,
    /// Secrets Manager.
    SecretsManager,
    /// Google's token endpoint and UserInfo: what stands before a call on Gmail.
    GoogleToken,
    /// Gmail.
    Gmail,
}

/// Times one call from now until this is dropped, so that one which is cut off counts with the time it took.
#[must_use]
#[derive(Debug)]
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
        let metric = match self.back_end {
            BackEnd::DynamoDb => Metric::DynamoDbTime,
            BackEnd::SecretsManager => Metric::SecretsManagerTime,
            BackEnd::GoogleToken => Metric::GoogleTokenTime,
            BackEnd::Gmail => Metric::GmailTime,
        };
        with_collected(|collected| collected.add(metric, "", milliseconds(self.began.elapsed())));
    }
}

/// With three digits after the point.
fn milliseconds(duration: Duration) -> f64 {
    f64::from(u32::try_from(duration.as_micros()).unwrap_or(u32::MAX)) / 1000.0
}
