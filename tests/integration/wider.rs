//! A sign-in with a narrower grant than the stored one: the stored grant stays as long as it works.

use std::time::Duration;

use futures_util::future::join;
use harness::Fault;
use harness::google::{Failure, Rotation, Times};
use harness::world::{ANN, MODIFY, World, invoke, is_sealed_with, until};
use serde_json::{Value, json};

/// Ann's grant covers `gmail.modify`, which the configuration does not ask for.
async fn connected_with_more() -> World {
    let mut world = World::new().await;
    let narrow = world.configure(&[("GMAIL_SCOPES", MODIFY)]);
    world.sign_in(ANN).await;
    world.app = narrow;
    world
}

/// Ann signs in once more, and Google sends a refresh token for the configured scopes. Returns her
/// item before and after.
async fn signed_in_with_less(world: &mut World) -> (Value, Value) {
    let before = world.credential(ANN);
    let tokens = world.google.live_refresh_tokens(ANN);
    world.sign_in(ANN).await;
    assert!(world.google.live_refresh_tokens(ANN) > tokens, "Google sent a refresh token");
    (before, world.credential(ANN))
}

#[tokio::test]
async fn f93_a_grant_that_still_works_is_not_replaced_by_a_narrower_one() {
    let mut world = connected_with_more().await;
    let (before, after) = signed_in_with_less(&mut world).await;
    for attribute in ["scopes", "refresh_token", "refresh_token_id", "client_id", "status"] {
        assert_eq!(after[attribute], before[attribute], "{attribute}");
    }
    world.advance(3600);
    world.lists().await;
}

#[tokio::test]
async fn f62_f93_a_wider_grant_that_stays_is_sealed_again() {
    let mut world = connected_with_more().await;
    world.rotate_keyring();
    world.advance(301);
    let (before, after) = signed_in_with_less(&mut world).await;
    assert_eq!(after["refresh_token_id"], before["refresh_token_id"]);
    assert!(is_sealed_with(&after["refresh_token"], "k2"));
    world.advance(3600);
    world.lists().await;
}

#[tokio::test]
async fn f93_a_token_rotated_while_the_wider_grant_is_tried_is_stored() {
    let mut world = connected_with_more().await;
    world.google.rotate_refresh_tokens(Rotation::OldDies);
    let (before, after) = signed_in_with_less(&mut world).await;
    assert_eq!(after["scopes"], before["scopes"]);
    assert_ne!(after["refresh_token_id"], before["refresh_token_id"]);
    world.advance(3600);
    world.lists().await;
}

#[tokio::test]
async fn f31_f93_a_death_while_a_token_rotated_at_a_sign_in_is_stored_is_one_that_it_survives() {
    let mut world = connected_with_more().await;
    let list = world.list().event().to_string();
    world.google.rotate_refresh_tokens(Rotation::OldDies);
    world.advance(3600);
    let query = world.consented_again(ANN).await;
    let callback = world.callback_of(&query).event().to_string();
    // Another request uses the old token, which Google no longer accepts, before the new one is
    // stored.
    world.forget_calls();
    world.dynamodb.fail("UpdateItem", Fault::Delay(Duration::from_millis(500)), 1);
    let budget = Duration::from_secs(8);
    let other = async {
        until(|| !world.dynamodb.calls_of("UpdateItem").is_empty()).await;
        invoke(Ok(&world.app), &list, budget).await
    };
    let callback = invoke(Ok(&world.app), &callback, budget);
    let (signed_in, refused) = join(callback, other).await;
    assert_eq!(refused.reason(), "revoked_or_expired");
    world.jar.set("__Host-session", signed_in.set_cookie("__Host-session").unwrap());
    let item = world.credential(ANN);
    assert_eq!(item["status"]["S"], "active");
    assert!(item["scopes"]["S"].as_str().unwrap().contains("gmail.modify"));
    world.lists().await;
}

