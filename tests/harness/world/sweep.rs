//! The function `sweep` in a world: its schedule, and Lambda.

use std::time::Duration;

use postern::app::{App, NotConfigured};
use postern::clock::Deadline;
use postern::door::{Invocation, schedule};
use postern::outside::dynamodb::{Reading, Segment};
use postern_rules::time::Timestamp;
use serde_json::{Value, json};
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

use super::{BUDGET, World};

/// The runs of a day.
pub const QUARTERS: i32 = 96;
/// The variables of a process of the function.
const SWEEPER: [(&str, &str); 2] = [("SWEEP_UNUSED_DAYS", "30"), ("SWEEP_REFRESHES_PER_SECOND", "1000")];

/// The schedule's event at the beginning of a quarter of an hour of the day of `now`.
pub fn quarter(number: i32, now: Timestamp) -> Value {
    let recorded = include_str!("../../fixtures/events/event_bridge_scheduled.json");
    let mut event: Value = serde_json::from_str(recorded).unwrap();
    let day = now.seconds().div_euclid(86_400) * 86_400;
    let time = OffsetDateTime::from_unix_timestamp(day + i64::from(number) * 900).unwrap();
    event["time"] = json!(time.format(&Rfc3339).unwrap());
    event
}

/// Invokes the function with the text of a payload. An error of the invocation is the problem
/// document in its message.
///
/// # Panics
/// When the answer, or the message, is not JSON.
pub async fn invoke_sweep(
    app: Result<&App, &NotConfigured>,
    payload: &str,
    budget: Duration,
) -> Result<Value, Value> {
    let request_id = postern_rules::random::identifier();
    let invocation = Invocation { request_id, deadline: Deadline::after(budget) };
    let answer = schedule::respond(app, sweep::FUNCTION, sweep::handle, payload, invocation).await;
    match answer {
        Ok(answer) => Ok(serde_json::from_str(answer.get()).unwrap()),
        Err(failed) => Err(serde_json::from_str(&failed.error_message).unwrap()),
    }
}

impl World {
    /// A new process of the function, which refreshes what was unused for 30 days.
    pub fn sweeper(&self) -> App {
        self.environment(&SWEEPER)
    }

    /// All runs of a day, in one process.
    pub async fn sweep(&self) {
        let app = self.sweeper();
        for number in 0..QUARTERS {
            assert_eq!(self.sweep_quarter(&app, number, BUDGET).await, Ok(json!({})));
        }
    }

    /// One run of the day.
    pub async fn sweep_quarter(&self, app: &App, number: i32, budget: Duration) -> Result<Value, Value> {
        let event = quarter(number, Timestamp::from_millis(self.clock_now()));
        invoke_sweep(Ok(app), &event.to_string(), budget).await
    }

    /// The run that looks at the account.
    pub async fn quarter_of(&self, account: &str) -> i32 {
        let sub = self.sub(account);
        for number in 0..QUARTERS {
            if self.users_of(number).await.contains(&sub) {
                return number;
            }
        }
        panic!("nothing is stored of {account}");
    }

    /// The users that a run of the day looks at.
    pub async fn users_of(&self, number: i32) -> Vec<String> {
        let (segment, mut users, mut after) = (Segment { number, of: QUARTERS }, Vec::new(), None);
        loop {
            let batch = self.app.store.scan(segment, after.as_deref(), 250, &Reading::All).await.unwrap();
            users.extend(batch.items.iter().map(|item| item.user().unwrap().as_str().to_owned()));
            after = batch.after;
            if after.is_none() {
                return users;
            }
        }
    }
}
