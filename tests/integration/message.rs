//! `GET /messages/{id}`.

use harness::google::{Endpoint, Failure, Times};
use harness::world::{ANN, Call, METADATA, ORIGIN, READONLY, World};
use serde_json::json;

/// A world where Ann is signed in, and the ID of one of her messages.
async fn with_a_message() -> (World, String) {
    let world = World::signed_in().await;
    let listed = world.messages("maxResults=1").await.json();
    world.forget_calls();
    world.metrics();
    let id = listed["messages"][0]["id"].as_str().unwrap().to_owned();
    (world, id)
}

#[tokio::test]
async fn a_message_is_summed_up_as_in_a_list() {
    let (world, id) = with_a_message().await;
    let answer = world.message(&id, "").await;
    assert_eq!((answer.status, answer.headers["content-type"].as_str()), (200, "application/json"));
    assert_eq!(world.google_calls(), [Endpoint::MessagesGet]);
    assert_eq!(world.dynamodb_calls(), ["BatchGetItem"]);
    assert_eq!(world.message(&id, "format=metadata").await.body, answer.body);
    let listed = world.messages("format=metadata&maxResults=1").await.json();
    assert_eq!(listed["messages"][0], answer.json());
}

#[tokio::test]
async fn a_whole_message_is_gmails_own() {
    let (world, id) = with_a_message().await;
    let odd = format!(
        "{{\"id\":\"{id}\", \"payload\":{{\"body\":{{\"data\":\"aGk=\"}}}}, \"new\":[1,2.50,\"\\u003c\"]}}"
    );
    let headers = vec![("content-type".to_owned(), "application/json; charset=UTF-8".to_owned())];
    let whole = world.message(&id, "format=full").await;
    assert_eq!(whole.status, 200);
    assert!(whole.json()["payload"]["body"]["data"].is_string());
    world.google.fail(Endpoint::MessagesGet, Failure::Answer { status: 200, headers, body: odd.clone() }, 1);
    assert_eq!(world.message(&id, "format=full").await.body, odd, "byte for byte");
}

#[tokio::test]
async fn f52_a_message_that_does_not_exist_is_404() {
    let (world, _) = with_a_message().await;
    for (id, query) in
        [("0000000000000000", ""), ("0000000000000000", "format=full"), ("not_gmails-form", "")]
    {
        assert_eq!(world.message(id, query).await.problem(), (404, "message_not_found"), "{id}");
    }
}

#[tokio::test]
async fn a68_b44_what_cannot_be_an_id_is_not_found_and_reaches_nobody() {
    let (world, id) = with_a_message().await;
    let long = "a".repeat(65);
    for bad in
        ["", "..", ".", "%2e", "a%2Fb", "a.b", "a/b", "é", "a b", "{id}", "*", &long, &format!("{id}/")]
    {
        assert_eq!(world.message(bad, "").await.problem(), (404, "not_found"), "{bad}");
    }
    assert_eq!(world.send(&world.with_cookies(Call::get("/messages/", ""))).await.status, 404);
    world.assert_untouched();
    let call =
        world.with_cookies(Call { method: "DELETE".to_owned(), ..Call::get(&format!("/messages/{id}"), "") });
    let answer = world.send(&call).await;
    assert_eq!((answer.problem(), answer.headers["allow"].as_str()), ((405, "method_not_allowed"), "GET"));
}

#[tokio::test]
async fn b50_b51_a_parameter_is_checked_before_the_session() {
    let (world, id) = with_a_message().await;
    let path = format!("/messages/{id}");
    for (query, code) in [
        ("format=raw", "invalid_request"),
        ("format=", "invalid_request"),
        ("format=full&format=full", "duplicate_parameter"),
        ("metadataHeaders=Bcc", "unsupported_parameter"),
        ("userId=ben", "unsupported_parameter"),
    ] {
        assert_eq!(world.send(&Call::get(&path, query)).await.problem(), (400, code), "{query}");
    }
    let answer = world.send(&Call::get(&path, "")).await;
    assert_eq!(answer.reason(), "not_signed_in");
    assert!(answer.json()["authorization_url"].is_string());
    world.assert_untouched();
}

