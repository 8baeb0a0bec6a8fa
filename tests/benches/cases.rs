//! The cases: which request a program gets, what the back ends answer meanwhile, and which status
//! its response must have.

use std::path::Path;

use serde_json::{Value, json};

use crate::answers::{TOKEN_REQUEST, USER, security_event};
use crate::measure::Bench;
use crate::process::Process;
use crate::stubs::BackEnd;
use crate::{Mode, Result, program};

/// One kind of request to one program.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Case {
    pub(crate) program: &'static str,
    pub(crate) name: &'static str,
    pub(crate) mode: Mode,
    event: Event,
    pub(crate) status: u64,
}

#[derive(Clone, Copy, Debug)]
enum Event {
    Start,
    Callback,
    Token,
    Messages,
    Summaries,
    Message,
    Connection,
    SignOut,
    Metadata,
    HandOut,
    Shown,
    Record,
    Delivery,
    Quarter,
}

/// The functions' cases.
pub(crate) const FUNCTIONS: [Case; 16] = [
    case("list-messages", "good token", Mode::Good, Event::Messages, 200),
    case("list-messages", "expired token", Mode::Expired, Event::Messages, 200),
    case("list-messages", "25 summaries", Mode::Good, Event::Summaries, 200),
    case("get-message", "one summary", Mode::Good, Event::Message, 200),
    case("auth-start", "sign-in", Mode::Good, Event::Start, 302),
    case("oauth-callback", "sign-in", Mode::Good, Event::Callback, 303),
    case("auth-token", "sign-in", Mode::Good, Event::Token, 200),
    case("connection", "shown", Mode::Good, Event::Connection, 200),
    case("sign-out", "one session", Mode::Good, Event::SignOut, 204),
    case("server-metadata", "any event", Mode::Good, Event::Metadata, 200),
    case("access-token", "good token", Mode::Good, Event::HandOut, 200),
    case("access-token", "expired token", Mode::Expired, Event::HandOut, 200),
    case("connections", "shown", Mode::Good, Event::Shown, 200),
    case("events", "one event", Mode::Good, Event::Record, 200),
    case("risc", "one event", Mode::Good, Event::Delivery, 202),
    case("sweep", "one part", Mode::Good, Event::Quarter, 200),
];
/// The names of the cases in the order of the tables.
pub(crate) const CASES: [&str; 10] = [
    "good token",
    "expired token",
    "25 summaries",
    "one summary",
    "sign-in",
    "shown",
    "one session",
    "one event",
    "one part",
    "any event",
];
/// The yardsticks' cases.
pub(crate) const YARDSTICKS: [Case; 5] = [
    case("limit", "good token", Mode::Good, Event::Messages, 200),
    case("limit", "expired token", Mode::Expired, Event::Messages, 200),
    case("ordinary", "good token", Mode::Good, Event::Messages, 200),
    case("ordinary", "expired token", Mode::Expired, Event::Messages, 200),
    case("hello", "any event", Mode::Good, Event::Messages, 200),
];

const fn case(program: &'static str, name: &'static str, mode: Mode, event: Event, status: u64) -> Case {
    Case { program, name, mode, event, status }
}

