//! When something fails, a run ends in time and says how far it came; the next day does the rest.

use std::time::Duration;

use futures_util::future::join;
use harness::Fault;
use harness::google::{Endpoint, Failure, Times};
use harness::world::{ANN, BUDGET, Call, KEYRING, World, environment, invoke_sweep, quarter, until};
use serde_json::{Value, json};

use super::{DAY, MONTH, swept, unused};

/// A world with this many grants that are due, all in one quarter. Returns the quarter.
async fn in_one_quarter(count: usize) -> (World, i32) {
    let world = unused().await;
    let quarter = world.quarter_of(ANN).await;
    // Items of others show who is in the same part of the table.
    let addresses: Vec<String> = (0..1500).map(|number| format!("user{number}@example.com")).collect();
    let lines = world.google.mint(addresses.iter().map(String::as_str));
    let mut item = world.credential(ANN);
    for line in &lines {
        item["user_id"] = json!({ "S": line.sub });
        world.put(item.clone());
    }
    let there = world.users_of(quarter).await;
    for line in &lines {
        world.disconnect(&line.sub);
    }
    for line in lines.iter().filter(|line| there.contains(&line.sub)).take(count - 1) {
        assert_eq!(world.import(&json!(line)).await.word(), "imported");
    }
    assert_eq!(world.users_of(quarter).await.len(), count);
    world.advance(MONTH);
    world.forget_calls();
    world.metrics();
    (world, quarter)
}

/// Google asks to wait for longer than a refresh has.
fn throttled(status: u16) -> Failure {
    let headers = vec![("Retry-After".to_owned(), "60".to_owned())];
    Failure::Answer { status, headers, body: "{\"error\":\"temporarily_unavailable\"}".to_owned() }
}

#[tokio::test]
async fn f116_a_google_that_throttles_or_is_away_ends_the_refreshes_of_a_run_and_no_more() {
    let (world, quarter) = in_one_quarter(6).await;
    for (failure, word) in [(throttled(429), 429), (throttled(503), 503), (Failure::NotJson, 200)] {
        world.google.fail_refresh(failure, Times::UntilCleared);
        world.forget_calls();
        let answer = world.sweep_quarter(&world.sweeper(), quarter, BUDGET).await;
        assert_eq!(answer, Ok(json!({})), "{word}");
        assert_eq!(world.refreshes(), 3, "{word}");
        let counted = world.metrics().counted();
        assert!(counted.contains(&"SweptGrants SweepOutcome=left 6".to_owned()), "{word}: {counted:?}");
        assert!(counted.contains(&"Grants GrantState=active 6".to_owned()), "{word}: {counted:?}");
        world.google.clear_all();
        world.advance(60);
    }
    assert!(world.logged("refreshing_stopped"));
    world.advance(DAY);
    world.sweep().await;
    assert_eq!(swept(&world), ["refreshed 6"]);
}

#[tokio::test]
async fn f116_one_grant_that_google_does_not_answer_for_stops_no_other() {
    let (world, quarter) = in_one_quarter(4).await;
    world.google.fail_refresh(throttled(503), 2);
    world.sweep_quarter(&world.sweeper(), quarter, BUDGET).await.unwrap();
    assert_eq!(swept(&world), ["left 2", "refreshed 2"]);
    // Neither does one that is dead, or whose organisation forbids it.
    world.advance(MONTH);
    world.google.fail_refresh(Failure::InvalidGrant, 1);
    world.sweep_quarter(&world.sweeper(), quarter, BUDGET).await.unwrap();
    assert_eq!(swept(&world), ["dead 1", "refreshed 3"]);
}

#[tokio::test]
async fn f116_many_dead_grants_in_a_row_end_the_run_as_an_error_and_the_rest_keeps_its_tokens() {
    let (world, quarter) = in_one_quarter(12).await;
    world.google.fail_refresh(Failure::InvalidGrant, Times::UntilCleared);
    let failed = world.sweep_quarter(&world.sweeper(), quarter, BUDGET).await.unwrap_err();
    assert_eq!(failed["code"], "upstream_rejected", "{failed}");
    assert_eq!((world.refreshes(), swept(&world)), (10, vec!["dead 10".to_owned(), "left 2".to_owned()]));
}

