//! Tokens at rest: what their seals are bound to, seals of the previous format, and missing keys.

use harness::Fault;
use harness::google::Failure;
use harness::stack::CREDENTIALS_TABLE;
use harness::world::{ANN, Call, KEYRING, World, forces_consent, is_sealed_with};
use serde_json::json;

/// Sealed for Ann by the previous version with the key of these tests, and bound to the table's
/// name.
const YESTERDAYS_REFRESH_TOKEN: &str =
    "v1.k1.rNUUsiivG8Ffvq3_4RZcvCPLlKyt5kFBi8nMoRBX0jSNZ8l5FYKwnq0kWikbD0jS04shz06Sp6Z9yqkrbYu3-jxG";
const YESTERDAYS_ACCESS_TOKEN: &str =
    "v1.k1.p5CL87sh7KbNmMWIvSEPg-ApLjXHYM7Rt739t5KG7zooVwp-8KYypp4KAgRQCu6xyvT45ROUuUUOE6u_Et5Wk35PvfY";
/// The token in the first.
const PLANTED: &str = "1//0planted-refresh-token-of-yesterday";

#[tokio::test]
async fn a84_an_old_sealed_token_put_back_in_its_place_does_not_open() {
    let mut world = World::signed_in().await;
    let old = world.credential(ANN);
    let query = world.consented_again(ANN).await;
    world.callback(&query).await;
    for attribute in ["access_token", "refresh_token"] {
        let mut item = world.credential(ANN);
        assert_ne!(item["refresh_token_id"], old["refresh_token_id"]);
        item[attribute] = old[attribute].clone();
        world.put(item);
        world.forget_calls();
        assert_eq!(world.messages("").await.reason(), "seal_broken", "{attribute}");
        assert_eq!(world.google_calls(), []);
        world.advance(3600);
    }
}

#[tokio::test]
async fn a84_a_token_does_not_open_as_another_clients() {
    let mut world = World::signed_in().await;
    world.edit(ANN, |item| {
        item["client_id"] = json!({"S": "2-other.apps.googleusercontent.com"});
    });
    world.cold_start();
    world.forget_calls();
    assert_eq!(world.messages("").await.reason(), "seal_broken");
    assert_eq!(world.google_calls(), []);
}

#[tokio::test]
async fn a84_a_restored_table_works_under_a_name_of_its_own() {
    let mut world = World::signed_in().await;
    let restored = "CredentialsTable-restored";
    let mut tables = harness::template::tables();
    tables.retain(|table| table.name == CREDENTIALS_TABLE);
    tables[0].name = restored.to_owned();
    world.dynamodb.create_tables(&tables);
    world.dynamodb.put(restored, world.credential(ANN));
    world.configure(&[("CREDENTIALS_TABLE", restored)]);
    world.lists().await;
    world.advance(3600);
    world.lists().await;
}

#[tokio::test]
async fn a_token_of_yesterdays_form_opens_and_is_sealed_again_at_its_next_write() {
    let world = World::signed_in().await;
    let mut item = world.credential(ANN);
    item["refresh_token"] = json!({"S": YESTERDAYS_REFRESH_TOKEN});
    item["access_token"] = json!({"S": YESTERDAYS_ACCESS_TOKEN});
    world.put(item.clone());
    // Gmail does not know the planted access token, so both are used.
    world.forget_calls();
    let body = json!({"access_token": "ya29.a0planted", "expires_in": 3599, "token_type": "Bearer"});
    world.google.fail_refresh(Failure::json(&body), 1);
    world.messages("").await;
    let calls = world.google.calls();
    assert_eq!(calls[0].bearer(), Some("ya29.a0planted-access-token-of-yesterday"));
    assert_eq!(calls[1].form_value("refresh_token").as_deref(), Some(PLANTED));
    let after = world.credential(ANN);
    for attribute in ["refresh_token", "access_token"] {
        assert!(after[attribute]["S"].as_str().unwrap().starts_with("v2.k1."), "{attribute}");
    }
    assert_eq!(after["refresh_token_id"], item["refresh_token_id"]);
}

