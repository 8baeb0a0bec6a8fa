//! The function `events` in a world: its stream, its bus, and Lambda between them.

use std::sync::Mutex;
use std::time::Duration;

use postern::app::{App, NotConfigured};
use postern::clock::Deadline;
use postern::door::{Invocation, stream};
use serde_json::{Value, json};
use tokio::net::TcpListener;

use super::{BUDGET, World};
use crate::event_bus::{BUS, EventBus, Published};
use crate::stack::CREDENTIALS_TABLE;

/// What an event must never hold: the beginnings of tokens, sealed or not, and of secrets.
const NEVER: [&str; 6] = ["ya29.", "1//0", "v1.k", "v2.k", "GOCSPX-", "planted"];

/// The stream of the credentials table, and the bus.
pub struct Stream {
    /// The bus.
    pub bus: EventBus,
    /// The process of the function.
    pub app: App,
    arn: String,
    delivered: usize,
    request_id: Mutex<String>,
}

/// The schedule's event.
pub fn hour() -> Value {
    json!({ "version": "0", "source": "aws.events", "detail-type": "Scheduled Event", "detail": {} })
}

/// Invokes the function with the text of a payload. An error of the invocation is the problem
/// document in its message.
///
/// # Panics
/// When the answer, or the message, is not JSON.
pub async fn invoke_events(
    app: Result<&App, &NotConfigured>,
    payload: &str,
    budget: Duration,
) -> Result<Value, Value> {
    invoke_as(app, payload, budget, postern_rules::random::identifier()).await
}

async fn invoke_as(
    app: Result<&App, &NotConfigured>,
    payload: &str,
    budget: Duration,
    request_id: String,
) -> Result<Value, Value> {
    let invocation = Invocation { request_id, deadline: Deadline::after(budget) };
    let answer = stream::respond(app, events::FUNCTION, events::handle, payload, invocation).await;
    match answer {
        Ok(answer) => Ok(serde_json::from_str(answer.get()).unwrap()),
        Err(failed) => Err(serde_json::from_str(&failed.error_message).unwrap()),
    }
}

impl World {
    /// Begins the stream of the credentials table, and starts a bus.
    pub async fn stream(&mut self) -> Stream {
        let bus = EventBus::start(TcpListener::bind(("127.0.0.1", 0)).await.unwrap()).await;
        for (name, value) in [("EVENT_BUS_NAME", BUS.to_owned()), ("AWS_ENDPOINT_URL_EVENTBRIDGE", bus.url())]
        {
            self.variables.insert(name.to_owned(), value);
        }
        let arn = self.dynamodb.begin_stream(CREDENTIALS_TABLE);
        let delivered = self.dynamodb.records(&arn).len();
        Stream { bus, app: self.environment(&[]), arn, delivered, request_id: Mutex::default() }
    }

    /// The schedule invokes the function.
    pub async fn an_hour_passes(&self, stream: &Stream) -> Result<Value, Value> {
        self.advance(3600);
        invoke_events(Ok(&stream.app), &hour().to_string(), BUDGET).await
    }
}

impl Stream {
    /// The ARN of the stream.
    pub fn arn(&self) -> &str {
        &self.arn
    }

    /// The records that were not delivered yet.
    pub fn records(&self, world: &World) -> Vec<Value> {
        let mut records = world.dynamodb.records(&self.arn).split_off(self.delivered);
        for record in &mut records {
            // The emulator has its own clock.
            record["dynamodb"]["ApproximateCreationDateTime"] = json!(world.clock_now() / 1000);
        }
        records
    }

    /// Delivers these records as one batch. Returns the answer.
    ///
    /// # Panics
    /// When the invocation fails.
    pub async fn deliver(&self, records: &[Value]) -> Value {
        let request_id = postern_rules::random::identifier();
        self.request_id.lock().unwrap().clone_from(&request_id);
        invoke_as(Ok(&self.app), &json!({ "Records": records }).to_string(), BUDGET, request_id)
            .await
            .unwrap()
    }

    /// The line that the log has of the last delivery.
    pub fn line(&self, world: &World) -> Value {
        world.line_with("request.id", &self.request_id.lock().unwrap())
    }

    /// Delivers all records that were not, as one batch, and goes on as Lambda does: behind them,
    /// or at the first that failed. Returns whether any failed.
    pub async fn go_on(&mut self, world: &World) -> bool {
        let records = self.records(world);
        let answer = self.deliver(&records).await;
        let number = |record: &Value| record["dynamodb"]["SequenceNumber"].clone();
        let failed = &answer["batchItemFailures"][0]["itemIdentifier"];
        let is_failed = |record: &Value| number(record) == *failed || *failed == "";
        let done = records.iter().position(is_failed);
        self.delivered += done.unwrap_or(records.len());
        done.is_some()
    }

    /// The events of all that was written since the last time. Asserts that none fails.
    pub async fn events(&mut self, world: &World) -> Vec<Published> {
        assert!(!self.go_on(world).await, "an event was not published");
        self.bus.take()
    }

    /// The kinds of these events, without their common prefix.
    pub async fn happened(&mut self, world: &World) -> Vec<String> {
        kinds(&self.events(world).await)
    }
}

/// The kinds of events, without their common prefix.
pub fn kinds(events: &[Published]) -> Vec<String> {
    events.iter().map(|event| event.detail_type.strip_prefix("Gmail ").unwrap().to_owned()).collect()
}

impl Drop for Stream {
    fn drop(&mut self) {
        if std::thread::panicking() {
            return;
        }
        assert_eq!(self.bus.faults_of_events(), Vec::<String>::new());
        for call in self.bus.calls() {
            let call = call.body.to_string();
            assert!(!NEVER.iter().any(|never| call.contains(never)), "I2: an event tells a secret");
        }
    }
}
