//! From the callback's code to a stored credential, with errors of Google, DynamoDB and ID tokens.

use std::time::Duration;

use harness::Fault;
use harness::google::{Decision, Endpoint, Failure, Times};
use harness::stack::CREDENTIALS_TABLE;
use harness::world::{ANN, BEN, GOOGLE_CLIENT, START, World, forces_consent};
use serde_json::{Value, json};

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
        world.claim(claim, value);
        assert_eq!(world.attempt(ANN).await.auth_error(), code);
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
        let client_id = world.google.client_id();
        let claims = json!({"aud": audiences, "azp": parties})
            .to_string()
            .replace("\"client\"", &format!("\"{client_id}\""));
        world.google.override_claims(serde_json::from_str(&claims).unwrap());
        let answer = world.attempt(ANN).await;
        if is_ours {
            answer.session();
        } else {
            assert_eq!(answer.auth_error(), "identity_invalid", "{claims}");
            assert_eq!(world.credential(ANN), Value::Null);
        }
    }
}

#[tokio::test]
async fn f73_an_id_token_may_be_issued_five_minutes_from_now_and_is_new_for_ten_and_five() {
    for issued_at in [START.seconds() + 300, START.seconds() - 900] {
        let mut world = World::new().await;
        world.claim("iat", json!(issued_at));
        world.sign_in(ANN).await;
    }
}

#[tokio::test]
async fn without_an_id_token_userinfo_says_who_the_user_is() {
    let mut world = World::new().await;
    world.google.omit_id_token(1);
    world.sign_in(ANN).await;
    assert_eq!(world.google_calls(), [Endpoint::Token, Endpoint::UserInfo]);
    assert_eq!(world.credential(ANN)["email"]["S"], ANN);
}

#[tokio::test]
async fn f15_without_any_identity_nothing_is_stored() {
    let odd_sub = |sub: Value| Failure::json(&json!({"sub": sub, "email": ANN}));
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
        world.google.omit_id_token(1);
        world.google.fail(Endpoint::UserInfo, failure, Times::UntilCleared);
        assert_eq!(world.attempt(ANN).await.auth_error(), code);
        assert!(world.sessions().is_empty());
        assert!(world.dynamodb.scan(CREDENTIALS_TABLE).is_empty());
    }
}

#[tokio::test]
async fn f14_a_userinfo_that_is_down_costs_the_address_where_an_id_token_names_the_user() {
    let mut world = World::new().await;
    world.claim("email", Value::Null);
    world.google.fail(Endpoint::UserInfo, Failure::Status(503), Times::UntilCleared);
    world.sign_in(ANN).await;
    assert_eq!(world.credential(ANN).get("email"), None);
    world.jar.clear();
    world.google.omit_id_token(Times::UntilCleared);
    assert_eq!(world.attempt(BEN).await.auth_error(), "upstream_unavailable");
    assert_eq!(world.credential(BEN), Value::Null);
}

#[tokio::test]
async fn a54_userinfo_that_names_another_user_is_not_believed() {
    let mut world = World::new().await;
    let claims = [("sub".to_owned(), json!("999")), ("email".to_owned(), Value::Null)];
    world.google.override_claims(serde_json::Map::from_iter(claims));
    assert_eq!(world.attempt(ANN).await.auth_error(), "identity_mismatch");
    assert!(world.sessions().is_empty());
    assert!(world.dynamodb.scan(CREDENTIALS_TABLE).is_empty());
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
        let mut world = World::signed_in().await;
        let before = world.kept(ANN);
        world.forget_calls();
        world.google.fail_exchange(failure.clone(), 1);
        assert_eq!(world.attempt(ANN).await.auth_error(), code, "{failure:?}");
        assert_eq!(world.kept(ANN), before);
        assert_eq!(world.google.calls_to(Endpoint::Token).len(), 1, "no retry after {failure:?}");
    }
}

