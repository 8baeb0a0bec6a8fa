//! The credentials table during a refresh: the lease, the new tokens, and the end of a credential.

use std::collections::BTreeSet;
use std::time::Duration;

use futures_util::future::join_all;
use postern::app::App;
use postern::outside::dynamodb::Written;
use postern_rules::credential::{Credential, Setback, SetbackCause, Status};
use postern_rules::time::Timestamp;
use serde_json::Value;

use crate::back_end::BackEnd;
use crate::given::{access_token, ann, connected, done, overtaken, refresh_token, stored};

const TABLE: &str = "CREDENTIALS_TABLE";

fn in_ten_seconds(app: &App) -> Timestamp {
    app.clock.now().plus(Duration::from_millis(10_123))
}

async fn leased(app: &App) -> Credential {
    let credential = connected(app).await;
    done(app.store.take_lease(&credential, in_ten_seconds(app)).await.unwrap())
}

#[tokio::test]
async fn a_lease_is_taken_once_and_later_requests_see_until_when() {
    let back_end = BackEnd::with_tables().await;
    let (one, other) = (back_end.environment(), back_end.environment());
    let read = connected(&one).await;
    let holder = done(one.store.take_lease(&read, in_ten_seconds(&one)).await.unwrap());
    assert_eq!(holder.lease.as_ref().unwrap().until, in_ten_seconds(&one));
    let found = overtaken(other.store.take_lease(&read, in_ten_seconds(&other)).await.unwrap()).unwrap();
    assert_eq!(found, holder);
    assert!(found.holder(other.clock.now()).is_some());
}

#[tokio::test]
async fn of_ten_that_want_the_lease_at_the_same_time_one_has_it() {
    let back_end = BackEnd::with_tables().await;
    let environments: Vec<App> = std::iter::repeat_with(|| back_end.environment()).take(10).collect();
    let read = connected(&environments[0]).await;
    let wishes = environments.iter().map(|app| app.store.take_lease(&read, in_ten_seconds(app)));
    let outcomes = join_all(wishes).await;
    let won = outcomes.iter().filter(|outcome| matches!(outcome, Ok(Written::Done(_)))).count();
    let lost = outcomes.iter().filter(|outcome| matches!(outcome, Ok(Written::Overtaken(Some(_))))).count();
    assert_eq!((won, lost), (1, 9));
}

#[tokio::test]
async fn a_lease_that_is_given_back_leaves_nothing_behind() {
    let back_end = BackEnd::with_tables().await;
    let app = back_end.environment();
    let leased = leased(&app).await;
    let released = done(app.store.release_lease(&leased, None).await.unwrap());
    assert_eq!((released.version, &released.lease), (3, &None));
    assert_eq!(stored(&app).await, Some(released));
    let item = back_end.item(TABLE, ann().as_str()).await;
    assert_eq!((&item["lease_holder"], &item["lease_until"]), (&Value::Null, &Value::Null));
}

#[tokio::test]
async fn a_refresh_without_a_new_refresh_token_leaves_the_stored_one_as_it_is() {
    let back_end = BackEnd::with_tables().await;
    let app = back_end.environment();
    let leased = leased(&app).await;
    let before = back_end.item(TABLE, ann().as_str()).await;
    let token = access_token(app.clock.now().plus(Duration::from_mins(1)));
    let refreshed = done(app.store.store_refreshed(&leased, Some(&token), None).await.unwrap());
    assert_eq!(refreshed.access_token, Some(token));
    assert_eq!((&refreshed.refresh_token, &refreshed.lease), (&leased.refresh_token, &None));
    assert_eq!(stored(&app).await, Some(refreshed));
    let after = back_end.item(TABLE, ann().as_str()).await;
    assert_eq!(after["refresh_token"], before["refresh_token"]);
    assert_eq!(after["refresh_token_id"], before["refresh_token_id"]);
    assert_ne!(after["access_token"], before["access_token"]);
}

#[tokio::test]
async fn a_refresh_with_a_new_refresh_token_stores_it_in_place_of_the_old_one() {
    let back_end = BackEnd::with_tables().await;
    let app = back_end.environment();
    let leased = leased(&app).await;
    let token = refresh_token();
    let refreshed = done(app.store.store_refreshed(&leased, None, Some(&token)).await.unwrap());
    assert_eq!(refreshed.refresh_token, Some(token));
    assert_eq!(refreshed.access_token, None, "that of the token before it is gone");
    assert_eq!(stored(&app).await, Some(refreshed));
}

#[tokio::test]
async fn a_refresh_that_comes_too_late_stores_nothing_and_learns_what_is_there() {
    let back_end = BackEnd::with_tables().await;
    let (slow, quick) = (back_end.environment(), back_end.environment());
    let leased = leased(&slow).await;
    let won = done(quick.store.store_refreshed(&leased, None, Some(&refresh_token())).await.unwrap());
    let late = slow.store.store_refreshed(&leased, None, Some(&refresh_token())).await.unwrap();
    assert_eq!(overtaken(late).as_ref(), Some(&won));
    assert_eq!(stored(&slow).await, Some(won));
}

