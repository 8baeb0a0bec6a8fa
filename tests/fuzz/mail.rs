//! Mail and batches: any header becomes a bounded summary, and any answer to a batch a documented
//! answer. Answers after which a call is repeated are left out (see main.rs).

use harness::google::{Endpoint, Failure, Times};
use harness::world::ANN;
use postern_rules::mail::{Resource, Summary};
use proptest::collection::vec;
use proptest::prelude::{BoxedStrategy, Just, Strategy, any};
use proptest::prop_oneof;
use proptest::sample::select;
use serde_json::{Value, json};

use crate::bench::Bench;
use crate::input::{change, json as any_json, text};
use crate::property::{Cost, holds};

/// What means something in a header.
const PIECES: [&str; 28] = [
    "Ann",
    "ann@example.com",
    "<",
    ">",
    "<ann@example.com>",
    ",",
    ";",
    ":",
    "(",
    ")",
    "\"",
    "\\",
    "@",
    " ",
    "\t",
    "\r\n ",
    "=?utf-8?q?",
    "=?utf-8?B?",
    "=?iso-2022-jp?B?",
    "=?utf-7?Q?",
    "=?x?q?",
    "?=",
    "=C3=A9",
    "w6k=",
    "\u{202e}",
    "\u{0}",
    "é",
    "undisclosed-recipients:;",
];

fn header() -> BoxedStrategy<String> {
    let pieces = vec(prop_oneof![4 => select(&PIECES[..]).prop_map(str::to_owned), 1 => text()], 0..40);
    let repeated = (pieces.clone(), 1..2000_usize)
        .prop_map(|(pieces, times)| pieces.concat().repeat(times).chars().take(200_000).collect());
    prop_oneof![6 => pieces.prop_map(|pieces| pieces.concat()), 1 => repeated].boxed()
}

fn resource() -> BoxedStrategy<Value> {
    let name = select(vec!["From", "TO", "subject", "Subject", "Date", "X"]);
    let headers = vec((name, header()), 0..6).prop_map(|headers| {
        headers.into_iter().map(|(name, value)| json!({"name": name, "value": value})).collect::<Vec<_>>()
    });
    let date = prop_oneof![any::<i64>().prop_map(|number| number.to_string()), text()];
    let labels = vec(prop_oneof![Just("UNREAD".to_owned()), text()], 0..80);
    (headers, date, labels, text())
        .prop_map(|(headers, date, labels, snippet)| {
            json!({"id": "18c", "threadId": "18b", "labelIds": labels, "snippet": snippet, "internalDate": date,
                "payload": {"headers": headers}})
        })
        .boxed()
}

/// What holds of each summary.
fn assert_bounded(summary: &Value) {
    let text = summary.to_string();
    assert!(text.len() < 40_000, "{} bytes", text.len());
    let mut texts = vec![&summary["subject"], &summary["snippet"], &summary["from"]["name"]];
    let mailboxes = summary["to"].as_array().unwrap().iter().chain([&summary["from"]]);
    for mailbox in mailboxes.filter(|mailbox| !mailbox.is_null()) {
        texts.extend([&mailbox["name"], &mailbox["email"]]);
        let email = mailbox["email"].as_str().unwrap();
        assert!(email.contains('@') && !email.contains(char::is_whitespace), "{email:?}");
    }
    for text in texts.into_iter().filter_map(Value::as_str) {
        let is_odd = |one: char| one.is_control() || ('\u{202a}'..='\u{202e}').contains(&one);
        assert!(!text.contains(is_odd) && text.trim() == text, "{text:?}");
    }
    let date = summary["date"].as_str().unwrap_or("1970-01-01T00:00:00Z");
    assert!(date.len() == 20 && date.ends_with('Z'), "{date}");
}

#[test]
fn any_mail_becomes_a_bounded_summary() {
    let name = "any_mail_becomes_a_bounded_summary";
    holds(name, Cost::Nothing, &resource(), |resource| {
        let resource: Resource = serde_json::from_value(resource).unwrap();
        assert_bounded(&serde_json::to_value(Summary::from(resource)).unwrap());
    });
}

/// A part of a batch's answer. Often it is whole.
fn part(ids: Vec<String>) -> BoxedStrategy<String> {
    let number = prop_oneof![4 => (0..4_usize).prop_map(|number| number.to_string()), 1 => text()];
    let status = prop_oneof![4 => Just("200".to_owned()), 2 => select(vec!["400", "403", "404", "410", "302"]).prop_map(str::to_owned), 1 => "[a-z0-9]{0,4}".prop_filter("repeated after a pause", |status| !status.starts_with(['4', '5']))];
    let found = (select(ids), resource()).prop_map(|(id, mut resource)| {
        resource["id"] = json!(id);
        resource.to_string()
    });
    let body = prop_oneof![4 => found, 1 => any_json().prop_map(|value| value.to_string()), 1 => text()];
    (number, status, body)
        .prop_map(|(number, status, body)| {
            format!("Content-Type: application/http\r\nContent-ID: <response-{number}>\r\n\r\nHTTP/1.1 {status} X\r\nA: b\r\n\r\n{body}\r\n")
        })
        .boxed()
}

#[test]
fn any_answer_to_a_batch_becomes_a_documented_one_and_the_credential_stays() {
    let bench = Bench::signed_in();
    let call = || bench.world.with_cookies(harness::world::Call::list("format=metadata&maxResults=4"));
    let page = bench.send(&call()).json();
    let ids: Vec<String> = page["messages"]
        .as_array()
        .unwrap()
        .iter()
        .map(|message| message["id"].as_str().unwrap().to_owned())
        .collect();
    let before = bench.world.kept(ANN);
    let whole = vec(part(ids.clone()), 0..7).prop_map(|parts| {
        parts.iter().flat_map(|part| ["--b\r\n", part]).chain(["--b--\r\n"]).collect::<String>()
    });
    let altered = (whole, prop_oneof![3 => Just(Vec::new()), 1 => vec(change(), 1..4)])
        .prop_map(|(body, changes)| changes.iter().fold(body, |body, change| change.apply(&body)));
    let body = prop_oneof![6 => altered, 1 => text()];
    let media_type = prop_oneof![6 => Just("multipart/mixed; boundary=b".to_owned()), 1 => "[ -~]{0,40}"];
    let strategy = (media_type, body).prop_filter("repeated after a pause", |(_, body)| {
        let is_passing = |rest: &str| ["408", "429", "5"].iter().any(|status| rest.starts_with(status));
        !body.split("HTTP/1.1 ").skip(1).any(is_passing)
    });
    let name = "any_answer_to_a_batch_becomes_a_documented_one_and_the_credential_stays";
    holds(name, Cost::Sockets, &strategy, |(media_type, body)| {
        let google = &bench.world.google;
        google.clear_failures();
        let headers = vec![("content-type".to_owned(), media_type)];
        google.fail(Endpoint::Batch, Failure::Answer { status: 200, headers, body }, Times::UntilCleared);
        let answer = bench.send(&call());
        if answer.status == 200 {
            let messages = answer.json()["messages"].as_array().unwrap().clone();
            assert!(messages.len() <= ids.len());
            for message in messages {
                assert!(ids.iter().any(|id| message["id"] == **id), "{message}");
                if message["error"].is_null() {
                    assert_bounded(&message);
                }
            }
        } else {
            assert!([403, 502].contains(&answer.status), "{answer:?}");
        }
        assert_eq!(bench.world.kept(ANN), before);
    });
    bench.world.google.clear_failures();
    assert_eq!(bench.send(&call()).status, 200);
}
