//! The JSON body of `POST /oauth/callback`, from a browser with a flow that a page may finish.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use harness::world::{Answer, Call, parameter};
use proptest::collection::vec;
use proptest::prelude::{BoxedStrategy, Just, Strategy, any};
use proptest::prop_oneof;
use proptest::sample::select;
use serde_json::{Value, json};

use crate::bench::{Bench, refusal};
use crate::input::{Change, change, json as any_json, text};
use crate::property::{Cost, holds};

const CODES: [&str; 6] = [
    "invalid_request",
    "state_missing",
    "state_mismatch",
    "payload_too_large",
    "unsupported_media_type",
    "malformed_encoding",
];

/// A flow that is under way in this browser.
struct Begun {
    state: String,
    cookie: String,
}

fn begin(bench: &Bench) -> Begun {
    let answer = bench.send(&Call::get("/auth/start", "").header("accept", "application/json"));
    let state = parameter(answer.json()["authorization_url"].as_str().unwrap(), "state").unwrap();
    let cookie = answer.cookies[0].split(';').next().unwrap().to_owned();
    Begun { state, cookie }
}

fn post(bench: &Bench, begun: &Begun, body: String) -> Answer {
    let mut call = Call::post("/oauth/callback", &Value::Null).cookie(&begun.cookie);
    call.body = Some(body);
    bench.send(&call)
}

fn assert_refused(bench: &Bench, answer: &Answer) {
    let code = refusal(answer);
    assert!(CODES.contains(&code.as_str()), "{code}");
    assert!(answer.cookies.is_empty(), "{answer:?}");
    bench.assert_nothing_was_stored_or_read();
}

/// A member of the body: correct, arbitrary or missing.
fn member(good: &'static str) -> BoxedStrategy<Option<Value>> {
    prop_oneof![
        3 => Just(Some(json!(good))),
        2 => any_json().prop_map(Some),
        2 => text().prop_map(|text| Some(Value::from(text))),
        1 => Just(None),
    ]
    .boxed()
}

#[test]
fn any_json_as_a_body_is_refused_and_spends_no_flow() {
    let bench = Bench::new();
    let begun = begin(&bench);
    let name = "any_json_as_a_body_is_refused_and_spends_no_flow";
    holds(name, Cost::Little, &any_json(), |body| {
        assert_refused(&bench, &post(&bench, &begun, body.to_string()));
    });
}

#[test]
fn a_body_with_a_wrong_member_is_refused_and_spends_no_flow() {
    let bench = Bench::new();
    let begun = begin(&bench);
    let more = vec((text(), any_json()), 0..4);
    let strategy = (member("4/0A"), member("AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"), more);
    let name = "a_body_with_a_wrong_member_is_refused_and_spends_no_flow";
    holds(name, Cost::Little, &strategy, |(code, state, more)| {
        let mut body: serde_json::Map<String, Value> = more.into_iter().collect();
        for (name, value) in [("code", code), ("state", state)] {
            body.remove(name);
            body.extend(value.map(|value| (name.to_owned(), value)));
        }
        assert_refused(&bench, &post(&bench, &begun, Value::Object(body).to_string()));
    });
}

#[test]
fn a_code_that_is_none_spends_no_flow_even_with_the_right_state() {
    let bench = Bench::new();
    let begun = begin(&bench);
    let is_code =
        |text: &str| (1..=1024).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_graphic());
    let no_code = prop_oneof![text().prop_map(Value::from), any_json()]
        .prop_filter("a code", move |code| !code.as_str().is_some_and(is_code));
    let name = "a_code_that_is_none_spends_no_flow_even_with_the_right_state";
    holds(name, Cost::Little, &no_code, |code| {
        let body = json!({"code": code, "state": begun.state});
        assert_refused(&bench, &post(&bench, &begun, body.to_string()));
    });
    // The flow still works: its code reaches Google, which does not know it.
    let body = json!({"code": "4/0A", "state": begun.state});
    assert_eq!(refusal(&post(&bench, &begun, body.to_string())), "code_rejected");
}

#[test]
fn text_or_base64_as_a_body_is_refused_and_spends_no_flow() {
    let bench = Bench::new();
    let begun = begin(&bench);
    let altered = vec(change(), 1..4).prop_map(|changes: Vec<Change>| {
        let body = json!({"code": "4/0A", "state": "A".repeat(43)}).to_string();
        changes.iter().fold(body, |body, change| change.apply(&body))
    });
    let body = prop_oneof![text(), altered];
    let bytes = vec(any::<u8>(), 0..60).prop_map(|bytes| STANDARD.encode(bytes));
    let encoded = prop_oneof![text(), bytes, text().prop_map(|text| STANDARD.encode(text))];
    let media_type = prop_oneof![4 => Just("application/json".to_owned()), 1 => text()];
    let strategy = (prop_oneof![(Just(false), body), (Just(true), encoded)], media_type);
    let name = "text_or_base64_as_a_body_is_refused_and_spends_no_flow";
    holds(name, Cost::Little, &strategy, |((is_base64, body), media_type)| {
        let call = Call::post("/oauth/callback", &Value::Null)
            .cookie(&begun.cookie)
            .header("content-type", &media_type);
        let mut event = call.event();
        event["body"] = json!(body);
        event["isBase64Encoded"] = json!(is_base64);
        assert_refused(&bench, &bench.send_event(&event.to_string()));
    });
}

#[test]
fn a_post_of_any_origin_or_media_type_gets_an_answer() {
    let bench = Bench::new();
    let begun = begin(&bench);
    let names =
        vec!["origin", "referer", "content-type", "content-encoding", "x-requested-with", "sec-fetch-site"];
    let headers = vec((select(names).prop_map(str::to_owned), text()), 1..4);
    let name = "a_post_of_any_origin_or_media_type_gets_an_answer";
    holds(name, Cost::Little, &headers, |headers| {
        let call = Call::post("/oauth/callback", &json!({"code": "4/0A", "state": "A".repeat(43)}));
        let call =
            headers.iter().fold(call.cookie(&begun.cookie), |call, (name, value)| call.header(name, value));
        refusal(&bench.send(&call));
        bench.assert_nothing_was_stored_or_read();
    });
}
