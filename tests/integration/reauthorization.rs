//! The 401: its reasons, and an authorization URL that works.

use harness::Fault;
use harness::google::{Decision, Endpoint};
use harness::stack::SESSIONS_TABLE;
use harness::world::{ANN, BEN, Call, GOOGLE_CLIENT, KEYRING, MODIFY, World, parameter};
use insta::assert_snapshot;
use serde_json::{Value, json};

use super::steady::steady;

#[tokio::test]
async fn without_a_session_the_answer_says_how_to_get_one_and_its_url_works() {
    let mut world = World::new().await;
    let answer = world.messages("").await;
    assert_eq!(answer.problem(), (401, "unauthenticated"));
    assert_eq!(answer.headers["content-type"], "application/problem+json");
    assert_eq!(answer.headers["www-authenticate"], "Bearer realm=\"gmail\"");
    let problem = answer.json();
    assert_eq!(problem["reason"], "not_signed_in");
    assert_eq!(problem["start_url"], "https://api.example.com/auth/start");
    assert_eq!(problem["type"], "urn:postern:problem:unauthenticated");
    assert_eq!(problem["instance"], "JKJaXmPLvHcESHA=");
    assert_snapshot!(steady(&answer.authorization_url()), @"
    [google]/o/oauth2/v2/auth?response_type=code
    &client_id=640512773041-p0sternfakeclient.apps.googleusercontent.com
    &state=[43 random]
    &code_challenge=[43 random]
    &code_challenge_method=S256
    &redirect_uri=https%3A%2F%2Fapi.example.com%2Foauth%2Fcallback
    &scope=email+https%3A%2F%2Fwww.googleapis.com%2Fauth%2Fgmail.readonly+openid
    &access_type=offline
    &nonce=[43 random]
    ");
    assert_eq!(world.dynamodb_calls(), Vec::<String>::new());
    let signed_in = world.authorize_again(&answer, ANN).await;
    assert_eq!((signed_in.status, signed_in.location()), (303, "https://app.example.com/"));
    world.lists().await;
}

#[tokio::test]
async fn after_a_revocation_the_url_is_bound_to_the_user_and_brings_the_list_back() {
    let mut world = World::signed_in().await;
    world.google.revoke_grant(ANN);
    world.advance(3600);
    let answer = world.messages("").await;
    assert_eq!(answer.reason(), "revoked_or_expired");
    assert_snapshot!(steady(&answer.authorization_url()), @"
    [google]/o/oauth2/v2/auth?response_type=code
    &client_id=640512773041-p0sternfakeclient.apps.googleusercontent.com
    &state=[43 random]
    &code_challenge=[43 random]
    &code_challenge_method=S256
    &redirect_uri=https%3A%2F%2Fapi.example.com%2Foauth%2Fcallback
    &scope=email+https%3A%2F%2Fwww.googleapis.com%2Fauth%2Fgmail.readonly+openid
    &access_type=offline
    &nonce=[43 random]
    &login_hint=ann%40example.com
    &prompt=consent
    ");
    world.authorize_again(&answer, ANN).await.session();
    world.lists().await;
}

#[tokio::test]
async fn a_revoked_grant_is_noticed_while_the_access_token_seems_good() {
    let world = World::signed_in().await;
    world.google.revoke_grant(ANN);
    world.forget_calls();
    assert_eq!(world.messages("").await.reason(), "revoked_or_expired");
    assert_eq!(world.google_calls(), [Endpoint::MessagesList, Endpoint::Token]);
}

#[tokio::test]
async fn a32_a33_whatever_is_no_session_is_one_answer() {
    let world = World::signed_in().await;
    let good = world.session();
    let mut flipped = good.clone().into_bytes();
    let last = flipped.len() - 1;
    flipped[last] = if flipped[last] == b'A' { b'B' } else { b'A' };
    let flipped = String::from_utf8(flipped).unwrap();
    world.forget_calls();
    let mut bodies = Vec::new();
    for token in ["x", "v1.k1.AAAA.BBBB", &good[..good.len() - 4], &flipped] {
        let answer = world.send(&Call::list("").session(token)).await;
        assert_eq!(answer.reason(), "session_expired", "{token:.20}");
        assert_eq!(answer.headers["www-authenticate"], "Bearer realm=\"gmail\", error=\"invalid_token\"");
        let mut body = answer.json();
        body["authorization_url"] = Value::Null;
        bodies.push(body);
    }
    // An expired session, and one that was deleted.
    world.advance(12 * 3600);
    let expired = world.messages("").await;
    let id = world.sessions()[0]["id"]["S"].as_str().unwrap().to_owned();
    world.dynamodb.delete(SESSIONS_TABLE, "id", &id);
    for answer in [expired, world.messages("").await] {
        assert_eq!(answer.status, 401);
        let mut body = answer.json();
        body["authorization_url"] = Value::Null;
        bodies.push(body);
    }
    assert!(bodies.windows(2).all(|pair| pair[0] == pair[1]));
    for query in ["access_token=x", &format!("session={good}")] {
        // A token in the URL is never read: this route has no such parameter.
        assert_eq!(world.send(&Call::list(query)).await.problem(), (400, "unsupported_parameter"));
    }
    assert_eq!(world.google_calls(), []);
}

#[tokio::test]
async fn a35_a_session_whose_row_is_gone_is_over_at_once() {
    let world = World::signed_in().await;
    let id = world.sessions()[0]["id"]["S"].as_str().unwrap().to_owned();
    world.dynamodb.delete(SESSIONS_TABLE, "id", &id);
    assert_eq!(world.messages("").await.reason(), "session_expired");
}

#[tokio::test]
async fn signing_out_everywhere_is_one_attribute() {
    let world = World::signed_in().await;
    world.edit(ANN, |item| {
        item["era"] = json!({"S": "another"});
    });
    assert_eq!(world.messages("").await.reason(), "session_expired");
}

#[tokio::test]
async fn a_user_whose_credential_is_gone_is_not_connected() {
    let world = World::signed_in().await;
    world.disconnect(ANN);
    assert_eq!(world.messages("").await.reason(), "not_connected");
}

#[tokio::test]
async fn a35_a_session_does_not_come_alive_again_when_its_user_connects_again() {
    let mut world = World::signed_in().await;
    let old = world.list();
    world.disconnect(ANN);
    world.google.revoke_grant(ANN);
    world.jar.clear();
    world.sign_in(ANN).await;
    world.lists().await;
    assert_eq!(world.send(&old).await.reason(), "session_expired", "in the same second");
}

#[tokio::test]
async fn sessions_of_an_earlier_version_serve_until_their_user_connects_again() {
    let mut world = World::signed_in().await;
    let without_era = |item: &mut Value| {
        item.as_object_mut().unwrap().remove("era").expect("there is one");
    };
    world.edit(ANN, without_era);
    let mut row = world.sessions().pop().unwrap();
    without_era(&mut row);
    world.dynamodb.put(SESSIONS_TABLE, row);
    let old = world.list();
    world.lists().await;
    // A second browser signs in to the same credential.
    world.jar.clear();
    world.sign_in(ANN).await;
    world.lists().await;
    assert_eq!(world.send(&old).await.status, 200);
    let item = world.edit(ANN, |item| item["sessions_valid_from"] = json!({"N": "1793500001"}));
    assert_eq!(world.send(&old).await.reason(), "session_expired", "the time decides");
    world.put(item);
    world.disconnect(ANN);
    world.google.revoke_grant(ANN);
    world.jar.clear();
    world.sign_in(ANN).await;
    world.lists().await;
    assert_eq!(world.send(&old).await.reason(), "session_expired");
}

#[tokio::test]
async fn scopes_that_were_added_since_ask_for_authorization_and_the_wider_grant_serves() {
    let mut world = World::signed_in().await;
    world.configure(&[("GMAIL_SCOPES", MODIFY)]);
    let answer = world.messages("").await;
    assert_eq!(answer.reason(), "scopes_changed");
    let url = answer.authorization_url();
    assert!(parameter(&url, "scope").unwrap().contains(MODIFY));
    world.authorize_again(&answer, ANN).await;
    world.lists().await;
    // Back to the narrower scope: the wider grant covers it, so the user is not asked.
    world.configure(&[]);
    world.lists().await;
}

#[tokio::test]
async fn another_oauth_client_asks_for_authorization_at_the_next_refresh() {
    let mut world = World::signed_in().await;
    world.change_client();
    world.advance(3600);
    world.cold_start();
    let before = world.kept(ANN);
    world.forget_calls();
    let answer = world.messages("").await;
    assert_eq!(answer.reason(), "client_changed");
    assert_eq!(world.google_calls(), []);
    assert_eq!(world.kept(ANN), before);
    world.authorize_again(&answer, ANN).await;
    world.lists().await;
}

#[tokio::test]
async fn a39_f63_a_token_moved_from_another_user_does_not_open() {
    let mut world = World::new().await;
    world.sign_in(BEN).await;
    world.jar.clear();
    world.sign_in(ANN).await;
    let mut item = world.credential(ANN);
    item["access_token"] = world.credential(BEN)["access_token"].clone();
    item["refresh_token"] = world.credential(BEN)["refresh_token"].clone();
    world.put(item.clone());
    world.forget_calls();
    assert_eq!(world.messages("").await.reason(), "seal_broken");
    assert_eq!(world.google_calls(), []);
    assert_eq!(world.credential(ANN), item, "kept as it is");
    assert!(world.logged("seal_integrity"), "and an alarm can be raised");
    world.advance(3600);
    let answer = world.messages("").await;
    assert_eq!(answer.reason(), "seal_broken", "the refresh token does not open either");
    assert_eq!(world.google_calls(), []);
    let url = answer.authorization_url();
    world.keep_cookies(&answer);
    let query = world.consent(&url, Decision::allow(ANN)).await;
    world.callback(&query).await;
    world.lists().await;
}

#[tokio::test]
async fn a40_f56_a_row_that_cannot_be_read_is_not_taken_for_none() {
    for (attribute, value) in [
        ("refresh_token", json!({"S": "1//abc"})),
        ("schema", json!({"N": "2"})),
        ("status", json!({"S": "odd"})),
    ] {
        let world = World::signed_in().await;
        let good = world.credential(ANN);
        let mut item = good.clone();
        item[attribute] = value;
        world.put(item.clone());
        assert_eq!(world.messages("").await.problem(), (503, "credential_unreadable"), "{attribute}");
        assert_eq!(world.credential(ANN), item);
        world.put(good);
    }
}

#[tokio::test]
async fn f60_without_secrets_there_is_no_url_and_the_answer_says_so() {
    let world = World::new().await;
    world.secrets.fail("BatchGetSecretValue", Fault::BROKEN, 12);
    assert_eq!(world.messages("").await.problem(), (503, "secrets_unavailable"));
    world.secrets.end_faults().await;
    assert_eq!(world.messages("").await.status, 401);
}

#[tokio::test]
async fn a76_an_unusable_secret_is_a_configuration_error_that_names_its_variable() {
    for (secret, value, variable) in [
        (GOOGLE_CLIENT, r#"{"installed":{"client_id":"a","client_secret":"b"}}"#, "GOOGLE_CLIENT_SECRET_ID"),
        (KEYRING, r#"{"primary":"k1","k1":"short"}"#, "SEALING_KEYS_SECRET_ID"),
    ] {
        let world = World::new().await;
        world.secrets.put(secret, value);
        let answer = world.send(&Call::get("/auth/start", "")).await;
        assert_eq!(answer.problem(), (503, "config_error"));
        assert_eq!(answer.json()["variable"], variable);
    }
}
