//! What is timed, how metrics are written, and that they are written however the request ends. The
//! submodules check what is counted.

mod conditions;
mod google;

use std::sync::{Arc, Mutex};
use std::time::Duration;

use harness::Fault;
use harness::google::{Endpoint, Failure};
use harness::metrics::FUNCTION_NAME;
use harness::world::{ANN, BEN, BUDGET, Call, World, invoke, metrics_names};
use postern::clock::Deadline;
use postern::door::{Invocation, Reply, Request, respond};
use postern::telemetry::metrics::Sink;
use postern_rules::user::UserId;
use serde_json::json;

/// Lists messages within `budget`. Returns what was counted.
async fn counted_within(world: &World, budget: Duration) -> Vec<String> {
    world.send_within(budget, &world.list()).await;
    world.metrics().counted()
}

#[tokio::test]
async fn a_quiet_request_has_times_and_nothing_else() {
    let world = World::signed_in().await;
    world.lists().await;
    let metrics = world.metrics();
    assert_eq!(metrics.counted(), Vec::<String>::new());
    assert_eq!(metrics.timed(), [("DynamoDbTime".to_owned(), 1), ("GmailTime".to_owned(), 1)].into());
    let [line] = metrics.0.as_slice() else { panic!("one line: {metrics:?}") };
    let mut members: Vec<&str> = line.as_object().unwrap().keys().map(String::as_str).collect();
    members.sort_unstable();
    assert_eq!(
        members,
        ["DynamoDbTime", "FunctionName", "GmailTime", "_aws", "level", "request_id", "route", "timestamp"]
    );
    assert_eq!(
        (line["FunctionName"].as_str(), line["route"].as_str()),
        (Some(FUNCTION_NAME), Some("/messages"))
    );
    assert_eq!(line["request_id"], "JKJaXmPLvHcESHA=");
    assert_eq!(line["_aws"]["Timestamp"], 1_793_500_000_000_i64);
    assert_eq!(line["timestamp"], "2026-11-01T02:26:40Z");
}

#[tokio::test]
async fn a_request_that_has_nothing_to_tell_writes_no_line() {
    let mut world = World::new().await;
    world.start("").await;
    let cold = world.metrics();
    assert_eq!(cold.timed(), [("SecretsManagerTime".to_owned(), 1)].into());
    world.start("").await;
    assert!(world.metrics().0.is_empty());
}

#[tokio::test]
async fn each_call_that_leaves_is_timed_also_those_that_are_repeated() {
    let mut world = World::new().await;
    world.start("").await;
    world.metrics();
    world.dynamodb.fail("PutItem", Fault::CallLost, 1);
    world.sign_in(ANN).await;
    let times = [("DynamoDbTime".to_owned(), 5), ("GoogleTokenTime".to_owned(), 1)].into();
    assert_eq!(world.metrics().timed(), times);
    world.google.fail(Endpoint::MessagesList, Failure::ResetAfterReading, 1);
    world.google.fail(Endpoint::MessagesList, Failure::Slow(Duration::from_millis(120)), 1);
    world.lists().await;
    let metrics = world.metrics();
    assert_eq!(metrics.timed()["GmailTime"], 2);
    assert!(metrics.times()["GmailTime"][1] >= 120.0, "{metrics:?}");
    assert_eq!(metrics.counted(), ["GmailErrors GmailReason=unavailable 1"]);
}

#[tokio::test]
async fn of_many_calls_the_first_hundred_are_timed() {
    let world = World::signed_in().await;
    for number in 0..120 {
        let body = json!({"nextPageToken": format!("x{number}"), "resultSizeEstimate": 1});
        let answer = Failure::json(&body);
        world.google.fail(Endpoint::MessagesList, answer, 1);
    }
    assert_eq!(world.messages("all=true").await.status, 200);
    assert!(world.google_calls().len() > 120);
    assert_eq!(world.metrics().timed()["GmailTime"], 100);
}

