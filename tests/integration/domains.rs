//! Who may connect: accounts of the domains in `ALLOWED_DOMAINS`, by the ID token's `hd` claim.

use harness::google::{Decision, Endpoint, Times};
use harness::world::{ANN, World, parameter};
use insta::assert_snapshot;
use serde_json::{Map, Value, json};

use super::steady::steady;

/// An account that the organisation of this domain manages.
const CLEO: &str = "cleo@example.org";
const DOMAIN: &str = "example.org";

async fn world_for(domains: &str) -> World {
    let mut world = World::new().await;
    world.configure(&[("ALLOWED_DOMAINS", domains)]);
    world
}

async fn refused(world: &mut World, account: &str) {
    world.forget_calls();
    let answer = world.attempt(account).await;
    assert_eq!(answer.location(), "https://app.example.com/?auth_error=domain_not_allowed", "{answer:?}");
    assert!(!answer.begins_session(), "{answer:?}");
    assert_eq!((world.credential(account), world.sessions().len()), (Value::Null, 0));
    assert_eq!(
        world.dynamodb_calls(),
        ["PutItem"],
        "the state is spent, and nothing else is written or read"
    );
    assert!(world.google.calls_to(Endpoint::Revoke).is_empty(), "dropped, not revoked");
}

#[tokio::test]
async fn a83_an_account_of_no_allowed_domain_does_not_connect() {
    let mut world = world_for(DOMAIN).await;
    refused(&mut world, ANN).await;
    // The address does not matter, neither without a domain nor with another one.
    let address = ("email".to_owned(), json!("ann@example.org"));
    for domain in [
        json!(null),
        json!("example.com"),
        json!(""),
        json!("example.org.evil.example"),
        json!("xexample.org"),
    ] {
        world.google.override_claims(Map::from_iter([address.clone(), ("hd".to_owned(), domain)]));
        refused(&mut world, ANN).await;
    }
    // Without an ID token, Google vouches for no domain.
    let mut world = world_for(DOMAIN).await;
    world.google.omit_id_token(Times::UntilCleared);
    refused(&mut world, CLEO).await;
}

#[tokio::test]
async fn a83_a_posted_code_of_no_allowed_domain_is_refused_and_leads_nowhere() {
    let mut world = world_for(DOMAIN).await;
    let answer = world.post(Decision::allow(ANN)).await;
    assert_eq!(answer.problem(), (403, "domain_not_allowed"));
    assert!(answer.json()["authorization_url"].is_null());
    assert_eq!(world.credential(ANN), Value::Null);
}

#[tokio::test]
async fn an_account_of_an_allowed_domain_connects_whatever_the_letters() {
    for (domains, claimed) in
        [("example.org", "example.org"), ("example.com, example.org", "Example.ORG"), ("", "other.example")]
    {
        let mut world = world_for(domains).await;
        world.claim("hd", json!(claimed));
        world.sign_in(CLEO).await;
        world.lists().await;
    }
    let mut world = world_for("").await;
    world.sign_in(ANN).await;
}

#[tokio::test]
async fn one_domain_is_a_hint_to_google_in_every_authorization_url() {
    let mut world = world_for(DOMAIN).await;
    let started = world.start("").await;
    assert_snapshot!(steady(&started), @"
    [google]/o/oauth2/v2/auth?response_type=code
    &client_id=640512773041-p0sternfakeclient.apps.googleusercontent.com
    &state=[43 random]
    &code_challenge=[43 random]
    &code_challenge_method=S256
    &redirect_uri=https%3A%2F%2Fapi.example.com%2Foauth%2Fcallback
    &scope=email+https%3A%2F%2Fwww.googleapis.com%2Fauth%2Fgmail.readonly+openid
    &access_type=offline
    &nonce=[43 random]
    &hd=example.org
    ");
    let offered = world.messages("").await.authorization_url();
    assert_eq!(parameter(&offered, "hd").as_deref(), Some(DOMAIN));
    world.google.omit_refresh_token(1);
    let again = world.come_back(&started, CLEO).await.authorization_url();
    assert_eq!(
        (parameter(&again, "prompt").as_deref(), parameter(&again, "hd").as_deref()),
        (Some("consent"), Some(DOMAIN))
    );
    for domains in ["", "example.org,example.com"] {
        let mut world = world_for(domains).await;
        assert_eq!(parameter(&world.start("").await, "hd"), None, "{domains:?}");
    }
}

#[tokio::test]
async fn b68_what_is_no_list_of_domains_is_a_configuration_error() {
    let world = World::new().await;
    let long = format!("{}.example", "a".repeat(64));
    let longer = format!("{}example", "a.".repeat(124));
    for domains in [
        ",",
        "example",
        "example.org,",
        "Example.org",
        "@example.org",
        "*.example.org",
        "https://example.org",
        "a b.org",
        "example.org example.com",
        ".example.org",
        "example..org",
        "example.org.",
        "-a.org",
        "a-.org",
        "exämple.org",
        "*",
        &long,
        &longer,
    ] {
        let answer = world.misconfigured("ALLOWED_DOMAINS", Some(domains)).await;
        assert_eq!(answer.problem(), (503, "config_error"), "{domains:?}");
        assert_eq!(answer.json()["variable"], "ALLOWED_DOMAINS");
    }
}
