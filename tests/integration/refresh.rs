//! What happens when the access token is about to expire, has expired, or is refused.

use std::time::Duration;

use harness::Fault;
use harness::google::{Endpoint, Failure, Rotation, Times};
use harness::world::{ANN, Call, GOOGLE_CLIENT, World, invoke, is_sealed_with, until};
use serde_json::json;

#[tokio::test]
async fn f32_of_many_environments_one_refreshes_and_all_answer() {
    for environments in [2, 10] {
        let world = World::expired().await;
        let others: Vec<_> = (0..environments).map(|_| world.environment(&[])).collect();
        let call = world.list().event().to_string();
        let budget = Duration::from_secs(8);
        let answers = others.iter().map(|app| invoke(Ok(app), &call, budget));
        for answer in futures_util::future::join_all(answers).await {
            assert_eq!(answer.status, 200, "{answer:?}");
        }
        assert_eq!(world.refreshes(), 1);
    }
}

#[tokio::test]
async fn a61_a_refresh_without_a_refresh_token_in_its_answer_keeps_the_stored_one() {
    let world = World::expired().await;
    let before = world.kept(ANN);
    world.lists().await;
    assert_eq!(world.kept(ANN), before);
    assert_eq!(world.credential(ANN)["access_token_obtained_at"]["N"], "1793503600");
    assert!(world.credential(ANN).get("lease_holder").is_none(), "the lease is given back");
    let update = &world.dynamodb.calls_of("UpdateItem")[1].body;
    assert!(!update["ExpressionAttributeNames"].to_string().contains("\"refresh_token\""));
}

#[tokio::test]
async fn within_five_minutes_of_its_end_a_token_is_used_and_the_next_one_got() {
    let world = World::ageing().await;
    world.lists().await;
    assert_eq!(world.refreshes(), 1);
    assert_eq!(world.dynamodb_calls(), ["BatchGetItem", "UpdateItem", "UpdateItem"]);
    world.forget_calls();
    world.lists().await;
    assert_eq!(world.refreshes(), 0);
}

#[tokio::test]
async fn a_refresh_ahead_that_fails_does_not_fail_the_request() {
    let world = World::ageing().await;
    world.google.fail_refresh(Failure::AdminPolicyEnforced, 1);
    world.lists().await;
}

#[tokio::test]
async fn f36_a_token_that_gmail_does_not_accept_is_renewed_once_and_the_call_made_again() {
    let world = World::signed_in().await;
    world.google.expire_all_access_tokens();
    world.forget_calls();
    world.lists().await;
    assert_eq!(world.google_calls(), [Endpoint::MessagesList, Endpoint::Token, Endpoint::MessagesList]);
    world.forget_calls();
    let before = world.kept(ANN);
    world.google.fail(Endpoint::MessagesList, Failure::InvalidCredentials, Times::UntilCleared);
    assert_eq!(world.messages("").await.reason(), "revoked_or_expired");
    assert_eq!(world.google_calls(), [Endpoint::MessagesList, Endpoint::Token, Endpoint::MessagesList]);
    assert_eq!(world.kept(ANN), before, "only the token endpoint declares a grant dead");
}

#[tokio::test]
async fn f24_f37_a_dead_grant_is_buried_once_and_the_user_asked_again() {
    for failure in [Failure::InvalidGrant, Failure::InvalidGrantBadRequest] {
        let mut world = World::expired().await;
        world.google.fail_refresh(failure, Times::UntilCleared);
        let answer = world.messages("").await;
        assert_eq!(answer.problem(), (401, "reauthorization_required"));
        assert_eq!(answer.reason(), "revoked_or_expired");
        let item = world.credential(ANN);
        assert_eq!(item["status"]["S"], "revoked");
        assert!(item.get("refresh_token").is_none() && item.get("access_token").is_none());
        world.forget_calls();
        assert_eq!(world.messages("").await.status, 401);
        assert_eq!(world.google_calls(), [], "a dead grant is not asked for again");
        world.google.clear_all();
        world.authorize_again(&answer, ANN).await.session();
        world.lists().await;
    }
}

