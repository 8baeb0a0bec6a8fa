//! Copies of a restored credentials table, whose users may have left since.

use harness::Times;
use harness::event_bus::Published;
use harness::google::{Endpoint, Failure};
use harness::world::{
    ANN, BEN, BUDGET, Call, World, copy_all, invoke_direct, is_sealed_with, kinds, reseal_all,
};
use postern::app::App;
use postern::grant::reseal::Fate;
use postern::outside::dynamodb::Policy;
use serde_json::{Value, json};

/// How each item of a copy ended, in alphabetical order.
pub(super) async fn fates(from: &App, to: &App, policy: Policy) -> Vec<&'static str> {
    let outcomes = copy_all(from, to, policy).await.unwrap();
    let mut fates: Vec<_> = outcomes.iter().map(|outcome| outcome.fate.as_str()).collect();
    fates.sort_unstable();
    fates
}

/// An administrator erases a user.
pub(super) async fn erase(world: &World, account: &str) {
    let payload = json!({"action": "erase", "user_id": world.sub(account)});
    assert_eq!(world.invoke_direct("connections", &payload).await.answer["erased"], true);
}

#[tokio::test]
async fn a_restored_user_works_without_consent_and_every_session_of_that_time_is_over() {
    let mut world = World::signed_in().await;
    let restored = world.restored("restored");
    let before = world.credential(ANN);
    world.disconnect(ANN);
    assert_eq!(fates(&restored, &world.app, Policy::Past).await, ["copied"]);
    assert_eq!(fates(&restored, &world.app, Policy::Past).await, ["there"], "again, it changes nothing");
    let after = world.credential(ANN);
    assert_ne!(after["era"], before["era"]);
    assert_eq!(after["refresh_token_id"], before["refresh_token_id"]);
    assert_eq!(world.messages("").await.reason(), "session_expired");
    world.forget_calls();
    world.sign_in(ANN).await;
    world.lists().await;
    assert_eq!(world.credential(ANN)["refresh_token_id"], before["refresh_token_id"], "no new consent");
}

#[tokio::test]
async fn a116_who_disconnected_or_was_erased_since_stays_gone_also_after_a_rotation() {
    let (mut world, bens) = World::with_ben().await;
    let restored = world.restored("restored");
    assert_eq!(world.send(&bens).await.status, 200);
    erase(&world, BEN).await;
    assert_eq!(world.browse(Call::disconnect()).await.status, 204);
    world.rotate_keyring();
    world.cold_start();
    assert_eq!(fates(&restored, &world.app, Policy::Past).await, ["ended", "ended"]);
    assert_eq!((world.credential(ANN), world.credential(BEN)), (Value::Null, Value::Null));
    let ends = world.ends();
    assert_eq!(ends.len(), 2);
    for end in &ends {
        let text = end.to_string();
        assert!(![ANN, BEN].iter().any(|account| text.contains(&world.sub(account))), "{text}");
        let number = |name: &str| end[name]["N"].as_str().unwrap().parse::<i64>().unwrap();
        assert_eq!(number("expires_at") - number("ended_at"), 36 * 24 * 3600);
    }
}

#[tokio::test]
async fn a116_an_end_covers_what_began_before_it_and_no_newer_connection() {
    let mut world = World::signed_in().await;
    let first = world.restored("first");
    assert_eq!(world.browse(Call::disconnect()).await.status, 204);
    world.advance(1);
    world.sign_in(ANN).await;
    let second = world.restored("second");
    world.disconnect(ANN);
    assert_eq!(fates(&first, &world.app, Policy::Past).await, ["ended"]);
    assert_eq!(fates(&second, &world.app, Policy::Past).await, ["copied"], "the user came back");
    erase(&world, ANN).await;
    assert_eq!(fates(&second, &world.app, Policy::Past).await, ["ended"]);
}

#[tokio::test]
async fn a116_a_clock_that_was_ahead_when_the_user_connected_brings_nobody_back() {
    let world = World::signed_in().await;
    let ahead = (harness::world::START.seconds() + 120).to_string();
    world.edit(ANN, |item| item["connected_at"] = json!({"N": ahead}));
    let restored = world.restored("restored");
    erase(&world, ANN).await;
    assert_eq!(fates(&restored, &world.app, Policy::Past).await, ["ended"]);
}

#[tokio::test]
async fn a116_who_was_disconnecting_at_that_time_is_not_restored() {
    let world = World::signed_in().await;
    world.edit(ANN, |item| item["status"] = json!({"S": "disconnecting"}));
    let restored = world.restored("restored");
    world.disconnect(ANN);
    assert_eq!(fates(&restored, &world.app, Policy::Past).await, ["ended"]);
    assert_eq!(world.credential(ANN), Value::Null);
}

#[tokio::test]
async fn a116_what_is_newer_than_the_restored_item_stays() {
    let world = World::signed_in().await;
    let restored = world.restored("restored");
    world.advance(3600);
    world.lists().await;
    let newer = world.credential(ANN);
    assert_eq!(fates(&restored, &world.app, Policy::Past).await, ["there"]);
    assert_eq!(world.credential(ANN), newer);
    world.lists().await;
}

