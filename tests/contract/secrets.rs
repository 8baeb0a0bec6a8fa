//! Secrets Manager: the current value, the previous one, and values that cannot be read.

use std::time::Duration;

use postern::outside::secrets_manager::SecretsError;
use postern_rules::seal::{Keyring, Purpose};
use serde_json::json;

use crate::back_end::BackEnd;

const CLIENT: &str = "GOOGLE_CLIENT_SECRET_ID";
const KEYS: &str = "SEALING_KEYS_SECRET_ID";
const LONG_ENOUGH_TO_BE_READ_ANEW: Duration = Duration::from_mins(5);

fn client(id: &str, secret: &str) -> String {
    json!({ "web": { "client_id": id, "client_secret": secret } }).to_string()
}

fn keyring(primary: &str, others: &[&str]) -> String {
    let mut keys = json!({ "primary": primary });
    for id in others.iter().chain([&primary]) {
        keys[*id] = json!(format!("{id}-0123456789abcdef0123456789abcdef"));
    }
    keys.to_string()
}

fn names_variable<T: std::fmt::Debug>(outcome: Result<T, SecretsError>, variable: &str) -> bool {
    matches!(outcome, Err(SecretsError::Unusable(error)) if error.variable == variable)
}

#[tokio::test]
async fn googles_client_is_the_current_version_of_its_secret() {
    let back_end = BackEnd::empty().await;
    back_end.create_secret(CLIENT, &client("a", "one")).await;
    let app = back_end.environment();
    assert_eq!(app.secrets.google_client().await.unwrap().client_secret.expose(), "one");
    back_end.rotate_secret(CLIENT, &client("a", "two")).await;
    back_end.rotate_secret(CLIENT, &client("a", "three")).await;
    back_end.clock.advance(LONG_ENOUGH_TO_BE_READ_ANEW);
    assert_eq!(app.secrets.google_client().await.unwrap().client_secret.expose(), "three");
}

#[tokio::test]
async fn a_secret_is_found_by_its_name_by_its_arn_and_by_its_arn_without_the_random_end() {
    let back_end = BackEnd::empty().await;
    let arn = back_end.create_secret(CLIENT, &client("a", "one")).await;
    assert!(arn.starts_with("arn:aws:secretsmanager:us-east-1:"), "{arn}");
    for id in [back_end.name(CLIENT), &arn, &arn[..arn.len() - "-123456".len()]] {
        let app = back_end.environment_with(CLIENT, id);
        assert_eq!(app.secrets.google_client().await.unwrap().client_id, "a", "{id}");
    }
}

#[tokio::test]
async fn a_client_that_google_refuses_is_followed_by_todays_if_that_is_another() {
    let back_end = BackEnd::empty().await;
    back_end.create_secret(CLIENT, &client("a", "one")).await;
    let app = back_end.environment();
    let refused = app.secrets.google_client().await.unwrap();
    back_end.rotate_secret(CLIENT, &client("a", "two")).await;
    let another = app.secrets.another_google_client(&refused).await.unwrap().unwrap();
    assert_eq!(another.client_secret.expose(), "two");
}

#[tokio::test]
async fn a_client_that_google_does_not_know_yet_is_followed_by_the_version_before_it() {
    let back_end = BackEnd::empty().await;
    back_end.create_secret(CLIENT, &client("a", "oldest")).await;
    back_end.rotate_secret(CLIENT, &client("a", "one")).await;
    back_end.rotate_secret(CLIENT, &client("a", "two")).await;
    let app = back_end.environment();
    let refused = app.secrets.google_client().await.unwrap();
    assert_eq!(refused.client_secret.expose(), "two");
    let another = app.secrets.another_google_client(&refused).await.unwrap().unwrap();
    assert_eq!(another.client_secret.expose(), "one");
}

#[tokio::test]
async fn a_client_without_a_version_before_it_or_with_one_of_another_id_is_followed_by_none() {
    let back_end = BackEnd::empty().await;
    back_end.create_secret(CLIENT, &client("a", "one")).await;
    let app = back_end.environment();
    let refused = app.secrets.google_client().await.unwrap();
    assert!(app.secrets.another_google_client(&refused).await.unwrap().is_none());

    back_end.rotate_secret(CLIENT, &client("b", "two")).await;
    let app = back_end.environment();
    let refused = app.secrets.google_client().await.unwrap();
    assert_eq!(refused.client_id, "b");
    assert!(app.secrets.another_google_client(&refused).await.unwrap().is_none());
}

#[tokio::test]
async fn a_grant_gets_the_client_that_it_belongs_to_from_a_secret_with_two() {
    let back_end = BackEnd::empty().await;
    back_end.create_secret(CLIENT, &client("a", "one")).await;
    let app = back_end.environment();
    assert_eq!(app.secrets.google_client_for("a").await.unwrap().client_secret.expose(), "one");
    let mut both: serde_json::Value = serde_json::from_str(&client("b", "two")).unwrap();
    both["outgoing"] = serde_json::from_str(&client("a", "one")).unwrap();
    back_end.rotate_secret(CLIENT, &both.to_string()).await;
    for (id, secret, is_outgoing) in [("b", "two", false), ("a", "one", true)] {
        let its = app.secrets.google_client_for(id).await.unwrap();
        assert_eq!((its.client_secret.expose(), its.is_outgoing), (secret, is_outgoing), "{id}");
        assert!(app.secrets.another_google_client(&its).await.unwrap().is_none());
    }
    assert_eq!(app.secrets.google_client().await.unwrap().client_id, "b");
}

#[tokio::test]
async fn a_keyring_is_read_and_what_a_newer_one_sealed_is_opened_by_reading_it_anew() {
    let back_end = BackEnd::empty().await;
    back_end.create_secret(KEYS, &keyring("k1", &[])).await;
    let app = back_end.environment();
    let sealed = app.secrets.keyring().await.unwrap().seal(Purpose::Token, &["place"], b"text");
    let opened = app.secrets.open(Purpose::Token, &["place"], &sealed).await.unwrap();
    assert_eq!(opened.unwrap().as_slice(), b"text");

    let newer = keyring("k2", &["k1"]);
    back_end.rotate_secret(KEYS, &newer).await;
    let sealed = Keyring::parse(&newer).unwrap().seal(Purpose::Token, &["place"], b"newer");
    let opened = app.secrets.open(Purpose::Token, &["place"], &sealed).await.unwrap();
    assert_eq!(opened.unwrap().as_slice(), b"newer");
}

#[tokio::test]
async fn a_secret_that_is_missing_is_unusable_and_its_variable_is_named() {
    let back_end = BackEnd::empty().await;
    let app = back_end.environment();
    assert!(names_variable(app.secrets.google_client().await, CLIENT));
    assert!(names_variable(app.secrets.keyring().await, KEYS));
    let arn = "arn:aws:secretsmanager:us-east-1:123456789012:secret:nowhere-123456";
    let app = back_end.environment_with(KEYS, arn);
    assert!(names_variable(app.secrets.keyring().await, KEYS));
}

#[tokio::test]
async fn a_secret_that_waits_for_its_deletion_is_unusable_and_the_last_good_value_serves() {
    let back_end = BackEnd::empty().await;
    back_end.create_secret(KEYS, &keyring("k1", &[])).await;
    let app = back_end.environment();
    app.secrets.keyring().await.unwrap();
    back_end.delete_secret(KEYS).await;
    back_end.clock.advance(LONG_ENOUGH_TO_BE_READ_ANEW);
    app.secrets.keyring().await.unwrap();
    assert!(names_variable(back_end.environment().secrets.keyring().await, KEYS));
}
