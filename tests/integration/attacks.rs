//! Attacks and bad input that no other file's subject covers.

use harness::google::{Decision, Endpoint, Rotation};
use harness::stack::{CREDENTIALS_TABLE, SESSIONS_TABLE};
use harness::world::{
    ANN, BEN, Call, FORGED_STATE, FrontEnd, ORIGIN, World, code_and_state, forces_consent, parameter,
};
use serde_json::json;

use super::sources::production_sources;

#[tokio::test]
async fn a27_a_redirect_never_repeats_a_method_or_a_body() {
    let mut world = World::new().await;
    assert_eq!(world.browse(Call::get("/auth/start", "")).await.status, 302);
    assert_eq!(world.sign_in(ANN).await.status, 303);
    for (path, text) in production_sources() {
        assert!(!text.contains("TEMPORARY_REDIRECT") && !text.contains("PERMANENT_REDIRECT"), "{path}");
    }
}

#[tokio::test]
async fn a34_a_cookie_and_a_bearer_token_together_are_refused() {
    let world = World::signed_in().await;
    let both = world.list().bearer(&world.session());
    assert_eq!(world.send(&both).await.problem(), (400, "invalid_request"));
}

#[tokio::test]
async fn a38_a_stolen_copy_of_the_tables_holds_nothing_that_works() {
    let mut world = World::new().await;
    world.sign_in(ANN).await;
    let exchange = &world.google.calls_to(Endpoint::Token)[0];
    let verifier = exchange.form_value("code_verifier").unwrap();
    let session = world.session();
    let rows: Vec<String> = [CREDENTIALS_TABLE, SESSIONS_TABLE]
        .iter()
        .flat_map(|table| world.dynamodb.scan(table))
        .map(|row| row.to_string())
        .collect();
    assert!(rows.len() >= 3);
    let (_, random_half) = session.rsplit_once('.').unwrap();
    for secret in ["ya29.", "1//0", &verifier, &session, random_half] {
        assert!(rows.iter().all(|row| !row.contains(secret)));
    }
}

#[tokio::test]
async fn a41_a48_a50_every_answer_is_kept_out_of_caches_frames_and_referrers() {
    let mut world = World::new().await;
    let page = Call::get("/oauth/callback", &format!("code=x&state={FORGED_STATE}"));
    let signed_in = world.sign_in(ANN).await;
    let answers = [
        signed_in,
        world.send(&page.header("accept", "text/html")).await,
        world.messages("").await,
        world.send(&Call::list("")).await,
        world.send(&Call::get("/nowhere", "")).await,
    ];
    for answer in answers {
        assert_eq!(answer.headers["cache-control"], "no-store");
        assert_eq!(answer.headers["vary"], "Origin");
        assert_eq!(answer.headers["x-frame-options"], "DENY");
        assert_eq!(answer.headers["referrer-policy"], "no-referrer");
        assert_eq!(answer.headers["strict-transport-security"], "max-age=63072000; includeSubDomains");
        let policy = &answer.headers["content-security-policy"];
        assert!(policy.contains("default-src 'none'") && policy.contains("frame-ancestors 'none'"));
        assert!(
            !answer.body.contains("src=")
                && !answer.body.contains("<script")
                && !answer.body.contains("<link")
        );
    }
}

#[tokio::test]
async fn a46_a_code_that_was_stolen_from_a_popup_needs_a_state_of_this_browser() {
    let mut world = World::new().await;
    let (code, _) = code_and_state(&world.consented(BEN).await);
    world.jar.clear();
    world.sign_in(ANN).await;
    world.forget_calls();
    let body = json!({"code": code, "state": FORGED_STATE});
    let answer = world.browse(Call::post("/oauth/callback", &body)).await;
    assert_eq!(answer.problem(), (400, "state_mismatch"));
    world.assert_untouched();
}

#[tokio::test]
async fn a56_a57_an_address_is_no_key_and_decides_nothing() {
    let mut world = World::signed_in().await;
    let ann = world.credential(ANN);
    // Another account with the same, unverified and malformed address.
    for email in [ANN, "a@evil.example@example.com"] {
        world.jar.clear();
        let claims = [("email".to_owned(), json!(email)), ("email_verified".to_owned(), json!(false))];
        world.google.override_claims(serde_json::Map::from_iter(claims));
        world.sign_in(BEN).await;
        assert_eq!(world.credential(BEN)["email"]["S"], email);
        assert_eq!(world.credential(ANN), ann);
        let listed = world.messages("all=true&includeSpamTrash=true").await.json();
        let count = world.google.account(BEN).unwrap().message_count();
        assert_eq!(listed["messages"].as_array().unwrap().len(), count);
    }
}

#[tokio::test]
async fn a60_f33_environments_that_refresh_a_rotating_token_together_leave_one_family() {
    let world = World::signed_in().await;
    world.google.rotate_refresh_tokens(Rotation::ReuseEndsFamily);
    for _ in 0..3 {
        world.advance(3600);
        world.forget_calls();
        let environments: Vec<_> = (0..5).map(|_| world.environment(&[])).collect();
        let call = world.list();
        let answers = environments.iter().map(|app| world.send_to(app, &call));
        assert!(futures_util::future::join_all(answers).await.iter().all(|answer| answer.status == 200));
        assert_eq!(world.refreshes(), 1);
    }
}

#[tokio::test]
async fn a69_no_user_agent_opens_a_door() {
    let world = World::new().await;
    for agent in ["GoogleHC/1.0", "ELB-HealthChecker/2.0", "kube-probe/1.30"] {
        let answer = world.send(&Call::list("").header("user-agent", agent)).await;
        assert_eq!(answer.status, 401);
        assert_eq!(world.send(&Call::get("/ping", "").header("user-agent", agent)).await.status, 404);
    }
}

