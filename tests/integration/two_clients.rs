//! One OAuth client replaces another, and the secret holds both: each grant is refreshed with its
//! own client, and new consents are to the coming one. The submodule has the outgoing client that
//! Google refuses.

mod refused;

use harness::google::{Endpoint, Failure};
use harness::world::{
    ANN, BEN, Call, GOOGLE_CLIENT, MODIFY, OTHER_CLIENT, READONLY, Told, World, forces_consent,
    is_sealed_with, parameter,
};
use postern::app::App;
use serde_json::{Value, json};

/// The browser in which Ben is signed in.
struct Bens(Call);

/// The secret holds both clients, and a new process serves.
fn change(world: &mut World) {
    world.change_client_and_keep_the_old();
    world.cold_start();
}

/// Ann connected with the outgoing client, Ben with the coming one. Both access tokens have
/// expired.
async fn between() -> (World, Bens) {
    let mut world = World::signed_in().await;
    let anns = world.jar.clone();
    change(&mut world);
    world.jar.clear();
    world.sign_in(BEN).await;
    let bens = Bens(world.list());
    world.jar = anns;
    world.advance(3600);
    world.forget_calls();
    (world, bens)
}

/// The OAuth clients of the calls to the token endpoint, in order.
fn clients_asked(world: &World) -> Vec<String> {
    let calls = world.google.calls_to(Endpoint::Token).into_iter();
    calls.map(|call| call.form_value("client_id").unwrap()).collect()
}

/// The client that an account's grant belongs to.
fn client_of(world: &World, account: &str) -> Value {
    world.credential(account)["client_id"]["S"].clone()
}

async fn ask_for_ann(world: &World) -> Told {
    world.invoke_direct("access-token", &json!({"user_id": world.sub(ANN)})).await
}

#[tokio::test]
async fn f111_each_grant_is_refreshed_with_its_own_client_and_nobody_is_asked_again() {
    let (world, bens) = between().await;
    let old = world.google.client_id();
    assert_eq!(client_of(&world, BEN), OTHER_CLIENT);
    world.lists().await;
    assert_eq!(world.send(&bens.0).await.status, 200);
    assert_eq!(clients_asked(&world), [old, OTHER_CLIENT]);
    assert_eq!(client_of(&world, ANN), old);
    assert_eq!(world.connection().await["status"], "connected");

    world.advance(3600);
    world.forget_calls();
    assert!(ask_for_ann(&world).await.answer["access_token"].is_string());
    assert_eq!(clients_asked(&world), [old], "for a back end");
    let payload = json!({"session_token": world.session(), "introspect": true});
    assert_eq!(world.invoke_direct("access-token", &payload).await.answer["status"], "connected");

    world.advance(3400);
    world.forget_calls();
    world.lists().await;
    assert_eq!(clients_asked(&world), [old], "ahead of time");
}

#[tokio::test]
async fn f111_two_clients_cost_no_call_more_than_one() {
    let mut calls = Vec::new();
    for has_two in [false, true] {
        let mut world = World::expired().await;
        if has_two {
            world.change_client_and_keep_the_old();
        }
        world.cold_start();
        world.forget_calls();
        world.lists().await;
        world.lists().await;
        world.connection().await;
        world.start("").await;
        ask_for_ann(&world).await;
        calls.push((world.secrets_read(), world.dynamodb_calls(), world.google_calls()));
    }
    assert_eq!(calls[0], calls[1]);
}

#[tokio::test]
async fn f111_a_sign_in_moves_its_user_to_the_coming_client() {
    for is_forced in [false, true] {
        let mut world = World::signed_in().await;
        let before = world.credential(ANN);
        change(&mut world);
        let query = if is_forced { world.consented_again(ANN).await } else { world.consented(ANN).await };
        world.forget_calls();
        world.callback(&query).await.session();
        assert_eq!(clients_asked(&world), [OTHER_CLIENT]);
        let after = world.credential(ANN);
        assert_eq!(after["client_id"]["S"], OTHER_CLIENT);
        assert_ne!(after["refresh_token_id"], before["refresh_token_id"]);
        assert_eq!((&after["era"], &after["connected_at"]), (&before["era"], &before["connected_at"]));
        world.advance(3600);
        world.forget_calls();
        world.lists().await;
        assert_eq!(clients_asked(&world), [OTHER_CLIENT]);
    }
}

