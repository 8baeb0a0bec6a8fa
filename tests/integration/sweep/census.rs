//! What a day of sweeps counts: grants by state and age, and those that end soon.

use std::collections::BTreeMap;
use std::time::Duration;

use harness::google::{Failure, Times};
use harness::world::{ANN, BEN, World};
use serde_json::{Value, json};

use super::{DAY, MONTH};

/// The census of a day of sweeps, the refreshes apart: each name with its sum.
fn census(world: &World) -> Vec<String> {
    let mut sums: BTreeMap<String, f64> = BTreeMap::new();
    for line in world.metrics().counted() {
        let (name, values) = line.rsplit_once(' ').unwrap();
        if name.starts_with("Grant") {
            *sums.entry(name.to_owned()).or_default() +=
                values.split('+').map(|value| value.parse::<f64>().unwrap()).sum::<f64>();
        }
    }
    sums.into_iter().map(|(name, sum)| format!("{name} {sum}")).collect()
}

/// A world with an active grant for each of these times since its last use, in days.
async fn aged(days: &[u64]) -> World {
    let world = World::signed_in().await;
    let item = world.credential(ANN);
    world.advance(400 * DAY);
    let now = world.app.clock.now().seconds();
    for (number, days) in days.iter().enumerate() {
        let mut item = item.clone();
        let used = now - i64::try_from(days * DAY).unwrap();
        item["user_id"] = json!({"S": (500_000_000 + number).to_string()});
        item["refreshed_at"] = json!({"N": used.to_string()});
        world.put(item);
    }
    world.disconnect(ANN);
    world.google.fail_refresh(Failure::InvalidRapt, Times::UntilCleared);
    world.metrics();
    world
}

#[tokio::test]
async fn a_day_of_sweeps_counts_active_grants_by_age_and_by_how_soon_they_end() {
    let world = aged(&[0, 1, 6, 7, 89, 90, 149, 150, 172, 173, 179]).await;
    world.sweep().await;
    insta::assert_snapshot!(census(&world).join("\n"), @"
    GrantAges GrantAge=1-6 days 2
    GrantAges GrantAge=30-89 days 1
    GrantAges GrantAge=7-29 days 1
    GrantAges GrantAge=90-179 days 6
    GrantAges GrantAge=under a day 1
    Grants GrantState=active 11
    GrantsEnding EndsWithin=30 days 4
    GrantsEnding EndsWithin=7 days 2
    ");
}

#[tokio::test]
async fn a_grant_that_was_refreshed_is_counted_as_it_is_then() {
    let world = World::signed_in().await;
    world.advance(179 * DAY);
    world.metrics();
    world.sweep().await;
    insta::assert_snapshot!(census(&world).join("\n"), @"
    GrantAges GrantAge=under a day 1
    Grants GrantState=active 1
    GrantsEnding EndsWithin=30 days 0
    GrantsEnding EndsWithin=7 days 0
    ");
}

#[tokio::test]
async fn grants_are_counted_by_state_whatever_it_is() {
    let mut world = World::new().await;
    world.google.refresh_tokens_live_for(Some(Duration::from_secs(7 * DAY)));
    world.sign_in(ANN).await;
    world.jar.clear();
    world.sign_in(BEN).await;
    let with = |id: &str, change: &dyn Fn(&mut Value)| {
        let mut item = world.credential(ANN);
        item["user_id"] = json!({ "S": id });
        change(&mut item);
        world.put(item);
    };
    with("600000001", &|item| item["status"]["S"] = json!("disconnecting"));
    with("600000002", &|item| item["schema"]["N"] = json!("2"));
    with("600000003", &|item| item["refresh_token_expires_at"] = json!({"N": "1"}));
    // I4: nothing that serves a request.
    let mut leaving = world.dynamodb.item(harness::stack::CREDENTIALS_TABLE, "user_id", "600000001").unwrap();
    leaving.as_object_mut().unwrap().remove("access_token");
    world.put(leaving);
    world.google.revoke_grant(BEN);
    world.advance(3700);
    assert_eq!(world.messages("").await.reason(), "revoked_or_expired");
    world.metrics();
    world.sweep().await;
    insta::assert_snapshot!(census(&world).join("\n"), @"
    GrantAges GrantAge=under a day 1
    Grants GrantState=active 1
    Grants GrantState=disconnecting 1
    Grants GrantState=ended 1
    Grants GrantState=revoked 1
    Grants GrantState=unreadable 1
    GrantsEnding EndsWithin=30 days 1
    GrantsEnding EndsWithin=7 days 1
    ");
    world.advance(MONTH);
    world.sweep().await;
    insta::assert_snapshot!(census(&world).join("\n"), @"
    Grants GrantState=disconnecting 1
    Grants GrantState=ended 2
    Grants GrantState=revoked 1
    Grants GrantState=unreadable 1
    GrantsEnding EndsWithin=30 days 0
    GrantsEnding EndsWithin=7 days 0
    ");
}
