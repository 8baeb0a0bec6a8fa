//! `access-token`: the account's own back ends get the token of a user who is not there, or learn
//! whose receipt or session they were given. The submodule has what is refused.

mod refusals;

use std::time::Duration;

use futures_util::future::join;
use harness::Fault;
use harness::google::{Endpoint, Failure, Rotation, Times};
use harness::world::{ANN, BUDGET, MODIFY, ORIGIN, READONLY, START, Told, World, invoke_direct, until};
use postern::grant::receipt;
use postern_rules::user::UserId;
use serde_json::{Value, json};

/// What the function tells of this payload.
async fn ask(world: &World, payload: Value) -> Told {
    world.invoke_direct("access-token", &payload).await
}

/// What it tells of Ann's access.
async fn ask_for_ann(world: &World) -> Told {
    ask(world, json!({"user_id": world.sub(ANN)})).await
}

/// A receipt that a page of the front end got for Ann.
async fn receipt_of_ann(world: &World) -> String {
    let ann = UserId::parse(&world.sub(ANN)).unwrap();
    let credential = world.app.store.credential(&ann).await.unwrap().unwrap();
    let receipt = receipt::issue(&world.app, &credential, Some(ORIGIN)).await.unwrap();
    world.plant(receipt.expose());
    receipt.expose().to_owned()
}

/// The bearer token of the last call to Gmail.
fn token_of_gmail(world: &World) -> String {
    let calls = world.google.calls_to(Endpoint::MessagesList);
    calls.last().and_then(|call| call.bearer().map(str::to_owned)).expect("Gmail was called")
}

/// Asserts what the log line says. Returns it.
#[track_caller]
fn assert_logged(world: &World, told: &Told, level: &str, asked: &str) -> Value {
    let line = world.line_of(told);
    assert_eq!(
        (line["route"].as_str(), line["level"].as_str()),
        (Some("access-token"), Some(level)),
        "{line}"
    );
    assert_eq!(line["asked"], asked, "{line}");
    let pseudonym = line["user.id"].as_str().unwrap_or_default();
    assert!(pseudonym.len() == 16 && !world.sub(ANN).contains(pseudonym), "{line}");
    line
}

#[tokio::test]
async fn a_back_end_gets_the_stored_token_of_a_user_and_the_log_says_what_was_asked() {
    let world = World::signed_in().await;
    world.lists().await;
    let token = token_of_gmail(&world);
    world.forget_calls();
    world.metrics();
    let told = ask_for_ann(&world).await;
    let expected = json!({
        "access_token": token,
        "token_type": "Bearer",
        "expires_at": START.seconds() + 3599,
        "scopes": ["email", READONLY, "openid"],
        "user": {"id": world.sub(ANN), "email": ANN},
    });
    assert_eq!(told.answer, expected);
    assert_eq!(world.dynamodb_calls(), ["GetItem"]);
    assert_eq!(world.google_calls(), []);
    assert!(world.secrets_read().is_empty());
    assert_logged(&world, &told, "INFO", "token by user");
    assert_eq!(world.metrics().counted(), ["TokensHandedOut Asked=token by user 1"]);
}

#[tokio::test]
async fn a_session_and_a_receipt_stand_for_their_user() {
    let world = World::signed_in().await;
    let expected = ask_for_ann(&world).await.answer;
    world.forget_calls();
    world.metrics();

    let session = world.session();
    let told = ask(&world, json!({"session_token": session})).await;
    assert_eq!(told.answer, expected);
    assert_eq!(world.dynamodb_calls(), ["BatchGetItem"]);
    assert_logged(&world, &told, "INFO", "token by session");
    assert_eq!(world.metrics().counted(), ["TokensHandedOut Asked=token by session 1"]);

    let receipt = receipt_of_ann(&world).await;
    world.forget_calls();
    let told = ask(&world, json!({"receipt": receipt})).await;
    let mut expected = expected;
    expected["origin"] = json!(ORIGIN);
    assert_eq!(told.answer, expected);
    assert_eq!(world.dynamodb_calls(), ["GetItem", "PutItem"]);
    assert_logged(&world, &told, "INFO", "token by receipt");
    assert_eq!(world.metrics().counted(), ["TokensHandedOut Asked=token by receipt 1"]);
    assert_eq!(world.google_calls(), []);
}

