//! Counts of Google's answers: refreshes by outcome, Gmail's refusals by reason.

use std::time::Duration;

use harness::google::{Endpoint, Failure, Rotation, Times};
use harness::world::{BUDGET, GOOGLE_CLIENT, World};
use serde_json::json;

use super::counted_within;

#[tokio::test]
async fn each_refresh_is_counted_once_by_what_became_of_it() {
    let oauth = |error: &str| Failure::oauth(400, error);
    let operator = ["OperatorErrors 1", "OperatorErrors Code=config_error 1"];
    for (failure, outcome, others) in [
        (Failure::InvalidGrant, "revoked_or_expired", &["Unauthorized Reason=revoked_or_expired 1"][..]),
        (Failure::InvalidRapt, "reauth_policy", &["Unauthorized Reason=reauth_policy 1"]),
        (Failure::AdminPolicyEnforced, "blocked_by_admin", &[]),
        (oauth("org_internal"), "org_internal", &[]),
        (Failure::InvalidClient, "client_refused", &operator),
        (oauth("unheard_of"), "rejected", &[]),
        (Failure::Status(503), "unavailable", &[]),
        (oauth("server_error"), "unavailable", &[]),
        (Failure::Slow(Duration::from_secs(30)), "timed_out", &[]),
        (Failure::NotJson, "malformed", &[]),
    ] {
        let world = World::expired().await;
        world.google.fail_refresh(failure.clone(), Times::UntilCleared);
        let mut expected: Vec<String> = others.iter().map(|line| (*line).to_owned()).collect();
        let deaths = u8::from(outcome == "revoked_or_expired");
        expected.extend(["RefreshFailures 1".to_owned(), format!("Refreshes Outcome={outcome} 1")]);
        expected.push(format!("TokenDeaths {deaths}"));
        expected.sort();
        assert_eq!(counted_within(&world, Duration::from_millis(1500)).await, expected, "{failure:?}");
    }
}

#[tokio::test]
async fn a_refresh_that_brings_a_token_is_no_failure() {
    for (rotation, outcome) in [(Rotation::Off, "refreshed"), (Rotation::OldDies, "rotated")] {
        let world = World::expired().await;
        world.google.rotate_refresh_tokens(rotation);
        let expected = ["RefreshFailures 0", &format!("Refreshes Outcome={outcome} 1"), "TokenDeaths 0"]
            .map(str::to_owned);
        assert_eq!(counted_within(&world, BUDGET).await, expected);
        assert_eq!(counted_within(&world, BUDGET).await, Vec::<String>::new());
    }
}

#[tokio::test]
async fn a_refresh_is_counted_by_its_end_though_google_was_asked_more_than_once() {
    let world = World::expired().await;
    world.google.fail_refresh(Failure::ResetAfterReading, 1);
    world.lists().await;
    let metrics = world.metrics();
    assert_eq!(metrics.counted(), ["RefreshFailures 0", "Refreshes Outcome=refreshed 1", "TokenDeaths 0"]);
    assert_eq!(metrics.timed()["GoogleTokenTime"], 2);
    // The operator stored a secret that Google does not know yet, so the previous one is tried too.
    let mut newer: serde_json::Value =
        serde_json::from_str(&world.google.client_secrets(&["https://api.example.com/oauth/callback"]))
            .unwrap();
    newer["web"]["client_secret"] = json!("GOCSPX-not-known-to-google-yet");
    world.secrets.put(GOOGLE_CLIENT, &newer.to_string());
    world.advance(3600);
    world.lists().await;
    let metrics = world.metrics();
    assert_eq!(metrics.counted(), ["RefreshFailures 0", "Refreshes Outcome=refreshed 1", "TokenDeaths 0"]);
    assert_eq!(metrics.timed()["GoogleTokenTime"], 2);
}

#[tokio::test]
async fn f90_a_second_refusal_of_a_dead_token_is_part_of_no_rate() {
    let world = World::expired().await;
    world.google.fail_refresh(Failure::InvalidGrant, Times::UntilCleared);
    world.messages("").await;
    world.metrics();
    world.advance(600);
    let counted = counted_within(&world, BUDGET).await;
    assert_eq!(
        counted,
        ["Refreshes Outcome=revoked_or_expired 1", "Unauthorized Reason=revoked_or_expired 1"]
    );
    world.google.clear_all();
    world.advance(600);
    assert_eq!(counted_within(&world, BUDGET).await, ["Refreshes Outcome=revived 1"]);
}

