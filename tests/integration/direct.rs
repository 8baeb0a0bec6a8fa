//! The direct door: what it refuses, and what it tells and logs of each end of a call.

use std::time::Duration;

use harness::world::{ANN, BUDGET, World, invoke_direct};
use postern::app::App;
use postern::clock::Deadline;
use postern::door::Invocation;
use postern::door::direct::{Call, Function, respond};
use postern_rules::error::Error;
use postern_rules::user::UserId;
use serde::Deserialize;
use serde_json::{Value, json};

const ECHO: Function = Function { name: "echo", ahead: &[] };

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Words {
    word: String,
    #[serde(default)]
    more: Vec<String>,
}

async fn echo(_: &App, words: Words, _: &Call<'_>) -> Result<Value, Error> {
    Ok(json!({"said": words.word, "more": words.more}))
}

async fn say(world: &World, payload: &str) -> Value {
    let deadline = Deadline::after(BUDGET);
    let invocation = Invocation { request_id: "request-1".to_owned(), deadline };
    let answer = respond(Ok(&world.app), ECHO, echo, payload, invocation).await;
    serde_json::from_str(answer.get()).unwrap()
}

#[tokio::test]
async fn b76_a_payload_that_is_not_the_input_is_refused_in_the_same_words_for_every_defect() {
    let world = World::new().await;
    assert_eq!(say(&world, r#" {"word": "yes"} "#).await, json!({"said": "yes", "more": []}));
    let fitting = format!(r#"{{"word":"{}"}}"#, "x".repeat(16 * 1024 - 11));
    assert_eq!(say(&world, &fitting).await["said"].as_str().map(str::len), Some(16 * 1024 - 11));
    let too_large = format!(r#"{{"word":"{}"}}"#, "x".repeat(16 * 1024 - 10));
    let nested = format!(r#"{{"word":"x","more":{}{}}}"#, "[".repeat(5000), "]".repeat(5000));
    let proxied = std::fs::read_to_string("fixtures/events/api_gateway_http_api_v2.json").unwrap();
    for payload in [
        "",
        "null",
        "true",
        "7",
        "[]",
        r#"["yes", []]"#,
        r#""{\"word\":\"yes\"}""#,
        "{}",
        r#"{"word": null}"#,
        r#"{"word": 7}"#,
        r#"{"word": {"word": "yes"}}"#,
        r#"{"word": "yes", "other": 1}"#,
        r#"{"word": "yes", "Word": "yes"}"#,
        r#"{"word": "yes", "word": "yes"}"#,
        r#"{"word": "yes", "w\u006frd": "yes"}"#,
        r#"{"word": "yes"} {"word": "yes"}"#,
        r#"{"word": "\ud800"}"#,
        &too_large,
        &nested,
        &proxied,
    ] {
        let document = say(&world, payload).await;
        let expected = json!({
            "type": "urn:postern:problem:invalid_request",
            "title": "Bad Request",
            "status": 400,
            "detail": "The payload must be one JSON object of at most 16 KiB, with only the members that this \
                       function documents, each once.",
            "instance": "request-1",
            "code": "invalid_request",
        });
        assert_eq!(document, expected, "{}", &payload[..payload.len().min(80)]);
    }
    world.assert_untouched();
    assert!(world.secrets_read().is_empty());
}

/// What a call that does this with `budget` is told.
async fn told(
    world: &World,
    budget: Duration,
    handle: impl AsyncFn(&App, Value, &Call<'_>) -> Result<Value, Error>,
) -> Value {
    let deadline = Deadline::after(budget);
    let invocation = Invocation { request_id: "request-1".to_owned(), deadline };
    let answer = respond(Ok(&world.app), ECHO, handle, "{}", invocation).await;
    serde_json::from_str(answer.get()).unwrap()
}

#[tokio::test]
async fn an_error_is_a_problem_document_with_what_http_says_in_headers() {
    let world = World::new().await;
    let user = UserId::parse("123456789").unwrap();
    let document = told(&world, BUDGET, async |_, _, _| Err(Error::not_connected(&user))).await;
    let expected = json!({
        "type": "urn:postern:problem:reauthorization_required",
        "title": "Unauthorized",
        "status": 401,
        "detail": "No mailbox is connected.",
        "instance": "request-1",
        "code": "reauthorization_required",
        "reason": "not_connected",
        "start_url": "https://api.example.com/auth/start",
    });
    assert_eq!(document, expected);
    let document = told(&world, BUDGET, async |_, _, _| Err(Error::RateLimited(7))).await;
    assert_eq!((&document["code"], &document["retry_after"]), (&json!("rate_limited"), &json!(7)));
    assert!(document["start_url"].is_null(), "no sign-in would help");
    world.assert_untouched();
}

#[tokio::test]
async fn without_a_public_url_there_is_no_start_url() {
    let world = World::new().await;
    let mut variables = world.variables.clone();
    variables.remove("PUBLIC_URL");
    let app = harness::world::environment(&variables, &world.clock).unwrap();
    let told = invoke_direct(Ok(&app), "access-token", r#"{"user_id":"1"}"#, BUDGET).await;
    assert_eq!(told.reason(), "not_connected");
    assert!(told.answer["start_url"].is_null());
}

#[tokio::test]
async fn f69_a_panic_and_a_timeout_are_answers_and_the_line_still_says_whom_they_are_about() {
    let world = World::signed_in().await;
    let ann = UserId::parse(&world.sub(ANN)).unwrap();
    postern::telemetry::log_panics();
    let panicked = told(&world, BUDGET, async |_, _, call| {
        call.about(&ann);
        call.asks("planted by a panic");
        panic!("planted-panic-secret")
    });
    let panicked = panicked.await;
    let _ = std::panic::take_hook();
    assert_eq!((&panicked["status"], &panicked["code"]), (&json!(500), &json!("internal")));
    let late = told(&world, Duration::from_millis(20), async |_, _, call| {
        call.about(&ann);
        call.asks("planted by a timeout");
        std::future::pending().await
    });
    let late = late.await;
    assert_eq!(
        (&late["status"], &late["code"], &late["retry_after"]),
        (&json!(503), &json!("out_of_time"), &json!(1))
    );
    for asked in ["planted by a panic", "planted by a timeout"] {
        let line = world.line_with("asked", asked);
        assert_eq!(line["route"], "echo");
        assert_eq!(line["user.id"].as_str().map(str::len), Some(16), "{line}");
    }
}

#[tokio::test]
async fn a_function_without_configuration_says_which_variable_is_wrong() {
    let world = World::new().await;
    let mut variables = world.variables.clone();
    variables.remove("CREDENTIALS_TABLE");
    let Err(broken) = harness::world::environment(&variables, &world.clock) else { panic!("it is taken") };
    let told = invoke_direct(Err(&broken), "access-token", r#"{"user_id":"1"}"#, BUDGET).await;
    assert_eq!(told.problem().0, 503);
    assert_eq!(told.text("variable"), "CREDENTIALS_TABLE");
    assert_eq!(world.line_of(&told)["level"], "ERROR");
}