#[tokio::test]
async fn f05_a_refused_client_is_the_operators_fault_and_a_newer_secret_serves() {
    let mut world = World::signed_in().await;
    let before = world.kept(ANN);
    world.forget_calls();
    world.google.fail_exchange(Failure::InvalidClient, Times::UntilCleared);
    assert_eq!(world.attempt(ANN).await.auth_error(), "config_error");
    assert_eq!(world.kept(ANN), before);
    assert!(world.secrets_read().contains(&GOOGLE_CLIENT.to_owned()), "the secret is read again");
    world.google.clear_failures();
    // The secret was rotated at Google and in Secrets Manager; this process remembers the old one.
    world.replace_client_secret("GOCSPX-the-newer-planted-secret");
    world.advance(60);
    world.store_client();
    world.sign_in(ANN).await;
}

#[tokio::test]
async fn f02_a_code_whose_answer_never_came_is_not_sent_again_and_the_next_attempt_asks_for_consent() {
    let mut world = World::new().await;
    let url = world.start_json().await;
    let post = world.post_of(&url, Decision::allow(ANN)).await;
    world.forget_calls();
    let forever = Failure::Slow(Duration::from_secs(30));
    world.google.fail_exchange(forever, Times::UntilCleared);
    let answer = world.browse(post).await;
    assert_eq!(answer.problem(), (504, "upstream_timeout"));
    assert_eq!(world.exchanges(), 1);
    assert!(forces_consent(&answer.authorization_url()));
    assert_eq!(answer.json()["start_url"], "https://api.example.com/auth/start");
}

#[tokio::test]
async fn f16_while_the_store_is_down_nothing_is_spent_and_a_reload_succeeds() {
    let mut world = World::new().await;
    let query = world.consented(ANN).await;
    world.dynamodb.fail("PutItem", Fault::BROKEN, 3);
    let answer = world.callback(&query).await;
    assert_eq!(answer.problem(), (503, "storage_unavailable"));
    assert!(answer.headers.contains_key("retry-after") && answer.location().is_empty());
    assert_eq!(world.exchanges(), 0);
    world.callback(&query).await.session();
}

#[tokio::test]
async fn f17_f58_a_write_whose_answer_was_lost_is_known_as_ones_own() {
    let mut world = World::new().await;
    let query = world.consented(ANN).await;
    world.dynamodb.fail("PutItem", Fault::AnswerLost, 1);
    world.dynamodb.fail("UpdateItem", Fault::AnswerLost, 1);
    world.callback(&query).await.session();
    assert_eq!(world.exchanges(), 1);
    assert_eq!(world.credential(ANN)["version"]["N"], "1");
}

#[tokio::test]
async fn f18_a_credential_that_cannot_be_written_at_once_is_written_later() {
    let mut world = World::new().await;
    let query = world.consented(ANN).await;
    world.dynamodb.fail("UpdateItem", Fault::BROKEN, 4);
    world.callback(&query).await.session();
    // And while it cannot be written at all, the new grant is not revoked and the old one is kept.
    let before = world.kept(ANN);
    let query = world.consented_again(ANN).await;
    world.dynamodb.fail("UpdateItem", Fault::BROKEN, 1000);
    let call = world.callback_of(&query);
    let answer = world.send_within(Duration::from_millis(1500), &call).await;
    assert!(!answer.begins_session(), "{answer:?}");
    assert_eq!(world.kept(ANN), before);
    assert!(world.google.calls_to(Endpoint::Revoke).is_empty());
    world.dynamodb.end_faults().await;
}

#[tokio::test]
async fn f23_two_flows_of_one_user_finish_together_and_both_sign_in() {
    let mut world = World::new().await;
    let mut calls = Vec::new();
    for _ in 0..2 {
        world.jar.clear();
        let query = world.consented_again(ANN).await;
        calls.push(world.callback_of(&query));
    }
    let answers = futures_util::future::join_all(calls.iter().map(|call| world.send(call))).await;
    for answer in &answers {
        answer.session();
    }
    world.keep_cookies(&answers[0]);
    world.google.expire_all_access_tokens();
    world.advance(3600);
    world.lists().await;
}

#[tokio::test]
async fn codes_and_tokens_of_the_greatest_length_that_google_documents_are_taken() {
    let mut world = World::new().await;
    world.google.issue_longest_values(true);
    world.sign_in(ANN).await;
    world.lists().await;
    world.advance(3600);
    world.lists().await;
    assert_eq!(world.refreshes(), 1);
}
