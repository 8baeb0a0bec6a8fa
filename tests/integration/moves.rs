//! Users move to another credentials table, perhaps under another keyring, while they use the old
//! one.

use harness::stack::CREDENTIALS_TABLE;
use harness::world::{ANN, BEN, Call, World, follow_ends};
use postern::app::App;
use postern::outside::dynamodb::Policy;
use serde_json::{Value, json};

use crate::restore::{erase, fates};

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
async fn only_an_end_in_its_own_table_takes_a_copy_back() {
    let (world, to) = moving().await;
    let restored = world.restored("restored");
    let other = world.restored("other");
    let third = world.another_table("third", &[]);
    assert_eq!(fates(&restored, &to, Policy::Past).await, ["copied", "copied"]);
    assert_eq!(fates(&other, &third, Policy::Live).await, ["copied", "copied"]);
    for account in [ANN, BEN] {
        world.disconnect(account);
    }
    assert_eq!(follow_ends(&world.app, &to).await.unwrap(), 0, "they came from a restored table");
    assert_eq!(follow_ends(&restored, &to).await.unwrap(), 0);
    assert_eq!(follow_ends(&world.app, &third).await.unwrap(), 0, "they came from another table");
    world.dynamodb.delete("other", "user_id", &world.sub(BEN));
    assert_eq!(follow_ends(&other, &third).await.unwrap(), 1);
    assert_eq!((world.dynamodb.scan("new").len(), world.dynamodb.scan("third").len()), (2, 1));
}

#[tokio::test]
async fn a_copy_of_an_unused_copy_is_the_same_write_and_a_newer_original_replaces_it() {
    let (world, to) = moving().await;
    let third = world.another_table("third", &[]);
    assert_eq!(fates(&world.app, &to, Policy::Live).await, ["copied", "copied"]);
    assert_eq!(fates(&to, &third, Policy::Live).await, ["copied", "copied"]);
    assert_eq!(fates(&world.app, &third, Policy::Live).await, ["there", "there"], "it is the same write");
    world.advance(3600);
    world.lists().await;
    assert_eq!(fates(&world.app, &third, Policy::Live).await, ["copied", "there"]);
    let list = world.list();
    assert_eq!(world.send_to(&third, &list).await.status, 200);
}
