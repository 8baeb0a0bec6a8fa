//! The sweep: a scheduled event in; which grants Google was asked for, what was stored, and which
//! metrics were written.

mod census;
mod day;
mod trouble;

use harness::google::{Endpoint, Failure, Times};
use harness::world::{ANN, BEN, Call, OTHER_CLIENT, START, Stream, World};
use serde_json::json;

const DAY: u64 = 24 * 3600;
const MONTH: u64 = 30 * DAY;

/// Ann signed in a month ago, and nobody has used her grant since.
async fn unused() -> World {
    let world = World::signed_in().await;
    world.advance(MONTH);
    world
}

/// The same with the stream of events.
async fn unused_and_told() -> (World, Stream) {
    let (world, stream) = super::events::connected().await;
    world.advance(MONTH);
    (world, stream)
}

/// What the sweeps since the last time made of the grants that were due.
fn swept(world: &World) -> Vec<String> {
    let counted = world.metrics().counted().into_iter();
    counted.filter_map(|line| Some(line.strip_prefix("SweptGrants SweepOutcome=")?.to_owned())).collect()
}

/// A time that is stored of Ann's grant, in seconds after the beginning.
fn stored(world: &World, attribute: &str) -> Option<i64> {
    let text = world.credential(ANN)[attribute]["N"].as_str()?.parse::<i64>().ok()?;
    Some(text - START.seconds())
}

#[tokio::test]
async fn f115_a_grant_that_was_unused_for_the_days_is_refreshed_and_no_other() {
    let world = World::signed_in().await;
    world.advance(MONTH - 1);
    world.forget_calls();
    world.sweep().await;
    assert_eq!((world.refreshes(), swept(&world)), (0, vec![]));
    assert_eq!(world.dynamodb_calls(), vec!["Scan"; 96]);
    world.advance(1);
    let before = world.kept(ANN);
    world.forget_calls();
    world.sweep().await;
    assert_eq!(world.google_calls(), [Endpoint::Token]);
    assert_eq!(world.dynamodb_calls().iter().filter(|call| *call == "UpdateItem").count(), 2);
    assert_eq!(world.dynamodb_calls().len(), 98, "a lease, what Google gave, and no more");
    assert_eq!(swept(&world), ["refreshed 1"]);
    assert_eq!(world.kept(ANN), before, "the refresh token is untouched");
    assert_eq!(stored(&world, "access_token_obtained_at"), Some(30 * 24 * 3600));
    assert!(world.credential(ANN)["lease_holder"].is_null());
    // That was its use.
    world.advance(MONTH - 1);
    world.sweep().await;
    assert_eq!(world.refreshes(), 1);
}

#[tokio::test]
async fn f115_a_grant_that_only_the_sweep_uses_lives_for_years_and_serves_its_user_at_once() {
    let mut world = World::signed_in().await;
    for _ in 0..25 {
        world.advance(MONTH);
        world.sweep().await;
    }
    assert_eq!(world.refreshes(), 25);
    world.sign_in(ANN).await;
    world.forget_calls();
    world.advance(7200);
    world.lists().await;
    assert_eq!(world.refreshes(), 1, "the same grant");
}

#[tokio::test]
async fn f115_what_brings_no_refresh_is_no_use_for_google() {
    let mut world = World::signed_in().await;
    world.advance(20 * DAY);
    // Google's code gives an access token, and no refresh token: the stored one is not used for it.
    world.sign_in(ANN).await;
    world.lists().await;
    let handed_out = world.invoke_direct("access-token", &json!({ "user_id": world.sub(ANN) })).await;
    assert_eq!(handed_out.problem().0, 200);
    assert_eq!(world.refreshes(), 0);
    assert_eq!(stored(&world, "access_token_obtained_at"), Some(20 * 24 * 3600));
    assert_eq!(stored(&world, "refreshed_at"), Some(0));
    world.advance(5 * DAY);
    world.sign_in(ANN).await;
    assert_eq!(stored(&world, "refreshed_at"), Some(0), "another sign-in changes nothing");
    world.advance(5 * DAY);
    world.sweep().await;
    assert_eq!((world.refreshes(), swept(&world)), (1, vec!["refreshed 1".to_owned()]));
    assert_eq!(stored(&world, "refreshed_at"), None, "the access token tells it again");
}

#[tokio::test]
async fn f115_a_refresh_for_a_user_and_a_new_consent_are_a_use() {
    let mut world = World::signed_in().await;
    world.sign_in(ANN).await;
    world.advance(3700);
    world.lists().await;
    assert_eq!((stored(&world, "refreshed_at"), world.refreshes()), (None, 1));
    world.advance(MONTH - 1);
    world.sweep().await;
    assert_eq!(world.refreshes(), 1);
    world.sign_in(ANN).await;
    assert!(stored(&world, "refreshed_at").is_some());
    let query = world.consented_again(ANN).await;
    world.callback(&query).await.session();
    assert_eq!(stored(&world, "refreshed_at"), None);
    world.advance(MONTH - 1);
    world.sweep().await;
    assert_eq!(world.refreshes(), 1);
}