#[tokio::test]
async fn a_receipt_of_a_caller_without_an_origin_says_so() {
    let world = World::signed_in().await;
    let ann = UserId::parse(&world.sub(ANN)).unwrap();
    let credential = world.app.store.credential(&ann).await.unwrap().unwrap();
    let receipt = receipt::issue(&world.app, &credential, None).await.unwrap();
    let told = ask(&world, json!({"receipt": receipt.expose(), "introspect": true})).await;
    assert_eq!(told.answer.get("origin"), Some(&json!(null)));
}

#[tokio::test]
async fn a104_a_receipt_gets_one_answer_whichever_was_asked_for() {
    for is_introspection in [false, true] {
        let world = World::signed_in().await;
        let receipt = receipt_of_ann(&world).await;
        let payload = json!({"receipt": receipt, "introspect": is_introspection});
        world.forget_calls();
        let told = ask(&world, payload.clone()).await;
        assert_eq!((told.problem().0, told.text("origin")), (200, ORIGIN));
        assert_eq!(world.dynamodb_calls(), ["GetItem", "PutItem"]);
        let asked = if is_introspection { "introspection by receipt" } else { "token by receipt" };
        assert_logged(&world, &told, "INFO", asked);
        world.metrics();
        for payload in [payload, json!({"receipt": receipt}), json!({"receipt": receipt, "introspect": true})]
        {
            let told = ask(&world, payload).await;
            assert_eq!(told.problem(), (400, "invalid_receipt"));
            assert_eq!(told.answer.get("start_url"), None);
        }
        assert!(world.metrics().counted().is_empty(), "no token was handed out");
    }
}

#[tokio::test]
async fn a104_a_used_receipt_of_a_lapsed_grant_gets_the_reason_and_names_nobody() {
    let world = World::expired().await;
    let receipt = receipt_of_ann(&world).await;
    assert_eq!(ask(&world, json!({"receipt": receipt, "introspect": true})).await.problem().0, 200);
    world.google.revoke_grant(ANN);
    let told = ask(&world, json!({"receipt": receipt})).await;
    assert_eq!(told.reason(), "revoked_or_expired");
    assert_eq!((told.answer.get("user"), told.answer.get("origin")), (None, None));
}

#[tokio::test]
async fn a_receipt_whose_trade_failed_is_not_used_up() {
    let world = World::expired().await;
    let receipt = receipt_of_ann(&world).await;
    world.google.fail(Endpoint::Token, Failure::Status(503), Times::UntilCleared);
    let told = ask(&world, json!({"receipt": receipt})).await;
    assert_eq!(told.problem(), (503, "upstream_unavailable"));
    world.google.clear_failures();
    world.advance(told.answer["retry_after"].as_u64().unwrap());
    let told = ask(&world, json!({"receipt": receipt})).await;
    assert_eq!(told.text("origin"), ORIGIN);
    told.text("access_token");
}

#[tokio::test]
async fn f100_an_expired_token_is_refreshed_and_stored_before_the_answer() {
    let world = World::expired().await;
    let told = ask_for_ann(&world).await;
    assert_eq!(told.answer["expires_at"], START.seconds() + 3600 + 3599);
    assert_eq!(world.dynamodb_calls(), ["GetItem", "UpdateItem", "UpdateItem"]);
    assert_eq!(world.google_calls(), [Endpoint::Token]);
    assert!(world.credential(ANN).get("lease_holder").is_none(), "the lease is given back");
    world.lists().await;
    assert_eq!(token_of_gmail(&world), told.text("access_token"));
    assert_eq!(world.refreshes(), 1);
}

#[tokio::test]
async fn an_ageing_token_is_handed_out_as_it_is() {
    let world = World::ageing().await;
    let told = ask_for_ann(&world).await;
    assert_eq!(told.answer["expires_at"], START.seconds() + 3599);
    assert_eq!(world.dynamodb_calls(), ["GetItem"]);
    assert_eq!(world.google_calls(), []);
}

