//! The process dies while it publishes a batch of the stream, or marks grants that end soon. Lambda
//! delivers the batch again, and the next schedule comes: every event is on the bus, in the order of
//! each user.

use std::time::Duration;

use harness::Fault;
use harness::event_bus::Published;
use harness::world::{ANN, BEN, Call, Stream, invoke_events, kinds};
use serde_json::{Value, json};

use super::{Points, Trouble, enumerate, trouble};
use crate::behind::Behind;

const DAY: u64 = 24 * 3600;

/// Faults of EventBridge. Each names the calls that it affects.
fn of_the_bus() -> Vec<(Fault, usize)> {
    vec![
        (Fault::THROTTLED, 1),
        (Fault::BROKEN, 1),
        (Fault::BROKEN, 100),
        (Fault::DENIED, 1),
        (Fault::CallLost, 1),
        (Fault::AnswerLost, 1),
        (Fault::AnswerLost, 100),
        (Fault::Delay(Duration::from_millis(20)), 100),
    ]
}

/// The events of a user, without those that are there again.
fn of_user(events: &[Published], user: &str) -> Vec<String> {
    let mut seen = std::collections::BTreeSet::new();
    let first = |event: &&Published| seen.insert(event.detail["id"].as_str().unwrap().to_owned());
    let own = events.iter().filter(|event| event.detail["user"]["id"] == user);
    kinds(&own.filter(first).cloned().collect::<Vec<_>>())
}

/// Whether an event of a user is followed by an older one that was not there before.
fn is_in_order(events: &[Published], user: &str) -> bool {
    let mut highest = Vec::new();
    for event in events.iter().filter(|event| event.detail["user"]["id"] == user) {
        let id = &event.detail["id"];
        if !highest.contains(&id) {
            highest.push(id);
        }
    }
    let newest = events.iter().rev().find(|event| event.detail["user"]["id"] == user);
    newest.is_none_or(|newest| Some(&&newest.detail["id"]) == highest.last())
}

/// A process of the function of its own.
async fn killed(behind: &Behind, points: &Points, payload: &Value, trouble: &Trouble) -> Option<Value> {
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

#[tokio::test]
async fn f103_to_f105_f70_killed_anywhere_in_a_batch_with_any_fault_no_event_is_lost_or_overtaken() {
    let mut troubles = vec![(trouble::none(), None)];
    troubles.extend(trouble::of_secrets().into_iter().map(|trouble| (trouble, None)));
    for (fault, times) in of_the_bus() {
        let name = format!("PutEvents, {times} times: {fault:?}");
        let is_torn = matches!(fault, Fault::AnswerLost);
        troubles.push((trouble::of_another(name, is_torn), Some((fault, times))));
    }
    let faults: std::collections::BTreeMap<String, (Fault, usize)> =
        troubles.iter().filter_map(|(trouble, fault)| Some((trouble.name.clone(), fault.clone()?))).collect();
    let troubles = troubles.into_iter().map(|(trouble, _)| trouble).collect();
    enumerate("a batch of events", troubles, 80, async |behind, trouble, points| {
        let at = format!("killed at {points} with {}", trouble.name);
        let (mut stream, proxy) = stream(behind).await;
        behind.world.jar.clear();
        behind.world.sign_in(ANN).await;
        let disconnect = behind.world.with_cookies(Call::disconnect());
        behind.world.jar.clear();
        behind.world.sign_in(BEN).await;
        assert_eq!(behind.world.send(&disconnect).await.status, 204, "{at}");
        let records = stream.records(&behind.world);
        trouble.arrange(&behind.world.stack);
        if let Some((fault, times)) = faults.get(&trouble.name) {
            stream.bus.fail("PutEvents", fault.clone(), *times);
        }
        let answer = killed(behind, points, &json!({ "Records": records }), trouble).await;
        proxy.close_connections().await;
        behind.recover().await;
        stream.bus.clear_faults();
        // A process that did not answer has published anything from nothing to all.
        let (ann, ben) = (behind.world.sub(ANN), behind.world.sub(BEN));
        assert!(is_in_order(&stream.bus.events(), &ann), "{at}");
        let failed = answer.as_ref().map(|answer| answer["batchItemFailures"][0]["itemIdentifier"].clone());
        let rest = match &failed {
            Some(Value::Null) => &[],
            Some(number) => {
                let first = records.iter().position(|record| record["dynamodb"]["SequenceNumber"] == *number);
                &records[first.unwrap_or(0)..]
            }
            None => &records[..],
        };
        let done = stream.deliver(rest).await;
        assert_eq!(done, json!({ "batchItemFailures": [] }), "{at}");
        let events = stream.bus.events();
        // In a lane, Ann may be connected from the beginning.
        let anns = of_user(&events, &ann);
        assert!(anns.ends_with(&["Disconnected".to_owned()]), "{at}: {anns:?}");
        assert!(is_in_order(&events, &ann) && is_in_order(&events, &ben), "{at}");
        behind.world.dynamodb.delete(harness::stack::CREDENTIALS_TABLE, "user_id", &ben);
        behind.world.stack.google.revoke_grant(ANN);
        behind.world.stack.google.revoke_grant(BEN);
        stream.bus.take();
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
        let schedule = json!({ "source": "aws.events", "detail-type": "Scheduled Event" });
        trouble.arrange(&behind.world.stack);
        let answer = killed(behind, points, &schedule, trouble).await;
        behind.recover().await;
        behind.world.an_hour_passes(&stream).await;
        assert_eq!(stream.happened(&behind.world).await, ["Grant Ends Soon"], "{at}");
        points.go_on(answer.as_ref())
    })
    .await;
}
