//! `GET /messages` for a connected user.

use std::collections::HashSet;
use std::time::Duration;

use harness::Fault;
use harness::google::{Endpoint, Failure, Times};
use harness::world::{ANN, BEN, ORIGIN, World, invoke};
use serde_json::json;

#[tokio::test]
async fn a_page_has_ids_threads_an_estimate_and_where_to_go_on() {
    let world = World::signed_in().await;
    let answer = world.messages("").await;
    assert_eq!(answer.status, 200);
    assert_eq!(answer.headers["content-type"], "application/json");
    let first = answer.json();
    let messages = first["messages"].as_array().unwrap();
    assert_eq!(messages.len(), 100);
    assert!(messages.iter().all(|message| message["id"].is_string() && message["threadId"].is_string()));
    assert!(first["resultSizeEstimate"].as_u64().unwrap() > 0);
    let token = first["nextPageToken"].as_str().unwrap();
    let second = world.messages(&format!("pageToken={token}&maxResults=25")).await.json();
    assert_eq!(second["messages"].as_array().unwrap().len(), 25);
    assert_ne!(second["messages"][0], first["messages"][0]);
}

#[tokio::test]
async fn every_parameter_reaches_gmail_once_and_as_it_is() {
    let world = World::signed_in().await;
    let answer = world
        .messages(
            "q=is%3Aunread%26alt%3Dmedia&labelIds=INBOX&labelIds=UNREAD&maxResults=7&includeSpamTrash=true",
        )
        .await;
    assert_eq!(answer.status, 200);
    let call = &world.google.calls_to(Endpoint::MessagesList)[0];
    assert_eq!(call.path, "/gmail/v1/users/me/messages");
    assert_eq!(call.query_value("q"), Some("is:unread&alt=media"));
    assert_eq!(call.query_values("labelIds"), ["INBOX", "UNREAD"]);
    assert_eq!(call.query_value("maxResults"), Some("7"));
    assert_eq!(call.query_value("includeSpamTrash"), Some("true"));
    assert_eq!(call.query_value("alt"), None);
}

#[tokio::test]
async fn all_follows_every_page() {
    let world = World::signed_in().await;
    let whole = world.messages("all=true&includeSpamTrash=true").await.json();
    let ids: HashSet<&str> =
        whole["messages"].as_array().unwrap().iter().map(|message| message["id"].as_str().unwrap()).collect();
    let count = world.google.account(ANN).unwrap().message_count();
    assert!(count >= 1200);
    assert_eq!(ids.len(), count);
    assert!(whole.get("nextPageToken").is_none());
    assert_eq!(world.google_calls().len(), count.div_ceil(500));
    assert_eq!(world.dynamodb_calls(), ["BatchGetItem"]);
}

#[tokio::test]
async fn a_page_that_fails_after_others_came_does_not_take_those_away() {
    let world = World::signed_in().await;
    let first = world.messages("all=true&maxResults=500").await.json()["messages"].as_array().unwrap().len();
    assert!(first > 500);
    world.google.fail(Endpoint::MessagesList, Failure::DomainPolicy, 1);
    assert_eq!(world.messages("all=true").await.status, 403);
    // The first page comes slowly and the second fails: the answer is the first, with the token of
    // the second.
    let slow = Failure::Slow(Duration::from_millis(1));
    world.google.fail(Endpoint::MessagesList, slow, 1);
    world.google.fail(Endpoint::MessagesList, Failure::DomainPolicy, 1);
    let answer = world.messages("all=true&maxResults=300").await;
    let partial = answer.json();
    assert_eq!(answer.status, 200);
    let token = partial["nextPageToken"].as_str().expect("where to go on").to_owned();
    let rest = world.messages(&format!("all=true&pageToken={token}")).await.json();
    let collected =
        partial["messages"].as_array().unwrap().len() + rest["messages"].as_array().unwrap().len();
    assert_eq!(collected, first);
}