#[tokio::test]
async fn f93_a_wider_grant_that_covers_less_than_it_did_is_replaced() {
    let mut world = connected_with_more().await;
    let scope = "openid email https://www.googleapis.com/auth/gmail.readonly";
    let body = json!({"access_token": "ya29.a0planted-narrow", "expires_in": 3599, "token_type": "Bearer", "scope": scope});
    let narrow = Failure::json(&body);
    world.google.fail_refresh(narrow, 1);
    let (before, after) = signed_in_with_less(&mut world).await;
    assert_ne!(after["refresh_token_id"], before["refresh_token_id"]);
    assert!(!after["scopes"]["S"].as_str().unwrap().contains("gmail.modify"));
}

#[tokio::test]
async fn f62_f93_a_sign_in_with_a_token_of_its_own_does_not_need_the_stored_one() {
    let mut world = World::signed_in().await;
    let mut item = world.credential(ANN);
    let sealed = item["refresh_token"]["S"].as_str().unwrap().replace(".k1.", ".k7.");
    item["refresh_token"]["S"] = json!(sealed);
    world.put(item);
    let query = world.consented_again(ANN).await;
    world.secrets.fail("BatchGetSecretValue", Fault::BROKEN, 100);
    world.callback(&query).await.session();
    world.lists().await;
}

#[tokio::test]
async fn f89_f93_while_google_does_not_say_whether_the_wider_grant_works_it_stays() {
    let mut world = connected_with_more().await;
    world.google.fail_refresh(Failure::Status(500), Times::UntilCleared);
    world.advance(3600);
    assert_eq!(world.messages("").await.code(), "upstream_unavailable");
    let (before, after) = signed_in_with_less(&mut world).await;
    assert_eq!(after["refresh_token"], before["refresh_token"]);
    assert_eq!(after["scopes"], before["scopes"]);
    assert!(before.get("refresh_failure").is_some() && after.get("refresh_failure").is_none());
    world.google.clear_all();
    world.lists().await; // A sign-in clears what is remembered.
}

#[tokio::test]
async fn f93_a_wider_grant_that_google_refuses_is_replaced_whatever_the_reason() {
    for failure in [Failure::InvalidGrant, Failure::InvalidRapt, Failure::AdminPolicyEnforced] {
        let mut world = connected_with_more().await;
        world.google.fail_refresh(failure.clone(), 1);
        let (before, after) = signed_in_with_less(&mut world).await;
        assert_ne!(after["refresh_token_id"], before["refresh_token_id"], "{failure:?}");
        assert!(!after["scopes"]["S"].as_str().unwrap().contains("gmail.modify"));
        world.advance(3600);
        world.lists().await;
    }
}

#[tokio::test]
async fn f93_a_wider_grant_that_was_stored_meanwhile_is_not_overwritten() {
    let mut world = World::new().await;
    let query = world.consented(ANN).await;
    let narrow_callback = world.callback_of(&query);
    let narrow = world.configure(&[("GMAIL_SCOPES", MODIFY)]);
    world.jar.clear();
    let query = world.consented(ANN).await;
    let wide_callback = world.callback_of(&query);
    // The narrow callback has read that nothing is stored. Then the wide one stores its grant.
    world.dynamodb.fail("UpdateItem", Fault::Delay(Duration::from_millis(400)), 1);
    let later = async {
        until(|| !world.dynamodb.calls_of("UpdateItem").is_empty()).await;
        world.send(&wide_callback).await
    };
    let (first, second) = join(world.send_to(&narrow, &narrow_callback), later).await;
    assert!(first.begins_session() && second.begins_session());
    assert!(world.credential(ANN)["scopes"]["S"].as_str().unwrap().contains("gmail.modify"));
}

#[tokio::test]
async fn f93_a_grant_with_metadata_is_replaced_by_one_that_searches() {
    let mut world = World::signed_in().await;
    world.edit(ANN, |item| {
    item["scopes"] =
        json!({"S": "email https://mail.google.com/ https://www.googleapis.com/auth/gmail.metadata openid"});
    });
    let answer = world.messages("q=x").await;
    assert_eq!(answer.code(), "insufficient_scope");
    world.authorize_again(&answer, ANN).await;
    assert_eq!(world.messages("q=x").await.status, 200);
}
