//! How often one address may call one execution environment: a token bucket for each, so that a scripted loop is told to
//! stop (A52). API Gateway's own throttle stands in front and counts all environments together.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Mutex, PoisonError};

use crate::clock::Timestamp;
use crate::error::Error;

/// So many requests may come at once.
const BURST: i64 = 100;
/// So many come back each second.
const PER_SECOND: i64 = 10;
/// So many addresses are remembered; a crowd of more makes the fullest bucket be forgotten.
const ADDRESSES: usize = 1024;

/// The part of an IPv6 address that names a network.
const NETWORK: u128 = !0 << 64;

/// What is left of an address's bucket, in thousandths of a request.
struct Bucket {
    left: i64,
    at: Timestamp,
}

/// The buckets of an execution environment.
#[derive(Default)]
pub struct Throttle(Mutex<HashMap<Option<IpAddr>, Bucket>>);

impl Throttle {
    /// Takes one request out of the bucket of `address`. An IPv6 network of 64 bits is one address, for it is one line's
    /// (RFC 6177); what is no address shares a bucket with its like (B64).
    pub fn admit(&self, address: Option<IpAddr>, now: Timestamp) -> Result<(), Error> {
        let address = match address {
            Some(IpAddr::V6(address)) => Some(IpAddr::V6((u128::from(address) & NETWORK).into())),
            other => other,
        };
        let mut buckets = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if buckets.len() >= ADDRESSES && !buckets.contains_key(&address) {
            let fullest =
                buckets.iter().max_by_key(|(_, bucket)| refilled(bucket, now)).map(|(address, _)| *address);
            fullest.and_then(|fullest| buckets.remove(&fullest));
        }
        let bucket = buckets.entry(address).or_insert(Bucket { left: BURST * 1000, at: now });
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

    fn address(text: &str) -> Option<IpAddr> {
        text.parse().ok()
    }

    #[test]
    fn a52_a_loop_of_one_address_is_told_to_stop_and_may_go_on_later() {
        let throttle = Throttle::default();
        let loud = address("192.0.2.1");
        for _ in 0..BURST {
            throttle.admit(loud, NOW).unwrap();
        }
        assert!(matches!(throttle.admit(loud, NOW), Err(Error::TooManyRequests(1))));
        throttle.admit(address("192.0.2.2"), NOW).unwrap();
        throttle.admit(loud, NOW.plus(Duration::from_millis(100))).unwrap();
        assert!(throttle.admit(loud, NOW.plus(Duration::from_millis(100))).is_err());
    }

    #[test]
    fn a52_the_addresses_of_one_ipv6_network_are_one() {
        let throttle = Throttle::default();
        for number in 0..BURST {
            throttle.admit(address(&format!("2001:db8::{number:x}")), NOW).unwrap();
        }
        assert!(throttle.admit(address("2001:db8::ffff"), NOW).is_err());
        throttle.admit(address("2001:db8:0:1::1"), NOW).unwrap();
    }

    #[test]
    fn a_crowd_of_addresses_fills_no_memory_and_frees_nobody() {
        let throttle = Throttle::default();
        let loud = address("192.0.2.1");
        while throttle.admit(loud, NOW).is_ok() {}
        for number in 0..10_000_u32 {
            throttle.admit(Some(IpAddr::from(std::net::Ipv4Addr::from(number))), NOW).unwrap();
        }
        assert!(throttle.0.lock().unwrap().len() <= ADDRESSES);
        assert!(throttle.admit(loud, NOW).is_err());
    }
}
