//! Many requests at once: environments that refresh one credential, callbacks with one state, a
//! refresh against a callback or a disconnect, a disconnect against a sign-in. Each repetition of a case
//! has another random schedule.

use std::time::Duration;

use futures_util::future::{join, join_all};
use harness::Fault;
use harness::google::{Decision, Endpoint, Failure, Rotation, Times};
use harness::world::{ANN, Answer, Call, World, invoke};
use postern::app::App;

use crate::behind::LIST;
use crate::extent;
use crate::schedule::Schedule;

const BUDGET: Duration = Duration::from_secs(8);
const ROTATIONS: [Rotation; 4] =
    [Rotation::Off, Rotation::OldStillWorks, Rotation::OldDies, Rotation::ReuseEndsFamily];

/// Delays at Google and at some of the calls to DynamoDB.
fn delay_back_ends(world: &World, schedule: &mut Schedule) {
    world.stack.google.fail(Endpoint::Token, Failure::Slow(schedule.pause(25)), Times::Next(1));
    if schedule.coin() {
        world.stack.google.fail(Endpoint::MessagesList, Failure::Slow(schedule.pause(15)), Times::Next(1));
    }
    for operation in ["BatchGetItem", "GetItem", "UpdateItem", "UpdateItem", "PutItem"] {
        if schedule.coin() {
            world.stack.dynamodb.fail(operation, Fault::Delay(schedule.pause(15)), 1);
        }
    }
}

fn end_delays(world: &World) {
    world.stack.google.clear_all();
    world.stack.dynamodb.clear_faults();
}

/// Sends a call to an environment after a pause.
async fn send_after(pause: Duration, app: &App, call: &Call) -> Answer {
    tokio::time::sleep(pause).await;
    invoke(Ok(app), &call.event().to_string(), BUDGET).await
}

/// A callback after Ann gave consent again.
async fn consented(world: &mut World) -> Call {
    let url = world.start("").await.replace("access_type=offline", "access_type=offline&prompt=consent");
    let query = world.consent(&url, Decision::allow(ANN)).await;
    world.with_cookies(Call::get("/oauth/callback", &query))
}

/// Some environments refresh at once, repeatedly.
async fn refresh_together(environments: usize) {
    let mut schedule = Schedule::of(&format!("{environments} environments refresh"));
    let mut world = World::new().await;
    world.sign_in(ANN).await;
    let apps: Vec<App> = (0..environments).map(|_| world.environment(&[])).collect();
    for repetition in 0..extent::repetitions() {
        world.advance(3600);
        world.forget_calls();
        world.stack.google.rotate_refresh_tokens(schedule.one_of(&ROTATIONS));
        delay_back_ends(&world, &mut schedule);
        let call = world.with_cookies(Call::get("/messages", LIST));
        let answers = apps.iter().map(|app| send_after(schedule.pause(20), app, &call));
        for answer in join_all(answers).await {
            assert_eq!(answer.status, 200, "repetition {repetition}: {answer:?}");
        }
        assert_eq!(world.refreshes(), 1, "repetition {repetition}");
        end_delays(&world);
    }
}

#[tokio::test]
async fn f32_f33_of_2_environments_one_refreshes_and_both_answer() {
    refresh_together(2).await;
}

#[tokio::test]
async fn f32_f33_of_10_environments_one_refreshes_and_all_answer() {
    refresh_together(10).await;
}

#[tokio::test]
async fn f32_f33_of_50_environments_one_refreshes_and_all_answer() {
    refresh_together(50).await;
}

/// Some environments get the same callback, repeatedly.
async fn callback_together(environments: usize) {
    let mut schedule = Schedule::of(&format!("{environments} environments get one callback"));
    let mut world = World::new().await;
    let apps: Vec<App> = (0..environments).map(|_| world.environment(&[])).collect();
    for repetition in 0..extent::repetitions() {
        world.jar.clear();
        world.advance(60);
        let call = consented(&mut world).await;
        world.forget_calls();
        delay_back_ends(&world, &mut schedule);
        let answers = apps.iter().map(|app| send_after(schedule.pause(10), app, &call));
        let answers = join_all(answers).await;
        let signed_in = answers.iter().filter(|answer| answer.set_cookie("__Host-session").is_some());
        assert_eq!(signed_in.count(), 1, "repetition {repetition}");
        let used = answers.iter().filter(|answer| answer.status == 400 && answer.code() == "state_used");
        assert_eq!(used.count(), environments - 1, "repetition {repetition}");
        assert_eq!(world.exchanges(), 1, "repetition {repetition}");
        end_delays(&world);
    }
    assert_eq!(world.sessions().len(), extent::repetitions());
}

#[tokio::test]
async fn a05_f22_of_2_callbacks_with_one_state_one_exchanges() {
    callback_together(2).await;
}

#[tokio::test]
async fn a05_f22_of_10_callbacks_with_one_state_one_exchanges() {
    callback_together(10).await;
}

