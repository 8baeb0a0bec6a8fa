//! A function without a route, invoked as a back end's role invokes it.

use std::time::Duration;

use postern::app::{App, NotConfigured};
use postern::clock::Deadline;
use postern::door::{Invocation, direct};
use serde_json::Value;

use super::{BUDGET, World, invariants, log};

/// The answer of a function without a route.
#[derive(Clone, Debug)]
pub struct Told {
    /// The payload of the answer.
    pub answer: Value,
    request_id: String,
}

impl Told {
    /// The status and code of a problem document; 200 and an empty text for another answer.
    pub fn problem(&self) -> (i64, &str) {
        match self.answer["code"].as_str() {
            Some(code) => (self.answer["status"].as_i64().unwrap_or_default(), code),
            None => (200, ""),
        }
    }

    /// The reason of a 401; panics if this is none.
    #[track_caller]
    pub fn reason(&self) -> &str {
        assert_eq!(self.problem().0, 401, "{self:?}");
        self.answer["reason"].as_str().unwrap_or_default()
    }

    /// A member that is a text; panics if it is none.
    #[track_caller]
    pub fn text(&self, member: &str) -> &str {
        self.answer[member].as_str().unwrap_or_else(|| panic!("there is no {member}: {self:?}"))
    }
}

/// Invokes a function by its name, with the text of a payload.
///
/// # Panics
/// When there is no such function, or when the answer breaks an invariant.
pub async fn invoke_direct(
    app: Result<&App, &NotConfigured>,
    function: &str,
    payload: &str,
    budget: Duration,
) -> Told {
    let request_id = postern_rules::random::identifier();
    let invocation = Invocation { request_id: request_id.clone(), deadline: Deadline::after(budget) };
    let answer = match function {
        "access-token" => {
            direct::respond(app, access_token::FUNCTION, access_token::handle, payload, invocation).await
        }
        "connections" => {
            direct::respond(app, connections::FUNCTION, connections::handle, payload, invocation).await
        }
        other => panic!("{other} is no function without a route"),
    };
    let told = Told { answer: serde_json::from_str(answer.get()).unwrap(), request_id };
    invariants::assert_of_told(&told);
    told
}

impl World {
    /// Invokes a function by its name.
    pub async fn invoke_direct(&self, function: &str, payload: &Value) -> Told {
        invoke_direct(Ok(&self.app), function, &payload.to_string(), BUDGET).await
    }

    /// The line that the log has of an answer.
    pub fn line_of(&self, told: &Told) -> Value {
        self.line_with("request.id", &told.request_id)
    }

    /// The lines that were logged in this world's time, also by other tests that run beside this one.
    pub fn lines(&self) -> Vec<Value> {
        let log = log::since(self.witness.log_began);
        log.lines().filter_map(|line| serde_json::from_str(line).ok()).collect()
    }

    /// The line of this world's time whose member says this; panics if there is not exactly one.
    pub fn line_with(&self, member: &str, says: &str) -> Value {
        let mut such = self.lines().into_iter().filter(|line| line[member] == says);
        let line = such.next().expect("it is in the log");
        assert!(such.next().is_none(), "it is in the log twice");
        line
    }
}
