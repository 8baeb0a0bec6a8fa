//! How many calls a request makes: what is promised of the cold path and the warm one.

use harness::google::Endpoint;
use harness::world::{ANN, Call, GOOGLE_CLIENT, KEYRING, World};

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
    let mut world = World::new().await;
    world.sign_in(ANN).await;
    world.messages("").await;
    world.forget_calls();
    assert_eq!(world.messages("").await.status, 200);
    assert_eq!(world.dynamodb_calls(), ["BatchGetItem"]);
    assert_eq!(world.google_calls(), [Endpoint::MessagesList]);
    assert_eq!(world.secrets_read(), Vec::<String>::new());
    let request = &world.stack.dynamodb.calls()[0].body["RequestItems"];
    for table in request.as_object().unwrap().values() {
        assert_eq!(table["ConsistentRead"], true);
    }
}

#[tokio::test]
async fn list_messages_cold_with_a_good_token_does_not_read_googles_client_secret() {
    let mut world = World::new().await;
    world.sign_in(ANN).await;
    world.cold_start();
    world.forget_calls();
    assert_eq!(world.messages("").await.status, 200);
    assert_eq!(world.secrets_read(), [KEYRING]);
    assert_eq!(world.dynamodb_calls(), ["BatchGetItem"]);
    assert_eq!(world.google_calls(), [Endpoint::MessagesList]);
}

#[tokio::test]
async fn list_messages_with_an_expired_token_makes_one_lease_one_token_call_and_one_store_beside_gmail() {
    let mut world = World::new().await;
    world.sign_in(ANN).await;
    world.advance(3600);
    world.cold_start();
    world.forget_calls();
    // Gmail answers after half a second; the store is not waited for before, nor Gmail after.
    let slow = std::time::Duration::from_millis(500);
    world.stack.google.fail(
        Endpoint::MessagesList,
        harness::google::Failure::Slow(slow),
        harness::google::Times::Next(1),
    );
    world.stack.dynamodb.fail("BatchGetItem", harness::Fault::Delay(std::time::Duration::from_millis(1)), 1);
    let store_began = async {
        harness::world::until(|| world.stack.dynamodb.calls_of("UpdateItem").len() >= 2).await;
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
        world
            .send(&Call::get("/oauth/callback", "code=x&state=AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"))
            .await;
        world.send(&Call::get("/messages", "").cookie("__Host-session=v1.k1.AAAA.BBBB")).await;
    }
    world.assert_untouched();
    assert!(world.secrets_read().len() <= 2, "{:?}", world.secrets_read());
}

#[tokio::test]
async fn keys_that_dynamodb_leaves_unprocessed_are_asked_for_again_and_never_taken_for_absent() {
    let mut world = World::new().await;
    world.sign_in(ANN).await;
    world.forget_calls();
    world.stack.dynamodb.fail("BatchGetItem", harness::Fault::Unprocessed, 2);
    assert_eq!(world.messages("").await.status, 200);
    assert_eq!(world.dynamodb_calls(), ["BatchGetItem"; 3]);
    world.stack.dynamodb.fail("BatchGetItem", harness::Fault::Unprocessed, 100);
    let answer = world.messages("").await;
    assert_eq!((answer.status, answer.code().as_str()), (503, "storage_unavailable"));
}
