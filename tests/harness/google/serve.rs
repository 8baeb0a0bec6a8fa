//! One request from the wire to its answer: the log, the failure that is due, the endpoint, the answer's shape.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::{Body, to_bytes};
use axum::extract::{ConnectInfo, Request, State};
use axum::http::StatusCode;
use axum::response::Response;
use bytes::Bytes;
use futures_util::stream;

use super::answer::Answer;
use super::calls::{Call, Endpoint};
use super::connection::Scissors;
use super::failures::Treatment;
use super::state::Shared;
use super::{authorize, batch, control, gmail, history, identity, labels, threads, token};

const LARGEST_BODY: usize = 4 * 1024 * 1024;

/// Everything that the fake serves.
pub(super) fn router(shared: Arc<Shared>) -> Router {
    Router::new().fallback(receive).with_state(shared)
}

async fn receive(
    State(shared): State<Arc<Shared>>,
    ConnectInfo(scissors): ConnectInfo<Scissors>,
    request: Request,
) -> Response {
    let (parts, body) = request.into_parts();
    let Ok(body) = to_bytes(body, LARGEST_BODY).await else {
        return response(Answer::html(413, "<!doctype html><title>Error 413</title>"));
    };
    let path = parts.uri.path().to_owned();
    let query =
        form_urlencoded::parse(parts.uri.query().unwrap_or_default().as_bytes()).into_owned().collect();
    let headers = parts
        .headers
        .iter()
        .map(|(name, value)| (name.to_string(), String::from_utf8_lossy(value.as_bytes()).into_owned()))
        .collect();
    let method = parts.method.to_string();
    let body = String::from_utf8_lossy(&body).into_owned();
    let Some(endpoint) = Endpoint::at(&path) else {
        let request = control::Request { method, path, query, headers, body };
        return response(control::serve(&shared, &request));
    };
    let call = Call { endpoint, method, path, query, headers, body, status: None, batched: false };
    let (answer, treatment) = handle(&shared, &call);
    deliver(answer, treatment, &scissors).await
}

/// Logs a call, and serves it or shows the failure that is due.
pub(super) fn handle(shared: &Shared, call: &Call) -> (Answer, Option<Treatment>) {
    let grant_type = call.form_value("grant_type");
    let (number, treatment) = {
        let mut state = shared.state();
        let number = state.calls.record(call.clone());
        (number, state.failures.take(call.endpoint, grant_type.as_deref(), shared.now()))
    };
    let answer = match &treatment {
        Some(Treatment::Instead(answer)) => answer.clone(),
        Some(Treatment::SendBack(error)) => authorize::send_back(shared, call, error),
        Some(Treatment::Cut) => Answer::html(500, ""),
        _ => dispatch(shared, call),
    };
    shared.state().calls.answered(number, answer.status, treatment.as_ref());
    (answer, treatment)
}

fn dispatch(shared: &Shared, call: &Call) -> Answer {
    if !call.endpoint.takes(&call.method) {
        return Answer::html(405, "<!DOCTYPE html>\n<title>Error 405 (Method Not Allowed)!!1</title>\n");
    }
    match call.endpoint {
        Endpoint::Authorize => authorize::page(shared, call),
        Endpoint::Token => token::serve(shared, call),
        Endpoint::Revoke => identity::revoke(shared, call),
        Endpoint::TokenInfo => identity::tokeninfo(shared, call),
        Endpoint::UserInfo => identity::userinfo(shared, call),
        Endpoint::Certificates => identity::certificates(shared, call),
        Endpoint::Discovery => identity::discovery(shared),
        Endpoint::MessagesList => gmail::list(shared, call),
        Endpoint::MessagesGet => gmail::get(shared, call),
        Endpoint::AttachmentsGet => gmail::attachment(shared, call),
        Endpoint::ThreadsList => threads::list(shared, call),
        Endpoint::ThreadsGet => threads::get(shared, call),
        Endpoint::HistoryList => history::list(shared, call),
        Endpoint::Profile => labels::profile(shared, call),
        Endpoint::LabelsList => labels::list(shared, call),
        Endpoint::LabelsGet => labels::get(shared, call),
        Endpoint::Batch => batch::serve(shared, call),
    }
}

async fn deliver(mut answer: Answer, treatment: Option<Treatment>, scissors: &Scissors) -> Response {
    match treatment {
        None | Some(Treatment::Instead(_) | Treatment::SendBack(_)) => response(answer),
        Some(Treatment::Truncate) => {
            answer.body.truncate(answer.body.len() / 2);
            response(answer)
        }
        Some(Treatment::Slow(pause)) => {
            tokio::time::sleep(pause).await;
            response(answer)
        }
        Some(Treatment::Drip(pause)) => drip(answer, pause),
        Some(Treatment::Cut | Treatment::LoseAnswer) => {
            scissors.cut();
            response(answer)
        }
        Some(Treatment::CutBody) => cut_body(answer, scissors.clone()),
    }
}

fn response(mut answer: Answer) -> Response {
    let body = Body::from(std::mem::take(&mut answer.body));
    shape(&answer, body)
}

/// Sends the body one byte at a time.
fn drip(mut answer: Answer, pause: Duration) -> Response {
    let bytes = std::mem::take(&mut answer.body).into_iter();
    let drops = stream::unfold(bytes, move |mut bytes| async move {
        tokio::time::sleep(pause).await;
        let byte = bytes.next()?;
        Some((Ok::<_, io::Error>(Bytes::from(vec![byte])), bytes))
    });
    shape(&answer, Body::from_stream(drops))
}

/// Announces the whole body, sends half of it, and cuts the line.
fn cut_body(answer: Answer, scissors: Scissors) -> Response {
    let length = answer.body.len();
    let half = Bytes::from(answer.body[..length / 2].to_vec());
    let steps = stream::unfold(Some(half), move |half| {
        let scissors = scissors.clone();
        async move {
            if let Some(half) = half {
                return Some((Ok(half), None));
            }
            // Let the first half leave before the line is cut.
            tokio::time::sleep(Duration::from_millis(20)).await;
            scissors.cut();
            Some((Err(io::Error::from(io::ErrorKind::ConnectionReset)), None))
        }
    });
    shape(&answer.with("content-length", &length.to_string()), Body::from_stream(steps))
}

fn shape(answer: &Answer, body: Body) -> Response {
    let mut response = Response::builder().status(answer.status);
    for (name, value) in &answer.headers {
        response = response.header(name, value);
    }
    response.body(body).unwrap_or_else(|_| {
        // A test asked for a header or status that HTTP cannot carry.
        let mut response = Response::new(Body::from("The answer that was set is not valid HTTP."));
        *response.status_mut() = StatusCode::INTERNAL_SERVER_ERROR;
        response
    })
}
