//! Receipts: a page gets one from `GET /connection`, and its back end trades it for the page's
//! user.

use std::collections::BTreeSet;
use std::time::Duration;

use futures_util::future::join_all;
use harness::Fault;
use harness::world::{ANN, BEN, Call, KEYRING, ORIGIN, READONLY, Told, World};
use serde_json::{Value, json};

/// The receipt for the page that sends `call` with the browser's cookies.
async fn receipt_for(world: &World, call: Call) -> Value {
    let answer = world.send(&world.with_cookies(call)).await;
    assert_eq!(answer.status, 200, "{answer:?}");
    let receipt = answer.json()["receipt"].clone();
    receipt.as_str().into_iter().for_each(|receipt| world.plant(receipt));
    receipt
}

/// A receipt for a page of the front end.
async fn receipt(world: &World) -> String {
    let call = Call::connection().header("origin", ORIGIN).header("sec-fetch-site", "cross-site");
    receipt_for(world, call).await.as_str().unwrap().to_owned()
}

/// What the back end is told about `receipt`.
async fn ask(world: &World, payload: Value) -> Told {
    world.invoke_direct("access-token", &payload).await
}

/// The back end trades a receipt for a token. Returns the user and the front end that it learns, or
/// the status and code of the error.
async fn trade(world: &World, receipt: &str) -> Result<(String, Value), (i64, String)> {
    let told = ask(world, json!({"receipt": receipt})).await;
    match told.problem() {
        (200, _) => {
            world.plant(told.text("access_token"));
            Ok((told.answer["user"]["id"].as_str().unwrap().to_owned(), told.answer["origin"].clone()))
        }
        (status, code) => Err((status, code.to_owned())),
    }
}

/// The one answer for every receipt that does not serve.
fn invalid() -> Result<(String, Value), (i64, String)> {
    Err((400, "invalid_receipt".to_owned()))
}

/// The name and value of the browser's flow cookies.
fn flows(world: &World) -> Vec<(String, String)> {
    let pairs = world.jar.pairs().filter(|pair| pair.starts_with("__Host-flow-"));
    pairs
        .filter_map(|pair| pair.split_once('=').map(|(name, value)| (name.to_owned(), value.to_owned())))
        .collect()
}

#[tokio::test]
async fn a_page_gets_a_receipt_and_its_back_end_learns_the_user_and_the_front_end() {
    let world = World::signed_in().await;
    let receipt = receipt(&world).await;
    world.forget_calls();
    assert_eq!(trade(&world, &receipt).await, Ok((world.sub(ANN), json!(ORIGIN))));
    assert_eq!(world.dynamodb_calls(), ["GetItem", "PutItem"]);
    assert_eq!(world.google_calls(), []);
}

#[tokio::test]
async fn a_receipt_costs_no_call_and_each_answer_has_another() {
    let mut world = World::signed_in().await;
    let mut receipts = BTreeSet::new();
    for read in [vec!["BatchGetSecretValue"], vec![]] {
        if !read.is_empty() {
            world.cold_start();
        }
        world.forget_calls();
        receipts.insert(receipt(&world).await);
        let secrets: Vec<String> = world.secrets.calls().into_iter().map(|call| call.operation).collect();
        assert_eq!(secrets, read);
        assert_eq!(world.dynamodb_calls(), ["BatchGetItem"]);
        assert_eq!(world.google_calls(), []);
    }
    assert_eq!(receipts.len(), 2);
}