#[tokio::test]
async fn f50_an_empty_list_is_a_list() {
    let mut world = World::new().await;
    world.sign_in(BEN).await;
    let body = world.messages("q=from%3Anobody%40nowhere.example").await.json();
    assert_eq!(body["messages"], serde_json::json!([]));
    assert!(body.get("nextPageToken").is_none());
}

#[tokio::test]
async fn f40_a_page_token_that_gmail_does_not_know_is_named() {
    let world = World::signed_in().await;
    assert_eq!(world.messages("pageToken=nonsense").await.problem(), (400, "invalid_page_token"));
    let body = json!({"error": {"code": 400, "errors": [{"reason": "invalidArgument"}], "status": "INVALID_ARGUMENT"}});
    let refusal = Failure::Answer { status: 400, headers: Vec::new(), body: body.to_string() };
    world.google.fail(Endpoint::MessagesList, refusal, 1);
    assert_eq!(world.messages("q=label%3A").await.problem(), (400, "invalid_query"));
}

#[tokio::test]
async fn f39_f43_to_f45_f51_f52_what_gmail_refuses_has_its_own_answer_and_keeps_the_credential() {
    let huge =
        Failure::Answer { status: 200, headers: Vec::new(), body: format!("\"{}\"", "x".repeat(1_100_000)) };
    for (failure, status, code) in [
        (Failure::MailNotEnabled, 403, "mail_not_enabled"),
        (Failure::DomainPolicy, 403, "domain_policy"),
        (Failure::ServiceDisabled, 503, "config_error"),
        (Failure::DailyLimit, 503, "quota_exhausted"),
        (Failure::NotFound, 502, "upstream_rejected"),
        (Failure::NotJson, 502, "upstream_malformed"),
        (Failure::TruncatedJson, 502, "upstream_malformed"),
        (huge, 502, "upstream_malformed"),
    ] {
        let world = World::signed_in().await;
        let before = world.credential(ANN);
        world.google.fail(Endpoint::MessagesList, failure.clone(), Times::UntilCleared);
        let answer = world.messages("").await;
        assert_eq!(answer.problem(), (status, code), "{failure:?}");
        assert!(answer.json().get("authorization_url").is_none());
        if code == "quota_exhausted" {
            assert_eq!(answer.headers["retry-after"], "3600");
        }
        assert_eq!(world.credential(ANN), before);
        assert_eq!(world.google_calls(), [Endpoint::MessagesList], "no retry after {failure:?}");
    }
}

#[tokio::test]
async fn f41_a_grant_that_does_not_cover_the_request_is_403_with_the_way_out() {
    let world = World::signed_in().await;
    let before = world.kept(ANN);
    world.google.fail(Endpoint::MessagesList, Failure::InsufficientScope, 1);
    let answer = world.messages("").await;
    assert_eq!(answer.problem(), (403, "insufficient_scope"));
    assert_eq!(answer.headers["www-authenticate"], "Bearer realm=\"gmail\", error=\"insufficient_scope\"");
    assert!(answer.json()["authorization_url"].is_string() && answer.json()["start_url"].is_string());
    assert_eq!(answer.json()["missing_scopes"][0], "https://www.googleapis.com/auth/gmail.readonly");
    assert_eq!(world.kept(ANN), before);
}

#[tokio::test]
async fn f42_f47_a_rate_limit_is_waited_out_or_passed_on() {
    let world = World::signed_in().await;
    let body =
        json!({"error": {"code": 429, "message": "Too many concurrent requests for user"}}).to_string();
    let limit = Failure::Answer { status: 429, headers: Vec::new(), body };
    world.google.fail(Endpoint::MessagesList, limit, 1);
    world.lists().await;
    let patience = Failure::Quota { status: 403, retry_after: Some(30) };
    world.google.fail(Endpoint::MessagesList, patience, Times::UntilCleared);
    let answer = world.messages("").await;
    assert_eq!(answer.problem(), (429, "rate_limited"));
    assert_eq!(answer.headers["retry-after"], "30");
}

