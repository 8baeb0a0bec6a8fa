//! The process dies while it publishes a batch of the stream, or marks grants that end soon. Lambda
//! delivers the batch again, and the next schedule comes: every event is on the bus, in the order
//! of each user.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use harness::Fault;
use harness::event_bus::Published;
use harness::world::{ANN, BEN, Call, Stream, hour, invoke_events, kinds};
use serde_json::{Value, json};

use super::{Points, Trouble, enumerate, trouble};
use crate::behind::Behind;

const DAY: u64 = 24 * 3600;

/// The kinds of a user's events, each where it first came.
fn of_user(events: &[Published], user: &str) -> Vec<String> {
    let mut seen = BTreeSet::new();
    let own = events.iter().filter(|event| event.detail["user"]["id"] == user);
    let first = own.filter(|event| seen.insert(event.detail["id"].to_string()));
    kinds(&first.cloned().collect::<Vec<_>>())
}

/// Invokes a process of the function of its own and kills it.
async fn killed(
    behind: &Behind,
    points: &Points,
    payload: &Value,
    trouble: &Trouble,
) -> Option<Result<Value, Value>> {
    let payload = payload.to_string();
    points.kill_in(behind, async |app| invoke_events(Ok(app), &payload, trouble.budget).await).await
}

/// The stream of the world, whose bus is called through a proxy with the world's gate.
async fn stream(behind: &mut Behind) -> (Stream, harness::proxy::Proxy) {
    let stream = behind.world.stream().await;
    let proxy = harness::proxy::Proxy::before(&stream.bus.url(), &behind.gate).await;
    behind.world.variables.insert("AWS_ENDPOINT_URL_EVENTBRIDGE".to_owned(), proxy.url());
    (stream, proxy)
}

/// Ann connects, Ben connects, Ann disconnects.
async fn three_events(behind: &mut Behind) {
    let world = &mut behind.world;
    world.jar.clear();
    world.sign_in(ANN).await;
    let disconnect = world.with_cookies(Call::disconnect());
    world.jar.clear();
    world.sign_in(BEN).await;
    assert_eq!(world.send(&disconnect).await.status, 204);
}

#[tokio::test]
async fn f103_to_f105_f70_killed_anywhere_in_a_batch_with_any_fault_no_event_is_lost_or_overtaken() {
    let mut troubles = vec![trouble::none()];
    troubles.extend(trouble::of_secrets());
    let mut faults = BTreeMap::new();
    for (fault, times) in trouble::faults_of_aws() {
        let name = format!("PutEvents, {times} times: {fault:?}");
        troubles.push(trouble::of_another(name.clone(), matches!(fault, Fault::AnswerLost)));
        faults.insert(name, (fault, times));
    }
    enumerate("a batch of events", troubles, 80, async |behind, trouble, points| {
        let at = format!("killed at {points} with {}", trouble.name);
        for account in [ANN, BEN] {
            behind.world.disconnect(account);
            behind.world.stack.google.revoke_grant(account);
        }
        let (stream, proxy) = stream(behind).await;
        three_events(behind).await;
        let records = stream.records(&behind.world);
        trouble.arrange(&behind.world.stack);
        if let Some((fault, times)) = faults.get(&trouble.name) {
            stream.bus.fail("PutEvents", fault.clone(), *times);
        }
        let answer =
            killed(behind, points, &json!({ "Records": records }), trouble).await.map(Result::unwrap);
        proxy.close_connections().await;
        behind.recover().await;
        stream.bus.clear_faults();

        let (ann, ben) = (behind.world.sub(ANN), behind.world.sub(BEN));
        let anns = ["Connected", "Disconnected"];
        let told = of_user(&stream.bus.events(), &ann);
        assert_eq!(told, anns[..told.len()], "{at}");
        // A process that did not answer has published anything from nothing to all.
        let failed = answer.as_ref().map(|answer| &answer["batchItemFailures"][0]["itemIdentifier"]);
        let is_first = |record: &Value| Some(&record["dynamodb"]["SequenceNumber"]) == failed;
        let rest = match failed {
            Some(Value::Null) => &[],
            _ => &records[records.iter().position(is_first).unwrap_or(0)..],
        };
        assert_eq!(stream.deliver(rest).await, json!({ "batchItemFailures": [] }), "{at}");
        let events = stream.bus.events();
        assert_eq!(
            (of_user(&events, &ann), of_user(&events, &ben)),
            (anns.map(str::to_owned).into(), vec!["Connected".to_owned()]),
            "{at}"
        );
        let last = events.iter().rfind(|event| event.detail["user"]["id"] == ann.as_str());
        assert_eq!(last.unwrap().detail_type, "Gmail Disconnected", "{at}");
        points.go_on(answer.as_ref())
    })
    .await;
}

#[tokio::test]
async fn f103_f70_killed_anywhere_in_the_schedule_with_any_fault_each_end_is_told_once() {
    let mut troubles = vec![trouble::none()];
    troubles.extend(trouble::of_dynamodb(&["Query", "UpdateItem"]));
    enumerate("the schedule of events", troubles, 60, async |behind, trouble, points| {
        let at = format!("killed at {points} with {}", trouble.name);
        let (mut stream, _proxy) = stream(behind).await;
        behind.world.stack.google.refresh_tokens_live_for(Some(Duration::from_secs(DAY)));
        let query = behind.world.consented_again(ANN).await;
        behind.world.callback(&query).await;
        stream.go_on(&behind.world).await;
        stream.bus.take();
        trouble.arrange(&behind.world.stack);
        let answer = killed(behind, points, &hour(), trouble).await;
        behind.recover().await;
        behind.world.an_hour_passes(&stream).await.unwrap();
        assert_eq!(stream.happened(&behind.world).await, ["Grant Ends Soon"], "{at}");
        points.go_on(answer.as_ref())
    })
    .await;
}
