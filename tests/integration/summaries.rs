//! `GET /messages?format=metadata`: what a list shows of each message, through Gmail's batch
//! endpoint.

use std::time::Duration;

use harness::google::{Endpoint, Failure, Times};
use harness::world::{ANN, Answer, World};
use serde_json::{Value, json};
use tokio::time::Instant;

const METADATA: &str = "format=metadata";

/// How many messages each batch asked for.
fn batches(world: &World) -> Vec<usize> {
    let calls = world.google.calls_to(Endpoint::Batch);
    calls.iter().map(|call| call.body.matches("\r\nGET /gmail/v1/users/me/messages/").count()).collect()
}

/// The IDs of the first messages, by a list of IDs. Its calls are forgotten.
async fn ids(world: &World, count: usize) -> Vec<String> {
    let listed = world.messages(&format!("maxResults={count}")).await.json();
    world.forget_calls();
    let messages = listed["messages"].as_array().unwrap();
    messages.iter().map(|message| message["id"].as_str().unwrap().to_owned()).collect()
}

fn ids_in(answer: &Answer) -> Vec<String> {
    let document = answer.json();
    let messages = document["messages"].as_array().unwrap();
    messages.iter().map(|message| message["id"].as_str().unwrap().to_owned()).collect()
}

/// The `error` of each message that has one.
fn errors(answer: &Answer) -> Vec<String> {
    let document = answer.json();
    let messages = document["messages"].as_array().unwrap();
    messages.iter().filter_map(|message| message["error"].as_str().map(str::to_owned)).collect()
}

/// Gmail's answer for a message with these headers.
fn resource(id: &str, headers: &Value, snippet: &str) -> Failure {
    Failure::json(&json!({
        "id": id, "threadId": id, "labelIds": ["INBOX"], "snippet": snippet,
        "internalDate": "1793500000000", "payload": {"headers": headers},
    }))
}

#[tokio::test]
async fn a_page_with_metadata_is_one_list_and_one_batch() {
    let world = World::signed_in().await;
    let expected = ids(&world, 25).await;
    let answer = world.messages(METADATA).await;
    assert_eq!((answer.status, ids_in(&answer)), (200, expected));
    assert_eq!(world.google.calls_to(Endpoint::MessagesList)[0].query_value("maxResults"), Some("25"));
    assert_eq!(batches(&world), [25]);
    let part = &world.google.calls_to(Endpoint::MessagesGet)[0];
    assert_eq!(part.query_value("format"), Some("metadata"));
    assert_eq!(part.query_values("metadataHeaders"), ["From", "To", "Subject"]);
    assert_eq!(world.dynamodb_calls(), ["BatchGetItem"]);
    let page = answer.json();
    assert!(page["nextPageToken"].is_string() && page["resultSizeEstimate"].is_u64());
    for message in page["messages"].as_array().unwrap() {
        assert!(message["subject"].as_str().is_some_and(|subject| !subject.is_empty()), "{message}");
        assert!(message["from"]["email"].as_str().unwrap().contains('@'), "{message}");
        assert!(message["to"][0]["name"].is_string(), "{message}");
        let date = message["date"].as_str().unwrap();
        assert!(date.len() == 20 && date.starts_with("202") && date.ends_with('Z'), "{message}");
        let labels = message["labelIds"].as_array().unwrap();
        assert_eq!(message["unread"], labels.contains(&json!("UNREAD")), "{message}");
        assert!(
            !message.to_string().contains("=?UTF-8?") && !message.to_string().contains("&#39;"),
            "{message}"
        );
    }
    let all = world.messages("format=metadata&maxResults=100").await;
    assert!(
        all.body.contains("田中 恵子") && all.body.contains("fish & chips"),
        "names and snippets are decoded"
    );
    assert_eq!(batches(&world), [25, 25, 25, 25, 25]);
}

#[tokio::test]
async fn f50_a_page_without_messages_needs_no_batch() {
    let world = World::signed_in().await;
    let answer = world.messages("format=metadata&q=from%3Anobody%40nowhere.example").await;
    assert_eq!((answer.status, &answer.json()["messages"]), (200, &json!([])));
    assert_eq!(world.google_calls(), [Endpoint::MessagesList]);
}

