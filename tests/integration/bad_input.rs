//! Bad input on the three routes: each gets its documented answer, changes nothing and causes no
//! 5xx.

use base64::Engine;
use harness::world::{ANN, BUDGET, Call, FORGED_STATE, World, code_and_state, invoke, parameter};
use serde_json::{Value, json};

/// Asserts an answer, and that nothing else happened (I1, I6).
async fn expect(world: &World, call: &Call, status: i64, code: &str) {
    let answer = world.send(call).await;
    assert_eq!(answer.problem(), (status, code), "{call:.300?}");
    assert!(!answer.begins_session(), "{answer:?}");
    world.assert_untouched();
}

#[tokio::test]
async fn b01_to_b05_and_b08_to_b21_a_malformed_callback_is_refused_before_any_crypto() {
    let world = World::new().await;
    let with_state = |query: &str| format!("{query}&state={FORGED_STATE}");
    let long_code = format!("code={}", "x".repeat(1025));
    let long_state = format!("code=x&state={}", "a".repeat(3000));
    for (query, code) in [
        (String::new(), "invalid_request"),                   // B01
        (with_state("code="), "invalid_request"),             // B02
        ("code=x&state=".to_owned(), "invalid_request"),      // B02
        (with_state("code=a&code=b"), "duplicate_parameter"), // B03
        (with_state("code=a&code=a"), "duplicate_parameter"), // B03
        (with_state(&format!("code=a&state={FORGED_STATE}")), "duplicate_parameter"), // B04
        (with_state("code=a&error=access_denied"), "invalid_request"), // B05
        ("error=access_denied".to_owned(), "state_missing"),  // B08
        (with_state(&long_code), "invalid_request"),          // B09
        (with_state("code=a%00"), "invalid_request"),         // B10
        (with_state("code=a%0d%0a"), "invalid_request"),      // B10
        (with_state("code=%7f"), "invalid_request"),          // B10
        (with_state("code=%C3%A9"), "invalid_request"),       // B10
        (with_state("code=%"), "malformed_encoding"),         // B11
        (with_state("code=%4"), "malformed_encoding"),        // B11
        (with_state("code=%zz"), "malformed_encoding"),       // B11
        (with_state("code=%ff%fe"), "malformed_encoding"),    // B12
        (with_state("code=%c0%af"), "malformed_encoding"),    // B12
        (with_state("code=a+b"), "invalid_request"),          // B14
        (with_state("Code=x"), "invalid_request"),            // B15
        (with_state("code[]=x"), "invalid_request"),          // B15
        ("code=x;state=y".to_owned(), "state_missing"),       // B16
        (with_state(&"a=1&".repeat(33)), "too_many_parameters"), // B18
        (with_state(&format!("a={}", "x".repeat(4096))), "too_many_parameters"), // B18
        (with_state("code=\""), "malformed_encoding"),        // B19
        (with_state("code=<"), "malformed_encoding"),         // B19
        (with_state("code= "), "malformed_encoding"),         // B19
        (with_state("code=\u{1}"), "malformed_encoding"),     // B19
        ("code=x&state=short".to_owned(), "invalid_request"), // B21
        (format!("code=x&state={FORGED_STATE}%3D"), "invalid_request"), // B21
        (long_state, "invalid_request"),                      // B21
    ] {
        expect(&world, &Call::get("/oauth/callback", &query), 400, code).await;
    }
    expect(&world, &Call::get("/oauth/callback", &"x".repeat(70_000)), 414, "uri_too_long").await; // B20
    expect(&world, &Call::get("/oauth/callback", &with_state("code=%2500")), 400, "state_mismatch").await; // B13
    assert!(world.secrets_read().len() <= 1);
}

#[tokio::test]
async fn b14_a_code_works_with_a_slash_raw_or_encoded() {
    for encode in [true, false] {
        let mut world = World::new().await;
        let (code, state) = code_and_state(&world.consented(ANN).await);
        assert!(code.contains('/'));
        let code = if encode { code.replace('/', "%2F") } else { code };
        world.callback(&format!("code={code}&state={state}")).await.session();
    }
}