#[tokio::test]
async fn f111_only_the_coming_client_is_consented_to() {
    let mut world = World::signed_in().await;
    change(&mut world);
    let url = world.start("").await;
    assert_eq!(parameter(&url, "client_id").as_deref(), Some(OTHER_CLIENT));
    assert!(!url.contains(world.google.client_id()) && !forces_consent(&url), "{url}");
    world.disconnect(ANN);
    let offered = world.messages("").await.authorization_url();
    assert_eq!(parameter(&offered, "client_id").as_deref(), Some(OTHER_CLIENT));
}

#[tokio::test]
async fn f111_a_sign_in_without_a_refresh_token_keeps_the_stored_one_and_its_client() {
    let mut world = World::signed_in().await;
    let before = world.credential(ANN);
    change(&mut world);
    world.google.omit_refresh_token(1);
    world.sign_in(ANN).await;
    assert_eq!(clients_asked(&world).last().map(String::as_str), Some(OTHER_CLIENT));
    let after = world.credential(ANN);
    for kept in ["refresh_token", "refresh_token_id", "client_id", "scopes", "status", "access_token"] {
        assert_eq!(after[kept], before[kept], "{kept}");
    }
    world.lists().await;
    world.advance(3600);
    world.forget_calls();
    world.lists().await;
    assert_eq!(clients_asked(&world), [world.google.client_id()]);
}

#[tokio::test]
async fn f62_f111_a_token_that_a_sign_in_keeps_is_sealed_again_as_its_own_clients() {
    let mut world = World::signed_in().await;
    change(&mut world);
    world.rotate_keyring();
    world.cold_start();
    world.google.omit_refresh_token(1);
    world.sign_in(ANN).await;
    assert!(is_sealed_with(&world.credential(ANN)["refresh_token"], "k2"));
    world.advance(3600);
    world.lists().await;
    assert_eq!(client_of(&world, ANN), world.google.client_id());
}

#[tokio::test]
async fn f93_f111_a_wider_grant_of_the_outgoing_client_stays() {
    let mut world = World::new().await;
    let narrow = world.configure(&[("GMAIL_SCOPES", MODIFY)]);
    world.sign_in(ANN).await;
    world.app = narrow;
    change(&mut world);
    world.configure(&[]);
    let before = world.kept(ANN);
    world.forget_calls();
    world.sign_in(ANN).await;
    assert_eq!(clients_asked(&world), [OTHER_CLIENT, world.google.client_id()], "the old one is tried");
    assert_eq!((world.kept(ANN), client_of(&world, ANN)), (before, json!(world.google.client_id())));
    world.advance(3600);
    world.lists().await;
}

#[tokio::test]
async fn f111_a_sign_in_that_began_before_the_change_ends_with_its_own_client() {
    let mut world = World::new().await;
    let query = world.consented(ANN).await;
    change(&mut world);
    world.forget_calls();
    world.callback(&query).await.session();
    assert_eq!(clients_asked(&world), [world.google.client_id()]);
    assert_eq!(world.secrets.calls_of("GetSecretValue").len(), 0, "the previous version is not needed");
    world.advance(3600);
    world.lists().await;
    assert_eq!(client_of(&world, ANN), world.google.client_id());
}

