//! How an administrator ends a connection or its sessions, with faults of the back ends.

use std::time::Duration;

use futures_util::future::join;
use harness::Fault;
use harness::google::{Decision, Endpoint, Failure, Times};
use harness::world::{ANN, BUDGET, Call, Told, World, invoke_direct, until};
use serde_json::{Value, json};

use super::ask;

/// Too little for a second attempt at Google, which follows after a second.
const SHORT: Duration = Duration::from_millis(1800);

async fn ask_within(world: &World, budget: Duration, action: &str) -> Told {
    let payload = json!({"action": action, "user_id": world.sub(ANN)}).to_string();
    invoke_direct(Ok(&world.app), "connections", &payload, budget).await
}

/// Asserts that nothing is left of Ann but rows that serve nobody.
async fn assert_gone(world: &World, is_revoked: bool, case: &str) {
    assert_eq!(world.credential(ANN), Value::Null, "{case}");
    assert_eq!(world.google.live_refresh_tokens(ANN) == 0, is_revoked, "{case}");
    assert_eq!(world.messages("").await.reason(), "not_connected", "{case}");
}

#[tokio::test]
async fn a_disconnect_revokes_and_deletes() {
    let world = World::signed_in().await;
    let told = ask(&world, "disconnect", ANN).await;
    assert_eq!(told.answer, json!({"disconnected": true}));
    assert_eq!(world.google_calls(), [Endpoint::Revoke]);
    assert_gone(&world, true, "disconnect").await;
    assert!(world.logged("disconnected"));
}

#[tokio::test]
async fn signing_out_ends_every_session_and_leaves_the_grant() {
    let mut world = World::signed_in().await;
    let before = world.kept(ANN);
    assert_eq!(ask(&world, "sign_out", ANN).await.answer, json!({"signed_out": true}));
    assert_eq!(world.messages("").await.reason(), "session_expired");
    assert_eq!((world.kept(ANN), world.google_calls()), (before, vec![]));
    world.jar.clear();
    world.sign_in(ANN).await;
    world.lists().await;
}

#[tokio::test]
async fn an_erasure_revokes_once_and_deletes() {
    let world = World::signed_in().await;
    assert_eq!(ask(&world, "erase", ANN).await.answer, json!({"erased": true, "revoked": true}));
    assert_eq!(world.google_calls(), [Endpoint::Revoke]);
    assert_gone(&world, true, "erase").await;
    assert!(world.logged("erased"));
    assert_eq!(ask(&world, "erase", ANN).await.problem(), (404, "connection_not_found"));
}

#[tokio::test]
async fn f106_a_google_that_does_not_revoke_stops_a_disconnect_and_no_erasure() {
    for failure in
        [Failure::Status(500), Failure::oauth(400, "invalid_request"), Failure::Slow(Duration::from_secs(9))]
    {
        let world = World::signed_in().await;
        world.google.fail(Endpoint::Revoke, failure.clone(), Times::UntilCleared);
        let told = ask_within(&world, SHORT, "disconnect").await;
        assert_eq!(told.problem(), (503, "upstream_unavailable"), "{failure:?}");
        assert!(told.answer["retry_after"].is_number(), "{told:?}");
        assert_eq!(world.credential(ANN)["status"]["S"], "disconnecting", "{failure:?}");
        let told = ask(&world, "erase", ANN).await;
        assert_eq!(told.answer, json!({"erased": true, "revoked": false}), "{failure:?}");
        assert_eq!(world.credential(ANN), Value::Null, "{failure:?}");
        assert!(world.logged("was not revoked"), "{failure:?}");
    }
    let world = World::signed_in().await;
    world.google.fail(Endpoint::Revoke, Failure::Status(503), Times::UntilCleared);
    assert_eq!(ask_within(&world, SHORT, "disconnect").await.problem().0, 503);
    world.google.clear_failures();
    assert_eq!(ask(&world, "disconnect", ANN).await.answer, json!({"disconnected": true}));
    assert_gone(&world, true, "repeated").await;
}