#[tokio::test]
async fn b23_to_b30_strange_cookies_and_authorization_headers_are_no_session() {
    let world = World::signed_in().await;
    let session = world.session();
    world.forget_calls();
    let list = || Call::list("");
    let bomb = (0..200).fold(list(), |call, number| call.cookie(&format!("c{number}=x")));
    expect(&world, &bomb, 431, "headers_too_large").await;
    expect(&world, &list().cookie(&format!("a={}", "x".repeat(9000))), 431, "headers_too_large").await;
    let twice = list().session(&session).cookie("__Host-session=x");
    expect(&world, &twice, 400, "ambiguous_cookie").await;
    for cookie in
        [";;;=;a;=b;", &format!("\u{2000}__Host-session={session}"), &format!("__HoSt-session={session}")]
    {
        expect(&world, &list().cookie(cookie), 401, "unauthenticated").await;
    }
    expect(&world, &list().cookie(&format!("__Host-session=\"{session}\"")), 401, "unauthenticated").await;
    for (header, status, code) in [
        ("Bearer", 400, "invalid_request"),
        ("Bearer  x", 400, "invalid_request"),
        ("Bearer a b", 400, "invalid_request"),
        ("Bearer a, Bearer b", 400, "invalid_request"),
        ("Basic YTpi", 401, "unauthenticated"),
        ("Bearer %zz", 401, "unauthenticated"),
        ("Bearer \u{e9}", 400, "invalid_request"),
    ] {
        expect(&world, &list().header("authorization", header), status, code).await;
    }
    let long = format!("Bearer {}", "x".repeat(10_240));
    expect(&world, &list().header("authorization", &long), 401, "unauthenticated").await;
    let both = list().session(&session).header("authorization", "Bearer x");
    expect(&world, &both, 400, "invalid_request").await; // A34
}

#[tokio::test]
async fn b26_b28_a_pair_with_a_control_byte_is_left_out_and_the_header_stands_in_for_the_list() {
    let world = World::signed_in().await;
    let session = format!("__Host-session={}", world.jar["__Host-session"]);
    assert_eq!(world.send(&Call::list("").cookie("x=\u{1}").cookie(&session)).await.status, 200);
    assert_eq!(world.send(&Call::list("").header("cookie", &format!("a=b; {session}"))).await.status, 200);
    let both = Call::list("").cookie("a=b").header("cookie", &session);
    assert_eq!(world.send(&both).await.status, 401, "only the list counts");
}

#[tokio::test]
async fn b31_to_b39_a_malformed_post_is_refused() {
    let world = World::new().await;
    let good = json!({"code": "4/0A", "state": FORGED_STATE});
    let post = || Call::post("/oauth/callback", &good);
    for media_type in [
        "text/plain",
        "application/x-www-form-urlencoded",
        "multipart/form-data; boundary=x",
        "application/json;charset=utf-16",
        "application/json, text/plain",
    ] {
        expect(&world, &post().header("content-type", media_type), 415, "unsupported_media_type").await;
    }
    expect(&world, &post().without_header("content-type"), 415, "unsupported_media_type").await;
    expect(&world, &post().header("content-encoding", "gzip"), 415, "unsupported_media_type").await;
    let deep = format!("{}{}", "[".repeat(8000), "]".repeat(8000));
    for body in [
        "",
        "null",
        "[]",
        &format!("[\"4/0A\",\"{FORGED_STATE}\"]"),
        "\"x\"",
        "{}",
        "{\"code\":1}",
        "{\"code\":null}",
        "{\"code\":[\"a\"]}",
        "{\"code\":\"a\",\"code\":\"b\",\"state\":\"x\"}",
        "{\"code\":\"a\",\"state\":\"x\"}x",
        "\u{feff}{}",
        "{\"code\":NaN}",
        "{\"code\":\"\\ud800\",\"state\":\"x\"}",
        &deep,
    ] {
        let mut call = post();
        call.body = Some(body.to_owned());
        expect(&world, &call, 400, "invalid_request").await;
    }
    let mut large = post();
    large.body = Some(format!("{{\"code\":\"{}\"}}", "x".repeat(17_000)));
    expect(&world, &large, 413, "payload_too_large").await;
    let mut without_state = post();
    without_state.body = Some("{\"code\":\"4/0A\"}".to_owned());
    expect(&world, &without_state, 400, "state_missing").await;
    expect(&world, &post(), 400, "state_mismatch").await; // B22
}

#[tokio::test]
async fn b37_b38_a_base64_body_is_decoded_or_refused() {
    let world = World::new().await;
    let mut event = Call::post("/oauth/callback", &json!({})).event();
    event["isBase64Encoded"] = json!(true);
    for body in ["%%%", "e30", "e30_-w==", "/w=="] {
        event["body"] = json!(body);
        let answer = world.send_event(&event.to_string()).await;
        assert_eq!(answer.problem(), (400, "invalid_request"), "{body}");
    }
    // {"code":"4/0A","state":"AAA..."}
    let body = json!({"code": "4/0A", "state": FORGED_STATE}).to_string();
    event["body"] = json!(base64::engine::general_purpose::STANDARD.encode(body));
    assert_eq!(world.send_event(&event.to_string()).await.code(), "state_mismatch");
    world.assert_untouched();
}

