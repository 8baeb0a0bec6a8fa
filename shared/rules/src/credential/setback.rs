//! What a failed refresh leaves behind: why it failed, and how long the next attempt waits. Pure
//! rules.

use std::time::Duration;

use crate::time::Timestamp;

/// The first wait; it doubles with each failure in a row.
const FIRST_WAIT: Duration = Duration::from_secs(1);
/// The longest wait after trouble that passes, or after a refused client.
const LONGEST_WAIT: Duration = Duration::from_secs(15);
/// The longest wait after a refusal that only a person can lift.
const LONGEST_POLICY_WAIT: Duration = Duration::from_mins(1);

/// Why a refresh failed, by what the next requests are told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SetbackCause {
    /// Google did not answer, or is unavailable.
    Unavailable,
    /// Google did not answer in the little time that a refresh ahead of the token's end has.
    TooSlow,
    /// Google's answer made no sense.
    Malformed,
    /// Google refused in a way that has no better name.
    Rejected,
    /// Google refused the OAuth client, or what it asked for.
    ClientRefused,
    /// The organisation's session control asks for a new sign-in (`invalid_rapt`).
    ReauthPolicy,
    /// The organisation's administrator blocks the application.
    BlockedByAdmin,
    /// Google admits accounts of the owner's organisation alone.
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

    /// Its word in a stored item.
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

    /// The cause that a word stands for.
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

/// The failures of a refresh in a row, and when the next attempt is due.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Setback {
    /// Why the last attempt failed.
    pub cause: SetbackCause,
    /// How many attempts failed in a row, at least one.
    pub failures: u32,
    /// When the next attempt is due.
    pub retry_at: Timestamp,
}

impl Setback {
    /// One more failure, after `previous` ones. `asked` is the wait that Google itself asked for;
    /// it counts within the same bounds.
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

    /// How long the next attempt still waits; `None` when it is due. A moment further away than any
    /// wait comes from a clock that is ahead of ours, and holds nobody up (F73).
    pub fn wait(&self, now: Timestamp) -> Option<Duration> {
        let left = self.retry_at.since(now);
        (!left.is_zero() && left <= self.cause.longest_wait()).then_some(left)
    }
}

/// Whole seconds of a wait, at least one: what a `Retry-After` header says.
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
