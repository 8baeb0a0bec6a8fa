//! The edge: with `ORIGIN_SECRET_HASHES`, the door answers only what a proxy sends that knows the
//! secret, and believes what that proxy says of the caller's address.

use std::fmt::Write as _;

use harness::google::Decision;
use harness::world::{ANN, Call, FORGED_STATE, World, form, invoke_direct};
use postern::door::edge::{ADDRESS_HEADER, SECRET_HEADER};
use ring::digest::{SHA256, digest};
use serde_json::json;

const SECRET: &str = "planted-origin-secret-0123456789abcdef";
const NEXT: &str = "planted-origin-secret-fedcba9876543210";

fn hash(secret: &str) -> String {
    digest(&SHA256, secret.as_bytes()).as_ref().iter().fold(String::new(), |mut text, byte| {
        write!(text, "{byte:02x}").unwrap();
        text
    })
}

/// A world where Ann is signed in, behind the edge.
async fn world() -> World {
    let mut world = World::signed_in().await;
    world.configure(&[("ORIGIN_SECRET_HASHES", &hash(SECRET))]);
    world.plant(SECRET);
    world.plant(NEXT);
    world
}

/// A request to each route, as its callers send it.
fn each_route(world: &World) -> Vec<Call> {
    let fields = "grant_type=authorization_code&code=x&code_verifier=y&redirect_uri=z&client_id=c";
    let forged = format!("code=x&state={FORGED_STATE}");
    let calls = [
        Call::get("/auth/start", ""),
        Call::get("/auth/start", "response_type=code"),
        form(fields),
        Call::get("/oauth/callback", &forged),
        Call::post("/oauth/callback", &json!({"code": "x", "state": FORGED_STATE})),
        Call::list("format=metadata"),
        Call::get("/messages/18f0", ""),
        Call::connection(),
        Call::disconnect(),
        Call::sign_out(true),
        Call::get("/.well-known/oauth-authorization-server", ""),
    ];
    calls.into_iter().map(|call| world.with_cookies(call)).collect()
}

#[tokio::test]
async fn a115_a_caller_who_goes_around_the_edge_is_refused_at_every_route_and_reaches_nothing() {
    let world = world().await;
    let hash = hash(SECRET);
    let doubled = format!("{SECRET},{SECRET}");
    for call in each_route(&world) {
        let mut around = vec![call.clone()];
        for wrong in ["", "x", NEXT, &hash, &doubled, &SECRET[1..]] {
            around.push(call.clone().header(SECRET_HEADER, wrong));
        }
        // Neither another header nor another method is a way around.
        around.push(call.clone().header("x-origin-verify", SECRET).header(ADDRESS_HEADER, "192.0.2.1:1"));
        around.push(call.clone().method("OPTIONS"));
        around.push(call.clone().method("PATCH"));
        for call in around {
            let answer = world.send(&call).await;
            assert_eq!(answer.problem(), (403, "edge_required"), "{call:?}");
            assert!(answer.cookies.is_empty(), "{answer:?}");
            assert!(answer.headers["content-type"].contains("json"), "{answer:?}");
        }
    }
    world.assert_untouched();
    assert!(world.secrets_read().is_empty());
    assert_eq!(world.sessions().len(), 1, "nobody is signed out");
}

#[tokio::test]
async fn a_refused_caller_gets_the_form_of_the_route() {
    let world = world().await;
    let problem = world.send(&Call::list("")).await.json();
    assert_eq!(problem["type"], "urn:postern:problem:edge_required");
    assert_eq!(problem["detail"], "This API answers only at its public address.");
    let token = world.send(&form("grant_type=authorization_code")).await.json();
    assert_eq!((&token["error"], &token["code"]), (&json!("invalid_request"), &json!("edge_required")));
    // A person who followed an old link is led to the public address.
    let page = Call::get("/oauth/callback", "code=x").header("accept", "text/html");
    let page = world.send(&page).await;
    assert_eq!(page.code_or_page(), (403, true));
    assert!(page.body.contains("https://api.example.com/auth/start"), "{}", page.body);
}

