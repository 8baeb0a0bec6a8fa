//! Clocks that are five minutes apart (F73), and leases that another clock wrote.

use std::time::Duration;

use harness::Fault;
use harness::google::{Failure, Times};
use harness::world::{ANN, START, World, environment, until};
use postern::clock::ManualClock;

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
    world.lists().await;
}

#[tokio::test]
async fn f73_a_lease_of_a_clock_five_minutes_ahead_is_waited_for_no_longer_than_a_lease_lasts() {
    let world = World::expired().await;
    world.hold_lease(ANN, 305_000);
    world.forget_calls();
    let answer = world.messages("").await;
    assert_eq!(answer.status, 200, "{answer:?}");
    assert_eq!(world.refreshes(), 1);
}

#[tokio::test]
async fn f73_a_live_lease_is_respected_by_clocks_that_are_apart() {
    let world = World::expired().await;
    let ahead = ManualClock::starting_at(START.plus(Duration::from_hours(1)).plus(Duration::from_secs(4)));
    let other = environment(&world.variables, &ahead).unwrap();
    world.google.fail_refresh(Failure::Slow(Duration::from_millis(700)), 1);
    let call = world.list();
    let second = async {
        until(|| world.refreshes() == 1).await;
        world.send_to(&other, &call).await
    };
    let (first, second) = futures_util::future::join(world.send_to(&world.app, &call), second).await;
    assert_eq!((first.status, second.status), (200, 200));
    assert_eq!(world.refreshes(), 1);
}

#[tokio::test]
async fn a_holder_asks_google_no_longer_than_its_lease_lasts() {
    let world = World::expired().await;
    // Writing the lease takes long, and its five seconds count from before. Google asks to wait
    // three seconds, after which too little of the lease would be left.
    world.dynamodb.fail("UpdateItem", Fault::Delay(Duration::from_millis(700)), 1);
    let headers = vec![("retry-after".to_owned(), "3".to_owned())];
    let busy = Failure::Answer { status: 503, headers, body: String::new() };
    world.google.fail_refresh(busy, Times::UntilCleared);
    let answer = world.messages("").await;
    assert_eq!(answer.status, 503, "{answer:?}");
    assert_eq!(world.refreshes(), 1);
}

#[tokio::test]
async fn an_ageing_token_is_not_refreshed_ahead_while_somebody_holds_the_lease() {
    let world = World::ageing().await;
    world.hold_lease(ANN, 4_000);
    let item = world.credential(ANN);
    world.forget_calls();
    world.lists().await;
    assert_eq!(world.refreshes(), 0);
    assert_eq!(world.credential(ANN), item);
}

#[tokio::test]
async fn a_sign_in_ends_the_lease() {
    let mut world = World::signed_in().await;
    world.hold_lease(ANN, 4_000);
    world.sign_in(ANN).await;
    let item = world.credential(ANN);
    assert!(item.get("lease_holder").is_none() && item.get("lease_until").is_none(), "{item}");
}