#[tokio::test]
async fn a43_another_origin_does_not_read_a_message() {
    let (world, id) = with_a_message().await;
    let call = world.with_cookies(Call::get(&format!("/messages/{id}"), ""));
    for (name, value) in [("origin", "https://evil.example"), ("sec-fetch-site", "cross-site")] {
        assert_eq!(world.send(&call.clone().header(name, value)).await.problem(), (403, "forbidden_origin"));
    }
    world.assert_untouched();
    assert_eq!(world.send(&call.header("origin", ORIGIN)).await.status, 200);
}

#[tokio::test]
async fn f36_f37_a_refused_token_is_refreshed_once() {
    let (world, id) = with_a_message().await;
    world.google.fail(Endpoint::MessagesGet, Failure::InvalidCredentials, 1);
    assert_eq!(world.message(&id, "format=full").await.status, 200);
    assert_eq!(world.refreshes(), 1);
    world.google.revoke_grant(ANN);
    assert_eq!(world.message(&id, "").await.reason(), "revoked_or_expired");
}

#[tokio::test]
async fn f82_a_grant_with_metadata_reads_no_whole_message() {
    let (world, id) = with_a_message().await;
    for granted in [format!("email {METADATA} openid"), format!("email {METADATA} {READONLY} openid")] {
        let mut world = World::new().await;
        world.configure(&[("GMAIL_SCOPES", METADATA)]);
        world.sign_in(ANN).await;
        world.edit(ANN, |item| item["scopes"]["S"] = json!(granted));
        assert_eq!(world.message(&id, "").await.status, 200, "{granted}");
        world.forget_calls();
        let answer = world.message(&id, "format=full").await;
        assert_eq!(answer.problem(), (403, "insufficient_scope"), "{granted}");
        assert_eq!(answer.json()["missing_scopes"], json!([READONLY]));
        assert!(answer.headers["www-authenticate"].contains("insufficient_scope"));
        assert_eq!(world.google_calls(), [], "{granted}");
    }
    // The same in Gmail's words.
    world.google.fail(Endpoint::MessagesGet, Failure::MetadataScope, 1);
    assert_eq!(world.message(&id, "format=full").await.problem(), (403, "insufficient_scope"));
}

#[tokio::test]
async fn f72_a_message_that_does_not_fit_into_a_response_is_refused_in_words() {
    let (world, id) = with_a_message().await;
    let body = |data: &str| json!({"id": id, "payload": {"body": {"data": data}}});
    for (data, status) in
        [("x".repeat(5_400_000), 200), ("\"".repeat(2_000_000), 422), ("x".repeat(5_600_000), 422)]
    {
        world.google.fail(Endpoint::MessagesGet, Failure::json(&body(&data)), 1);
        let answer = world.message(&id, "format=full").await;
        assert_eq!(answer.status, status, "{} bytes", data.len());
        assert!(status == 200 || answer.code() == "message_too_large");
    }
}

#[tokio::test]
async fn f47_f48_f51_f66_failures_of_gmail_have_the_answers_of_a_list() {
    for (failure, problem) in [
        (Failure::NotJson, (502, "upstream_malformed")),
        (Failure::TruncatedJson, (502, "upstream_malformed")),
        (Failure::Status(500), (503, "upstream_unavailable")),
        (Failure::DailyLimit, (503, "quota_exhausted")),
        (Failure::DomainPolicy, (403, "domain_policy")),
        (Failure::Quota { status: 429, retry_after: Some(30) }, (429, "rate_limited")),
    ] {
        for query in ["", "format=full"] {
            let (world, id) = with_a_message().await;
            world.google.fail(Endpoint::MessagesGet, failure.clone(), Times::UntilCleared);
            assert_eq!(world.message(&id, query).await.problem(), problem, "{failure:?} {query}");
        }
    }
}

#[tokio::test]
async fn the_log_and_the_metrics_have_the_pattern_and_not_the_id() {
    let (world, id) = with_a_message().await;
    world.plant(&id);
    assert_eq!(world.message(&id, "").await.status, 200);
    world.google.fail(Endpoint::MessagesGet, Failure::NotJson, 1);
    assert_eq!(world.message(&id, "").await.status, 502);
    assert!(world.logged("\"route\":\"/messages/{id}\""));
    let metrics = world.metrics();
    assert!(
        metrics.0.iter().all(|line| line["route"] == "/messages/{id}" && !line.to_string().contains(&id))
    );
}