#[tokio::test]
async fn a85_f111_a_sign_in_that_began_before_the_change_moves_nobody_back() {
    let mut world = World::new().await;
    let remembers_the_old = world.environment(&[]);
    world.send_to(&remembers_the_old, &Call::get("/auth/start", "")).await;
    for is_warm in [false, true] {
        let query = {
            // In a browser of its own.
            world.jar.clear();
            world.secrets.put(GOOGLE_CLIENT, &world.google.client_secrets(&[harness::world::REDIRECT_URI]));
            world.cold_start();
            world.consented(ANN).await
        };
        let callback = world.callback_of(&query);
        world.jar.clear();
        change(&mut world);
        world.sign_in(ANN).await;
        let (kept, moved) = (world.kept(ANN), client_of(&world, ANN));
        let app: &App = if is_warm { &remembers_the_old } else { &world.app };
        world.send_to(app, &callback).await.session();
        assert_eq!((world.kept(ANN), &moved), (kept, &json!(OTHER_CLIENT)));
        world.lists().await;
    }
}

#[tokio::test]
async fn a114_what_google_issued_to_one_client_finishes_no_sign_in_of_the_other() {
    let mut world = World::signed_in().await;
    let old = world.google.client_id().to_owned();
    let query = world.consented(BEN).await;
    change(&mut world);
    // An ID token of the other client, in a flow of either.
    for (audience, query) in [(OTHER_CLIENT, query), (old.as_str(), world.consented(BEN).await)] {
        world.google.override_claims(serde_json::Map::new());
        world.claim("aud", json!(audience));
        assert_eq!(world.callback(&query).await.auth_error(), "identity_invalid", "{audience}");
        assert_eq!(world.credential(BEN), Value::Null);
    }
    world.google.clear_all();
    // A stored token whose item names the other client.
    world.edit(ANN, |item| item["client_id"] = json!({"S": OTHER_CLIENT}));
    world.advance(3600);
    assert_eq!(world.messages("").await.reason(), "seal_broken");
}

#[tokio::test]
async fn f92_f111_a_process_that_remembers_the_old_client_reads_again_once_and_serves_both() {
    let mut world = World::signed_in().await;
    let anns = world.list();
    let remembers_the_old = world.environment(&[]);
    world.send_to(&remembers_the_old, &anns).await;
    world.start("").await;
    change(&mut world);
    world.jar.clear();
    world.sign_in(BEN).await;
    world.advance(3600);
    for app in [&remembers_the_old, &world.app] {
        world.google.expire_all_access_tokens();
        assert_eq!(world.send_to(app, &anns).await.status, 200);
        assert_eq!(world.send_to(app, &world.list()).await.status, 200);
    }
}

#[tokio::test]
async fn f92_f111_without_the_outgoing_client_its_users_are_asked_and_the_others_are_not() {
    let (world, bens) = between().await;
    let coming = world.google.client_secrets_of(OTHER_CLIENT, &[]).unwrap();
    world.secrets.put(GOOGLE_CLIENT, &coming);
    world.advance(301);
    let before = world.kept(ANN);
    let answer = world.messages("").await;
    assert_eq!((answer.reason(), forces_consent(&answer.authorization_url())), ("client_changed", true));
    assert_eq!(ask_for_ann(&world).await.reason(), "client_changed");
    assert_eq!((world.kept(ANN), world.send(&bens.0).await.status), (before, 200));
}

#[tokio::test]
async fn f111_a_change_that_is_taken_back_asks_nobody_either() {
    let (mut world, bens) = between().await;
    world.store_both_clients(world.google.client_id(), OTHER_CLIENT);
    world.cold_start();
    world.lists().await;
    assert_eq!(world.send(&bens.0).await.status, 200);
    world.jar.clear();
    let query = world.consented_again(BEN).await;
    world.callback(&query).await.session();
    assert_eq!(client_of(&world, BEN), world.google.client_id());
}

#[tokio::test]
async fn f90_f111_a_token_of_the_outgoing_client_gets_its_second_chance() {
    let (world, _) = between().await;
    world.google.fail_refresh(Failure::InvalidGrant, 1);
    assert_eq!(world.messages("").await.reason(), "revoked_or_expired");
    world.advance(600);
    world.forget_calls();
    world.lists().await;
    assert_eq!(clients_asked(&world), [world.google.client_id()]);
}