#[tokio::test]
async fn f25_f26_f27_policy_and_the_operators_faults_keep_the_grant() {
    for (failure, status, code, reason) in [
        (Failure::InvalidRapt, 401, "reauthorization_required", json!("reauth_policy")),
        (Failure::AdminPolicyEnforced, 403, "blocked_by_admin", json!(null)),
        (Failure::InvalidClient, 503, "config_error", json!(null)),
    ] {
        let world = World::expired().await;
        let before = world.kept(ANN);
        world.google.fail_refresh(failure.clone(), Times::UntilCleared);
        let answer = world.messages("").await;
        assert_eq!(answer.problem(), (status, code), "{failure:?}");
        assert_eq!(answer.json()["reason"], reason);
        assert_eq!(answer.json()["authorization_url"].is_string(), status == 401);
        assert_eq!(world.kept(ANN), before, "{failure:?}");
        world.google.clear_all();
        world.advance(1);
        assert_eq!(world.messages("").await.status, 200, "it works again after {failure:?}");
    }
}

#[tokio::test]
async fn f28_f29_f30_a_passing_failure_keeps_the_grant_and_is_repeated_or_said() {
    for (failure, status) in [
        (Failure::Status(503), 200),
        (Failure::ResetAfterReading, 200),
        (Failure::oauth(400, "temporarily_unavailable"), 200),
        (Failure::NotJson, 502),
        (Failure::ErrorWithinSuccess, 502),
    ] {
        let world = World::expired().await;
        let before = world.kept(ANN);
        world.google.fail_refresh(failure.clone(), 1);
        let answer = world.messages("").await;
        assert_eq!(answer.status, status, "{failure:?}");
        assert_eq!(world.kept(ANN), before);
        world.advance(1);
        world.lists().await;
    }
}

#[tokio::test]
async fn f28_while_google_is_down_the_answer_says_when_to_come_back() {
    let world = World::expired().await;
    let before = world.kept(ANN);
    world.google.fail_refresh(Failure::Status(503), Times::UntilCleared);
    let answer = world.messages("").await;
    assert_eq!(answer.problem(), (503, "upstream_unavailable"));
    assert!(answer.headers.contains_key("retry-after"));
    assert_eq!(world.refreshes(), 3);
    assert_eq!(world.kept(ANN), before);
    assert!(world.credential(ANN).get("lease_holder").is_none(), "the lease is given back");
}

#[tokio::test]
async fn f31_f33_a_rotated_refresh_token_is_stored_before_the_call_and_goes_on_working() {
    for rotation in [Rotation::OldDies, Rotation::ReuseEndsFamily] {
        let world = World::expired().await;
        world.google.rotate_refresh_tokens(rotation);
        let before = world.kept(ANN);
        for _ in 0..3 {
            world.lists().await;
            world.advance(3600);
        }
        assert_ne!(world.kept(ANN), before);
        assert_eq!(world.refreshes(), 3);
    }
}

#[tokio::test]
async fn f31_a_rotated_refresh_token_is_not_lost_while_the_store_fails() {
    let world = World::expired().await;
    world.google.rotate_refresh_tokens(Rotation::OldDies);
    let refreshed = async {
        until(|| world.refreshes() > 0).await;
        world.dynamodb.fail("UpdateItem", Fault::BROKEN, 4);
    };
    let (answer, ()) = futures_util::future::join(world.messages(""), refreshed).await;
    assert_eq!(answer.status, 200);
    world.dynamodb.end_faults().await;
    world.advance(3600);
    world.lists().await;
}

#[tokio::test]
async fn f35_a_refresh_that_fails_meets_a_newer_consent_and_uses_it() {
    let mut world = World::expired().await;
    let query = world.consented_again(ANN).await;
    let callback = world.with_cookies(Call::get("/oauth/callback", &query));
    let list = world.list();
    // Google refuses the old token. While the function reads the credential again, another browser
    // consents.
    world.google.fail_refresh(Failure::InvalidGrant, 1);
    world.dynamodb.fail("GetItem", Fault::Delay(Duration::from_millis(600)), 1);
    let consent = async {
        until(|| !world.dynamodb.calls_of("GetItem").is_empty()).await;
        world.send(&callback).await
    };
    let (listed, signed_in) = futures_util::future::join(world.send(&list), consent).await;
    signed_in.session();
    assert_eq!(listed.status, 200, "{listed:?}");
    world.keep_cookies(&signed_in);
    assert_eq!(world.credential(ANN)["status"]["S"], "active");
    world.lists().await;
}

