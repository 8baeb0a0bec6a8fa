//! The function `connections`: what an administrator is told, in every state of a connection.

mod asked;
mod ending;
mod export;

use harness::Fault;
use harness::google::Failure;
use harness::world::{ANN, BEN, BUDGET, MODIFY, OTHER_CLIENT, Told, World, invoke_direct};
use serde_json::{Value, json};

/// Asks for an action on an account.
async fn ask(world: &World, action: &str, account: &str) -> Told {
    let payload = json!({"action": action, "user_id": world.sub(account)});
    world.invoke_direct("connections", &payload).await
}

async fn list(world: &World, status: &str, after: &Value) -> Value {
    let payload = json!({"action": "list", "status": status, "limit": 2, "after": after});
    world.invoke_direct("connections", &payload).await.answer
}

async fn count(world: &World) -> Value {
    world.invoke_direct("connections", &json!({"action": "count"})).await.answer
}

/// Puts credentials like Ann's into the table, with these IDs and this status.
fn connect(world: &World, ids: impl IntoIterator<Item = String>, status: &str) {
    for id in ids {
        let mut item = world.credential(ANN);
        item["user_id"] = json!({"S": id});
        item["status"] = json!({"S": status});
        if status == "revoked" {
            item.as_object_mut().unwrap().remove("refresh_token");
            item.as_object_mut().unwrap().remove("access_token");
        }
        world.put(item);
    }
}

/// Asserts that an administrator is told by `get` what the user is told, and the same by `list` if
/// the index shows it.
async fn assert_told_alike(world: &World, is_in_the_index: bool, case: &str) {
    let told = world.connection().await;
    let got = ask(world, "get", ANN).await.answer;
    for member in ["user", "status", "reason", "scopes", "connected_at", "grant_expires_at"] {
        assert_eq!(got[member], told[member], "{case}: {member}");
    }
    assert_eq!(got["client_id"], world.credential(ANN)["client_id"]["S"], "{case}");
    let stored = world.credential(ANN)["status"]["S"].as_str().unwrap().to_owned();
    let listed = list(world, &stored, &Value::Null).await;
    assert_eq!(listed["connections"][0] == got, is_in_the_index, "{case}: {listed}");
    assert_eq!(listed["after"], Value::Null, "{case}");
}

#[tokio::test]
async fn an_administrator_is_told_what_the_user_is_told() {
    let world = World::signed_in().await;
    assert_told_alike(&world, true, "connected").await;
    assert_eq!(ask(&world, "get", ANN).await.answer["status"], "connected");

    let world = World::new().await;
    world.google.refresh_tokens_live_for(Some(std::time::Duration::from_hours(24)));
    let mut world = world;
    world.sign_in(ANN).await;
    assert_told_alike(&world, true, "of limited time").await;
    assert!(ask(&world, "get", ANN).await.answer["grant_expires_at"].is_number());
    world.advance(12 * 3600 - 60);
    world.lists().await;
    world.advance(12 * 3600 - 60);
    world.lists().await;
    world.advance(120);
    assert_told_alike(&world, true, "at its end").await;

    let world = World::expired().await;
    world.google.fail_refresh(Failure::InvalidGrant, 1);
    assert_eq!(world.messages("").await.reason(), "revoked_or_expired");
    assert_told_alike(&world, true, "revoked").await;

    let mut world = World::signed_in().await;
    world.configure(&[("GMAIL_SCOPES", MODIFY)]);
    assert_told_alike(&world, true, "other scopes").await;

    let world = World::signed_in().await;
    world.change_client();
    world.advance(600);
    assert_told_alike(&world, true, "another client").await;
    assert_eq!(ask(&world, "get", ANN).await.answer["reason"], "client_changed");

    let world = World::signed_in().await;
    world.edit(ANN, |item| {
        item["status"] = json!({"S": "disconnecting"});
        item.as_object_mut().unwrap().remove("access_token");
    });
    assert_told_alike(&world, true, "disconnecting").await;

    // A failed refresh is not in the index.
    let world = World::expired().await;
    world.google.fail_refresh(Failure::InvalidRapt, 1);
    assert_eq!(world.messages("").await.reason(), "reauth_policy");
    assert_told_alike(&world, false, "a policy").await;
}