#[tokio::test]
async fn f52_f99_a_message_that_is_gone_is_left_out_and_one_that_fails_says_so() {
    let world = World::signed_in().await;
    let ids = ids(&world, 5).await;
    world.google.fail_message(&ids[1], Failure::NotFound, Times::UntilCleared);
    world.google.fail_message(&ids[2], Failure::NotJson, Times::UntilCleared);
    world.google.fail_message(&ids[3], Failure::Status(500), Times::UntilCleared);
    let answer = world.messages("format=metadata&maxResults=5").await;
    assert_eq!(answer.status, 200);
    assert_eq!(ids_in(&answer), [0, 2, 3, 4].map(|at| ids[at].clone()));
    let failed: Vec<Value> = answer.json()["messages"].as_array().unwrap()[1..3].to_vec();
    assert_eq!(
        failed,
        [
            json!({"id": ids[2], "error": "upstream_malformed"}),
            json!({"id": ids[3], "error": "upstream_unavailable"})
        ]
    );
    assert_eq!(batches(&world), [5, 1, 1], "only what may pass is asked for again");
    assert_eq!(
        world
            .metrics()
            .counted()
            .into_iter()
            .filter(|line| line.starts_with("GmailErrors"))
            .collect::<Vec<_>>(),
        [
            "GmailErrors GmailReason=malformed 1",
            "GmailErrors GmailReason=not_found 1",
            "GmailErrors GmailReason=unavailable 1+1+1"
        ]
    );
}

#[tokio::test]
async fn f99_one_bad_message_alone_on_a_page_is_no_5xx() {
    for (failure, error) in [
        (Failure::Status(500), Some("upstream_unavailable")),
        (Failure::NotJson, Some("upstream_malformed")),
        (Failure::ServiceDisabled, Some("config_error")),
        (Failure::NotFound, None),
    ] {
        let world = World::signed_in().await;
        world.google.fail(Endpoint::MessagesGet, failure.clone(), Times::UntilCleared);
        let answer = world.messages("format=metadata&maxResults=1").await;
        assert_eq!(answer.status, 200, "{failure:?}: {answer:?}");
        assert_eq!(errors(&answer).first().map(String::as_str), error, "{failure:?}");
        assert!(answer.json()["nextPageToken"].is_string());
    }
}

#[tokio::test]
async fn f99_a_message_for_which_gmail_refuses_the_request_is_not_taken_for_deleted() {
    let world = World::signed_in().await;
    let ids = ids(&world, 2).await;
    let refusal = Failure::Answer {
        status: 400,
        headers: vec![("content-type".to_owned(), "application/json".to_owned())],
        body: json!({"error": {"code": 400, "message": "Invalid value", "status": "INVALID_ARGUMENT"}})
            .to_string(),
    };
    for answered in [1, 2] {
        world.google.fail(Endpoint::MessagesGet, refusal.clone(), answered);
        let answer = world.messages("format=metadata&maxResults=2").await;
        assert_eq!((answer.status, ids_in(&answer)), (200, ids.clone()));
        assert_eq!(errors(&answer), vec!["upstream_rejected"; answered]);
    }
}

#[tokio::test]
async fn f51_f99_an_id_of_another_form_fails_no_page() {
    let world = World::signed_in().await;
    let id = ids(&world, 1).await.remove(0);
    for odd in ["../drafts", "", "a b", &"a".repeat(65)] {
        world.forget_calls();
        let page = json!({"messages": [{"id": odd, "threadId": "1"}, {"id": id, "threadId": "1"}]});
        world.google.fail(Endpoint::MessagesList, Failure::json(&page), 1);
        let answer = world.messages(METADATA).await;
        assert_eq!((answer.status, ids_in(&answer)), (200, vec![odd.to_owned(), id.clone()]));
        assert_eq!(answer.json()["messages"][0], json!({"id": odd, "error": "upstream_malformed"}));
        assert_eq!((errors(&answer).len(), batches(&world)), (1, vec![1]), "it reaches nobody");
    }
}

