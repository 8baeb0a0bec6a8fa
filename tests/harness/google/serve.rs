//! One request from the wire to its answer: the journal, a failure that is due, the endpoint, and
//! how the answer is sent.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use futures_util::stream;
use http_body_util::combinators::BoxBody;
use http_body_util::{BodyExt, StreamBody};
use hyper::body::Frame;
use hyper::{Request, Response};

use super::answer::Answer;
use super::calls::{Call, Endpoint};
use super::failures::Failure;
use super::state::Shared;
use super::{authorize, batch, control, gmail, identity, security_events, token};
use crate::server::{Cut, Reply, whole};

/// Answers a request, or cuts its connection. What it has Google tell is delivered beside the
/// answer.
pub(super) async fn respond(shared: Arc<Shared>, request: Request<Bytes>) -> Result<Reply, Cut> {
    let reply = answer(&shared, request).await;
    let waiting = shared.state().security_events.take_waiting();
    if !waiting.is_empty() {
        #[expect(clippy::disallowed_methods, reason = "a delivery goes on beside the test")]
        tokio::spawn(async move { security_events::deliver(&shared, waiting).await });
    }
    reply
}

async fn answer(shared: &Shared, request: Request<Bytes>) -> Result<Reply, Cut> {
    let (head, body) = request.into_parts();
    let target = head.uri.path_and_query().map_or("/", |target| target.as_str());
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    let headers = head.headers.iter().map(|(name, value)| (name.to_string(), text(value.as_bytes())));
    let Some(call) = Call::to(head.method.as_str(), target) else {
        return Ok(reply(control::serve(shared, head.method.as_str(), target, &text(&body))));
    };
    let call = Call { headers: headers.collect(), body: text(&body), ..call };
    let (answer, failure) = handle(shared, &call);
    let mut answer = match call.endpoint {
        Endpoint::Authorize => shared.state().switches.opener_policy.apply(answer),
        _ => answer,
    };
    match failure {
        Some(Failure::ResetAfterReading | Failure::LoseAnswer) => return Err(Cut::Reset),
        Some(Failure::CutBody) => return Ok(half(answer)),
        Some(Failure::Drip(pause)) => return Ok(drip(answer, pause)),
        Some(Failure::Slow(pause)) => tokio::time::sleep(pause).await,
        Some(Failure::TruncatedJson) => answer.body.truncate(answer.body.len() / 2),
        _ => {}
    }
    Ok(reply(answer))
}

/// Records a call, and serves it or gives the answer of the failure that is due.
pub(super) fn handle(shared: &Shared, call: &Call) -> (Answer, Option<Failure>) {
    let (number, failure) = shared.state().journal.record(call.clone());
    let answer = match &failure {
        Some(failure) if !failure.has_effect() => failure.answer(call.endpoint, shared.now()),
        _ => dispatch(shared, call),
    };
    let is_lost = matches!(failure, Some(Failure::ResetAfterReading | Failure::LoseAnswer));
    if let Some(call) = shared.state().journal.call_mut(number) {
        call.status = (!is_lost).then_some(answer.status);
    }
    (answer, failure)
}

fn dispatch(shared: &Shared, call: &Call) -> Answer {
    if call.method != call.endpoint.method() {
        return Answer::html(405, "<!DOCTYPE html>\n<title>Error 405 (Method Not Allowed)!!1</title>\n");
    }
    match call.endpoint {
        Endpoint::Authorize => authorize::page(shared, call),
        Endpoint::Token => token::serve(shared, call),
        Endpoint::Revoke => identity::revoke(shared, call),
        Endpoint::UserInfo => identity::user_info(shared, call),
        Endpoint::Certificates => Answer::api(200, format!("{:#}", shared.signer.certificates())),
        Endpoint::Discovery if call.path.ends_with("/risc-configuration") => {
            security_events::discovery(shared)
        }
        Endpoint::Discovery => identity::discovery(shared),
        Endpoint::MessagesList | Endpoint::MessagesGet => gmail::serve(shared, call),
        Endpoint::Batch => batch::serve(shared, call),
        Endpoint::Stream | Endpoint::StreamUpdate => security_events::serve(shared, call),
    }
}

fn reply(mut answer: Answer) -> Reply {
    let body = whole(std::mem::take(&mut answer.body));
    shape(&answer, body)
}

/// Sends the body one byte at a time.
fn drip(mut answer: Answer, pause: Duration) -> Reply {
    let bytes = std::mem::take(&mut answer.body).into_iter();
    let drops = stream::unfold(bytes, move |mut bytes| async move {
        tokio::time::sleep(pause).await;
        let byte = bytes.next()?;
        Some((Ok::<_, Cut>(Frame::data(Bytes::from(vec![byte]))), bytes))
    });
    shape(&answer, BodyExt::boxed(StreamBody::new(drops)))
}

/// Announces the whole body, sends half of it, and cuts the connection.
fn half(answer: Answer) -> Reply {
    let length = answer.body.len();
    let half = Bytes::copy_from_slice(&answer.body[..length / 2]);
    let steps = stream::unfold(Some(half), |half| async {
        if let Some(half) = half {
            return Some((Ok(Frame::data(half)), None));
        }
        // Let the first half leave before the connection is cut.
        tokio::time::sleep(Duration::from_millis(20)).await;
        Some((Err(Cut::Reset), None))
    });
    shape(&answer.with("content-length", &length.to_string()), BodyExt::boxed(StreamBody::new(steps)))
}

fn shape(answer: &Answer, body: BoxBody<Bytes, Cut>) -> Reply {
    let mut response = Response::builder().status(answer.status);
    for (name, value) in &answer.headers {
        response = response.header(name, value);
    }
    response.body(body).expect("a test asks for what HTTP can carry")
}
