//! What a fake was asked, and the failures that it is still to show.

use std::collections::VecDeque;
use std::fmt::Debug;

use serde::Deserialize;

/// The journal keeps this many calls: `cargo xtask dev` runs all day.
const MOST_CALLS: usize = 10_000;

/// How long a failure lasts. As JSON: a number, or null until it is cleared.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(untagged)]
pub enum Times {
    /// For the next so many calls that it is meant for.
    Next(usize),
    /// Until it is cleared.
    UntilCleared,
}

impl Times {
    /// Counts one use, and says whether there was one left.
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

/// The calls so far, and the failures to come in the order in which they were asked for.
pub(crate) struct Journal<C, F> {
    calls: VecDeque<C>,
    /// How many calls were dropped or forgotten, so that a call keeps its number.
    gone: usize,
    pending: Vec<Pending<C, F>>,
}

impl<C, F> Default for Journal<C, F> {
    fn default() -> Self {
        Self { calls: VecDeque::new(), gone: 0, pending: Vec::new() }
    }
}

impl<C: Clone, F: Clone + Debug> Journal<C, F> {
    /// Notes a call. Gives its number, and the failure to show if one is meant for it.
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

    /// Shows a failure to the calls that it is meant for.
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

    /// The failures to come, a line each.
    pub(crate) fn failures(&self) -> Vec<String> {
        let line = |pending: &Pending<C, F>| {
            format!("{}: {:?}, {:?}", pending.target, pending.failure, pending.times)
        };
        self.pending.iter().map(line).collect()
    }
}
