//! The code's way from the callback to a stored credential, and what Google, DynamoDB or an ID token does wrong on it.

use harness::Fault;
use harness::google::{Decision, Endpoint, Failure, Times};
use harness::world::{ANN, BEN, Call, START, World, parameter};
use serde_json::{Value, json};

use super::callback::{error_of, refused};

#[tokio::test]
async fn a11_a55_an_id_token_that_is_not_ours_stores_nothing() {
    for (claim, value, code) in [
        ("nonce", json!("other"), "nonce_mismatch"),
        ("aud", json!("other"), "identity_invalid"),
        ("azp", json!("other"), "identity_invalid"),
        ("iss", json!("https://evil.example"), "identity_invalid"),
        ("exp", json!(1), "identity_invalid"),
        ("iat", Value::Null, "identity_invalid"),
        ("iat", json!("now"), "identity_invalid"),
        ("iat", json!(START.seconds() + 301), "identity_invalid"),
        ("iat", json!(START.seconds() - 901), "identity_invalid"),
    ] {
        let mut world = World::new().await;
        world.stack.google.override_claims(serde_json::Map::from_iter([(claim.to_owned(), value)]));
        let url = world.start("").await;
        let query = world.consent(&url, Decision::allow(ANN)).await;
        assert_eq!(error_of(&world.callback(&query).await), code);
        assert_eq!(world.credential(ANN), Value::Null);
    }
}

#[tokio::test]
async fn a55_an_id_token_for_more_audiences_than_this_client_is_not_ours() {
    for (audiences, parties, is_ours) in [
        (json!(["client"]), Value::Null, true),
        (json!(["client"]), json!("client"), true),
        (json!("client"), Value::Null, true),
        (json!(["client", "other"]), Value::Null, false),
        (json!(["client", "other"]), json!("client"), false),
        (json!(["other", "client"]), json!("other"), false),
        (json!([]), json!("client"), false),
    ] {
        let mut world = World::new().await;
        let client_id = world.stack.google.client_id();
        let claims = json!({"aud": audiences, "azp": parties})
            .to_string()
            .replace("\"client\"", &format!("\"{client_id}\""));
        world.stack.google.override_claims(serde_json::from_str(&claims).unwrap());
        let url = world.start("").await;
        let query = world.consent(&url, Decision::allow(ANN)).await;
        let answer = world.callback(&query).await;
        if is_ours {
            assert!(answer.set_cookie("__Host-session").is_some(), "{claims}: {answer:?}");
        } else {
            assert_eq!(error_of(&answer), "identity_invalid", "{claims}");
            assert_eq!(world.credential(ANN), Value::Null);
        }
    }
}

#[tokio::test]
async fn f73_an_id_token_may_be_issued_five_minutes_from_now_and_is_new_for_ten_and_five() {
    for issued_at in [START.seconds() + 300, START.seconds() - 900] {
        let mut world = World::new().await;
        world
            .stack
            .google
            .override_claims(serde_json::Map::from_iter([("iat".to_owned(), json!(issued_at))]));
        world.sign_in(ANN).await;
    }
}

#[tokio::test]
async fn without_an_id_token_userinfo_says_who_the_user_is() {
    let mut world = World::new().await;
    world.stack.google.omit_id_token(Times::Next(1));
    world.sign_in(ANN).await;
    assert_eq!(world.google_calls(), [Endpoint::Token, Endpoint::UserInfo]);
    assert_eq!(world.credential(ANN)["email"]["S"], ANN);
}

#[tokio::test]
async fn f15_without_any_identity_nothing_is_stored() {
    let odd_sub = |sub: serde_json::Value| {
        let body = json!({"sub": sub, "email": ANN}).to_string();
        Failure::Answer {
            status: 200,
            headers: vec![("content-type".to_owned(), "application/json".to_owned())],
            body,
        }
    };
    for (failure, code) in [
        (Failure::Status(401), "identity_unavailable"),
        (Failure::Status(403), "identity_unavailable"),
        (Failure::NotJson, "upstream_malformed"),
        (odd_sub(json!(1)), "upstream_malformed"),
        (odd_sub(json!("")), "upstream_malformed"),
        (odd_sub(json!("1".repeat(256))), "upstream_malformed"),
        (odd_sub(json!("\u{e9}")), "upstream_malformed"),
    ] {
        let mut world = World::new().await;
        world.stack.google.omit_id_token(Times::Next(1));
        world.stack.google.fail(Endpoint::UserInfo, failure, Times::UntilCleared);
        let url = world.start("").await;
        let query = world.consent(&url, Decision::allow(ANN)).await;
        assert_eq!(error_of(&world.callback(&query).await), code);
        assert!(world.sessions().is_empty());
        assert!(world.stack.dynamodb.scan(harness::stack::CREDENTIALS_TABLE).is_empty());
    }
}

