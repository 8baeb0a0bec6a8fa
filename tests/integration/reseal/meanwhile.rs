//! A pass seals tokens again while the functions write: at every await of a request, and with a
//! request at every await of the pass. What a request leaves is what it leaves without the pass.

use std::pin::Pin;
use std::task::Poll;

use harness::google::Rotation;
use harness::world::{ANN, BUDGET, Call, World, invoke, reseal_all};
use serde_json::Value;

use super::rest;

/// A request with more suspensions than this hangs.
const MOST: usize = 400;

/// A request that writes the credential.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Writing {
    Refresh,
    RefreshWithRotation,
    Burial,
    SignIn,
    SignOutEverywhere,
    Disconnect,
}

impl Writing {
    /// A world in which the keyring has just been rotated, and the request.
    async fn prepared(self) -> (World, Call) {
        let mut world = World::expired().await;
        let call = match self {
            Self::Refresh => world.list(),
            Self::RefreshWithRotation => {
                world.google.rotate_refresh_tokens(Rotation::OldDies);
                world.list()
            }
            Self::Burial => {
                world.google.revoke_grant(ANN);
                world.list()
            }
            Self::SignIn => {
                let query = world.consented(ANN).await;
                world.callback_of(&query)
            }
            Self::SignOutEverywhere => world.with_cookies(Call::sign_out(true)),
            Self::Disconnect => world.with_cookies(Call::disconnect()),
        };
        world.rotate_keyring();
        (world, call)
    }
}

/// Polls a future until it is ready or was suspended `number` times.
async fn up_to<T>(number: usize, mut future: Pin<&mut impl Future<Output = T>>) -> Option<T> {
    let mut count = 0;
    std::future::poll_fn(|context| {
        if count == number {
            return Poll::Ready(None);
        }
        count += 1;
        future.as_mut().poll(context).map(Some)
    })
    .await
}

/// What a request left: the status of its answer, and the names, state and version of the item.
fn left(world: &World, status: i64) -> (i64, Vec<String>, Value, Value) {
    let item = world.credential(ANN);
    let names = rest_names(&item);
    (status, names, item["status"].clone(), item["version"].clone())
}

fn rest_names(item: &Value) -> Vec<String> {
    if item.is_null() { Vec::new() } else { rest(item).as_object().unwrap().keys().cloned().collect() }
}

/// The old key can go: everything opens, and the user's next request is answered as it must be.
async fn assert_old_key_can_go(world: &mut World, writing: Writing, at: &str) {
    for outcome in reseal_all(&world.environment(&[])).await.unwrap() {
        assert_eq!(outcome.keys.iter().collect::<Vec<_>>(), ["k2"], "{at}: {outcome:?}");
        assert!(outcome.broken.is_empty(), "{at}: {outcome:?}");
    }
    world.retire_the_old_key();
    world.cold_start();
    let answer = world.messages("").await;
    match writing {
        Writing::Refresh | Writing::RefreshWithRotation | Writing::SignIn => {
            assert_eq!(answer.status, 200, "{at}: {answer:?}");
        }
        Writing::Burial => assert_eq!(answer.reason(), "revoked_or_expired", "{at}"),
        Writing::SignOutEverywhere => assert_eq!(answer.status, 401, "{at}"),
        Writing::Disconnect => {
            assert_eq!(world.credential(ANN), Value::Null, "{at}");
            assert_eq!(world.google.live_refresh_tokens(ANN), 0, "{at}");
        }
    }
}

/// A pass at every await of the request.
async fn at_each_await_of(writing: Writing) {
    let (world, call) = writing.prepared().await;
    let alone = world.send(&call).await;
    let expected = left(&world, alone.status);
    for number in 0..MOST {
        let at = format!("{writing:?}, at its await {number}");
        let (mut world, call) = writing.prepared().await;
        let (app, other) = (world.environment(&[]), world.environment(&[]));
        let event = call.event().to_string();
        let mut request = Box::pin(invoke(Ok(&app), &event, BUDGET));
        let done = up_to(number, request.as_mut()).await;
        reseal_all(&other).await.unwrap();
        let is_over = done.is_some();
        let answer = match done {
            Some(answer) => answer,
            None => request.await,
        };
        assert_eq!(left(&world, answer.status), expected, "{at}: {answer:?}");
        world.keep_cookies(&answer);
        assert_old_key_can_go(&mut world, writing, &at).await;
        if is_over {
            assert!(number > 5, "{number} awaits are too few");
            return;
        }
    }
    panic!("{writing:?} makes no end");
}

/// The request at every await of a pass.
async fn at_each_await_of_a_pass(writing: Writing) {
    let (world, call) = writing.prepared().await;
    let alone = world.send(&call).await;
    let expected = left(&world, alone.status);
    for number in 0..MOST {
        let at = format!("{writing:?} at await {number} of a pass");
        let (mut world, call) = writing.prepared().await;
        let other = world.environment(&[]);
        let mut pass = Box::pin(reseal_all(&other));
        let done = up_to(number, pass.as_mut()).await;
        let is_over = done.is_some();
        let answer = world.send(&call).await;
        if !is_over {
            pass.await.unwrap();
        }
        assert_eq!(left(&world, answer.status), expected, "{at}: {answer:?}");
        world.keep_cookies(&answer);
        assert_old_key_can_go(&mut world, writing, &at).await;
        if is_over {
            assert!(number > 2, "{number} awaits are too few");
            return;
        }
    }
    panic!("a pass makes no end");
}

async fn leave_each_others_work_alone(writing: Writing) {
    Box::pin(at_each_await_of(writing)).await;
    Box::pin(at_each_await_of_a_pass(writing)).await;
}

#[tokio::test]
async fn f114_a_refresh_and_a_pass_that_seals_again_leave_each_others_work_alone() {
    leave_each_others_work_alone(Writing::Refresh).await;
}

#[tokio::test]
async fn f114_a_refresh_that_rotates_and_a_pass_leave_each_others_work_alone() {
    leave_each_others_work_alone(Writing::RefreshWithRotation).await;
}

#[tokio::test]
async fn f114_a_grant_that_is_found_dead_during_a_pass_stays_dead() {
    leave_each_others_work_alone(Writing::Burial).await;
}

#[tokio::test]
async fn f114_a_sign_in_and_a_pass_leave_each_others_work_alone() {
    leave_each_others_work_alone(Writing::SignIn).await;
}

#[tokio::test]
async fn f114_a_sign_out_everywhere_and_a_pass_leave_each_others_work_alone() {
    leave_each_others_work_alone(Writing::SignOutEverywhere).await;
}

#[tokio::test]
async fn f114_a_disconnect_during_a_pass_ends_the_connection() {
    leave_each_others_work_alone(Writing::Disconnect).await;
}