#[tokio::test]
async fn f42_f47_f99_parts_that_are_refused_are_asked_for_again_in_tens() {
    let world = World::signed_in().await;
    let ids = ids(&world, 25).await;
    for id in &ids[10..] {
        world.google.fail_message(id, Failure::Concurrent, 1);
    }
    let answer = world.messages(METADATA).await;
    assert_eq!((answer.status, errors(&answer).len()), (200, 0));
    assert_eq!(ids_in(&answer), ids, "in the list's order");
    assert_eq!(batches(&world), [25, 10, 5]);
}

#[tokio::test]
async fn f42_f47_f48_f99_a_batch_that_is_refused_is_sent_again_in_tens() {
    for failure in
        [Failure::Concurrent, Failure::UserRateLimit, Failure::Status(503), Failure::ResetAfterReading]
    {
        let world = World::signed_in().await;
        world.google.fail(Endpoint::Batch, failure.clone(), 1);
        let answer = world.messages(METADATA).await;
        assert_eq!(
            (answer.status, errors(&answer).len(), ids_in(&answer).len()),
            (200, 0, 25),
            "{failure:?}"
        );
        assert_eq!(batches(&world), [25, 10, 10, 5], "{failure:?}");
    }
}

#[tokio::test]
async fn f80_f81_f99_what_names_the_end_of_a_limit_is_not_asked_for_again() {
    let limit = Failure::QuotaInMessage { status: 403, retry_after: 90 };
    let world = World::signed_in().await;
    let ids = ids(&world, 3).await;
    world.google.fail_message(&ids[0], limit.clone(), Times::UntilCleared);
    let answer = world.messages("format=metadata&maxResults=3").await;
    assert_eq!((answer.status, errors(&answer)), (200, vec!["rate_limited".to_owned()]));
    assert_eq!(batches(&world), [3]);
    // If no message comes at all, the caller learns how long to wait, whoever refused.
    for endpoint in [Endpoint::MessagesGet, Endpoint::Batch] {
        world.google.fail(endpoint, limit.clone(), Times::UntilCleared);
        world.forget_calls();
        let answer = world.messages("format=metadata&maxResults=3").await;
        assert_eq!(answer.problem(), (429, "rate_limited"), "{endpoint:?}");
        assert_eq!(answer.headers["retry-after"], "90");
        assert_eq!(batches(&world), [3], "{endpoint:?}");
    }
}

#[tokio::test]
async fn f36_f99_a_refused_token_is_refreshed_once_inside_a_batch_and_outside() {
    for endpoint in [Endpoint::MessagesGet, Endpoint::Batch] {
        let world = World::signed_in().await;
        let before = world.kept(ANN);
        world.google.fail(endpoint, Failure::InvalidCredentials, 1);
        let answer = world.messages("format=metadata&maxResults=30").await;
        assert_eq!(
            (answer.status, errors(&answer).len(), ids_in(&answer).len()),
            (200, 0, 30),
            "{endpoint:?}"
        );
        assert_eq!((world.refreshes(), batches(&world)), (1, vec![25, 25, 5]));
        // Refused again, also with a new token: the user is asked, and what is stored stays.
        world.forget_calls();
        world.google.fail(endpoint, Failure::InvalidCredentials, Times::UntilCleared);
        let answer = world.messages("format=metadata&maxResults=2").await;
        assert_eq!(answer.reason(), "revoked_or_expired", "{endpoint:?}");
        assert_eq!((world.refreshes(), batches(&world)), (1, vec![2, 2]));
        assert_eq!(world.kept(ANN), before);
    }
}

#[tokio::test]
async fn f41_f99_a_grant_that_covers_no_message_is_403_with_the_way_out() {
    let world = World::signed_in().await;
    world.google.fail(Endpoint::MessagesGet, Failure::InsufficientScope, Times::UntilCleared);
    let answer = world.messages("format=metadata&maxResults=2").await;
    assert_eq!(answer.problem(), (403, "insufficient_scope"));
    assert!(answer.json()["authorization_url"].is_string());
}

