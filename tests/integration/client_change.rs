//! The OAuth client changes while processes remember the old one and sign-ins are under way.

use harness::Fault;
use harness::google::Decision;
use harness::world::{ANN, Call, GOOGLE_CLIENT, OTHER_CLIENT, World, forces_consent};
use postern::app::App;
use serde_json::json;

/// A process that remembers the current client.
async fn remembering(world: &World) -> App {
    let app = world.environment(&[]);
    assert_eq!(world.send_to(&app, &Call::get("/auth/start", "")).await.status, 302);
    app
}

#[tokio::test]
async fn f92_a_process_that_remembers_the_old_client_serves_a_credential_of_the_new_one() {
    let mut world = World::new().await;
    let old = remembering(&world).await;
    world.change_client();
    world.cold_start();
    world.sign_in(ANN).await;
    assert_eq!(world.credential(ANN)["client_id"]["S"], OTHER_CLIENT);
    let call = world.list();
    world.forget_calls();
    assert_eq!(world.send_to(&old, &call).await.status, 200);
    assert_eq!(world.secrets_read().iter().filter(|name| *name == GOOGLE_CLIENT).count(), 1, "read again");
    world.advance(3600);
    let call = world.list();
    assert_eq!(world.send_to(&old, &call).await.status, 200, "and refreshes it");
}

#[tokio::test]
async fn f92_a_credential_of_the_old_client_is_looked_up_once_a_minute_at_the_most() {
    let mut world = World::signed_in().await;
    world.change_client();
    world.app = remembering(&world).await;
    world.forget_calls();
    for _ in 0..5 {
        assert_eq!(world.messages("").await.reason(), "client_changed");
    }
    assert_eq!(world.secrets_read(), [GOOGLE_CLIENT]);
    assert_eq!(world.google_calls(), []);
}

#[tokio::test]
async fn f92_while_the_secret_cannot_be_read_nobody_is_told_that_the_client_changed() {
    let mut world = World::signed_in().await;
    world.change_client();
    world.app = remembering(&world).await;
    world.secrets.fail("GetSecretValue", Fault::BROKEN, 100);
    assert_eq!(world.messages("").await.problem(), (503, "secrets_unavailable"));
}

#[tokio::test]
async fn f92_a_sign_in_begun_with_the_old_client_ends_with_its_secret() {
    let mut world = World::new().await;
    let query = world.consented(ANN).await;
    world.change_client();
    world.cold_start();
    world.callback(&query).await.session();
    assert_eq!(world.credential(ANN)["client_id"]["S"], world.google.client_id());
    assert_eq!(world.exchanges(), 1);
}

#[tokio::test]
async fn f92_a_sign_in_whose_client_is_gone_is_begun_again() {
    let mut world = World::new().await;
    let query = world.consented(ANN).await;
    world.change_client();
    world.change_client();
    world.cold_start();
    assert_eq!(world.callback(&query).await.auth_error(), "reauthorization_required");
    assert_eq!((world.exchanges(), world.credential(ANN)), (0, json!(null)));
}

#[tokio::test]
async fn a85_a_process_with_the_old_client_does_not_overwrite_a_grant_of_the_new_one() {
    let mut world = World::new().await;
    let old = remembering(&world).await;
    // A sign-in begins with the old client, in a browser of its own.
    let begun = world.send_to(&old, &Call::get("/auth/start", "")).await;
    world.keep_cookies(&begun);
    let query = world.consent(begun.location(), Decision::allow(ANN)).await;
    let callback = world.callback_of(&query);
    world.jar.clear();
    world.change_client();
    world.cold_start();
    world.sign_in(ANN).await;
    let kept = world.kept(ANN);
    world.send_to(&old, &callback).await.session();
    assert_eq!(world.kept(ANN), kept);
    assert_eq!(world.credential(ANN)["client_id"]["S"], OTHER_CLIENT);
    world.lists().await;
}

#[tokio::test]
async fn f92_a_refresh_token_of_the_old_client_does_not_serve_a_sign_in_with_the_new_one() {
    let mut world = World::signed_in().await;
    let kept = world.kept(ANN);
    world.change_client();
    world.cold_start();
    world.google.omit_refresh_token(1);
    let answer = world.attempt(ANN).await;
    assert!(forces_consent(answer.location()), "{answer:?}");
    assert_eq!(world.kept(ANN), kept);
}
