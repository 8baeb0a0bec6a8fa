//! Whole days: every user is looked at once, in a quarter of an hour that stays the same.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use harness::google::Endpoint;
use harness::world::{BUDGET, QUARTERS, World};
use serde_json::json;

use super::{DAY, MONTH};

const USERS: usize = 300;

/// Many users whose grants nobody has used for a month.
async fn many() -> World {
    let world = World::new().await;
    let addresses: Vec<String> = (0..USERS).map(|number| format!("user{number}@example.com")).collect();
    for line in world.google.mint(addresses.iter().map(String::as_str)) {
        assert_eq!(world.import(&json!(line)).await.word(), "imported");
    }
    world.advance(MONTH);
    world.forget_calls();
    world.metrics();
    world
}

/// The refresh tokens that were used, each with how often.
fn used(world: &World) -> BTreeMap<String, usize> {
    let mut used = BTreeMap::new();
    for call in world.google.calls_to(Endpoint::Token) {
        *used.entry(call.form_value("refresh_token").unwrap()).or_default() += 1;
    }
    used
}

#[tokio::test]
async fn f116_the_runs_of_a_day_refresh_every_unused_grant_once_spread_over_the_day() {
    let world = many().await;
    let app = world.sweeper();
    let mut of_runs: Vec<BTreeSet<String>> = Vec::new();
    for number in 0..QUARTERS {
        world.forget_calls();
        assert_eq!(world.sweep_quarter(&app, number, BUDGET).await, Ok(json!({})));
        assert!(used(&world).values().all(|times| *times == 1));
        of_runs.push(used(&world).into_keys().collect());
    }
    let all: BTreeSet<&String> = of_runs.iter().flatten().collect();
    assert_eq!((all.len(), of_runs.iter().map(BTreeSet::len).sum::<usize>()), (USERS, USERS));
    // About three for each run. No run has a tenth of the users.
    let most = of_runs.iter().map(BTreeSet::len).max().unwrap();
    let busy = of_runs.iter().filter(|used| !used.is_empty()).count();
    assert!(most < USERS / 10 && busy > 60, "{most} in one run, {busy} runs with work");

    // A month later the same users have the same quarters.
    world.advance(MONTH);
    for (number, before) in (0..QUARTERS).zip(&of_runs) {
        world.forget_calls();
        world.sweep_quarter(&app, number, BUDGET).await.unwrap();
        assert_eq!(used(&world).into_keys().collect::<BTreeSet<_>>(), *before, "run {number}");
    }
    world.advance(DAY);
    world.forget_calls();
    world.sweep().await;
    assert_eq!(world.refreshes(), 0);
}

#[tokio::test]
async fn f116_a_run_that_comes_twice_or_late_or_beside_another_does_nothing_twice() {
    let world = many().await;
    let app = world.sweeper();
    let twice = async |number| {
        let (first, second) = futures_util::future::join(
            world.sweep_quarter(&app, number, BUDGET),
            world.sweep_quarter(&app, number, BUDGET),
        )
        .await;
        assert_eq!((first, second), (Ok(json!({})), Ok(json!({}))));
        world.sweep_quarter(&app, number, BUDGET).await.unwrap();
    };
    for number in 0..QUARTERS {
        twice(number).await;
    }
    let used = used(&world);
    assert_eq!((used.len(), used.values().max()), (USERS, Some(&1)));
}

#[tokio::test]
async fn f116_a_run_makes_no_more_refreshes_a_second_than_it_may() {
    let world = many().await;
    let app = world.environment(&[("SWEEP_UNUSED_DAYS", "30"), ("SWEEP_REFRESHES_PER_SECOND", "10")]);
    let (mut number, mut users) = (0, 0);
    for other in 0..QUARTERS {
        let count = world.users_of(other).await.len();
        (number, users) = if count > users { (other, count) } else { (number, users) };
    }
    let began = tokio::time::Instant::now();
    world.sweep_quarter(&app, number, BUDGET).await.unwrap();
    let time = began.elapsed();
    assert!(users > 3 && world.refreshes() == users, "{users}");
    let least = Duration::from_millis(100) * u32::try_from(users - 1).unwrap();
    assert!(time >= least, "{users} refreshes in {time:?}");
}
