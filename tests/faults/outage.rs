//! DynamoDB or Secrets Manager is unavailable for a while. The answer says so in time, nothing is
//! lost, and afterwards everything works.

use std::time::Duration;

use futures_util::future::join;
use harness::google::{Endpoint, Failure, Rotation, Times};
use harness::proxy::Mode;
use harness::world::{ANN, Answer, Call};
use tokio::time::Instant;

use crate::behind::{Behind, LIST};

/// The time that a request has.
const BUDGET: Duration = Duration::from_secs(8);
/// Lambda ends the process this long after the budget.
const MARGIN: Duration = Duration::from_millis(500);

/// The ways in which a back end is unavailable.
const OUTAGES: [Mode; 5] = [
    Mode::Cut,
    Mode::ResetAfter(0),
    Mode::ResetAfter(60),
    Mode::Drip(Duration::from_millis(20)),
    Mode::BlackHole,
];

fn assert_unavailable(answer: &Answer, code: &str, mode: Mode) {
    assert_eq!((answer.status, answer.code()), (503, code), "{mode:?}: {answer:?}");
    assert_eq!(answer.headers["content-type"], "application/problem+json", "{mode:?}");
    let seconds: u32 = answer.headers["retry-after"].parse().unwrap();
    assert!((1..=60).contains(&seconds), "{mode:?}: {seconds}");
    // A callback may set the flow cookie, which remembers the attempt.
    let is_flow = |cookie: &String| cookie.starts_with("__Host-flow-");
    assert!(answer.location().is_empty() && answer.cookies.iter().all(is_flow), "{mode:?}: {answer:?}");
}

async fn timed(answer: impl Future<Output = Answer>) -> (Answer, Duration) {
    let started = Instant::now();
    let answer = answer.await;
    (answer, started.elapsed())
}

#[tokio::test]
async fn f53_a_list_while_dynamodb_is_away_says_so_in_time_and_works_again_afterwards() {
    let check = async |mode| {
        let behind = Behind::signed_in().await;
        assert_eq!(behind.world.messages(LIST).await.status, 200);
        let before = behind.world.kept(ANN);
        behind.dynamodb.set(mode).await;
        let (answer, took) = timed(behind.world.messages(LIST)).await;
        assert_unavailable(&answer, "storage_unavailable", mode);
        assert!(took < BUDGET, "{mode:?} took {took:?}");
        behind.dynamodb.set(Mode::Pass).await;
        assert_eq!(behind.world.messages(LIST).await.status, 200, "after {mode:?}");
        assert_eq!(behind.world.kept(ANN), before);
    };
    futures_util::future::join_all(OUTAGES.map(check)).await;
}

#[tokio::test]
async fn f16_f17_a_callback_while_dynamodb_is_away_exchanges_nothing_and_a_reload_succeeds() {
    let check = async |mode| {
        let mut behind = Behind::new().await;
        let callback = behind.consented().await;
        behind.dynamodb.set(mode).await;
        let (answer, took) = timed(behind.world.send(&callback)).await;
        assert_unavailable(&answer, "storage_unavailable", mode);
        assert!(took < BUDGET, "{mode:?} took {took:?}");
        assert_eq!(behind.world.exchanges(), 0, "{mode:?}");
        behind.dynamodb.set(Mode::Pass).await;
        // This also works if the write arrived and its answer was lost: the state is used, and the
        // cookie says by which attempt.
        behind.world.keep_cookies(&answer);
        let reload = behind.world.with_cookies(Call { cookies: Vec::new(), ..callback });
        let answer = behind.world.send(&reload).await;
        assert!(answer.set_cookie("__Host-session").is_some(), "after {mode:?}: {answer:?}");
        assert_eq!(behind.world.exchanges(), 1);
    };
    futures_util::future::join_all(OUTAGES.map(check)).await;
}

#[tokio::test]
async fn f53_a_dynamodb_that_is_slow_is_waited_for() {
    let mut behind = Behind::new().await;
    let callback = behind.consented().await;
    behind.dynamodb.set(Mode::Delay(Duration::from_millis(150))).await;
    let answer = behind.world.send(&callback).await;
    assert!(answer.set_cookie("__Host-session").is_some(), "{answer:?}");
    behind.world.keep_cookies(&answer);
    behind.world.advance(3600);
    assert_eq!(behind.world.messages(LIST).await.status, 200);
}

#[tokio::test]
async fn f59_secrets_that_are_known_serve_while_secrets_manager_is_away() {
    let check = async |mode| {
        let behind = Behind::signed_in().await;
        // Both secrets are due to be read again, and the access token has expired.
        behind.world.advance(3600);
        behind.secrets.set(mode).await;
        let (answer, took) = timed(behind.world.messages(LIST)).await;
        assert_eq!(answer.status, 200, "{mode:?}: {answer:?}");
        assert!(took < BUDGET, "{mode:?} took {took:?}");
        // For a minute, no other request waits for Secrets Manager.
        let (answer, took) = timed(behind.world.messages(LIST)).await;
        assert_eq!(answer.status, 200, "{mode:?}: {answer:?}");
        assert!(took < Duration::from_millis(700), "{mode:?} took {took:?}");
        behind.world.advance(86_400);
        behind.secrets.set(Mode::Pass).await;
        assert_ne!(behind.world.messages(LIST).await.status, 503, "after {mode:?}");
    };
    futures_util::future::join_all(OUTAGES.map(check)).await;
}

