//! What goes wrong between the stream and the bus: EventBridge, the records, the payload, and the
//! time.

use std::time::Duration;

use harness::Fault;
use harness::world::{ANN, BEN, BUDGET, Call, Stream, World, invoke_events, kinds};
use serde_json::{Value, json};

use super::{NOTHING, connected};

/// The sequence number of a record.
fn number(record: &Value) -> Value {
    record["dynamodb"]["SequenceNumber"].clone()
}

/// What Lambda is told when the batch is to begin again at this record.
fn failed_at(record: &Value) -> Value {
    json!({ "batchItemFailures": [{ "itemIdentifier": number(record) }] })
}

fn all_done() -> Value {
    json!({ "batchItemFailures": [] })
}

/// Ann connects, Ben connects, Ann disconnects: three events, and four writes.
async fn three() -> (World, Stream) {
    let mut world = World::new().await;
    let stream = world.stream().await;
    world.sign_in(ANN).await;
    let disconnect = world.with_cookies(Call::disconnect());
    world.jar.clear();
    world.sign_in(BEN).await;
    assert_eq!(world.send(&disconnect).await.status, 204);
    assert_eq!(stream.records(&world).len(), 4);
    (world, stream)
}

/// The events on the bus: of whom, and what.
fn told(world: &World, stream: &Stream) -> Vec<(&'static str, String)> {
    let events = stream.bus.events();
    let whose = |event: &harness::event_bus::Published| {
        if event.detail["user"]["id"] == world.sub(ANN) { "Ann" } else { "Ben" }
    };
    events.iter().map(whose).zip(kinds(&events)).collect()
}

fn expected() -> Vec<(&'static str, String)> {
    [("Ann", "Connected"), ("Ben", "Connected"), ("Ann", "Disconnected")]
        .map(|(whose, kind)| (whose, kind.to_owned()))
        .into()
}

#[tokio::test]
async fn f105_a_batch_is_published_in_its_order_and_a_user_twice_in_two_calls() {
    let (world, mut stream) = three().await;
    assert!(!stream.go_on(&world).await);
    assert_eq!(told(&world, &stream), expected());
    let sizes: Vec<usize> =
        stream.bus.calls().iter().map(|call| call.body["Entries"].as_array().unwrap().len()).collect();
    assert_eq!(sizes, [2, 1]);
}

#[tokio::test]
async fn f103_when_eventbridge_is_down_the_batch_begins_again_at_the_first_record_and_nothing_is_lost() {
    for fault in [
        Fault::BROKEN,
        Fault::THROTTLED,
        Fault::DENIED,
        Fault::MISSING,
        Fault::CallLost,
        Fault::AnswerLost,
        Fault::AnswerCut,
        Fault::Delay(Duration::from_secs(1)),
    ] {
        let (world, mut stream) = three().await;
        let records = stream.records(&world);
        stream.bus.fail("PutEvents", fault.clone(), 100);
        assert_eq!(stream.deliver(&records).await, failed_at(&records[0]), "{fault:?}");
        assert!(world.logged("not_published"));
        stream.bus.end_faults().await;
        stream.bus.take();
        assert!(!stream.go_on(&world).await, "{fault:?}");
        assert_eq!(told(&world, &stream), expected(), "{fault:?}");
    }
}

#[tokio::test]
async fn f103_a_short_failure_of_eventbridge_costs_one_repetition() {
    for fault in [Fault::BROKEN, Fault::THROTTLED, Fault::CallLost] {
        let (world, mut stream) = three().await;
        stream.bus.fail("PutEvents", fault.clone(), 1);
        assert!(!stream.go_on(&world).await, "{fault:?}");
        assert_eq!(told(&world, &stream), expected(), "{fault:?}");
    }
}

#[tokio::test]
async fn f105_an_event_that_is_refused_holds_up_all_behind_it_and_no_event_before_it() {
    for code in ["ThrottlingException", "InternalFailure"] {
        let (world, mut stream) = three().await;
        let records = stream.records(&world);
        // Of a call with both, the bus takes Ben's and refuses Ann's.
        stream.bus.refuse_entries(&world.sub(ANN), code, 1);
        assert_eq!(stream.deliver(&records).await, failed_at(&records[0]));
        assert_eq!(told(&world, &stream), expected()[1..2], "and Ann's later event waits");
        stream.bus.refuse_entries(&world.sub(BEN), code, 1);
        assert_eq!(stream.deliver(&records).await, failed_at(&records[1]));
        stream.bus.take();
        assert_eq!(stream.deliver(&records[1..]).await, all_done());
        assert_eq!(told(&world, &stream), expected()[1..]);
        stream.go_on(&world).await;
    }
}

#[tokio::test]
async fn f104_a_record_that_comes_twice_is_the_same_event_twice() {
    let (world, stream) = three().await;
    let records = stream.records(&world);
    for _ in 0..2 {
        assert_eq!(stream.deliver(&records).await, all_done());
    }
    let events = stream.bus.events();
    assert_eq!(events[..3], events[3..]);
    let ids: std::collections::BTreeSet<&str> =
        events.iter().map(|event| event.detail["id"].as_str().unwrap()).collect();
    assert_eq!(ids.len(), 3);
}

