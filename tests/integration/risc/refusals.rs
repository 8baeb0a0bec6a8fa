//! What is not acceptable is refused as RFC 8935 says, before anything is written.

use harness::world::{ANN, Answer, Call, ORIGIN, World};
use postern_rules::security_event::Kind;
use serde_json::{Value, json};

use super::deliver;

/// The status, the type and the error of RFC 8935.
#[track_caller]
fn refusal(answer: &Answer) -> (i64, &str, String) {
    let document = answer.json();
    assert!(document["description"].is_string(), "{answer:?}");
    let error = document["err"].as_str().unwrap_or_default().to_owned();
    (answer.status, answer.headers["content-type"].as_str(), error)
}

fn refused_as(error: &str) -> (i64, &'static str, String) {
    (400, "application/json", error.to_owned())
}

#[tokio::test]
async fn a74_a_forged_token_is_refused_and_nothing_is_written() {
    let world = World::signed_in().await;
    let claims = world.google.security_event(Kind::AccountDisabled, ANN);
    let good = world.google.sign(&claims);
    let parts: Vec<&str> = good.split('.').collect();
    let header = |header: Value| world.google.sign_with(&header, &claims);
    let id = "fakegoogle0000000000000000000000000000001";
    let with = |name: &str, value: &str| {
        let mut other = claims.clone();
        other[name] = json!(value);
        world.google.sign(&other)
    };
    let before = world.credential(ANN);
    for (token, error) in [
        (header(json!({"alg": "none", "kid": id})), "authentication_failed"),
        (header(json!({"alg": "HS256", "kid": id})), "authentication_failed"),
        (format!("{}.{}.", parts[0], parts[1]), "authentication_failed"),
        (format!("{}.{}.{}", parts[0], parts[1], "A".repeat(342)), "authentication_failed"),
        (format!("{}.e30.{}", parts[0], parts[2]), "authentication_failed"),
        (header(json!({"alg": "RS256", "kid": "another"})), "invalid_key"),
        (with("iss", "https://evil.example"), "invalid_issuer"),
        (with("aud", "another.apps.googleusercontent.com"), "invalid_audience"),
        (with("jti", ""), "invalid_request"),
    ] {
        let answer = world.send(&Call::security_event(&token)).await;
        assert_eq!(refusal(&answer), refused_as(error));
    }
    assert_eq!(world.dynamodb_calls(), Vec::<String>::new());
    assert_eq!(world.credential(ANN), before);
    assert!(world.security_events().is_empty());
    assert_eq!(world.metrics().counted(), Vec::<String>::new());
    // An ID token has Google's signature, issuer and audience, and tells of no event.
    let id_token = json!({"iss": "https://accounts.google.com", "aud": world.google.client_id(), "sub": "1",
        "iat": 1, "exp": 2, "jti": "x"});
    let answer = deliver(&world, &id_token).await;
    assert_eq!(refusal(&answer), refused_as("invalid_request"));
}

#[tokio::test]
async fn b65_what_is_no_token_is_refused() {
    let world = World::signed_in().await;
    let token = world.google.sign(&world.google.security_event(Kind::AccountDisabled, ANN));
    for body in ["", "token", "{}", "a.b.c", &format!("{token}{token}"), &format!("{token} {token}"), "é.é.é"]
    {
        let answer = world.send(&Call::security_event(body)).await;
        assert_eq!(refusal(&answer), refused_as("invalid_request"), "{body:.20}");
    }
    let mut broken = Call::security_event("%").event();
    broken["isBase64Encoded"] = json!(true);
    assert_eq!(refusal(&world.send_event(&broken.to_string()).await), refused_as("invalid_request"));
    assert_eq!(world.send(&Call::security_event(&token)).await.status, 202, "it was good");
}

#[tokio::test]
async fn b65_a_body_that_is_too_large_or_of_another_type_is_refused_as_anywhere() {
    let world = World::signed_in().await;
    let token = world.google.sign(&world.google.security_event(Kind::AccountDisabled, ANN));
    let call = Call::security_event(&token);
    for size in [16 * 1024 + 1, 1024 * 1024] {
        let answer = world.send(&call.clone().body(&"x".repeat(size))).await;
        assert_eq!(answer.problem(), (413, "payload_too_large"));
    }
    for content_type in
        ["", "application/json", "application/jwt", "text/plain", "application/secevent+jwt, a/b"]
    {
        let answer = world.send(&call.clone().header("content-type", content_type)).await;
        assert_eq!(answer.problem(), (415, "unsupported_media_type"), "{content_type}");
    }
    let encoded = world.send(&call.clone().header("content-encoding", "gzip")).await;
    assert_eq!(encoded.problem(), (415, "unsupported_media_type"));
    for method in ["GET", "PUT", "DELETE"] {
        let answer = world.send(&call.clone().method(method)).await;
        assert_eq!(answer.problem(), (405, "method_not_allowed"));
        assert_eq!(answer.headers["allow"], "POST");
    }
    assert!(world.security_events().is_empty());
}

#[tokio::test]
async fn who_brings_a_token_does_not_matter_and_a_session_is_no_proof() {
    let world = World::signed_in().await;
    for origin in [ORIGIN, "https://evil.example", "null"] {
        let token = world.google.sign(&world.google.security_event(Kind::AccountEnabled, ANN));
        let call = world.with_cookies(Call::security_event(&token)).header("origin", origin);
        assert_eq!(world.send(&call).await.status, 202, "{origin}");
        let forged = call.body("a.b.c").bearer(&world.session());
        assert_eq!(refusal(&world.send(&forged).await), refused_as("invalid_request"), "{origin}");
    }
}
