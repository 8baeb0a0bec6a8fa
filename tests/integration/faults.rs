//! Faults that no other file's subject covers: of Google, of AWS, of time.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use harness::Fault;
use harness::google::{Decision, Endpoint, Failure, Rotation, Times};
use harness::world::{
    ANN, BEN, BUDGET, Call, GOOGLE_CLIENT, KEYRING, METADATA, READONLY, World, is_sealed_with, parameter,
    until,
};
use serde_json::{Value, json};

/// A token endpoint without TLS, so that no connection can be made. Counts the attempts.
async fn nobody_answers(world: &World) -> Arc<AtomicUsize> {
    let listener = tokio::net::TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
    let secret = world.google.client_secrets(&["https://api.example.com/oauth/callback"]);
    let mut secret: Value = serde_json::from_str(&secret).unwrap();
    secret["web"]["token_uri"] = json!(format!("https://{}/token", listener.local_addr().unwrap()));
    world.secrets.put(GOOGLE_CLIENT, &secret.to_string());
    let tries = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&tries);
    #[expect(clippy::disallowed_methods, reason = "the listener runs beside the test")]
    tokio::spawn(async move {
        while listener.accept().await.is_ok() {
            counted.fetch_add(1, Ordering::SeqCst);
        }
    });
    tries
}

#[tokio::test]
async fn f01_a_code_that_never_left_is_sent_once_more_and_then_said_to_be_worth_another_sign_in() {
    let mut world = World::signed_in().await;
    let before = world.kept(ANN);
    let tries = nobody_answers(&world).await;
    world.cold_start();
    assert_eq!(world.attempt(ANN).await.auth_error(), "upstream_unavailable");
    assert_eq!(tries.load(Ordering::SeqCst), 2);
    assert_eq!(world.kept(ANN), before);
}

#[tokio::test]
async fn f06_a_code_that_google_says_it_did_not_process_is_sent_once_more() {
    for status in [429, 503] {
        let mut world = World::new().await;
        world.google.fail_exchange(Failure::Status(status), 1);
        world.sign_in(ANN).await;
        assert_eq!(world.exchanges(), 2);
        world.jar.clear();
        world.google.fail_exchange(Failure::Status(status), 2);
        assert_eq!(world.attempt(ANN).await.auth_error(), "upstream_unavailable");
        assert_eq!(world.exchanges(), 4);
    }
}

#[tokio::test]
async fn f10_b66_a_grant_with_fewer_or_with_absurdly_many_scopes_is_not_stored() {
    let many: Vec<String> = (0..10_000).map(|number| format!("s{number}")).collect();
    let body = json!({"access_token": "ya29.planted", "token_type": "Bearer", "expires_in": 3599, "scope": many.join(" "),
        "refresh_token": "1//planted"});
    let mut world = World::new().await;
    let answer = Failure::json(&body);
    world.google.fail_exchange(answer, 1);
    assert_eq!(world.attempt(ANN).await.auth_error(), "upstream_malformed");
    let url = world.start("").await;
    let query = world.consent(&url, Decision::allow_without(BEN, &[READONLY])).await;
    assert_eq!(world.callback(&query).await.auth_error(), "consent_incomplete");
    assert_eq!((world.credential(ANN), world.credential(BEN)), (Value::Null, Value::Null));
}

#[tokio::test]
async fn f11_f13_an_answer_or_a_token_beyond_all_measure_is_not_believed() {
    let tokens = |refresh_token: String, padding: String| {
        let body = json!({"access_token": "ya29.planted-access-token", "token_type": "Bearer", "expires_in": 3599,
            "refresh_token": refresh_token, "padding": padding});
        Failure::json(&body)
    };
    for failure in [tokens("1//x".repeat(600), String::new()), tokens(String::new(), "x".repeat(70_000))] {
        let mut world = World::expired().await;
        let before = world.kept(ANN);
        world.google.fail_refresh(failure.clone(), 1);
        assert_eq!(world.messages("").await.problem(), (502, "upstream_malformed"));
        assert_eq!(world.kept(ANN), before);
        world.google.fail_exchange(failure, 1);
        assert_eq!(world.attempt(ANN).await.auth_error(), "upstream_malformed");
        assert_eq!(world.kept(ANN), before);
    }
}