#[tokio::test]
async fn a_receipt_names_the_listed_front_end_whose_page_asked_and_no_other() {
    let mut world = World::signed_in().await;
    let other = "https://other.example.net";
    world.configure(&[("ALLOWED_ORIGINS", &format!("{ORIGIN},{other}"))]);
    let page = |name: &str, value: &str| Call::connection().header(name, value);
    let program = || Call::connection().bearer(&world.session());
    let send = async |call: Call| {
        // A bearer token and a cookie do not go together.
        let is_program = call.headers.iter().any(|(name, _)| name == "authorization");
        let receipt = if is_program {
            world.send(&call).await.json()["receipt"].clone()
        } else {
            receipt_for(&world, call).await
        };
        trade(&world, receipt.as_str().unwrap()).await.unwrap().1
    };
    for (call, origin) in [
        (page("origin", ORIGIN), json!(ORIGIN)),
        (page("origin", other), json!(other)),
        // On a same-origin GET browsers send `Referer` alone.
        (page("referer", &format!("{ORIGIN}/mail?q=1")), json!(ORIGIN)),
        (page("referer", &format!("{ORIGIN}.evil.example/")), Value::Null),
        (page("referer", "https://app.example.com@evil.example/"), Value::Null),
        (page("referer", "nonsense"), Value::Null),
        (Call::connection(), Value::Null),
        (program(), Value::Null),
        (program().header("origin", other), json!(other)),
        // With a token any page may ask, and none that is not listed is named.
        (program().header("origin", "https://evil.example"), Value::Null),
        (program().header("origin", "null"), Value::Null),
    ] {
        assert_eq!(send(call.clone()).await, origin, "{call:?}");
    }
}

#[tokio::test]
async fn without_a_connection_or_while_it_ends_there_is_no_receipt() {
    let mut world = World::new().await;
    assert_eq!(world.connection().await["receipt"], Value::Null);
    world.sign_in(ANN).await;
    world.edit(ANN, |item| {
        item["status"] = json!({"S": "disconnecting"});
        item.as_object_mut().unwrap().remove("access_token");
    });
    let told = world.connection().await;
    assert_eq!((&told["status"], &told["receipt"]), (&json!("disconnecting"), &Value::Null));
    world.disconnect(ANN);
    assert_eq!(world.connection().await["receipt"], Value::Null);
}

#[tokio::test]
async fn a_user_whose_grant_google_refuses_is_still_who_they_are() {
    let world = World::expired().await;
    world.google.revoke_grant(ANN);
    assert_eq!(world.messages("").await.reason(), "revoked_or_expired");
    let receipt = receipt(&world).await;
    assert_eq!(ask(&world, json!({"receipt": receipt})).await.reason(), "revoked_or_expired");
    let told = ask(&world, json!({"receipt": receipt, "introspect": true})).await;
    let expected = json!({
        "user": {"id": world.sub(ANN), "email": ANN}, "scopes": ["email", READONLY, "openid"],
        "status": "reauthorize", "reason": "revoked_or_expired", "origin": ORIGIN,
    });
    assert_eq!(told.answer, expected);
}

#[tokio::test]
async fn a103_a_receipt_serves_for_a_minute_and_not_a_moment_longer() {
    let world = World::signed_in().await;
    let (early, late) = (receipt(&world).await, receipt(&world).await);
    world.advance(59);
    assert!(trade(&world, &early).await.is_ok());
    world.advance(1);
    world.forget_calls();
    assert_eq!(trade(&world, &late).await, invalid());
    world.assert_untouched();
}

#[tokio::test]
async fn a103_a_receipt_ends_when_its_user_signs_out_everywhere_or_disconnects() {
    for ends in [Call::sign_out(true), Call::disconnect()] {
        let mut world = World::signed_in().await;
        let receipt = receipt(&world).await;
        world.advance(1);
        assert_eq!(world.browse(ends.clone()).await.status, 204);
        assert_eq!(trade(&world, &receipt).await, invalid(), "{ends:?}");
        // Nor does it come back with a new connection.
        world.sign_in(ANN).await;
        assert_eq!(trade(&world, &receipt).await, invalid(), "{ends:?}");
    }
}

#[tokio::test]
async fn a103_a_receipt_is_no_session_and_no_user_at_either_door() {
    let world = World::signed_in().await;
    let receipt = receipt(&world).await;
    for call in [
        Call::list("").session(&receipt),
        Call::list("").partitioned_session(&receipt),
        Call::list("").bearer(&receipt),
    ] {
        assert_eq!(world.send(&call).await.problem(), (401, "unauthenticated"), "{call:?}");
    }
    let told = ask(&world, json!({"session_token": receipt})).await;
    assert_eq!(told.problem(), (401, "unauthenticated"));
    let told = ask(&world, json!({"user_id": receipt})).await;
    assert_eq!(told.reason(), "not_connected");
    assert!(trade(&world, &receipt).await.is_ok(), "nothing there used it up");
}

