//! What a user may ask for: all that is stored of them, and no token.

use std::collections::BTreeSet;

use harness::google::Failure;
use harness::world::{ANN, World};
use serde_json::{Value, json};

use super::{ask, list};

/// Where the export says what an attribute holds. A random name that only orders writes is nothing
/// about the user, and a sealed token is never given out: they lead to nothing.
const ATTRIBUTES: [(&str, &str); 28] = [
    ("user_id", "/user/id"),
    ("email", "/user/email"),
    ("status", "/stored_status"),
    ("client_id", "/client_id"),
    ("scopes", "/scopes"),
    ("connected_at", "/connected_at"),
    ("refresh_token", "/tokens/refresh_token"),
    ("refresh_token_id", ""),
    ("refresh_token_expires_at", "/grant_expires_at"),
    ("dead_refresh_token", "/tokens/refresh_token"),
    ("dead_token_id", ""),
    ("died_at", "/tokens/refused_at"),
    ("dead_token_tried_at", "/tokens/tried_again_at"),
    ("access_token", "/tokens/access_token_obtained_at"),
    ("access_token_expires_at", "/tokens/access_token_expires_at"),
    ("access_token_obtained_at", "/tokens/access_token_obtained_at"),
    ("lease_holder", ""),
    ("lease_until", "/refresh/under_way_until"),
    ("refresh_failure", "/refresh/failed_because"),
    ("refresh_failures", "/refresh/failures"),
    ("refresh_retry_at", "/refresh/next_attempt_at"),
    ("sign_in_asked_at", "/refresh/sign_in_asked_at"),
    ("refreshed_at", "/refresh/last_succeeded_at"),
    ("version", "/writes"),
    ("write_id", ""),
    ("updated_at", "/last_written_at"),
    ("sessions_valid_from", "/sessions/valid_from"),
    ("era", ""),
];
/// The version of the form in which it is stored, and a mark for events.
const OF_THE_STORE: [&str; 2] = ["schema", "end_noticed_for"];

/// Asserts that the export says what each stored attribute holds, and that no attribute is new
/// here. Returns it.
async fn assert_says_all(world: &World) -> Value {
    let export = ask(world, "export", ANN).await.answer;
    for (name, value) in world.credential(ANN).as_object().unwrap() {
        if OF_THE_STORE.contains(&name.as_str()) {
            continue;
        }
        let (_, place) = ATTRIBUTES.iter().find(|(known, _)| known == name).expect(name);
        if place.is_empty() {
            continue;
        }
        let told = export.pointer(place).unwrap_or_else(|| panic!("{place} is not in {export}"));
        assert!(!told.is_null(), "{name}: {place} is null in {export}");
        let is_time = name.ends_with("_at") || name.ends_with("valid_from");
        if is_time && name != "refresh_retry_at" {
            assert_eq!(told.to_string(), value["N"].as_str().unwrap(), "{name}");
        }
    }
    export
}

#[tokio::test]
async fn an_export_says_all_that_is_stored_in_names_of_its_own() {
    let mut world = World::new().await;
    world.google.refresh_tokens_live_for(Some(std::time::Duration::from_hours(48)));
    world.sign_in(ANN).await;
    let export = assert_says_all(&world).await;
    assert_eq!(export["user"], json!({"id": world.sub(ANN), "email": ANN}));
    assert_eq!((&export["status"], &export["reason"]), (&json!("connected"), &Value::Null));
    assert_eq!(export["tokens"]["refresh_token"], "in use");
    assert_eq!(export["sessions"]["expire_within_seconds"], 7 * 24 * 3600);
    // The name under which the log has the user.
    let line = world.line_of(&ask(&world, "export", ANN).await);
    assert_eq!(line["user.id"], export["pseudonym"]);

    world.hold_lease(ANN, 5000);
    assert_says_all(&world).await;

    let world = World::expired().await;
    world.google.fail_refresh(Failure::Status(503), 9);
    world.messages("").await;
    let export = assert_says_all(&world).await;
    assert_eq!(export["refresh"]["failed_because"], "unavailable");

    let world = World::expired().await;
    world.google.fail_refresh(Failure::InvalidRapt, 1);
    world.messages("").await;
    let export = assert_says_all(&world).await;
    assert_eq!(export["refresh"]["failed_because"], "reauth_policy");

    let world = World::expired().await;
    world.google.fail_refresh(Failure::InvalidGrant, 1);
    world.messages("").await;
    let export = assert_says_all(&world).await;
    assert_eq!(export["tokens"]["refresh_token"], "refused, and kept for seven days");
    assert_eq!((&export["status"], &export["stored_status"]), (&json!("reauthorize"), &json!("revoked")));
}

#[test]
fn the_export_knows_every_attribute_of_the_credentials_table() {
    let storage = include_str!("../../../docs/storage.md");
    let (_, table) = storage.split_once("## Credentials table").unwrap();
    let (table, _) = table.split_once("The index").unwrap();
    let rows = table.lines().filter(|line| line.starts_with("| `"));
    let names = rows.flat_map(|row| row.split('|').nth(1).unwrap().split('`').skip(1).step_by(2));
    let known = ATTRIBUTES.iter().map(|(name, _)| *name).chain(OF_THE_STORE).chain(["user_id"]);
    let documented: BTreeSet<_> = names.chain(["user_id"]).collect();
    assert_eq!(documented, known.collect());
}

#[tokio::test]
async fn a110_neither_an_export_nor_a_list_shows_a_token_or_what_opens_one() {
    let world = World::signed_in().await;
    let alive = world.credential(ANN);
    let mut told = vec![ask(&world, "export", ANN).await.answer, ask(&world, "get", ANN).await.answer];
    told.push(list(&world, "active", &Value::Null).await);
    world.advance(3600);
    world.google.fail_refresh(Failure::InvalidGrant, 1);
    world.messages("").await;
    let dead = world.credential(ANN);
    told.push(ask(&world, "export", ANN).await.answer);
    told.push(list(&world, "revoked", &Value::Null).await);
    let told: String = told.iter().map(Value::to_string).collect();
    let secrets =
        ["refresh_token", "access_token", "dead_refresh_token", "refresh_token_id", "era", "write_id"];
    let mut looked_for = 0;
    for secret in [&alive, &dead].into_iter().flat_map(|item| secrets.map(|name| &item[name]["S"])) {
        if let Some(secret) = secret.as_str() {
            assert!(!told.contains(secret), "it shows {secret}");
            looked_for += 1;
        }
    }
    assert!(looked_for >= 8, "{looked_for}");
    assert!(!told.contains("v2.") && !told.contains("v1."), "nothing sealed: {told}");
}