#[tokio::test]
async fn f116_one_grant_that_google_says_is_of_another_client_stops_no_other() {
    let (world, quarter) = in_one_quarter(4).await;
    world.google.fail_refresh(Failure::oauth(400, "unauthorized_client"), 1);
    world.sweep_quarter(&world.sweeper(), quarter, BUDGET).await.unwrap();
    assert_eq!(swept(&world), ["refreshed 3", "refused 1"]);
}

#[tokio::test]
async fn f116_a_client_that_google_refuses_ends_the_run_as_an_error_after_one_attempt() {
    let (world, quarter) = in_one_quarter(3).await;
    world.google.fail_refresh(Failure::DeletedClient, Times::UntilCleared);
    let before = world.kept(ANN);
    let failed = world.sweep_quarter(&world.sweeper(), quarter, BUDGET).await.unwrap_err();
    assert_eq!(failed["code"], "config_error", "{failed}");
    assert_eq!((world.refreshes(), swept(&world)), (1, vec!["left 3".to_owned()]));
    assert_eq!(world.kept(ANN), before);
}

#[tokio::test]
async fn f116_without_dynamodb_a_run_fails_and_the_next_day_does_what_it_left() {
    let (world, quarter) = in_one_quarter(5).await;
    world.dynamodb.fail("Scan", Fault::BROKEN, Times::UntilCleared);
    let failed = world.sweep_quarter(&world.sweeper(), quarter, BUDGET).await.unwrap_err();
    assert_eq!(failed["code"], "storage_unavailable", "{failed}");
    assert_eq!((world.refreshes(), swept(&world)), (0, vec![]));
    world.dynamodb.clear_faults();
    // In the middle: two writes for the first grant, then none.
    let app = world.sweeper();
    let run = world.sweep_quarter(&app, quarter, BUDGET);
    let failing = async {
        until(|| world.refreshes() == 1).await;
        until(|| world.dynamodb.calls_of("UpdateItem").len() == 2).await;
        world.dynamodb.fail("UpdateItem", Fault::BROKEN, Times::UntilCleared);
    };
    let (outcome, ()) = join(run, failing).await;
    assert_eq!(outcome.unwrap_err()["code"], "storage_unavailable");
    let counted = world.metrics().counted();
    assert!(counted.iter().any(|line| line.starts_with("SweptGrants SweepOutcome=left ")), "{counted:?}");
    assert!(counted.contains(&"Grants GrantState=active 5".to_owned()), "all were counted: {counted:?}");
    world.dynamodb.clear_faults();
    world.advance(DAY);
    world.sweep().await;
    world.forget_calls();
    world.sweep().await;
    assert_eq!(world.refreshes(), 0, "nothing is left");
}

#[tokio::test]
async fn f116_a_right_that_the_role_lacks_is_the_operators_at_once() {
    let (world, quarter) = in_one_quarter(2).await;
    world.dynamodb.fail("UpdateItem", Fault::DENIED, Times::UntilCleared);
    let failed = world.sweep_quarter(&world.sweeper(), quarter, BUDGET).await.unwrap_err();
    assert_eq!(failed["code"], "config_error", "{failed}");
    assert_eq!((world.refreshes(), swept(&world)), (0, vec!["left 2".to_owned()]));
}

#[tokio::test]
async fn f116_a_run_without_enough_time_refreshes_what_it_can_and_counts_all() {
    let (world, quarter) = in_one_quarter(5).await;
    world.google.fail_refresh(Failure::Slow(Duration::from_millis(300)), Times::UntilCleared);
    let budget = Duration::from_secs(1);
    let answer = world.sweep_quarter(&world.sweeper(), quarter, budget).await;
    assert_eq!(answer, Ok(json!({})));
    let counted = world.metrics().counted();
    let number = |outcome: &str| {
        let mut numbers = counted.iter().filter_map(|line| line.strip_prefix(outcome)?.parse::<usize>().ok());
        numbers.next().unwrap_or_default()
    };
    let refreshed = number("SweptGrants SweepOutcome=refreshed ");
    assert!((1..5).contains(&refreshed), "{counted:?}");
    assert_eq!(number("SweptGrants SweepOutcome=left "), 5 - refreshed);
    assert!(counted.contains(&"Grants GrantState=active 5".to_owned()), "{counted:?}");
    // Not even enough to read.
    world.dynamodb.fail("Scan", Fault::Delay(Duration::from_millis(300)), 1);
    let failed = world.sweep_quarter(&world.sweeper(), quarter, Duration::from_millis(50)).await;
    assert_eq!(failed.unwrap_err()["status"], 503);
}