#[tokio::test]
async fn a104_a_receipt_works_once_in_every_process() {
    let mut world = World::signed_in().await;
    let receipt = receipt(&world).await;
    assert!(trade(&world, &receipt).await.is_ok());
    for _ in 0..2 {
        assert_eq!(trade(&world, &receipt).await, invalid());
        world.cold_start();
    }
}

#[tokio::test]
async fn a104_of_ten_trades_at_the_same_time_one_succeeds() {
    let world = World::signed_in().await;
    let receipt = receipt(&world).await;
    let outcomes = join_all((0..10).map(|_| trade(&world, &receipt))).await;
    assert_eq!(outcomes.iter().filter(|outcome| outcome.is_ok()).count(), 1, "{outcomes:?}");
    assert!(outcomes.iter().all(|outcome| outcome.is_ok() || *outcome == invalid()));
}

#[tokio::test]
async fn a105_no_other_sealed_text_passes_as_a_receipt() {
    let mut world = World::signed_in().await;
    world.start("").await;
    let (_, flow) = flows(&world).pop().unwrap();
    let item = world.credential(ANN);
    let sealed = |name: &str| item[name]["S"].as_str().unwrap().to_owned();
    let first_form = world.sign_in_with_a_token_of_the_first_form(ANN);
    let sealed_user = first_form.rsplit_once('.').unwrap().0.to_owned();
    let texts = [
        flow,
        sealed("refresh_token"),
        sealed("access_token"),
        sealed("access_token").replacen("v2", "v1", 1),
        world.session(),
        first_form,
        sealed_user,
    ];
    world.forget_calls();
    for text in texts {
        assert_eq!(trade(&world, &text).await, invalid(), "{text}");
    }
    world.assert_untouched();
}

#[tokio::test]
async fn a105_a_receipt_opens_as_nothing_else() {
    let mut world = World::signed_in().await;
    let receipt = receipt(&world).await;
    // As a flow.
    let query = world.consented(ANN).await;
    for (name, _) in flows(&world) {
        world.jar.set(&name, &receipt);
    }
    assert_eq!(world.callback(&query).await.problem(), (400, "state_mismatch"));
    // As the sealed user of a session of the first form.
    let session = format!("{receipt}.{}", "B".repeat(43));
    assert_eq!(world.send(&Call::list("").session(&session)).await.problem(), (401, "unauthenticated"));
    // As a stored token.
    let item = world.edit(ANN, |item| item["access_token"] = json!({"S": receipt}));
    assert_eq!(world.messages("").await.reason(), "seal_broken");
    world.put(item);
}

#[tokio::test]
async fn b79_a_malformed_receipt_is_refused_before_anything_is_read() {
    let world = World::signed_in().await;
    let receipt = receipt(&world).await;
    let (head, body) = receipt.rsplit_once('.').unwrap();
    let mut texts = vec![
        String::new(),
        " ".to_owned(),
        "v1".to_owned(),
        "v1.k1".to_owned(),
        "v1.k1.".to_owned(),
        "v1..AAAA".to_owned(),
        "v1.k1.AAAA".to_owned(),
        "v1.k1.é".to_owned(),
        "null".to_owned(),
        format!("{head}."),
        format!("{head}.{body}="),
        format!("{head}.{body}\n"),
        format!(" {receipt}"),
        format!("{receipt}.{}", "B".repeat(43)),
        receipt.replacen("v1", "v2", 1),
        receipt.replacen("k1", "K1", 1),
        receipt.replacen("k1", "primary", 1),
        receipt.to_uppercase(),
        "A".repeat(16_000),
        format!("{head}.{}", "A".repeat(16_000)),
    ];
    // Cut and changed at each place.
    for index in 0..receipt.len() {
        texts.push(receipt[..index].to_owned());
        let mut bytes = receipt.clone().into_bytes();
        bytes[index] = if bytes[index] == b'A' { b'B' } else { b'A' };
        texts.push(String::from_utf8(bytes).unwrap());
    }
    world.forget_calls();
    for text in texts {
        assert_eq!(trade(&world, &text).await, invalid(), "{text:?}");
    }
    world.assert_untouched();
    assert!(world.secrets_read().len() <= 1, "once a minute for all: {:?}", world.secrets_read());
    assert!(trade(&world, &receipt).await.is_ok());
}

