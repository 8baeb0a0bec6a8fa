//! How many calls a request makes, with a cold start and with a warm one.

use std::time::Duration;

use harness::Fault;
use harness::google::{Endpoint, Failure};
use harness::world::{Call, FORGED_STATE, GOOGLE_CLIENT, KEYRING, World, until};
use tokio::time::Instant;

#[tokio::test]
async fn auth_start_warm_makes_no_call_at_all() {
    let mut world = World::new().await;
    world.start("").await;
    world.forget_calls();
    world.start("").await;
    assert_eq!(world.secrets_read(), Vec::<String>::new());
    world.assert_untouched();
}

#[tokio::test]
async fn list_messages_warm_with_a_good_token_makes_one_dynamodb_and_one_gmail_call() {
    let world = World::signed_in().await;
    world.messages("").await;
    world.forget_calls();
    world.lists().await;
    assert_eq!(world.dynamodb_calls(), ["BatchGetItem"]);
    assert_eq!(world.google_calls(), [Endpoint::MessagesList]);
    assert_eq!(world.secrets_read(), Vec::<String>::new());
    let request = &world.dynamodb.calls()[0].body["RequestItems"];
    for table in request.as_object().unwrap().values() {
        assert_eq!(table["ConsistentRead"], true);
    }
}

#[tokio::test]
async fn a_cold_start_reads_both_secrets_in_one_call_and_again_after_five_minutes() {
    let mut world = World::signed_in().await;
    world.cold_start();
    for _ in 0..2 {
        world.forget_calls();
        world.lists().await;
        assert_eq!(operations(&world), ["BatchGetSecretValue"]);
        assert_eq!(world.secrets_read(), [KEYRING, GOOGLE_CLIENT]);
        assert_eq!(world.dynamodb_calls(), ["BatchGetItem"]);
        assert_eq!(world.google_calls(), [Endpoint::MessagesList]);
        world.advance(300);
    }
    world.forget_calls();
    world.start("").await;
    assert_eq!(operations(&world), ["BatchGetSecretValue"]);
}

#[tokio::test]
async fn a_good_token_does_not_need_googles_client_secret() {
    let mut world = World::signed_in().await;
    world.secrets.remove(GOOGLE_CLIENT);
    world.cold_start();
    world.lists().await;
    world.advance(3600);
    assert_eq!(world.messages("").await.problem(), (503, "config_error"));
}

#[tokio::test]
async fn session_and_credential_are_read_before_the_keyring_has_come() {
    let mut world = World::signed_in().await;
    world.cold_start();
    world.forget_calls();
    world.secrets.fail("BatchGetSecretValue", Fault::Delay(Duration::from_millis(700)), 1);
    let began = Instant::now();
    let listing = world.messages("");
    tokio::pin!(listing);
    tokio::select! {
        () = until(|| world.dynamodb_calls() == ["BatchGetItem"]) => {}
        answer = &mut listing => panic!("the answer came before the keyring: {answer:?}"),
    }
    assert!(began.elapsed() < Duration::from_millis(600), "the keyring has not come yet");
    assert_eq!(listing.await.status, 200);
}

#[tokio::test]
async fn a_role_that_may_not_read_both_secrets_at_once_reads_one_after_the_other() {
    let mut world = World::signed_in().await;
    world.cold_start();
    world.forget_calls();
    world.secrets.fail("BatchGetSecretValue", Fault::DENIED, 100);
    world.lists().await;
    assert_eq!(operations(&world), ["BatchGetSecretValue", "GetSecretValue"]);
    // Once refused, it is not tried again.
    world.advance(300);
    world.start("").await;
    let all = ["BatchGetSecretValue", "GetSecretValue", "GetSecretValue", "GetSecretValue"];
    assert_eq!(operations(&world), all);
    assert_eq!(world.secrets_read()[2..], [KEYRING, KEYRING, GOOGLE_CLIENT]);
}

fn operations(world: &World) -> Vec<String> {
    world.secrets.calls().into_iter().map(|call| call.operation).collect()
}

#[tokio::test]
async fn list_messages_with_an_expired_token_makes_one_lease_one_token_call_and_one_store_beside_gmail() {
    let mut world = World::expired().await;
    world.cold_start();
    world.forget_calls();
    // Gmail answers after half a second. Its call does not wait for the store, nor the store for
    // it.
    let slow = Duration::from_millis(500);
    world.google.fail(Endpoint::MessagesList, Failure::Slow(slow), 1);
    world.dynamodb.fail("BatchGetItem", Fault::Delay(Duration::from_millis(1)), 1);
    let store_began = async {
        until(|| world.dynamodb.calls_of("UpdateItem").len() >= 2).await;
    };
    let listing = world.messages("");
    tokio::pin!(listing);
    tokio::select! {
        () = store_began => {}
        answer = &mut listing => panic!("Gmail answered before the token was stored: {answer:?}"),
    }
    assert_eq!(listing.await.status, 200);
    assert_eq!(world.dynamodb_calls(), ["BatchGetItem", "UpdateItem", "UpdateItem"]);
    assert_eq!(world.google_calls(), [Endpoint::Token, Endpoint::MessagesList]);
    assert_eq!(world.secrets_read(), [KEYRING, GOOGLE_CLIENT]);
}

#[tokio::test]
async fn a73_a_crowd_of_forged_callbacks_and_starts_writes_nothing_and_asks_nobody() {
    let world = World::new().await;
    for _ in 0..1000 {
        world.send(&Call::get("/auth/start", "")).await;
        world.send(&Call::get("/oauth/callback", &format!("code=x&state={FORGED_STATE}"))).await;
        world.send(&Call::list("").session("v1.k1.AAAA.BBBB")).await;
    }
    world.assert_untouched();
    // A session is known by its row only.
    world.send(&Call::list("").session("v2.1.BBBB")).await;
    assert_eq!(world.dynamodb_calls(), ["BatchGetItem"]);
    assert!(world.secrets_read().len() <= 2, "{:?}", world.secrets_read());
}

#[tokio::test]
async fn keys_that_dynamodb_leaves_unprocessed_are_asked_for_again_and_never_taken_for_absent() {
    let world = World::signed_in().await;
    world.dynamodb.fail("BatchGetItem", Fault::Unprocessed, 2);
    world.lists().await;
    assert_eq!(world.dynamodb_calls(), ["BatchGetItem"; 3]);
    world.dynamodb.fail("BatchGetItem", Fault::Unprocessed, 100);
    assert_eq!(world.messages("").await.problem(), (503, "storage_unavailable"));
}
