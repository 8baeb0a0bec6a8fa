//! `POST /auth/sign-out`: ends one session or all of them; the grant stays.

use std::time::Duration;

use harness::Fault;
use harness::world::{ANN, Answer, Call, ORIGIN, World};
use serde_json::json;

#[track_caller]
fn assert_signed_out(answer: &Answer) {
    assert_eq!((answer.status, answer.body.as_str()), (204, ""), "{answer:?}");
    let cleared = "__Host-session=; Max-Age=0; Path=/; Secure; HttpOnly; SameSite=Lax";
    assert_eq!(answer.cookies.iter().filter(|cookie| *cookie == cleared).count(), 1, "{answer:?}");
}

#[tokio::test]
async fn a35_signing_out_ends_this_session_at_once_and_no_other() {
    let mut world = World::signed_in().await;
    let elsewhere = world.list();
    world.jar.clear();
    world.sign_in(ANN).await;
    let here = world.list();
    let before = world.credential(ANN);
    world.forget_calls();
    let answer = world.browse(Call::sign_out(false)).await;
    assert_signed_out(&answer);
    assert_eq!(world.dynamodb_calls(), ["DeleteItem"], "the token alone says which");
    assert_eq!(world.google_calls(), []);
    assert_eq!(world.credential(ANN), before, "the grant stays");
    assert!(!world.jar.has("__Host-session"));
    for app in [&world.app, &world.environment(&[])] {
        assert_eq!(world.send_to(app, &here).await.reason(), "session_expired");
        assert_eq!(world.send_to(app, &elsewhere).await.status, 200);
    }
    assert_eq!(world.connection().await["reason"], "not_signed_in");
}

#[tokio::test]
async fn a35_signing_out_everywhere_ends_every_session_of_the_same_second() {
    let mut world = World::signed_in().await;
    let elsewhere = world.list();
    world.jar.clear();
    world.sign_in(ANN).await;
    let here = world.list();
    let before = world.credential(ANN);
    let answer = world.browse(Call::sign_out(true)).await;
    assert_signed_out(&answer);
    for call in [&here, &elsewhere] {
        assert_eq!(world.send(call).await.reason(), "session_expired");
    }
    assert_eq!(
        world.kept(ANN),
        json!([before["refresh_token"], before["refresh_token_id"], before["status"]])
    );
    // A new session of the same second serves.
    world.sign_in(ANN).await;
    world.lists().await;
    for call in [&here, &elsewhere] {
        assert_eq!(world.send(call).await.reason(), "session_expired");
    }
}

#[tokio::test]
async fn a35_signing_out_everywhere_ends_a_session_of_a_clock_that_is_ahead() {
    let mut world = World::new().await;
    world.advance(240);
    world.sign_in(ANN).await;
    let ahead = world.list();
    // This process's clock is four minutes behind the other's.
    let slow = World::new().await;
    let app = harness::world::environment(&world.variables, &slow.clock).unwrap();
    let answer = world.send_to(&app, &world.with_cookies(Call::sign_out(true))).await;
    assert_signed_out(&answer);
    assert_eq!(world.send(&ahead).await.reason(), "session_expired");
}

#[tokio::test]
async fn without_a_session_there_is_nothing_to_end_but_everywhere_must_know_whose() {
    let world = World::new().await;
    for call in [
        Call::sign_out(false),
        Call::sign_out(false).header("authorization", "Basic dXNlcjpwYXNz"),
        Call::sign_out(false).session("not a token"),
    ] {
        assert_signed_out(&world.send(&call).await);
    }
    world.assert_untouched();
    let made_up = "v2.1.made-up";
    assert_signed_out(&world.send(&Call::sign_out(false).session(made_up)).await);
    let nobody = world.send(&Call::sign_out(true)).await;
    assert_eq!((nobody.problem(), nobody.reason()), ((401, "unauthenticated"), "not_signed_in"));
    let expired = world.send(&Call::sign_out(true).session(made_up)).await;
    assert_eq!(expired.reason(), "session_expired");
}

#[tokio::test]
async fn a_user_who_is_not_connected_can_sign_out_everywhere() {
    let world = World::signed_in().await;
    world.disconnect(ANN);
    assert_signed_out(&world.send(&world.with_cookies(Call::sign_out(true))).await);
    assert_eq!(world.sessions(), Vec::<serde_json::Value>::new());
}

#[tokio::test]
async fn a_program_signs_out_with_its_bearer_token() {
    let world = World::signed_in().await;
    let program = Call::sign_out(false).without_header("origin").without_header("x-requested-with");
    assert_signed_out(&world.send(&program.bearer(&world.session())).await);
    assert_eq!(world.messages("").await.reason(), "session_expired");
}

