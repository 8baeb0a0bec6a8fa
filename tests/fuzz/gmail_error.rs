//! Gmail's answers to a list: for any of them, the function's answer is a documented one and the
//! credential stays.
//!
//! 408, 429 and 5xx are left out, as are a failed precondition and the reasons of a 403 with the
//! same meaning: such calls are repeated after a pause.

use harness::google::{Endpoint, Failure, Times};
use harness::world::ANN;
use proptest::collection::vec;
use proptest::prelude::{BoxedStrategy, Just, Strategy, any};
use proptest::prop_oneof;
use proptest::sample::select;
use serde_json::{Value, json};

use crate::bench::Bench;
use crate::input::{change, json as any_json, text};
use crate::property::{Cost, holds};

const REASONS: [&str; 18] = [
    "authError",
    "failedPrecondition",
    "FAILED_PRECONDITION",
    "invalidArgument",
    "dailyLimitExceeded",
    "dailyLimitExceededUnreg",
    "domainPolicy",
    "domainCannotUseApis",
    "CONSUMER_INVALID",
    "CONSUMER_SUSPENDED",
    "accessNotConfigured",
    "SERVICE_DISABLED",
    "insufficientPermissions",
    "ACCESS_TOKEN_SCOPE_INSUFFICIENT",
    "notFound",
    "forbidden",
    "PERMISSION_DENIED",
    "UNAUTHENTICATED",
];
const REPEATED: [&str; 5] = [
    "rateLimitExceeded",
    "userRateLimitExceeded",
    "quotaExceeded",
    "RESOURCE_EXHAUSTED",
    "RATE_LIMIT_EXCEEDED",
];
/// Without these words a failed precondition is repeated too.
const NO_MAILBOX: &str = "Mail service not enabled";

fn status() -> BoxedStrategy<u16> {
    prop_oneof![
        3 => Just(200_u16),
        2 => Just(400),
        2 => Just(401),
        4 => Just(403),
        2 => (200..=499_u16).prop_filter("repeated after a pause", |status| ![408, 429].contains(status)),
    ]
    .boxed()
}

fn reason() -> BoxedStrategy<Value> {
    prop_oneof![4 => select(&REASONS[..]).prop_map(Value::from), 1 => text().prop_map(Value::from), 1 => any_json()].boxed()
}

fn error_body() -> BoxedStrategy<Value> {
    let list = || {
        vec(
            reason().prop_map(|reason| json!({"domain": "global", "reason": reason, "message": NO_MAILBOX})),
            0..4,
        )
    };
    let members = (list(), list(), reason(), proptest::option::of((text(), any_json())));
    members
        .prop_map(|(errors, details, status, more)| {
            let mut error =
                json!({"code": 403, "message": NO_MAILBOX, "errors": errors, "details": details, "status": status});
            if let Some((name, value)) = more {
                error[name] = value;
            }
            json!({"error": error})
        })
        .boxed()
}

fn page_body() -> BoxedStrategy<Value> {
    let id = || prop_oneof![2 => "[0-9a-f]{16}".prop_map(Value::from), 1 => text().prop_map(Value::from), 1 => any_json()];
    let message = (id(), id()).prop_map(|(id, thread)| json!({"id": id, "threadId": thread}));
    let count = prop_oneof![2 => any::<u32>().prop_map(Value::from), 1 => any_json()];
    (vec(message, 0..4), id(), count)
        .prop_map(|(messages, next, count)| {
            json!({"messages": messages, "nextPageToken": next, "resultSizeEstimate": count})
        })
        .boxed()
}

fn body() -> BoxedStrategy<String> {
    let structured = prop_oneof![3 => error_body(), 2 => page_body(), 1 => any_json()];
    let altered = (structured, prop_oneof![4 => Just(Vec::new()), 1 => vec(change(), 1..3)]).prop_map(
        |(body, changes)| changes.iter().fold(body.to_string(), |body, change| change.apply(&body)),
    );
    prop_oneof![5 => altered, 1 => text()]
        .prop_filter("repeated after a pause", |body| {
            let is_precondition = body.contains("failedPrecondition") || body.contains("FAILED_PRECONDITION");
            let is_repeated = |reason: &&str| body.contains(reason);
            !REPEATED.iter().any(is_repeated) && (!is_precondition || body.contains(NO_MAILBOX))
        })
        .boxed()
}

/// The statuses that openapi.yaml names for this route.
fn documented() -> Vec<i64> {
    let document: Value = serde_norway::from_str(include_str!("../../openapi.yaml")).unwrap();
    let responses = document["paths"]["/messages"]["get"]["responses"].as_object().unwrap();
    responses.keys().filter_map(|status| status.parse().ok()).collect()
}

#[test]
fn any_answer_of_gmails_becomes_a_documented_one_and_the_credential_stays() {
    let bench = Bench::signed_in();
    let documented = documented();
    let before = bench.world.kept(ANN);
    let retry_after = proptest::option::of(prop_oneof![
        text().prop_filter("a header's value", |text| text.bytes().all(|byte| byte.is_ascii_graphic())
            && text.len() < 1000),
        "[0-9]{1,12}"
    ]);
    let name = "any_answer_of_gmails_becomes_a_documented_one_and_the_credential_stays";
    holds(name, Cost::Sockets, &(status(), retry_after, body()), |(status, retry_after, body)| {
        let mut headers = vec![("content-type".to_owned(), "application/json; charset=UTF-8".to_owned())];
        headers.extend(retry_after.map(|value| ("retry-after".to_owned(), value)));
        let google = &bench.world.google;
        google.clear_failures();
        google.fail(Endpoint::MessagesList, Failure::Answer { status, headers, body }, Times::UntilCleared);
        let answer = bench.send(&bench.world.list());
        assert!(documented.contains(&answer.status), "{answer:?}");
        assert_eq!(answer.status == 200, answer.headers["content-type"] == "application/json");
        if answer.status == 200 {
            assert_eq!(status, 200);
            assert!(answer.json()["messages"].is_array());
        }
        assert_eq!(bench.world.kept(ANN), before);
    });
    bench.world.google.clear_failures();
    assert_eq!(bench.send(&bench.world.list()).status, 200);
}
