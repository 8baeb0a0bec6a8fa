//! A failed refresh is remembered: until the next attempt is due, requests get the remembered
//! answer.

use std::time::Duration;

use futures_util::future::join_all;
use harness::Fault;
use harness::google::{Endpoint, Failure, Rotation, Times};
use harness::world::{ANN, Answer, BEN, World, until};
use postern::app::App;
use serde_json::json;

fn retry_after(answer: &Answer) -> u64 {
    answer.headers["retry-after"].parse().unwrap()
}

/// The DynamoDB calls that change something.
fn writes(world: &World) -> Vec<String> {
    let is_write = |operation: &String| !["BatchGetItem", "GetItem"].contains(&operation.as_str());
    world.dynamodb_calls().into_iter().filter(is_write).collect()
}

#[tokio::test]
async fn f89_after_a_failed_refresh_ten_requests_ask_and_write_nothing_until_the_next_attempt_is_due() {
    let rapt = Some("reauth_policy");
    for (failure, status, code, reason) in [
        (Failure::Status(500), 503, "upstream_unavailable", None),
        (Failure::NotJson, 502, "upstream_malformed", None),
        (Failure::InvalidRapt, 401, "reauthorization_required", rapt),
        (Failure::AdminPolicyEnforced, 403, "blocked_by_admin", None),
        (Failure::InvalidClient, 503, "config_error", None),
    ] {
        let world = World::expired().await;
        let before = world.kept(ANN);
        world.google.fail_refresh(failure.clone(), Times::UntilCleared);
        let first = world.messages("").await;
        assert_eq!(first.problem(), (status, code), "{failure:?}");
        assert_eq!(retry_after(&first), 1, "{failure:?}");
        world.forget_calls();
        for _ in 0..10 {
            let answer = world.messages("").await;
            assert_eq!(answer.problem(), (status, code), "{failure:?}");
            assert_eq!(answer.json()["reason"].as_str(), reason);
            assert_eq!(answer.json()["detail"], first.json()["detail"]);
            assert_eq!(retry_after(&answer), 1);
        }
        assert_eq!(world.google_calls(), [], "{failure:?}");
        assert_eq!(world.dynamodb_calls(), ["BatchGetItem"; 10], "{failure:?}");
        assert_eq!(world.kept(ANN), before);
        world.google.clear_all();
        world.advance(1);
        assert_eq!(world.messages("").await.status, 200, "the next attempt is due: {failure:?}");
        let item = world.credential(ANN);
        assert!(item.get("refresh_failure").is_none() && item.get("refresh_retry_at").is_none(), "{item}");
    }
}

#[tokio::test]
async fn f89_the_wait_grows_to_fifteen_seconds_and_to_a_minute_for_a_policy() {
    for (failure, waits) in [
        (Failure::NotJson, [1, 2, 4, 8, 15, 15, 15, 15]),
        (Failure::InvalidClient, [1, 2, 4, 8, 15, 15, 15, 15]),
        (Failure::AdminPolicyEnforced, [1, 2, 4, 8, 16, 32, 60, 60]),
        (Failure::InvalidRapt, [1, 2, 4, 8, 16, 32, 60, 60]),
    ] {
        let world = World::expired().await;
        world.google.fail_refresh(failure.clone(), Times::UntilCleared);
        for wait in waits {
            world.forget_calls();
            let answer = world.messages("").await;
            assert_eq!(retry_after(&answer), wait, "{failure:?}");
            assert_ne!(world.refreshes(), 0, "an attempt was due: {failure:?}");
            world.advance(wait - 1);
            world.forget_calls();
            assert_eq!(retry_after(&world.messages("").await), 1);
            assert_eq!(world.google_calls(), []);
            world.advance(1);
        }
    }
}

#[tokio::test]
async fn f89_googles_own_word_of_when_to_come_back_counts_within_bounds() {
    let world = World::expired().await;
    let headers = vec![("retry-after".to_owned(), "12".to_owned())];
    let busy = Failure::Answer { status: 503, headers, body: String::new() };
    world.google.fail_refresh(busy, Times::UntilCleared);
    assert_eq!(retry_after(&world.messages("").await), 12);
}

#[tokio::test]
async fn f89_ten_requests_at_once_during_an_outage_share_one_attempt() {
    let world = World::expired().await;
    world.google.fail_refresh(Failure::Status(503), Times::UntilCleared);
    let apps: Vec<App> = (0..10).map(|_| world.environment(&[])).collect();
    let call = world.list();
    for answer in join_all(apps.iter().map(|app| world.send_to(app, &call))).await {
        assert_eq!(answer.problem(), (503, "upstream_unavailable"));
        assert_eq!(retry_after(&answer), 1);
    }
    assert_eq!(world.refreshes(), 3, "one attempt and its two retries, which fit into the lease");
    let reads = world.dynamodb.calls_of("GetItem").len();
    // At most 3.5 seconds of pauses, and 14 reads if each pause between them is the shortest.
    assert!(reads <= 9 * 14, "those who wait read seldom: {reads}");
    assert_eq!(
        world.dynamodb_calls().iter().filter(|operation| *operation == "UpdateItem").count(),
        11,
        "ten wanted the lease, one gave it back"
    );
}

