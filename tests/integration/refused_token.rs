//! A back end whose token Gmail refused before its end asks for another, and names that token.

use harness::world::{ANN, BUDGET, World, invoke_direct};
use serde_json::{Value, json};

/// Ann's token, and another question of hers that names it as refused.
async fn refused(world: &World) -> (String, Value) {
    let user = world.sub(ANN);
    let told = world.invoke_direct("access-token", &json!({"user_id": user})).await;
    let token = told.text("access_token").to_owned();
    let again = json!({"user_id": user, "refused_token": token});
    (token, again)
}

#[tokio::test]
async fn f110_a_token_that_gmail_refused_before_its_end_is_replaced_once() {
    let world = World::signed_in().await;
    let (token, again) = refused(&world).await;
    world.forget_calls();
    let others: Vec<_> = (0..10).map(|_| world.environment(&[])).collect();
    let payload = again.to_string();
    let asked = others.iter().map(|app| invoke_direct(Ok(app), "access-token", &payload, BUDGET));
    let told = futures_util::future::join_all(asked).await;
    assert_eq!(world.refreshes(), 1);
    let new = told[0].text("access_token");
    assert_ne!(new, token);
    assert!(told.iter().all(|told| told.text("access_token") == new), "{told:?}");
}

#[tokio::test]
async fn f110_of_a_grant_that_the_user_took_back_it_learns_the_reason() {
    let world = World::signed_in().await;
    let (token, again) = refused(&world).await;
    world.google.revoke_grant(ANN);
    // It knows of no end yet: the token is not near its own.
    let told = world.invoke_direct("access-token", &json!({"user_id": world.sub(ANN)})).await;
    assert_eq!(told.text("access_token"), token);
    assert_eq!(world.invoke_direct("access-token", &again).await.reason(), "revoked_or_expired");
    assert_eq!(world.credential(ANN)["status"]["S"], "revoked");
}

#[tokio::test]
async fn a_token_that_is_no_longer_the_stored_one_replaces_nothing() {
    let world = World::signed_in().await;
    let (_, again) = refused(&world).await;
    let told = world.invoke_direct("access-token", &again).await;
    let new = told.text("access_token").to_owned();
    world.forget_calls();
    for question in [again, json!({"user_id": world.sub(ANN), "refused_token": "nobody's"})] {
        assert_eq!(world.invoke_direct("access-token", &question).await.text("access_token"), new);
    }
    assert_eq!(world.google_calls(), []);
}
