//! Google's keys: read when they are needed, and not whenever somebody names another one.

use harness::google::{Endpoint, Failure};
use harness::world::{ANN, Call, World};
use postern_rules::security_event::Kind;
use serde_json::json;

/// How often the keys were read.
fn reads(world: &World) -> usize {
    world.google.calls_to(Endpoint::Certificates).len()
}

/// A token that names a key which Google does not have.
fn forged(world: &World) -> Call {
    let claims = world.google.security_event(Kind::AccountEnabled, ANN);
    Call::security_event(&world.google.sign_with(&json!({"alg": "RS256", "kid": "forged"}), &claims))
}

fn genuine(world: &World) -> Call {
    Call::security_event(&world.google.sign(&world.google.security_event(Kind::AccountEnabled, ANN)))
}

#[tokio::test]
async fn a74_an_unknown_key_makes_the_keys_be_read_at_most_once_in_five_minutes() {
    let world = World::signed_in().await;
    assert_eq!(world.send(&genuine(&world)).await.status, 202);
    for _ in 0..10 {
        assert_eq!(world.send(&forged(&world)).await.status, 400);
        world.advance(29);
    }
    assert_eq!(reads(&world), 1);
    world.advance(10);
    for _ in 0..10 {
        assert_eq!(world.send(&forged(&world)).await.status, 400);
    }
    assert_eq!(reads(&world), 2);
    assert_eq!(world.send(&genuine(&world)).await.status, 202);
    assert_eq!(reads(&world), 2);
}

#[tokio::test]
async fn a_new_key_of_googles_is_found_and_an_old_one_forgotten() {
    let world = World::signed_in().await;
    let old = genuine(&world);
    assert_eq!(world.send(&genuine(&world)).await.status, 202);
    world.advance(300);
    world.google.rotate_signing_key("another");
    assert_eq!(world.send(&genuine(&world)).await.status, 202);
    assert_eq!(world.send(&old).await.status, 400);
}

#[tokio::test]
async fn a74_keys_that_have_expired_are_read_again_and_not_used_meanwhile() {
    let world = World::signed_in().await;
    assert_eq!(world.send(&genuine(&world)).await.status, 202);
    world.advance(3599);
    assert_eq!(world.send(&genuine(&world)).await.status, 202);
    assert_eq!(reads(&world), 1);
    world.advance(1);
    world.google.fail(Endpoint::Certificates, Failure::Status(503), 1);
    assert_eq!(world.send(&genuine(&world)).await.problem(), (503, "upstream_unavailable"));
    // A failure is no reason to ask at each delivery.
    assert_eq!(world.send(&genuine(&world)).await.problem(), (503, "upstream_unavailable"));
    assert_eq!(reads(&world), 2);
    world.advance(5);
    assert_eq!(world.send(&genuine(&world)).await.status, 202);
    assert_eq!(reads(&world), 3);
}

#[tokio::test]
async fn f78_without_googles_keys_the_answer_is_503() {
    for failure in [
        Failure::Status(500),
        Failure::ResetAfterReading,
        Failure::CutBody,
        Failure::NotJson,
        Failure::TruncatedJson,
        Failure::Redirect("https://evil.example/".to_owned()),
        Failure::json(&json!({"keys": []})),
        Failure::json(&json!({"keys": "x".repeat(70_000)})),
        Failure::NotFound,
    ] {
        let world = World::signed_in().await;
        world.google.fail(Endpoint::Certificates, failure.clone(), 1);
        let answer = world.send(&genuine(&world)).await;
        assert_eq!(answer.problem(), (503, "upstream_unavailable"), "{failure:?}");
        assert!(answer.headers.contains_key("retry-after"));
        assert_eq!(world.dynamodb_calls(), Vec::<String>::new());
        world.advance(5);
        assert_eq!(world.send(&genuine(&world)).await.status, 202, "{failure:?}");
    }
}

#[tokio::test]
async fn f78_an_unknown_key_is_not_refused_while_the_keys_cannot_be_read() {
    let world = World::signed_in().await;
    assert_eq!(world.send(&genuine(&world)).await.status, 202);
    world.advance(300);
    world.google.fail(Endpoint::Certificates, Failure::Status(503), 1);
    for _ in 0..2 {
        assert_eq!(world.send(&forged(&world)).await.status, 503, "it may be new");
    }
    assert_eq!(world.send(&genuine(&world)).await.status, 202, "this one is known");
}