impl Bench {
    /// Makes the back ends answer as `case` needs, and returns its event.
    pub(crate) fn prepare(&self, case: &Case, folder: &Path) -> Result<String> {
        let token_endpoint = format!("{}/token", self.stubs.url(BackEnd::Token));
        let answer =
            |nonce: &str| self.stubs.answer_with(self.world.answers(case.mode, &token_endpoint, nonce));
        answer("");
        let page = [("accept", "text/html"), ("user-agent", "Mozilla/5.0")];
        let start = || {
            let query = "return_to=https%3A%2F%2Fapp.example.com%2F&login_hint=ann%40example.com";
            event("GET /auth/start", query, &page, &[], "")
        };
        let cookie = format!("__Host-session={}", self.world.session_token.expose());
        let script = |route: &str, query: &str, body: &str| {
            let headers = [
                ("accept", "application/json"),
                ("content-type", "application/json"),
                ("sec-fetch-site", "same-origin"),
                ("x-requested-with", "fetch"),
            ];
            event(route, query, &headers, &[&cookie], body)
        };
        match case.event {
            Event::Start => start(),
            Event::Messages => script("GET /messages", "maxResults=25", ""),
            Event::Summaries => script("GET /messages", "format=metadata", ""),
            Event::Message => script("GET /messages/18c2f5b7a1000000", "", ""),
            Event::Connection => script("GET /connection", "", ""),
            Event::SignOut => script("POST /auth/sign-out", "", "{}"),
            Event::Metadata => event("GET /.well-known/oauth-authorization-server", "", &page, &[], ""),
            Event::HandOut => Ok(json!({ "user_id": USER }).to_string()),
            Event::Shown => Ok(json!({ "action": "get", "user_id": USER }).to_string()),
            Event::Record => Ok(json!({ "Records": [self.world.record(case.mode)] }).to_string()),
            Event::Delivery => {
                let headers = [("accept", "application/json"), ("content-type", "application/secevent+jwt")];
                event("POST /risc", "", &headers, &[], &security_event()?)
            }
            Event::Quarter => Ok(include_str!("../fixtures/events/event_bridge_scheduled.json").to_owned()),
            Event::Token => {
                let form = ("content-type", "application/x-www-form-urlencoded");
                event("POST /auth/token", "", &[form], &[], TOKEN_REQUEST)
            }
            Event::Callback => {
                // A flow lives for ten minutes, so each turn begins its own.
                let program = program(folder, "auth-start");
                let mut process =
                    Process::start(&self.ground, &[&program.to_string_lossy()], case.mode, None)?;
                let (_, body) = process.invoke(&start()?)?;
                let reply: Value = checked(&body, 302)?;
                let location = reply["headers"]["location"].as_str().unwrap_or_default();
                let parameter = |name: &str| {
                    let pairs = location.split(['?', '&']).filter_map(|pair| pair.split_once('='));
                    pairs
                        .filter(|(found, _)| *found == name)
                        .map(|(_, value)| value)
                        .next()
                        .unwrap_or_default()
                };
                answer(parameter("nonce"));
                let cookie = reply["cookies"][0].as_str().and_then(|cookie| cookie.split(';').next());
                let query = format!(
                    "state={}&iss=https%3A%2F%2Faccounts.google.com&code=4%2F0{}&authuser=0&prompt=consent",
                    parameter("state"),
                    "AbCdEf-_".repeat(9)
                );
                event("GET /oauth/callback", &query, &page, &[cookie.unwrap_or_default()], "")
            }
        }
    }
}

/// An event of API Gateway's HTTP API. `route` is a method and a path; `headers`, `cookies` and `body`
/// are those of the request.
fn event(route: &str, query: &str, headers: &[(&str, &str)], cookies: &[&str], body: &str) -> Result<String> {
    let recorded = include_str!("../fixtures/events/api_gateway_http_api_v2.json");
    let mut event: Value = serde_json::from_str(recorded)?;
    let (method, path) = route.split_once(' ').unwrap_or_default();
    event["rawPath"] = path.into();
    event["rawQueryString"] = query.into();
    event["routeKey"] = route.into();
    event["requestContext"]["routeKey"] = route.into();
    event["requestContext"]["http"]["method"] = method.into();
    event["requestContext"]["http"]["path"] = path.into();
    event["cookies"] = cookies.into();
    if !body.is_empty() {
        event["body"] = body.into();
    }
    for (name, value) in headers {
        event["headers"][*name] = (*value).into();
    }
    let pairs = query.split('&').filter_map(|pair| pair.split_once('='));
    event["queryStringParameters"] =
        pairs.map(|(name, value)| (name.to_owned(), Value::from(value))).collect();
    Ok(event.to_string())
}

/// The response, which must have this status. A function without a route says a status only of an
/// error, or names the record that failed.
pub(crate) fn checked(body: &[u8], status: u64) -> Result<Value> {
    let reply: Value = serde_json::from_slice(body)?;
    let told = reply["statusCode"].as_u64().or(reply["status"].as_u64()).unwrap_or(200);
    if told == status && reply["batchItemFailures"].as_array().is_none_or(Vec::is_empty) {
        return Ok(reply);
    }
    Err(format!("expected the status {status}: {}", String::from_utf8_lossy(body)).into())
}