#[tokio::test]
async fn f48_a_passing_failure_of_gmail_is_repeated() {
    let world = World::signed_in().await;
    world.google.fail(Endpoint::MessagesList, Failure::Status(503), 1);
    world.lists().await;
    assert_eq!(world.google_calls().len(), 2);
    world.forget_calls();
    world.google.fail(Endpoint::MessagesList, Failure::Status(500), Times::UntilCleared);
    let answer = world.messages("").await;
    assert_eq!(answer.problem(), (503, "upstream_unavailable"));
    assert!(answer.headers.contains_key("retry-after"));
    assert_eq!(world.google_calls().len(), 3);
}

#[tokio::test]
async fn f53_f55_a_store_that_is_down_or_not_set_up_is_said_apart() {
    let world = World::signed_in().await;
    world.dynamodb.fail("BatchGetItem", Fault::BROKEN, 3);
    let answer = world.messages("").await;
    assert_eq!(answer.problem(), (503, "storage_unavailable"));
    assert!(answer.headers.contains_key("retry-after"));
    world.dynamodb.fail("BatchGetItem", Fault::DENIED, 1);
    let answer = world.messages("").await;
    assert_eq!(answer.problem(), (503, "config_error"));
    assert_eq!(answer.json()["variable"], "CREDENTIALS_TABLE");
}

#[tokio::test]
async fn a43_a47_a_page_of_another_origin_does_not_read_the_list() {
    let world = World::signed_in().await;
    let list = world.list();
    for call in [
        list.clone().header("origin", "https://evil.example"),
        list.clone().header("origin", "null"),
        list.clone().header("origin", "https://app.example.com/"),
        list.clone().header("origin", "https://app.example.com:443"),
        list.clone().header("sec-fetch-site", "cross-site"),
    ] {
        assert_eq!(world.send(&call).await.problem(), (403, "forbidden_origin"), "{:?}", call.headers);
    }
    let answer = world.send(&list.header("origin", ORIGIN).header("sec-fetch-site", "cross-site")).await;
    assert_eq!(answer.status, 200);
    assert_eq!(answer.headers["cross-origin-resource-policy"], "same-origin");
    assert!(answer.body.starts_with('{'));
}

#[tokio::test]
async fn a_session_in_use_is_touched_once_in_two_hours_and_ends_after_twelve_idle_ones() {
    let world = World::signed_in().await;
    world.advance(7199);
    world.lists().await;
    assert_eq!(world.sessions()[0]["last_used_at"]["N"], "1793500000");
    world.advance(1);
    world.lists().await;
    assert_eq!(world.sessions()[0]["last_used_at"]["N"], "1793507200");
    world.advance(12 * 3600);
    assert_eq!(world.messages("").await.reason(), "session_expired");
}

#[tokio::test]
async fn a78_two_users_of_one_environment_see_their_own_mailbox() {
    let mut world = World::signed_in().await;
    let ann = world.jar.clone();
    world.jar.clear();
    world.sign_in(BEN).await;
    let ben = world.messages("all=true&includeSpamTrash=true").await.json();
    world.jar = ann;
    let ann = world.messages("all=true&includeSpamTrash=true").await.json();
    let count = |account: &str| world.google.account(account).unwrap().message_count();
    assert_eq!(ben["messages"].as_array().unwrap().len(), count(BEN));
    assert_eq!(ann["messages"].as_array().unwrap().len(), count(ANN));
}

#[tokio::test]
async fn f66_the_answer_comes_within_the_budget_whatever_google_does() {
    let world = World::signed_in().await;
    let forever = Failure::Slow(Duration::from_secs(30));
    world.google.fail(Endpoint::MessagesList, forever, Times::UntilCleared);
    let call = world.list().event().to_string();
    let began = tokio::time::Instant::now();
    let answer = invoke(Ok(&world.app), &call, Duration::from_secs(2)).await;
    assert_eq!(answer.problem(), (503, "upstream_unavailable"));
    assert!(began.elapsed() < Duration::from_secs(3));
}
