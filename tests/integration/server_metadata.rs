//! `GET /.well-known/oauth-authorization-server` (RFC 8414).

use harness::world::{Call, World};
use postern::app::Ahead;
use serde_json::json;

const PATH: &str = "/.well-known/oauth-authorization-server";

#[tokio::test]
async fn the_document_says_how_to_sign_in() {
    let world = World::new().await;
    let answer = world.send(&Call::get(PATH, "")).await;
    assert_eq!((answer.status, answer.headers["content-type"].as_str()), (200, "application/json"));
    assert_eq!(
        answer.json(),
        json!({
            "issuer": "https://api.example.com",
            "authorization_endpoint": "https://api.example.com/auth/start",
            "token_endpoint": "https://api.example.com/auth/token",
            "response_types_supported": ["code"],
            "response_modes_supported": ["query", "fragment"],
            "grant_types_supported": ["authorization_code"],
            "token_endpoint_auth_methods_supported": ["none"],
            "code_challenge_methods_supported": ["S256"],
            "authorization_response_iss_parameter_supported": true,
        })
    );
}

#[tokio::test]
async fn the_document_needs_neither_secret_nor_session_nor_table() {
    let world = World::new().await;
    let app = world.environment(&[]);
    app.prepare(server_metadata::ROUTE.ahead).await;
    assert!(!server_metadata::ROUTE.ahead.contains(&Ahead::Secrets));
    assert_eq!(world.send_to(&app, &Call::get(PATH, "unknown=1")).await.status, 200);
    assert_eq!(world.secrets_read(), Vec::<String>::new());
    world.assert_untouched();
}

#[tokio::test]
async fn a24_the_issuer_is_the_configured_address_or_the_events_domain() {
    let mut world = World::new().await;
    let call = Call::get(PATH, "").header("host", "evil.example").header("x-forwarded-host", "evil.example");
    assert_eq!(world.send(&call).await.json()["issuer"], "https://api.example.com");
    world.configure(&[("PUBLIC_URL", "https://example.com/mail")]);
    let answer = world.send(&Call::get(&format!("/mail{PATH}"), "")).await.json();
    assert_eq!(answer["issuer"], "https://example.com/mail");
    assert_eq!(answer["token_endpoint"], "https://example.com/mail/auth/token");
    world.configure(&[("PUBLIC_URL", "")]);
    let answer = world.send(&call).await.json();
    assert!(!answer.to_string().contains("evil"), "{answer}");
}

#[tokio::test]
async fn a68_b41_other_paths_and_methods_are_refused() {
    let world = World::new().await;
    for path in [format!("{PATH}/"), format!("{PATH}/x"), "/.well-known/openid-configuration".to_owned()] {
        assert_eq!(world.send(&Call::get(&path, "")).await.problem(), (404, "not_found"), "{path}");
    }
    let answer = world.send(&Call { method: "DELETE".to_owned(), ..Call::get(PATH, "") }).await;
    assert_eq!((answer.problem(), answer.headers["allow"].as_str()), ((405, "method_not_allowed"), "GET"));
}

#[tokio::test]
async fn the_document_is_for_anyone_also_with_cookies() {
    let world = World::signed_in().await;
    let call = world.with_cookies(Call::get(PATH, ""));
    for call in
        [call.clone(), call.header("origin", "https://evil.example").header("sec-purpose", "prefetch")]
    {
        assert_eq!(world.send(&call).await.status, 200);
    }
}
