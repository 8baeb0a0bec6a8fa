//! The door of a function that only a schedule of EventBridge invokes. Nobody reads its answer, so
//! every failure is an error of the invocation: Lambda counts it, and an alarm tells it.

use std::time::Duration;

use aws_smithy_types::DateTime;
use aws_smithy_types::date_time::Format;
use lambda_http::http::StatusCode;
use lambda_runtime::Diagnostic;
use postern_rules::error::Error;
use postern_rules::time::Timestamp;
use serde::Deserialize;
use serde_json::value::{RawValue, to_raw_value};

use super::direct::Function;
use super::invocation::{self, Answered, Invocation, Label, Notes};
use super::problem;
use crate::app::{App, NotConfigured};
use crate::clock::Deadline;

/// The longest time that an invocation may take. The template's timeout is the same: shorter than
/// the time between two of them.
const LONGEST: Duration = Duration::from_mins(10);

const NOT_SCHEDULED: Error =
    Error::InvalidRequest("The payload is not a scheduled event of EventBridge with its time.");

/// A scheduled event (EventBridge, "Scheduled events").
#[derive(Deserialize)]
struct Wire<'a> {
    source: &'a str,
    #[serde(rename = "detail-type")]
    detail_type: &'a str,
    time: Option<&'a str>,
}

impl<'a> Wire<'a> {
    fn parse(payload: &'a str) -> Option<Self> {
        let wire: Self = serde_json::from_str(payload).ok()?;
        (wire.source == "aws.events" && wire.detail_type == "Scheduled Event").then_some(wire)
    }

    fn time(&self) -> Option<Timestamp> {
        let time = DateTime::from_str(self.time?, Format::DateTime).ok()?;
        time.to_millis().ok().map(Timestamp::from_millis)
    }
}

/// Whether a payload is a scheduled event.
pub(super) fn is_scheduled(payload: &str) -> bool {
    Wire::parse(payload).is_some()
}

/// What Lambda is told of a scheduled invocation that failed: the message is the problem document.
pub(super) fn failure(error: &Error, document: &RawValue) -> Diagnostic {
    let error_type = error.facts().code.to_owned();
    Diagnostic { error_type, error_message: document.get().to_owned() }
}

/// Serves `function` with `handle` until Lambda ends the process.
///
/// # Errors
///
/// If the Lambda runtime API is unreachable.
pub async fn run<H>(function: Function, handle: H) -> Result<(), lambda_runtime::Error>
where
    H: AsyncFn(&App, Timestamp, Deadline) -> Result<(), Error>,
{
    let handle = &handle;
    invocation::serve(function.ahead, LONGEST, async |app, payload, invocation| {
        respond(app, function, handle, payload, invocation).await
    })
    .await
}

/// Answers one event, whose time the handler gets: that for which it was scheduled, which is the
/// same when it comes again. Tests call this.
///
/// # Errors
///
/// If the handler fails, or the payload is no scheduled event. The message is the problem document.
pub async fn respond<H>(
    app: Result<&App, &NotConfigured>,
    function: Function,
    handle: H,
    payload: &str,
    invocation: Invocation,
) -> Result<Box<RawValue>, Diagnostic>
where
    H: AsyncFn(&App, Timestamp, Deadline) -> Result<(), Error>,
{
    let notes = Notes::default();
    let label = Label { route: function.name, ends_sign_in: false, notes: &notes };
    let request_id = invocation.request_id.as_str();
    let failed = |error: Error| {
        let answer = Err(failure(&error, &problem::payload(&error, request_id, None)));
        let status = problem::status(&error);
        Answered { answer, status, error: Some(error.into()), request_id: request_id.to_owned() }
    };
    let answering = async {
        let handled = async {
            let at = Wire::parse(payload).and_then(|wire| wire.time()).ok_or(NOT_SCHEDULED)?;
            let app = app.map_err(|broken| Error::Config(broken.error.clone()))?;
            handle(app, at, invocation.deadline).await?;
            // Cannot fail: it has no members.
            to_raw_value(&serde_json::json!({})).map_err(|_| Error::Internal)
        };
        match handled.await {
            Ok(answer) => {
                let request_id = request_id.to_owned();
                Answered { answer: Ok(answer), status: StatusCode::OK, error: None, request_id }
            }
            Err(error) => failed(error),
        }
    };
    invocation::attend(app, label, &invocation, Box::pin(answering), failed).await
}