#[tokio::test]
async fn b84_a_token_of_the_first_form_opens_under_the_name_of_the_stacks_table_and_no_other() {
    let world = World::signed_in().await;
    let yesterdays =
        "v1.k1.rNUUsiivG8Ffvq3_4RZcvCPLlKyt5kFBi8nMoRBX0jSNZ8l5FYKwnq0kWikbD0jS04shz06Sp6Z9yqkrbYu3-jxG";
    world.edit(ANN, |item| item["refresh_token"] = json!({"S": yesterdays}));
    let restored = world.restored("restored");
    let foreign = world.another_table("foreign", &[]);
    world.disconnect(ANN);
    assert_eq!(fates(&restored, &foreign, Policy::Past).await, ["broken"]);
    assert_eq!(fates(&restored, &world.app, Policy::Past).await, ["copied"]);
    assert!(is_sealed_with(&world.credential(ANN)["refresh_token"], "k1"), "in today's form");
}

#[tokio::test]
async fn an_erasure_without_the_keyring_erases_and_says_that_the_end_is_not_remembered() {
    let mut world = World::signed_in().await;
    world.cold_start();
    for operation in ["BatchGetSecretValue", "GetSecretValue"] {
        world.secrets.fail(operation, harness::Fault::BROKEN, 100);
    }
    erase(&world, ANN).await;
    assert_eq!((world.credential(ANN), world.ends()), (Value::Null, vec![]));
    assert!(world.logged("end_not_remembered"));
}

#[tokio::test]
async fn a_restore_over_a_retired_key_leaves_out_what_it_cannot_open() {
    let mut world = World::signed_in().await;
    world.restored("restored");
    world.rotate_keyring();
    assert_eq!(reseal_all(&world.environment(&[])).await.unwrap()[0].fate, Fate::Resealed);
    world.retire_the_old_key();
    world.disconnect(ANN);
    world.cold_start();
    let from = world.environment(&[("CREDENTIALS_TABLE", "restored")]);
    assert_eq!(fates(&from, &world.app, Policy::Past).await, ["broken"]);
}

#[tokio::test]
async fn a116_who_is_erased_after_the_item_was_lost_is_not_restored() {
    let world = World::signed_in().await;
    let restored = world.restored("restored");
    world.disconnect(ANN);
    let payload = json!({"action": "erase", "user_id": world.sub(ANN)});
    let told = world.invoke_direct("connections", &payload).await;
    assert_eq!(told.problem(), (404, "connection_not_found"));
    assert_eq!(fates(&restored, &world.app, Policy::Past).await, ["ended"]);
}

#[tokio::test]
async fn a116_a_connection_ends_when_it_is_marked_and_not_when_google_has_answered() {
    let mut world = World::signed_in().await;
    world.google.fail(Endpoint::Revoke, Failure::Status(503), Times::UntilCleared);
    let marked_at = world.app.clock.now().seconds();
    let answer = world.browse(Call::disconnect()).await;
    assert_eq!(answer.status, 503, "{answer:?}");
    world.google.clear_failures();
    world.advance(40 * 24 * 3600);
    erase(&world, ANN).await;
    let [end] = world.ends().try_into().unwrap();
    let number = |name: &str| end[name]["N"].as_str().unwrap().parse::<i64>().unwrap();
    // Whoever connects in between is not meant.
    assert!((number("ended_at") - marked_at).abs() < 60, "{end}");
    assert!(number("expires_at") > world.app.clock.now().seconds() + 35 * 24 * 3600, "{end}");
}

#[tokio::test]
async fn a116_an_end_that_only_the_restored_tables_keyring_remembers_counts() {
    let (world, _) = World::with_ben().await;
    let restored = world.restored("restored");
    erase(&world, BEN).await;
    let others = json!({"primary": "k1", "k1": "another-planted-key-0123456789abcdefghijklm"}).to_string();
    world.plant("another-planted-key-0123456789abcdefghijklm");
    world.secrets.put("others", &others);
    let to = world.another_table("new", &[("SEALING_KEYS_SECRET_ID", "others")]);
    assert_eq!(fates(&restored, &to, Policy::Past).await, ["copied", "ended"]);
}

#[tokio::test]
async fn a_restored_connection_is_newer_than_all_events_of_it() {
    let mut world = World::signed_in().await;
    let restored = world.restored("restored");
    let mut stream = world.stream().await;
    world.advance(3600);
    world.lists().await;
    world.disconnect(ANN);
    let before = stream.events(&world).await;
    assert_eq!(kinds(&before).last().unwrap(), "Disconnected");
    assert_eq!(fates(&restored, &world.app, Policy::Past).await, ["copied"]);
    let after = stream.events(&world).await;
    assert_eq!(kinds(&after), ["Connected"]);
    // What a back end compares.
    let order =
        |event: &Published| ["connected_at", "version"].map(|name| event.detail[name].as_u64().unwrap());
    assert!(order(&after[0]) > order(before.last().unwrap()), "{before:?} {after:?}");
    world.sign_in(ANN).await;
    world.lists().await;
}

#[tokio::test]
async fn an_end_that_the_table_refuses_to_remember_keeps_nobody_from_leaving() {
    let world = World::signed_in().await;
    let app = world.environment(&[("SESSIONS_TABLE", "missing")]);
    let payload = json!({"action": "erase", "user_id": world.sub(ANN)}).to_string();
    let told = invoke_direct(Ok(&app), "connections", &payload, BUDGET).await;
    assert_eq!(told.answer["erased"], true, "{told:?}");
    assert_eq!(world.credential(ANN), Value::Null);
    assert!(world.logged("end_not_remembered"));
}
