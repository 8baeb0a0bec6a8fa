//! Google's keys for security event tokens: read when one is needed, and remembered for as long as
//! Google says, within bounds.

use std::time::Duration;

use postern_rules::security_event::{Keys, PublicKey};
use postern_rules::time::Timestamp;
use reqwest::header::CACHE_CONTROL;

use super::{Google, Trouble};
use crate::clock::Deadline;
use crate::outside::http::Answer;
use crate::telemetry::metrics::BackEnd;

/// The timeout of one call.
const TIMEOUT: Duration = Duration::from_secs(2);
/// In bytes. Google's set has two thousand.
const LIMIT: usize = 64 * 1024;
/// How long keys are used if Google does not say.
const LIFE: Duration = Duration::from_hours(1);
/// The bounds of what Google says.
const SHORTEST_LIFE: Duration = Duration::from_mins(5);
const LONGEST_LIFE: Duration = Duration::from_hours(24);
/// The least time between two calls because of an unknown key, which anybody can name (A74).
const PAUSE: Duration = Duration::from_mins(5);
/// The least time between two calls while there are no keys, because calls fail.
const PAUSE_AFTER_FAILURE: Duration = Duration::from_secs(5);

/// The keys that were read last.
pub(super) struct Remembered {
    keys: Keys,
    fresh_until: Timestamp,
    tried_at: Timestamp,
    has_failed: bool,
}

impl Default for Remembered {
    fn default() -> Self {
        let long_ago = Timestamp::from_seconds(0);
        Self { keys: Keys::default(), fresh_until: long_ago, tried_at: long_ago, has_failed: false }
    }
}

impl Google {
    /// The key with this ID; `None` if Google has no such key.
    pub async fn event_key(&self, id: &str, deadline: Deadline) -> Result<Option<PublicKey>, Trouble> {
        // Whoever comes meanwhile finds what was read.
        let mut remembered = self.certificates.lock().await;
        let now = self.clock.now();
        let is_fresh = now < remembered.fresh_until;
        let known = remembered.keys.get(id).filter(|_| is_fresh).cloned();
        if known.is_some() {
            return Ok(known);
        }
        let pause = if is_fresh { PAUSE } else { PAUSE_AFTER_FAILURE };
        if now.since(remembered.tried_at) < pause {
            // Only keys that were read since show that there is no such key.
            let is_known_to_lack = is_fresh && !remembered.has_failed;
            let unavailable = Trouble::Unavailable { status: 503, retry_after: None };
            return if is_known_to_lack { Ok(None) } else { Err(unavailable) };
        }
        remembered.tried_at = now;
        remembered.has_failed = true;
        let (keys, life) = self.read_keys(deadline).await?;
        let key = keys.get(id).cloned();
        *remembered = Remembered { keys, fresh_until: now.plus(life), tried_at: now, has_failed: false };
        Ok(key)
    }

    /// The keys, and how long they may be used.
    async fn read_keys(&self, deadline: Deadline) -> Result<(Keys, Duration), Trouble> {
        let request = self.http_once.get(&self.certificates_url).build();
        let request = request.map_err(|_| Trouble::Malformed { status: 0 })?;
        let time = deadline.at_most(TIMEOUT);
        let answer = self.ask(BackEnd::GoogleToken, &self.http_once, request, time, LIMIT).await?;
        let keys = Keys::parse(&answer.body).filter(|_| answer.status == 200);
        Ok((keys.ok_or(Trouble::Malformed { status: answer.status })?, life(&answer)))
    }
}

/// The `max-age` of an answer (RFC 9111 section 5.2.2.1), within bounds.
fn life(answer: &Answer) -> Duration {
    let header = answer.headers.get(CACHE_CONTROL).and_then(|value| value.to_str().ok());
    let directives = header.unwrap_or_default().split(',');
    let age = directives.filter_map(|directive| directive.trim().strip_prefix("max-age=")?.parse().ok());
    age.map(Duration::from_secs).next().unwrap_or(LIFE).clamp(SHORTEST_LIFE, LONGEST_LIFE)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a74_keys_are_used_for_as_long_as_google_says_within_bounds() {
        for (header, seconds) in [
            ("public, max-age=20101, must-revalidate, no-transform", 20101),
            ("max-age=1", 300),
            ("max-age=99999999", 24 * 3600),
            ("max-age=-1", 3600),
            ("no-store", 3600),
            ("", 3600),
        ] {
            let headers = [(CACHE_CONTROL, header.parse().unwrap())].into_iter().collect();
            let answer = Answer { status: 200, headers, body: zeroize::Zeroizing::default() };
            assert_eq!(life(&answer), Duration::from_secs(seconds), "{header}");
        }
    }
}
