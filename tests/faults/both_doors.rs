//! Many callers of both doors at once, each in an environment of its own, and one access token that
//! does not serve any more.

use std::time::Duration;

use futures_util::future::{join, join_all};
use harness::google::{Endpoint, Failure, Rotation, Times};
use harness::world::{ANN, Call, Told, World, invoke, invoke_direct};
use postern::app::App;
use postern::grant::receipt;
use postern_rules::user::UserId;
use serde_json::{Value, json};

use crate::behind::LIST;
use crate::extent;
use crate::schedule::Schedule;

const BUDGET: Duration = Duration::from_secs(8);
/// Callers of each door.
const CALLERS: usize = 25;
/// Milliseconds over which they arrive.
const SPREAD: u64 = 100;

/// Each third caller names Ann otherwise.
async fn payload(world: &World, number: usize) -> Value {
    match number % 3 {
        0 => json!({"user_id": world.sub(ANN)}),
        1 => json!({"session_token": world.session()}),
        _ => {
            let ann = UserId::parse(&world.sub(ANN)).unwrap();
            let credential = world.app.store.credential(&ann).await.unwrap().unwrap();
            let receipt = receipt::issue(&world.app, &credential, None).await.unwrap();
            world.plant(receipt.expose());
            json!({"receipt": receipt.expose()})
        }
    }
}

async fn ask_after(pause: Duration, app: &App, payload: String) -> Told {
    tokio::time::sleep(pause).await;
    invoke_direct(Ok(app), "access-token", &payload, BUDGET).await
}

#[tokio::test]
async fn f101_f32_f33_of_25_callers_of_each_door_one_refreshes_and_all_have_its_token() {
    let mut schedule = Schedule::of("25 callers of each door");
    let mut world = World::new().await;
    let pages: Vec<App> = (0..CALLERS).map(|_| world.environment(&[])).collect();
    let back_ends: Vec<App> = (0..CALLERS).map(|_| world.environment(&[])).collect();
    for repetition in 0..extent::repetitions() {
        // Sessions and access tokens end at their own times.
        world.jar.clear();
        world.sign_in(ANN).await;
        let is_expired = schedule.coin();
        // In half an hour the token is good enough for the pages, which keep it.
        world.advance(if is_expired { 3600 } else { 1900 });
        let mut payloads = Vec::new();
        for number in 0..CALLERS {
            let mut payload = payload(&world, number).await;
            payload["min_ttl_seconds"] = json!(if is_expired { 60 } else { 1800 });
            payloads.push(payload.to_string());
        }
        world.stack.google.rotate_refresh_tokens(schedule.one_of(&[Rotation::Off, Rotation::OldDies]));
        world.stack.google.fail(Endpoint::Token, Failure::Slow(schedule.pause(25)), Times::Next(1));
        world.forget_calls();

        let list = world.with_cookies(Call::list(LIST)).event().to_string();
        let listing = pages.iter().map(|app| {
            let (pause, list) = (schedule.pause(SPREAD), &list);
            async move {
                tokio::time::sleep(pause).await;
                invoke(Ok(app), list, BUDGET).await
            }
        });
        let listing = join_all(listing.collect::<Vec<_>>());
        let asking = back_ends.iter().zip(payloads);
        let asking = asking.map(|(app, payload)| ask_after(schedule.pause(SPREAD), app, payload));
        let asking = join_all(asking.collect::<Vec<_>>());
        let (listed, told) = Box::pin(join(listing, asking)).await;

        let at = format!("repetition {repetition}, expired: {is_expired}");
        assert_eq!(world.refreshes(), 1, "{at}");
        assert!(listed.iter().all(|answer| answer.status == 200), "{at}: {listed:?}");
        let tokens: Vec<&str> = told.iter().map(|told| told.text("access_token")).collect();
        for token in &tokens {
            world.plant(token);
        }
        assert!(tokens.iter().all(|token| *token == tokens[0]), "{at}: all have one token");
        if is_expired {
            let calls = world.stack.google.calls_to(Endpoint::MessagesList);
            assert_eq!(calls.len(), CALLERS, "{at}");
            assert!(calls.iter().all(|call| call.bearer() == Some(tokens[0])), "{at}: of both doors");
        }
        world.stack.google.clear_all();
    }
}