#[tokio::test]
async fn f62_a_token_of_the_keyring_before_this_one_still_opens() {
    let mut world = World::signed_in().await;
    let other = r#"{"primary":"k2","k2":"another-planted-key-0123456789abcdefghijklm"}"#;
    world.secrets.put(KEYRING, other);
    world.advance(3600);
    world.jar.clear();
    world.sign_in(ANN).await;
    let item = world.credential(ANN);
    assert!(
        is_sealed_with(&item["refresh_token"], "k2"),
        "a sign-in that brings no other seals it with today's key"
    );
    world.advance(3600);
    world.lists().await;
}

#[tokio::test]
async fn f12_a_grant_of_limited_time_ends_without_asking_google() {
    let mut world = World::new().await;
    world.google.refresh_tokens_live_for(Some(Duration::from_hours(7 * 24)));
    world.sign_in(ANN).await;
    assert_eq!(
        world.credential(ANN)["refresh_token_expires_at"]["N"],
        (1_793_500_000_i64 + 604_800).to_string()
    );
    world.edit(ANN, |item| {
        item["refresh_token_expires_at"] = json!({"N": "1793500010"});
    });
    world.advance(10);
    world.forget_calls();
    assert_eq!(world.messages("").await.reason(), "revoked_or_expired");
    assert_eq!(world.google_calls(), []);
}

#[tokio::test]
async fn f52_a_mailbox_that_gmail_does_not_find_is_not_a_dead_grant() {
    let world = World::signed_in().await;
    let before = world.credential(ANN);
    for status in [404, 410] {
        world.google.fail(Endpoint::MessagesList, Failure::Status(status), 1);
        assert_eq!(world.messages("").await.problem(), (502, "upstream_rejected"));
    }
    assert_eq!(world.credential(ANN), before);
}

#[tokio::test]
async fn f54_f57_reads_are_consistent_and_no_write_is_a_transaction() {
    let mut world = World::new().await;
    world.sign_in(ANN).await;
    world.advance(3600);
    world.messages("").await;
    world.google.fail_refresh(Failure::InvalidGrant, 1);
    world.advance(3600);
    world.messages("").await;
    let calls = world.dynamodb.calls();
    assert!(calls.len() > 8);
    for call in calls {
        match call.operation.as_str() {
            "GetItem" => assert_eq!(call.body["ConsistentRead"], true),
            "BatchGetItem" => {
                let tables = call.body["RequestItems"].as_object().unwrap().values();
                assert!(tables.into_iter().all(|table| table["ConsistentRead"] == true));
            }
            "UpdateItem" => assert!(call.body["ConditionExpression"].is_string()),
            "PutItem" | "DeleteItem" => {}
            other => panic!("{other} is not one of the operations"),
        }
    }
}

#[tokio::test]
async fn f65_a_key_service_that_refuses_is_met_with_the_last_good_secret_and_else_with_503() {
    let mut world = World::signed_in().await;
    let disabled = Fault::Refusal { status: 400, exception: "DecryptionFailure" };
    world.advance(600);
    world.secrets.fail("BatchGetSecretValue", disabled.clone(), 2);
    world.lists().await;
    world.cold_start();
    world.secrets.end_faults().await;
    world.secrets.fail("BatchGetSecretValue", disabled, 2);
    assert_eq!(world.messages("").await.problem(), (503, "secrets_unavailable"));
    assert_eq!(world.messages("").await.status, 503);
    world.lists().await; // And the next one asks again.
}

#[tokio::test]
async fn f68_a_process_that_was_frozen_reads_the_clock_again() {
    let world = World::signed_in().await;
    world.lists().await;
    world.forget_calls();
    world.advance(3 * 3600);
    world.lists().await;
    assert_eq!(world.refreshes(), 1);
    assert_eq!(world.secrets_read(), [KEYRING, GOOGLE_CLIENT], "what is remembered has aged too");
}

#[tokio::test]
async fn f69_a_panic_is_a_problem_document_that_says_nothing() {
    let world = World::new().await;
    let event = Call::list("").event().to_string();
    let deadline = postern::clock::Deadline::after(BUDGET);
    let invocation = postern::door::Invocation { request_id: "request-1".to_owned(), deadline };
    let app: Result<_, &postern::app::NotConfigured> = Ok(&world.app);
    postern::telemetry::log_panics();
    let answer = postern::door::respond(
        app,
        list_messages::ROUTE,
        async |_, _| panic!("a panic that holds planted-panic-secret"),
        &event,
        invocation,
    )
    .await;
    let _ = std::panic::take_hook();
    assert!(world.logged("\"event\":\"panic\""), "where it happened is in the log");
    assert!(!world.logged("planted-panic-secret"), "what it said is not");
    let wire = serde_json::to_string(&answer).unwrap();
    assert!(include_str!("../../Cargo.toml").contains("panic = \"unwind\""));
    assert_eq!(answer.status_code, 500);
    assert!(wire.contains("\\\"code\\\":\\\"internal\\\"") && !wire.contains("planted"));
}

