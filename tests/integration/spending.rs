//! A state is spent once, even if DynamoDB does not say whether it was.

use futures_util::future::join_all;
use harness::Fault;
use harness::google::Decision;
use harness::jar::Jar;
use harness::world::{ANN, Answer, Call, World, parameter};

/// More attempts than the SDK makes before it gives up.
const OFTEN: usize = 100;

/// A callback whose writes are carried out but never answered.
async fn unanswered(world: &mut World, query: &str) -> Answer {
    world.dynamodb.fail("PutItem", Fault::AnswerLost, OFTEN);
    let answer = world.callback(query).await;
    world.dynamodb.end_faults().await;
    assert_eq!(answer.problem(), (503, "storage_unavailable"));
    assert!(answer.headers.contains_key("retry-after") && answer.location().is_empty());
    assert_eq!(world.exchanges(), 0);
    answer
}

fn callback(query: &str, jar: &Jar) -> Call {
    jar.pairs().fold(Call::get("/oauth/callback", query), |call, pair| call.cookie(&pair))
}

/// Sends the same callback ten times at once: one succeeds, and nine find the state used.
pub(super) async fn assert_one_of_ten_exchanges(world: &World, callback: &Call) {
    let answers = join_all((0..10).map(|_| world.send(callback))).await;
    let mut problems: Vec<_> = answers.iter().map(Answer::problem).collect();
    problems.sort_unstable();
    let mut expected = vec![(400, "state_used"); 9];
    expected.insert(0, (303, ""));
    assert_eq!(problems, expected);
    assert_eq!(world.exchanges(), 1);
}

#[tokio::test]
async fn f16_f17_a_state_whose_spending_was_never_answered_can_be_reloaded() {
    let mut world = World::new().await;
    let query = world.consented(ANN).await;
    unanswered(&mut world, &query).await;
    assert_eq!(world.spent_states().len(), 1, "it was carried out all the same");
    world.forget_calls();
    world.callback(&query).await.session();
    assert_eq!(world.exchanges(), 1);
    assert_eq!(world.dynamodb_calls(), ["PutItem", "GetItem", "UpdateItem", "PutItem"]);
    world.lists().await;
    // Another reload is like the Back button: the session belongs to the attempt that succeeded.
    let forgiven = world.callback(&query).await;
    assert_eq!((forgiven.status, forgiven.location()), (303, "https://app.example.com/"));
    assert_eq!(world.exchanges(), 1);
}

#[tokio::test]
async fn f16_a_reload_that_is_not_answered_either_can_be_reloaded() {
    let mut world = World::new().await;
    let query = world.consented(ANN).await;
    for _ in 0..3 {
        unanswered(&mut world, &query).await;
    }
    world.callback(&query).await.session();
    assert_eq!(world.exchanges(), 1);
    // A write that was not carried out makes no difference.
    let mut world = World::new().await;
    let query = world.consented(ANN).await;
    unanswered(&mut world, &query).await;
    world.dynamodb.fail("PutItem", Fault::BROKEN, OFTEN);
    assert_eq!(world.callback(&query).await.code(), "storage_unavailable");
    world.dynamodb.end_faults().await;
    world.callback(&query).await.session();
}

#[tokio::test]
async fn f16_of_many_reloads_one_exchanges() {
    let mut world = World::new().await;
    let query = world.consented(ANN).await;
    unanswered(&mut world, &query).await;
    let call = world.callback_of(&query);
    assert_one_of_ten_exchanges(&world, &call).await;
    // An old copy of the cookie does not reopen the state.
    assert_eq!(world.send(&call).await.code(), "state_used");
    assert_eq!(world.exchanges(), 1);
}

#[tokio::test]
async fn f16_a_request_that_was_answered_or_still_runs_is_not_taken_over() {
    let mut world = World::new().await;
    let query = world.consented(ANN).await;
    let before = world.jar.clone();
    unanswered(&mut world, &query).await;
    // A browser that did not get the answer does not know of that attempt, whose request may still
    // be running.
    assert_eq!(world.send(&callback(&query, &before)).await.code(), "state_used");
    // An attempt that gave up does not reopen a state that another request has spent since.
    let given_up = world.jar.clone();
    world.callback(&query).await.session();
    assert_eq!(world.send(&callback(&query, &given_up)).await.code(), "state_used");
    assert_eq!(world.exchanges(), 1);
}

#[tokio::test]
async fn f16_what_gave_up_in_one_flow_is_nothing_in_another() {
    let mut world = World::new().await;
    let first = world.consented(ANN).await;
    unanswered(&mut world, &first).await;
    let second = world.consented(ANN).await;
    unanswered(&mut world, &second).await;
    for query in [&first, &second] {
        world.callback(query).await.session();
    }
    assert_eq!(world.exchanges(), 2);
}

#[tokio::test]
async fn f16_a_flow_that_a_401_offered_goes_on_being_offered_while_its_spending_is_unknown() {
    let mut world = World::new().await;
    let answer = world.browse(Call::list("")).await;
    let url = answer.authorization_url();
    let query = world.consent(&url, Decision::allow(ANN)).await;
    unanswered(&mut world, &query).await;
    let again = world.browse(Call::list("")).await.authorization_url();
    assert_eq!(parameter(&again, "state"), parameter(&url, "state"));
    world.callback(&query).await.session();
    assert_eq!(world.exchanges(), 1);
}