#[tokio::test]
async fn a_receipt_of_a_key_that_was_added_a_moment_ago_is_known_and_one_of_a_key_that_is_gone_is_not() {
    let mut world = World::signed_in().await;
    let old = receipt(&world).await;
    world.rotate_keyring();
    let newer = world.environment(&[]);
    let call = world.with_cookies(Call::connection().header("origin", ORIGIN));
    let new = world.send_to(&newer, &call).await.json()["receipt"].as_str().unwrap().to_owned();
    assert!(new.starts_with("v1.k2."));
    // This process has the keyring without that key.
    world.advance(1);
    assert!(trade(&world, &new).await.is_ok());
    assert!(trade(&world, &old).await.is_ok());
    let last = receipt(&world).await;
    world.replace_keyring("k9");
    world.cold_start();
    assert_eq!(trade(&world, &last).await, invalid());
}

#[tokio::test]
async fn f102_a_spending_whose_answer_is_lost_is_recognised_and_is_no_second_use() {
    let world = World::signed_in().await;
    for fault in [Fault::AnswerLost, Fault::AnswerCut, Fault::CallLost, Fault::BROKEN, Fault::THROTTLED] {
        let receipt = receipt(&world).await;
        world.dynamodb.fail("PutItem", fault.clone(), 1);
        assert!(trade(&world, &receipt).await.is_ok(), "{fault:?}");
        assert_eq!(trade(&world, &receipt).await, invalid(), "{fault:?}");
    }
}

#[tokio::test]
async fn f102_while_dynamodb_is_down_nobody_is_named_and_the_page_gets_another_receipt() {
    let world = World::signed_in().await;
    for operation in ["GetItem", "PutItem"] {
        let receipt = receipt(&world).await;
        world.dynamodb.fail(operation, Fault::BROKEN, 100);
        assert_eq!(
            trade(&world, &receipt).await,
            Err((503, "storage_unavailable".to_owned())),
            "{operation}"
        );
        world.dynamodb.end_faults().await;
        // Nothing was carried out, so it still serves.
        assert!(trade(&world, &receipt).await.is_ok(), "{operation}");
    }
    // Carried out each time, and never answered.
    let receipt = receipt(&world).await;
    world.dynamodb.fail("PutItem", Fault::AnswerLost, 100);
    assert_eq!(trade(&world, &receipt).await, Err((503, "storage_unavailable".to_owned())));
    world.dynamodb.end_faults().await;
    assert_eq!(trade(&world, &receipt).await, invalid());
    let another = self::receipt(&world).await;
    assert!(trade(&world, &another).await.is_ok());
}

#[tokio::test]
async fn f102_without_the_keyring_a_connection_is_shown_without_a_receipt_and_none_is_called_invalid() {
    let mut world = World::signed_in().await;
    let receipt = receipt(&world).await;
    world.secrets.remove(KEYRING);
    world.cold_start();
    let shown = world.connection().await;
    assert_eq!((&shown["status"], &shown["receipt"]), (&json!("connected"), &Value::Null));
    assert_eq!(trade(&world, &receipt).await, Err((503, "config_error".to_owned())));
}

#[tokio::test]
async fn the_row_of_a_used_receipt_names_nobody_and_lasts_an_hour() {
    let world = World::signed_in().await;
    let issued_at = world.app.clock.now();
    trade(&world, &receipt(&world).await).await.unwrap();
    let row = world.used_receipts().pop().unwrap();
    let kept = Duration::from_mins(61).as_secs();
    assert_eq!(row["expires_at"]["N"], (issued_at.seconds() + i64::try_from(kept).unwrap()).to_string());
    let members: BTreeSet<&String> = row.as_object().unwrap().keys().collect();
    assert_eq!(members.into_iter().collect::<Vec<_>>(), ["expires_at", "id", "schema", "write_id"]);
}

#[tokio::test]
async fn bens_receipt_names_ben() {
    let (world, bens) = World::with_ben().await;
    let call = Call { cookies: bens.cookies, ..Call::connection() };
    let receipt = world.send(&call).await.json()["receipt"].as_str().unwrap().to_owned();
    assert_eq!(trade(&world, &receipt).await, Ok((world.sub(BEN), Value::Null)));
}
