//! What a back end was asked, and which of the next calls it is to spoil.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use serde_json::Value;

/// The log keeps this many calls; older ones are dropped, for `cargo xtask dev` runs all day.
const MOST_CALLS: usize = 10_000;

/// One call that a back end received, whether or not it was answered.
#[derive(Clone, Debug, PartialEq)]
pub struct Call {
    /// The operation, as the last part of `X-Amz-Target` names it: `UpdateItem`.
    pub operation: String,
    /// The request body; `null` when it was not JSON.
    pub body: Value,
}

/// How a call is spoilt.
#[derive(Clone, Debug)]
pub enum Fault {
    /// The service refuses the call, which has no effect.
    Refusal {
        /// The HTTP status.
        status: u16,
        /// The name of the exception: `ThrottlingException`.
        exception: &'static str,
    },
    /// The call is carried out, but only after this long.
    Delay(Duration),
    /// The connection is closed before the call had any effect.
    CallLost,
    /// The call is carried out, and then the connection is closed without an answer.
    AnswerLost,
    /// The call is carried out, and its answer loses its last character: JSON that does not end.
    AnswerCut,
    /// BatchGetItem reads nothing and names every key as unprocessed.
    Unprocessed,
}

impl Fault {
    /// The service is asked too much.
    pub const THROTTLED: Self = Self::Refusal { status: 400, exception: "ThrottlingException" };
    /// The service is broken.
    pub const BROKEN: Self = Self::Refusal { status: 500, exception: "InternalServerError" };
    /// The table or the secret is not there.
    pub const MISSING: Self = Self::Refusal { status: 400, exception: "ResourceNotFoundException" };
    /// The role may not do this.
    pub const DENIED: Self = Self::Refusal { status: 400, exception: "AccessDeniedException" };
}

/// The calls received and the faults still to come, seen alike by every clone.
#[derive(Clone, Debug, Default)]
pub(crate) struct Log(Arc<Mutex<State>>);

#[derive(Debug, Default)]
struct State {
    calls: VecDeque<Call>,
    faults: VecDeque<(String, Fault)>,
}

impl Log {
    /// Notes the call, and says how it is to be spoilt if it is.
    pub(crate) fn record(&self, call: Call) -> Option<Fault> {
        let mut state = self.state();
        let place = state.faults.iter().position(|(operation, _)| *operation == call.operation);
        state.calls.push_back(call);
        if state.calls.len() > MOST_CALLS {
            state.calls.pop_front();
        }
        place.and_then(|place| state.faults.remove(place)).map(|(_, fault)| fault)
    }

    pub(crate) fn calls(&self) -> Vec<Call> {
        self.state().calls.iter().cloned().collect()
    }

    pub(crate) fn forget_calls(&self) {
        self.state().calls.clear();
    }

    pub(crate) fn fail(&self, operation: &str, fault: &Fault, times: usize) {
        let faults = std::iter::repeat_with(|| (operation.to_owned(), fault.clone())).take(times);
        self.state().faults.extend(faults);
    }

    pub(crate) fn clear_faults(&self) {
        self.state().faults.clear();
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