#[tokio::test]
async fn a_token_lives_as_long_as_the_caller_says() {
    // The token of the sign-in ends after 3599 seconds.
    for (asked, age, is_refreshed) in [
        (json!(null), 3538, false),
        (json!(null), 3539, true),
        (json!(60), 3538, false),
        (json!(60), 3539, true),
        (json!(0), 3598, false),
        (json!(0), 3599, true),
        (json!(1800), 1798, false),
        (json!(1800), 1799, true),
    ] {
        let world = World::signed_in().await;
        world.advance(age);
        let told = ask(&world, json!({"user_id": world.sub(ANN), "min_ttl_seconds": asked})).await;
        let now = START.seconds() + i64::try_from(age).unwrap();
        let life = told.answer["expires_at"].as_i64().unwrap() - now;
        assert!(life > asked.as_i64().unwrap_or(60), "{asked} at {age}: {life}");
        assert_eq!(world.refreshes(), usize::from(is_refreshed), "{asked} at {age}");
    }
}

#[tokio::test]
async fn f38_a_token_that_google_issues_for_a_shorter_time_is_handed_out_and_serves_for_a_minute() {
    let world = World::expired().await;
    world.google.access_tokens_live_for(Duration::from_mins(5));
    let asked = json!({"user_id": world.sub(ANN), "min_ttl_seconds": 1800});
    let told = ask(&world, asked.clone()).await;
    assert_eq!(told.answer["expires_at"], START.seconds() + 3600 + 300);
    world.advance(59);
    assert_eq!(ask(&world, asked.clone()).await.answer, told.answer);
    assert_eq!(world.refreshes(), 1);
    world.advance(1);
    ask(&world, asked).await.text("access_token");
    assert_eq!(world.refreshes(), 2);
}

#[tokio::test]
async fn a_caller_names_the_scopes_that_it_needs() {
    let mut world = World::new().await;
    world.configure(&[("GMAIL_SCOPES", MODIFY)]);
    world.sign_in(ANN).await;
    let ann = world.sub(ANN);
    for covered in [json!([]), json!([MODIFY]), json!([READONLY, "openid"]), json!(null)] {
        let told = ask(&world, json!({"user_id": ann, "scopes": covered})).await;
        assert!(told.text("access_token").starts_with("ya29."), "{covered}");
    }
    let calendar = "https://www.googleapis.com/auth/calendar.readonly";
    world.advance(3600);
    world.forget_calls();
    world.metrics();
    let told = ask(&world, json!({"user_id": ann, "scopes": [READONLY, calendar]})).await;
    assert_eq!(told.problem(), (403, "insufficient_scope"));
    assert_eq!(told.answer["missing_scopes"], json!([calendar]));
    assert_eq!(told.text("start_url"), "https://api.example.com/auth/start");
    assert_eq!(world.dynamodb_calls(), ["GetItem"]);
    assert_eq!(world.google_calls(), []);
    assert_logged(&world, &told, "INFO", "token by user");
    assert_eq!(world.metrics().counted(), ["Unauthorized Reason=insufficient_scope 1"]);
}

#[tokio::test]
async fn f36_a_token_that_google_refused_to_a_back_end_is_replaced_once() {
    let world = World::signed_in().await;
    let refused = ask_for_ann(&world).await.text("access_token").to_owned();
    let asked = json!({"user_id": world.sub(ANN), "refused_token": refused});
    world.google.expire_all_access_tokens();
    world.advance(60);
    world.forget_calls();
    let others: Vec<_> = (0..3).map(|_| world.environment(&[])).collect();
    let payload = asked.to_string();
    let answers = others.iter().map(|app| invoke_direct(Ok(app), "access-token", &payload, BUDGET));
    let answers = futures_util::future::join_all(answers).await;
    let token = answers[0].text("access_token");
    assert!(token != refused && answers.iter().all(|told| told.text("access_token") == token));
    assert_eq!(world.refreshes(), 1);
    // It is not the stored one any more, so it asks for nothing.
    assert_eq!(ask(&world, asked.clone()).await.text("access_token"), token);
    assert_eq!(world.refreshes(), 1);
    // Nor is a new one replaced: that it was refused, too, has another cause.
    let asked = json!({"user_id": world.sub(ANN), "refused_token": token});
    world.google.revoke_grant(ANN);
    world.advance(59);
    assert_eq!(ask(&world, asked.clone()).await.text("access_token"), token);
    assert_eq!(world.refreshes(), 1);
    world.advance(1);
    assert_eq!(ask(&world, asked).await.reason(), "revoked_or_expired");
    assert_eq!(world.credential(ANN)["status"]["S"], "revoked");
}

