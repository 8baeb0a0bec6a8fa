//! The whole way: a stream is registered at Google, something happens to an account, Google posts
//! it to the receiver, and the function acts.

use std::convert::Infallible;
use std::time::Duration;

use harness::world::{ANN, Call, START, World, until};
use http_body_util::{BodyExt, Full};
use hyper::body::{Bytes, Incoming};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Request, Response};
use hyper_util::rt::TokioIo;
use postern::outside::http::{HttpStack, send};
use postern_rules::security_event::Kind;
use serde_json::{Value, json};
use tokio::net::TcpListener;

use super::{SETTLED, left};

/// Posts JSON to the fake Google, with a token of the service account unless it is another.
async fn post(world: &World, path: &str, body: &Value, token: &str) -> u16 {
    let client = HttpStack::new(None).unwrap().client(Duration::from_secs(1), false);
    let request = client.post(format!("{}{path}", world.google.url())).bearer_auth(token);
    let request = request.body(body.to_string()).build().unwrap();
    send(&client, request, Duration::from_secs(5), 100_000).await.unwrap().status
}

/// What `cargo xtask risc` signs, with some claims changed.
fn token(world: &World, changes: &Value) -> String {
    let file: Value = serde_json::from_str(&world.google.service_account()).unwrap();
    let (email, now) = (&file["client_email"], START.seconds());
    let mut claims = json!({
        "iss": email, "sub": email, "iat": now, "exp": now + 3600,
        "aud": "https://risc.googleapis.com/google.identity.risc.v1beta.RiscManagementService",
    });
    for (name, value) in changes.as_object().unwrap() {
        claims[name] = value.clone();
    }
    world.google.sign(&claims)
}

fn stream(receiver: &str, kinds: &[Kind]) -> Value {
    let kinds: Vec<&str> = kinds.iter().map(|kind| kind.uri()).collect();
    let push = "https://schemas.openid.net/secevent/risc/delivery-method/push";
    json!({"delivery": {"delivery_method": push, "url": receiver}, "events_requested": kinds})
}

/// Serves the function at the listener until `count` deliveries have ended.
async fn receive(world: &World, listener: &TcpListener, count: usize) {
    let serving = async {
        loop {
            let (connection, _) = listener.accept().await.unwrap();
            let answer = service_fn(async |request: Request<Incoming>| {
                let header =
                    |name| request.headers().get(name).map(|value| value.to_str().unwrap().to_owned());
                let content_type = header("content-type").unwrap();
                let body = request.into_body().collect().await.unwrap().to_bytes();
                let call = Call::security_event(std::str::from_utf8(&body).unwrap());
                let answer = world.send(&call.header("content-type", &content_type)).await;
                let status = u16::try_from(answer.status).unwrap();
                let response = Response::builder().status(status).body(Full::<Bytes>::from(answer.body));
                Ok::<_, Infallible>(response.unwrap())
            });
            let builder = http1::Builder::new();
            let _ = builder.serve_connection(TokioIo::new(connection), answer).await;
        }
    };
    tokio::select! {
        () = serving => {}
        () = until(|| world.google.delivered().len() >= count) => {}
    }
}

#[tokio::test]
async fn a_grant_that_is_revoked_at_google_is_dead_here_a_moment_later() {
    let world = World::signed_in().await;
    let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
    let receiver = format!("http://{}/risc", listener.local_addr().unwrap());
    let signed = token(&world, &json!({}));
    let wanted = stream(&receiver, &[Kind::TokensRevoked, Kind::Verification]);
    assert_eq!(post(&world, "/v1beta/stream:update", &wanted, &signed).await, 200);
    assert_eq!(post(&world, "/v1beta/stream:verify", &json!({"state": "planted state"}), &signed).await, 200);
    receive(&world, &listener, 1).await;
    world.advance(SETTLED);
    assert_eq!(post(&world, "/control/revoke", &json!({ "account": ANN }), "").await, 200);
    receive(&world, &listener, 2).await;
    let delivered = ["verification", "tokens-revoked"].map(|kind| format!("{kind} to {receiver} (202)"));
    assert_eq!(world.google.delivered(), delivered);
    assert_eq!(left(&world).await, (false, true));
    assert_eq!(world.messages("").await.reason(), "revoked_or_expired");
    assert_eq!(world.refreshes(), 0);
    // Nobody has asked for this one, and then for none.
    let event = json!({"account": ANN, "event": "sessions-revoked"});
    assert_eq!(post(&world, "/control/security-event", &event, "").await, 200);
    assert_eq!(
        post(&world, "/v1beta/stream/status:update", &json!({"status": "disabled"}), &signed).await,
        200
    );
    assert_eq!(post(&world, "/control/revoke", &json!({ "account": ANN }), "").await, 200);
    assert_eq!(world.google.delivered(), delivered);
}

#[tokio::test]
async fn the_fake_refuses_what_google_refuses() {
    let world = World::new().await;
    let good = stream("https://api.example.com/risc", &[Kind::Verification]);
    for changes in [
        json!({"aud": "https://risc.googleapis.com"}),
        json!({"iss": "other@example.com"}),
        json!({"exp": START.seconds() + 3601}),
        json!({"iat": START.seconds() - 3600, "exp": START.seconds()}),
    ] {
        let token = token(&world, &changes);
        assert_eq!(post(&world, "/v1beta/stream:update", &good, &token).await, 401, "{changes}");
    }
    assert_eq!(post(&world, "/v1beta/stream:update", &good, "forged").await, 401);
    let signed = token(&world, &json!({}));
    for (body, status) in [
        (json!({}), 400),
        (json!({"delivery": {"url": "https://api.example.com/risc"}, "events_requested": []}), 400),
        (stream("http://api.example.com/risc", &[]), 403),
    ] {
        assert_eq!(post(&world, "/v1beta/stream:update", &body, &signed).await, status, "{body}");
    }
    assert_eq!(post(&world, "/v1beta/stream:verify", &json!({"state": "x"}), &signed).await, 404);
    for event in
        [json!({"account": ANN, "event": "bad-weather"}), json!({"account": "x", "event": "verification"})]
    {
        assert_eq!(post(&world, "/control/security-event", &event, "").await, 400);
    }
}
