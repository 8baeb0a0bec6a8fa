//! `GET /connection`: what a page learns about its user, for every status and reason.

use std::time::Duration;

use harness::Fault;
use harness::google::{Failure, Times};
use harness::world::{ANN, Call, MODIFY, READONLY, START, World};
use serde_json::{Value, json};

const START_URL: &str = "https://api.example.com/auth/start";

/// The answer for nobody.
fn signed_out(reason: &str) -> Value {
    json!({
        "status": "signed_out", "reason": reason, "user": null, "scopes": [], "missing_scopes": [],
        "connected_at": null, "grant_expires_at": null, "receipt": null, "start_url": START_URL,
    })
}

/// The answer for somebody who is connected, and gets a receipt, without it.
fn without_receipt(mut told: Value) -> Value {
    let receipt = told.as_object_mut().unwrap().remove("receipt").unwrap();
    assert!(receipt.as_str().unwrap().starts_with("v1.k1."), "{receipt}");
    told
}

/// The status and the reason.
async fn standing(world: &World) -> (String, Value) {
    let told = world.connection().await;
    assert_eq!(told.as_object().unwrap().len(), 9, "every member is there: {told}");
    assert_eq!(told["start_url"], START_URL);
    assert_eq!(told["user"], json!({"id": world.sub(ANN), "email": ANN}));
    (told["status"].as_str().unwrap().to_owned(), told["reason"].clone())
}

#[tokio::test]
async fn a_first_visit_is_told_that_nobody_is_signed_in_without_any_call() {
    let world = World::new().await;
    assert_eq!(world.connection().await, signed_out("not_signed_in"));
    world.assert_untouched();
    let page_elsewhere = Call::connection().header("origin", "https://app.example.com");
    assert_eq!(world.send(&page_elsewhere).await.json(), signed_out("not_signed_in"));
}

#[tokio::test]
async fn a_session_that_is_over_or_was_never_one_is_told_as_expired() {
    let mut world = World::signed_in().await;
    let made_up = Call::connection().session("v2.1.made-up");
    assert_eq!(world.send(&made_up).await.json(), signed_out("session_expired"));
    let other_scheme = Call::connection().header("authorization", "Basic dXNlcjpwYXNz");
    assert_eq!(world.send(&other_scheme).await.json(), signed_out("session_expired"));
    world.advance(12 * 3600);
    assert_eq!(world.connection().await, signed_out("session_expired"));
    world.sign_in(ANN).await;
    assert_eq!(standing(&world).await.0, "connected");
}

#[tokio::test]
async fn a_user_without_a_credential_is_not_connected() {
    let world = World::signed_in().await;
    world.disconnect(ANN);
    assert_eq!(world.connection().await, signed_out("not_connected"));
}

#[tokio::test]
async fn a_connected_user_is_told_with_the_grant_and_google_is_not_asked() {
    let world = World::signed_in().await;
    let expected = json!({
        "status": "connected", "reason": null, "user": {"id": world.sub(ANN), "email": ANN},
        "scopes": ["email", READONLY, "openid"], "missing_scopes": [],
        "connected_at": START.seconds(), "grant_expires_at": null, "start_url": START_URL,
    });
    assert_eq!(without_receipt(world.connection().await), expected);
    assert_eq!(world.dynamodb_calls(), ["BatchGetItem"]);
    assert_eq!(world.google_calls(), []);
    // A program with a bearer token gets the same.
    let program = Call::connection().bearer(&world.session());
    assert_eq!(without_receipt(world.send(&program).await.json()), expected);
    // An expired access token is not the user's business.
    world.advance(3600);
    assert_eq!(without_receipt(world.connection().await), expected);
    assert_eq!(world.google_calls(), []);
}

#[tokio::test]
async fn a_grant_of_limited_time_says_when_it_ends_and_then_that_it_has() {
    let mut world = World::new().await;
    world.google.refresh_tokens_live_for(Some(Duration::from_hours(1)));
    world.sign_in(ANN).await;
    assert_eq!(world.connection().await["grant_expires_at"], START.seconds() + 3600);
    assert_eq!(standing(&world).await, ("connected".to_owned(), Value::Null));
    world.advance(3600);
    assert_eq!(standing(&world).await, ("reauthorize".to_owned(), json!("revoked_or_expired")));
}

