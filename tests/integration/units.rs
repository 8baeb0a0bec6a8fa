//! What requests consume of DynamoDB, in the units that AWS charges for: a read unit for each 4 KB
//! of an item that is read consistently, a write unit for each 1 KB of the larger of an item before
//! and after. A refused conditional write costs as much as one that is carried out. The index
//! `by_status` is here, though a stack has it only with an option: it adds one write unit to a
//! first sign-in, and none to a refresh.
//!
//! docs/performance.md quotes these numbers. A change that makes an item or a path more expensive
//! shows here.

use harness::google::Decision;
use harness::stack::SESSIONS_TABLE;
use harness::world::{ANN, GOOGLE_CLIENT, REDIRECT_URI, START, World};
use postern_rules::random;
use serde_json::{Value, json};

/// As long as the IDs of Google's clients.
const CLIENT: &str = "640512773041-0123456789abcdefghijklmnopqrstuv.apps.googleusercontent.com";
const SECRET: &str = "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th";

/// A world with a client whose ID has the usual length.
async fn world() -> World {
    let mut world = World::new().await;
    world.google.add_client(CLIENT, SECRET);
    world.plant(SECRET);
    let client = world.google.client_secrets_of(CLIENT, &[REDIRECT_URI]).unwrap();
    world.secrets.put(GOOGLE_CLIENT, &client);
    world.cold_start();
    world.dynamodb.consumed();
    world
}

/// The bill since the last one: the calls, and the sums.
fn bill(world: &World, request: &str) -> String {
    let (mut read, mut written, mut calls) = (0.0, 0.0, Vec::new());
    for call in world.dynamodb.consumed() {
        let is_read = call.operation.contains("Get");
        *(if is_read { &mut read } else { &mut written }) += call.units;
        let table = if call.table == SESSIONS_TABLE { "sessions" } else { "credentials" };
        calls.push(format!("{} {table} {}", call.operation, call.units));
    }
    format!("{request}: {read} read, {written} write ({})\n", calls.join(", "))
}

/// An item's size: its attributes' names and values. AWS counts a number as about a byte for two
/// digits, and one more.
fn size(item: &Value) -> usize {
    let attributes = item.as_object().unwrap().iter();
    let value = |value: &Value| match (value["S"].as_str(), value["N"].as_str()) {
        (Some(text), _) => text.len(),
        (_, Some(digits)) => digits.len().div_ceil(2) + 1,
        _ => panic!("neither text nor a number: {value}"),
    };
    attributes.map(|(name, attribute)| name.len() + value(attribute)).sum()
}

/// The bills of the requests in a user's day.
async fn bills(mut world: World) -> String {
    let mut bills = String::new();
    let url = world.start("").await;
    bills += &bill(&world, "auth-start");
    let query = world.consent(&url, Decision::allow(ANN)).await;
    world.callback(&query).await.session();
    bills += &bill(&world, "callback, first sign-in");
    let [session, state] = [&world.sessions()[0], &world.spent_states()[0]].map(size);
    world.lists().await;
    bills += &bill(&world, "list-messages, fresh");
    world.advance(2 * 3600);
    world.lists().await;
    bills += &bill(&world, "list-messages, expired, two hours later");
    world.advance(3600);
    world.lists().await;
    bills += &bill(&world, "list-messages, expired");
    // After a second sign-in and until the next refresh it also has `refreshed_at`: 18 bytes more.
    let mut item = world.credential(ANN);
    let credential = size(&item);
    item["lease_holder"] = json!({"S": random::identifier()});
    item["lease_until"] = json!({"N": START.millis().to_string()});
    let leased = size(&item);
    world.sign_in(ANN).await;
    bills += &bill(&world, "auth-start and callback, again");
    let sizes = format!("credential {credential}, with a lease {leased}; session {session}; state {state}");
    bills + "bytes: " + &sizes
}

#[tokio::test]
async fn with_tokens_of_the_recorded_length_each_write_is_one_unit() {
    insta::assert_snapshot!(bills(world().await).await, @"
    auth-start: 0 read, 0 write ()
    callback, first sign-in: 1 read, 4 write (PutItem sessions 1, GetItem credentials 1, UpdateItem credentials 2, PutItem sessions 1)
    list-messages, fresh: 2 read, 0 write (BatchGetItem credentials 1, BatchGetItem sessions 1)
    list-messages, expired, two hours later: 2 read, 3 write (BatchGetItem credentials 1, BatchGetItem sessions 1, UpdateItem credentials 1, UpdateItem credentials 1, UpdateItem sessions 1)
    list-messages, expired: 2 read, 2 write (BatchGetItem credentials 1, BatchGetItem sessions 1, UpdateItem credentials 1, UpdateItem credentials 1)
    auth-start and callback, again: 1 read, 4 write (PutItem sessions 1, GetItem credentials 1, UpdateItem credentials 1, PutItem sessions 1, DeleteItem sessions 1)
    bytes: credential 890, with a lease 943; session 172; state 201
    ");
}

#[tokio::test]
async fn with_access_tokens_of_220_characters_each_write_is_still_one_unit() {
    let world = world().await;
    world.google.access_tokens_have(220);
    insta::assert_snapshot!(bills(world).await, @"
    auth-start: 0 read, 0 write ()
    callback, first sign-in: 1 read, 4 write (PutItem sessions 1, GetItem credentials 1, UpdateItem credentials 2, PutItem sessions 1)
    list-messages, fresh: 2 read, 0 write (BatchGetItem credentials 1, BatchGetItem sessions 1)
    list-messages, expired, two hours later: 2 read, 3 write (BatchGetItem credentials 1, BatchGetItem sessions 1, UpdateItem credentials 1, UpdateItem credentials 1, UpdateItem sessions 1)
    list-messages, expired: 2 read, 2 write (BatchGetItem credentials 1, BatchGetItem sessions 1, UpdateItem credentials 1, UpdateItem credentials 1)
    auth-start and callback, again: 1 read, 4 write (PutItem sessions 1, GetItem credentials 1, UpdateItem credentials 1, PutItem sessions 1, DeleteItem sessions 1)
    bytes: credential 966, with a lease 1019; session 172; state 201
    ");
}

#[tokio::test]
async fn with_tokens_of_the_greatest_length_that_google_documents_the_credential_costs_four() {
    let world = world().await;
    world.google.issue_longest_values(true);
    insta::assert_snapshot!(bills(world).await, @"
    auth-start: 0 read, 0 write ()
    callback, first sign-in: 1 read, 7 write (PutItem sessions 1, GetItem credentials 1, UpdateItem credentials 5, PutItem sessions 1)
    list-messages, fresh: 2 read, 0 write (BatchGetItem credentials 1, BatchGetItem sessions 1)
    list-messages, expired, two hours later: 2 read, 9 write (BatchGetItem credentials 1, BatchGetItem sessions 1, UpdateItem credentials 4, UpdateItem credentials 4, UpdateItem sessions 1)
    list-messages, expired: 2 read, 8 write (BatchGetItem credentials 1, BatchGetItem sessions 1, UpdateItem credentials 4, UpdateItem credentials 4)
    auth-start and callback, again: 1 read, 7 write (PutItem sessions 1, GetItem credentials 1, UpdateItem credentials 4, PutItem sessions 1, DeleteItem sessions 1)
    bytes: credential 3948, with a lease 4001; session 172; state 201
    ");
}
