//! What a failed refresh stores: its cause and the time of the next attempt.

use std::time::Duration;

use crate::time::Timestamp;

/// Doubles with each consecutive failure.
const FIRST_WAIT: Duration = Duration::from_secs(1);
/// Longest wait after a temporary failure or a refused client.
const LONGEST_WAIT: Duration = Duration::from_secs(15);
/// Longest wait after a refusal that only a person can lift.
const LONGEST_POLICY_WAIT: Duration = Duration::from_mins(1);

/// Why a refresh failed, as reported to later requests.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SetbackCause {
    /// Google did not respond, or is unavailable.
    Unavailable,
    /// Google did not respond in the short time that a background refresh has.
    TooSlow,
    /// Google's response was malformed.
    Malformed,
    /// Google refused for another reason.
    Rejected,
    /// Google refused the OAuth client or its configuration.
    ClientRefused,
    /// The organisation's session control requires a new sign-in (`invalid_rapt`).
    ReauthPolicy,
    /// The organisation's administrator blocks the application.
    BlockedByAdmin,
    /// Google admits only accounts of the project's organisation.
    OrgInternal,
}

impl SetbackCause {
    const ALL: [Self; 8] = [
        Self::Unavailable,
        Self::TooSlow,
        Self::Malformed,
        Self::Rejected,
        Self::ClientRefused,
        Self::ReauthPolicy,
        Self::BlockedByAdmin,
        Self::OrgInternal,
    ];

    /// Its name in a stored item.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Unavailable => "unavailable",
            Self::TooSlow => "too_slow",
            Self::Malformed => "malformed",
            Self::Rejected => "rejected",
            Self::ClientRefused => "client_refused",
            Self::ReauthPolicy => "reauth_policy",
            Self::BlockedByAdmin => "blocked_by_admin",
            Self::OrgInternal => "org_internal",
        }
    }

    /// The cause with this name.
    pub fn of_word(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|cause| cause.word() == word)
    }

    const fn longest_wait(self) -> Duration {
        match self {
            Self::Unavailable | Self::TooSlow | Self::Malformed | Self::Rejected | Self::ClientRefused => {
                LONGEST_WAIT
            }
            Self::ReauthPolicy | Self::BlockedByAdmin | Self::OrgInternal => LONGEST_POLICY_WAIT,
        }
    }
}

/// Consecutive refresh failures, and when to try again.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Setback {
    /// Why the last attempt failed.
    pub cause: SetbackCause,
    /// How many attempts in a row failed, at least one.
    pub failures: u32,
    /// When to try again.
    pub retry_at: Timestamp,
}

impl Setback {
    /// Adds a failure to `previous`. `asked` is the wait that Google requested, within the same
    /// bounds.
    pub fn after(
        previous: Option<&Self>,
        cause: SetbackCause,
        asked: Option<Duration>,
        now: Timestamp,
    ) -> Self {
        let failures = previous.map_or(0, |previous| previous.failures).saturating_add(1);
        let grown = FIRST_WAIT.saturating_mul(1 << (failures - 1).min(10));
        let wait = grown.max(asked.unwrap_or_default()).min(cause.longest_wait());
        Self { cause, failures, retry_at: now.plus(wait) }
    }

    /// How long to wait before the next attempt; `None` if it is due. A wait beyond the longest one
    /// comes from a clock ahead of ours and is ignored (F73).
    pub fn wait(&self, now: Timestamp) -> Option<Duration> {
        let left = self.retry_at.since(now);
        (!left.is_zero() && left <= self.cause.longest_wait()).then_some(left)
    }
}

/// A wait for a `Retry-After` header: whole seconds, rounded up, at least one.
pub fn whole_seconds(wait: Duration) -> u64 {
    u64::try_from(wait.as_millis().div_ceil(1000)).unwrap_or(u64::MAX).max(1)
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Timestamp = Timestamp::from_seconds(1_000_000);

    #[test]
    fn f89_waits_double_up_to_their_bound() {
        for (cause, waits) in [
            (SetbackCause::Unavailable, [1, 2, 4, 8, 15, 15]),
            (SetbackCause::ReauthPolicy, [1, 2, 4, 8, 16, 32]),
        ] {
            let mut setback: Option<Setback> = None;
            for wait in waits {
                let next = Setback::after(setback.as_ref(), cause, None, NOW);
                assert_eq!(next.wait(NOW), Some(Duration::from_secs(wait)), "{cause:?}");
                assert_eq!(next.wait(next.retry_at), None);
                setback = Some(next);
            }
        }
        let long = Setback { cause: SetbackCause::OrgInternal, failures: u32::MAX, retry_at: NOW };
        let next = Setback::after(Some(&long), SetbackCause::OrgInternal, None, NOW);
        assert_eq!(next.wait(NOW), Some(Duration::from_mins(1)));
    }

    #[test]
    fn f89_what_google_asks_for_counts_within_the_bound() {
        for (asked, wait) in [(0, 1), (7, 7), (3600, 15)] {
            let asked = Some(Duration::from_secs(asked));
            let setback = Setback::after(None, SetbackCause::Unavailable, asked, NOW);
            assert_eq!(setback.wait(NOW), Some(Duration::from_secs(wait)));
        }
    }

    #[test]
    fn f73_a_moment_beyond_every_wait_is_due() {
        let setback = Setback::after(None, SetbackCause::Unavailable, None, NOW.plus(Duration::from_mins(5)));
        assert_eq!(setback.wait(NOW), None);
    }

    #[test]
    fn a_word_names_its_cause() {
        for cause in SetbackCause::ALL {
            assert_eq!(SetbackCause::of_word(cause.word()), Some(cause));
        }
        assert_eq!(SetbackCause::of_word("other"), None);
    }
}