#[tokio::test]
async fn through_the_edge_everything_is_as_without_it() {
    let mut world = world().await;
    world.jar.clear();
    let through = |call: Call| call.header(SECRET_HEADER, SECRET);
    let started = world.browse(through(Call::get("/auth/start", ""))).await;
    assert_eq!(started.status, 302);
    let query = world.consent(started.location(), Decision::allow(ANN)).await;
    let callback = through(Call::get("/oauth/callback", &query));
    assert!(world.browse(callback).await.begins_session());
    for call in each_route(&world) {
        let answer = world.send(&through(call.clone())).await;
        assert_ne!(answer.code(), "edge_required", "{call:?}");
    }
    let nowhere = world.send(&through(Call::get("/nowhere", ""))).await;
    assert_eq!(nowhere.problem(), (404, "not_found"));
}

#[tokio::test]
async fn during_a_rotation_both_secrets_serve_and_then_only_the_next() {
    let mut world = world().await;
    let status =
        async |world: &World, secret| world.send(&world.list().header(SECRET_HEADER, secret)).await.status;
    assert_eq!((status(&world, SECRET).await, status(&world, NEXT).await), (200, 403));
    world.configure(&[("ORIGIN_SECRET_HASHES", &format!("{},{}", hash(SECRET), hash(NEXT)))]);
    assert_eq!((status(&world, SECRET).await, status(&world, NEXT).await), (200, 200));
    world.configure(&[("ORIGIN_SECRET_HASHES", &hash(NEXT))]);
    assert_eq!((status(&world, SECRET).await, status(&world, NEXT).await), (403, 200));
}

#[tokio::test]
async fn the_log_names_the_address_that_the_edge_tells_and_no_other() {
    let world = world().await;
    let list = |address: &str| world.list().header(ADDRESS_HEADER, address);
    let told = |call: Call| call.header(SECRET_HEADER, SECRET);
    for (viewer, address) in [("198.51.100.77:46532", "198.51.100.77"), ("2001:db8::7:46532", "2001:db8::7")]
    {
        assert_eq!(world.send(&told(list(viewer))).await.status, 200);
        assert!(world.logged(&format!("\"caller.address\":\"{address}\"")), "{viewer}");
    }
    // A refusal has it too.
    let refused = told(list("198.51.100.78:1").method("PATCH"));
    assert_eq!(world.send(&refused).await.status, 405);
    assert!(world.logged("\"caller.address\":\"198.51.100.78\""));
    // What is no address is nothing, and hinders nobody.
    for odd in [
        "198.51.100.79",
        "198.51.100.80\",\"x\":\"y:1",
        "planted-name:443",
        "",
        ":",
        "198.51.100.81, 192.0.2.1:7",
    ] {
        assert_eq!(world.send(&told(list(odd))).await.status, 200, "{odd}");
    }
    // Nor is what a caller says who has not come through the edge, or where there is none.
    assert_eq!(world.send(&list("198.51.100.82:1")).await.status, 403);
    let without = world.environment(&[("ORIGIN_SECRET_HASHES", "")]);
    assert_eq!(world.send_to(&without, &told(list("198.51.100.83:1"))).await.status, 200);
    for never in ["198.51.100.79", "198.51.100.8", "planted-name"] {
        assert!(!world.logged(never), "{never}");
    }
}

#[tokio::test]
async fn a_hash_that_is_none_is_a_configuration_error_and_opens_nothing() {
    let world = World::signed_in().await;
    let answer = world.misconfigured("ORIGIN_SECRET_HASHES", Some(SECRET)).await;
    assert_eq!(answer.problem(), (503, "config_error"));
    assert_eq!(answer.json()["variable"], "ORIGIN_SECRET_HASHES");
    assert!(!answer.body.contains(SECRET));
}

#[tokio::test]
async fn functions_without_a_route_need_no_secret() {
    let world = world().await;
    let payload = json!({"user_id": world.sub(ANN)}).to_string();
    let told = invoke_direct(Ok(&world.app), "access-token", &payload, harness::world::BUDGET).await;
    assert_eq!(told.problem().0, 200);
}