#[tokio::test]
async fn f91_a_token_that_covers_less_than_its_grant_says_so() {
    let world = World::expired().await;
    let issued = json!({
        "access_token": "ya29.narrowed-0123456789", "token_type": "Bearer", "expires_in": 3599, "scope": "openid email",
    });
    world.plant("ya29.narrowed-0123456789");
    world.google.fail_refresh(Failure::json(&issued), 2);
    let told = ask_for_ann(&world).await;
    assert_eq!(told.answer["scopes"], json!(["email", "openid"]));
    let told = ask(&world, json!({"user_id": world.sub(ANN), "scopes": [READONLY]})).await;
    assert_eq!(told.problem(), (403, "insufficient_scope"), "it was not stored");
    assert_eq!(told.answer["missing_scopes"], json!([READONLY]));
}

#[tokio::test]
async fn a_token_whose_life_google_does_not_state_has_no_end_in_the_answer() {
    let world = World::expired().await;
    let issued = json!({"access_token": "ya29.lifeless-0123456789", "token_type": "Bearer"});
    world.plant("ya29.lifeless-0123456789");
    world.google.fail_refresh(Failure::json(&issued), 1);
    let told = ask_for_ann(&world).await;
    assert_eq!(told.text("access_token"), "ya29.lifeless-0123456789");
    assert_eq!(told.answer.get("expires_at"), Some(&json!(null)));
}

#[tokio::test]
async fn a_user_without_a_working_grant_is_a_problem_with_a_reason_and_the_address_of_the_sign_in() {
    let mut world = World::expired().await;
    world.google.fail_refresh(Failure::InvalidGrant, Times::UntilCleared);
    let told = ask_for_ann(&world).await;
    assert_eq!(told.problem(), (401, "reauthorization_required"));
    assert_eq!(told.reason(), "revoked_or_expired");
    assert_eq!(told.text("start_url"), "https://api.example.com/auth/start");
    assert_eq!(world.credential(ANN)["status"]["S"], "revoked");
    assert_logged(&world, &told, "INFO", "token by user");
    world.google.clear_all();

    let query = world.consented_again(ANN).await;
    world.callback(&query).await.session();
    world.sign_in(ANN).await;
    world.configure(&[("GMAIL_SCOPES", MODIFY)]);
    assert_eq!(ask_for_ann(&world).await.reason(), "scopes_changed");
    world.configure(&[]);
    world.disconnect(ANN);
    world.forget_calls();
    let told = ask_for_ann(&world).await;
    assert_eq!(told.reason(), "not_connected");
    assert_eq!(world.dynamodb_calls(), ["GetItem"]);
    assert_eq!(world.google_calls(), []);
    assert_logged(&world, &told, "INFO", "token by user");
    // The session is there, and nothing is connected to it.
    let told = ask(&world, json!({"session_token": world.session()})).await;
    assert_eq!(told.reason(), "not_connected");
}

#[tokio::test]
async fn f28_f89_while_google_is_down_the_answer_says_when_to_ask_again() {
    let world = World::expired().await;
    world.google.fail_refresh(Failure::Status(503), Times::UntilCleared);
    let told = ask_for_ann(&world).await;
    assert_eq!(told.problem(), (503, "upstream_unavailable"));
    assert_eq!(told.answer["retry_after"], 1);
    assert_eq!(told.answer.get("start_url"), None);
    assert_logged(&world, &told, "WARN", "token by user");
    world.forget_calls();
    let again = ask_for_ann(&world).await;
    assert_eq!(again.problem(), (503, "upstream_unavailable"));
    assert_eq!(world.google_calls(), [], "the failure is remembered for both doors");
    assert_eq!(world.messages("").await.problem(), (503, "upstream_unavailable"));
    assert_eq!(world.google_calls(), []);
}

