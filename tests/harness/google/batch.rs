//! `POST /batch/gmail/v1`: up to a hundred calls in one, each with its own status.

use std::collections::HashMap;
use std::fmt::Write as _;

use super::answer::Answer;
use super::calls::{Call, Endpoint};
use super::errors;
use super::failures::Treatment;
use super::serve;
use super::state::Shared;

const MOST_PARTS: usize = 100;
/// How many calls of one user a batch may hold before the rest is refused with 429.
///
/// Gmail runs about ten calls of one user at once, and starts the parts of a batch together. What
/// it holds back before it refuses is not published: batches of 25 pass, and of a hundred some
/// parts are refused. The fake draws the line at 25, always at the same parts, so that a test can
/// count them.
pub(super) const ALLOWANCE: usize = 25;
const BOUNDARY: &str = "batch_fakeGoogleBoundary";

/// One inner request.
struct Part {
    content_id: Option<String>,
    call: Option<Call>,
}

/// Serves the parts in their order; each is logged as a call of its own and meets its own endpoint's failures.
pub(super) fn serve(shared: &Shared, call: &Call) -> Answer {
    let content_type = call.header("content-type").unwrap_or_default();
    let Some(boundary) = boundary(content_type) else {
        return bad_request("Failed to parse batch request, error: Missing boundary in content type.");
    };
    let parts: Vec<Part> = split(&call.body, &boundary).into_iter().map(|text| parse(text, call)).collect();
    if parts.is_empty() {
        return bad_request("Failed to parse batch request, error: 0 items.");
    }
    if parts.len() > MOST_PARTS {
        let count = parts.len();
        return bad_request(&format!(
            "Inner request count exceeds the limit. Received: {count}, Limit: {MOST_PARTS}"
        ));
    }
    let allowance = shared.state().switches.batch_allowance;
    let mut begun: HashMap<String, usize> = HashMap::new();
    let mut body = String::new();
    for part in parts {
        let answer = match &part.call {
            Some(inner) => {
                // A token stands for its user: nobody mixes two tokens of one user in a batch.
                let of_user = begun.entry(inner.bearer().unwrap_or_default().to_owned()).or_default();
                *of_user += 1;
                let is_crowded = allowance.is_some_and(|allowance| *of_user > allowance);
                inner_answer(shared, inner, is_crowded)
            }
            None => errors::not_found(),
        };
        let _ = write!(body, "--{BOUNDARY}\r\nContent-Type: application/http\r\n");
        if let Some(id) = part.content_id {
            let _ = write!(body, "Content-ID: {}\r\n", response_id(&id));
        }
        let _ = write!(body, "\r\nHTTP/1.1 {}\r\n", status_line(answer.status));
        for (name, value) in &answer.headers {
            let _ = write!(body, "{name}: {value}\r\n");
        }
        let _ = write!(body, "content-length: {}\r\n\r\n", answer.body.len());
        body.push_str(&String::from_utf8_lossy(&answer.body));
        body.push_str("\r\n");
    }
    let _ = write!(body, "--{BOUNDARY}--\r\n");
    Answer::new(200, &format!("multipart/mixed; boundary={BOUNDARY}"), body)
}

/// A part has no line of its own to cut: such a failure is a 503 there.
fn inner_answer(shared: &Shared, call: &Call, is_crowded: bool) -> Answer {
    if is_crowded {
        let mut state = shared.state();
        let number = state.calls.record(call.clone());
        state.calls.answered(number, 429, None);
        return errors::concurrent();
    }
    match serve::handle(shared, call) {
        (_, Some(Treatment::Cut | Treatment::LoseAnswer | Treatment::CutBody)) => errors::unavailable(),
        (mut answer, Some(Treatment::Truncate)) => {
            answer.body.truncate(answer.body.len() / 2);
            answer
        }
        (answer, _) => answer,
    }
}

fn bad_request(message: &str) -> Answer {
    errors::api(400, "INVALID_ARGUMENT", ("global", "badRequest"), message, &[])
}