#[tokio::test]
async fn f116_a_user_who_leaves_while_google_is_asked_stays_gone() {
    let mut world = World::signed_in().await;
    world.advance(MONTH - 60);
    world.sign_in(ANN).await;
    world.advance(60);
    let disconnect = world.with_cookies(Call::disconnect());
    let quarter = world.quarter_of(ANN).await;
    world.forget_calls();
    world.google.fail_refresh(Failure::Slow(Duration::from_millis(300)), 1);
    let leaving = async {
        until(|| world.refreshes() == 1).await;
        assert_eq!(world.send(&disconnect).await.status, 204);
    };
    let app = world.sweeper();
    let (outcome, ()) = join(world.sweep_quarter(&app, quarter, BUDGET), leaving).await;
    assert_eq!(outcome, Ok(json!({})));
    assert!(world.credential(ANN).is_null());
}

#[tokio::test]
async fn f116_what_was_read_a_moment_ago_decides_nothing() {
    // The user is gone, or another request has the lease, when the sweep writes.
    for is_gone in [true, false] {
        let world = unused().await;
        let quarter = world.quarter_of(ANN).await;
        world.forget_calls();
        world.dynamodb.fail("UpdateItem", Fault::Delay(Duration::from_millis(300)), 1);
        let meanwhile = async {
            until(|| !world.dynamodb.calls_of("UpdateItem").is_empty()).await;
            if is_gone {
                world.disconnect(ANN);
            } else {
                world.edit(ANN, |item| item["version"]["N"] = json!("7"));
            }
        };
        let app = world.sweeper();
        let (outcome, ()) = join(world.sweep_quarter(&app, quarter, BUDGET), meanwhile).await;
        assert_eq!(outcome, Ok(json!({})));
        assert_eq!((world.refreshes(), world.credential(ANN).is_null()), (0, is_gone));
        assert_eq!(swept(&world), ["untouched 1"]);
    }
    let world = unused().await;
    world.hold_lease(ANN, 5000);
    world.sweep().await;
    assert_eq!(world.refreshes(), 0, "its holder refreshes it");
    assert_eq!(swept(&world), ["untouched 1"]);
}

#[tokio::test]
async fn b85_an_item_that_cannot_be_read_and_a_token_that_does_not_open_hold_up_no_other() {
    let (world, quarter) = in_one_quarter(4).await;
    world.edit(ANN, |item| item["schema"]["N"] = json!("2"));
    let mut others = world.dynamodb.scan(harness::stack::CREDENTIALS_TABLE);
    others.retain(|item| item["user_id"]["S"] != world.sub(ANN));
    let mut altered = others[0].clone();
    altered["refresh_token"]["S"] = json!(altered["refresh_token"]["S"].as_str().unwrap().to_owned() + "A");
    world.put(altered);
    let mut foreign = others[1].clone();
    let sealed = foreign["refresh_token"]["S"].as_str().unwrap().replace("v2.k1.", "v2.k9.");
    foreign["refresh_token"]["S"] = json!(sealed);
    world.put(foreign);
    let answer = world.sweep_quarter(&world.sweeper(), quarter, BUDGET).await;
    assert_eq!(answer, Ok(json!({})));
    let counted = world.metrics().counted();
    for line in [
        "SweptGrants SweepOutcome=broken 2",
        "SweptGrants SweepOutcome=refreshed 1",
        "Grants GrantState=unreadable 1",
        "Grants GrantState=active 3",
        "SealFailures 1+1+1",
    ] {
        assert!(counted.contains(&line.to_owned()), "{line}: {counted:?}");
    }
    let told = |line: &Value| line["event"] == "unreadable_item" && line["user.id"].is_string();
    let line = world.lines().into_iter().find(told).expect("it is in the log");
    assert!(line["error"].as_str().unwrap().contains("schema"), "{line}");
    assert!(world.logged("seal_key_gone") && world.logged("seal_integrity"));
    assert!(!world.logged(&world.sub(ANN)));
}