#[tokio::test]
async fn a_revoked_grant_is_told_once_google_has_said_so() {
    let world = World::expired().await;
    world.google.revoke_grant(ANN);
    assert_eq!(standing(&world).await.0, "connected", "nobody knows yet");
    assert_eq!(world.messages("").await.reason(), "revoked_or_expired");
    assert_eq!(standing(&world).await, ("reauthorize".to_owned(), json!("revoked_or_expired")));
}

#[tokio::test]
async fn a_policy_that_asks_for_a_new_sign_in_is_told_until_there_is_one() {
    let mut world = World::expired().await;
    world.google.fail_refresh(Failure::InvalidRapt, Times::UntilCleared);
    let answer = world.messages("").await;
    assert_eq!(answer.reason(), "reauth_policy");
    world.advance(300);
    assert_eq!(standing(&world).await, ("reauthorize".to_owned(), json!("reauth_policy")));
    world.authorize_again(&answer, ANN).await;
    assert_eq!(standing(&world).await, ("connected".to_owned(), Value::Null));
}

#[tokio::test]
async fn a_failure_that_passes_is_no_reason_to_authorize_again() {
    let world = World::expired().await;
    world.google.fail_refresh(Failure::AdminPolicyEnforced, Times::UntilCleared);
    assert_eq!(world.messages("").await.problem(), (403, "blocked_by_admin"));
    assert_eq!(standing(&world).await, ("connected".to_owned(), Value::Null));
}

#[tokio::test]
async fn scopes_that_were_added_since_are_named() {
    let mut world = World::signed_in().await;
    world.configure(&[("GMAIL_SCOPES", MODIFY)]);
    assert_eq!(standing(&world).await, ("reauthorize".to_owned(), json!("scopes_changed")));
    let told = world.connection().await;
    assert_eq!(told["missing_scopes"], json!([MODIFY]));
    assert_eq!(told["scopes"], json!(["email", READONLY, "openid"]));
}

#[tokio::test]
async fn another_oauth_client_is_told_before_the_next_refresh() {
    let mut world = World::signed_in().await;
    world.change_client();
    world.cold_start();
    assert_eq!(standing(&world).await, ("reauthorize".to_owned(), json!("client_changed")));
    assert_eq!(world.google_calls(), []);
}

#[tokio::test]
async fn malformed_and_forbidden_requests_and_outages_stay_errors() {
    let world = World::signed_in().await;
    let mine = world.with_cookies(Call::connection());
    let both = mine.clone().bearer(&world.session());
    let twice = mine.clone().session("another");
    let unlisted = mine.clone().header("origin", "https://evil.example");
    let neighbour = mine.clone().header("sec-fetch-site", "same-site");
    let malformed = Call::connection().header("authorization", "Bearer é");
    for (call, problem) in [
        (both, (400, "invalid_request")),
        (malformed, (400, "invalid_request")),
        (twice, (400, "ambiguous_cookie")),
        (unlisted, (403, "forbidden_origin")),
        (neighbour, (403, "forbidden_origin")),
        (mine.clone().method("PUT"), (405, "method_not_allowed")),
    ] {
        let answer = world.send(&call).await;
        assert_eq!(answer.problem(), problem, "{call:?}");
    }
    assert_eq!(world.send(&mine.clone().method("PUT")).await.headers["allow"], "GET, DELETE");
    world.dynamodb.fail("BatchGetItem", Fault::DENIED, 1);
    assert_eq!(world.send(&mine).await.problem(), (503, "config_error"));
    world.dynamodb.fail("BatchGetItem", Fault::BROKEN, 100);
    let answer = world.send_within(Duration::from_secs(1), &mine).await;
    assert_eq!(answer.problem(), (503, "storage_unavailable"));
}