#[tokio::test]
async fn a42_to_a45_a_post_of_another_page_is_refused() {
    let world = World::new().await;
    let post = || {
        Call::post("/oauth/callback", &json!({"code": "4/0A", "state": FORGED_STATE}))
            .cookie("__Host-flow-AAAAAA=x")
    };
    for media_type in ["application/x-www-form-urlencoded", "multipart/form-data; boundary=x", "text/plain"] {
        let form = post().header("content-type", media_type).header("origin", "https://evil.example");
        expect(&world, &form.without_header("x-requested-with"), 415, "unsupported_media_type").await;
    }
    for origin in ["https://evil.example", "null", "https://app.example.com:444", "http://app.example.com"] {
        expect(&world, &post().header("origin", origin), 403, "forbidden_origin").await;
    }
    expect(&world, &post().without_header("origin"), 403, "forbidden_origin").await;
    expect(&world, &post().without_header("x-requested-with"), 403, "csrf_header_missing").await;
}

#[tokio::test]
async fn b41_b42_b43_b61_methods_that_a_path_does_not_have() {
    let world = World::new().await;
    for (path, allowed) in [("/auth/start", "GET"), ("/oauth/callback", "GET, POST"), ("/messages", "GET")] {
        let options = Call::get(path, "").method("OPTIONS").header("origin", "https://evil.example");
        let answer = world.send(&options).await;
        assert_eq!((answer.status, answer.body.as_str()), (204, ""), "{path}");
        for method in ["HEAD", "PUT", "PATCH", "DELETE", "TRACE", "FOO"] {
            let answer = world.send(&Call::get(path, "").method(method)).await;
            assert_eq!(answer.problem(), (405, "method_not_allowed"), "{method} {path}");
            assert_eq!(answer.headers["allow"], allowed);
        }
    }
    let mut with_body = Call::get("/auth/start", "").header("x-http-method-override", "DELETE");
    with_body.body = Some("junk".to_owned());
    assert_eq!(world.send(&with_body).await.status, 302);
    world.assert_untouched();
}

#[tokio::test]
async fn a68_b44_a_path_that_is_not_exactly_the_route_is_not_found() {
    let world = World::new().await;
    for path in [
        "/",
        "/Messages",
        "/messages/",
        "//messages",
        "/messages%2f",
        "/messages/..;/",
        "/%2e%2e/messages",
        "/messages?x",
        "/messages#x",
        "/messages\0",
        "/x/../messages",
    ] {
        expect(&world, &Call::get(path, ""), 404, "not_found").await;
    }
    expect(&world, &Call::get(&format!("/{}", "x".repeat(8192)), ""), 414, "uri_too_long").await;
}

#[tokio::test]
async fn b45_a_stage_or_the_path_of_the_public_url_is_stripped_once() {
    let world = World::new().await;
    let mut event = Call::get("/prod/auth/start", "").event();
    event["requestContext"]["stage"] = json!("prod");
    assert_eq!(world.send_event(&event.to_string()).await.status, 302);
    event["rawPath"] = json!("/prod/prod/auth/start");
    assert_eq!(world.send_event(&event.to_string()).await.status, 404);
    let based = world.environment(&[("PUBLIC_URL", "https://example.com/mail")]);
    let answer = world.send_to(&based, &Call::get("/mail/auth/start", "")).await;
    assert_eq!(
        parameter(answer.location(), "redirect_uri").unwrap(),
        "https://example.com/mail/oauth/callback"
    );
    let unset = world.environment(&[("PUBLIC_URL", "")]);
    let mut event = Call::get("/prod/auth/start", "").header("host", "evil.example").event();
    event["requestContext"]["stage"] = json!("prod");
    let answer = invoke(Ok(&unset), &event.to_string(), BUDGET).await;
    assert_eq!(
        parameter(answer.location(), "redirect_uri").unwrap(),
        "https://r3pmxmplak.execute-api.us-east-2.amazonaws.com/prod/oauth/callback"
    );
}

#[tokio::test]
async fn b46_to_b51_a_malformed_list_request_is_refused_without_a_call() {
    let world = World::signed_in().await;
    for (query, code) in [
        ("maxResults=0", "invalid_request"),
        ("maxResults=501", "invalid_request"),
        ("maxResults=10,20", "invalid_request"),
        ("pageToken=", "invalid_page_token"),
        ("q=a%00", "invalid_query"),
        ("labelIds=", "invalid_query"),
        ("includeSpamTrash=TRUE", "invalid_request"),
        ("all=1", "invalid_request"),
        ("userId=victim%40example.com", "unsupported_parameter"),
        ("access_token=x", "unsupported_parameter"),
        ("q=a&q=b", "duplicate_parameter"),
    ] {
        expect(&world, &world.with_cookies(Call::get("/messages", query)), 400, code).await;
    }
}