#[tokio::test]
async fn connections_are_listed_by_pages_and_each_is_there_once() {
    let world = World::signed_in().await;
    connect(&world, (1..=5).map(|number| format!("10000000{number}")), "active");
    connect(&world, ["200000001".to_owned()], "revoked");
    let (mut found, mut after, mut pages) = (Vec::new(), Value::Null, 0);
    loop {
        let page = list(&world, "active", &after).await;
        let connections = page["connections"].as_array().unwrap();
        assert!(connections.len() <= 2);
        found.extend(connections.iter().map(|one| one["user"]["id"].as_str().unwrap().to_owned()));
        (after, pages) = (page["after"].clone(), pages + 1);
        if after.is_null() {
            break;
        }
    }
    let mut expected: Vec<_> = (1..=5).map(|number| format!("10000000{number}")).collect();
    expected.push(world.sub(ANN));
    expected.sort();
    assert_eq!(found, expected);
    assert!((3..=4).contains(&pages), "{pages}");
    let revoked = list(&world, "revoked", &Value::Null).await;
    assert_eq!(revoked["connections"][0]["user"]["id"], "200000001");
    assert_eq!(list(&world, "disconnecting", &Value::Null).await, json!({"connections": [], "after": null}));
}

#[tokio::test]
async fn a_count_says_how_many_a_change_asks_again() {
    let (mut world, _) = World::with_ben().await;
    connect(&world, ["200000001".to_owned()], "revoked");
    let client = world.google.client_id();
    let scopes = ask(&world, "get", BEN).await.answer["scopes"].clone();
    let kind = |status: &str, connections: u64| json!({"status": status, "client_id": client, "scopes": scopes, "connections": connections});
    let counts = json!([kind("active", 2), kind("revoked", 1)]);
    assert_eq!(
        count(&world).await,
        json!({"counts": counts, "asked_again": 0, "of_outgoing_client": null, "after": null})
    );

    // Nothing is written, and users have not come back yet.
    world.configure(&[("GMAIL_SCOPES", MODIFY)]);
    assert_eq!(
        count(&world).await,
        json!({"counts": counts, "asked_again": 2, "of_outgoing_client": null, "after": null})
    );
    world.configure(&[]);
    world.change_client();
    world.advance(600);
    assert_eq!(count(&world).await["asked_again"], 2);
    // Ann consents to the new client.
    let refused = world.messages("").await;
    world.authorize_again(&refused, ANN).await;
    let counted = count(&world).await;
    assert_eq!((&counted["asked_again"], counted["counts"][0]["connections"].as_u64()), (&json!(1), Some(1)));
    let clients: Vec<_> = counted["counts"].as_array().unwrap().iter().map(|one| &one["client_id"]).collect();
    assert!(clients.contains(&&json!(OTHER_CLIENT)), "{clients:?}");
}

#[tokio::test]
async fn a_count_that_runs_out_of_time_goes_on_where_its_cursor_says() {
    let world = World::signed_in().await;
    connect(&world, (1..=1200).map(|number| format!("1000{number:05}")), "active");
    connect(&world, ["200000001".to_owned()], "revoked");
    let (mut cursors, mut sum, mut payload) = (Vec::new(), 0, json!({"action": "count"}));
    loop {
        // Enough for one page of the index.
        let budget = std::time::Duration::from_secs(3);
        let told = invoke_direct(Ok(&world.app), "connections", &payload.to_string(), budget).await.answer;
        let counts = told["counts"].as_array().unwrap();
        sum += counts.iter().map(|one| one["connections"].as_u64().unwrap()).sum::<u64>();
        let Some(after) = told["after"].as_str() else { break };
        cursors.push(after.to_owned());
        payload["after"] = json!(after);
    }
    assert_eq!(sum, 1202);
    assert_eq!(cursors, ["active:100001000", "revoked", "disconnecting"]);
}

