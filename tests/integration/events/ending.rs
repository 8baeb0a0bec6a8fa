//! Grants of limited time: the schedule marks those that end soon, and the mark makes the event.

use std::time::Duration;

use harness::Fault;
use harness::google::Failure;
use harness::stack::CREDENTIALS_TABLE;
use harness::world::{
    ANN, BEN, BUDGET, START, Stream, World, environment, hour, invoke_direct, invoke_events, until,
};
use serde_json::json;

use super::{NOTHING, the_detail};

const DAY: u64 = 24 * 3600;

/// Ann's grant lives for seven days.
async fn limited() -> (World, Stream) {
    limited_to(7 * DAY).await
}

/// Ann's grant lives for this many seconds.
async fn limited_to(seconds: u64) -> (World, Stream) {
    let mut world = World::new().await;
    let mut stream = world.stream().await;
    world.google.refresh_tokens_live_for(Some(Duration::from_secs(seconds)));
    world.sign_in(ANN).await;
    assert_eq!(stream.happened(&world).await, ["Connected"]);
    (world, stream)
}

#[tokio::test]
async fn a_grant_that_ends_within_two_days_is_told_once() {
    let (world, mut stream) = limited().await;
    world.advance(5 * DAY - 2 * 3600);
    world.an_hour_passes(&stream).await.unwrap();
    assert_eq!(stream.happened(&world).await, NOTHING, "two days and an hour are left");
    world.advance(60);
    let before = world.credential(ANN);
    world.an_hour_passes(&stream).await.unwrap();
    let detail = the_detail(&world, &mut stream, "Grant Ends Soon").await;
    let end = before["refresh_token_expires_at"]["N"].as_str().unwrap().parse::<i64>().unwrap();
    assert_eq!(detail["grant_expires_at"], end);
    assert_eq!(detail["at"], START.seconds() + i64::try_from(5 * DAY).unwrap() + 60);
    world.forget_calls();
    for _ in 0..3 {
        world.an_hour_passes(&stream).await.unwrap();
    }
    assert_eq!(stream.happened(&world).await, NOTHING);
    assert_eq!(world.dynamodb_calls(), ["Query"; 3]);
}

#[tokio::test]
async fn the_mark_changes_nothing_else_and_the_grant_serves_on() {
    let (world, stream) = limited_to(DAY).await;
    let before = world.credential(ANN);
    world.an_hour_passes(&stream).await.unwrap();
    let after = world.credential(ANN);
    let changed: Vec<&String> = after
        .as_object()
        .unwrap()
        .iter()
        .filter(|(name, value)| before.get(name.as_str()) != Some(*value))
        .map(|(name, _)| name)
        .collect();
    assert_eq!(changed, ["end_noticed_for", "updated_at", "version", "write_id"]);
    assert_eq!(after["end_noticed_for"], after["refresh_token_id"]);
    world.lists().await;
}

#[tokio::test]
async fn a_new_consent_has_its_own_end() {
    let (mut world, mut stream) = limited().await;
    world.advance(6 * DAY);
    world.an_hour_passes(&stream).await.unwrap();
    assert_eq!(stream.happened(&world).await, ["Grant Ends Soon"]);
    let query = world.consented_again(ANN).await;
    world.callback(&query).await.session();
    world.an_hour_passes(&stream).await.unwrap();
    assert_eq!(stream.happened(&world).await, NOTHING, "the new one has a week");
    world.advance(5 * DAY);
    world.an_hour_passes(&stream).await.unwrap();
    assert_eq!(stream.happened(&world).await, ["Grant Ends Soon"]);
}

#[tokio::test]
async fn a_grant_that_has_ended_is_not_told_and_a_new_consent_reconnects_it() {
    let (mut world, mut stream) = limited().await;
    world.advance(8 * DAY);
    world.an_hour_passes(&stream).await.unwrap();
    assert_eq!(stream.happened(&world).await, NOTHING);
    let answer = world.messages("").await;
    assert_eq!(answer.reason(), "session_expired");
    world.jar.clear();
    let query = world.consented_again(ANN).await;
    world.callback(&query).await.session();
    assert_eq!(stream.happened(&world).await, ["Reconnected"]);
}