#[tokio::test]
async fn f72_a_list_ends_at_five_thousand_messages_and_says_where_to_go_on() {
    let world = World::signed_in().await;
    let page: Vec<Value> =
        (0..500).map(|number| json!({"id": format!("{number:016x}"), "threadId": "1"})).collect();
    for number in 1..=12 {
        let next = format!("more-{number}");
        let body = json!({"messages": page, "nextPageToken": next, "resultSizeEstimate": 90_000});
        let answer = Failure::json(&body);
        world.google.fail(Endpoint::MessagesList, answer, 1);
    }
    let answer = world.messages("all=true").await;
    assert_eq!(answer.json()["messages"].as_array().unwrap().len(), 5000);
    assert_eq!(answer.json()["nextPageToken"], "more-10");
    assert!(answer.body.len() < 6 * 1024 * 1024);
}

#[tokio::test]
async fn f62_a_token_is_sealed_with_todays_key_at_the_next_refresh() {
    let mut world = World::signed_in().await;
    let name = world.credential(ANN)["refresh_token_id"].clone();
    world.rotate_keyring();
    world.advance(3600);
    world.lists().await;
    let item = world.credential(ANN);
    assert!(is_sealed_with(&item["refresh_token"], "k2"));
    assert!(is_sealed_with(&item["access_token"], "k2"));
    assert_eq!(item["refresh_token_id"], name, "it is the same token");
    world.replace_keyring("k2");
    world.advance(3600);
    world.jar.clear();
    world.sign_in(ANN).await;
    world.lists().await;
}

#[tokio::test]
async fn a_page_that_leads_to_itself_is_not_followed_for_ever() {
    let world = World::signed_in().await;
    let body = json!({"nextPageToken": "x", "resultSizeEstimate": 1});
    world.google.fail(Endpoint::MessagesList, Failure::json(&body), Times::UntilCleared);
    let answer = world.messages("all=true").await;
    assert_eq!((answer.status, answer.json()["nextPageToken"].as_str()), (200, Some("x")));
    assert_eq!(world.google_calls().len(), 2);
}

#[tokio::test]
async fn f31_a_rotated_refresh_token_survives_the_death_of_the_one_that_it_replaces() {
    let world = World::signed_in().await;
    world.google.rotate_refresh_tokens(Rotation::OldDies);
    world.advance(3600);
    world.forget_calls();
    let (slow, quick) = (world.environment(&[]), world.environment(&[]));
    let call = world.list();
    // The first is answered late. Its lease has run out by then, and another request was told that
    // the old token is dead.
    world.google.fail_refresh(Failure::Slow(Duration::from_millis(900)), 1);
    let second = async {
        until(|| world.refreshes() == 1).await;
        world.advance(6);
        world.send_to(&quick, &call).await
    };
    let (first, second) = futures_util::future::join(world.send_to(&slow, &call), second).await;
    assert_eq!((first.status, second.status), (200, 401), "{second:?}");
    assert_eq!(world.credential(ANN)["status"]["S"], "active");
    world.advance(3600);
    world.lists().await; // The new token works.
}

#[tokio::test]
async fn f66_without_the_time_to_keep_its_result_a_code_is_not_redeemed() {
    let mut world = World::new().await;
    let query = world.consented(ANN).await;
    let call = world.callback_of(&query);
    assert_eq!(
        world.send_within(Duration::from_secs(1), &call).await.problem(),
        (503, "upstream_unavailable")
    );
    assert_eq!(world.exchanges(), 0);
    assert_eq!(
        world.dynamodb_calls(),
        Vec::<String>::new(),
        "the state is not spent: the same callback may come again"
    );
    // The time passes while the state is spent: the code is not redeemed, and a reload may do it.
    world.dynamodb.fail("PutItem", Fault::Delay(Duration::from_millis(700)), 1);
    let answer = world.send_within(Duration::from_millis(1500), &call).await;
    assert_eq!(answer.problem(), (503, "storage_unavailable"));
    assert_eq!(world.exchanges(), 0);
    world.keep_cookies(&answer);
    world.callback(&query).await.session();
    assert_eq!(world.exchanges(), 1);
}

