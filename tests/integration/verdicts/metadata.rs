//! `gmail.metadata`: what it takes away from a grant, and that it is never requested with a broader
//! scope.

use harness::google::Endpoint::MessagesList;
use harness::google::Times;
use harness::google::recorded as body;
use harness::world::{ANN, METADATA, MODIFY, READONLY, World, forces_consent, parameter};
use serde_json::json;

use super::{ONCE, UNAVAILABLE, line};

const NO_SEARCH: &str = "With the permission gmail.metadata Gmail neither searches nor returns whole messages, whatever else was granted. Authorize again.";

#[tokio::test]
async fn f82_gmails_word_that_a_metadata_grant_does_not_search_is_403_with_the_way_out() {
    for body in [body::METADATA_SEARCH, body::METADATA_FULL] {
        let world = World::signed_in().await;
        let before = world.kept(ANN);
        world.forget_calls();
        world.google.fail(MessagesList, line(403, body, UNAVAILABLE, &[]).failure(), Times::UntilCleared);
        let answer = world.messages("q=is%3Aunread").await;
        assert_eq!(answer.problem(), (403, "insufficient_scope"));
        let document = answer.json();
        assert_eq!(document["detail"], NO_SEARCH);
        assert_eq!(document["missing_scopes"], json!([READONLY]));
        assert_eq!(document["start_url"], "https://api.example.com/auth/start");
        let url = document["authorization_url"].as_str().unwrap();
        assert!(forces_consent(url));
        assert_eq!(
            answer.headers["www-authenticate"],
            "Bearer realm=\"gmail\", error=\"insufficient_scope\""
        );
        assert_eq!((world.google_calls(), world.kept(ANN)), (ONCE.to_vec(), before));
    }
}

#[tokio::test]
async fn f82_a_stored_grant_with_metadata_beside_a_broader_scope_does_not_cover_a_search() {
    let mut world = World::signed_in().await;
    world.edit(ANN, |item| {
        item["scopes"]["S"] = json!(format!("email {METADATA} {READONLY} openid"));
    });
    world.lists().await; // A list without a search works.
    world.forget_calls();
    let answer = world.messages("q=is%3Aunread").await;
    assert_eq!(answer.problem(), (403, "insufficient_scope"));
    assert_eq!(answer.json()["detail"], NO_SEARCH);
    assert_eq!(answer.json()["missing_scopes"], json!([READONLY]));
    assert_eq!(world.google_calls(), []);
    world.authorize_again(&answer, ANN).await;
    assert_eq!(world.messages("q=is%3Aunread").await.status, 200);
}

#[tokio::test]
async fn f82_google_is_never_asked_for_metadata_beside_a_broader_scope() {
    let mut world = World::new().await;
    world.configure(&[("GMAIL_SCOPES", METADATA)]);
    let url = world.start("").await;
    assert!(parameter(&url, "scope").unwrap().contains(METADATA), "alone it is asked for");
    world.sign_in(ANN).await;
    let answer = world.messages("q=is%3Aunread").await;
    assert_eq!((answer.status, answer.json()["detail"].as_str()), (403, Some(NO_SEARCH)));
    let url = answer.authorization_url();
    assert_eq!(parameter(&url, "scope").unwrap(), format!("email {READONLY} openid"));
    world.authorize_again(&answer, ANN).await;
    assert_eq!(world.messages("q=is%3Aunread").await.status, 200);
}

#[tokio::test]
async fn b67_scopes_that_combine_metadata_with_a_broader_one_are_a_config_error() {
    let world = World::new().await;
    for broader in [READONLY, MODIFY, "https://mail.google.com/"] {
        let scopes = format!("{METADATA} {broader}");
        let answer = world.misconfigured("GMAIL_SCOPES", Some(&scopes)).await;
        assert_eq!(answer.problem(), (503, "config_error"));
        assert_eq!(answer.json()["variable"], "GMAIL_SCOPES");
    }
    world.environment(&[("GMAIL_SCOPES", METADATA)]);
    let without_reading = format!("{METADATA} https://www.googleapis.com/auth/gmail.send");
    world.environment(&[("GMAIL_SCOPES", &without_reading)]);
}
