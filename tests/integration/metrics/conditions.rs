//! Counts of answers and of conditions that an operator must know about: 401s by reason, sign-ins
//! by outcome, operator errors, seals that do not open, lost tokens, unreadable secrets.

use std::time::Duration;

use harness::Fault;
use harness::google::{Decision, Failure, Rotation};
use harness::world::{
    ANN, BEN, BUDGET, Call, FORGED_STATE, KEYRING, METADATA, MODIFY, World, forces_consent, invoke, until,
};
use serde_json::json;

use super::counted_within;

#[tokio::test]
async fn each_401_and_a_grant_that_is_too_narrow_are_counted_by_their_reason() {
    let mut world = World::signed_in().await;
    let unauthorized = |reason: &str| vec![format!("Unauthorized Reason={reason} 1")];
    world.send(&Call::list("")).await;
    assert_eq!(world.metrics().counted(), unauthorized("not_signed_in"));
    world.send(&Call::list("").session("v1.k1.AAAA.BBBB")).await;
    assert_eq!(world.metrics().counted(), unauthorized("session_expired"));
    world.configure(&[("GMAIL_SCOPES", MODIFY)]);
    world.messages("").await;
    assert_eq!(world.metrics().counted(), unauthorized("scopes_changed"));
    world.configure(&[("GMAIL_SCOPES", METADATA)]);
    world.jar.clear();
    world.sign_in(BEN).await;
    world.metrics();
    assert_eq!(world.messages("q=x").await.status, 403);
    assert_eq!(world.metrics().counted(), unauthorized("insufficient_scope"));
    world.edit(BEN, |item| {
        item["client_id"] = json!({"S": "2-other.apps.googleusercontent.com"});
    });
    world.messages("").await;
    assert_eq!(world.metrics().counted(), unauthorized("client_changed"));
    world.disconnect(BEN);
    world.messages("").await;
    assert_eq!(world.metrics().counted(), unauthorized("not_connected"));
}

#[tokio::test]
async fn a76_a_broken_configuration_is_an_operators_error_that_is_counted() {
    let world = World::new().await;
    let answer = world.misconfigured("CREDENTIALS_TABLE", None).await;
    assert_eq!(answer.problem(), (503, "config_error"));
    assert_eq!(world.metrics().counted(), ["OperatorErrors 1", "OperatorErrors Code=config_error 1"]);
}

#[tokio::test]
async fn a39_a40_f62_f63_what_is_stored_and_does_not_open_is_counted() {
    for (attribute, value, others) in [
        (
            "access_token",
            "v1.k1.AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA",
            [
                "OperatorErrors 1",
                "OperatorErrors Code=reauthorization_required 1",
                "SealFailures 1",
                "Unauthorized Reason=seal_broken 1",
            ]
            .as_slice(),
        ),
        (
            "access_token",
            "v1.k7.AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA",
            &[
                "OperatorErrors 1",
                "OperatorErrors Code=reauthorization_required 1",
                "SealFailures 1",
                "Unauthorized Reason=seal_broken 1",
            ],
        ),
        (
            "status",
            "odd",
            &["OperatorErrors 1", "OperatorErrors Code=credential_unreadable 1", "SealFailures 1"],
        ),
    ] {
        let world = World::signed_in().await;
        let good = world.credential(ANN);
        let mut item = good.clone();
        item[attribute] = json!({"S": value});
        world.put(item);
        assert_eq!(counted_within(&world, BUDGET).await, others, "{attribute}: {value}");
        world.put(good);
    }
    // A sign-in continues through the consent page, and the failure is counted all the same.
    let mut world = World::signed_in().await;
    world.edit(ANN, |item| {
        item["refresh_token"] = json!({"S": "v1.k1.AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"});
    });
    let query = world.consented(ANN).await;
    assert_eq!(world.callback(&query).await.status, 303);
    assert_eq!(world.metrics().counted(), ["SealFailures 1"]);
}

#[tokio::test]
async fn f18_a_refresh_token_that_cannot_be_stored_after_a_sign_in_is_counted() {
    let operator = ["OperatorErrors 1", "OperatorErrors Code=config_error 1"];
    for (fault, code, others) in [
        (Fault::Delay(Duration::from_secs(30)), "storage_unavailable", &[][..]),
        (Fault::BROKEN, "storage_unavailable", &[]),
        (Fault::DENIED, "config_error", &operator),
    ] {
        let mut world = World::new().await;
        let query = world.consented(ANN).await;
        world.metrics();
        world.dynamodb.fail("UpdateItem", fault, 100);
        let call = world.callback_of(&query);
        invoke(Ok(&world.app), &call.event().to_string(), Duration::from_millis(2500)).await;
        let mut expected: Vec<String> = others.iter().map(|line| (*line).to_owned()).collect();
        expected.extend([format!("SignIns SignInOutcome={code} 1"), "TokensNotStored 1".to_owned()]);
        assert_eq!(world.metrics().counted(), expected);
        world.dynamodb.end_faults().await;
        world.sign_in(BEN).await;
        assert_eq!(world.metrics().counted(), ["SignIns SignInOutcome=connected 1"]);
    }
}