#[tokio::test]
async fn f116_a_keyring_that_is_gone_is_an_error_and_changes_nothing() {
    let world = unused().await;
    let before = world.credential(ANN);
    world.secrets.put(KEYRING, "no keyring");
    let quarter = world.quarter_of(ANN).await;
    let failed = world.sweep_quarter(&world.sweeper(), quarter, BUDGET).await.unwrap_err();
    assert_eq!(failed["code"], "config_error", "{failed}");
    assert_eq!(world.refreshes(), 0);
    let after = world.credential(ANN);
    assert_eq!((&after["refresh_token"], &after["status"]), (&before["refresh_token"], &before["status"]));
}

#[tokio::test]
async fn b85_a_payload_that_is_no_scheduled_event_fails_and_does_nothing() {
    let world = unused().await;
    let app = world.sweeper();
    let event = quarter(0, app.clock.now());
    world.forget_calls();
    let mut payloads = vec![String::new(), "null".to_owned(), "[]".to_owned(), "{".to_owned()];
    for (member, value) in [
        ("time", json!(null)),
        ("time", json!("now")),
        ("time", json!("2026-13-01T00:00:00Z")),
        ("time", json!(1_793_500_000)),
        ("source", json!("aws.s3")),
        ("source", json!(["aws.events"])),
        ("detail-type", json!("Something Else")),
    ] {
        let mut event = event.clone();
        event[member] = value;
        payloads.push(event.to_string());
    }
    for payload in payloads {
        let failed = invoke_sweep(Ok(&app), &payload, BUDGET).await.unwrap_err();
        assert_eq!(
            (&failed["status"], &failed["code"]),
            (&json!(400), &json!("invalid_request")),
            "{payload}"
        );
    }
    world.assert_untouched();
    // Any time of any year is some quarter of a day.
    for time in ["0001-01-01T00:00:00Z", "9999-12-31T23:59:59Z", "2026-11-26T23:59:59.999Z"] {
        let mut event = event.clone();
        event["time"] = json!(time);
        assert_eq!(invoke_sweep(Ok(&app), &event.to_string(), BUDGET).await, Ok(json!({})), "{time}");
    }
    assert_eq!(world.dynamodb.calls_of("Scan").len(), 3);
}

#[tokio::test]
async fn a118_whoever_invokes_it_as_often_as_he_likes_has_each_grant_refreshed_once() {
    let world = unused().await;
    let quarter = world.quarter_of(ANN).await;
    let app = world.sweeper();
    world.forget_calls();
    for _ in 0..10 {
        world.sweep_quarter(&app, quarter, BUDGET).await.unwrap();
    }
    assert_eq!(world.google_calls(), [Endpoint::Token]);
}

#[tokio::test]
async fn without_its_setting_it_says_which_one_is_missing() {
    let world = World::signed_in().await;
    let event = quarter(0, world.app.clock.now()).to_string();
    let failed = invoke_sweep(Ok(&world.environment(&[])), &event, BUDGET).await.unwrap_err();
    assert_eq!((&failed["code"], &failed["variable"]), (&json!("config_error"), &json!("SWEEP_UNUSED_DAYS")));
    let mut variables = world.variables.clone();
    variables.insert("SWEEP_UNUSED_DAYS".to_owned(), "0".to_owned());
    let broken = environment(&variables, &world.clock).err().unwrap();
    let failed = invoke_sweep(Err(&broken), &event, BUDGET).await.unwrap_err();
    assert_eq!((&failed["code"], &failed["variable"]), (&json!("config_error"), &json!("SWEEP_UNUSED_DAYS")));
}

#[tokio::test]
async fn a_run_is_one_line_of_the_log_with_its_numbers_and_names_nobody() {
    // So many that no other test has the same.
    let (world, quarter) = in_one_quarter(7).await;
    world.google.fail_refresh(Failure::InvalidGrant, 1);
    world.sweep_quarter(&world.sweeper(), quarter, BUDGET).await.unwrap();
    let own = |line: &Value| line["event"] == "swept" && line["items"] == 7;
    let line = world.lines().into_iter().find(own).expect("it is in the log");
    assert_eq!((&line["level"], &line["part"]), (&json!("INFO"), &json!(quarter)));
    let numbers = ["refreshed", "dead", "refused", "broken", "untouched", "left"];
    assert_eq!(numbers.map(|name| line[name].as_i64()), [6, 1, 0, 0, 0, 0].map(Some));
    let answered = |line: &Value| line["route"] == "sweep" && line["message"] == "answered";
    assert!(world.lines().iter().any(answered));
    assert!(!world.logged(&world.sub(ANN)));
}