#[tokio::test]
async fn f89_a_refused_client_is_remembered_for_every_user_until_the_secret_changes() {
    let (world, bens) = World::with_ben().await;
    world.advance(3600);
    world.messages("").await;
    world.google.expire_all_access_tokens();
    world.replace_client_secret("GOCSPX-the-newer-planted-secret");

    assert_eq!(world.messages("").await.code(), "config_error");
    world.forget_calls();
    assert_eq!(world.send(&bens).await.problem(), (503, "config_error"), "another user");
    assert_eq!((world.google_calls(), writes(&world)), (vec![], vec![]));
    // The operator stores the new secret. The first request after the next attempt is due finds it.
    world.store_client();
    world.advance(1);
    assert_eq!(world.send(&bens).await.status, 200);
    world.lists().await;
}

#[tokio::test]
async fn f89_a_secret_that_a_sign_in_found_serves_at_once() {
    let mut world = World::expired().await;
    world.replace_client_secret("GOCSPX-the-newer-planted-secret");

    assert_eq!(world.messages("").await.code(), "config_error");
    world.store_client();
    world.advance(1);
    // The newer secret is refused twice, so the third attempt waits two seconds.
    let list = world.list();
    world.google.fail_refresh(Failure::InvalidClient, Times::UntilCleared);
    assert_eq!(world.send(&list).await.code(), "config_error");
    world.advance(1);
    assert_eq!(world.send(&list).await.code(), "config_error");
    world.google.clear_all();
    world.replace_client_secret("GOCSPX-the-newest-planted-secret");
    world.store_client();
    world.advance(1);
    assert_eq!(world.send(&list).await.code(), "config_error", "it is remembered");
    world.jar.clear();
    world.sign_in(BEN).await;
    assert_eq!(world.send(&list).await.status, 200, "another secret is in use");
}

#[tokio::test]
async fn f89_a_client_that_was_replaced_is_no_refused_client() {
    let mut world = World::signed_in().await;
    let anns = world.list();
    world.advance(3300);
    assert_eq!(world.send(&anns).await.status, 200);
    world.advance(290);
    world.change_client();
    world.google.expire_all_access_tokens();
    world.google.fail_refresh(Failure::InvalidClient, 1);
    assert_eq!(world.send(&anns).await.reason(), "client_changed");
    // Other users are not affected.
    world.jar.clear();
    world.sign_in(BEN).await;
    world.google.expire_all_access_tokens();
    world.lists().await;
}

#[tokio::test]
async fn f89_what_is_refused_of_one_grant_holds_up_no_other() {
    for error in ["unauthorized_client", "invalid_request", "invalid_scope", "unsupported_grant_type"] {
        let (world, bens) = World::with_ben().await;
        world.advance(3600);
        world.google.fail_refresh(Failure::oauth(400, error), 1);
        assert_eq!(world.messages("").await.code(), "config_error");
        world.forget_calls();
        assert_eq!(world.messages("").await.code(), "config_error");
        assert_eq!(world.google_calls(), [], "{error}");
        assert_eq!(world.send(&bens).await.status, 200, "{error}");
    }
}

#[tokio::test]
async fn f89_that_google_is_too_slow_for_a_refresh_ahead_holds_up_no_expired_request() {
    let world = World::ageing().await;
    world.google.fail_refresh(Failure::Slow(Duration::from_millis(1300)), Times::UntilCleared);
    world.lists().await;
    world.forget_calls();
    world.lists().await;
    assert_eq!(world.refreshes(), 0, "and is not tried ahead again at once");
    world.google.expire_all_access_tokens();
    world.lists().await; // This one has enough time.
    assert_eq!(world.refreshes(), 1);
}

#[tokio::test]
async fn f89_a_new_sign_in_clears_what_is_remembered() {
    let mut world = World::expired().await;
    world.google.fail_refresh(Failure::InvalidRapt, 1);
    let answer = world.messages("").await;
    assert_eq!(answer.reason(), "reauth_policy");
    world.authorize_again(&answer, ANN).await.session();
    world.google.expire_all_access_tokens();
    world.lists().await; // The refresh is not delayed.
}

#[tokio::test]
async fn f89_a_failed_refresh_ahead_costs_its_request_nothing_and_is_not_repeated_at_once() {
    let world = World::ageing().await;
    world.google.fail_refresh(Failure::InvalidRapt, Times::UntilCleared);
    world.lists().await;
    world.forget_calls();
    for _ in 0..5 {
        world.lists().await;
    }
    assert_eq!(world.google_calls(), [Endpoint::MessagesList; 5]);
    assert_eq!(world.dynamodb_calls(), ["BatchGetItem"; 5]);
}

#[tokio::test]
async fn f88_a_token_rotated_ahead_is_stored_within_the_whole_time_of_the_request() {
    let world = World::signed_in().await;
    world.google.rotate_refresh_tokens(Rotation::OldDies);
    world.advance(3400);
    world.forget_calls();
    let outage = async {
        until(|| world.refreshes() > 0).await;
        world.dynamodb.fail("UpdateItem", Fault::BROKEN, 1000);
        tokio::time::sleep(Duration::from_millis(2500)).await;
        world.dynamodb.end_faults().await;
    };
    let (answer, ()) = futures_util::future::join(world.messages(""), outage).await;
    assert_eq!(answer.status, 200);
    world.advance(3600);
    world.lists().await; // The token that replaced the old one is stored.
}

#[tokio::test]
async fn f73_what_a_clock_five_minutes_ahead_remembers_holds_nobody_up() {
    let world = World::expired().await;
    world.edit(ANN, |item| {
        item["refresh_failure"] = json!({"S": "unavailable"});
        item["refresh_failures"] = json!({"N": "9"});
        item["refresh_retry_at"] = json!({"N": (1_793_503_600_000_i64 + 315_000).to_string()});
    });
    world.lists().await;
}
