//! When an access token is used, refreshed ahead of its expiry, or no longer used.

use std::time::Duration;

use super::{Credential, StoredAccessToken};
use crate::digest;
use crate::time::Timestamp;

/// What an access token must still live to serve a call to Gmail.
pub const LEAST_LIFE: Duration = Duration::from_mins(1);
/// An access token this close to its expiry is refreshed in the background while it is still used.
const REFRESH_AHEAD: Duration = Duration::from_mins(5);
/// The background refreshes of many tokens are spread over this share of a token's lifetime, before
/// [`REFRESH_AHEAD`]: ten minutes of Google's hour.
const SPREAD: u32 = 6;
/// A token younger than this is new: Google would not issue one that lives notably longer.
const NEW: Duration = Duration::from_mins(1);

/// What to do with the stored access token.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Freshness {
    /// Use it.
    Fresh,
    /// Use it, and let one caller refresh it in the background.
    Ageing,
    /// Do not use it: it is missing, or ends too soon.
    Expired,
}

impl StoredAccessToken {
    /// When the refresh ahead of its expiry begins. Each token has its own moment, so that users
    /// who got their tokens together do not refresh together (F94). It comes from the sealed text,
    /// whose nonce is random and which all processes read alike.
    fn refresh_from(&self) -> Timestamp {
        let [high, low, ..] = digest::sha256(self.sealed.as_str().as_bytes());
        let share = u32::from(u16::from_be_bytes([high, low]));
        let window = self.expires_at.since(self.obtained_at) / SPREAD;
        let earlier = window.saturating_mul(share) / (u32::from(u16::MAX) + 1);
        self.expires_at.minus(REFRESH_AHEAD.saturating_add(earlier))
    }
}

impl StoredAccessToken {
    /// Whether it was issued less than a minute before `now`.
    pub fn is_new(&self, now: Timestamp) -> bool {
        now.since(self.obtained_at) < NEW
    }
}

impl Credential {
    /// What to do with the stored access token at `now`, if it is needed for longer than `least`. A
    /// new one that lives [`LEAST_LIFE`] serves in any case: its refresh would bring no other life.
    pub fn freshness(&self, least: Duration, now: Timestamp) -> Freshness {
        let Some(token) = &self.access_token else { return Freshness::Expired };
        let is_new = token.is_new(now);
        let least = if is_new { least.min(LEAST_LIFE) } else { least };
        if token.expires_at <= now.plus(least) {
            Freshness::Expired
        } else if token.refresh_from() <= now && !is_new {
            Freshness::Ageing
        } else {
            Freshness::Fresh
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::credential::tests::{NOW, credential};
    use crate::secret::Sealed;

    /// A credential whose token has this sealed text, and this many seconds of life and age.
    fn with_token(sealed: &str, lifetime: u64, age: u64) -> Credential {
        let obtained_at = NOW.minus(Duration::from_secs(age));
        let expires_at = obtained_at.plus(Duration::from_secs(lifetime));
        let sealed = Sealed::from_text(sealed);
        Credential {
            access_token: Some(StoredAccessToken { sealed, expires_at, obtained_at }),
            ..credential()
        }
    }

    fn freshness(lifetime: u64, age: u64) -> Freshness {
        with_token("sealed", lifetime, age).freshness(LEAST_LIFE, NOW)
    }

    #[test]
    fn a_token_is_used_until_a_minute_before_its_end() {
        assert_eq!(freshness(3600, 0), Freshness::Fresh);
        assert_eq!(freshness(3600, 2699), Freshness::Fresh);
        assert_eq!(freshness(3600, 3300), Freshness::Ageing);
        assert_eq!(freshness(3600, 3539), Freshness::Ageing);
        assert_eq!(freshness(3600, 3540), Freshness::Expired);
        assert_eq!(credential().freshness(LEAST_LIFE, NOW), Freshness::Expired);
    }

    #[test]
    fn a_token_that_is_needed_for_longer_is_replaced_sooner_but_not_while_it_is_new() {
        let for_half_an_hour =
            |lifetime, age| with_token("sealed", lifetime, age).freshness(Duration::from_mins(30), NOW);
        assert_eq!(for_half_an_hour(3600, 1799), Freshness::Fresh);
        assert_eq!(for_half_an_hour(3600, 1800), Freshness::Expired);
        // Google issues only short ones.
        assert_eq!(for_half_an_hour(300, 59), Freshness::Fresh);
        assert_eq!(for_half_an_hour(300, 60), Freshness::Expired);
        assert_eq!(for_half_an_hour(100, 40), Freshness::Expired);
        let for_no_time = |age| with_token("sealed", 3600, age).freshness(Duration::ZERO, NOW);
        assert_eq!((for_no_time(3599), for_no_time(3600)), (Freshness::Ageing, Freshness::Expired));
    }

    #[test]
    fn f94_tokens_of_one_second_begin_to_age_evenly_from_fifteen_to_five_minutes_before_their_end() {
        let ageing_after = |minutes: u64| {
            let tokens =
                (0..10_000).map(|number| with_token(&format!("sealed {number}"), 3600, minutes * 60));
            tokens.filter(|token| token.freshness(LEAST_LIFE, NOW) == Freshness::Ageing).count()
        };
        assert_eq!((ageing_after(45), ageing_after(55)), (0, 10_000));
        for minute in 45..55 {
            let began = ageing_after(minute + 1) - ageing_after(minute);
            assert!((800..1200).contains(&began), "{began} tokens begin to age in minute {minute}");
        }
    }

    #[test]
    fn f38_a_short_lived_token_is_not_refreshed_ahead_at_every_request() {
        for lifetime in [210, 360, 400] {
            assert_eq!(freshness(lifetime, 10), Freshness::Fresh);
            assert_eq!(freshness(lifetime, 59), Freshness::Fresh);
            assert_eq!(freshness(lifetime, lifetime.max(360) - 300), Freshness::Ageing);
        }
    }
}
