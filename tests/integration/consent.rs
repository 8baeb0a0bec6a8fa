//! When Google's consent page is forced: only if the grant is dead, missing or no longer fits. Each
//! forced consent makes a refresh token, and beyond a hundred Google silently ends the oldest,
//! which may belong to another deployment.

use std::time::Duration;

use harness::google::{Decision, Endpoint, Failure};
use harness::world::{ANN, Answer, BEN, Call, MODIFY, READONLY, World, forces_consent, parameter};
use serde_json::json;

fn url_of(answer: &Answer) -> String {
    let url = answer.authorization_url();
    assert_eq!(parameter(&url, "include_granted_scopes"), None);
    assert_eq!(parameter(&url, "access_type").as_deref(), Some("offline"));
    url
}

/// The reason of a 401, and whether its URL forces the consent page.
fn reason_and_consent(answer: &Answer) -> (String, bool) {
    let prompt = parameter(&url_of(answer), "prompt");
    assert!(prompt.is_none() || prompt.as_deref() == Some("consent"));
    (answer.reason().to_owned(), prompt.is_some())
}

#[tokio::test]
async fn a_caller_who_is_only_not_signed_in_is_not_asked_for_consent() {
    let mut world = World::new().await;
    assert_eq!(reason_and_consent(&world.messages("").await), ("not_signed_in".to_owned(), false));
    world.sign_in(ANN).await;
    let forged = Call::list("").session("v1.k1.AAAA.BBBB");
    assert_eq!(reason_and_consent(&world.send(&forged).await), ("session_expired".to_owned(), false));
    world.end_sessions();
    let answer = world.messages("").await;
    assert_eq!(reason_and_consent(&answer), ("session_expired".to_owned(), false));
    let tokens = world.google.live_refresh_tokens(ANN);
    let kept = world.kept(ANN);
    world.authorize_again(&answer, ANN).await.session();
    world.lists().await;
    assert_eq!((world.google.live_refresh_tokens(ANN), world.kept(ANN)), (tokens, kept));
    let started = world.start("").await;
    assert_eq!(parameter(&started, "include_granted_scopes"), None);
}

#[tokio::test]
async fn a_grant_that_is_dead_drifted_or_missing_is_renewed_through_the_consent_page() {
    let mut world = World::signed_in().await;
    world.configure(&[("GMAIL_SCOPES", MODIFY)]);
    assert_eq!(reason_and_consent(&world.messages("").await), ("scopes_changed".to_owned(), true));
    world.configure(&[]);
    world.google.fail_refresh(Failure::InvalidRapt, 1);
    world.advance(3600);
    assert_eq!(reason_and_consent(&world.messages("").await), ("reauth_policy".to_owned(), true));
    let mut item = world.credential(ANN);
    item.as_object_mut().unwrap().remove("refresh_failure");
    let mut broken = item.clone();
    broken["refresh_token"] = json!({"S": "v1.k1.AAAA"});
    broken.as_object_mut().unwrap().remove("access_token");
    world.put(broken);
    assert_eq!(reason_and_consent(&world.messages("").await), ("seal_broken".to_owned(), true));
    world.put(item);
    world.advance(300);
    world.google.revoke_grant(ANN);
    assert_eq!(reason_and_consent(&world.messages("").await), ("revoked_or_expired".to_owned(), true));
    world.disconnect(ANN);
    assert_eq!(reason_and_consent(&world.messages("").await), ("not_connected".to_owned(), true));
}

#[tokio::test]
async fn another_client_and_a_scope_that_is_lacking_are_consented_to() {
    let mut world = World::signed_in().await;
    world.google.fail(Endpoint::MessagesList, Failure::InsufficientScope, 1);
    let answer = world.messages("").await;
    assert_eq!(answer.problem(), (403, "insufficient_scope"));
    assert!(forces_consent(&url_of(&answer)));
    world.change_client();
    world.advance(3600);
    world.cold_start();
    assert_eq!(reason_and_consent(&world.messages("").await), ("client_changed".to_owned(), true));
}

#[tokio::test]
async fn f02_f07_after_an_exchange_of_unknown_outcome_the_consent_page_makes_a_new_token() {
    for (failure, code) in [
        (Failure::Status(500), "upstream_unavailable"),
        (Failure::Slow(Duration::from_secs(30)), "upstream_timeout"),
    ] {
        let mut world = World::new().await;
        let url = world.start_json().await;
        let post = world.post_of(&url, Decision::allow(ANN)).await;
        world.google.fail_exchange(failure, 1);
        let answer = world.browse(post).await;
        assert_eq!(answer.code(), code);
        assert!(forces_consent(&url_of(&answer)), "{code}");
    }
}

#[tokio::test]
async fn a_narrower_configuration_never_narrows_what_is_stored() {
    let mut world = World::new().await;
    world.configure(&[("GMAIL_SCOPES", &format!("{MODIFY} {READONLY}"))]);
    world.sign_in(ANN).await;
    let stored = world.credential(ANN);
    assert!(stored["scopes"]["S"].as_str().unwrap().contains(MODIFY));
    let tokens = world.google.live_refresh_tokens(ANN);
    world.configure(&[]);
    world.end_sessions();
    let answer = world.messages("").await;
    assert_eq!(answer.reason(), "session_expired");
    world.authorize_again(&answer, ANN).await.session();
    let now = world.credential(ANN);
    for attribute in ["scopes", "refresh_token", "refresh_token_id", "client_id", "status"] {
        assert_eq!(now[attribute], stored[attribute], "{attribute}");
    }
    assert_eq!(world.google.live_refresh_tokens(ANN), tokens);
    world.lists().await;
}

#[tokio::test]
async fn a58_f10_an_incomplete_consent_is_refused_also_when_no_refresh_token_came() {
    let mut world = World::new().await;
    world.sign_in(BEN).await;
    let before = world.credential(BEN);
    let session = world.session();
    world.google.omit_refresh_token(1);
    let url = world.start("").await + "&prompt=consent";
    let query = world.consent(&url, Decision::allow_without(BEN, &[READONLY])).await;
    let answer = world.callback(&query).await;
    assert_eq!(answer.location(), "https://app.example.com/?auth_error=consent_incomplete");
    assert!(!answer.begins_session(), "{answer:?}");
    assert_eq!(world.credential(BEN), before);
    assert_eq!((world.sessions().len(), &world.jar["__Host-session"]), (1, &session));
}

#[tokio::test]
async fn a_caller_who_is_signed_in_and_not_connected_is_asked_to_connect_the_same_account() {
    let mut world = World::signed_in().await;
    world.disconnect(ANN);
    let answer = world.messages("").await;
    assert_eq!(reason_and_consent(&answer), ("not_connected".to_owned(), true));
    let url = url_of(&answer);
    assert_eq!(parameter(&url, "login_hint"), Some(world.sub(ANN)));
    world.keep_cookies(&answer);
    let query = world.consent(&url.replace("login_hint=", "x="), Decision::allow(BEN)).await;
    assert_eq!(
        world.callback(&query).await.location(),
        "https://app.example.com/?auth_error=account_mismatch"
    );
    let answer = world.messages("").await;
    world.authorize_again(&answer, ANN).await.session();
    world.lists().await;
}
