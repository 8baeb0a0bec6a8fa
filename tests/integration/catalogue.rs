//! Ids of the catalogue that no other file's subject covers.

use std::time::Duration;

use harness::Fault;
use harness::google::{Decision, Endpoint, Failure, Rotation, Times};
use harness::stack::{CREDENTIALS_TABLE, SESSIONS_TABLE};
use harness::world::{ANN, BEN, Call, GOOGLE_CLIENT, KEYRING, ORIGIN, World, invoke, parameter};
use serde_json::{Value, json};

const BUDGET: Duration = Duration::from_secs(8);

/// The sources of what runs in production.
fn production_sources() -> Vec<(String, String)> {
    let root = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let mut found = Vec::new();
    let mut folders = vec![root.join("shared/src"), root.join("functions")];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).unwrap().map(Result::unwrap) {
            let path = entry.path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                let text = std::fs::read_to_string(&path).unwrap();
                let production = text.split("#[cfg(test)]").next().unwrap().to_owned();
                found.push((path.display().to_string(), production));
            }
        }
    }
    assert!(found.len() > 30);
    found
}

#[test]
fn a10_no_check_disappears_from_a_release_build() {
    for (path, text) in production_sources() {
        assert!(!text.contains("debug_assert") && !text.contains("cfg(debug_assertions"), "{path}");
    }
}

#[test]
fn f67_nothing_is_spawned_past_the_answer() {
    for (path, text) in production_sources() {
        assert!(!text.contains("spawn("), "{path}");
    }
}

#[test]
fn a65_secrets_have_no_comparison_of_their_own_and_digests_are_compared_in_constant_time() {
    for (path, text) in production_sources() {
        let expected = match path.rsplit('/').next().unwrap() {
            "flow.rs" | "google_client.rs" | "identity.rs" => 1,
            _ => 0,
        };
        assert!(text.matches(".ct_eq(").count() >= expected, "{path}");
        if path.ends_with("secret.rs") {
            let secret = &text[..text.find("pub struct Sealed").unwrap()];
            let declaration = &secret[..secret.find("pub mod kind").unwrap()];
            assert!(!declaration.contains("PartialEq"), "a secret cannot be compared with ==");
        }
        assert!(!text.contains(".expose() =="), "{path}");
    }
}

#[test]
fn a80_the_dependencies_with_known_holes_are_newer_than_those() {
    let lock = include_str!("../../Cargo.lock");
    for (name, least) in [("time", [0, 3, 47]), ("h2", [0, 4, 16])] {
        for package in
            lock.split("[[package]]").filter(|package| package.contains(&format!("name = \"{name}\"\n")))
        {
            let version = package.split("version = \"").nth(1).unwrap().split('"').next().unwrap();
            let version: Vec<u32> = version.split('.').map(|part| part.parse().unwrap()).collect();
            assert!(version.as_slice() >= least.as_slice(), "{name} {version:?}");
        }
    }
}

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
    let mut world = World::new().await;
    world.sign_in(ANN).await;
    let bearer = format!("Bearer {}", world.jar["__Host-session"]);
    let answer =
        world.send(&world.with_cookies(Call::get("/messages", "")).header("authorization", &bearer)).await;
    assert_eq!((answer.status, answer.code().as_str()), (400, "invalid_request"));
}