#[tokio::test]
async fn a_lease_that_is_given_back_after_a_failure_leaves_its_cause_until_a_refresh_succeeds() {
    let back_end = BackEnd::with_tables().await;
    let app = back_end.environment();
    let leased = leased(&app).await;
    let setback = Setback::after(None, SetbackCause::BlockedByAdmin, None, app.clock.now());
    let released = done(app.store.release_lease(&leased, Some(&setback)).await.unwrap());
    assert_eq!((&released.setback, &released.lease), (&Some(setback.clone()), &None));
    assert_eq!(stored(&app).await.as_ref(), Some(&released));
    let again = done(app.store.take_lease(&released, in_ten_seconds(&app)).await.unwrap());
    assert_eq!(again.setback, Some(setback), "an attempt is no success");
    let token = access_token(app.clock.now());
    let refreshed = done(app.store.store_refreshed(&again, Some(&token), None).await.unwrap());
    assert_eq!(refreshed.setback, None);
    assert_eq!(stored(&app).await, Some(refreshed));
}

#[tokio::test]
async fn a_dead_credential_keeps_its_user_and_sets_its_token_aside() {
    let back_end = BackEnd::with_tables().await;
    let app = back_end.environment();
    let leased = leased(&app).await;
    let token = leased.refresh_token.clone().unwrap();
    let dead = done(app.store.bury(&leased, &token).await.unwrap());
    assert_eq!((dead.status, dead.version), (Status::Revoked, 3));
    assert_eq!((&dead.refresh_token, &dead.access_token, &dead.lease), (&None, &None, &None));
    assert_eq!((&dead.email, &dead.client_id), (&leased.email, &leased.client_id));
    assert_eq!(dead.set_aside.as_ref().map(|set_aside| &set_aside.token), Some(&token));
    assert_eq!(stored(&app).await, Some(dead.clone()));
    let item = back_end.item(TABLE, ann().as_str()).await;
    let names = item.as_object().unwrap().keys();
    let tokens: BTreeSet<&str> = names
        .filter(|name| name.contains("token") || name.contains("lease") || name.contains("died"))
        .map(String::as_str)
        .collect();
    assert_eq!(tokens, ["dead_refresh_token", "dead_token_id", "dead_token_tried_at", "died_at"].into());
    assert_eq!(item["dead_token_id"]["S"].as_str(), Some(token.id.as_str()));
    let erased = done(app.store.erase_set_aside(&dead).await.unwrap());
    assert_eq!((erased.set_aside, erased.dead_token_id), (None, Some(token.id)));
}

#[tokio::test]
async fn a_token_that_was_set_aside_can_be_tried_again_and_be_in_use_again() {
    let back_end = BackEnd::with_tables().await;
    let app = back_end.environment();
    let credential = connected(&app).await;
    let token = credential.refresh_token.clone().unwrap();
    let dead = done(app.store.bury(&credential, &token).await.unwrap());
    let leased = done(app.store.take_lease(&dead, in_ten_seconds(&app)).await.unwrap());
    let refused = done(app.store.bury(&leased, &token).await.unwrap());
    assert_eq!((&refused.set_aside.as_ref().unwrap().token, &refused.lease), (&token, &None));
    let leased = done(app.store.take_lease(&refused, in_ten_seconds(&app)).await.unwrap());
    let revived = done(app.store.store_refreshed(&leased, None, Some(&token)).await.unwrap());
    assert_eq!((revived.status, &revived.refresh_token), (Status::Active, &Some(token)));
    assert_eq!((&revived.set_aside, &revived.dead_token_id), (&None, &None));
    assert_eq!(stored(&app).await, Some(revived));
}

#[tokio::test]
async fn the_death_of_an_old_refresh_token_does_not_touch_a_newer_one() {
    let back_end = BackEnd::with_tables().await;
    let app = back_end.environment();
    let leased = leased(&app).await;
    let old = leased.refresh_token.clone().unwrap();
    let newer = done(app.store.store_refreshed(&leased, None, Some(&refresh_token())).await.unwrap());
    assert_eq!(overtaken(app.store.bury(&leased, &old).await.unwrap()).as_ref(), Some(&newer));
    // The version is current here and the token is not: the token decides.
    assert_eq!(overtaken(app.store.bury(&newer, &old).await.unwrap()).as_ref(), Some(&newer));
    assert_eq!(stored(&app).await, Some(newer));
}

#[tokio::test]
async fn a_dead_credential_takes_no_access_token_and_no_lease_of_the_living() {
    let back_end = BackEnd::with_tables().await;
    let app = back_end.environment();
    let credential = connected(&app).await;
    let token = credential.refresh_token.clone().unwrap();
    let dead = done(app.store.bury(&credential, &token).await.unwrap());
    let living = Credential { status: Status::Active, ..dead.clone() };
    let lease = app.store.take_lease(&living, in_ten_seconds(&app)).await.unwrap();
    assert_eq!(overtaken(lease).as_ref(), Some(&dead));
    let token = access_token(app.clock.now());
    let refreshed = app.store.store_refreshed(&dead, Some(&token), None).await.unwrap();
    assert_eq!(overtaken(refreshed).as_ref(), Some(&dead));
    assert_eq!(stored(&app).await, Some(dead));
}