#[tokio::test]
async fn a78_two_requests_of_one_process_do_not_mix() {
    let mut world = World::signed_in().await;
    let event = |world: &World, id: &str| {
        let mut event = world.list().event();
        event["requestContext"]["requestId"] = json!(id);
        event.to_string()
    };
    world.advance(3600);
    let ann = event(&world, "request-of-ann");
    world.jar.clear();
    world.sign_in(BEN).await;
    let ben = event(&world, "request-of-ben");
    world.metrics();
    // While Ann's token is refreshed, Ben's list is refused. Both requests are interleaved.
    world.google.fail_refresh(Failure::Slow(Duration::from_millis(150)), 1);
    let refusal = Failure::Answer { status: 403, headers: Vec::new(), body: "{}".to_owned() };
    world.google.fail(Endpoint::MessagesList, refusal, 1);
    let app = Ok(&world.app);
    let (ann, ben) = futures_util::future::join(invoke(app, &ann, BUDGET), invoke(app, &ben, BUDGET)).await;
    assert_eq!((ann.status, ben.status), (200, 502));
    let metrics = world.metrics();
    let (ann, ben) = (metrics.of("request-of-ann"), metrics.of("request-of-ben"));
    assert_eq!(ann.counted(), ["RefreshFailures 0", "Refreshes Outcome=refreshed 1", "TokenDeaths 0"]);
    assert_eq!(
        (ann.timed()["DynamoDbTime"], ann.timed()["GoogleTokenTime"], ann.timed()["GmailTime"]),
        (3, 1, 1)
    );
    assert_eq!(ben.counted(), ["GmailErrors GmailReason=rejected 1"]);
    assert_eq!(ben.timed(), [("DynamoDbTime".to_owned(), 1), ("GmailTime".to_owned(), 1)].into());
    assert_eq!(metrics.0.len(), 2);
}

/// Lists messages with `handle` as the handler, within `budget`.
async fn list_by<H>(world: &World, handle: H, budget: Duration) -> i64
where
    H: AsyncFn(&postern::app::App, &Request) -> Result<Reply, postern_rules::error::Error>,
{
    let event = Call::list("").event().to_string();
    let invocation = Invocation { request_id: "request-1".to_owned(), deadline: Deadline::after(budget) };
    respond(Ok(&world.app), list_messages::ROUTE, handle, &event, invocation).await.status_code
}

#[tokio::test]
async fn f66_f69_what_was_collected_before_a_panic_or_the_deadline_is_written() {
    let world = World::new().await;
    let user = UserId::parse("1").unwrap();
    let panicking = async |app: &postern::app::App, _: &Request| {
        app.store.credential(&user).await.unwrap();
        panic!("a panic that holds planted-panic-secret")
    };
    postern::telemetry::log_panics();
    assert_eq!(list_by(&world, panicking, BUDGET).await, 500);
    let _ = std::panic::take_hook();
    let metrics = world.metrics();
    assert_eq!(metrics.counted(), ["OperatorErrors 1", "OperatorErrors Code=internal 1"]);
    assert_eq!(metrics.timed(), [("DynamoDbTime".to_owned(), 1)].into());
    let hanging = async |app: &postern::app::App, _: &Request| {
        app.store.credential(&user).await.unwrap();
        Err(postern_rules::error::Error::Internal)
    };
    world.dynamodb.fail("GetItem", Fault::Delay(Duration::from_secs(30)), 1);
    assert_eq!(list_by(&world, hanging, Duration::from_millis(200)).await, 503);
    let metrics = world.metrics();
    assert_eq!(metrics.counted(), Vec::<String>::new(), "out of time is nobody's setting");
    assert!(metrics.times()["DynamoDbTime"][0] >= 200.0, "the call that was cut off: {metrics:?}");
}

/// What a log writes.
#[derive(Clone, Default)]
struct Written(Arc<Mutex<Vec<u8>>>);

impl std::io::Write for Written {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

impl Written {
    fn lines(&self) -> usize {
        String::from_utf8_lossy(&self.0.lock().unwrap()).lines().count()
    }
}

#[tokio::test]
async fn no_log_level_switches_the_metrics_off_and_no_namespace_does() {
    let mut world = World::signed_in().await;
    for (wanted, lines) in [(true, 1), (false, 0)] {
        let (metrics, log) = (Written::default(), Written::default());
        let (to_metrics, to_log) = (metrics.clone(), log.clone());
        world.app.metrics = wanted.then(|| Sink::new(metrics_names(), move || to_metrics.clone()));
        let quiet = postern::telemetry::subscriber(tracing::Level::ERROR, move || to_log.clone());
        let guard = tracing::subscriber::set_default(quiet);
        world.lists().await;
        drop(guard);
        assert_eq!((metrics.lines(), log.lines()), (lines, 0));
    }
    assert!(world.metrics().0.is_empty(), "nor are they written elsewhere");
}