#[tokio::test]
async fn a38_a_stolen_copy_of_the_tables_holds_nothing_that_works() {
    let mut world = World::new().await;
    world.sign_in(ANN).await;
    let exchange = &world.stack.google.calls_to(Endpoint::Token)[0];
    let verifier = exchange.form_value("code_verifier").unwrap();
    let session = world.jar["__Host-session"].clone();
    let rows: Vec<String> = [CREDENTIALS_TABLE, SESSIONS_TABLE]
        .iter()
        .flat_map(|table| world.stack.dynamodb.scan(table))
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
    let page = Call::get("/oauth/callback", "code=x&state=AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA");
    let signed_in = world.sign_in(ANN).await;
    let answers = [
        signed_in,
        world.send(&page.header("accept", "text/html")).await,
        world.messages("").await,
        world.send(&Call::get("/messages", "")).await,
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
    let url = world.start("").await;
    let stolen = world.consent(&url, Decision::allow(BEN)).await;
    let code = parameter(&format!("https://x/?{stolen}"), "code");
    world.jar.clear();
    world.sign_in(ANN).await;
    world.forget_calls();
    let state = "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA";
    let body = json!({"code": code, "state": state});
    let answer = world.send(&world.with_cookies(Call::post("/oauth/callback", &body))).await;
    assert_eq!((answer.status, answer.code().as_str()), (400, "state_mismatch"));
    world.assert_untouched();
}

#[tokio::test]
async fn a52_b64_a_loop_of_one_address_is_told_to_stop() {
    let world = World::new().await;
    for address in ["192.0.2.1", "2001:db8::1", "garbage"] {
        let mut call = Call::get("/auth/start", "");
        call.source_ip = Some(address.to_owned());
        for _ in 0..100 {
            assert_eq!(world.send(&call).await.status, 302);
        }
        let answer = world.send(&call.clone().header("x-forwarded-for", "198.51.100.7")).await;
        assert_eq!((answer.status, answer.code().as_str()), (429, "rate_limited"), "{address}");
        assert_eq!(answer.headers["retry-after"], "1");
    }
    world.advance(1);
    let mut call = Call::get("/auth/start", "");
    call.source_ip = Some("192.0.2.1".to_owned());
    assert_eq!(world.send(&call).await.status, 302);
}

#[tokio::test]
async fn a56_a57_an_address_is_no_key_and_decides_nothing() {
    let mut world = World::new().await;
    world.sign_in(ANN).await;
    let ann = world.credential(ANN);
    // Another account with the same, unverified and malformed address.
    for email in [ANN, "a@evil.example@example.com"] {
        world.jar.clear();
        let claims = [("email".to_owned(), json!(email)), ("email_verified".to_owned(), json!(false))];
        world.stack.google.override_claims(serde_json::Map::from_iter(claims));
        world.sign_in(BEN).await;
        assert_eq!(world.credential(BEN)["email"]["S"], email);
        assert_eq!(world.credential(ANN), ann);
        let listed = world.messages("all=true&includeSpamTrash=true").await.json();
        let count = world.stack.google.account(BEN).unwrap().message_count();
        assert_eq!(listed["messages"].as_array().unwrap().len(), count);
    }
}

#[tokio::test]
async fn a60_f33_environments_that_refresh_a_rotating_token_together_leave_one_family() {
    let mut world = World::new().await;
    world.sign_in(ANN).await;
    world.stack.google.rotate_refresh_tokens(Rotation::ReuseEndsFamily);
    for _ in 0..3 {
        world.advance(3600);
        world.forget_calls();
        let environments: Vec<_> = (0..5).map(|_| world.environment(&[])).collect();
        let event = world.with_cookies(Call::get("/messages", "")).event().to_string();
        let answers = environments.iter().map(|app| invoke(Ok(app), &event, BUDGET));
        assert!(futures_util::future::join_all(answers).await.iter().all(|answer| answer.status == 200));
        assert_eq!(world.refreshes(), 1);
    }
}

#[tokio::test]
async fn a69_no_user_agent_opens_a_door() {
    let world = World::new().await;
    for agent in ["GoogleHC/1.0", "ELB-HealthChecker/2.0", "kube-probe/1.30"] {
        let answer = world.send(&Call::get("/messages", "").header("user-agent", agent)).await;
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
    let mut world = World::new().await;
    world.sign_in(ANN).await;
    for origin in [
        "https://app.example.com/",
        "https://app.example.com/x",
        "https://APP.example.com",
        "https://app.example.com:8443",
        "https://app.example.com, https://app.example.com",
        "https://app.example.com.evil.example",
        "",
    ] {
        let answer =
            world.send(&world.with_cookies(Call::get("/messages", "")).header("origin", origin)).await;
        assert_eq!((answer.status, answer.code().as_str()), (403, "forbidden_origin"), "{origin}");
    }
}

#[tokio::test]
async fn b59_without_fetch_metadata_and_origin_the_referrer_decides() {
    let world = World::new().await;
    let state = "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA";
    let post = Call::post("/oauth/callback", &json!({"code": "x", "state": state}))
        .without_header("origin")
        .cookie("__Host-flow-AAAAAA=x");
    assert_eq!(world.send(&post).await.status, 403);
    assert_eq!(world.send(&post.clone().header("referer", "https://evil.example/")).await.status, 403);
    let ours = post.header("referer", &format!("{ORIGIN}/inbox"));
    assert_eq!(world.send(&ours).await.code(), "state_mismatch");
}

/// The client's secret, with its token endpoint at a port where nobody listens.
fn nobody_listens(world: &World) {
    let secret = world.stack.google.client_secrets(&["https://api.example.com/oauth/callback"]);
    let mut secret: Value = serde_json::from_str(&secret).unwrap();
    secret["web"]["token_uri"] = json!("http://127.0.0.1:1/token");
    world.stack.secrets.put(GOOGLE_CLIENT, &secret.to_string());
}

#[tokio::test]
async fn f01_a_code_that_never_left_is_said_to_be_worth_another_try() {
    let mut world = World::new().await;
    world.sign_in(ANN).await;
    let before = world.kept(ANN);
    nobody_listens(&world);
    world.cold_start();
    let url = world.start("").await;
    let query = world.consent(&url, Decision::allow(ANN)).await;
    let answer = world.callback(&query).await;
    assert_eq!(parameter(answer.location(), "auth_error").as_deref(), Some("upstream_unavailable"));
    assert_eq!(world.kept(ANN), before);
}

#[tokio::test]
async fn f06_a_code_that_google_says_it_did_not_process_is_sent_once_more() {
    for status in [429, 503] {
        let mut world = World::new().await;
        world.stack.google.fail_exchange(Failure::Status(status), Times::Next(1));
        world.sign_in(ANN).await;
        assert_eq!(world.exchanges(), 2);
        world.jar.clear();
        world.stack.google.fail_exchange(Failure::Status(status), Times::Next(2));
        let url = world.start("").await;
        let query = world.consent(&url, Decision::allow(ANN)).await;
        let answer = world.callback(&query).await;
        assert_eq!(parameter(answer.location(), "auth_error").as_deref(), Some("upstream_unavailable"));
        assert_eq!(world.exchanges(), 4);
    }
}

#[tokio::test]
async fn f10_b66_a_grant_with_fewer_or_with_absurdly_many_scopes_is_not_stored() {
    let many: Vec<String> = (0..10_000).map(|number| format!("s{number}")).collect();
    let body = json!({"access_token": "ya29.planted", "token_type": "Bearer", "expires_in": 3599, "scope": many.join(" "),
        "refresh_token": "1//planted"})
    .to_string();
    let mut world = World::new().await;
    let answer = Failure::Answer {
        status: 200,
        headers: vec![("content-type".into(), "application/json".into())],
        body,
    };
    world.stack.google.fail_exchange(answer, Times::Next(1));
    let url = world.start("").await;
    let query = world.consent(&url, Decision::allow(ANN)).await;
    let refused = world.callback(&query).await;
    assert_eq!(parameter(refused.location(), "auth_error").as_deref(), Some("upstream_malformed"));
    let url = world.start("").await;
    let gmail = "https://www.googleapis.com/auth/gmail.readonly";
    let query = world.consent(&url, Decision::allow_without(BEN, &[gmail])).await;
    let refused = world.callback(&query).await;
    assert_eq!(parameter(refused.location(), "auth_error").as_deref(), Some("consent_incomplete"));
    assert_eq!((world.credential(ANN), world.credential(BEN)), (Value::Null, Value::Null));
}

#[tokio::test]
async fn f11_f13_an_answer_or_a_token_beyond_all_measure_is_not_believed() {
    let tokens = |refresh_token: String, padding: String| {
        let body = json!({"access_token": "ya29.planted-access-token", "token_type": "Bearer", "expires_in": 3599,
            "refresh_token": refresh_token, "padding": padding});
        let headers = vec![("content-type".to_owned(), "application/json".to_owned())];
        Failure::Answer { status: 200, headers, body: body.to_string() }
    };
    for failure in [tokens("1//x".repeat(600), String::new()), tokens(String::new(), "x".repeat(70_000))] {
        let mut world = World::new().await;
        world.sign_in(ANN).await;
        world.advance(3600);
        let before = world.kept(ANN);
        world.stack.google.fail_refresh(failure.clone(), Times::Next(1));
        let answer = world.messages("").await;
        assert_eq!((answer.status, answer.code().as_str()), (502, "upstream_malformed"));
        assert_eq!(world.kept(ANN), before);
        world.stack.google.fail_exchange(failure, Times::Next(1));
        let url = world.start("").await;
        let query = world.consent(&url, Decision::allow(ANN)).await;
        let answer = world.callback(&query).await;
        assert_eq!(parameter(answer.location(), "auth_error").as_deref(), Some("upstream_malformed"));
        assert_eq!(world.kept(ANN), before);
    }
}

#[tokio::test]
async fn a08_no_token_of_one_kind_stands_in_for_another() {
    let mut world = World::new().await;
    world.sign_in(ANN).await;
    let session = world.jar["__Host-session"].clone();
    let url = world.start("").await;
    let state = parameter(&url, "state").unwrap();
    let flow = world.jar[&format!("__Host-flow-{}", &state[..6])].clone();
    world.forget_calls();
    let list = |token: &str| Call::get("/messages", "").header("authorization", &format!("Bearer {token}"));
    for token in [&flow, &state, &format!("{flow}.{state}")] {
        assert_eq!(world.send(&list(token)).await.status, 401);
        let cookie = Call::get("/messages", "").cookie(&format!("__Host-session={token}"));
        assert_eq!(world.send(&cookie).await.status, 401);
    }
    let as_flow = Call::get("/oauth/callback", &format!("code=x&state={state}"))
        .cookie(&format!("__Host-flow-{}={session}", &state[..6]));
    assert_eq!(world.send(&as_flow).await.code(), "state_mismatch");
    world.assert_untouched();
}

#[tokio::test]
async fn f62_a_token_of_the_keyring_before_this_one_still_opens() {
    let mut world = World::new().await;
    world.sign_in(ANN).await;
    let other = r#"{"primary":"k2","k2":"another-planted-key-0123456789abcdefghijklm"}"#;
    world.stack.secrets.put(KEYRING, other);
    world.advance(3600);
    world.jar.clear();
    world.sign_in(ANN).await;
    let mut item = world.credential(ANN);
    assert!(item["refresh_token"]["S"].as_str().unwrap().starts_with("v1.k1."));
    world.advance(3600);
    assert_eq!(world.messages("").await.status, 200);
    item = world.credential(ANN);
    assert!(
        item["refresh_token"]["S"].as_str().unwrap().starts_with("v1.k2."),
        "and is sealed with today's key"
    );
}

#[tokio::test]
async fn f12_a_grant_of_limited_time_ends_without_asking_google() {
    let mut world = World::new().await;
    world.stack.google.refresh_tokens_live_for(Some(Duration::from_hours(7 * 24)));
    world.sign_in(ANN).await;
    assert_eq!(
        world.credential(ANN)["refresh_token_expires_at"]["N"],
        (1_793_500_000_i64 + 604_800).to_string()
    );
    let mut item = world.credential(ANN);
    item["refresh_token_expires_at"] = json!({"N": "1793500010"});
    world.stack.dynamodb.put(CREDENTIALS_TABLE, item);
    world.advance(10);
    world.forget_calls();
    let answer = world.messages("").await;
    assert_eq!((answer.status, answer.json()["reason"].as_str()), (401, Some("revoked_or_expired")));
    assert_eq!(world.google_calls(), []);
}

#[tokio::test]
async fn f52_a_mailbox_that_gmail_does_not_find_is_not_a_dead_grant() {
    let mut world = World::new().await;
    world.sign_in(ANN).await;
    let before = world.credential(ANN);
    for status in [404, 410] {
        world.stack.google.fail(Endpoint::MessagesList, Failure::Status(status), Times::Next(1));
        let answer = world.messages("").await;
        assert_eq!((answer.status, answer.code().as_str()), (502, "upstream_rejected"));
    }
    assert_eq!(world.credential(ANN), before);
}

#[tokio::test]
async fn f54_f57_reads_are_consistent_and_no_write_is_a_transaction() {
    let mut world = World::new().await;
    world.sign_in(ANN).await;
    world.advance(3600);
    world.messages("").await;
    world.stack.google.fail_refresh(Failure::InvalidGrant, Times::Next(1));
    world.advance(3600);
    world.messages("").await;
    let calls = world.stack.dynamodb.calls();
    assert!(calls.len() > 8);
    for call in calls {
        match call.operation.as_str() {
            "GetItem" => assert_eq!(call.body["ConsistentRead"], true),
            "BatchGetItem" => {
                let tables = call.body["RequestItems"].as_object().unwrap().values();
                assert!(tables.into_iter().all(|table| table["ConsistentRead"] == true));
            }
            "UpdateItem" => assert!(call.body["ConditionExpression"].is_string()),
            "PutItem" | "DeleteItem" => {}
            other => panic!("{other} is not one of the operations"),
        }
    }
}

#[tokio::test]
async fn f65_a_key_service_that_refuses_is_met_with_the_last_good_secret_and_else_with_503() {
    let mut world = World::new().await;
    world.sign_in(ANN).await;
    let disabled = Fault::Refusal { status: 400, exception: "DecryptionFailure" };
    world.advance(600);
    world.stack.secrets.fail("GetSecretValue", disabled.clone(), 2);
    assert_eq!(world.messages("").await.status, 200);
    world.cold_start();
    world.stack.secrets.clear_faults();
    world.stack.secrets.fail("GetSecretValue", disabled, 2);
    let answer = world.messages("").await;
    assert_eq!((answer.status, answer.code().as_str()), (503, "secrets_unavailable"));
    assert_eq!(world.messages("").await.status, 503);
    assert_eq!(world.messages("").await.status, 200, "and the next one asks again");
}

#[tokio::test]
async fn f68_a_process_that_was_frozen_reads_the_clock_anew() {
    let mut world = World::new().await;
    world.sign_in(ANN).await;
    assert_eq!(world.messages("").await.status, 200);
    world.forget_calls();
    world.advance(3 * 3600);
    assert_eq!(world.messages("").await.status, 200);
    assert_eq!(world.refreshes(), 1);
    assert_eq!(world.secrets_read(), [KEYRING, GOOGLE_CLIENT], "what is remembered has aged too");
}

#[tokio::test]
async fn f69_a_panic_is_a_problem_document_that_says_nothing() {
    let world = World::new().await;
    let event = Call::get("/messages", "").event().to_string();
    let deadline = shared::clock::Deadline::after(BUDGET);
    let invocation = shared::gateway::Invocation { request_id: "request-1".to_owned(), deadline };
    let app: Result<_, &shared::config::ConfigError> = Ok(&world.app);
    let answer = shared::gateway::respond(
        app,
        list_messages::ROUTE,
        async |_, _| panic!("a panic that holds planted-panic-secret"),
        &event,
        invocation,
    )
    .await;
    let wire = serde_json::to_string(&answer).unwrap();
    assert!(include_str!("../../Cargo.toml").contains("panic = \"unwind\""));
    assert_eq!(answer.status_code, 500);
    assert!(wire.contains("\\\"code\\\":\\\"internal\\\"") && !wire.contains("planted"));
}

#[tokio::test]
async fn f72_a_list_ends_at_five_thousand_messages_and_says_where_to_go_on() {
    let mut world = World::new().await;
    world.sign_in(ANN).await;
    let page: Vec<Value> =
        (0..500).map(|number| json!({"id": format!("{number:016x}"), "threadId": "1"})).collect();
    let body = json!({"messages": page, "nextPageToken": "more", "resultSizeEstimate": 90_000}).to_string();
    let endless = Failure::Answer {
        status: 200,
        headers: vec![("content-type".into(), "application/json".into())],
        body,
    };
    world.stack.google.fail(Endpoint::MessagesList, endless, Times::UntilCleared);
    let answer = world.messages("all=true").await;
    assert_eq!(answer.json()["messages"].as_array().unwrap().len(), 5000);
    assert_eq!(answer.json()["nextPageToken"], "more");
    assert!(answer.body.len() < 6 * 1024 * 1024);
}

#[tokio::test]
async fn f62_a_token_is_sealed_with_todays_key_at_the_next_refresh() {
    let mut world = World::new().await;
    world.sign_in(ANN).await;
    let name = world.credential(ANN)["refresh_token_id"].clone();
    let rotated = r#"{"primary":"k2","k1":"planted-keyring-0123456789abcdefghijklmnop",
        "k2":"another-planted-key-0123456789abcdefghijklm"}"#;
    world.stack.secrets.put(KEYRING, rotated);
    world.advance(3600);
    assert_eq!(world.messages("").await.status, 200);
    let item = world.credential(ANN);
    assert!(item["refresh_token"]["S"].as_str().unwrap().starts_with("v1.k2."));
    assert!(item["access_token"]["S"].as_str().unwrap().starts_with("v1.k2."));
    assert_eq!(item["refresh_token_id"], name, "it is the same token");
    world
        .stack
        .secrets
        .put(KEYRING, r#"{"primary":"k2","k2":"another-planted-key-0123456789abcdefghijklm"}"#);
    world.advance(3600);
    world.jar.clear();
    world.sign_in(ANN).await;
    assert_eq!(world.messages("").await.status, 200);
}