#[tokio::test]
async fn f14_a_userinfo_that_is_down_costs_the_address_where_an_id_token_names_the_user() {
    let mut world = World::new().await;
    world.stack.google.override_claims(serde_json::Map::from_iter([("email".to_owned(), Value::Null)]));
    world.stack.google.fail(Endpoint::UserInfo, Failure::Status(503), Times::UntilCleared);
    world.sign_in(ANN).await;
    assert_eq!(world.credential(ANN).get("email"), None);
    world.jar.clear();
    world.stack.google.omit_id_token(Times::UntilCleared);
    let url = world.start("").await;
    let query = world.consent(&url, Decision::allow(BEN)).await;
    assert_eq!(error_of(&world.callback(&query).await), "upstream_unavailable");
    assert_eq!(world.credential(BEN), Value::Null);
}

#[tokio::test]
async fn a54_userinfo_that_names_another_user_is_not_believed() {
    let mut world = World::new().await;
    let claims = [("sub".to_owned(), json!("999")), ("email".to_owned(), Value::Null)];
    world.stack.google.override_claims(serde_json::Map::from_iter(claims));
    let url = world.start("").await;
    let query = world.consent(&url, Decision::allow(ANN)).await;
    assert_eq!(error_of(&world.callback(&query).await), "identity_mismatch");
    assert!(world.sessions().is_empty());
    assert!(world.stack.dynamodb.scan(harness::stack::CREDENTIALS_TABLE).is_empty());
}

#[tokio::test]
async fn f02_f04_f07_a53_what_the_token_endpoint_does_wrong_touches_nothing() {
    for (failure, code) in [
        (Failure::InvalidGrant, "code_rejected"),
        (Failure::Status(500), "upstream_unavailable"),
        (Failure::NotJson, "upstream_malformed"),
        (Failure::ErrorWithinSuccess, "upstream_malformed"),
        (Failure::TruncatedJson, "upstream_malformed"),
        (Failure::Redirect("https://evil.example/".to_owned()), "upstream_malformed"),
        (Failure::ResetAfterReading, "upstream_timeout"),
        (Failure::AdminPolicyEnforced, "blocked_by_admin"),
    ] {
        let mut world = World::new().await;
        world.sign_in(ANN).await;
        let before = world.kept(ANN);
        world.forget_calls();
        world.stack.google.fail_exchange(failure.clone(), Times::Next(1));
        let url = world.start("").await;
        let query = world.consent(&url, Decision::allow(ANN)).await;
        assert_eq!(error_of(&world.callback(&query).await), code, "{failure:?}");
        assert_eq!(world.kept(ANN), before);
        assert_eq!(world.stack.google.calls_to(Endpoint::Token).len(), 1, "no retry after {failure:?}");
    }
}

#[tokio::test]
async fn f05_a_refused_client_is_the_operators_fault_and_a_newer_secret_serves() {
    let mut world = World::new().await;
    world.sign_in(ANN).await;
    let before = world.kept(ANN);
    world.forget_calls();
    world.stack.google.fail_exchange(Failure::InvalidClient, Times::UntilCleared);
    let url = world.start("").await;
    let query = world.consent(&url, Decision::allow(ANN)).await;
    assert_eq!(error_of(&world.callback(&query).await), "config_error");
    assert_eq!(world.kept(ANN), before);
    assert!(
        world.secrets_read().contains(&harness::world::GOOGLE_CLIENT.to_owned()),
        "the secret is read anew"
    );
    world.stack.google.clear_failures();
    // The secret was rotated at Google and in Secrets Manager; this process remembers the old one.
    let old = world.stack.google.client_secret();
    let client_id = world.stack.google.client_id();
    world.stack.google.accept_secret(client_id, "GOCSPX-the-newer-planted-secret");
    world.stack.google.refuse_secret(client_id, &old);
    let redirect_uri = "https://api.example.com/oauth/callback";
    world.advance(60);
    world
        .stack
        .secrets
        .put(harness::world::GOOGLE_CLIENT, &world.stack.google.client_secrets(&[redirect_uri]));
    world.sign_in(ANN).await;
}

