//! The calls that a fake received, and the failures that it will still show.

use serde::{Deserialize, Serialize};
use std::collections::VecDeque;

/// How many calls the journal keeps, because `cargo xtask dev` may run all day.
const MOST_CALLS: usize = 10_000;

/// How long a failure lasts. As JSON: a number, or null until it is cleared.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Times {
    /// For this many of the calls that it applies to.
    Next(usize),
    /// Until it is cleared.
    UntilCleared,
}

impl Times {
    /// Counts one use. Returns whether one was left.
    pub(crate) fn take(&mut self) -> bool {
        match self {
            Self::UntilCleared => true,
            Self::Next(left) => {
                let is_due = *left > 0;
                *left = left.saturating_sub(1);
                is_due
            }
        }
    }
}

impl From<usize> for Times {
    fn from(times: usize) -> Self {
        Self::Next(times)
    }
}

type IsMeant<C> = Box<dyn Fn(&C) -> bool + Send>;

struct Pending<C, F> {
    /// For people.
    target: String,
    is_meant: IsMeant<C>,
    failure: F,
    times: Times,
}

/// The calls so far, and the failures to come, in the order in which they were requested.
pub(crate) struct Journal<C, F> {
    calls: VecDeque<C>,
    /// How many calls were dropped or forgotten, so that each call keeps its number.
    gone: usize,
    pending: Vec<Pending<C, F>>,
}

impl<C, F> Default for Journal<C, F> {
    fn default() -> Self {
        Self { calls: VecDeque::new(), gone: 0, pending: Vec::new() }
    }
}

impl<C: Clone, F: Clone> Journal<C, F> {
    /// Records a call. Returns its number, and the failure to show if one applies.
    pub(crate) fn record(&mut self, call: C) -> (usize, Option<F>) {
        let failure = self.pending.iter_mut().find(|pending| (pending.is_meant)(&call)).map(|pending| {
            pending.times.take();
            pending.failure.clone()
        });
        self.pending.retain(|pending| pending.times != Times::Next(0));
        self.calls.push_back(call);
        if self.calls.len() > MOST_CALLS {
            self.calls.pop_front();
            self.gone += 1;
        }
        (self.gone + self.calls.len() - 1, failure)
    }

    /// The call with this number, unless it was dropped.
    pub(crate) fn call_mut(&mut self, number: usize) -> Option<&mut C> {
        self.calls.get_mut(number.checked_sub(self.gone)?)
    }

    /// Every call, oldest first.
    pub(crate) fn calls(&self) -> Vec<C> {
        self.calls.iter().cloned().collect()
    }

    pub(crate) fn forget_calls(&mut self) {
        self.gone += self.calls.len();
        self.calls.clear();
    }

    /// Adds a failure for the calls that it applies to.
    pub(crate) fn fail(
        &mut self,
        target: String,
        is_meant: impl Fn(&C) -> bool + Send + 'static,
        failure: F,
        times: Times,
    ) {
        if times != Times::Next(0) {
            self.pending.push(Pending { target, is_meant: Box::new(is_meant), failure, times });
        }
    }

    pub(crate) fn clear_failures(&mut self) {
        self.pending.clear();
    }

    /// The failures to come: the calls that they are for, in words, and how often.
    pub(crate) fn failures(&self) -> Vec<(String, F, Times)> {
        let copy = |pending: &Pending<C, F>| (pending.target.clone(), pending.failure.clone(), pending.times);
        self.pending.iter().map(copy).collect()
    }
}