#[tokio::test]
async fn a_sign_in_that_brings_no_refresh_token_seals_yesterdays_again() {
    let mut world = World::signed_in().await;
    let mut item = world.credential(ANN);
    item["refresh_token"] = json!({"S": YESTERDAYS_REFRESH_TOKEN});
    world.put(item.clone());
    world.sign_in(ANN).await;
    let after = world.credential(ANN);
    assert!(is_sealed_with(&after["refresh_token"], "k1"));
    assert_eq!(after["refresh_token_id"], item["refresh_token_id"]);
}

#[tokio::test]
async fn f62_a_token_whose_key_is_gone_leads_to_consent_and_raises_the_alarm() {
    let mut world = World::signed_in().await;
    let other = r#"{"primary":"k9","k9":"another-planted-key-0123456789abcdefghijklm"}"#;
    world.plant("another-planted-key-0123456789abcdefghijklm");
    // Twice, so that the secret's previous version lacks the key too.
    world.secrets.put(KEYRING, other);
    world.secrets.put(KEYRING, other);
    world.cold_start();
    let item = world.credential(ANN);
    world.jar.clear();
    // The session belongs to the old key too. The person signs in, and Google sends no refresh
    // token.
    let answer = world.attempt(ANN).await;
    assert_eq!(world.credential(ANN), item, "kept");
    assert!(forces_consent(answer.location()), "{answer:?}");
    world.come_back(answer.location(), ANN).await.session();
    world.lists().await;
    let counted = world.metrics().counted();
    assert!(counted.iter().any(|metric| metric.starts_with("SealFailures ")), "{counted:?}");
}

#[tokio::test]
async fn f62_a_key_that_is_gone_is_said_to_the_caller_as_a_broken_seal() {
    let mut world = World::signed_in().await;
    let mut item = world.credential(ANN);
    for attribute in ["access_token", "refresh_token"] {
        let sealed = item[attribute]["S"].as_str().unwrap().replace(".k1.", ".k7.");
        item[attribute]["S"] = json!(sealed);
    }
    world.put(item.clone());
    let answer = world.messages("").await;
    assert_eq!(answer.reason(), "seal_broken");
    assert_eq!(world.credential(ANN), item, "kept as it is");
    world.authorize_again(&answer, ANN).await;
    world.lists().await;
}

#[tokio::test]
async fn f62_while_the_keyring_cannot_be_read_again_no_key_is_taken_for_gone() {
    let world = World::signed_in().await;
    let mut item = world.credential(ANN);
    let sealed = item["access_token"]["S"].as_str().unwrap().replace(".k1.", ".k7.");
    item["access_token"]["S"] = json!(sealed);
    world.put(item);
    world.secrets.fail("GetSecretValue", Fault::BROKEN, 100);
    assert_eq!(world.messages("").await.problem(), (503, "secrets_unavailable"));
}

#[tokio::test]
async fn f62_a_key_that_was_added_a_moment_ago_is_found_by_a_process_that_has_just_read_the_keyring() {
    let world = World::signed_in().await;
    // This process misses a key and reads the keyring again to find it.
    let good = world.credential(ANN);
    let mut odd = good.clone();
    odd["access_token"]["S"] = json!(good["access_token"]["S"].as_str().unwrap().replace(".k1.", ".k7."));
    world.put(odd);
    assert_eq!(world.messages("").await.reason(), "seal_broken");
    world.put(good);
    // Then the keyring is rotated, and a newer process seals with the new key.
    world.rotate_keyring();
    let call = world.list();
    world.google.expire_all_access_tokens();
    let newer = world.environment(&[]);
    let answer = world.send_to(&newer, &call).await;
    assert_eq!(answer.status, 200);
    assert!(is_sealed_with(&world.credential(ANN)["access_token"], "k2"));
    world.lists().await;
}

#[tokio::test]
async fn the_keyring_before_this_one_opens_no_session_of_the_first_form_and_no_flow() {
    let mut world = World::signed_in().await;
    let token = world.sign_in_with_a_token_of_the_first_form(ANN);
    let list = Call::list("").session(&token);
    assert_eq!(world.send(&list).await.status, 200);
    let query = world.consented(ANN).await;
    world.replace_keyring("k9");
    world.cold_start();
    assert_eq!(world.send(&list).await.reason(), "session_expired");
    assert_eq!(world.callback(&query).await.problem(), (400, "state_mismatch"));
}