#[tokio::test]
async fn f74_f111_a_user_of_either_client_can_disconnect() {
    for has_moved in [false, true] {
        let mut world = World::signed_in().await;
        change(&mut world);
        if has_moved {
            world.sign_in(ANN).await;
        }
        let disconnect = world.with_cookies(Call::disconnect());
        assert_eq!(world.send(&disconnect).await.status, 204);
        assert_eq!((world.credential(ANN), world.google.live_refresh_tokens(ANN)), (Value::Null, 0));
    }
}

#[tokio::test]
async fn f108_f111_tokens_of_either_client_are_imported_as_what_they_are() {
    let mut world = World::new().await;
    change(&mut world);
    world.google.add_client("3-third.apps.googleusercontent.com", "GOCSPX-third");
    let old = world.google.client_id().to_owned();
    let scopes = format!("openid email {READONLY}");
    for (client, account, verdict, asked) in [
        (OTHER_CLIENT, ANN, "imported", &[OTHER_CLIENT][..]),
        (&old, BEN, "imported", &[OTHER_CLIENT, &old]),
        ("3-third.apps.googleusercontent.com", ANN, "other_client", &[OTHER_CLIENT, &old]),
    ] {
        let line = json!(world.google.mint_for(client, &scopes, [account])[0]);
        world.forget_calls();
        assert_eq!(
            (world.import(&line).await.word(), clients_asked(&world)),
            (verdict, asked.iter().map(|id| (*id).to_owned()).collect())
        );
    }
    let line = json!(world.google.mint_for(OTHER_CLIENT, &scopes, [ANN])[0]);
    world.google.fail_refresh(Failure::InvalidGrant, 1);
    assert_eq!(world.import(&line).await.word(), "dead", "whatever the other client is told");
    assert_eq!([client_of(&world, ANN), client_of(&world, BEN)], [json!(OTHER_CLIENT), json!(old)]);
    world.jar.clear();
    world.google.omit_refresh_token(1);
    world.sign_in(BEN).await;
    world.advance(3600);
    world.lists().await;
}

#[tokio::test]
async fn a_count_says_how_many_belong_to_the_outgoing_client() {
    let (mut world, _) = between().await;
    let count =
        async |world: &World| world.invoke_direct("connections", &json!({"action": "count"})).await.answer;
    let counted = count(&world).await;
    assert_eq!(
        (&counted["of_outgoing_client"], &counted["asked_again"]),
        (&json!(1), &json!(0)),
        "{counted}"
    );
    let mut dead = world.credential(ANN);
    dead["user_id"] = json!({"S": "2000"});
    dead["status"] = json!({"S": "revoked"});
    dead.as_object_mut()
        .unwrap()
        .retain(|name, _| !["refresh_token", "access_token"].contains(&name.as_str()));
    world.put(dead);
    assert_eq!(count(&world).await["of_outgoing_client"], 1, "who must consent anyway does not count");
    world.sign_in(ANN).await;
    assert_eq!(count(&world).await["of_outgoing_client"], 0);
}

#[tokio::test]
async fn b83_an_outgoing_client_that_cannot_be_used_is_a_configuration_error_and_the_last_good_secret_serves()
{
    let world = World::signed_in().await;
    world.lists().await;
    let file: Value = serde_json::from_str(&world.google.client_secrets(&[])).unwrap();
    for outgoing in [json!("GOCSPX-planted"), json!({"web": {"client_id": "old"}}), file.clone()] {
        let mut both = file.clone();
        both["outgoing"] = outgoing;
        world.secrets.put(GOOGLE_CLIENT, &both.to_string());
        let cold = world.environment(&[]);
        let answer = world.send_to(&cold, &Call::get("/auth/start", "")).await;
        assert_eq!(answer.problem(), (503, "config_error"));
        assert_eq!(answer.json()["variable"], "GOOGLE_CLIENT_SECRET_ID");
        assert!(answer.json()["detail"].as_str().unwrap().contains("outgoing"), "{answer:?}");
        assert!(!world.logged("GOCSPX-planted") && !answer.body.contains("GOCSPX"));
        world.advance(301);
        world.lists().await;
    }
}
