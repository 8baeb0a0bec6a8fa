//! The queue of failures that are still to be shown.

use postern_rules::time::Timestamp;

use super::{Failure, Times, Treatment};
use crate::google::calls::Endpoint;

#[derive(Clone, Debug)]
struct Pending {
    endpoint: Endpoint,
    /// The grant type that it is meant for; none is any.
    grant_type: Option<&'static str>,
    failure: Failure,
    times: Times,
}

/// The failures still to be shown, first come first served for each endpoint.
#[derive(Debug, Default)]
pub(in crate::google) struct Failures(Vec<Pending>);

impl Failures {
    /// Queues a failure; at the token endpoint perhaps for one grant type alone.
    pub(in crate::google) fn add(
        &mut self,
        endpoint: Endpoint,
        grant_type: Option<&'static str>,
        failure: Failure,
        times: Times,
    ) {
        if times != Times::Next(0) {
            self.0.push(Pending { endpoint, grant_type, failure, times });
        }
    }

    /// Forgets them all.
    pub(in crate::google) fn clear(&mut self) {
        self.0.clear();
    }

    /// One line for each, for the control page.
    pub(in crate::google) fn descriptions(&self) -> Vec<String> {
        let line = |pending: &Pending| {
            let only = pending.grant_type.map(|kind| format!(" ({kind})")).unwrap_or_default();
            format!("{}{only}: {:?}, {:?}", pending.endpoint.name(), pending.failure, pending.times)
        };
        self.0.iter().map(line).collect()
    }

    /// Whether a call to this endpoint is to be cut off before it is read; counts it if so.
    pub(in crate::google) fn take_reset_before_reading(&mut self, endpoint: Endpoint) -> bool {
        let found = self.0.iter().position(|pending| pending.endpoint == endpoint);
        let is_due = |index: &usize| {
            // A first line does not tell the grant type; `take` cuts such a call once it was read.
            let pending = &self.0[*index];
            pending.failure == Failure::ResetBeforeReading && pending.grant_type.is_none()
        };
        let due = found.filter(is_due);
        if let Some(index) = due {
            self.spend(index);
        }
        due.is_some()
    }

    /// Whether any failure needs a look at a request before it is read.
    pub(in crate::google) fn watch_first_lines(&self) -> bool {
        self.0.iter().any(|pending| pending.failure == Failure::ResetBeforeReading)
    }

    /// What to do with a call to this endpoint; counts it.
    pub(in crate::google) fn take(
        &mut self,
        endpoint: Endpoint,
        grant_type: Option<&str>,
        now: Timestamp,
    ) -> Option<Treatment> {
        let applies = |pending: &Pending| {
            pending.endpoint == endpoint && pending.grant_type.is_none_or(|wanted| grant_type == Some(wanted))
        };
        let index = self.0.iter().position(applies)?;
        let treatment = self.0[index].failure.treatment(endpoint, now);
        self.spend(index);
        Some(treatment)
    }

    fn spend(&mut self, index: usize) {
        match &mut self.0[index].times {
            Times::UntilCleared => {}
            Times::Next(1) => {
                self.0.remove(index);
            }
            Times::Next(left) => *left = left.saturating_sub(1),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::google::answer::Answer;

    const NOW: Timestamp = Timestamp::from_seconds(0);

    #[test]
    fn failures_of_an_endpoint_are_shown_in_order_and_then_end() {
        let mut failures = Failures::default();
        failures.add(Endpoint::Token, None, Failure::Status(500), Times::Next(2));
        failures.add(Endpoint::Token, None, Failure::LoseAnswer, Times::Next(1));
        for _ in 0..2 {
            let treatment = failures.take(Endpoint::Token, None, NOW);
            assert!(matches!(treatment, Some(Treatment::Instead(Answer { status: 500, .. }))));
        }
        assert!(matches!(failures.take(Endpoint::Token, None, NOW), Some(Treatment::LoseAnswer)));
        assert!(failures.take(Endpoint::Token, None, NOW).is_none());
    }

    #[test]
    fn a_failure_of_refreshes_leaves_exchanges_alone() {
        let mut failures = Failures::default();
        failures.add(Endpoint::Token, Some("refresh_token"), Failure::InvalidGrant, Times::UntilCleared);
        assert!(failures.take(Endpoint::Token, Some("authorization_code"), NOW).is_none());
        assert!(failures.take(Endpoint::Token, Some("refresh_token"), NOW).is_some());
        failures.clear();
        assert!(failures.take(Endpoint::Token, Some("refresh_token"), NOW).is_none());
    }
}