#[tokio::test]
async fn f60_a_cold_start_while_secrets_manager_is_away_says_so_in_time_and_works_again_afterwards() {
    let check = async |mode| {
        let mut behind = Behind::signed_in().await;
        let callback = behind.consented().await;
        let cold = behind.world.environment(&[]);
        behind.world.forget_calls();
        behind.secrets.set(mode).await;
        for call in [&callback, &behind.list()] {
            let (answer, took) = timed(behind.send_within(&cold, call, BUDGET)).await;
            assert_unavailable(&answer, "secrets_unavailable", mode);
            assert!(took < Duration::from_secs(3), "{mode:?} took {took:?}");
        }
        assert_eq!(behind.world.dynamodb_calls(), ["BatchGetItem"], "nothing is spent: {mode:?}");
        behind.secrets.set(Mode::Pass).await;
        let answer = behind.send_within(&cold, &behind.list(), BUDGET).await;
        assert_eq!(answer.status, 200, "after {mode:?}: {answer:?}");
        let answer = behind.send_within(&cold, &callback, BUDGET).await;
        assert!(answer.set_cookie("__Host-session").is_some(), "after {mode:?}: {answer:?}");
    };
    futures_util::future::join_all(OUTAGES.map(check)).await;
}

/// Sends a call, and turns DynamoDB into a black hole as soon as Google has been asked for tokens.
async fn swallowed_after_token_call(behind: &Behind, call: &Call, budget: Duration) -> (Answer, Duration) {
    // Google's answer takes so long that DynamoDB is gone before anything can be written.
    let slow = Failure::Slow(Duration::from_millis(100));
    behind.world.stack.google.fail(Endpoint::Token, slow, Times::Next(1));
    let swallow = async {
        while behind.world.exchanges() + behind.world.refreshes() == 0 {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
        behind.dynamodb.set(Mode::BlackHole).await;
    };
    join(timed(behind.send_within(&behind.world.app, call, budget)), swallow).await.0
}

#[tokio::test]
async fn f66_near_the_deadline_a_list_that_dynamodb_leaves_waiting_is_answered_in_time() {
    let behind = Behind::signed_in().await;
    behind.dynamodb.set(Mode::BlackHole).await;
    let budget = Duration::from_secs(1);
    let (answer, took) = timed(behind.send_within(&behind.world.app, &behind.list(), budget)).await;
    assert_unavailable(&answer, "storage_unavailable", Mode::BlackHole);
    assert!(took < budget + MARGIN, "took {took:?}, and Lambda had ended the process");
}

#[tokio::test]
async fn f66_near_the_deadline_a_cold_start_that_secrets_manager_leaves_waiting_is_answered_in_time() {
    let behind = Behind::signed_in().await;
    behind.secrets.set(Mode::BlackHole).await;
    let budget = Duration::from_secs(1);
    let cold = behind.world.environment(&[]);
    let (answer, took) = timed(behind.send_within(&cold, &behind.list(), budget)).await;
    assert_unavailable(&answer, "out_of_time", Mode::BlackHole);
    assert!(took < budget + MARGIN, "took {took:?}, and Lambda had ended the process");
}

#[tokio::test]
async fn f18_f66_a_callback_whose_credential_cannot_be_written_is_answered_in_time() {
    let mut behind = Behind::signed_in().await;
    let before = behind.world.kept(ANN);
    let callback = behind.consented().await;
    behind.world.forget_calls();
    let budget = Duration::from_secs(3);
    let (answer, took) = swallowed_after_token_call(&behind, &callback, budget).await;
    assert!(answer.set_cookie("__Host-session").is_none(), "{answer:?}");
    assert!(answer.location().contains("auth_error=storage_unavailable"), "{answer:?}");
    assert_eq!(behind.world.kept(ANN), before, "the old credential is kept");
    assert!(took < budget + MARGIN, "took {took:?}, and Lambda had ended the process");
}

#[tokio::test]
async fn f31_f66_a_rotation_that_cannot_be_written_is_answered_in_time() {
    let behind = Behind::expired().await;
    behind.world.stack.google.rotate_refresh_tokens(Rotation::OldStillWorks);
    let budget = Duration::from_secs(3);
    let (answer, took) = swallowed_after_token_call(&behind, &behind.list(), budget).await;
    assert_unavailable(&answer, "storage_unavailable", Mode::BlackHole);
    behind.recover().await;
    behind.world.advance(10);
    assert_eq!(behind.world.messages(LIST).await.status, 200);
    assert!(took < budget + MARGIN, "took {took:?}, and Lambda had ended the process");
}
