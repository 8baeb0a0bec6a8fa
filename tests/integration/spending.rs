//! A state is spent once, also when DynamoDB does not say whether it was.

use harness::Fault;
use harness::google::Decision;
use harness::jar::Jar;
use harness::stack::SESSIONS_TABLE;
use harness::world::{ANN, Answer, Call, World, parameter};

/// More often than the SDK asks before it gives up.
const OFTEN: usize = 100;

/// A person who has been at Google; gives the query of the callback.
async fn consented(world: &mut World) -> String {
    let url = world.start("").await;
    world.consent(&url, Decision::allow(ANN)).await
}

/// The callback whose writes are carried out while no answer comes back.
async fn unanswered(world: &mut World, query: &str) -> Answer {
    world.dynamodb.fail("PutItem", Fault::AnswerLost, OFTEN);
    let answer = world.callback(query).await;
    world.dynamodb.clear_faults();
    assert_eq!(answer.problem(), (503, "storage_unavailable"));
    assert!(answer.headers.contains_key("retry-after") && answer.location().is_empty());
    assert_eq!(world.exchanges(), 0);
    answer
}

fn rows(world: &World) -> usize {
    let items = world.dynamodb.scan(SESSIONS_TABLE).into_iter();
    items.filter(|item| item["id"]["S"].as_str().unwrap().starts_with("flow#")).count()
}

fn callback(query: &str, jar: &Jar) -> Call {
    jar.pairs().fold(Call::get("/oauth/callback", query), |call, pair| call.cookie(&pair))
}

#[tokio::test]
async fn f16_f17_a_state_whose_spending_was_never_answered_can_be_reloaded() {
    let mut world = World::new().await;
    let query = consented(&mut world).await;
    unanswered(&mut world, &query).await;
    assert_eq!(rows(&world), 1, "it was carried out all the same");
    world.forget_calls();
    let answer = world.callback(&query).await;
    answer.session();
    assert_eq!(world.exchanges(), 1);
    assert_eq!(world.dynamodb_calls(), ["PutItem", "GetItem", "UpdateItem", "PutItem"]);
    world.lists().await;
    // The reload of the reload is the Back button: the session is that of the attempt that
    // succeeded.
    let forgiven = world.callback(&query).await;
    assert_eq!((forgiven.status, forgiven.location()), (303, "https://app.example.com/"));
    assert_eq!(world.exchanges(), 1);
}

#[tokio::test]
async fn f16_a_reload_that_is_not_answered_either_can_be_reloaded() {
    let mut world = World::new().await;
    let query = consented(&mut world).await;
    for _ in 0..3 {
        unanswered(&mut world, &query).await;
    }
    let answer = world.callback(&query).await;
    answer.session();
    assert_eq!(world.exchanges(), 1);
    // And one that was not carried out changes nothing of that.
    let mut world = World::new().await;
    let query = consented(&mut world).await;
    unanswered(&mut world, &query).await;
    world.dynamodb.fail("PutItem", Fault::BROKEN, OFTEN);
    assert_eq!(world.callback(&query).await.code(), "storage_unavailable");
    world.dynamodb.clear_faults();
    let answer = world.callback(&query).await;
    answer.session();
}

#[tokio::test]
async fn f16_of_many_reloads_one_exchanges() {
    let mut world = World::new().await;
    let query = consented(&mut world).await;
    unanswered(&mut world, &query).await;
    let call = world.callback_of(&query);
    let answers = futures_util::future::join_all((0..10).map(|_| world.send(&call))).await;
    assert_eq!(answers.iter().filter(|answer| answer.status == 303).count(), 1);
    assert_eq!(
        answers.iter().filter(|answer| answer.status == 400 && answer.code() == "state_used").count(),
        9
    );
    assert_eq!(world.exchanges(), 1);
    // Nor does an old copy of the cookie open the state again.
    assert_eq!(world.send(&call).await.code(), "state_used");
    assert_eq!(world.exchanges(), 1);
}

#[tokio::test]
async fn f16_a_request_that_was_answered_or_still_runs_is_not_taken_over() {
    let mut world = World::new().await;
    let query = consented(&mut world).await;
    let before = world.jar.clone();
    unanswered(&mut world, &query).await;
    // Whoever did not get the answer knows nothing of that attempt: its request may still be
    // running.
    assert_eq!(world.send(&callback(&query, &before)).await.code(), "state_used");
    // One attempt that gave up opens no state that another request has spent since.
    let given_up = world.jar.clone();
    world.callback(&query).await.session();
    assert_eq!(world.send(&callback(&query, &given_up)).await.code(), "state_used");
    assert_eq!(world.exchanges(), 1);
}

#[tokio::test]
async fn f16_what_gave_up_in_one_flow_is_nothing_in_another() {
    let mut world = World::new().await;
    let first = consented(&mut world).await;
    unanswered(&mut world, &first).await;
    let second = consented(&mut world).await;
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