fn boundary(content_type: &str) -> Option<String> {
    let (kind, parameters) = content_type.split_once(';')?;
    if !kind.trim().eq_ignore_ascii_case("multipart/mixed") {
        return None;
    }
    let value = parameters.split(';').find_map(|parameter| parameter.trim().strip_prefix("boundary="))?;
    Some(value.trim_matches('"').to_owned()).filter(|boundary| !boundary.is_empty())
}

fn split<'a>(body: &'a str, boundary: &str) -> Vec<&'a str> {
    let delimiter = format!("--{boundary}");
    let pieces = body.split(delimiter.as_str()).skip(1);
    pieces.take_while(|piece| !piece.starts_with("--")).map(str::trim_start).collect()
}

fn parse(text: &str, outer: &Call) -> Part {
    let text = text.replace("\r\n", "\n");
    let (head, request) = text.split_once("\n\n").unwrap_or((&text, ""));
    let content_id = header(head, "content-id");
    let request = request.trim_start();
    let (head, body) = request.split_once("\n\n").unwrap_or((request, ""));
    let mut lines = head.lines();
    let mut words = lines.next().unwrap_or_default().split(' ');
    let (method, target) = (words.next().unwrap_or_default(), words.next().unwrap_or_default());
    let (path, query) = target.split_once('?').unwrap_or((target, ""));
    let own = header(head, "authorization");
    let authorization = own.or_else(|| outer.header("authorization").map(Into::into));
    // Full URLs, and anything that is not a Gmail call, are not served.
    let endpoint = Endpoint::at(path).filter(|_| path.starts_with("/gmail/v1/"));
    let call = endpoint.map(|endpoint| Call {
        endpoint,
        method: method.into(),
        path: path.into(),
        query: form_urlencoded::parse(query.as_bytes()).into_owned().collect(),
        headers: authorization.map(|value| ("authorization".into(), value)).into_iter().collect(),
        body: body.trim_end().into(),
        status: None,
        batched: true,
    });
    Part { content_id, call }
}

fn header(head: &str, name: &str) -> Option<String> {
    let pairs = head.lines().filter_map(|line| line.split_once(':'));
    pairs
        .filter(|(key, _)| key.trim().eq_ignore_ascii_case(name))
        .map(|(_, value)| value.trim().into())
        .next()
}

/// `<item1>` is answered by `<response-item1>`.
fn response_id(id: &str) -> String {
    match id.strip_prefix('<') {
        Some(rest) => format!("<response-{rest}"),
        None => format!("response-{id}"),
    }
}

fn status_line(status: u16) -> String {
    let reason = axum::http::StatusCode::from_u16(status).ok().and_then(|code| code.canonical_reason());
    format!("{status} {}", reason.unwrap_or("Unknown"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_part_inherits_the_outer_authorization_unless_it_has_its_own() {
        let outer = Call {
            endpoint: Endpoint::Batch,
            method: "POST".into(),
            path: "/batch/gmail/v1".into(),
            query: Vec::new(),
            headers: vec![("authorization".into(), "Bearer outer".into())],
            body: String::new(),
            status: None,
            batched: false,
        };
        let body = "--b\r\nContent-Type: application/http\r\nContent-ID: <a>\r\n\r\n\
                    GET /gmail/v1/users/me/messages/18c?format=metadata HTTP/1.1\r\n\r\n\r\n\
                    --b\r\nContent-Type: application/http\r\n\r\n\
                    GET /gmail/v1/users/me/messages/18d\r\nAuthorization: Bearer inner\r\n\r\n--b--\r\n";
        let parts: Vec<Part> = split(body, "b").into_iter().map(|text| parse(text, &outer)).collect();
        assert_eq!(parts.len(), 2);
        assert_eq!(parts[0].content_id.as_deref(), Some("<a>"));
        let calls: Vec<&Call> = parts.iter().filter_map(|part| part.call.as_ref()).collect();
        assert_eq!((calls[0].bearer(), calls[1].bearer()), (Some("outer"), Some("inner")));
        assert_eq!(calls[0].query_value("format"), Some("metadata"));
        assert_eq!(response_id("<a>"), "<response-a>");
    }
}
