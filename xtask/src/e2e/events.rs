//! The events of the stack, as a consumer gets them: by a rule of the bus, in a queue.

use std::time::{Duration, Instant};

use serde_json::Value;

use super::python::Python;
use crate::processes::root;

/// Prints what is in the queue.
const RECEIVE: &str = "xtask/src/e2e/receive.py";
/// How long an event may take: through the stream, the function, the bus and the queue.
const PATIENCE: Duration = Duration::from_mins(1);

/// The queue of the operator's rule.
pub(super) struct Queue<'a> {
    /// Its URL.
    pub(super) url: &'a str,
    /// What receives.
    pub(super) python: &'a Python,
}

impl Queue<'_> {
    /// Takes messages until one is such an event of this user; the others are passed over.
    pub(super) async fn wait_for(&self, detail_type: &str, user: &str) -> Result<Value, String> {
        let began = Instant::now();
        let receive = root().join(RECEIVE);
        let mut seen = Vec::new();
        while began.elapsed() < PATIENCE {
            let words = [&*receive.to_string_lossy(), self.url];
            let received = self.python.run(&words, "", &self.python.owner, &[]).await?;
            let events = received.lines().filter_map(|line| serde_json::from_str::<Value>(line).ok());
            let mut found = None;
            for event in events {
                seen.push(event["detail-type"].as_str().unwrap_or_default().to_owned());
                let is_meant = event["detail-type"] == detail_type && event["detail"]["user"]["id"] == user;
                if is_meant && event["source"] == "postern" {
                    found = Some(event);
                }
            }
            if let Some(event) = found {
                return Ok(event);
            }
        }
        Err(format!("no event {detail_type:?} came within a minute, only {seen:?}"))
    }
}
