//! `POST /risc`: Google's security events end what they concern, once, and nobody else's.

mod keys;
mod refusals;
mod stream;
mod trouble;

use harness::google::Endpoint;
use harness::world::{ANN, Answer, BEN, Call, OTHER_CLIENT, World};
use postern_rules::security_event::{Kind, fingerprint};
use serde_json::{Value, json};

/// Google delivers a token with these claims.
async fn deliver(world: &World, claims: &Value) -> Answer {
    world.send(&Call::security_event(&world.google.sign(claims))).await
}

/// Seconds after which a grant is older than what an event tells of.
const SETTLED: u64 = 300;

/// Google tells of something that has just happened to an account, some time after its sign-in.
async fn happens(world: &World, kind: Kind, account: &str) -> Answer {
    world.advance(SETTLED);
    let answer = deliver(world, &world.google.security_event(kind, account)).await;
    assert_eq!((answer.status, answer.body.as_str()), (202, ""), "{kind:?}: {answer:?}");
    answer
}

/// Whether Ann's grant is alive, and whether her session is.
async fn left(world: &World) -> (bool, bool) {
    let is_active = world.credential(ANN)["status"]["S"] == "active";
    (is_active, world.connection().await["status"] != "signed_out")
}

#[tokio::test]
async fn each_type_ends_what_the_catalogue_says_and_nothing_else() {
    for (kind, expected) in [
        (Kind::SessionsRevoked, (true, false)),
        (Kind::TokensRevoked, (false, true)),
        (Kind::TokenRevoked, (false, true)),
        (Kind::AccountDisabled, (false, false)),
        (Kind::AccountEnabled, (true, true)),
        (Kind::CredentialChangeRequired, (true, true)),
    ] {
        let (world, bens) = World::with_ben().await;
        let answer = happens(&world, kind, ANN).await;
        assert!(answer.cookies.is_empty() && !answer.headers.contains_key("content-type"), "{answer:?}");
        assert_eq!(left(&world).await, expected, "{kind:?}");
        assert_eq!(world.send(&bens).await.status, 200, "{kind:?}");
        let counted = format!("SecurityEvents SecurityEvent={} 1", kind.word());
        assert!(world.metrics().counted().contains(&counted), "{kind:?}");
        assert!(world.google_calls().iter().all(|call| *call != Endpoint::Revoke), "{kind:?}");
    }
}

#[tokio::test]
async fn a_grant_that_google_says_is_dead_is_set_aside_as_after_a_refusal() {
    let mut world = World::signed_in().await;
    world.google.revoke_grant(ANN);
    happens(&world, Kind::TokensRevoked, ANN).await;
    let item = world.credential(ANN);
    assert!(item["refresh_token"].is_null() && item["access_token"].is_null(), "{item}");
    assert!(item["dead_refresh_token"].is_object() && item["died_at"].is_object(), "{item}");
    world.forget_calls();
    let answer = world.messages("").await;
    assert_eq!(answer.reason(), "revoked_or_expired");
    assert!(world.google_calls().is_empty(), "nobody has to ask Google to find out");
    assert_eq!(world.authorize_again(&answer, ANN).await.status, 303);
    world.lists().await;
}

#[tokio::test]
async fn f90_a_grant_that_lives_after_all_shows_it_ten_minutes_later() {
    let world = World::signed_in().await;
    happens(&world, Kind::TokensRevoked, ANN).await;
    assert_eq!(world.messages("").await.reason(), "revoked_or_expired");
    world.advance(600);
    world.lists().await;
}

#[tokio::test]
async fn a75_an_event_that_is_delivered_again_has_no_second_effect() {
    let mut world = World::signed_in().await;
    let claims = world.google.security_event(Kind::AccountDisabled, ANN);
    assert_eq!(deliver(&world, &claims).await.status, 202);
    // In the same second, so that no time shows that the sign-in came later.
    world.google.revoke_grant(ANN);
    world.sign_in(ANN).await;
    let before = world.credential(ANN);
    for seconds in [0, 1, 3600, 89 * 24 * 3600] {
        world.advance(seconds);
        assert_eq!(deliver(&world, &claims).await.status, 202);
    }
    assert_eq!(world.credential(ANN), before);
    let counted = world.metrics().counted();
    assert_eq!(counted.iter().filter(|count| count.starts_with("SecurityEvents ")).count(), 1);
    let [row] = &world.security_events()[..] else { panic!("one row") };
    let kept = row["expires_at"]["N"].as_str().unwrap().parse::<i64>().unwrap();
    assert_eq!(kept - row["handled_at"]["N"].as_str().unwrap().parse::<i64>().unwrap(), 90 * 24 * 3600);
    let text = row.to_string();
    assert!(!text.contains(claims["jti"].as_str().unwrap()) && !text.contains(&world.sub(ANN)), "{text}");
}

#[tokio::test]
async fn a113_an_event_that_is_older_than_the_grant_ends_nothing() {
    let mut world = World::signed_in().await;
    world.advance(60);
    let late = world.google.security_event(Kind::AccountDisabled, ANN);
    world.google.revoke_grant(ANN);
    world.advance(60);
    // A new consent, of which `connected_at` says nothing, in a browser that was signed out.
    assert_eq!(world.browse(Call::sign_out(true)).await.status, 204);
    let query = world.consented_again(ANN).await;
    assert_eq!(world.callback(&query).await.status, 303);
    let before = world.credential(ANN);
    assert_eq!(deliver(&world, &late).await.status, 202);
    assert_eq!(world.credential(ANN), before);
    world.lists().await;
}