#[tokio::test]
async fn a70_b55_b56_b60_b63_hostile_headers_are_not_looked_at() {
    let world = World::new().await;
    for (name, value) in [
        ("host", ""),
        ("host", "a b"),
        ("host", "x:99999"),
        ("host", "[::1"),
        ("host", "<evil>"),
        ("x-forwarded-proto", "https,http"),
        ("x-forwarded-proto", "ht tp"),
        ("x-forwarded-host", "evil.example"),
        ("range", "bytes=0-1"),
        ("if-none-match", "*"),
        ("x-user-id", "1"),
        ("user-agent", "GoogleHC/1.0"),
        ("x-odd", "\u{e9}\u{ff}"),
    ] {
        let answer = world.send(&Call::get("/auth/start", "").header(name, value)).await;
        assert_eq!(answer.status, 302, "{name}: {value}");
        assert!(!answer.location().contains("evil"));
    }
    let many =
        (0..100).fold(Call::get("/auth/start", ""), |call, number| call.header(&format!("x-{number}"), "x"));
    assert_eq!(world.send(&many).await.status, 302);
}

#[tokio::test]
async fn b62_b64_an_event_of_another_kind_is_refused_and_missing_parts_are_forgiven() {
    let world = World::new().await;
    for event in [
        "{}",
        "null",
        "[]",
        "\"x\"",
        "{\"Records\":[{\"eventSource\":\"aws:sqs\"}]}",
        "{\"version\":\"1.0\",\"httpMethod\":\"GET\",\"path\":\"/messages\",\"headers\":{},\"requestContext\":{}}",
        "{\"source\":\"aws.events\",\"detail-type\":\"Scheduled Event\"}",
    ] {
        let answer = world.send_event(event).await;
        assert_eq!(answer.problem(), (400, "invalid_request"), "{event}");
    }
    for remove in ["rawPath", "version", "requestContext"] {
        let mut event = Call::get("/auth/start", "").event();
        event.as_object_mut().unwrap().remove(remove);
        let answer = world.send_event(&event.to_string()).await;
        assert_eq!(answer.status, 400, "{remove}");
    }
    let mut event = Call::get("/auth/start", "").event();
    event["rawPath"] = json!("@evil:99999/");
    assert_eq!(world.send_event(&event.to_string()).await.status, 400);
    for source_ip in [json!(null), json!("2001:db8::1"), json!("garbage")] {
        let mut event = Call::get("/auth/start", "").event();
        event["requestContext"]["http"]["sourceIp"] = source_ip;
        event["headers"] = Value::Object(serde_json::Map::new());
        assert_eq!(world.send_event(&event.to_string()).await.status, 302);
    }
}

#[tokio::test]
async fn a67_a71_what_an_event_claims_about_its_caller_is_not_believed() {
    let world = World::signed_in().await;
    let mut event = Call::list("").header("x-user-id", &world.sub(ANN)).event();
    event["requestContext"]["authorizer"] = json!({"jwt": {"claims": {"sub": world.sub(ANN)}, "scopes": []}});
    assert_eq!(world.send_event(&event.to_string()).await.status, 401);
}

#[tokio::test]
async fn events_recorded_from_cargo_lambda_watch_are_understood() {
    let world = World::new().await;
    let start = include_str!("../fixtures/events/cargo_lambda_watch_auth_start.json");
    assert_eq!(
        world.send_event(start).await.code_or_page(),
        (400, true),
        "localhost is no allowed origin here"
    );
    let local = world.environment(&[
        ("ALLOWED_ORIGINS", "http://localhost:9100"),
        ("PUBLIC_URL", "http://localhost:9000"),
    ]);
    let answer = invoke(Ok(&local), start, BUDGET).await;
    assert_eq!(answer.status, 302);
    assert_eq!(parameter(answer.location(), "login_hint").as_deref(), Some(ANN));
    let post = include_str!("../fixtures/events/cargo_lambda_watch_oauth_callback_post.json");
    let answer = invoke(Ok(&local), post, BUDGET).await;
    assert_eq!(answer.problem(), (400, "invalid_request"), "its state is not one of ours");
    let list = include_str!("../fixtures/events/cargo_lambda_watch_messages.json");
    let answer = invoke(Ok(&local), list, BUDGET).await;
    assert_eq!(answer.reason(), "session_expired");
}

#[tokio::test]
async fn a76_a_missing_variable_is_a_configuration_error_on_every_request() {
    let world = World::new().await;
    let answer = world.misconfigured("CREDENTIALS_TABLE", None).await;
    assert_eq!(answer.problem(), (503, "config_error"));
    assert_eq!(answer.json()["variable"], "CREDENTIALS_TABLE");
    assert_eq!(answer.json()["detail"], "A required setting is missing.");
    assert!(world.logged(r#""variable":"CREDENTIALS_TABLE""#), "the log names the setting, too");
}
