//! CloudWatch's answers, and what doctor makes of them.

use axum::body::Body;
use axum::http::Response;
use postern_rules::error::Error;
use serde_json::{Value, json};

use crate::doctor::functions::LIST_MESSAGES;
use crate::doctor::tests::cloud::{deployed, function, serve};
use crate::doctor::{Finding, gmail, log};

/// Doctor's lines when CloudWatch answers `answer`, which is given the token of the page.
async fn lines(answer: impl Fn(Option<&str>) -> (u16, Value) + Clone + Send + Sync + 'static) -> Vec<String> {
    let url = serve(move |_, body| {
        let request: Value = serde_json::from_str(body).unwrap();
        assert_eq!(request["logGroupName"], "/postern/postern/list-messages");
        let (status, answer) = answer(request["nextToken"].as_str());
        Response::builder().status(status).body(Body::from(answer.to_string())).unwrap()
    })
    .await;
    let functions = [function(LIST_MESSAGES)];
    log::examine(&deployed(&url, &[]), &functions).await.iter().map(ToString::to_string).collect()
}

fn event(line: &Value) -> Value {
    event_at(1_793_500_000_000, line)
}

fn event_at(millis: i64, line: &Value) -> Value {
    json!({ "timestamp": millis, "message": line.to_string() })
}

/// What follows a count.
fn last(moment: &str, heading: &str) -> String {
    format!(
        "the last at {moment}: see docs/deploy.md#{heading}, unless it was mended since: an error stays listed for an hour"
    )
}

#[tokio::test]
async fn a_log_that_was_read_to_its_end_has_no_error() {
    let read = lines(|page| match page {
        None => (200, json!({ "events": [], "nextToken": "more" })),
        Some(_) => (200, json!({ "events": [] })),
    });
    assert_eq!(read.await, ["good   the log of list-messages: no error in the last hour"]);
}

#[tokio::test]
async fn a_log_group_that_is_not_there_is_wrong() {
    let absent = lines(|_| (400, json!({ "__type": "ResourceNotFoundException" })));
    assert_eq!(
        absent.await,
        [
            "wrong  the log group /postern/postern/list-messages of list-messages is not there, so its log and metrics are \
          lost: deploy the template again"
        ]
    );
}

#[tokio::test]
async fn a_log_that_is_too_long_to_read_is_not_good() {
    let endless = lines(|_| (200, json!({ "events": [], "nextToken": "more" }))).await;
    assert!(
        matches!(endless.as_slice(), [line] if line.starts_with(
            "?      the log of list-messages: its last hour is longer than what is read of it, and that part has no \
             error; `aws logs tail /postern/postern/list-messages --since 1h --filter-pattern '{ "
        )),
        "{endless:?}"
    );
    let line = json!({ "level": "ERROR", "code": "credential_unreadable" });
    let endless = lines(move |page| match page {
        None => (200, json!({ "events": [event(&line)], "nextToken": "more" })),
        Some(_) => (200, json!({ "events": [], "nextToken": "more" })),
    });
    assert_eq!(
        endless.await,
        [
            "wrong  list-messages logged at least once credential_unreadable in the last hour, the last that was read at \
          2026-11-01T02:26:40Z: see docs/deploy.md#seal-failures, unless it was mended since: an error stays listed for \
          an hour"
        ]
    );
}

#[tokio::test]
async fn errors_are_counted_by_their_code_and_foreign_words_are_not_repeated() {
    let events = [
        event_at(
            1_793_500_060_000,
            &json!({ "level": "ERROR", "code": "credential_unreadable", "detail": "The stored record cannot be read by this version." }),
        ),
        // Of several streams the later may come first.
        event(&json!({ "level": "ERROR", "code": "credential_unreadable" })),
        event(&json!({ "level": "ERROR", "code": "planted <b>" })),
        event(&json!({ "level": "ERROR", "event": "planted <b>" })),
        event(&json!({ "level": "WARN", "code": "storage_unavailable" })),
        json!({ "timestamp": 1, "message": "START RequestId: 1" }),
    ];
    assert_eq!(
        lines(move |_| (200, json!({ "events": events }))).await,
        [
            format!(
                "wrong  list-messages logged 2 times an error without a code in the last hour, {}",
                last("2026-11-01T02:26:40Z", "operator-errors")
            ),
            format!(
                "wrong  list-messages logged 2 times credential_unreadable in the last hour, {}",
                last("2026-11-01T02:27:40Z", "seal-failures")
            ),
        ]
    );
}

