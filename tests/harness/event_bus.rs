//! EventBridge on loopback: a bus that takes events, within the limits of PutEvents.

use std::sync::{Mutex, MutexGuard, PoisonError};

use bytes::Bytes;
use hyper::{Request, Response, StatusCode};
use serde_json::{Value, json};
use tokio::net::TcpListener;

use crate::aws::{Backend, Service, json_answer};
use crate::random_text;
use crate::schemas;

/// The name of the bus.
pub const BUS: &str = "postern-test";
/// PutEvents' limits: entries, and bytes of all entries together.
const MOST_ENTRIES: usize = 10;
const MOST_BYTES: usize = 256 * 1024;

/// EventBridge with one bus.
pub type EventBus = Service<Bus>;

/// An event on the bus.
#[derive(Clone, Debug, PartialEq)]
pub struct Published {
    /// Its `source`.
    pub source: String,
    /// Its `detail-type`.
    pub detail_type: String,
    /// Its detail.
    pub detail: Value,
}

/// The bus, and the entries that it will refuse.
#[derive(Debug, Default)]
pub struct Bus {
    taken: Mutex<Vec<Published>>,
    refusals: Mutex<Vec<Refusal>>,
    /// What was wrong with an event, by its JSON Schema.
    faults: Mutex<Vec<String>>,
}

/// Which entries are refused: those whose detail contains a text, so many times.
#[derive(Debug)]
struct Refusal {
    text: String,
    code: &'static str,
    times: usize,
}

impl Service<Bus> {
    /// Serves an empty bus on `listener`.
    #[expect(clippy::unused_async, reason = "a back end is started inside a runtime, like its fellows")]
    pub async fn start(listener: TcpListener) -> Self {
        Self::serve(listener, Bus::default())
    }

    /// The events on the bus, in the order in which they came.
    pub fn events(&self) -> Vec<Published> {
        lock(&self.backend.taken).clone()
    }

    /// Takes the events from the bus.
    pub fn take(&self) -> Vec<Published> {
        std::mem::take(&mut *lock(&self.backend.taken))
    }

    /// Refuses the next entries whose detail contains `text`, with this error code, beside entries
    /// that are taken.
    pub fn refuse_entries(&self, text: &str, code: &'static str, times: usize) {
        lock(&self.backend.refusals).push(Refusal { text: text.to_owned(), code, times });
    }

    /// What was wrong with the events that came, by their JSON Schemas.
    pub fn faults_of_events(&self) -> Vec<String> {
        lock(&self.backend.faults).clone()
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Backend for Bus {
    const EXCEPTION_PREFIX: &'static str = "";
    const CONTENT_TYPE: &'static str = "application/x-amz-json-1.1";

    async fn answer(&self, operation: &str, request: Request<Bytes>) -> Response<Bytes> {
        let body: Value = serde_json::from_slice(request.body()).unwrap_or_default();
        let refuse = |exception: &str, message: &str| {
            let body = json!({ "__type": exception, "message": message });
            json_answer::<Self>(StatusCode::BAD_REQUEST, &body)
        };
        if operation != "PutEvents" {
            return refuse("UnknownOperationException", "The harness has only PutEvents.");
        }
        let entries = body["Entries"].as_array().map(Vec::as_slice).unwrap_or_default();
        if !(1..=MOST_ENTRIES).contains(&entries.len()) {
            return refuse("ValidationException", "Member must have length between 1 and 10.");
        }
        let text = |entry: &Value, member: &str| entry[member].as_str().unwrap_or_default().to_owned();
        let size = |entry: &Value| {
            ["Source", "DetailType", "Detail"].map(|member| text(entry, member).len()).iter().sum::<usize>()
        };
        if entries.iter().map(size).sum::<usize>() > MOST_BYTES {
            return refuse(
                "ValidationException",
                "Total size of the entries in the request is over the limit.",
            );
        }
        let answers: Vec<Value> = entries.iter().map(|entry| self.put(entry)).collect();
        let failed = answers.iter().filter(|answer| answer["ErrorCode"].is_string()).count();
        json_answer::<Self>(StatusCode::OK, &json!({ "FailedEntryCount": failed, "Entries": answers }))
    }
}

impl Bus {
    /// The answer to one entry.
    fn put(&self, entry: &Value) -> Value {
        let text = |member: &str| entry[member].as_str().unwrap_or_default().to_owned();
        let detail = text("Detail");
        let mut refusals = lock(&self.refusals);
        let refusal = refusals.iter_mut().find(|refusal| refusal.times > 0 && detail.contains(&refusal.text));
        if let Some(refusal) = refusal {
            refusal.times -= 1;
            return json!({ "ErrorCode": refusal.code, "ErrorMessage": "The harness was told to refuse it." });
        }
        let Ok(detail @ Value::Object(_)) = serde_json::from_str(&detail) else {
            return json!({ "ErrorCode": "MalformedDetail", "ErrorMessage": "Detail is malformed." });
        };
        let event = Published { source: text("Source"), detail_type: text("DetailType"), detail };
        if entry["EventBusName"] != BUS {
            lock(&self.faults).push(format!("an event for another bus: {entry}"));
        }
        lock(&self.faults).extend(schemas::fault(&event.detail_type, &event.detail));
        lock(&self.taken).push(event);
        json!({ "EventId": random_text(36) })
    }
}
