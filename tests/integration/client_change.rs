//! The OAuth client changes while processes remember the old one and sign-ins are under way.

use harness::google::Decision;
use harness::world::{ANN, Call, GOOGLE_CLIENT, World, invoke, parameter};
use postern::app::App;
use serde_json::json;

const BUDGET: std::time::Duration = std::time::Duration::from_secs(8);
const OTHER: &str = "2-other.apps.googleusercontent.com";
const REDIRECT_URI: &str = "https://api.example.com/oauth/callback";

/// Stores another client of the same project in the secret.
fn change_client(world: &World) {
    world.stack.google.add_client(OTHER, "GOCSPX-the-other-planted-secret");
    world.plant("GOCSPX-the-other-planted-secret");
    let other = world.stack.google.client_secrets_of(OTHER, &[REDIRECT_URI]).unwrap();
    world.stack.secrets.put(GOOGLE_CLIENT, &other);
}

/// A process that remembers the client of now.
async fn remembering(world: &World) -> App {
    let app = world.environment(&[]);
    let event = Call::get("/auth/start", "").event().to_string();
    assert_eq!(invoke(Ok(&app), &event, BUDGET).await.status, 302);
    app
}

#[tokio::test]
async fn f92_a_process_that_remembers_the_old_client_serves_a_credential_of_the_new_one() {
    let mut world = World::new().await;
    let old = remembering(&world).await;
    change_client(&world);
    world.cold_start();
    world.sign_in(ANN).await;
    assert_eq!(world.credential(ANN)["client_id"]["S"], OTHER);
    let event = world.with_cookies(Call::get("/messages", "")).event().to_string();
    world.forget_calls();
    assert_eq!(invoke(Ok(&old), &event, BUDGET).await.status, 200);
    assert_eq!(world.secrets_read().iter().filter(|name| *name == GOOGLE_CLIENT).count(), 1, "read anew");
    world.advance(3600);
    let event = world.with_cookies(Call::get("/messages", "")).event().to_string();
    assert_eq!(invoke(Ok(&old), &event, BUDGET).await.status, 200, "and refreshes it");
}

#[tokio::test]
async fn f92_a_credential_of_the_old_client_is_looked_up_once_a_minute_at_the_most() {
    let mut world = World::new().await;
    world.sign_in(ANN).await;
    change_client(&world);
    world.app = remembering(&world).await;
    world.forget_calls();
    for _ in 0..5 {
        assert_eq!(world.messages("").await.json()["reason"], "client_changed");
    }
    assert_eq!(world.secrets_read(), [GOOGLE_CLIENT]);
    assert_eq!(world.google_calls(), []);
}

#[tokio::test]
async fn f92_while_the_secret_cannot_be_read_nobody_is_told_that_the_client_changed() {
    let mut world = World::new().await;
    world.sign_in(ANN).await;
    change_client(&world);
    world.app = remembering(&world).await;
    world.stack.secrets.fail("GetSecretValue", harness::Fault::BROKEN, 100);
    let answer = world.messages("").await;
    assert_eq!((answer.status, answer.code().as_str()), (503, "secrets_unavailable"));
}

#[tokio::test]
async fn f92_a_sign_in_begun_with_the_old_client_ends_with_its_secret() {
    let mut world = World::new().await;
    let url = world.start("").await;
    let query = world.consent(&url, Decision::allow(ANN)).await;
    let client_id = world.stack.google.client_id();
    assert_eq!(parameter(&url, "client_id").as_deref(), Some(client_id));
    change_client(&world);
    world.cold_start();
    let answer = world.callback(&query).await;
    assert!(answer.set_cookie("__Host-session").is_some(), "{answer:?}");
    assert_eq!(world.credential(ANN)["client_id"]["S"], client_id);
    assert_eq!(world.exchanges(), 1);
}

#[tokio::test]
async fn f92_a_sign_in_whose_client_is_gone_is_begun_anew() {
    let mut world = World::new().await;
    let url = world.start("").await;
    let query = world.consent(&url, Decision::allow(ANN)).await;
    change_client(&world);
    change_client(&world);
    world.cold_start();
    let answer = world.callback(&query).await;
    assert_eq!(parameter(answer.location(), "auth_error").as_deref(), Some("reauthorization_required"));
    assert_eq!((world.exchanges(), world.credential(ANN)), (0, json!(null)));
}

#[tokio::test]
async fn a85_a_process_with_the_old_client_does_not_overwrite_a_grant_of_the_new_one() {
    let mut world = World::new().await;
    let old = remembering(&world).await;
    // A sign-in begins with the old client, in a browser of its own.
    let event = Call::get("/auth/start", "").event().to_string();
    let begun = invoke(Ok(&old), &event, BUDGET).await;
    world.keep_cookies(&begun);
    let query = world.consent(begun.location(), Decision::allow(ANN)).await;
    let callback = world.with_cookies(Call::get("/oauth/callback", &query)).event().to_string();
    world.jar.clear();
    change_client(&world);
    world.cold_start();
    world.sign_in(ANN).await;
    let kept = world.kept(ANN);
    let answer = invoke(Ok(&old), &callback, BUDGET).await;
    assert!(answer.set_cookie("__Host-session").is_some(), "the person is signed in: {answer:?}");
    assert_eq!(world.kept(ANN), kept);
    assert_eq!(world.credential(ANN)["client_id"]["S"], OTHER);
    assert_eq!(world.messages("").await.status, 200);
}

#[tokio::test]
async fn f92_a_refresh_token_of_the_old_client_does_not_serve_a_sign_in_with_the_new_one() {
    let mut world = World::new().await;
    world.sign_in(ANN).await;
    let kept = world.kept(ANN);
    change_client(&world);
    world.cold_start();
    world.stack.google.omit_refresh_token(harness::google::Times::Next(1));
    let url = world.start("").await;
    let query = world.consent(&url, Decision::allow(ANN)).await;
    let answer = world.callback(&query).await;
    assert_eq!(parameter(answer.location(), "prompt").as_deref(), Some("consent"), "{answer:?}");
    assert_eq!(world.kept(ANN), kept);
}