#[tokio::test]
async fn f51_f99_of_an_answer_that_was_cut_the_whole_messages_are_used() {
    let world = World::signed_in().await;
    world.google.fail(Endpoint::Batch, Failure::TruncatedJson, 1);
    let answer = world.messages(METADATA).await;
    let errors = errors(&answer);
    assert_eq!((answer.status, ids_in(&answer).len()), (200, 25));
    assert!(
        (10..16).contains(&errors.len()) && errors.iter().all(|error| error == "upstream_malformed"),
        "{errors:?}"
    );
    // An answer that is no batch is no message's fault.
    for (failure, problem) in [
        (Failure::NotJson, (502, "upstream_malformed")),
        (Failure::json(&json!({})), (502, "upstream_malformed")),
        (Failure::NotFound, (502, "upstream_rejected")),
        (Failure::DailyLimit, (503, "quota_exhausted")),
    ] {
        world.google.fail(Endpoint::Batch, failure.clone(), 1);
        assert_eq!(world.messages(METADATA).await.problem(), problem, "{failure:?}");
    }
}

#[tokio::test]
async fn f51_f66_a_batch_that_drips_ends_with_the_budget() {
    let world = World::signed_in().await;
    world.google.fail(Endpoint::Batch, Failure::Drip(Duration::from_millis(20)), Times::UntilCleared);
    let began = Instant::now();
    let list = world.with_cookies(harness::world::Call::list(METADATA));
    let answer = world.send_within(Duration::from_secs(2), &list).await;
    assert_eq!(answer.problem(), (503, "upstream_unavailable"));
    assert!(began.elapsed() < Duration::from_secs(3));
}

#[tokio::test]
async fn f66_f99_messages_for_which_there_was_no_time_say_so() {
    let world = World::signed_in().await;
    world.google.fail(Endpoint::Batch, Failure::Slow(Duration::from_millis(900)), Times::UntilCleared);
    let list = world.with_cookies(harness::world::Call::list("format=metadata&maxResults=100"));
    let answer = world.send_within(Duration::from_millis(1500), &list).await;
    assert_eq!((answer.status, ids_in(&answer).len()), (200, 100), "{answer:?}");
    let errors = errors(&answer);
    assert_eq!(errors.len(), 75);
    assert!(
        errors.iter().all(|error| error == "upstream_unavailable" || error == "out_of_time"),
        "{errors:?}"
    );
}

#[tokio::test]
async fn a66_a_mail_puts_no_other_answer_into_a_batch() {
    let world = World::signed_in().await;
    let ids = ids(&world, 2).await;
    // What would be a part, if a mail could write lines. And an answer for another message.
    let forged = format!(
        "\r\n--batch_fakeGoogleBoundary\r\nContent-ID: <response-1>\r\n\r\nHTTP/1.1 200 OK\r\n\r\n{{\"id\":\"{}\",\"threadId\":\"x\"}}",
        ids[1]
    );
    let headers = json!([{"name": "Subject", "value": forged}]);
    world.google.fail_message(&ids[0], resource(&ids[0], &headers, &forged), 1);
    let answer = world.messages("format=metadata&maxResults=2").await;
    assert_eq!((ids_in(&answer), errors(&answer).len()), (ids.clone(), 0));
    assert_ne!(answer.json()["messages"][1]["threadId"], "x");
    world.google.fail_message(&ids[0], resource(&ids[1], &headers, ""), 1);
    let answer = world.messages("format=metadata&maxResults=2").await;
    assert_eq!(answer.json()["messages"][0], json!({"id": ids[0], "error": "upstream_malformed"}));
}

#[tokio::test]
async fn b66_hostile_headers_are_cut_and_fail_no_page() {
    let world = World::signed_in().await;
    let id = ids(&world, 1).await.remove(0);
    let many = |count: usize, text: &str| text.repeat(count);
    for header in [
        many(100_000, "A") + " <ann@example.com>",
        many(20_000, "\"\\"),
        many(5_000, "Ann <ann@example.com>, "),
        many(20_000, "a:"),
        many(20_000, "(a <b@c> "),
        many(10_000, "=?utf-8?q?=ZZ?= "),
        many(10_000, "=?iso-2022-jp?b?//////8?= "),
        many(10_000, "\u{202e}\u{2066}\u{0}\u{7f}"),
    ] {
        let headers = json!(["From", "To", "Subject"].map(|name| json!({"name": name, "value": header})));
        world.google.fail_message(&id, resource(&id, &headers, &header), 1);
        let answer = world.messages("format=metadata&maxResults=3").await;
        assert_eq!((answer.status, errors(&answer).len()), (200, 0), "{:?}", &header[..20]);
        let message = &answer.json()["messages"][0];
        assert!(message["to"].as_array().unwrap().len() <= 20);
        assert!(message.to_string().len() < 32 * 1024, "{}", message.to_string().len());
        for unseen in ['\u{202e}', '\u{2066}', '\u{7f}'] {
            assert!(!message.to_string().contains(unseen));
        }
    }
}