#[tokio::test]
async fn f31_a_rotated_refresh_token_that_cannot_be_stored_is_counted() {
    let mut world = World::expired().await;
    world.google.rotate_refresh_tokens(Rotation::OldStillWorks);
    world.google.fail_refresh(Failure::Slow(Duration::from_millis(100)), 1);
    let refreshed = async {
        until(|| world.refreshes() > 0).await;
        world.dynamodb.fail("UpdateItem", Fault::BROKEN, 100);
    };
    let (counted, ()) =
        futures_util::future::join(counted_within(&world, Duration::from_secs(2)), refreshed).await;
    assert_eq!(
        counted,
        ["RefreshFailures 0", "Refreshes Outcome=rotated 1", "TokenDeaths 0", "TokensNotStored 1"]
    );
    world.dynamodb.end_faults().await;
    // If the user has disconnected meanwhile, the token is not lost.
    world.jar.clear();
    world.sign_in(BEN).await;
    world.advance(3600);
    world.metrics();
    world.forget_calls();
    world.google.fail_refresh(Failure::Slow(Duration::from_millis(100)), 1);
    let disconnected = async {
        until(|| world.refreshes() > 0).await;
        world.disconnect(BEN);
    };
    let (counted, ()) = futures_util::future::join(counted_within(&world, BUDGET), disconnected).await;
    let expected = [
        "RefreshFailures 0",
        "Refreshes Outcome=rotated 1",
        "TokenDeaths 0",
        "Unauthorized Reason=not_connected 1",
    ];
    assert_eq!(counted, expected);
}

#[tokio::test]
async fn f59_f64_a_request_that_is_served_with_a_remembered_secret_is_counted_once() {
    let mut world = World::signed_in().await;
    world.advance(600);
    world.secrets.fail("BatchGetSecretValue", Fault::BROKEN, 6);
    // The URL of a 401 needs both secrets.
    world.send(&Call::list("")).await;
    let stale = ["StaleSecrets 1", "Unauthorized Reason=not_signed_in 1"];
    assert_eq!(world.metrics().counted(), stale);
    world.secrets.end_faults().await;
    world.send(&Call::list("")).await;
    let metrics = world.metrics();
    assert_eq!(metrics.counted(), stale, "not asked again within the minute, and stale all the same");
    assert!(metrics.timed().is_empty());
    world.advance(60);
    world.start("").await;
    assert_eq!(world.metrics().counted(), Vec::<String>::new());
    world.secrets.put(KEYRING, "not a keyring");
    world.advance(300);
    world.start("").await;
    assert_eq!(world.metrics().counted(), ["StaleSecrets 1"]);
}

#[tokio::test]
async fn each_callback_that_ends_a_sign_in_is_counted_by_how() {
    let mut world = World::new().await;
    let ended = |outcome: &str| vec![format!("SignIns SignInOutcome={outcome} 1")];
    let query = world.consented(ANN).await;
    world.callback(&query).await.session();
    assert_eq!(world.metrics().counted(), ended("connected"));
    assert_eq!(world.callback(&query).await.location(), "https://app.example.com/");
    assert_eq!(world.metrics().counted(), Vec::<String>::new(), "a reload of a signed-in browser");
    let url = world.start("").await;
    let query = world.consent(&url, Decision::deny(ANN)).await;
    assert_eq!(world.callback(&query).await.status, 303);
    assert_eq!(world.metrics().counted(), ended("consent_denied"));
    let forged = &format!("code=x&state={FORGED_STATE}");
    assert_eq!(world.send(&Call::get("/oauth/callback", forged)).await.status, 400);
    assert_eq!(world.metrics().counted(), ended("state_mismatch"));
    // A sign-in that is sent on to the consent page has not ended.
    world.disconnect(ANN);
    let answer = world.attempt(ANN).await;
    assert!(forces_consent(answer.location()), "{answer:?}");
    assert_eq!(world.metrics().counted(), Vec::<String>::new());
    let query = world.consent(answer.location(), Decision::allow(ANN)).await;
    world.callback(&query).await;
    assert_eq!(world.metrics().counted(), ended("connected"));
}