#[tokio::test]
async fn a_grant_that_changes_while_the_schedule_looks_is_not_marked() {
    let (world, mut stream) = limited().await;
    world.advance(6 * DAY);
    let user = postern_rules::user::UserId::parse(&world.sub(ANN)).unwrap();
    let token = world.credential(ANN)["refresh_token_id"]["S"].as_str().unwrap().to_owned();
    for change in ["status", "refresh_token_id"] {
        let before = world.edit(ANN, |item| item[change] = json!({ "S": "disconnecting" }));
        stream.app.store.notice_end(&user, &token).await.unwrap();
        assert!(world.credential(ANN).get("end_noticed_for").is_none(), "{change}");
        world.put(before);
    }
    world.disconnect(ANN);
    stream.app.store.notice_end(&user, &token).await.unwrap();
    assert!(world.credential(ANN).is_null(), "no item comes to be");
    stream.go_on(&world).await;
}

#[tokio::test]
async fn f103_a_mark_whose_answer_is_lost_is_one_event() {
    let (world, mut stream) = limited().await;
    world.advance(6 * DAY);
    world.dynamodb.fail("UpdateItem", Fault::AnswerLost, 1);
    world.an_hour_passes(&stream).await.unwrap();
    assert_eq!(stream.happened(&world).await, ["Grant Ends Soon"]);
}

#[tokio::test]
async fn f103_what_the_schedule_could_not_do_the_next_one_does() {
    let (mut world, mut stream) = limited().await;
    world.jar.clear();
    world.sign_in(BEN).await;
    stream.events(&world).await;
    world.advance(6 * DAY);
    for operation in ["Query", "UpdateItem"] {
        world.dynamodb.fail(operation, Fault::BROKEN, 10);
        let answer = world.an_hour_passes(&stream).await.unwrap_err();
        assert_eq!(answer["code"], "storage_unavailable", "{answer}");
        world.dynamodb.end_faults().await;
    }
    assert_eq!(stream.happened(&world).await, NOTHING);
    world.an_hour_passes(&stream).await.unwrap();
    assert_eq!(stream.happened(&world).await, ["Grant Ends Soon"; 2]);
}

#[tokio::test]
async fn f103_a_schedule_that_cannot_even_begin_is_an_error_of_its_invocation() {
    let (world, stream) = limited().await;
    let mut variables = world.variables.clone();
    variables.insert("CREDENTIALS_TABLE".to_owned(), String::new());
    let broken = environment(&variables, &world.clock).err().unwrap();
    let answer = invoke_events(Err(&broken), &hour().to_string(), BUDGET).await.unwrap_err();
    assert_eq!(answer["code"], "config_error", "{answer}");
    assert!(stream.bus.calls().len() == 1, "the first sign-in");
}

#[tokio::test]
async fn f103_one_grant_that_cannot_be_marked_holds_up_no_other() {
    let (mut world, mut stream) = limited().await;
    world.jar.clear();
    world.sign_in(BEN).await;
    stream.events(&world).await;
    world.advance(6 * DAY);
    // The first write fails, however often the SDK repeats it.
    world.dynamodb.fail("UpdateItem", Fault::DENIED, 1);
    let answer = world.an_hour_passes(&stream).await.unwrap_err();
    assert_eq!(answer["code"], "config_error", "{answer}");
    assert_eq!(stream.happened(&world).await, ["Grant Ends Soon"]);
    assert!(world.logged("not_marked"));
    assert!(![ANN, BEN].iter().any(|user| world.logged(&world.sub(user))));
    world.an_hour_passes(&stream).await.unwrap();
    assert_eq!(stream.happened(&world).await, ["Grant Ends Soon"]);
}

#[tokio::test]
async fn a_mark_waits_for_a_refresh_whose_token_is_stored() {
    let (world, mut stream) = limited_to(DAY).await;
    world.advance(3600);
    world.google.fail_refresh(Failure::Slow(Duration::from_millis(500)), 1);
    let schedule = async {
        until(|| world.refreshes() == 1).await;
        invoke_events(Ok(&stream.app), &hour().to_string(), BUDGET).await.unwrap();
        assert!(world.credential(ANN).get("end_noticed_for").is_none(), "the lease is held");
    };
    futures_util::future::join(world.lists(), schedule).await;
    world.lists().await;
    assert_eq!(world.refreshes(), 1, "its token was stored");
    assert_eq!(stream.happened(&world).await, NOTHING);
    // A lease that nobody gave back holds nothing up.
    world.hold_lease(ANN, 1000);
    world.an_hour_passes(&stream).await.unwrap();
    assert_eq!(stream.happened(&world).await, ["Grant Ends Soon"]);
}