#[tokio::test]
async fn f89_what_is_answered_from_memory_is_no_refresh() {
    let world = World::expired().await;
    world.google.fail_refresh(Failure::AdminPolicyEnforced, Times::UntilCleared);
    world.messages("").await;
    world.metrics();
    assert_eq!(counted_within(&world, BUDGET).await, Vec::<String>::new());
}

#[tokio::test]
async fn what_fails_beside_a_good_answer_is_counted_all_the_same() {
    let world = World::ageing().await;
    world.google.fail_refresh(Failure::AdminPolicyEnforced, 1);
    world.lists().await;
    assert_eq!(
        world.metrics().counted(),
        ["RefreshFailures 1", "Refreshes Outcome=blocked_by_admin 1", "TokenDeaths 0"]
    );
}

#[tokio::test]
async fn f39_to_f45_what_gmail_refuses_is_counted_by_a_word_of_ours() {
    let operator = |code: &str| vec!["OperatorErrors 1".to_owned(), format!("OperatorErrors Code={code} 1")];
    let invalid = json!({"error": {"code": 400, "errors": [{"reason": "ann@example.com"}]}}).to_string();
    for (failure, reason, others) in [
        (Failure::MailNotEnabled, "mail_not_enabled", vec![]),
        (Failure::DomainPolicy, "domain_policy", vec![]),
        (Failure::ServiceDisabled, "api_not_enabled", operator("config_error")),
        (Failure::DailyLimit, "quota_exhausted", operator("quota_exhausted")),
        (Failure::Quota { status: 403, retry_after: Some(30) }, "rate_limited", vec![]),
        (Failure::Quota { status: 429, retry_after: Some(30) }, "rate_limited", vec![]),
        (
            Failure::InsufficientScope,
            "insufficient_scope",
            vec!["Unauthorized Reason=insufficient_scope 1".into()],
        ),
        (Failure::Answer { status: 400, headers: Vec::new(), body: invalid }, "invalid_query", vec![]),
        (Failure::NotFound, "not_found", vec![]),
        (Failure::NotJson, "malformed", vec![]),
        (Failure::Status(500), "unavailable", vec![]),
        (Failure::Slow(Duration::from_secs(30)), "timed_out", vec![]),
    ] {
        let world = World::signed_in().await;
        world.google.fail(Endpoint::MessagesList, failure.clone(), Times::UntilCleared);
        let mut expected = others;
        expected.push(format!("GmailErrors GmailReason={reason} 1"));
        expected.sort();
        assert_eq!(counted_within(&world, Duration::from_millis(1500)).await, expected, "{failure:?}");
    }
}

#[tokio::test]
async fn f45_a_gmail_api_that_is_not_enabled_is_told_in_words_of_its_own() {
    let world = World::signed_in().await;
    world.google.fail(Endpoint::MessagesList, Failure::ServiceDisabled, 1);
    let answer = world.messages("").await;
    assert_eq!(answer.problem(), (503, "config_error"));
    let detail = "The Gmail API is not enabled in the application's Google Cloud project.";
    assert_eq!(answer.json()["detail"], detail);
    assert_eq!(answer.headers["retry-after"], "60");
}

#[tokio::test]
async fn a_refusal_that_was_waited_out_is_counted_and_two_reasons_make_two_lines() {
    let world = World::signed_in().await;
    let patience = Failure::Quota { status: 429, retry_after: Some(1) };
    world.google.fail(Endpoint::MessagesList, patience, 1);
    world.lists().await;
    assert_eq!(world.metrics().counted(), ["GmailErrors GmailReason=rate_limited 1"]);
    world.google.fail(Endpoint::MessagesList, Failure::InvalidCredentials, 1);
    world.google.fail(Endpoint::MessagesList, Failure::DomainPolicy, 1);
    assert_eq!(world.messages("").await.status, 403);
    let metrics = world.metrics();
    assert_eq!(metrics.0.len(), 2);
    let expected = [
        "GmailErrors GmailReason=domain_policy 1",
        "GmailErrors GmailReason=unauthorized 1",
        "RefreshFailures 0",
        "Refreshes Outcome=refreshed 1",
        "TokenDeaths 0",
    ];
    assert_eq!(metrics.counted(), expected);
    assert_eq!(metrics.timed()["GmailTime"], 2);
}