#[tokio::test]
async fn f60_f66_a_code_is_not_redeemed_after_secrets_that_came_too_slowly() {
    let mut world = World::new().await;
    let query = world.consented(ANN).await;
    let call = world.callback_of(&query);
    // After the state is spent, the secret is read again to find the flow's client.
    world.change_client();
    world.cold_start();
    world.secrets.fail("GetSecretValue", Fault::Delay(Duration::from_millis(700)), 2);
    let answer = world.send_within(Duration::from_millis(2500), &call).await;
    assert_eq!((answer.auth_error(), world.exchanges()), ("upstream_unavailable".into(), 0));
}

#[tokio::test]
async fn f18_f66_a_store_that_hangs_sends_the_browser_back_with_its_own_error() {
    let mut world = World::new().await;
    let query = world.consented(ANN).await;
    let call = world.callback_of(&query).header("accept", "text/html");
    world.dynamodb.fail("UpdateItem", Fault::Delay(Duration::from_secs(30)), 50);
    assert_eq!(world.send_within(Duration::from_secs(3), &call).await.auth_error(), "storage_unavailable");
}

#[tokio::test]
async fn f41_a_search_with_a_grant_of_metadata_is_refused_with_the_way_to_a_wider_one() {
    let mut world = World::new().await;
    world.configure(&[("GMAIL_SCOPES", METADATA)]);
    world.sign_in(ANN).await;
    world.lists().await;
    world.forget_calls();
    let answer = world.messages("q=is%3Aunread").await;
    assert_eq!(answer.problem(), (403, "insufficient_scope"));
    assert_eq!(answer.json()["missing_scopes"], json!(["https://www.googleapis.com/auth/gmail.readonly"]));
    assert_eq!(world.google_calls(), []);
    let url = answer.authorization_url();
    assert!(parameter(&url, "scope").unwrap().contains("gmail.readonly"));
    world.authorize_again(&answer, ANN).await;
    assert_eq!(world.messages("q=is%3Aunread").await.status, 200);
}

#[tokio::test]
async fn a_refresh_ahead_does_not_keep_a_good_answer_waiting() {
    let world = World::ageing().await;
    world.google.fail_refresh(Failure::Slow(Duration::from_secs(30)), Times::UntilCleared);
    let call = world.list();
    let answer = tokio::time::timeout(Duration::from_secs(4), world.send_to(&world.app, &call)).await;
    assert_eq!(answer.unwrap().status, 200);
    assert_eq!(world.refreshes(), 1);
}

#[tokio::test]
async fn f61_f62_what_is_not_found_again_is_not_asked_for_at_every_request() {
    let world = World::expired().await;
    world.google.fail_refresh(Failure::InvalidClient, Times::UntilCleared);
    world.messages("").await;
    world.forget_calls();
    for _ in 0..5 {
        assert_eq!(world.messages("").await.code(), "config_error");
    }
    assert_eq!(world.secrets_read(), Vec::<String>::new());
    world.advance(60);
    world.messages("").await;
    assert_eq!(world.secrets_read(), [GOOGLE_CLIENT, GOOGLE_CLIENT]);
}

#[tokio::test]
async fn f62_a_flow_of_a_newer_keyring_is_not_taken_for_a_foreign_one() {
    let mut world = World::new().await;
    world.start("").await;
    let newer = world.environment(&[]);
    world.rotate_keyring();
    let call = world.with_cookies(Call::get("/auth/start", ""));
    let begun = world.send_to(&newer, &call).await;
    world.keep_cookies(&begun);
    let query = world.consent(begun.location(), Decision::allow(ANN)).await;
    // Another tab begins a flow in the environment that remembers the old keyring.
    world.start("").await;
    assert!(world.callback(&query).await.begins_session(), "the newer flow is still there");
    let broken = Call::get("/auth/start", "").cookie("__Host-flow-AAAAAA=junk");
    let answer = world.send(&broken).await;
    assert!(
        answer.cookies.iter().any(|cookie| cookie.starts_with("__Host-flow-AAAAAA=;")),
        "junk is removed"
    );
}

#[tokio::test]
async fn f61_a_secret_of_another_client_is_no_stand_in() {
    let world = World::signed_in().await;
    world.lists().await;
    world.advance(3600);
    world.lists().await;
    world.advance(200);
    world.change_client();
    world.google.expire_all_access_tokens();
    world.google.fail_refresh(Failure::InvalidClient, 1);
    world.forget_calls();
    let before = world.kept(ANN);
    assert_eq!(world.messages("").await.reason(), "client_changed");
    assert_eq!(world.refreshes(), 1, "the grant is not tried with another client");
    assert_eq!(world.kept(ANN), before);
}