#[tokio::test]
async fn a_lease_whose_holder_died_runs_out() {
    let world = World::expired().await;
    world.hold_lease(ANN, 300);
    let later = async {
        tokio::time::sleep(Duration::from_millis(200)).await;
        world.advance(1);
    };
    let (answer, ()) = futures_util::future::join(world.messages(""), later).await;
    assert_eq!(answer.status, 200, "{answer:?}");
    assert_eq!(world.refreshes(), 1);
}

#[tokio::test]
async fn f61_a_client_secret_that_was_rotated_is_read_again() {
    let world = World::expired().await;
    world.lists().await;
    world.advance(3600);
    world.replace_client_secret("GOCSPX-the-newer-planted-secret");

    world.store_client();
    let answer = world.messages("").await;
    assert_eq!(answer.status, 200, "{answer:?}");
}

#[tokio::test]
async fn f61_a_secret_that_google_does_not_know_yet_falls_back_to_the_one_before() {
    let world = World::expired().await;
    let mut newer: serde_json::Value =
        serde_json::from_str(&world.google.client_secrets(&["https://api.example.com/oauth/callback"]))
            .unwrap();
    newer["web"]["client_secret"] = json!("GOCSPX-not-known-to-google-yet");
    world.secrets.put(GOOGLE_CLIENT, &newer.to_string());
    world.advance(300);
    let answer = world.messages("").await;
    assert_eq!(answer.status, 200, "{answer:?}");
}

#[tokio::test]
async fn f62_a_rotated_keyring_goes_on_opening_what_the_old_key_sealed() {
    let mut world = World::signed_in().await;
    world.rotate_keyring();

    let old_environment = world.environment(&[]);
    world.advance(300);
    world.lists().await;
    world.jar.clear();
    world.sign_in(ANN).await;
    assert!(is_sealed_with(&world.credential(ANN)["refresh_token"], "k2"));
    drop(old_environment);
}

#[tokio::test]
async fn f91_an_access_token_that_covers_less_than_the_grant_serves_its_request_and_is_not_stored() {
    let world = World::expired().await;
    let before = world.credential(ANN);
    let narrow = |scope: &str| {
        let body = json!({"access_token": "ya29.a0planted-narrow", "expires_in": 3599, "token_type": "Bearer", "scope": scope});
        Failure::json(&body)
    };
    world.google.fail_refresh(narrow("openid email"), 1);
    world.messages("").await;
    let after = world.credential(ANN);
    for attribute in ["access_token", "access_token_expires_at", "scopes", "refresh_token", "status"] {
        assert_eq!(after[attribute], before[attribute], "{attribute}");
    }
    assert!(after.get("lease_holder").is_none(), "the lease is given back");
    world.lists().await; // The next request asks again.
}

#[tokio::test]
async fn f91_a_sign_in_whose_access_token_covers_less_than_the_stored_grant_keeps_the_stored_one() {
    let mut world = World::new().await;
    let both = "https://www.googleapis.com/auth/gmail.modify https://www.googleapis.com/auth/gmail.readonly";
    let narrow = world.configure(&[("GMAIL_SCOPES", both)]);
    world.sign_in(ANN).await;
    let before = world.credential(ANN);
    world.app = narrow;
    world.sign_in(ANN).await;
    let after = world.credential(ANN);
    for attribute in
        ["access_token", "access_token_expires_at", "scopes", "refresh_token", "refresh_token_id"]
    {
        assert_eq!(after[attribute], before[attribute], "{attribute}");
    }
    world.lists().await;
}

#[tokio::test]
async fn f31_beside_a_rotated_refresh_token_no_access_token_of_the_one_before_is_left() {
    let world = World::ageing().await;
    // Google rotates the token early and does not say how long the access token is valid, so that
    // is not kept.
    let body =
        json!({"access_token": "ya29.a0planted", "refresh_token": "1//0planted", "token_type": "Bearer"});
    let rotated = Failure::json(&body);
    world.google.fail_refresh(rotated, 1);
    world.lists().await;
    assert!(world.credential(ANN).get("access_token").is_none());
    world.google.fail_refresh(Failure::Status(400), 1);
    assert_ne!(world.messages("").await.reason(), "seal_broken");
}