#[tokio::test]
async fn b66_the_largest_page_of_hostile_mail_fits_into_lambdas_response() {
    let world = World::signed_in().await;
    let quotes = "\\\"".repeat(1000);
    let mailbox = format!("\"{}\" <{}@example.com>, ", "\\\"\\\\".repeat(100), "a".repeat(240));
    let headers = json!([
        {"name": "From", "value": mailbox}, {"name": "To", "value": mailbox.repeat(30)},
        {"name": "Subject", "value": quotes},
    ]);
    for id in ids(&world, 100).await {
        let mut hostile = resource(&id, &headers, &quotes);
        if let Failure::Answer { body, .. } = &mut hostile {
            let mut resource: Value = serde_json::from_str(body).unwrap();
            resource["labelIds"] = json!(vec!["\"".repeat(64); 60]);
            *body = resource.to_string();
        }
        world.google.fail_message(&id, hostile, 1);
    }
    let answer = world.messages("format=metadata&maxResults=100").await;
    assert_eq!((answer.status, errors(&answer).len()), (200, 0));
    // As a text in the function's response.
    let wire = json!({ "body": answer.body }).to_string().len();
    assert!((1_000_000..5_900_000).contains(&wire), "{wire}");
}

#[tokio::test]
async fn a_message_whose_header_is_too_long_for_a_batch_takes_no_other_with_it() {
    let world = World::signed_in().await;
    let ids = ids(&world, 12).await;
    let headers = json!([{"name": "To", "value": "a".repeat(9 * 1024 * 1024)}]);
    world.google.fail_message(&ids[4], resource(&ids[4], &headers, ""), Times::UntilCleared);
    let answer = world.messages("format=metadata&maxResults=12").await;
    assert_eq!((answer.status, errors(&answer)), (200, vec!["upstream_malformed".to_owned()]));
}

#[tokio::test]
async fn a62_mail_is_neither_logged_nor_stored() {
    let world = World::signed_in().await;
    let id = ids(&world, 1).await.remove(0);
    // The world's end looks for these in the log at TRACE, and in both tables.
    let canaries = [
        "canary-of-a-subject",
        "canary-of-a-snippet",
        "canary-sender@example.net",
        "canary-of-a-body-in-full",
    ];
    for canary in canaries {
        world.plant(canary);
    }
    let headers = json!([{"name": "Subject", "value": canaries[0]}, {"name": "From", "value": canaries[2]}]);
    let told = resource(&id, &headers, canaries[1]);
    world.google.fail_message(&id, told.clone(), Times::UntilCleared);
    let page = world.messages("format=metadata&maxResults=2").await;
    let whole = world.message(&id, "format=full").await;
    for answer in [&page, &world.message(&id, "").await, &whole] {
        assert!(canaries[..3].iter().all(|canary| answer.body.contains(canary)), "{answer:?}");
    }
    world.google.clear_failures();
    // The same in answers that cannot be read, and in those that are too large.
    let Failure::Answer { body, headers, .. } = told else { panic!("it is an answer") };
    for body in [
        body.replace(':', ""),
        body.replace(&id, "other"),
        body.replace("canary-of-a-snippet", &"canary-of-a-body-in-full".repeat(300_000)),
    ] {
        world.google.fail_message(&id, Failure::Answer { status: 200, headers: headers.clone(), body }, 2);
        assert_eq!(world.messages("format=metadata&maxResults=2").await.status, 200);
        assert!(world.message(&id, "format=full").await.status >= 400);
        world.google.clear_failures();
    }
    for status in [400, 403, 429, 500] {
        let failure = Failure::Answer {
            status,
            headers: headers.clone(),
            body: json!({"error": {"message": canaries[3]}}).to_string(),
        };
        world.google.fail_message(&id, failure, Times::UntilCleared);
        assert!(!world.messages("format=metadata&maxResults=2").await.body.contains(canaries[3]));
        world.google.clear_failures();
    }
}
