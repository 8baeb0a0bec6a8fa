//! A refresh token that Google refused is set aside, tried again later, and restored if Google then
//! accepts it.

use std::time::Duration;

use futures_util::future::join;
use harness::Fault;
use harness::google::{Failure, Times};
use harness::world::{ANN, BEN, MODIFY, World, forces_consent, is_sealed_with, until};
use serde_json::{Value, json};

/// A user whose refresh token Google has refused.
async fn refused(failure: Failure) -> World {
    let world = World::expired().await;
    world.google.fail_refresh(failure, Times::UntilCleared);
    assert_eq!(world.messages("").await.reason(), "revoked_or_expired");
    world.forget_calls();
    world
}

#[tokio::test]
async fn f90_a_dead_token_is_set_aside_and_tried_once_more_ten_minutes_later() {
    let world = refused(Failure::InvalidGrant).await;
    let item = world.credential(ANN);
    assert_eq!(item["status"]["S"], "revoked");
    assert!(item.get("refresh_token").is_none() && item.get("access_token").is_none());
    assert!(is_sealed_with(&item["dead_refresh_token"], "k1"));
    for _ in 0..3 {
        assert_eq!(world.messages("").await.status, 401);
    }
    world.advance(599);
    assert_eq!(world.messages("").await.status, 401);
    assert_eq!((world.google_calls(), world.dynamodb_calls()), (vec![], vec!["BatchGetItem".into(); 4]));
    world.advance(1);
    assert_eq!(world.messages("").await.reason(), "revoked_or_expired");
    assert_eq!(world.refreshes(), 1, "once");
    world.forget_calls();
    assert_eq!(world.messages("").await.status, 401);
    assert_eq!(world.google_calls(), [], "and not again at once");
}

#[tokio::test]
async fn f90_an_incident_of_an_hour_sends_nobody_through_consent() {
    for failure in [Failure::InvalidGrant, Failure::InvalidGrantBadRequest] {
        let world = refused(failure).await;
        let id = world.credential(ANN)["dead_token_id"]["S"].clone();
        for _ in 0..6 {
            world.advance(600);
            assert_eq!(world.messages("").await.status, 401);
        }
        world.google.clear_all();
        world.advance(600);
        world.lists().await;
        let item = world.credential(ANN);
        assert_eq!((&item["status"]["S"], &item["refresh_token_id"]["S"]), (&json!("active"), &id));
        let names = item.as_object().unwrap().keys();
        let left: Vec<&String> =
            names.filter(|name| name.starts_with("dead_") || name.starts_with("died_")).collect();
        assert_eq!(left, Vec::<&String>::new());
        world.advance(3600);
        world.lists().await; // And it keeps working.
    }
}

#[tokio::test]
async fn f90_a_dead_token_serves_no_sign_in() {
    let mut world = refused(Failure::InvalidGrant).await;
    world.google.clear_all();
    world.advance(600);
    world.google.omit_refresh_token(Times::UntilCleared);
    let answer = world.attempt(ANN).await;
    assert!(forces_consent(answer.location()), "{answer:?}");
    assert_eq!(world.refreshes(), 0);
}

#[tokio::test]
async fn f90_a_second_try_that_meets_trouble_leaves_the_way_out_and_waits_another_ten_minutes() {
    for failure in [
        Failure::Status(503),
        Failure::NotJson,
        Failure::InvalidRapt,
        Failure::AdminPolicyEnforced,
        Failure::InvalidClient,
    ] {
        let world = refused(Failure::InvalidGrant).await;
        world.google.clear_all();
        world.google.fail_refresh(failure.clone(), Times::UntilCleared);
        world.advance(600);
        for _ in 0..2 {
            let answer = world.messages("").await;
            assert_eq!(answer.reason(), "revoked_or_expired");
            assert!(answer.json()["authorization_url"].is_string(), "{failure:?}");
        }
        world.forget_calls();
        world.advance(599);
        assert_eq!(world.messages("").await.status, 401);
        assert_eq!(world.google_calls(), [], "{failure:?}");
        world.google.clear_all();
        world.advance(1);
        assert_eq!(world.messages("").await.status, 200, "{failure:?}");
    }
}