#[tokio::test]
async fn each_error_leads_to_the_heading_of_the_runbook_that_fits() {
    for (line, told, heading) in [
        (json!({ "code": "config_error" }), "config_error", "operator-errors"),
        (json!({ "code": "quota_exhausted" }), "quota_exhausted", "operator-errors"),
        (json!({ "code": "internal" }), "internal", "operator-errors"),
        (json!({ "event": "panic" }), "a panic", "operator-errors"),
        (json!({ "code": "credential_unreadable" }), "credential_unreadable", "seal-failures"),
        (json!({ "code": "reauthorization_required" }), "reauthorization_required", "seal-failures"),
        (json!({ "event": "seal_integrity" }), "seal_integrity", "seal-failures"),
        (json!({ "event": "seal_key_gone" }), "seal_key_gone", "seal-failures"),
        (json!({ "event": "rotated_token_lost" }), "rotated_token_lost", "tokens-not-stored"),
    ] {
        let mut line = line;
        line["level"] = json!("ERROR");
        let events = [event(&line)];
        assert_eq!(
            lines(move |_| (200, json!({ "events": events }))).await,
            [format!(
                "wrong  list-messages logged once {told} in the last hour, {}",
                last("2026-11-01T02:26:40Z", heading)
            )]
        );
    }
}

#[tokio::test]
async fn a_disabled_gmail_api_has_its_own_check_and_its_moment() {
    let facts = Error::GmailNotEnabled.facts();
    let message = event(&json!({ "level": "ERROR", "code": facts.code, "detail": facts.detail }));
    let answer = json!({ "events": [message] });
    let url = serve(move |_, _| Response::new(Body::from(answer.to_string()))).await;
    let (target, functions) = (deployed(&url, &[]), [function(LIST_MESSAGES)]);
    assert_eq!(
        log::examine(&target, &functions).await,
        [Finding::good("the log of list-messages: no error in the last hour")]
    );
    let found = gmail::examine(&target, None, &functions).await;
    assert!(
        found[0].to_string().starts_with(
            "wrong  the Gmail API is not enabled in the Google Cloud project (list-messages met it at \
             2026-11-01T02:26:40Z): enable it at "
        ),
        "{found:?}"
    );
}

#[tokio::test]
async fn what_lambda_ended_is_found_beside_what_the_function_logged() {
    let platform = |kind: &str, status: &str| {
        event(
            &json!({ "time": "2026-11-01T02:26:40Z", "type": kind, "record": { "requestId": "1", "status": status } }),
        )
    };
    let events = [
        platform("platform.report", "timeout"),
        platform("platform.report", "timeout"),
        platform("platform.report", "error"),
        platform("platform.initReport", "timeout"),
        platform("platform.initReport", "failure"),
        platform("platform.report", "success"),
        // Lambda writes it beside the report of the same invocation.
        platform("platform.runtimeDone", "timeout"),
        // Whatever other fields hold, an error is one.
        event(&json!({ "level": "ERROR", "code": 7, "record": "text", "type": [] })),
    ];
    let read = lines(move |_| (200, json!({ "events": events })));
    let logged = |what: &str, heading: &str| {
        format!(
            "wrong  list-messages logged {what} in the last hour, {}",
            last("2026-11-01T02:26:40Z", heading)
        )
    };
    assert_eq!(
        read.await,
        [
            logged("once a start that failed", "errors"),
            logged("once a start that timed out", "errors"),
            logged("once an error without a code", "operator-errors"),
            logged("once an invocation that failed", "errors"),
            logged("2 times an invocation that timed out", "errors"),
        ]
    );
}

#[tokio::test]
async fn a_log_without_errors_by_its_level_is_not_good() {
    let url = serve(|_, _| Response::new(Body::from(json!({ "events": [] }).to_string()))).await;
    let mut quiet = function(LIST_MESSAGES);
    if let Ok(facts) = &mut quiet.facts {
        facts.hides_errors = true;
    }
    let found = log::examine(&deployed(&url, &[]), &[quiet]).await;
    assert_eq!(
        found.iter().map(ToString::to_string).collect::<Vec<_>>(),
        [
            "?      the log of list-messages: with LogLevel FATAL no error is logged; deploy with ERROR or less"
        ]
    );
}