#[tokio::test]
async fn f02_a_code_whose_answer_never_came_is_not_sent_again_and_the_next_attempt_asks_for_consent() {
    let mut world = World::new().await;
    let started = world.browse(Call::get("/auth/start", "").header("accept", "application/json")).await;
    let url = started.json()["authorization_url"].as_str().unwrap().to_owned();
    let query = world.consent(&url, Decision::allow(ANN)).await;
    let redirect = format!("https://x/?{query}");
    let body = json!({"code": parameter(&redirect, "code"), "state": parameter(&redirect, "state")});
    world.forget_calls();
    let forever = Failure::Slow(std::time::Duration::from_secs(30));
    world.stack.google.fail_exchange(forever, Times::UntilCleared);
    let answer = world.browse(Call::post("/oauth/callback", &body)).await;
    assert_eq!(refused(&answer), (504, "upstream_timeout".to_owned()));
    assert_eq!(world.exchanges(), 1);
    let url = answer.json()["authorization_url"].as_str().unwrap().to_owned();
    assert_eq!(parameter(&url, "prompt").as_deref(), Some("consent"));
    assert_eq!(answer.json()["start_url"], "https://api.example.com/auth/start");
}

#[tokio::test]
async fn f16_while_the_store_is_down_nothing_is_spent_and_a_reload_succeeds() {
    let mut world = World::new().await;
    let url = world.start("").await;
    let query = world.consent(&url, Decision::allow(ANN)).await;
    world.stack.dynamodb.fail("PutItem", Fault::BROKEN, 3);
    let answer = world.callback(&query).await;
    assert_eq!((answer.status, answer.code().as_str()), (503, "storage_unavailable"));
    assert!(answer.headers.contains_key("retry-after") && answer.location().is_empty());
    assert_eq!(world.exchanges(), 0);
    let answer = world.callback(&query).await;
    assert!(answer.set_cookie("__Host-session").is_some(), "{answer:?}");
}

#[tokio::test]
async fn f17_f58_a_write_whose_answer_was_lost_is_known_as_ones_own() {
    let mut world = World::new().await;
    let url = world.start("").await;
    let query = world.consent(&url, Decision::allow(ANN)).await;
    world.stack.dynamodb.fail("PutItem", Fault::AnswerLost, 1);
    world.stack.dynamodb.fail("UpdateItem", Fault::AnswerLost, 1);
    let answer = world.callback(&query).await;
    assert!(answer.set_cookie("__Host-session").is_some(), "{answer:?}");
    assert_eq!(world.exchanges(), 1);
    assert_eq!(world.credential(ANN)["version"]["N"], "1");
}

#[tokio::test]
async fn f18_a_credential_that_cannot_be_written_at_once_is_written_later() {
    let mut world = World::new().await;
    let url = world.start("").await;
    let query = world.consent(&url, Decision::allow(ANN)).await;
    world.stack.dynamodb.fail("UpdateItem", Fault::BROKEN, 4);
    let answer = world.callback(&query).await;
    assert!(answer.set_cookie("__Host-session").is_some(), "{answer:?}");
    // And while it cannot be written at all, the new grant is left alone and the old one kept.
    let before = world.kept(ANN);
    let url = world.start("").await.replace("access_type=offline", "access_type=offline&prompt=consent");
    let query = world.consent(&url, Decision::allow(ANN)).await;
    world.stack.dynamodb.fail("UpdateItem", Fault::BROKEN, 1000);
    let event = world.with_cookies(Call::get("/oauth/callback", &query)).event().to_string();
    let budget = std::time::Duration::from_millis(1500);
    let answer = harness::world::invoke(Ok(&world.app), &event, budget).await;
    assert!(answer.set_cookie("__Host-session").is_none());
    assert_eq!(world.kept(ANN), before);
    assert!(world.stack.google.calls_to(Endpoint::Revoke).is_empty());
    world.stack.dynamodb.clear_faults();
}

#[tokio::test]
async fn f23_two_flows_of_one_user_finish_together_and_both_sign_in() {
    let mut world = World::new().await;
    let mut calls = Vec::new();
    for _ in 0..2 {
        world.jar.clear();
        let url = world.start("").await.replace("access_type=offline", "access_type=offline&prompt=consent");
        let query = world.consent(&url, Decision::allow(ANN)).await;
        calls.push(world.with_cookies(Call::get("/oauth/callback", &query)));
    }
    let answers = futures_util::future::join_all(calls.iter().map(|call| world.send(call))).await;
    for answer in &answers {
        assert!(answer.set_cookie("__Host-session").is_some(), "{answer:?}");
    }
    world.keep_cookies(&answers[0]);
    world.stack.google.expire_all_access_tokens();
    world.advance(3600);
    assert_eq!(world.messages("").await.status, 200);
}

#[tokio::test]
async fn codes_and_tokens_of_the_greatest_length_that_google_documents_are_taken() {
    let mut world = World::new().await;
    world.stack.google.issue_longest_values(true);
    world.sign_in(ANN).await;
    assert_eq!(world.messages("").await.status, 200);
    world.advance(3600);
    assert_eq!(world.messages("").await.status, 200);
    assert_eq!(world.refreshes(), 1);
}