#[tokio::test]
async fn an_event_about_a_user_of_whom_nothing_is_stored_is_accepted() {
    let world = World::signed_in().await;
    let before = world.credential(ANN);
    happens(&world, Kind::AccountDisabled, BEN).await;
    assert_eq!(world.credential(ANN), before);
    assert_eq!(world.dynamodb_calls(), ["PutItem", "GetItem", "PutItem"]);
    assert!(world.credential(BEN).is_null());
}

#[tokio::test]
async fn an_event_about_a_token_alone_names_nobody_and_is_only_noted() {
    let world = World::signed_in().await;
    let before = world.credential(ANN);
    let subject = json!({
        "subject_type": "oauth_token", "token_type": "refresh_token",
        "token_identifier_alg": "prefix", "token": "1//0abcdefghijkl",
    });
    let payload = json!({ "subject": subject });
    let claims = world.google.security_event_with(Kind::TokenRevoked.uri(), &payload);
    assert_eq!(deliver(&world, &claims).await.status, 202);
    assert_eq!(world.credential(ANN), before);
    assert!(!world.logged("1//0abcdefghijkl"));
}

#[tokio::test]
async fn b65_an_unknown_type_is_accepted_and_logged() {
    let world = World::signed_in().await;
    let payload = json!({"subject": {"sub": world.sub(ANN)}});
    let claims = world.google.security_event_with("https://schemas.example/event-type/planted", &payload);
    assert_eq!(deliver(&world, &claims).await.status, 202);
    assert_eq!(left(&world).await, (true, true));
    assert_eq!(world.metrics().counted(), ["SecurityEvents SecurityEvent=unknown 1"]);
    assert!(!world.logged("schemas.example"));
}

#[tokio::test]
async fn a_verification_is_logged_by_the_fingerprint_of_its_state() {
    let world = World::signed_in().await;
    let state = "planted state of a verification";
    let claims = world.google.security_event_with(Kind::Verification.uri(), &json!({ "state": state }));
    assert_eq!(deliver(&world, &claims).await.status, 202);
    assert_eq!(world.dynamodb_calls(), ["PutItem", "PutItem"]);
    assert!(world.logged(&fingerprint(state)) && !world.logged(state));
}

#[tokio::test]
async fn the_log_names_the_user_by_a_pseudonym_alone() {
    let world = World::signed_in().await;
    let token = world.google.sign(&world.google.security_event(Kind::TokensRevoked, ANN));
    world.plant(&token);
    assert_eq!(world.send(&Call::security_event(&token)).await.status, 202);
    assert!(world.logged("\"kind\":\"tokens_revoked\",\"outcome\":\"grant_ended\""));
    assert!(!world.logged(&world.sub(ANN)));
}

#[tokio::test]
async fn a_token_for_several_applications_counts_if_one_is_ours() {
    let world = World::signed_in().await;
    let mut claims = world.google.security_event(Kind::SessionsRevoked, ANN);
    claims["aud"] = json!(["another", world.google.client_id()]);
    assert_eq!(deliver(&world, &claims).await.status, 202);
    assert_eq!(left(&world).await, (true, false));
}

#[tokio::test]
async fn a_client_that_was_stored_a_moment_ago_is_known() {
    let world = World::signed_in().await;
    happens(&world, Kind::AccountEnabled, ANN).await;
    world.change_client();
    let mut claims = world.google.security_event(Kind::SessionsRevoked, ANN);
    claims["aud"] = json!(OTHER_CLIENT);
    assert_eq!(deliver(&world, &claims).await.status, 202);
}

#[tokio::test]
async fn api_gateway_encodes_the_body() {
    use base64::Engine as _;
    let world = World::signed_in().await;
    let token = world.google.sign(&world.google.security_event(Kind::SessionsRevoked, ANN));
    let mut event = Call::security_event(&token).event();
    event["body"] = json!(base64::engine::general_purpose::STANDARD.encode(&token));
    event["isBase64Encoded"] = json!(true);
    assert_eq!(world.send_event(&event.to_string()).await.status, 202);
    assert_eq!(left(&world).await, (true, false));
}

#[tokio::test]
async fn a113_an_event_of_one_client_ends_no_grant_of_the_other() {
    let mut world = World::signed_in().await;
    let anns = world.jar.clone();
    world.change_client_and_keep_the_old();
    world.cold_start();
    world.jar.clear();
    world.sign_in(BEN).await;
    world.jar = anns;
    world.advance(SETTLED);
    let [old, new] = [world.google.client_id(), OTHER_CLIENT];
    for (client, account, is_ended) in
        [(old, BEN, false), (new, BEN, true), (new, ANN, false), (old, ANN, true)]
    {
        let mut claims = world.google.security_event(Kind::TokensRevoked, account);
        claims["aud"] = json!(client);
        assert_eq!(deliver(&world, &claims).await.status, 202);
        let status = &world.credential(account)["status"]["S"];
        assert_eq!(status == "revoked", is_ended, "{client} {account}: {status}");
    }
}