#[tokio::test]
async fn a59_a_session_that_cannot_be_ended_is_not_said_to_be_and_keeps_its_cookie() {
    let mut world = World::signed_in().await;
    for (operation, everywhere) in [("DeleteItem", false), ("UpdateItem", true)] {
        world.dynamodb.fail(operation, Fault::BROKEN, 100);
        let call = world.with_cookies(Call::sign_out(everywhere));
        let answer = world.send_within(Duration::from_secs(1), &call).await;
        assert_eq!(answer.problem(), (503, "storage_unavailable"), "{operation}");
        assert!(answer.cookies.is_empty() && answer.headers.contains_key("retry-after"), "{answer:?}");
        world.dynamodb.end_faults().await;
        world.lists().await;
    }
    assert_signed_out(&world.browse(Call::sign_out(true)).await);
}

#[tokio::test]
async fn signing_out_everywhere_gives_way_to_no_other_write() {
    let world = World::expired().await;
    let call = world.with_cookies(Call::sign_out(true));
    let app = world.environment(&[]);
    // A refresh writes between the read and the write of the sign-out.
    world.dynamodb.fail("UpdateItem", Fault::Delay(Duration::from_millis(50)), 1);
    let list = world.list();
    let (answer, _) = futures_util::future::join(world.send_to(&app, &call), world.send(&list)).await;
    assert_signed_out(&answer);
    assert_eq!(world.send(&list).await.reason(), "session_expired");
    assert_eq!(world.credential(ANN)["status"]["S"], "active");
}

#[tokio::test]
async fn b31_b33_to_b35_b39_only_the_two_bodies_of_the_contract_are_understood() {
    let world = World::signed_in().await;
    let call = world.with_cookies(Call::sign_out(false));
    for body in [
        "",
        "null",
        "true",
        "[]",
        "[true]",
        "\"everywhere\"",
        r#"{"everywhere":"true"}"#,
        r#"{"everywhere":null}"#,
        r#"{"everywhere":1}"#,
        r#"{"everywere":true}"#,
        r#"{"everywhere":true,"everywhere":false}"#,
        "{",
    ] {
        let answer = world.send(&call.clone().body(body)).await;
        assert_eq!(answer.problem(), (400, "invalid_request"), "{body}");
    }
    for content_type in ["text/plain", "application/x-www-form-urlencoded", "multipart/form-data; boundary=x"]
    {
        let answer = world.send(&call.clone().header("content-type", content_type)).await;
        assert_eq!(answer.problem(), (415, "unsupported_media_type"), "{content_type}");
    }
    world.lists().await;
    assert_signed_out(&world.send(&call.body(r#"{"everywhere":false}"#)).await);
}

#[tokio::test]
async fn a42_to_a45_a_page_elsewhere_ends_nothing() {
    let world = World::signed_in().await;
    let bearer = |call: Call| call.bearer(&world.session());
    for call in [Call::sign_out(false), Call::sign_out(true), Call::disconnect()] {
        let with_cookie = world.with_cookies(call.clone());
        world.forget_calls();
        let site = |site: &str| with_cookie.clone().without_header("origin").header("sec-fetch-site", site);
        for (foreign, problem) in [
            (with_cookie.clone().header("origin", "https://evil.example"), "forbidden_origin"),
            (with_cookie.clone().header("origin", "null"), "forbidden_origin"),
            (with_cookie.clone().header("origin", "https://app.example.com:444"), "forbidden_origin"),
            (with_cookie.clone().header("origin", "http://app.example.com"), "forbidden_origin"),
            (site("cross-site"), "forbidden_origin"),
            (site("same-site"), "forbidden_origin"),
            (with_cookie.clone().without_header("x-requested-with"), "csrf_header_missing"),
            (call.clone().without_header("x-requested-with"), "csrf_header_missing"),
            (bearer(call.clone()).header("origin", "https://evil.example"), "forbidden_origin"),
        ] {
            assert_eq!(world.send(&foreign).await.problem(), (403, problem), "{foreign:?}");
        }
        world.assert_untouched();
    }
    // No form and no link can send `Authorization`, so such a request needs no other proof.
    let call = bearer(Call::sign_out(false)).without_header("x-requested-with").header("origin", ORIGIN);
    assert_signed_out(&world.send(&call).await);
    // The callback takes no bearer token, and keeps its own rule.
    let post = Call::post("/oauth/callback", &json!({})).without_header("x-requested-with").bearer("x");
    assert_eq!(world.send(&post).await.problem(), (403, "csrf_header_missing"));
}