#[tokio::test]
async fn f105_a_large_batch_goes_in_calls_of_ten() {
    let (world, stream) = connected().await;
    let record = &world.dynamodb.records(stream.arn())[0];
    let mut records = Vec::new();
    for user in 100..125 {
        let mut record = record.clone();
        record["dynamodb"]["NewImage"]["user_id"]["S"] = json!(user.to_string());
        record["dynamodb"]["SequenceNumber"] = json!(user.to_string());
        records.push(record);
    }
    stream.bus.forget_calls();
    assert_eq!(stream.deliver(&records).await, all_done());
    let sizes: Vec<usize> =
        stream.bus.calls().iter().map(|call| call.body["Entries"].as_array().unwrap().len()).collect();
    assert_eq!(sizes, [10, 10, 5]);
}

#[tokio::test]
async fn f105_a_batch_that_does_not_fit_its_time_goes_on_where_it_stopped() {
    let (world, mut stream) = three().await;
    let records = stream.records(&world);
    stream.bus.fail("PutEvents", Fault::Delay(Duration::from_millis(700)), 2);
    let event = json!({ "Records": records }).to_string();
    let answer = invoke_events(Ok(&stream.app), &event, Duration::from_millis(1200)).await.unwrap();
    // The first call was answered in time, the second was not.
    assert_eq!(answer, failed_at(&records[2]));
    stream.bus.take();
    stream.bus.end_faults().await;
    assert_eq!(stream.deliver(&records[2..]).await, all_done());
    assert_eq!(told(&world, &stream), expected()[2..]);
    stream.go_on(&world).await;
}

#[tokio::test]
async fn f103_without_secrets_or_configuration_the_whole_batch_waits() {
    let (world, mut stream) = three().await;
    let records = stream.records(&world);
    for operation in ["BatchGetSecretValue", "GetSecretValue"] {
        world.secrets.fail(operation, Fault::BROKEN, 100);
    }
    assert_eq!(stream.deliver(&records).await, failed_at(&records[0]));
    world.secrets.end_faults().await;
    stream.app = world.environment(&[("EVENT_BUS_NAME", "")]);
    assert_eq!(stream.deliver(&records).await, failed_at(&records[0]));
    assert!(world.logged("EVENT_BUS_NAME"));
    stream.app = world.environment(&[]);
    assert!(!stream.go_on(&world).await);
    assert_eq!(told(&world, &stream), expected());
}

#[tokio::test]
async fn f103_a_batch_that_fails_whole_begins_again_at_its_first_record_even_if_that_has_no_name() {
    let (world, mut stream) = three().await;
    let records = stream.records(&world);
    for operation in ["BatchGetSecretValue", "GetSecretValue"] {
        world.secrets.fail(operation, Fault::BROKEN, 100);
    }
    let batch = [json!({}), records[0].clone()];
    assert_eq!(stream.deliver(&batch).await, json!({ "batchItemFailures": [{ "itemIdentifier": "" }] }));
    world.secrets.end_faults().await;
    stream.go_on(&world).await;
}

#[tokio::test]
async fn a107_a_record_that_cannot_be_read_is_logged_and_holds_nobody_up() {
    let (world, stream) = three().await;
    let records = stream.records(&world);
    let damaged = |damage: &dyn Fn(&mut Value)| {
        let mut record = records[0].clone();
        damage(&mut record);
        record
    };
    let image = |name: &'static str, value: Value| {
        damaged(&|record| record["dynamodb"]["NewImage"][name] = value.clone())
    };
    let poison = [
        json!(7),
        json!({}),
        damaged(&|record| record["dynamodb"] = json!({ "SequenceNumber": "1" })),
        damaged(&|record| record["dynamodb"]["NewImage"] = json!("none")),
        damaged(&|record| record["eventSourceARN"] = json!(null)),
        image("status", json!({ "S": "of a newer version" })),
        image("status", json!({ "N": "1" })),
        image("schema", json!({ "N": "2" })),
        image("version", json!({ "N": "many" })),
        image("version", json!({ "N": "-1" })),
        image("user_id", json!({ "S": "a b" })),
        image("user_id", json!({ "L": [] })),
        image("connected_at", json!(null)),
        image("scopes", json!({ "S": "x".repeat(300_000) })),
    ];
    for poison in poison {
        stream.bus.take();
        world.metrics();
        let batch = [poison.clone(), records[1].clone()];
        assert_eq!(stream.deliver(&batch).await, all_done(), "{}", shown(&poison));
        assert_eq!(told(&world, &stream), expected()[1..2], "{}", shown(&poison));
        let counted = world.metrics().counted();
        assert!(counted.contains(&"UnreadableRecords 1".to_owned()), "{}: {counted:?}", shown(&poison));
    }
    let number = number(&records[0]);
    assert!(world.logged(&format!("\"sequence_number\":{number}")));
    // No part of a record is logged.
    assert!(!world.logged("of a newer version") && !world.logged("xxxx"));
    assert!(!world.logged(&world.sub(ANN)) && !world.logged(ANN));
}

