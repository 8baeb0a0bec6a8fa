//! The door of a function that a table's stream and a schedule invoke. A failure of a batch is an
//! answer too: it names the record at which Lambda begins again. A failure of the schedule is an
//! error of the invocation, because nobody reads its answer: Lambda counts it and tries again.

use std::time::Duration;

use lambda_http::http::StatusCode;
use lambda_runtime::Diagnostic;
use postern_rules::error::Error;
use serde::Deserialize;
use serde_json::json;
use serde_json::value::{RawValue, to_raw_value};

use super::direct::Function;
use super::invocation::{self, Answered, Invocation, Label, Notes};
use super::{problem, schedule};
use crate::app::{App, NotConfigured};
use crate::clock::Deadline;
use crate::outside::dynamodb::stream::Place;

/// The longest time that an invocation may take. Nobody waits for it: the template's timeout
/// decides, and the schedule has many connections to look through.
const LONGEST: Duration = Duration::from_mins(5);

const NOT_AN_OCCASION: Error =
    Error::InvalidRequest("The payload is neither a batch of stream records nor a scheduled event.");

/// Why the function was invoked.
#[derive(Debug)]
pub enum Occasion<'a> {
    /// Records of the stream, in their order.
    Records(Vec<&'a RawValue>),
    /// The schedule.
    Hour,
}

impl<'a> Occasion<'a> {
    fn parse(payload: &'a str) -> Result<Self, Error> {
        #[derive(Deserialize)]
        struct Wire<'a> {
            #[serde(rename = "Records", borrow)]
            records: Option<Vec<&'a RawValue>>,
        }
        // Lambda limits the size. A batch that was refused here would count as done.
        match serde_json::from_str(payload) {
            Ok(Wire { records: Some(records) }) => Ok(Self::Records(records)),
            _ if schedule::is_scheduled(payload) => Ok(Self::Hour),
            _ => Err(NOT_AN_OCCASION),
        }
    }
}

/// What became of an invocation, for the answer and the log line.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Tally {
    /// How many records or connections were looked at.
    pub records: usize,
    /// How many events were put on the bus, or connections marked.
    pub events: usize,
    /// The sequence number of the first record that failed.
    pub failed_at: Option<String>,
}

/// Serves `function` with `handle` until Lambda ends the process.
///
/// # Errors
///
/// If the Lambda runtime API is unreachable.
pub async fn run<H>(function: Function, handle: H) -> Result<(), lambda_runtime::Error>
where
    H: AsyncFn(&App, Occasion<'_>, Deadline) -> Result<Tally, Error>,
{
    let handle = &handle;
    invocation::serve(function.ahead, LONGEST, async |app, payload, invocation| {
        respond(app, function, handle, payload, invocation).await
    })
    .await
}

/// Answers one event. Tests call this.
///
/// # Errors
///
/// If the schedule's work fails. The message is the problem document.
pub async fn respond<H>(
    app: Result<&App, &NotConfigured>,
    function: Function,
    handle: H,
    payload: &str,
    invocation: Invocation,
) -> Result<Box<RawValue>, Diagnostic>
where
    H: AsyncFn(&App, Occasion<'_>, Deadline) -> Result<Tally, Error>,
{
    let notes = Notes::default();
    let label = Label { route: function.name, ends_sign_in: false, notes: &notes };
    let request_id = invocation.request_id.as_str();
    let occasion = Occasion::parse(payload);
    // Where a batch begins again of which nothing is known. Lambda takes an empty name for the
    // whole batch, which a first record without a name needs: what is behind it is not the
    // beginning.
    let beginning = match &occasion {
        Ok(Occasion::Records(records)) => {
            let place = records.first().copied().and_then(Place::of);
            Some(place.map_or("", |place| place.sequence_number()))
        }
        _ => None,
    };
    let is_hour = matches!(occasion, Ok(Occasion::Hour));
    let asked = if is_hour { Some("grants that end soon") } else { beginning.map(|_| "events of records") };
    asked.map(|asked| notes.asked.set(asked));
    let failed = |error: Error| {
        let document = problem::payload(&error, request_id, None);
        let answer = match beginning {
            Some(beginning) => Ok(failed_from(Some(beginning))),
            None if is_hour => Err(schedule::failure(&error, &document)),
            None => Ok(document),
        };
        let status = problem::status(&error);
        Answered { answer, status, error: Some(error.into()), request_id: request_id.to_owned() }
    };
    let answering = async {
        let handled = async {
            let (occasion, app) = (occasion?, app.map_err(|broken| Error::Config(broken.error.clone()))?);
            handle(app, occasion, invocation.deadline).await
        };
        match handled.await {
            Ok(tally) => {
                let answer = Ok(failed_from(tally.failed_at.as_deref()));
                let _ = notes.tally.set((tally.records, tally.events));
                let request_id = request_id.to_owned();
                Answered { answer, status: StatusCode::OK, error: None, request_id }
            }
            Err(error) => failed(error),
        }
    };
    invocation::attend(app, label, &invocation, Box::pin(answering), failed).await
}

/// What Lambda is told (Lambda, "Partial batch responses"): it begins again at this record. A
/// schedule gets the same answer, which nobody reads.
fn failed_from(sequence_number: Option<&str>) -> Box<RawValue> {
    let failures: Vec<_> =
        sequence_number.map(|number| json!({ "itemIdentifier": number })).into_iter().collect();
    // Cannot fail: the members are texts.
    to_raw_value(&json!({ "batchItemFailures": failures })).unwrap_or_default()
}
