//! Clocks that are five minutes apart (F73), and leases whatever the clock that wrote them.

use std::time::Duration;

use harness::google::{Failure, Times};
use harness::stack::CREDENTIALS_TABLE;
use harness::world::{ANN, Call, START, World, environment, invoke};
use postern::clock::ManualClock;
use serde_json::json;

const BUDGET: Duration = Duration::from_secs(8);
const FIVE_MINUTES: Duration = Duration::from_mins(5);

#[tokio::test]
async fn f73_a_clock_five_minutes_ahead_ends_nobody_elses_session() {
    let mut world = World::new().await;
    let ahead = ManualClock::starting_at(START.plus(FIVE_MINUTES));
    let right = std::mem::replace(&mut world.app, environment(&world.variables, &ahead).unwrap());
    world.sign_in(ANN).await;
    // Another device signs in through a process whose clock is right.
    world.app = right;
    world.jar.clear();
    world.sign_in(ANN).await;
    assert_eq!(world.messages("").await.status, 200);
}

#[tokio::test]
async fn f73_a_lease_of_a_clock_five_minutes_ahead_is_waited_for_no_longer_than_a_lease_lasts() {
    let mut world = World::new().await;
    world.sign_in(ANN).await;
    world.advance(3600);
    let mut item = world.credential(ANN);
    item["lease_holder"] = json!({"S": "a process that died"});
    item["lease_until"] = json!({"N": (1_793_503_600_000_i64 + 305_000).to_string()});
    world.stack.dynamodb.put(CREDENTIALS_TABLE, item);
    world.forget_calls();
    let answer = world.messages("").await;
    assert_eq!(answer.status, 200, "{answer:?}");
    assert_eq!(world.refreshes(), 1);
}

#[tokio::test]
async fn f73_a_live_lease_is_respected_by_clocks_that_are_apart() {
    let mut world = World::new().await;
    world.sign_in(ANN).await;
    world.advance(3600);
    world.forget_calls();
    let ahead = ManualClock::starting_at(START.plus(Duration::from_hours(1)).plus(Duration::from_secs(4)));
    let other = environment(&world.variables, &ahead).unwrap();
    world.stack.google.fail_refresh(Failure::Slow(Duration::from_millis(700)), Times::Next(1));
    let event = world.with_cookies(Call::get("/messages", "")).event().to_string();
    let second = async {
        harness::world::until(|| world.refreshes() == 1).await;
        invoke(Ok(&other), &event, BUDGET).await
    };
    let (first, second) = futures_util::future::join(invoke(Ok(&world.app), &event, BUDGET), second).await;
    assert_eq!((first.status, second.status), (200, 200));
    assert_eq!(world.refreshes(), 1);
}

#[tokio::test]
async fn a_holder_asks_google_no_longer_than_its_lease_lasts() {
    let mut world = World::new().await;
    world.sign_in(ANN).await;
    world.advance(3600);
    world.forget_calls();
    // The lease is written slowly; its five seconds count from before. Google asks for three
    // seconds of patience, after which too little of the lease would be left.
    world.stack.dynamodb.fail("UpdateItem", harness::Fault::Delay(Duration::from_millis(700)), 1);
    let headers = vec![("retry-after".to_owned(), "3".to_owned())];
    let busy = Failure::Answer { status: 503, headers, body: String::new() };
    world.stack.google.fail_refresh(busy, Times::UntilCleared);
    let answer = world.messages("").await;
    assert_eq!(answer.status, 503, "{answer:?}");
    assert_eq!(world.refreshes(), 1);
}

#[tokio::test]
async fn an_ageing_token_is_not_refreshed_ahead_while_somebody_holds_the_lease() {
    let mut world = World::new().await;
    world.sign_in(ANN).await;
    world.advance(3400);
    let mut item = world.credential(ANN);
    item["lease_holder"] = json!({"S": "another process"});
    item["lease_until"] = json!({"N": (1_793_503_400_000_i64 + 4_000).to_string()});
    world.stack.dynamodb.put(CREDENTIALS_TABLE, item.clone());
    world.forget_calls();
    assert_eq!(world.messages("").await.status, 200);
    assert_eq!(world.refreshes(), 0);
    assert_eq!(world.credential(ANN), item);
}

#[tokio::test]
async fn a_sign_in_ends_the_lease() {
    let mut world = World::new().await;
    world.sign_in(ANN).await;
    let mut item = world.credential(ANN);
    item["lease_holder"] = json!({"S": "another process"});
    item["lease_until"] = json!({"N": (1_793_500_000_000_i64 + 4_000).to_string()});
    world.stack.dynamodb.put(CREDENTIALS_TABLE, item);
    world.sign_in(ANN).await;
    let item = world.credential(ANN);
    assert!(item.get("lease_holder").is_none() && item.get("lease_until").is_none(), "{item}");
}
