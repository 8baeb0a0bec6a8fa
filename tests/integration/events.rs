//! The events of a connection's life, through the stream of the credentials table. The fake bus
//! validates every event by its JSON Schema.

mod documented;
mod ending;
mod trouble;

use harness::google::{Decision, Failure, Rotation, Times};
use harness::schemas;
use harness::world::{ANN, BEN, Call, MODIFY, READONLY, START, Stream, World, kinds};
use postern_rules::event::Kind;
use serde_json::{Value, json};

/// Nothing has happened.
const NOTHING: [&str; 0] = [];

/// A world with a stream in which Ann is signed in. Her first event is taken.
pub(crate) async fn connected() -> (World, Stream) {
    let mut world = World::new().await;
    let mut stream = world.stream().await;
    world.sign_in(ANN).await;
    assert_eq!(stream.happened(&world).await, ["Connected"]);
    (world, stream)
}

/// The detail of the one event that has happened.
async fn the_detail(world: &World, stream: &mut Stream, kind: &str) -> Value {
    let events = stream.events(world).await;
    assert_eq!(kinds(&events), [kind]);
    events[0].detail.clone()
}

#[test]
fn each_detail_type_has_a_schema() {
    let mut ours: Vec<&str> = Kind::ALL.into_iter().map(Kind::detail_type).collect();
    ours.sort_unstable();
    assert_eq!(schemas::detail_types(), ours);
}

#[tokio::test]
async fn a_first_sign_in_is_an_event_that_says_what_a_back_end_needs() {
    let mut world = World::new().await;
    let mut stream = world.stream().await;
    world.sign_in(ANN).await;
    // Published later than it happened.
    world.advance(60);
    let events = stream.events(&world).await;
    let (event, item) = (&events[0], world.credential(ANN));
    assert_eq!((events.len(), event.source.as_str()), (1, "postern"));
    let id = event.detail["id"].as_str().unwrap();
    let expected = json!({
        "schema": 1,
        "id": id,
        "at": START.seconds(),
        "user": { "id": world.sub(ANN) },
        "status": "active",
        "reason": null,
        "client_id": item["client_id"]["S"],
        "scopes": ["email", READONLY, "openid"],
        "connected_at": START.seconds(),
        "grant_expires_at": null,
        "version": 1,
    });
    assert_eq!(event.detail, expected);
    assert!(id.ends_with("-1") && !id.contains(&world.sub(ANN)), "{id}");
}

#[tokio::test]
async fn a108_an_address_is_in_events_only_where_the_operator_wants_it() {
    let mut world = World::new().await;
    let mut stream = world.stream().await;
    world.sign_in(ANN).await;
    let detail = the_detail(&world, &mut stream, "Connected").await;
    assert_eq!(detail["user"], json!({ "id": world.sub(ANN) }));
    assert!(!detail.to_string().contains('@'));
    stream.app = world.environment(&[("EVENTS_CARRY_EMAIL", "on")]);
    world.sign_in(BEN).await;
    let detail = the_detail(&world, &mut stream, "Connected").await;
    assert_eq!(detail["user"], json!({ "id": world.sub(BEN), "email": BEN }));
}

#[tokio::test]
async fn what_changes_nothing_of_a_connection_is_no_event() {
    let (mut world, mut stream) = connected().await;
    // Leases, refreshes, failed refreshes, rotated tokens, sessions, another sign-in with the same
    // grant.
    world.advance(3400);
    world.lists().await;
    world.advance(3600);
    world.lists().await;
    world.google.rotate_refresh_tokens(Rotation::OldDies);
    world.advance(3600);
    world.lists().await;
    world.google.fail_refresh(Failure::Status(503), Times::UntilCleared);
    world.advance(3600);
    assert_eq!(world.messages("").await.status, 503);
    world.google.clear_all();
    world.advance(60);
    world.lists().await;
    world.sign_in(ANN).await;
    let query = world.consented_again(ANN).await;
    world.callback(&query).await.session();
    assert_eq!(world.browse(Call::sign_out(true)).await.status, 204);
    assert!(stream.records(&world).len() > 10, "these are many writes");
    assert_eq!(stream.happened(&world).await, NOTHING);
    assert_eq!(stream.bus.calls().len(), 1, "the first sign-in");
}

#[tokio::test]
async fn a_revoked_grant_lapses_and_a_new_consent_reconnects_it() {
    let (mut world, mut stream) = connected().await;
    world.google.revoke_grant(ANN);
    world.advance(3600);
    let answer = world.messages("").await;
    assert_eq!(answer.reason(), "revoked_or_expired");
    let detail = the_detail(&world, &mut stream, "Lapsed").await;
    assert_eq!((&detail["status"], &detail["reason"]), (&json!("revoked"), &json!("revoked_or_expired")));
    assert_eq!(detail["at"], START.seconds() + 3600);
    world.authorize_again(&answer, ANN).await.session();
    let detail = the_detail(&world, &mut stream, "Reconnected").await;
    assert_eq!((&detail["status"], &detail["reason"]), (&json!("active"), &Value::Null));
    assert_eq!(detail["connected_at"], START.seconds());
}

