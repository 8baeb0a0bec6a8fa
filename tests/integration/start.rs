//! `GET /auth/start`.

use std::collections::HashSet;

use harness::world::{ANN, Call, ORIGIN, World, parameter};
use insta::assert_snapshot;
use serde_json::Value;

use super::steady::steady;

#[tokio::test]
async fn a_browser_is_sent_to_google_with_everything_the_guide_asks_for() {
    let mut world = World::new().await;
    let answer = world.browse(Call::get("/auth/start", "login_hint=ann%40example.com")).await;
    assert_eq!(answer.status, 302);
    assert_snapshot!(steady(answer.location()), @"
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
    ");
    assert_snapshot!(steady(&answer.cookies.join("\n")), @"__Host-flow-[6 of state]=[sealed by k1]; Max-Age=600; Path=/; Secure; HttpOnly; SameSite=Lax");
    let state = parameter(answer.location(), "state").unwrap();
    assert!(answer.cookies[0].starts_with(&format!("__Host-flow-{}=", &state[..6])));
    world.assert_untouched();
}

#[tokio::test]
async fn a_page_that_asks_for_json_gets_the_url_in_it() {
    let mut world = World::new().await;
    let answer = world.browse(Call::start_json()).await;
    assert_eq!(answer.status, 200);
    assert_eq!(answer.headers["content-type"], "application/json");
    assert_eq!(answer.json()["expires_at"], 1_793_500_600);
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
    assert_snapshot!(steady(&answer.cookies.join("\n")), @"__Host-flow-[6 of state]=[sealed by k1]; Max-Age=600; Path=/; Secure; HttpOnly; SameSite=Lax");
}

#[tokio::test]
async fn a12_a13_every_flow_has_values_of_its_own() {
    let world = World::new().await;
    let mut seen = HashSet::new();
    for _ in 0..1000 {
        let answer = world.send(&Call::get("/auth/start", "")).await;
        for name in ["state", "nonce", "code_challenge"] {
            assert!(seen.insert(parameter(answer.location(), name).unwrap()));
        }
        assert_eq!(parameter(answer.location(), "code_challenge_method").as_deref(), Some("S256"));
    }
}

#[tokio::test]
async fn a26_a24_nothing_of_the_url_is_the_callers_choice_but_the_hint() {
    let world = World::new().await;
    let query = "redirect_uri=https%3A%2F%2Fevil.example&scope=https%3A%2F%2Fmail.google.com%2F&client_id=x&prompt=none\
                 &access_type=online&state=x&code_challenge=x&response_mode=fragment";
    let call = Call::get("/auth/start", query)
        .header("host", "evil.example")
        .header("x-forwarded-host", "evil.example");
    let answer = world.send(&call).await;
    assert_eq!(answer.status, 302);
    assert_snapshot!(steady(answer.location()), @"
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
}

#[tokio::test]
async fn a19_a28_b54_a_return_to_of_another_origin_is_refused() {
    let world = World::new().await;
    let long = format!("return_to=https%3A%2F%2Fapp.example.com%2F{}", "x".repeat(500));
    for query in [
        "return_to=https%3A%2F%2Fevil.com",
        "return_to=%2F%2Fevil",
        "return_to=%2F%5Cevil",
        "return_to=%2F%250d%250aX%3Ay",
        "return_to=%2F%0d%0aX%3Ay",
        "return_to=javascript%3Aalert(1)",
        "return_to=https%3A%2F%2Fapp.example.com%40evil.com",
        "return_to=",
        &long,
    ] {
        let answer = world.send(&Call::get("/auth/start", query)).await;
        assert_eq!(answer.problem(), (400, "invalid_return_to"), "{query}");
        assert!(answer.cookies.is_empty());
    }
    world.assert_untouched();
}

#[tokio::test]
async fn b52_an_impossible_hint_is_refused() {
    let world = World::new().await;
    for query in
        ["login_hint=", "login_hint=a%40b%40c", "login_hint=a%0d%0aSet-Cookie%3Ax", "login_hint=%E2%80%AEa"]
    {
        assert_eq!(
            world.send(&Call::get("/auth/start", query)).await.problem(),
            (400, "invalid_request"),
            "{query}"
        );
    }
}

#[tokio::test]
async fn b53_a_strange_hint_goes_to_google_encoded_and_nowhere_else() {
    let world = World::new().await;
    let answer = world.send(&Call::get("/auth/start", "login_hint=%22%3E%3Cscript%3E")).await;
    assert_eq!(answer.status, 302);
    assert!(answer.location().contains("login_hint=%22%3E%3Cscript%3E"));
}

#[tokio::test]
async fn a17_another_site_does_not_begin_a_sign_in() {
    let world = World::new().await;
    let begin = |headers: &[(&str, &str)]| {
        headers.iter().fold(Call::get("/auth/start", ""), |call, (name, value)| call.header(name, value))
    };
    for headers in [
        vec![("sec-fetch-site", "cross-site"), ("sec-fetch-dest", "image")],
        vec![
            ("sec-fetch-site", "cross-site"),
            ("sec-fetch-dest", "iframe"),
            ("referer", "https://app.example.com/"),
        ],
        vec![
            ("sec-fetch-site", "cross-site"),
            ("sec-fetch-dest", "document"),
            ("referer", "https://evil.example/"),
        ],
        vec![("sec-fetch-site", "cross-site"), ("sec-fetch-dest", "document")],
        vec![("origin", "https://evil.example")],
        vec![("origin", "null")],
    ] {
        assert_eq!(world.send(&begin(&headers)).await.problem(), (403, "forbidden_origin"), "{headers:?}");
    }
    for headers in [
        vec![
            ("sec-fetch-site", "cross-site"),
            ("sec-fetch-dest", "document"),
            ("referer", "https://app.example.com/"),
        ],
        vec![("sec-fetch-site", "none"), ("sec-fetch-dest", "document")],
        vec![("origin", ORIGIN), ("sec-fetch-site", "cross-site"), ("sec-fetch-dest", "empty")],
        vec![],
    ] {
        assert_eq!(world.send(&begin(&headers)).await.status, 302, "{headers:?}");
    }
}

#[tokio::test]
async fn a18_a_prefetch_is_refused() {
    let mut world = World::new().await;
    let query = world.consented(ANN).await;
    for (path, query) in [("/auth/start", ""), ("/oauth/callback", query.as_str())] {
        let ahead_of_time =
            world.with_cookies(Call::get(path, query)).header("sec-purpose", "prefetch;prerender");
        assert_eq!(world.send(&ahead_of_time).await.problem(), (403, "prefetch_refused"));
    }
    world.assert_untouched();
    assert!(world.callback(&query).await.begins_session(), "the flow is still good");
}

#[tokio::test]
async fn a_browser_reads_a_page_where_a_program_reads_a_problem_document() {
    let world = World::new().await;
    let wrong = Call::get("/auth/start", "return_to=x");
    let page = world.send(&wrong.clone().header("accept", "text/html,*/*;q=0.8")).await;
    assert_eq!(page.headers["content-type"], "text/html; charset=utf-8");
    assert!(page.body.contains("invalid_return_to"));
    let problem = world.send(&wrong).await;
    assert_eq!(problem.headers["content-type"], "application/problem+json");
    let document: Value = problem.json();
    for member in ["type", "title", "status", "detail", "instance", "code"] {
        assert!(!document[member].is_null(), "{member}");
    }
}

#[tokio::test]
async fn a_page_that_asks_for_json_without_a_return_to_is_where_its_sign_in_ends() {
    let second = "https://second.example.com";
    let mut world = World::new().await;
    world.configure(&[("ALLOWED_ORIGINS", &format!("{ORIGIN},{second}"))]);
    let json = Call::start_json();
    let given = Call { query: "return_to=https%3A%2F%2Fapp.example.com%2Finbox".to_owned(), ..json.clone() };
    for (call, home) in [
        (json.clone().header("origin", second), "https://second.example.com/"),
        (given.header("origin", second), "https://app.example.com/inbox"),
        (json.clone().header("referer", &format!("{second}/inbox?x=1")), "https://second.example.com/"),
        (json.clone().header("referer", "https://evil.example/"), "https://app.example.com/"),
        (json, "https://app.example.com/"),
        (Call::get("/auth/start", "").header("origin", second), "https://app.example.com/"),
    ] {
        let answer = world.browse(call.clone()).await;
        assert_eq!(
            world.come_back(&answer.authorization_url(), ANN).await.location(),
            home,
            "{:?}",
            call.headers
        );
    }
}
