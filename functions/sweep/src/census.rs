//! Counts grants by what they are after a sweep has looked at them: by state, and the active ones
//! by age and by how soon they end. The sums over a day are those of the whole table.

use std::collections::BTreeMap;
use std::time::Duration;

use postern::telemetry::metrics;
use postern_rules::credential::{Credential, Status, age};
use postern_rules::time::Timestamp;

/// The state of an item that this version cannot read.
pub(crate) const UNREADABLE: &str = "unreadable";
/// The state of an active grant whose own end has come. Nothing is written when that happens.
const ENDED: &str = "ended";
/// How soon a grant ends that is counted as ending.
const SOON: [(Duration, &str); 2] =
    [(Duration::from_hours(7 * 24), "7 days"), (Duration::from_hours(30 * 24), "30 days")];

/// The counts of one run.
#[derive(Debug, Default)]
pub(crate) struct Census {
    states: BTreeMap<&'static str, usize>,
    ages: BTreeMap<&'static str, usize>,
    ending: [usize; 2],
}

impl Census {
    /// Counts an item in a state.
    pub(crate) fn count(&mut self, state: &'static str) {
        *self.states.entry(state).or_default() += 1;
    }

    /// Counts a grant as it is stored.
    pub(crate) fn count_stored(&mut self, credential: &Credential, now: Timestamp) {
        if credential.status != Status::Active {
            self.count(credential.status.word());
        } else if credential.terms().ends_at.is_some_and(|end| end <= now) {
            self.count(ENDED);
        } else {
            self.count_active(now.since(credential.last_used_at()), credential.ends_unused_at().since(now));
        }
    }

    /// Counts an active grant that was last used this long ago, and ends after this time.
    pub(crate) fn count_active(&mut self, unused_for: Duration, ends_in: Duration) {
        self.count(Status::Active.word());
        *self.ages.entry(age(unused_for)).or_default() += 1;
        for ((within, _), ending) in SOON.iter().zip(&mut self.ending) {
            *ending += usize::from(ends_in <= *within);
        }
    }

    /// How many items were counted.
    pub(crate) fn items(&self) -> usize {
        self.states.values().sum()
    }

    /// Writes the counts as metrics. That no grant ends is news too.
    pub(crate) fn measure(&self) {
        self.states.iter().for_each(|(state, count)| metrics::measure_grants(state, *count));
        self.ages.iter().for_each(|(age, count)| metrics::measure_grant_ages(age, *count));
        for ((_, within), ending) in SOON.iter().zip(self.ending) {
            metrics::measure_grants_ending(within, ending);
        }
    }
}
