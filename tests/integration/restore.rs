//! Copies of another credentials table: a restored one, whose users may have left since, and one
//! that is in use until its users have moved.

use harness::stack::CREDENTIALS_TABLE;
use harness::world::{ANN, BEN, Call, World, copy_all, follow_ends, is_sealed_with, reseal_all};
use postern::app::App;
use postern::grant::reseal::Fate;
use postern::outside::dynamodb::Policy;
use serde_json::{Value, json};

/// How each item of a copy ended, in alphabetical order.
async fn fates(from: &App, to: &App, policy: Policy) -> Vec<&'static str> {
    let outcomes = copy_all(from, to, policy).await.unwrap();
    let mut fates: Vec<_> = outcomes.iter().map(|outcome| outcome.fate.as_str()).collect();
    fates.sort_unstable();
    fates
}

/// An administrator erases a user.
async fn erase(world: &World, account: &str) {
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
async fn b84_a_keyring_that_is_not_the_tables_opens_nothing_and_nothing_is_copied() {
    let world = World::signed_in().await;
    // Both stacks call their first key k1.
    let others = json!({"primary": "k1", "k1": "another-planted-key-0123456789abcdefghijklm"}).to_string();
    world.plant("another-planted-key-0123456789abcdefghijklm");
    world.secrets.put("others", &others);
    let to = world.another_table("new", &[("SEALING_KEYS_SECRET_ID", "others")]);
    let wrong = world.environment(&[("SEALING_KEYS_SECRET_ID", "others")]);
    assert_eq!(fates(&wrong, &to, Policy::Live).await, ["broken"]);
    assert_eq!(world.dynamodb.scan("new"), Vec::<Value>::new());
    assert_eq!(fates(&world.app, &to, Policy::Live).await, ["copied"]);
}

/// A world whose users move to a new table with a keyring of its own, and the environment there.
async fn moving() -> (World, App) {
    let (world, _) = World::with_ben().await;
    let others = json!({"primary": "k1", "k1": "another-planted-key-0123456789abcdefghijklm"}).to_string();
    world.plant("another-planted-key-0123456789abcdefghijklm");
    world.secrets.put("others", &others);
    let to = world.another_table("new", &[("SEALING_KEYS_SECRET_ID", "others")]);
    (world, to)
}

#[tokio::test]
async fn users_move_to_a_new_table_under_a_new_keyring_without_a_failed_request() {
    let (world, to) = moving().await;
    world.hold_lease(ANN, 4000);
    assert_eq!(fates(&world.app, &to, Policy::Live).await, ["copied", "copied"]);
    let copy = world.dynamodb.item("new", "user_id", &world.sub(ANN)).unwrap();
    assert!(copy["lease_holder"].is_null(), "nobody holds the lease of a copy");
    assert_eq!(copy["era"], world.credential(ANN)["era"], "sessions go on");
    // Written between the first run and the switch.
    world.advance(3600);
    world.lists().await;
    assert_eq!(fates(&world.app, &to, Policy::Live).await, ["copied", "there"]);
    let list = world.list();
    assert_eq!(world.send_to(&to, &list).await.status, 200);
    world.forget_calls();
    world.advance(3600);
    assert_eq!(world.send_to(&to, &list).await.status, 200, "the refresh token opens there");
    // What the functions have written there is newer than anything else.
    let newer = world.dynamodb.item("new", "user_id", &world.sub(ANN)).unwrap();
    assert_eq!(fates(&world.app, &to, Policy::Live).await, ["there", "there"]);
    assert_eq!(world.dynamodb.item("new", "user_id", &world.sub(ANN)).unwrap(), newer);
}

#[tokio::test]
async fn a116_who_ends_a_connection_on_either_side_of_a_move_is_gone_on_both() {
    let (world, to) = moving().await;
    assert_eq!(fates(&world.app, &to, Policy::Live).await, ["copied", "copied"]);
    erase(&world, BEN).await;
    assert_eq!(follow_ends(&world.app, &to).await.unwrap(), 1);
    assert_eq!(world.dynamodb.scan("new").len(), 1);
    // Ann leaves at the new place. The old one still has her item.
    let leaving = world.with_cookies(Call::disconnect());
    assert_eq!(world.send_to(&to, &leaving).await.status, 204);
    assert_eq!(fates(&world.app, &to, Policy::Live).await, ["ended"]);
    assert_eq!(world.dynamodb.scan("new"), Vec::<Value>::new());
    assert!(!world.credential(ANN).is_null());
}

#[tokio::test]
async fn a_copy_that_was_used_is_not_taken_back() {
    let (world, to) = moving().await;
    fates(&world.app, &to, Policy::Live).await;
    let list = world.list();
    world.advance(3600);
    assert_eq!(world.send_to(&to, &list).await.status, 200);
    world.dynamodb.delete(CREDENTIALS_TABLE, "user_id", &world.sub(ANN));
    world.dynamodb.delete(CREDENTIALS_TABLE, "user_id", &world.sub(BEN));
    assert_eq!(follow_ends(&world.app, &to).await.unwrap(), 1, "Ben's alone");
    assert_eq!(world.dynamodb.scan("new").len(), 1);
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
