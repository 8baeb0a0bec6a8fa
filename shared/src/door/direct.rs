//! The direct door, for functions that AWS roles invoke (`lambda:InvokeFunction`): turns a payload
//! into the handler's input, and its result into the payload of the answer. An error is an answer
//! too: the problem document. Who may call is IAM's decision, and Lambda does not say who did.

use std::convert::Infallible;

use lambda_http::http::StatusCode;
use postern_rules::config::PublicUrl;
use postern_rules::error::Error;
use postern_rules::user::UserId;
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::value::{RawValue, to_raw_value};

use super::authorization::START_PATH;
use super::invocation::{self, Answered, Invocation, Label, Notes};
use super::{problem, request};
use crate::app::{Ahead, App, NotConfigured};
use crate::clock::Deadline;

/// In bytes.
const PAYLOAD_LIMIT: usize = 16 * 1024;
/// One text for every defect of the form.
const NOT_THE_INPUT: Error = Error::InvalidRequest(
    "The payload must be one JSON object of at most 16 KiB, with only the members that this function documents, each once.",
);

/// A function without a route.
#[derive(Clone, Copy, Debug)]
pub struct Function {
    /// Its name, which the log and the metrics show as the route.
    pub name: &'static str,
    /// The connections that most of its invocations need: opened during init.
    pub ahead: &'static [Ahead],
}

/// One invocation, as handlers see it.
pub struct Call<'a> {
    /// When the answer is due.
    pub deadline: Deadline,
    notes: &'a Notes,
}

impl Call<'_> {
    /// Notes, for the log line, the user that this call is about. The line shows a pseudonym.
    pub fn about(&self, user: &UserId) {
        // A call is about one user: the first that was noted.
        let _ = self.notes.user.set(user.clone());
    }

    /// Notes, for the log line, what the caller asks for: a word of a closed list.
    pub fn asks(&self, what: &'static str) {
        let _ = self.notes.asked.set(what);
    }
}

/// Serves `function` with `handle` until Lambda ends the process.
///
/// # Errors
///
/// If the Lambda runtime API is unreachable.
pub async fn run<I, O, H>(function: Function, handle: H) -> Result<(), lambda_runtime::Error>
where
    I: DeserializeOwned,
    O: Serialize,
    H: AsyncFn(&App, I, &Call<'_>) -> Result<O, Error>,
{
    let handle = &handle;
    invocation::serve(function.ahead, invocation::BUDGET, async |app, payload, invocation| {
        Ok::<_, Infallible>(respond(app, function, handle, payload, invocation).await)
    })
    .await
}

/// Answers one payload with the handler's output, or with a problem document. Tests call this.
pub async fn respond<I, O, H>(
    app: Result<&App, &NotConfigured>,
    function: Function,
    handle: H,
    payload: &str,
    invocation: Invocation,
) -> Box<RawValue>
where
    I: DeserializeOwned,
    O: Serialize,
    H: AsyncFn(&App, I, &Call<'_>) -> Result<O, Error>,
{
    let notes = Notes::default();
    let label = Label { route: function.name, ends_sign_in: false, notes: &notes };
    let request_id = invocation.request_id.as_str();
    let refused = |error| refused(app, error, request_id);
    let answering = Box::pin(async {
        let call = Call { deadline: invocation.deadline, notes: &notes };
        let answer = match answer(app, handle, payload, &call).await {
            Ok(output) => to_raw_value(&output).map_err(|_| Error::Internal),
            Err(error) => Err(error),
        };
        match answer {
            Ok(answer) => {
                let request_id = request_id.to_owned();
                Answered { answer, status: StatusCode::OK, error: None, request_id }
            }
            Err(error) => refused(error),
        }
    });
    invocation::attend(app, label, &invocation, answering, refused).await
}

async fn answer<I, O, H>(
    app: Result<&App, &NotConfigured>,
    handle: H,
    payload: &str,
    call: &Call<'_>,
) -> Result<O, Error>
where
    I: DeserializeOwned,
    H: AsyncFn(&App, I, &Call<'_>) -> Result<O, Error>,
{
    let is_small = payload.len() <= PAYLOAD_LIMIT;
    let input = is_small.then(|| request::json_object(payload.as_bytes())).flatten().ok_or(NOT_THE_INPUT)?;
    let app = app.map_err(|broken| Error::Config(broken.error.clone()))?;
    handle(app, input, call).await
}

/// The problem document as the answer. A back end cannot go through Google's page itself, so it
/// gets the address where its user can, if that would help.
fn refused(app: Result<&App, &NotConfigured>, error: Error, request_id: &str) -> Answered<Box<RawValue>> {
    let public_url = app.ok().and_then(|app| app.config.public_url.as_ref());
    let start_url = |url: &PublicUrl| error.invitation().map(|_| url.join(START_PATH));
    let answer = problem::payload(&error, request_id, public_url.and_then(start_url).as_deref());
    let status = problem::status(&error);
    Answered { answer, status, error: Some(error.into()), request_id: request_id.to_owned() }
}