#[tokio::test]
async fn a_dead_grant_is_found_and_told_before_its_user_comes_and_counts_in_no_rate() {
    let (world, mut stream) = unused_and_told().await;
    world.google.revoke_grant(ANN);
    world.metrics();
    world.sweep().await;
    let counted = world.metrics().counted();
    assert!(counted.contains(&"SweptGrants SweepOutcome=dead 1".to_owned()), "{counted:?}");
    assert!(counted.contains(&"Grants GrantState=revoked 1".to_owned()), "{counted:?}");
    let of_users = ["Refreshes ", "RefreshFailures ", "TokenDeaths "];
    let rates = counted.iter().filter(|line| of_users.iter().any(|name| line.starts_with(name)));
    assert_eq!(rates.count(), 0, "{counted:?}");
    assert_eq!(world.credential(ANN)["status"]["S"], "revoked");
    assert_eq!(stream.happened(&world).await, ["Lapsed"]);
    // It gets its second chance when its user comes, not from the sweep.
    world.forget_calls();
    world.advance(DAY);
    world.sweep().await;
    assert_eq!((world.refreshes(), world.dynamodb_calls().len()), (0, 96));
}

#[tokio::test]
async fn a_policy_that_asks_for_a_sign_in_is_told_and_the_grant_stays() {
    let (world, mut stream) = unused_and_told().await;
    world.metrics();
    for (failure, events) in [
        (Failure::InvalidRapt, &["Lapsed"][..]),
        (Failure::AdminPolicyEnforced, &[]),
        (Failure::OrgInternal, &[]),
        (Failure::oauth(400, "something_new"), &[]),
    ] {
        world.google.clear_all();
        world.google.fail_refresh(failure.clone(), Times::UntilCleared);
        let before = world.kept(ANN);
        world.sweep().await;
        assert_eq!(swept(&world), ["refused 1"], "{failure:?}");
        assert_eq!(world.kept(ANN), before, "{failure:?}");
        assert_eq!(stream.happened(&world).await, events, "{failure:?}");
        world.advance(DAY);
    }
    world.google.clear_all();
    world.sweep().await;
    assert_eq!(stream.happened(&world).await, ["Reconnected"]);
}

#[tokio::test]
async fn a_grant_that_could_serve_nobody_is_left_alone() {
    let mut world = unused().await;
    // It lacks a scope, belongs to a client that is gone, or its own time is over.
    let gone = world.edit(ANN, |item| item["scopes"]["S"] = json!("openid email"));
    world.forget_calls();
    world.sweep().await;
    world.put(gone.clone());
    world.change_client();
    world.sweep().await;
    world.store_client();
    world.cold_start();
    world.edit(ANN, |item| item["refresh_token_expires_at"] = json!({"N": START.seconds().to_string()}));
    world.sweep().await;
    world.edit(ANN, |item| item["status"]["S"] = json!("disconnecting"));
    world.edit(ANN, |item| item.as_object_mut().unwrap().retain(|name, _| !name.starts_with("access_")));
    world.sweep().await;
    assert_eq!((world.refreshes(), world.dynamodb_calls()), (0, vec!["Scan".to_owned(); 4 * 96]));
    assert_eq!(swept(&world), ["untouched 1"; 2]);
}

#[tokio::test]
async fn each_grant_is_refreshed_with_the_client_that_it_belongs_to() {
    let mut world = unused().await;
    world.change_client_and_keep_the_old();
    world.cold_start();
    world.jar.clear();
    world.sign_in(BEN).await;
    world.advance(MONTH);
    world.forget_calls();
    world.sweep().await;
    let clients = world.google.calls_to(Endpoint::Token).into_iter().map(|call| call.form_value("client_id"));
    let mut clients: Vec<String> = clients.flatten().collect();
    clients.sort();
    let mut both = [world.google.client_id(), OTHER_CLIENT];
    both.sort_unstable();
    assert_eq!(clients, both);
}

#[tokio::test]
async fn a_refused_token_that_was_set_aside_is_erased_after_its_seven_days() {
    let world = unused().await;
    world.google.revoke_grant(ANN);
    world.sweep().await;
    world.advance(7 * DAY - 1);
    world.sweep().await;
    assert!(world.credential(ANN)["dead_refresh_token"].is_object());
    world.advance(1);
    world.sweep().await;
    let item = world.credential(ANN);
    assert!(item["dead_refresh_token"].is_null() && item["dead_token_id"].is_object(), "{item}");
    assert_eq!(item["status"]["S"], "revoked");
}

#[tokio::test]
async fn a_user_who_disconnects_between_two_sweeps_has_nothing_that_a_sweep_brings_back() {
    let mut world = World::signed_in().await;
    assert_eq!(world.browse(Call::disconnect()).await.status, 204);
    world.advance(MONTH);
    world.forget_calls();
    world.sweep().await;
    assert!(world.credential(ANN).is_null() && world.refreshes() == 0);
}