#[tokio::test]
async fn a_dead_token_that_google_accepts_after_all_reconnects_its_grant() {
    let (world, mut stream) = connected().await;
    world.google.fail_refresh(Failure::InvalidGrant, Times::UntilCleared);
    world.advance(3600);
    assert_eq!(world.messages("").await.status, 401);
    assert_eq!(stream.happened(&world).await, ["Lapsed"]);
    world.advance(600);
    assert_eq!(world.messages("").await.status, 401);
    assert_eq!(stream.happened(&world).await, NOTHING, "it is still dead");
    world.google.clear_all();
    world.advance(600);
    world.lists().await;
    assert_eq!(stream.happened(&world).await, ["Reconnected"]);
}

#[tokio::test]
async fn an_organisation_that_asks_for_a_sign_in_is_told_once_however_refreshes_fail_meanwhile() {
    let (world, mut stream) = connected().await;
    world.advance(3600);
    let attempt = async |failure: Failure| {
        world.google.clear_all();
        world.google.fail_refresh(failure, Times::UntilCleared);
        world.advance(61);
        assert_ne!(world.messages("").await.status, 200);
    };
    attempt(Failure::InvalidRapt).await;
    let detail = the_detail(&world, &mut stream, "Lapsed").await;
    assert_eq!((&detail["status"], &detail["reason"]), (&json!("active"), &json!("reauth_policy")));
    attempt(Failure::InvalidRapt).await;
    // No answer of Google's lifts the policy, and none begins it again.
    attempt(Failure::Status(503)).await;
    attempt(Failure::InvalidRapt).await;
    assert_eq!(stream.happened(&world).await, NOTHING);
    world.google.clear_all();
    world.advance(61);
    world.lists().await;
    assert_eq!(stream.happened(&world).await, ["Reconnected"]);
}

#[tokio::test]
async fn a_consent_to_other_scopes_and_one_to_another_client_change_the_scopes() {
    let (mut world, mut stream) = connected().await;
    world.configure(&[("GMAIL_SCOPES", MODIFY)]);
    let answer = world.messages("").await;
    assert_eq!(answer.reason(), "scopes_changed");
    assert_eq!(stream.happened(&world).await, NOTHING, "a deployment is no write");
    world.authorize_again(&answer, ANN).await.session();
    let detail = the_detail(&world, &mut stream, "Scopes Changed").await;
    assert!(detail["scopes"].as_array().unwrap().contains(&json!(MODIFY)), "{detail}");
    world.change_client();
    world.cold_start();
    world.configure(&[("GMAIL_SCOPES", MODIFY)]);
    world.advance(3600);
    let answer = world.messages("").await;
    assert_eq!(answer.reason(), "client_changed");
    world.authorize_again(&answer, ANN).await.session();
    let detail = the_detail(&world, &mut stream, "Scopes Changed").await;
    assert_eq!(detail["client_id"], harness::world::OTHER_CLIENT);
}

#[tokio::test]
async fn a_disconnect_is_one_event_and_a_new_connection_another_with_an_id_of_its_own() {
    let (mut world, mut stream) = connected().await;
    let first = stream.bus.calls()[0].body["Entries"][0]["Detail"].clone();
    let first: Value = serde_json::from_str(first.as_str().unwrap()).unwrap();
    let disconnect = world.with_cookies(Call::disconnect());
    assert_eq!(world.send(&disconnect).await.status, 204);
    let detail = the_detail(&world, &mut stream, "Disconnected").await;
    assert_eq!((&detail["status"], &detail["version"]), (&json!("disconnected"), &json!(2)));
    world.sign_in(ANN).await;
    let again = the_detail(&world, &mut stream, "Connected").await;
    assert_eq!(again["version"], 1);
    assert_ne!(again["id"], first["id"]);
}

#[tokio::test]
async fn a_sign_in_over_a_disconnect_that_is_not_finished_is_a_new_connection() {
    let (mut world, mut stream) = connected().await;
    world.google.fail(harness::google::Endpoint::Revoke, Failure::Status(503), Times::UntilCleared);
    let disconnect = world.with_cookies(Call::disconnect());
    assert_eq!(world.send(&disconnect).await.status, 503);
    assert_eq!(stream.happened(&world).await, ["Disconnected"]);
    let query = world.consented_again(ANN).await;
    world.callback(&query).await.session();
    assert_eq!(stream.happened(&world).await, ["Connected"]);
}

#[tokio::test]
async fn an_item_that_somebody_deletes_is_disconnected_by_a_write_after_its_last() {
    let (world, mut stream) = connected().await;
    world.advance(100);
    world.disconnect(ANN);
    let detail = the_detail(&world, &mut stream, "Disconnected").await;
    assert_eq!((&detail["status"], &detail["version"]), (&json!("disconnected"), &json!(2)));
    assert_eq!(detail["at"], START.seconds() + 100);
}

#[tokio::test]
async fn a_user_who_denies_is_no_event() {
    let (mut world, mut stream) = connected().await;
    let url = world.start("").await;
    let query = world.consent(&url, Decision::Deny { account: ANN.to_owned() }).await;
    assert_eq!(world.callback(&query).await.auth_error(), "consent_denied");
    assert_eq!(stream.happened(&world).await, NOTHING);
}