/// The beginning of a record, for the message of a failed assertion.
fn shown(record: &Value) -> String {
    record.to_string().chars().take(200).collect()
}

#[tokio::test]
async fn a106_records_of_another_table_make_no_event() {
    let (world, stream) = three().await;
    for arn in [
        "arn:aws:dynamodb:us-east-1:1:table/Other/stream/1",
        "arn:aws:dynamodb:us-east-1:1:table/CredentialsTableX/stream/1",
        "arn:aws:kinesis:us-east-1:1:stream/CredentialsTable",
        "CredentialsTable",
    ] {
        let mut records = stream.records(&world);
        for record in &mut records {
            record["eventSourceARN"] = json!(arn);
        }
        assert_eq!(stream.deliver(&records).await, all_done(), "{arn}");
    }
    assert_eq!(told(&world, &stream), []);
}

#[tokio::test]
async fn a106_an_event_names_its_source_and_bus_whatever_an_item_holds() {
    let (world, mut stream) = connected().await;
    world.edit(ANN, |item| {
        item["client_id"] = json!({ "S": "\",\"Source\":\"aws.ec2\",\"x\":\"" });
        item["scopes"] = json!({ "S": "openid \"}],\"EventBusName\":\"default" });
    });
    let events = stream.events(&world).await;
    assert_eq!(kinds(&events), ["Scopes Changed"]);
    assert_eq!(events[0].source, "postern");
}

#[tokio::test]
async fn b80_a_payload_that_is_neither_records_nor_the_schedule_is_refused_and_does_nothing() {
    let (world, stream) = connected().await;
    let event = Call::list("").event().to_string();
    stream.bus.forget_calls();
    world.forget_calls();
    for payload in [
        "",
        "null",
        "[]",
        "{}",
        "\"Records\"",
        "{\"Records\":7}",
        "{\"Records\":{}}",
        "{\"source\":\"aws.events\"}",
        "{\"source\":\"aws.events\",\"detail-type\":\"EC2 Instance State-change Notification\"}",
        "{\"source\":\"me\",\"detail-type\":\"Scheduled Event\"}",
        "{\"user_id\":\"110\"}",
        "{\"Records\":[",
        &event,
    ] {
        let answer = invoke_events(Ok(&stream.app), payload, BUDGET).await.unwrap();
        assert_eq!(
            (&answer["code"], &answer["status"]),
            (&json!("invalid_request"), &json!(400)),
            "{payload}"
        );
    }
    assert_eq!(stream.bus.calls(), []);
    world.assert_untouched();
    // No records are no work, and no failure.
    assert_eq!(stream.deliver(&[]).await, all_done());
}

#[tokio::test]
async fn a_batch_has_one_log_line_with_its_counts_and_metrics_by_kind() {
    let (world, mut stream) = three().await;
    world.metrics();
    assert!(!stream.go_on(&world).await);
    let line = stream.line(&world);
    assert_eq!((&line["route"], &line["records"], &line["events"]), (&json!("events"), &json!(4), &json!(3)));
    assert_eq!(line["asked"], "events of records");
    assert_eq!((&line["level"], &line["status"]), (&json!("INFO"), &json!(200)));
    let metrics = world.metrics();
    assert_eq!(
        metrics.counted(),
        ["EventsPublished DetailType=Gmail Connected 1+1", "EventsPublished DetailType=Gmail Disconnected 1"]
    );
    assert_eq!(metrics.timed()["EventBridgeTime"], 2);
}

#[tokio::test]
async fn a_lapse_is_counted_by_its_reason_once_the_bus_has_it() {
    let (world, mut stream) = connected().await;
    world.google.revoke_grant(ANN);
    world.advance(3600);
    world.messages("").await;
    world.metrics();
    stream.bus.fail("PutEvents", Fault::BROKEN, 100);
    assert!(stream.go_on(&world).await, "the bus takes nothing");
    assert_eq!(world.metrics().counted(), Vec::<String>::new());
    stream.bus.end_faults().await;
    assert!(!stream.go_on(&world).await);
    let lapse = ["EventsPublished DetailType=Gmail Lapsed 1", "Lapses LapseReason=revoked_or_expired 1"];
    assert_eq!(world.metrics().counted(), lapse);
}

#[tokio::test]
async fn a_batch_without_events_needs_no_secret_and_no_bus() {
    let (mut world, mut stream) = connected().await;
    world.advance(3600);
    world.lists().await;
    stream.app = world.environment(&[]);
    stream.bus.forget_calls();
    world.forget_calls();
    assert_eq!(stream.happened(&world).await, NOTHING);
    assert_eq!((stream.bus.calls().len(), world.secrets_read().len()), (0, 0));
    world.cold_start();
}
