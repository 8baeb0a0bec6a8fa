//! Sealing every stored token again with the primary key: what changes, what does not, and what
//! cannot be opened.

mod meanwhile;

use harness::google::Failure;
use harness::stack::CREDENTIALS_TABLE;
use harness::world::{ANN, BEN, World, is_sealed_with, reseal_all};
use postern::grant::reseal::{Fate, Outcome};
use postern_rules::seal::OpenError;
use serde_json::{Value, json};

/// The attributes that hold sealed texts.
const SEALED: [&str; 3] = ["refresh_token", "access_token", "dead_refresh_token"];

/// The item without its sealed texts.
fn rest(item: &Value) -> Value {
    let mut item = item.clone();
    item.as_object_mut().unwrap().retain(|name, _| !SEALED.contains(&name.as_str()));
    item
}

/// The only outcome of a pass.
async fn only(world: &World) -> Outcome {
    let outcomes = reseal_all(&world.environment(&[])).await.unwrap();
    assert_eq!(outcomes.len(), 1, "{outcomes:?}");
    outcomes.into_iter().next().unwrap()
}

#[tokio::test]
async fn a_rotation_ends_with_a_retired_key_and_nobody_notices() {
    let mut world = World::signed_in().await;
    let mut stream = world.stream().await;
    let before = world.credential(ANN);
    world.rotate_keyring();
    let outcome = only(&world).await;
    assert_eq!(outcome.fate, Fate::Resealed);
    assert_eq!(outcome.keys.iter().collect::<Vec<_>>(), ["k2"]);
    let after = world.credential(ANN);
    for name in ["refresh_token", "access_token"] {
        assert!(is_sealed_with(&after[name], "k2"), "{name}");
    }
    assert_eq!(rest(&after), rest(&before), "it is no write to the functions");
    assert_eq!(stream.happened(&world).await, Vec::<String>::new(), "and none to events");

    world.retire_the_old_key();
    world.cold_start();
    world.lists().await;
    world.advance(3600);
    world.lists().await;
    world.sign_in(ANN).await;
    assert_eq!(only(&world).await.fate, Fate::Current);
}

#[tokio::test]
async fn a_token_that_was_set_aside_is_sealed_again_and_gets_its_second_chance() {
    let mut world = World::expired().await;
    world.google.fail_refresh(Failure::InvalidGrant, 1);
    assert_eq!(world.messages("").await.reason(), "revoked_or_expired");
    world.rotate_keyring();
    assert_eq!(only(&world).await.fate, Fate::Resealed);
    assert!(is_sealed_with(&world.credential(ANN)["dead_refresh_token"], "k2"));
    world.retire_the_old_key();
    world.cold_start();
    world.advance(601);
    world.lists().await;
}

#[tokio::test]
async fn b84_what_cannot_be_opened_or_read_stays_as_it_is_and_harms_no_other_item() {
    let (world, _) = World::with_ben().await;
    let broken = json!({"S": "v2.k1.AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"});
    let gone = |item: &Value| json!({"S": item["S"].as_str().unwrap().replace(".k1.", ".k7.")});
    let good = world.credential(BEN);
    let mut poisoned = Vec::new();
    for (number, (name, text)) in [
        ("refresh_token", broken.clone()),
        ("access_token", broken),
        ("refresh_token", gone(&good["refresh_token"])),
    ]
    .into_iter()
    .enumerate()
    {
        let mut item = world.credential(ANN);
        item["user_id"] = json!({"S": number.to_string()});
        item[name] = text;
        poisoned.push(item);
    }
    let mut newer = good.clone();
    (newer["user_id"], newer["schema"]) = (json!({"S": "9"}), json!({"N": "2"}));
    poisoned.push(newer);
    for item in &poisoned {
        world.put(item.clone());
    }
    world.disconnect(ANN);
    world.rotate_keyring();

    let outcomes = reseal_all(&world.environment(&[])).await.unwrap();
    let count = |fate| outcomes.iter().filter(|outcome| outcome.fate == fate).count();
    assert_eq!((outcomes.len(), count(Fate::Broken), count(Fate::Unreadable)), (5, 3, 1), "{outcomes:?}");
    // The texts of another user do not open.
    let why: Vec<_> = outcomes.iter().flat_map(|outcome| &outcome.broken).collect();
    assert!(why.contains(&&("refresh_token", OpenError::UnknownKey)), "{why:?}");
    assert!(why.contains(&&("access_token", OpenError::Broken)), "{why:?}");
    for item in poisoned {
        let user = item["user_id"]["S"].as_str().unwrap().to_owned();
        assert_eq!(world.dynamodb.item(CREDENTIALS_TABLE, "user_id", &user).unwrap(), item);
    }
    assert!(is_sealed_with(&world.credential(BEN)["refresh_token"], "k2"));
    let keys: Vec<&str> = outcomes.iter().flat_map(|outcome| &outcome.keys).map(String::as_str).collect();
    assert!(keys.contains(&"k7") && keys.contains(&"k1"), "what they need is said: {keys:?}");
}

#[tokio::test]
async fn b84_one_token_that_does_not_open_keeps_no_other_from_being_sealed_again() {
    let world = World::signed_in().await;
    world.edit(ANN, |item| item["access_token"] = json!({"S": "v2.k1.AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"}));
    let before = world.credential(ANN);
    world.rotate_keyring();
    let outcome = only(&world).await;
    assert_eq!(outcome.fate, Fate::Resealed);
    assert_eq!(outcome.broken, [("access_token", OpenError::Broken)]);
    assert_eq!(outcome.keys.iter().collect::<Vec<_>>(), ["k1", "k2"]);
    let after = world.credential(ANN);
    assert!(is_sealed_with(&after["refresh_token"], "k2"));
    assert_eq!(after["access_token"], before["access_token"]);
}
