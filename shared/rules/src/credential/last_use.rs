//! When a grant was last used at Google, and when it ends if nobody uses it again.

use std::time::Duration;

use super::Credential;
use crate::time::Timestamp;

const DAY: Duration = Duration::from_hours(24);
/// Google ends a grant whose refresh token was not used for six months: 181 to 184 days.
const ENDS_UNUSED_AFTER: Duration = Duration::from_hours(180 * 24);

/// The ages that counts tell apart, each with the days at which it ends.
const AGES: [(u32, &str); 5] =
    [(1, "under a day"), (7, "1-6 days"), (30, "7-29 days"), (90, "30-89 days"), (180, "90-179 days")];
const OLDER: &str = "180 days or more";

/// The name of an age in counts.
pub fn age(since: Duration) -> &'static str {
    let is_younger = |(days, _): &&(u32, &str)| since < DAY * *days;
    AGES.iter().find(is_younger).map_or(OLDER, |(_, name)| name)
}

impl Credential {
    /// When Google last saw the refresh token in use: it issued that or an access token for it.
    /// Never later than it was, and earlier where that was not stored: then the grant seems to have
    /// been unused for longer, which does no harm.
    pub fn last_used_at(&self) -> Timestamp {
        let obtained_at = self.access_token.as_ref().map(|token| token.obtained_at);
        self.refreshed_at.or(obtained_at).unwrap_or(self.connected_at)
    }

    /// Whether Google has not seen the refresh token for this long.
    pub fn is_unused_for(&self, duration: Duration, now: Timestamp) -> bool {
        now.since(self.last_used_at()) >= duration
    }

    /// When the grant ends if nobody uses it from now on: by itself where Google limited it, or
    /// because it was not used.
    pub fn ends_unused_at(&self) -> Timestamp {
        let unused = self.last_used_at().plus(ENDS_UNUSED_AFTER);
        let limit = self.refresh_token.as_ref().and_then(|token| token.expires_at);
        limit.map_or(unused, |limit| limit.min(unused))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::credential::StoredAccessToken;
    use crate::credential::tests::{NOW, credential};
    use crate::secret::Sealed;

    fn with_token_of(obtained_at: Timestamp) -> Credential {
        let sealed = Sealed::from_text("sealed");
        let token = StoredAccessToken { sealed, expires_at: NOW, obtained_at };
        Credential { access_token: Some(token), ..credential() }
    }

    #[test]
    fn f115_the_last_use_is_never_taken_for_later_than_it_was() {
        let (connected, later, latest) = (NOW, NOW.plus(DAY), NOW.plus(2 * DAY));
        assert_eq!(credential().last_used_at(), connected);
        assert_eq!(with_token_of(latest).last_used_at(), latest);
        // The access token is of a sign-in, which used no refresh token.
        let signed_in = Credential { refreshed_at: Some(later), ..with_token_of(latest) };
        assert_eq!(signed_in.last_used_at(), later);
        assert!(signed_in.is_unused_for(DAY, latest) && !signed_in.is_unused_for(2 * DAY, latest));
    }

    #[test]
    fn a_grant_ends_six_months_after_its_last_use_or_at_its_own_end() {
        let unused = NOW.plus(180 * DAY);
        assert_eq!(with_token_of(NOW).ends_unused_at(), unused);
        for (days, end) in [(7, NOW.plus(7 * DAY)), (400, unused)] {
            let mut limited = with_token_of(NOW);
            limited.refresh_token.as_mut().unwrap().expires_at = Some(NOW.plus(days * DAY));
            assert_eq!(limited.ends_unused_at(), end);
        }
    }

    #[test]
    fn an_age_begins_with_its_first_day_and_ends_before_that_of_the_next() {
        let names = [0, 1, 6, 7, 29, 30, 89, 90, 179, 180, 10_000].map(|days| age(DAY * days));
        let [first, second, third, fourth, fifth] = AGES.map(|(_, name)| name);
        assert_eq!(names, [first, second, second, third, third, fourth, fourth, fifth, fifth, OLDER, OLDER]);
        assert_eq!(age(DAY.saturating_sub(Duration::from_millis(1))), "under a day");
    }
}