#[tokio::test]
async fn f23_f31_f35_a_refresh_against_a_newer_consent_never_loses_the_newer_refresh_token() {
    let mut schedule = Schedule::of("refreshes against a callback");
    let mut world = World::new().await;
    world.sign_in(ANN).await;
    let apps: Vec<App> = (0..3).map(|_| world.environment(&[])).collect();
    for repetition in 0..extent::repetitions() {
        world.advance(3600);
        let callback = consented(&mut world).await;
        let list = world.with_cookies(Call::get("/messages", LIST));
        world.forget_calls();
        delay_back_ends(&world, &mut schedule);
        world.stack.google.rotate_refresh_tokens(schedule.one_of(&ROTATIONS));
        // Sometimes Google refuses the old refresh token: only that one may be marked as dead.
        if schedule.coin() {
            world.stack.google.fail_refresh(Failure::InvalidGrant, Times::Next(1));
        }
        let lists = apps[1..].iter().map(|app| send_after(schedule.pause(40), app, &list));
        let lists = join_all(lists.collect::<Vec<_>>());
        let (signed_in, lists) = join(send_after(schedule.pause(40), &apps[0], &callback), lists).await;
        assert!(signed_in.set_cookie("__Host-session").is_some(), "repetition {repetition}: {signed_in:?}");
        // 401, because the callback ends the session of the lists, or because the token is
        // dead.
        for answer in lists {
            assert!([200, 401].contains(&answer.status), "repetition {repetition}: {answer:?}");
        }
        assert_eq!(world.exchanges(), 1, "repetition {repetition}");
        end_delays(&world);
        world.keep_cookies(&signed_in);
        assert_eq!(world.credential(ANN)["status"]["S"], "active", "repetition {repetition}");
        assert_eq!(world.messages(LIST).await.status, 200, "repetition {repetition}");
        world.advance(3600);
        let answer = world.messages(LIST).await;
        assert_eq!(answer.status, 200, "repetition {repetition}, the newer token refreshes: {answer:?}");
    }
}

#[tokio::test]
async fn f34_a_refresh_against_the_end_of_the_credential_does_not_bring_it_back() {
    let mut schedule = Schedule::of("refreshes against a disconnect");
    let mut world = World::new().await;
    let apps: Vec<App> = (0..4).map(|_| world.environment(&[])).collect();
    for repetition in 0..extent::repetitions() {
        let callback = consented(&mut world).await;
        let signed_in = world.send(&callback).await;
        world.keep_cookies(&signed_in);
        world.advance(3600);
        let list = world.with_cookies(Call::get("/messages", LIST));
        delay_back_ends(&world, &mut schedule);
        world.stack.google.rotate_refresh_tokens(schedule.one_of(&ROTATIONS));
        if schedule.coin() {
            world.stack.google.fail_refresh(Failure::InvalidGrant, Times::Next(1));
        }
        let lists: Vec<_> = apps[1..].iter().map(|app| send_after(schedule.pause(20), app, &list)).collect();
        let disconnect = world.with_cookies(Call::disconnect());
        let disconnect = send_after(schedule.pause(80), &apps[0], &disconnect);
        let (answers, ended) = join(join_all(lists), disconnect).await;
        assert_eq!(ended.status, 204, "repetition {repetition}: {ended:?}");
        for answer in answers {
            assert!([200, 401].contains(&answer.status), "repetition {repetition}: {answer:?}");
        }
        assert!(world.credential(ANN).is_null(), "repetition {repetition}: the credential is back");
        end_delays(&world);
        let answer = world.messages(LIST).await;
        assert_eq!((answer.status, answer.code()), (401, "unauthenticated"));
        assert!(world.credential(ANN).is_null(), "repetition {repetition}: the credential is back");
        world.jar.clear();
    }
}

#[tokio::test]
async fn f34_f77_a_disconnect_against_a_sign_in_leaves_no_connection_or_the_new_one() {
    let mut schedule = Schedule::of("a disconnect against a sign-in");
    let mut world = World::new().await;
    let apps: Vec<App> = (0..2).map(|_| world.environment(&[])).collect();
    for repetition in 0..extent::repetitions() {
        world.jar.clear();
        world.advance(60);
        let callback = consented(&mut world).await;
        let signed_in = world.send(&callback).await;
        world.keep_cookies(&signed_in);
        let (old, before) = (world.list(), world.credential(ANN));
        let disconnect = world.with_cookies(Call::disconnect());
        world.jar.clear();
        let callback = consented(&mut world).await;
        delay_back_ends(&world, &mut schedule);
        world.stack.google.fail(Endpoint::Revoke, Failure::Slow(schedule.pause(25)), Times::Next(1));
        let disconnect = send_after(schedule.pause(40), &apps[0], &disconnect);
        let sign_in = send_after(schedule.pause(40), &apps[1], &callback);
        let (ended, signed_in) = join(disconnect, sign_in).await;
        end_delays(&world);
        assert_eq!(ended.status, 204, "repetition {repetition}: {ended:?}");
        let reason = world.send(&old).await.reason().to_owned();
        assert!(["session_expired", "not_connected"].contains(&reason.as_str()), "{reason}");
        let item = world.credential(ANN);
        if !item.is_null() {
            assert_eq!(item["status"]["S"], "active", "repetition {repetition}");
            assert_ne!(item["era"], before["era"], "repetition {repetition}: a new connection");
        }
        // Google may have revoked the new grant too: then the callback's code was refused, or
        // its tokens are dead, and the user is asked again.
        if signed_in.begins_session() {
            world.keep_cookies(&signed_in);
            let answer = world.messages(LIST).await;
            assert!([200, 401].contains(&answer.status), "repetition {repetition}: {answer:?}");
            assert!(answer.status == 401 || !item.is_null(), "repetition {repetition}");
        }
    }
}
