//! One world for all cases of a property, driven from synchronous code, and the checks of every
//! answer.

use std::cell::Cell;
use std::future::Future;
use std::time::Duration;

use harness::world::{ANN, Answer, Call, World, invoke};
use postern::app::App;
use serde_json::{Value, json};
use tokio::runtime::{Builder, Runtime};

/// A world and the runtime of its back ends.
pub(crate) struct Bench {
    /// The world. It is dropped before its runtime, and its checks run then.
    pub(crate) world: World,
    runtime: Runtime,
    requests: Cell<u32>,
}

impl Bench {
    /// A new world.
    pub(crate) fn new() -> Self {
        let runtime = Builder::new_current_thread().enable_all().build().unwrap();
        let world = runtime.block_on(World::new());
        Self { world, runtime, requests: Cell::new(0) }
    }

    /// A world whose browser is signed in as Ann.
    pub(crate) fn signed_in() -> Self {
        let mut bench = Self::new();
        bench.runtime.block_on(bench.world.sign_in(ANN));
        bench.world.forget_calls();
        bench
    }

    /// Waits for a future.
    pub(crate) fn wait<F: Future>(&self, future: F) -> F::Output {
        self.runtime.block_on(future)
    }

    /// Sends a call. Each has an address of its own, so that none exceeds a rate limit.
    pub(crate) fn send(&self, call: &Call) -> Answer {
        self.send_to(&self.world.app, call)
    }

    /// Sends a call to another execution environment.
    pub(crate) fn send_to(&self, app: &App, call: &Call) -> Answer {
        let [_, a, b, c] = self.requests.replace(self.requests.get().wrapping_add(1)).to_be_bytes();
        let mut event = call.event();
        event["requestContext"]["http"]["sourceIp"] = json!(format!("10.{a}.{b}.{c}"));
        self.send_event_to(app, &event.to_string())
    }

    /// Sends an event unchanged, after a pause in which rate limits recover.
    pub(crate) fn send_event(&self, event: &str) -> Answer {
        self.world.clock.advance(Duration::from_millis(100));
        self.send_event_to(&self.world.app, event)
    }

    fn send_event_to(&self, app: &App, event: &str) -> Answer {
        let answer = self.wait(invoke(Ok(app), event, Duration::from_secs(8)));
        // The log of calls is not checked here, and it would grow.
        self.world.google.forget_calls();
        self.world.secrets.forget_calls();
        judge(&answer);
        answer
    }

    /// Asserts that DynamoDB was not called since the last time.
    pub(crate) fn assert_nothing_was_stored_or_read(&self) {
        assert_eq!(self.world.dynamodb_calls(), Vec::<String>::new());
    }
}

/// What holds for each answer, beyond what the harness asserts: no panic, and errors that say what
/// they are and no more.
fn judge(answer: &Answer) {
    assert_ne!(answer.status, 500, "{answer:?}");
    for (name, value) in [
        ("strict-transport-security", "max-age=63072000; includeSubDomains"),
        ("cross-origin-resource-policy", "same-origin"),
        ("vary", "Origin"),
    ] {
        assert_eq!(answer.headers[name], value);
    }
    for cookie in &answer.cookies {
        assert!(is_ours(cookie), "{cookie:?}");
    }
    if answer.status < 400 {
        return;
    }
    assert!(!answer.body.contains("<script"), "{answer:?}");
    if answer.headers["content-type"] == "application/problem+json" {
        let problem = answer.json();
        assert_eq!(problem["status"], answer.status);
        for member in ["type", "title", "detail", "instance", "code"] {
            assert!(problem[member].as_str().is_some_and(|text| !text.is_empty()), "{member}: {answer:?}");
        }
        assert_ne!(problem["code"], "internal");
    } else {
        assert_eq!(answer.headers["content-type"], "text/html; charset=utf-8");
    }
}

/// Whether a `Set-Cookie` value has the one form that this API writes.
fn is_ours(cookie: &str) -> bool {
    let Some((pair, attributes)) = cookie.split_once("; ") else { return false };
    let Some((name, value)) = pair.split_once('=') else { return false };
    let lifetime = attributes
        .strip_prefix("Max-Age=")
        .and_then(|rest| rest.strip_suffix("; Path=/; Secure; HttpOnly; SameSite=Lax"));
    let is_whole = |text: &str| text.bytes().all(|byte| byte.is_ascii_graphic() && byte != b';');
    (name == "__Host-session" || name.starts_with("__Host-flow-"))
        && is_whole(name)
        && is_whole(value)
        && lifetime.is_some_and(|seconds| seconds.bytes().all(|byte| byte.is_ascii_digit()))
}

/// Asserts that a refused request was refused as the caller's fault. Returns the code, or none for
/// a page.
pub(crate) fn refusal(answer: &Answer) -> String {
    assert!((400..500).contains(&answer.status), "{answer:?}");
    let is_document = answer.headers["content-type"] == "application/problem+json";
    if is_document { answer.code().to_owned() } else { String::new() }
}

/// The value of a member, as text.
pub(crate) fn text_of<'a>(value: &'a Value, name: &str) -> Option<&'a str> {
    value.get(name).and_then(Value::as_str)
}