#[tokio::test]
async fn f90_a_second_try_that_meets_trouble_does_not_end_a_grant_that_is_alive_again() {
    let world = refused(Failure::InvalidGrant).await;
    world.google.clear_all();
    world.advance(600);
    world.google.fail_refresh(Failure::AdminPolicyEnforced, 1);
    // The request that failed reads the credential late. By then its lease has expired, and another
    // request has succeeded.
    world.dynamodb.fail("GetItem", Fault::Delay(Duration::from_millis(700)), 1);
    let list = world.list();
    let others = world.environment(&[]);
    let other = async {
        until(|| !world.dynamodb.calls_of("GetItem").is_empty()).await;
        world.advance(6);
        world.send_to(&others, &list).await
    };
    let (late, lucky) = join(world.send(&list), other).await;
    assert_eq!((late.status, lucky.status), (200, 200));
    assert_eq!(world.credential(ANN)["status"]["S"], "active");
}

#[tokio::test]
async fn f61_f90_a_client_that_is_refused_at_a_second_try_is_remembered_for_every_user() {
    let mut world = refused(Failure::InvalidGrant).await;
    let anns = world.list();
    world.google.clear_all();
    world.jar.clear();
    world.sign_in(BEN).await;
    world.advance(3600);
    world.google.fail_refresh(Failure::InvalidClient, Times::UntilCleared);
    world.messages("").await;
    world.advance(1);
    world.forget_calls();
    assert_eq!(world.send(&anns).await.status, 401);
    assert_eq!(world.refreshes(), 1);
    assert_eq!(world.messages("").await.code(), "config_error");
    assert_eq!(world.refreshes(), 1, "answered from memory");
}

#[tokio::test]
async fn f61_f90_a_second_try_after_which_no_other_secret_can_be_read_counts_as_one() {
    let world = refused(Failure::InvalidGrant).await;
    world.google.clear_all();
    world.advance(600);
    world.google.fail_refresh(Failure::InvalidClient, Times::UntilCleared);
    world.secrets.fail("BatchGetSecretValue", Fault::BROKEN, 100);
    assert_eq!(world.messages("").await.status, 401);
    world.google.clear_all();
    world.forget_calls();
    world.advance(599);
    assert_eq!(world.messages("").await.status, 401);
    assert_eq!(world.google_calls(), []);
}

#[tokio::test]
async fn f90_after_seven_days_the_first_request_erases_what_was_set_aside() {
    let world = refused(Failure::InvalidGrant).await;
    world.google.clear_all();
    // As if the token had died a week ago.
    let mut item = world.credential(ANN);
    let seconds = |value: &Value| value["N"].as_str().unwrap().parse::<i64>().unwrap();
    for name in ["died_at", "dead_token_tried_at"] {
        item[name] = json!({"N": (seconds(&item[name]) - 7 * 24 * 3600).to_string()});
    }
    world.put(item);
    assert_eq!(world.messages("").await.reason(), "revoked_or_expired");
    assert_eq!(world.google_calls(), []);
    let item = world.credential(ANN);
    assert!(item.get("dead_refresh_token").is_none(), "{item}");
    assert!(item["dead_token_id"]["S"].is_string(), "its name stays");
}

#[tokio::test]
async fn f90_a_dead_token_of_another_client_or_too_narrow_is_not_tried() {
    let mut world = refused(Failure::InvalidGrant).await;
    world.google.clear_all();
    world.advance(600);
    world.configure(&[("GMAIL_SCOPES", MODIFY)]);
    world.forget_calls();
    assert_eq!(world.messages("").await.reason(), "revoked_or_expired");
    world.change_client();
    world.configure(&[]);
    assert_eq!(world.messages("").await.reason(), "revoked_or_expired");
    assert_eq!(world.google_calls(), []);
}

#[tokio::test]
async fn f90_a_new_consent_ends_what_was_set_aside() {
    let mut world = refused(Failure::InvalidGrant).await;
    let answer = world.messages("").await;
    world.google.clear_all();
    world.authorize_again(&answer, ANN).await;
    assert!(world.credential(ANN).get("dead_refresh_token").is_none());
    world.lists().await;
}

#[tokio::test]
async fn f89_f90_a_refused_client_leaves_the_owner_of_a_dead_grant_the_way_out() {
    let (world, bens) = World::with_ben().await;
    world.advance(3600);
    world.google.fail_refresh(Failure::InvalidGrant, 1);
    assert_eq!(world.messages("").await.reason(), "revoked_or_expired");
    world.advance(600);
    world.replace_client_secret("GOCSPX-the-newer-planted-secret");
    assert_eq!(world.send(&bens).await.code(), "config_error");
    world.forget_calls();
    // The second chance is due, but the client is known to be refused. Consent still helps.
    assert_eq!(world.messages("").await.reason(), "revoked_or_expired");
    assert_eq!(world.google_calls(), []);
}
