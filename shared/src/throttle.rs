//! How often one address may call one execution environment: a token bucket for each, so that a scripted loop is told to
//! stop (A52). API Gateway's own throttle stands in front and counts all environments together.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use crate::clock::Timestamp;
use crate::error::Error;

/// So many requests may come at once.
const BURST: i64 = 100;
/// So many come back each second.
const PER_SECOND: i64 = 10;
/// So many addresses are remembered; a crowd of more makes the fullest buckets be forgotten.
const ADDRESSES: usize = 1024;

/// What is left of an address's bucket, in thousandths of a request.
struct Bucket {
    left: i64,
    at: Timestamp,
}

/// The buckets of an execution environment.
#[derive(Default)]
pub struct Throttle(Mutex<HashMap<String, Bucket>>);

impl Throttle {
    /// Takes one request out of the bucket of `address`.
    pub fn admit(&self, address: &str, now: Timestamp) -> Result<(), Error> {
        let mut buckets = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if buckets.len() >= ADDRESSES && !buckets.contains_key(address) {
            buckets.retain(|_, bucket| refilled(bucket, now) < BURST * 1000);
            if buckets.len() >= ADDRESSES {
                buckets.clear();
            }
        }
        let bucket = buckets.entry(address.to_owned()).or_insert(Bucket { left: BURST * 1000, at: now });
        bucket.left = refilled(bucket, now);
        bucket.at = now;
        if bucket.left < 1000 {
            let missing = 1000 - bucket.left;
            return Err(Error::TooManyRequests(
                u64::try_from(missing / (PER_SECOND * 1000)).unwrap_or(0) + 1,
            ));
        }
        bucket.left -= 1000;
        Ok(())
    }
}

fn refilled(bucket: &Bucket, now: Timestamp) -> i64 {
    let elapsed = i64::try_from(now.since(bucket.at).as_millis()).unwrap_or(i64::MAX);
    bucket.left.saturating_add(elapsed.saturating_mul(PER_SECOND)).min(BURST * 1000)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    const NOW: Timestamp = Timestamp::from_seconds(1_000_000);

    #[test]
    fn a52_a_loop_of_one_address_is_told_to_stop_and_may_go_on_later() {
        let throttle = Throttle::default();
        for _ in 0..BURST {
            throttle.admit("192.0.2.1", NOW).unwrap();
        }
        assert!(matches!(throttle.admit("192.0.2.1", NOW), Err(Error::TooManyRequests(1))));
        throttle.admit("192.0.2.2", NOW).unwrap();
        throttle.admit("192.0.2.1", NOW.plus(Duration::from_millis(100))).unwrap();
        assert!(throttle.admit("192.0.2.1", NOW.plus(Duration::from_millis(100))).is_err());
    }

    #[test]
    fn a_crowd_of_addresses_does_not_fill_the_memory() {
        let throttle = Throttle::default();
        for number in 0..10_000 {
            throttle.admit(&number.to_string(), NOW).unwrap();
        }
        assert!(throttle.0.lock().unwrap().len() <= ADDRESSES);
    }
}
