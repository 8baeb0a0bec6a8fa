//! `POST /batch/gmail/v1`: up to a hundred calls in one, each with its own status.

use std::fmt::Write as _;

use super::answer::Answer;
use super::calls::{Call, Endpoint};
use super::failures::Failure;
use super::state::Shared;
use super::{errors, serve};

const MOST_PARTS: usize = 100;
/// Gmail runs about ten calls of one user at once and starts the parts of a batch together. How
/// many it queues before it refuses is not published: batches of 25 pass, and some parts of a batch
/// of 100 are refused. The fake accepts the first 25, so that a test can count them.
const ALLOWANCE: usize = 25;
const BOUNDARY: &str = "batch_fakeGoogleBoundary";

/// Serves the parts in order. Each is recorded as a call of its own and gets the failures of its
/// endpoint.
pub(super) fn serve(shared: &Shared, call: &Call) -> Answer {
    let boundary =
        call.header("content-type").and_then(|kind| kind.split_once("boundary=")).map(|(_, rest)| rest);
    let Some(boundary) = boundary.map(|boundary| boundary.trim_matches('"')) else {
        return bad_request("Failed to parse batch request, error: Missing boundary in content type.");
    };
    let body = call.body.replace("\r\n", "\n");
    let delimiter = format!("--{boundary}");
    let parts: Vec<&str> =
        body.split(delimiter.as_str()).skip(1).take_while(|part| !part.starts_with("--")).collect();
    match parts.len() {
        0 => return bad_request("Failed to parse batch request, error: 0 items."),
        count if count > MOST_PARTS => {
            let message = "Inner request count exceeds the limit.";
            return bad_request(&format!("{message} Received: {count}, Limit: {MOST_PARTS}"));
        }
        _ => {}
    }
    let mut body = String::new();
    for (index, part) in parts.into_iter().enumerate() {
        let (id, answer) = inner(shared, call, part.trim_start(), index >= ALLOWANCE);
        let reason = hyper::StatusCode::from_u16(answer.status).ok().and_then(|code| code.canonical_reason());
        let _ = write!(body, "--{BOUNDARY}\r\nContent-Type: application/http\r\n");
        if let Some(id) = id {
            let _ = write!(body, "Content-ID: <response-{}\r\n", id.trim_start_matches('<'));
        }
        let _ = write!(body, "\r\nHTTP/1.1 {} {}\r\n", answer.status, reason.unwrap_or("Unknown"));
        for (name, value) in &answer.headers {
            let _ = write!(body, "{name}: {value}\r\n");
        }
        let text = String::from_utf8_lossy(&answer.body);
        let _ = write!(body, "content-length: {}\r\n\r\n{text}\r\n", text.len());
    }
    let _ = write!(body, "--{BOUNDARY}--\r\n");
    Answer::new(200, &format!("multipart/mixed; boundary={BOUNDARY}"), body)
}

/// The `Content-ID` of a part, and the answer to its request.
fn inner(shared: &Shared, outer: &Call, part: &str, is_crowded: bool) -> (Option<String>, Answer) {
    let (head, request) = part.split_once("\n\n").unwrap_or((part, ""));
    let (line, headers) = request.trim_start().split_once('\n').unwrap_or((request.trim(), ""));
    let mut words = line.split(' ');
    let (method, target) = (words.next().unwrap_or_default(), words.next().unwrap_or_default());
    let id = header(head, "content-id");
    // Full URLs, and anything that is not a Gmail call, are not served.
    let Some(mut call) = Call::to(method, target).filter(|_| target.starts_with("/gmail/v1/")) else {
        return (id, errors::not_found());
    };
    let authorization =
        header(headers, "authorization").or_else(|| outer.header("authorization").map(Into::into));
    call.headers.extend(authorization.map(|value| ("authorization".into(), value)));
    if is_crowded {
        shared.state().journal.record(Call { status: Some(429), ..call });
        return (id, Failure::Concurrent.answer(Endpoint::MessagesGet, shared.now()));
    }
    let (answer, failure) = serve::handle(shared, &call);
    // A part has no connection of its own to cut.
    let is_cut = matches!(failure, Some(Failure::ResetAfterReading | Failure::LoseAnswer | Failure::CutBody));
    (id, if is_cut { errors::server_error(503, call.endpoint) } else { answer })
}

fn bad_request(message: &str) -> Answer {
    errors::api(400, "INVALID_ARGUMENT", ("global", "badRequest"), message)
}

fn header(head: &str, name: &str) -> Option<String> {
    let mut pairs = head.lines().filter_map(|line| line.split_once(':'));
    pairs.find(|(key, _)| key.trim().eq_ignore_ascii_case(name)).map(|(_, value)| value.trim().to_owned())
}
