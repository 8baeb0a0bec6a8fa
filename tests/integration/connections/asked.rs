//! What an administrator may ask for, and what is refused.

use harness::world::{ANN, BUDGET, Told, World, invoke_direct};
use serde_json::{Value, json};

async fn tell(world: &World, payload: &str) -> Told {
    invoke_direct(Ok(&world.app), "connections", payload, BUDGET).await
}

#[tokio::test]
async fn b81_what_is_no_action_is_refused_and_asks_nobody() {
    let world = World::signed_in().await;
    for payload in [
        "{}",
        r#"{"action":""}"#,
        r#"{"action":"Get","user_id":"1"}"#,
        r#"{"action":"scan"}"#,
        r#"{"action":null,"user_id":"1"}"#,
        r#"{"action":["get"],"user_id":"1"}"#,
        r#"{"action":"get"}"#,
        r#"{"action":"get","user_id":1}"#,
        r#"{"action":"get","user_id":null}"#,
        r#"{"action":"get","user_id":"1","status":"active"}"#,
        r#"{"action":"get","user_id":"1","user_id":"1"}"#,
        r#"{"action":"get","action":"erase","user_id":"1"}"#,
        r#"{"action":"erase","user_id":["1","2"]}"#,
        r#"{"action":"disconnect","user_id":"1","force":true}"#,
        r#"{"action":"count","user_id":"1"}"#,
        r#"{"action":"count","after":7}"#,
        r#"{"action":"list"}"#,
        r#"{"action":"list","status":"connected"}"#,
        r#"{"action":"list","status":"Active"}"#,
        r#"{"action":"list","status":"active","limit":0}"#,
        r#"{"action":"list","status":"active","limit":101}"#,
        r#"{"action":"list","status":"active","limit":65586}"#,
        r#"{"action":"list","status":"active","limit":-1}"#,
        r#"{"action":"list","status":"active","limit":1.5}"#,
        r#"{"action":"list","status":"active","limit":"5"}"#,
        r#"{"action":"list","status":"active","after":""}"#,
        r#"{"action":"list","status":"active","limit":5,"limit":6}"#,
    ] {
        let told = tell(&world, payload).await;
        assert_eq!(told.problem(), (400, "invalid_request"), "{payload}");
    }
    world.assert_untouched();
    for payload in [
        r#"{"action":"list","status":"active","limit":100}"#,
        r#"{"action":"list","status":"active","limit":1,"after":null}"#,
        r#"{"status":"disconnecting","action":"list"}"#,
        r#"{"action":"count","after":null}"#,
    ] {
        assert_eq!(tell(&world, payload).await.problem().0, 200, "{payload}");
    }
}

#[tokio::test]
async fn a109_no_input_reaches_another_item_index_or_table() {
    let world = World::signed_in().await;
    let session = world.sessions()[0]["id"]["S"].as_str().unwrap().to_owned();
    // Some are user IDs in form. They are looked up as such, and there is no such user.
    for id in [
        session.as_str(),
        "flow#x",
        "by_status",
        "active",
        "#id",
        ":status",
        "' OR '1'='1",
        "attribute_exists(user_id)",
        "{\"S\":\"1\"}",
        "*",
        "",
        " ",
        "\u{0}",
        "1\n2",
        "ünicode",
        &"1".repeat(256),
    ] {
        for action in ["get", "export", "disconnect", "erase", "sign_out"] {
            let told = tell(&world, &json!({"action": action, "user_id": id}).to_string()).await;
            let expected = [(400, "invalid_request"), (404, "connection_not_found")];
            assert!(expected.contains(&told.problem()), "{action} {id}: {told:?}");
        }
    }
    for cursor in [
        "active:",
        "actives",
        "active: ",
        "expired:1",
        ":1",
        "",
        "by_status",
        "sessions",
        "{\"user_id\":{\"S\":\"1\"}}",
    ] {
        let told = tell(&world, &json!({"action": "count", "after": cursor}).to_string()).await;
        assert_eq!(told.problem(), (400, "invalid_request"), "{cursor}");
    }
    // A user ID in form: where it begins is all that it can say.
    for cursor in ["session#x", "{}", "revoked:1", "~"] {
        let payload = json!({"action": "list", "status": "active", "after": cursor});
        assert_eq!(tell(&world, &payload.to_string()).await.problem().0, 200, "{cursor}");
        let payload = json!({"action": "count", "after": format!("active:{cursor}")});
        assert_eq!(tell(&world, &payload.to_string()).await.problem().0, 200, "{cursor}");
    }
    for call in world.dynamodb.calls() {
        if call.body["TableName"] == "SessionsTable" {
            // An erasure is remembered also if nothing is stored.
            let key = call.body["Key"]["id"]["S"].as_str().unwrap().strip_prefix("ended#");
            assert!(key.is_some_and(|mark| mark.bytes().all(|byte| byte.is_ascii_hexdigit())), "{call:?}");
            assert_eq!(call.operation, "UpdateItem");
            continue;
        }
        assert_eq!(call.body["TableName"], "CredentialsTable");
        let is_query = call.operation == "Query";
        assert_eq!(call.body["IndexName"], if is_query { json!("by_status") } else { Value::Null });
        assert_ne!(call.operation, "Scan");
    }
    world.lists().await;
}

#[tokio::test]
async fn a_user_of_whom_nothing_is_stored_is_not_found_and_nothing_changes() {
    let world = World::signed_in().await;
    let before = world.credential(ANN);
    for action in ["get", "export", "disconnect", "erase", "sign_out"] {
        let told = tell(&world, &json!({"action": action, "user_id": "123456789"}).to_string()).await;
        assert_eq!(told.problem(), (404, "connection_not_found"), "{action}");
        assert!(told.answer["start_url"].is_null(), "nobody is asked to sign in");
    }
    assert_eq!(world.google_calls(), []);
    assert_eq!(world.credential(ANN), before);
}