#[tokio::test]
async fn a79_b36_deep_or_long_texts_are_refused_without_a_call() {
    let world = World::new().await;
    let deep = format!("{}{}", "[".repeat(500_000), "]".repeat(500_000));
    for event in [deep.clone(), format!("{{\"version\":\"2.0\",\"rawPath\":{deep}}}")] {
        assert_eq!(world.send_event(&event).await.status, 400);
    }
    let long = json!({"code": "x".repeat(1_000_000), "state": "y"});
    assert_eq!(world.send(&Call::post("/oauth/callback", &long)).await.status, 413);
    world.assert_untouched();
}

#[tokio::test]
async fn b57_an_origin_is_compared_whole() {
    let world = World::signed_in().await;
    for origin in [
        "https://app.example.com/",
        "https://app.example.com/x",
        "https://APP.example.com",
        "https://app.example.com:8443",
        "https://app.example.com, https://app.example.com",
        "https://app.example.com.evil.example",
        "",
    ] {
        let answer = world.send(&world.list().header("origin", origin)).await;
        assert_eq!(answer.problem(), (403, "forbidden_origin"), "{origin}");
    }
}

#[tokio::test]
async fn b59_without_fetch_metadata_and_origin_the_referrer_decides() {
    let world = World::new().await;
    let post = Call::post("/oauth/callback", &json!({"code": "x", "state": FORGED_STATE}))
        .without_header("origin")
        .cookie("__Host-flow-AAAAAA=x");
    assert_eq!(world.send(&post).await.status, 403);
    assert_eq!(world.send(&post.clone().header("referer", "https://evil.example/")).await.status, 403);
    let ours = post.header("referer", &format!("{ORIGIN}/inbox"));
    assert_eq!(world.send(&ours).await.code(), "state_mismatch");
}

#[tokio::test]
async fn a08_no_token_of_one_kind_stands_in_for_another() {
    let mut world = World::signed_in().await;
    let session = world.session();
    let front_end = FrontEnd::default();
    let code = world.code(&front_end, ANN).await;
    world.plant(&code);
    let url = world.start("").await;
    let state = parameter(&url, "state").unwrap();
    let flow = world.jar[format!("__Host-flow-{}", &state[..6]).as_str()].clone();
    world.forget_calls();
    let list = |token: &str| Call::list("").bearer(token);
    for token in [&flow, &state, &format!("{flow}.{state}"), &code] {
        assert_eq!(world.send(&list(token)).await.status, 401);
        for cookie in [Call::list("").session(token), Call::list("").partitioned_session(token)] {
            assert_eq!(world.send(&cookie).await.status, 401);
        }
    }
    let as_flow = Call::get("/oauth/callback", &format!("code=x&state={state}"))
        .cookie(&format!("__Host-flow-{}={session}", &state[..6]));
    assert_eq!(world.send(&as_flow).await.code(), "state_mismatch");
    world.assert_untouched();
    for token in [&flow, &state, &session] {
        let answer = world.send(&front_end.redeems(token)).await;
        assert_eq!((answer.status, answer.json()["code"].as_str()), (400, Some("invalid_grant")));
    }
}

#[tokio::test]
async fn a39_a_credential_that_does_not_open_is_repaired_by_an_ordinary_sign_in() {
    let mut world = World::signed_in().await;
    let mut item = world.credential(ANN);
    let sealed = item["refresh_token"]["S"].as_str().unwrap();
    let altered = format!("{}AAAA", &sealed[..sealed.len() - 4]);
    item["refresh_token"]["S"] = json!(altered);
    world.put(item);
    let through_consent = world.attempt(ANN).await.authorization_url();
    assert!(forces_consent(&through_consent));
    world.come_back(&through_consent, ANN).await.session();
    world.advance(3600);
    world.lists().await;
}

#[tokio::test]
async fn a_posted_code_that_was_issued_for_another_redirect_uri_is_the_callers_mistake() {
    let mut world = World::new().await;
    let popup = "https://app.example.com";
    world.google.client_secrets(&["https://api.example.com/oauth/callback", popup]);
    let url = world.start_json().await;
    let own = "redirect_uri=https%3A%2F%2Fapi.example.com%2Foauth%2Fcallback";
    assert!(url.contains(own));
    let consent = world
        .google
        .consent(&url.replace(own, "redirect_uri=https%3A%2F%2Fapp.example.com"), Decision::allow(ANN))
        .await;
    let body = json!({"code": consent.code(), "state": consent.parameter("state")});
    let answer = world.browse(Call::post("/oauth/callback", &body)).await;
    assert_eq!(answer.problem(), (400, "code_rejected"), "{answer:?}");
}

#[tokio::test]
async fn b06_a_script_that_asked_for_json_reads_the_refusal() {
    let mut world = World::new().await;
    let url = world.start("").await;
    let query = world.consent(&url, Decision::deny(ANN)).await;
    let answer =
        world.browse(Call::get("/oauth/callback", &query).header("accept", "application/json")).await;
    assert_eq!(answer.problem(), (403, "consent_denied"));
}

#[tokio::test]
async fn a47_what_a_page_embeds_begins_no_flow() {
    let world = World::new().await;
    let image = Call::list("").header("sec-fetch-site", "same-site").header("sec-fetch-dest", "image");
    let answer = world.send(&image).await;
    assert_eq!(answer.status, 401);
    assert!(answer.cookies.is_empty());
}