#[tokio::test]
async fn f107_what_changes_between_two_pages_is_counted_once_more_or_not_and_nothing_else_is_touched() {
    let world = World::signed_in().await;
    connect(&world, (1..=4).map(|number| format!("10000000{number}")), "active");
    let ids = |page: &Value| -> Vec<String> {
        let connections = page["connections"].as_array().unwrap();
        connections.iter().map(|one| one["user"]["id"].as_str().unwrap().to_owned()).collect()
    };
    let first = list(&world, "active", &Value::Null).await;
    assert_eq!(ids(&first), ["100000001", "100000002"]);
    // The last one of the page is gone, one before it is new, and one behind it changes its status.
    world.dynamodb.delete("CredentialsTable", "user_id", "100000002");
    connect(&world, ["100000000".to_owned()], "active");
    connect(&world, ["100000003".to_owned()], "revoked");
    let second = list(&world, "active", &first["after"]).await;
    assert_eq!(ids(&second), ["100000004".to_owned(), world.sub(ANN)]);
    let revoked = list(&world, "revoked", &Value::Null).await;
    assert_eq!(ids(&revoked), ["100000003"]);
}

#[tokio::test]
async fn an_entry_that_cannot_be_read_hides_no_other_and_is_logged() {
    let world = World::signed_in().await;
    world.put(json!({"user_id": {"S": "100000001"}, "status": {"S": "active"}}));
    let page = list(&world, "active", &Value::Null).await;
    assert_eq!(page["connections"].as_array().unwrap().len(), 1);
    assert_eq!(page["connections"][0]["user"]["id"], world.sub(ANN));
    assert_eq!(count(&world).await["counts"][0]["connections"], 1);
    assert!(world.logged("unreadable_entry"));
    world.dynamodb.delete("CredentialsTable", "user_id", "100000001");
}

#[tokio::test]
async fn each_action_makes_only_the_calls_that_it_needs_and_none_scans() {
    let reads = ["GetItem"].as_slice();
    for (action, calls) in [
        ("get", reads),
        ("export", reads),
        ("disconnect", &["GetItem", "UpdateItem", "UpdateItem", "DeleteItem"]),
        ("erase", &["GetItem", "UpdateItem", "UpdateItem", "DeleteItem"]),
        ("sign_out", &["GetItem", "UpdateItem"]),
    ] {
        let world = World::signed_in().await;
        let told = ask(&world, action, ANN).await;
        assert_eq!(told.problem().0, 200, "{told:?}");
        assert_eq!(world.dynamodb_calls(), calls, "{action}");
        let line = world.line_of(&told);
        assert_eq!(line["asked"], action.replace('_', " "), "{line}");
        assert_eq!(line["user.id"].as_str().map(str::len), Some(16), "{line}");
    }
    let world = World::signed_in().await;
    list(&world, "active", &Value::Null).await;
    assert_eq!(world.dynamodb_calls(), ["Query"]);
    world.forget_calls();
    count(&world).await;
    assert_eq!(world.dynamodb_calls(), ["Query"; 3]);
    assert_eq!(world.google_calls(), []);
}

#[tokio::test]
async fn a_stack_without_the_index_says_that_its_table_is_not_as_it_should_be() {
    let world = World::signed_in().await;
    let mut tables = harness::template::tables();
    tables.retain(|table| table.name == "CredentialsTable");
    "Unindexed".clone_into(&mut tables[0].name);
    tables[0].indexes = Value::Null;
    let attributes = tables[0].attribute_definitions.as_array_mut().unwrap();
    attributes.retain(|attribute| attribute["AttributeName"] == "user_id");
    world.dynamodb.create_tables(&tables);
    let app = world.environment(&[("CREDENTIALS_TABLE", "Unindexed")]);
    let told = invoke_direct(Ok(&app), "connections", r#"{"action":"count"}"#, BUDGET).await;
    assert_eq!(told.problem(), (503, "config_error"));
    assert_eq!(told.text("variable"), "CREDENTIALS_TABLE");
}

#[tokio::test]
async fn while_the_index_is_filled_a_list_and_a_count_can_be_repeated() {
    let world = World::signed_in().await;
    let filling = Fault::Refusal { status: 400, exception: "ValidationException" };
    for payload in [json!({"action": "list", "status": "active"}), json!({"action": "count"})] {
        world.dynamodb.fail("Query", filling.clone(), 1);
        let told = world.invoke_direct("connections", &payload).await;
        assert_eq!(told.problem(), (503, "storage_unavailable"), "{payload}");
        let told = world.invoke_direct("connections", &payload).await;
        assert!(told.answer["code"].is_null(), "{payload}");
    }
}