#[tokio::test]
async fn f106_an_erasure_insists_on_the_deletion_and_claims_it_only_when_it_is_done() {
    for fault in [Fault::THROTTLED, Fault::BROKEN, Fault::CallLost, Fault::AnswerLost] {
        let world = World::signed_in().await;
        world.dynamodb.fail("DeleteItem", fault.clone(), 4);
        let told = ask(&world, "erase", ANN).await;
        assert_eq!(told.answer, json!({"erased": true, "revoked": true}), "{fault:?}");
        assert_gone(&world, true, "insisted").await;
    }
    for (operation, status) in
        [("GetItem", "active"), ("UpdateItem", "active"), ("DeleteItem", "disconnecting")]
    {
        let world = World::signed_in().await;
        world.dynamodb.fail(operation, Fault::BROKEN, 100);
        let told = ask_within(&world, SHORT, "erase").await;
        // The SDK's pauses are random: it gives up before the time is over, or does not.
        assert!(
            matches!(told.problem(), (503, "storage_unavailable" | "out_of_time")),
            "{operation} {told:?}"
        );
        assert_eq!(world.credential(ANN)["status"]["S"], status, "{operation}");
        world.dynamodb.end_faults().await;
        assert_eq!(ask(&world, "erase", ANN).await.answer["erased"], true, "{operation}");
        assert_gone(&world, true, operation).await;
    }
}

#[tokio::test]
async fn f106_a_token_that_does_not_open_and_an_item_that_cannot_be_read_are_erased_too() {
    let broken =
        |item: &mut Value| item["refresh_token"] = json!({"S": "v2.k1.AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"});
    let unreadable = |item: &mut Value| item["schema"] = json!({"N": "2"});
    let changes: [&dyn Fn(&mut Value); 2] = [&broken, &unreadable];
    for change in changes {
        let world = World::signed_in().await;
        world.edit(ANN, change);
        assert_eq!(ask(&world, "disconnect", ANN).await.problem(), (503, "credential_unreadable"));
        let told = ask(&world, "erase", ANN).await;
        assert_eq!(told.answer, json!({"erased": true, "revoked": false}));
        assert_gone(&world, false, "erased").await;
    }
}

#[tokio::test]
async fn f106_secrets_that_are_not_available_stop_no_erasure() {
    let mut world = World::signed_in().await;
    world.cold_start();
    for operation in ["BatchGetSecretValue", "GetSecretValue"] {
        world.secrets.fail(operation, Fault::BROKEN, 100);
    }
    assert_eq!(ask(&world, "disconnect", ANN).await.problem().0, 503);
    assert_eq!(ask(&world, "erase", ANN).await.answer, json!({"erased": true, "revoked": false}));
    assert_eq!(world.credential(ANN), Value::Null);
}

#[tokio::test]
async fn a_sign_in_or_another_era_during_an_administrators_call_does_not_save_the_connection() {
    for action in ["disconnect", "erase"] {
        let mut world = World::signed_in().await;
        let payload = json!({"action": action, "user_id": world.sub(ANN)}).to_string();
        let app = world.environment(&[]);
        world.jar.clear();
        let url = world.start("").await;
        // The revocation has its effect at once. Google's answer comes after the sign-in.
        world.google.fail(Endpoint::Revoke, Failure::Slow(Duration::from_millis(900)), 1);
        let ending = invoke_direct(Ok(&app), "connections", &payload, BUDGET);
        let signing_in = async {
            let google = world.google.clone();
            until(|| !google.calls_to(Endpoint::Revoke).is_empty()).await;
            let query = world.consent(&url, Decision::allow(ANN)).await;
            world.callback(&query).await
        };
        let (told, signed_in) = join(ending, signing_in).await;
        signed_in.session();
        assert_eq!(told.problem().0, 200, "{told:?}");
        assert_gone(&world, true, action).await;

        let world = World::signed_in().await;
        let payload = json!({"action": action, "user_id": world.sub(ANN)}).to_string();
        let app = world.environment(&[]);
        // Its first write is held back until the user has signed out everywhere.
        world.dynamodb.fail("UpdateItem", Fault::Delay(Duration::from_millis(900)), 1);
        world.forget_calls();
        let ending = invoke_direct(Ok(&app), "connections", &payload, BUDGET);
        let signing_out = async {
            let dynamodb = world.dynamodb.clone();
            until(|| !dynamodb.calls_of("UpdateItem").is_empty()).await;
            world.send(&world.with_cookies(Call::sign_out(true))).await
        };
        let (told, signed_out) = join(ending, signing_out).await;
        assert_eq!((told.problem().0, signed_out.status), (200, 204), "{told:?}");
        assert_eq!(world.credential(ANN), Value::Null, "{action}");
        assert_eq!(world.google.live_refresh_tokens(ANN), 0, "{action}");
    }
}