#[tokio::test]
async fn an_end_is_told_after_the_sign_in_that_an_organisation_asks_for() {
    let (world, mut stream) = limited_to(DAY).await;
    world.advance(3600);
    world.google.fail_refresh(Failure::InvalidRapt, 1);
    assert_eq!(world.messages("").await.status, 401);
    assert_eq!(stream.happened(&world).await, ["Lapsed"]);
    world.an_hour_passes(&stream).await.unwrap();
    assert!(world.credential(ANN).get("end_noticed_for").is_none());
    assert_eq!(stream.happened(&world).await, NOTHING);
    world.lists().await;
    assert_eq!(stream.happened(&world).await, ["Reconnected"]);
    world.an_hour_passes(&stream).await.unwrap();
    assert_eq!(stream.happened(&world).await, ["Grant Ends Soon"]);
}

#[tokio::test]
async fn no_event_follows_by_itself_when_a_grant_ends() {
    let (world, mut stream) = limited_to(DAY).await;
    world.an_hour_passes(&stream).await.unwrap();
    assert_eq!(stream.happened(&world).await, ["Grant Ends Soon"]);
    world.advance(DAY);
    world.an_hour_passes(&stream).await.unwrap();
    assert_eq!(stream.happened(&world).await, NOTHING);
    let payload = json!({ "user_id": world.sub(ANN) }).to_string();
    let told = invoke_direct(Ok(&world.app), "access-token", &payload, BUDGET).await;
    assert_eq!(told.answer["reason"], "revoked_or_expired", "{told:?}");
    assert_eq!(stream.happened(&world).await, NOTHING);
}

#[tokio::test]
async fn the_schedule_looks_through_all_pages_whatever_is_at_the_end_of_one() {
    let (world, mut stream) = limited().await;
    world.advance(6 * DAY);
    // An item that no version has written, where the first page ends.
    let mut item = world.credential(ANN);
    item["user_id"] = json!({ "S": "0 of somebody" });
    world.put(item.clone());
    for number in 0..999 {
        item["user_id"] = json!({ "S": format!("0 and {number:03}") });
        world.put(item.clone());
    }
    stream.go_on(&world).await;
    world.forget_calls();
    world.an_hour_passes(&stream).await.unwrap();
    assert_eq!(world.dynamodb.calls_of("Query").len(), 2);
    assert_eq!(stream.happened(&world).await, ["Grant Ends Soon"]);
}

#[tokio::test]
async fn the_schedule_says_how_many_users_are_connected() {
    let (mut world, stream) = limited().await;
    world.jar.clear();
    world.sign_in(BEN).await;
    world.metrics();
    world.an_hour_passes(&stream).await.unwrap();
    assert_eq!(world.metrics().counted(), ["ConnectedUsers 2"]);
    world.google.revoke_grant(BEN);
    assert_eq!(world.messages("").await.reason(), "revoked_or_expired");
    world.metrics();
    world.an_hour_passes(&stream).await.unwrap();
    assert_eq!(world.metrics().counted(), ["ConnectedUsers 1"]);
    // A number of some of them would look like a loss.
    world.dynamodb.fail("Query", Fault::BROKEN, 100);
    world.an_hour_passes(&stream).await.unwrap_err();
    assert_eq!(world.metrics().counted(), Vec::<String>::new());
}

#[tokio::test]
async fn f103_a_schedule_without_enough_time_says_so() {
    let (world, stream) = limited().await;
    world.advance(6 * DAY);
    world.dynamodb.fail("Query", Fault::Delay(Duration::from_millis(300)), 1);
    let answer = invoke_events(Ok(&stream.app), &hour().to_string(), Duration::from_millis(50)).await;
    let answer = answer.unwrap_err();
    assert_eq!(answer["status"], 503, "{answer}");
    assert_eq!(world.dynamodb.scan(CREDENTIALS_TABLE).len(), 1);
}