#[tokio::test]
async fn f53_f55_while_dynamodb_is_down_the_line_still_says_whom_it_was_about() {
    let mut world = World::signed_in().await;
    world.cold_start();
    world.dynamodb.fail("GetItem", Fault::BROKEN, 100);
    let told = ask_for_ann(&world).await;
    assert_eq!(told.problem().0, 503);
    assert_eq!(told.answer["retry_after"], 5);
    assert_logged(&world, &told, "WARN", "token by user");
}

#[tokio::test]
async fn f100_a_token_that_cannot_be_stored_is_handed_out_all_the_same() {
    for fault in [Fault::BROKEN, Fault::CallLost, Fault::AnswerLost] {
        let world = World::expired().await;
        let failing = async {
            until(|| world.refreshes() > 0).await;
            world.dynamodb.fail("UpdateItem", fault.clone(), 100);
        };
        let (told, ()) = join(ask_for_ann(&world), failing).await;
        assert!(told.text("access_token").starts_with("ya29."), "{fault:?}: {told:?}");
        world.dynamodb.end_faults().await;
        // The lease runs out.
        world.advance(10);
        world.lists().await;
    }
}

#[tokio::test]
async fn f31_f100_a_rotated_refresh_token_is_stored_before_its_access_token_is_handed_out() {
    let world = World::expired().await;
    world.google.rotate_refresh_tokens(Rotation::OldDies);
    let before = world.kept(ANN);
    let failing = async {
        until(|| world.refreshes() > 0).await;
        world.dynamodb.fail("UpdateItem", Fault::BROKEN, 4);
    };
    let (told, ()) = join(ask_for_ann(&world), failing).await;
    told.text("access_token");
    assert_ne!(world.kept(ANN), before);
    world.dynamodb.end_faults().await;
    world.advance(3600);
    world.lists().await;
}

#[tokio::test]
async fn introspection_says_whose_session_it_is_and_how_the_connection_stands_without_google() {
    let world = World::expired().await;
    let introspected =
        async || ask(&world, json!({"session_token": world.session(), "introspect": true})).await;
    let told = introspected().await;
    let expected = json!({
        "user": {"id": world.sub(ANN), "email": ANN},
        "scopes": ["email", READONLY, "openid"],
        "status": "connected",
        "reason": null,
    });
    assert_eq!(told.answer, expected);
    assert_eq!(world.dynamodb_calls(), ["BatchGetItem"]);
    assert_eq!(world.google_calls(), []);
    assert_logged(&world, &told, "INFO", "introspection by session");
    assert!(world.metrics().counted().is_empty(), "no token was handed out");

    world.google.fail_refresh(Failure::InvalidGrant, Times::UntilCleared);
    world.messages("").await;
    world.forget_calls();
    let told = introspected().await;
    assert_eq!((told.text("status"), told.text("reason")), ("reauthorize", "revoked_or_expired"));
    assert_eq!(world.google_calls(), []);
    world.google.clear_all();
    let leaving = world.edit(ANN, |item| {
        item["status"]["S"] = json!("disconnecting");
        for gone in ["access_token", "access_token_expires_at", "access_token_obtained_at"] {
            item.as_object_mut().unwrap().remove(gone);
        }
    });
    assert_eq!(leaving["status"]["S"], "revoked");
    let told = introspected().await;
    assert_eq!((told.text("status"), &told.answer["reason"]), ("disconnecting", &json!(null)));
}

#[tokio::test]
async fn a_cold_start_reads_both_secrets_in_one_call_beside_the_credential() {
    let mut world = World::signed_in().await;
    world.cold_start();
    world.forget_calls();
    ask_for_ann(&world).await.text("access_token");
    let operations: Vec<String> = world.secrets.calls().into_iter().map(|call| call.operation).collect();
    assert_eq!(operations, ["BatchGetSecretValue"]);
    assert_eq!(world.dynamodb_calls(), ["GetItem"]);
}

#[tokio::test]
async fn a_call_without_time_says_so() {
    let world = World::expired().await;
    let payload = json!({"user_id": world.sub(ANN)}).to_string();
    world.google.fail_refresh(Failure::Slow(Duration::from_secs(5)), 1);
    let told = invoke_direct(Ok(&world.app), "access-token", &payload, Duration::from_millis(400)).await;
    assert_eq!(told.problem().0, 503, "{told:?}");
    assert!(told.answer["retry_after"].is_u64());
    assert_logged(&world, &told, "WARN", "token by user");
}
