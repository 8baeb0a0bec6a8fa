//! `POST /auth/token`: a front end redeems the code that its sign-in ended in.

use std::time::Duration;

use futures_util::future::{join, join_all};
use harness::Fault;
use harness::world::{ANN, Answer, BEN, BUDGET, Call, FrontEnd, ORIGIN, World, form, parameter, until};
use serde_json::{Value, json};

/// `error` and `code` of a refused token request, and its status. Asserts that no session begins.
#[track_caller]
fn refused(answer: &Answer) -> (i64, String, String) {
    let document = answer.json();
    let members: Vec<&String> = document.as_object().unwrap().keys().collect();
    assert_eq!(members, ["code", "error", "error_description"], "{answer:?}");
    assert_eq!(answer.headers["content-type"], "application/json");
    assert_eq!(answer.headers["pragma"], "no-cache");
    assert!(answer.cookies.is_empty(), "{answer:?}");
    let of = |name: &str| document[name].as_str().unwrap().to_owned();
    (answer.status, of("error"), of("code"))
}

/// The one answer for a code that does not serve.
#[track_caller]
fn assert_invalid_grant(answer: &Answer) {
    assert_eq!(refused(answer), (400, "invalid_grant".to_owned(), "invalid_grant".to_owned()));
}

/// A world with a code for Ann, of the usual front end.
async fn with_code() -> (World, FrontEnd, String) {
    let (mut world, front_end) = (World::new().await, FrontEnd::default());
    let code = world.code(&front_end, ANN).await;
    world.forget_calls();
    (world, front_end, code)
}

/// Lists Ann's mailbox from a page of another site with this bearer token. Returns the status.
async fn lists_with(world: &World, answer: &Answer) -> i64 {
    let token = answer.json()["access_token"].as_str().unwrap().to_owned();
    world.plant(&token);
    world.send(&Call::list("").header("origin", ORIGIN).bearer(&token)).await.status
}

#[tokio::test]
async fn a_page_of_another_site_gets_a_bearer_token_for_its_code() {
    let mut world = World::new().await;
    let front_end = FrontEnd::default();
    let answer = world.attempt_for_code(&front_end, ANN).await;
    assert_eq!(answer.status, 303, "{answer:?}");
    // The page's own query stays, and no session begins before the code is redeemed.
    let code = parameter(answer.location(), "code").unwrap();
    world.plant(&code);
    let expected = format!(
        "{ORIGIN}/mail?tab=inbox&code={code}&state=the-state-of-the-page&iss=https%3A%2F%2Fapi.example.com"
    );
    assert_eq!(answer.location(), expected);
    assert!(!answer.begins_session() && world.sessions().is_empty());

    let answer = world.send(&front_end.redeems(&code)).await;
    assert_eq!(answer.status, 200, "{answer:?}");
    assert_eq!(answer.headers["content-type"], "application/json");
    assert_eq!(answer.headers["pragma"], "no-cache");
    assert_eq!(answer.cookies, Vec::<String>::new());
    let token = answer.json()["access_token"].as_str().unwrap().to_owned();
    world.plant(&token);
    let user = json!({"id": world.sub(ANN), "email": ANN});
    let scope = "email https://www.googleapis.com/auth/gmail.readonly openid";
    let expected = json!({
        "access_token": token, "token_type": "Bearer", "expires_in": 604_800, "scope": scope, "user": user,
    });
    assert_eq!(answer.json(), expected);
    let listed = world.send(&Call::list("").header("origin", ORIGIN).bearer(&token)).await;
    assert_eq!(listed.status, 200, "{listed:?}");
}

#[tokio::test]
async fn a_page_that_wants_a_cookie_gets_it_partitioned_and_no_token() {
    let mut world = World::new().await;
    let front_end = FrontEnd { mode: "fragment".to_owned(), ..FrontEnd::default() };
    let code = world.code(&front_end, ANN).await;
    let answer = world.browse(front_end.redeems_for_cookie(&code)).await;
    assert_eq!(answer.status, 200, "{answer:?}");
    let members: Vec<String> = answer.json().as_object().unwrap().keys().cloned().collect();
    assert_eq!(members, ["expires_in", "scope", "user"]);
    let token = answer.set_cookie("__Host-session-p").unwrap();
    let cookie = format!(
        "__Host-session-p={token}; Max-Age=604800; Path=/; Secure; HttpOnly; SameSite=None; Partitioned"
    );
    assert_eq!(answer.cookies, [cookie]);
    world.lists().await;
}

#[tokio::test]
async fn a86_a88_a_code_without_its_own_proof_is_refused_and_still_serves_its_owner() {
    let (world, front_end, code) = with_code().await;
    for (name, value) in [
        ("code_verifier", "another-verifier-that-is-long-enough-for-the-rfc"),
        ("client_id", "another"),
        ("redirect_uri", "https://app.example.com/"),
        ("redirect_uri", "https://app.example.com/mail?tab=inbox&"),
        ("code", "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"),
        ("code", "not-a-code"),
    ] {
        let answer = world.send(&front_end.redeems_with(&code, name, Some(value))).await;
        assert_invalid_grant(&answer);
    }
    assert!(world.sessions().is_empty());
    let answer = world.send(&front_end.redeems(&code)).await;
    assert_eq!((answer.status, lists_with(&world, &answer).await), (200, 200));
}

#[tokio::test]
async fn a86_a_code_serves_for_a_minute() {
    let (mut world, front_end, code) = with_code().await;
    world.advance(60);
    assert_invalid_grant(&world.send(&front_end.redeems(&code)).await);
    let code = world.code(&front_end, ANN).await;
    world.advance(58);
    assert_eq!(world.send(&front_end.redeems(&code)).await.status, 200);
}

#[tokio::test]
async fn a87_a_second_attempt_with_a_used_code_ends_the_session_of_the_first() {
    let attempts = [
        ("code_verifier", "a-planted-verifier-of-the-page-with-43-characters"),
        // Who has no verifier has the code all the same.
        ("code_verifier", "another-verifier-that-is-long-enough-for-the-rfc"),
    ];
    for (name, value) in attempts {
        let (world, front_end, code) = with_code().await;
        let first = world.send(&front_end.redeems(&code)).await;
        assert_eq!(lists_with(&world, &first).await, 200);
        // Also after the minute in which it could have been redeemed.
        world.advance(600);
        assert_invalid_grant(&world.send(&front_end.redeems_with(&code, name, Some(value))).await);
        assert_eq!(lists_with(&world, &first).await, 401);
        assert!(world.sessions().is_empty());
    }
}

#[tokio::test]
async fn a87_of_many_attempts_at_once_one_gets_a_session_and_does_not_keep_it() {
    let (world, front_end, code) = with_code().await;
    let call = front_end.redeems(&code);
    let answers = join_all((0..10).map(|_| world.send(&call))).await;
    assert!(answers.iter().filter(|answer| answer.status == 200).count() == 1);
    answers.iter().filter(|answer| answer.status != 200).for_each(assert_invalid_grant);
    assert!(world.sessions().is_empty(), "nobody keeps what two had");
}

#[tokio::test]
async fn a90_a_code_is_not_redeemed_without_a_verifier() {
    let (world, front_end, code) = with_code().await;
    let challenge = front_end.parameters()[4].1.clone();
    for verifier in [None, Some("")] {
        let answer = world.send(&front_end.redeems_with(&code, "code_verifier", verifier)).await;
        assert_eq!(refused(&answer).1, "invalid_request", "{verifier:?}");
    }
    // What `plain` would accept: the challenge is in the authorization request for all to see.
    assert_invalid_grant(
        &world.send(&front_end.redeems_with(&code, "code_verifier", Some(&challenge))).await,
    );
}

#[tokio::test]
async fn a93_a_page_of_another_origin_redeems_nothing() {
    let (world, front_end, code) = with_code().await;
    for origin in
        ["https://evil.example", "null", "https://app.example.com.evil.example", "https://app.example.com/"]
    {
        for call in [front_end.redeems(&code), front_end.redeems_for_cookie(&code)] {
            let answer = world.send(&call.header("origin", origin)).await;
            let expected = (403, "invalid_request".to_owned(), "forbidden_origin".to_owned());
            assert_eq!(refused(&answer), expected, "{origin}");
        }
    }
    world.assert_untouched();
    assert_eq!(world.send(&front_end.redeems(&code)).await.status, 200);
}

#[tokio::test]
async fn b74_who_sends_no_origin_gets_a_token_and_never_a_cookie() {
    let (world, front_end, code) = with_code().await;
    let answer = world.send(&front_end.redeems_for_cookie(&code).without_header("origin")).await;
    assert_eq!(refused(&answer).1, "invalid_request");
    for session in ["Cookie", "token"] {
        let call = front_end.redeems(&code);
        let body = format!("{}&session={session}", call.body.as_deref().unwrap());
        assert_eq!(refused(&world.send(&call.body(&body)).await).1, "invalid_request", "{session}");
    }
    world.assert_untouched();
    // An empty one counts as left out (RFC 6749 section 3.2).
    let call = front_end.redeems(&code).without_header("origin");
    let body = format!("{}&session=", call.body.as_deref().unwrap());
    let answer = world.send(&call.body(&body)).await;
    assert_eq!((answer.status, answer.cookies.len()), (200, 0));
    assert_eq!(lists_with(&world, &answer).await, 200);
}

#[tokio::test]
async fn a94_the_partitioned_cookie_decides_and_neither_is_taken_for_the_other() {
    let mut world = World::new().await;
    world.sign_in(BEN).await;
    let bens = world.session();
    world.jar.clear();
    let front_end = FrontEnd::default();
    let code = world.code(&front_end, ANN).await;
    let answer = world.browse(front_end.redeems_for_cookie(&code)).await;
    let anns = answer.set_cookie("__Host-session-p").unwrap().to_owned();
    let dead = Call::list("").session(&bens).partitioned_session("v2.1.nobody");
    assert_eq!(world.send(&dead).await.reason(), "session_expired", "the other one is not tried");
    let both = Call::list("").session(&bens).partitioned_session(&anns);
    world.disconnect(BEN);
    assert_eq!(world.send(&both).await.status, 200);
    for twice in [both.clone().session(&bens), both.clone().partitioned_session(&anns)] {
        assert_eq!(world.send(&twice).await.problem(), (400, "ambiguous_cookie"));
    }
    assert_eq!(world.send(&both.bearer(&anns)).await.problem(), (400, "invalid_request"));
    for name in
        ["__Host-session-P", "__host-session-p", "__Secure-session-p", "session-p", "__Host-session-p-p"]
    {
        let call = Call::list("").cookie(&format!("{name}={anns}"));
        assert_eq!(world.send(&call).await.reason(), "not_signed_in", "{name}");
    }
}

#[tokio::test]
async fn a95_a_page_of_another_site_has_no_use_of_the_partitioned_cookie() {
    let mut world = World::new().await;
    let front_end = FrontEnd::default();
    let code = world.code(&front_end, ANN).await;
    let answer = world.browse(front_end.redeems_for_cookie(&code)).await;
    assert!(answer.cookies[0].ends_with("SameSite=None; Partitioned"), "a browser keeps it in one partition");
    let token = answer.set_cookie("__Host-session-p").unwrap().to_owned();
    world.forget_calls();
    // A browser that ignores `Partitioned` sends it from everywhere; the origin is checked all the same.
    for origin in ["https://evil.example", "null"] {
        let call = Call::list("").partitioned_session(&token).header("origin", origin);
        assert_eq!(world.send(&call).await.problem(), (403, "forbidden_origin"));
    }
    let call = Call::list("").partitioned_session(&token).header("sec-fetch-site", "cross-site");
    assert_eq!(world.send(&call).await.problem(), (403, "forbidden_origin"));
    world.assert_untouched();
}

#[tokio::test]
async fn a29_a94_a_new_session_ends_the_earlier_ones_of_the_browser_and_removes_their_cookies() {
    let mut world = World::signed_in().await;
    let redirected = world.session();
    let front_end = FrontEnd::default();
    let code = world.code(&front_end, ANN).await;
    let answer = world.browse(front_end.redeems_for_cookie(&code)).await;
    let first = answer.set_cookie("__Host-session-p").unwrap().to_owned();
    assert!(!world.jar.has("__Host-session"));
    assert_eq!(world.send(&Call::list("").session(&redirected)).await.status, 401);

    // A bearer token replaces a cookie too.
    let code = world.code(&front_end, ANN).await;
    let answer = world.browse(front_end.redeems(&code)).await;
    assert_eq!(lists_with(&world, &answer).await, 200);
    assert_eq!(world.send(&Call::list("").partitioned_session(&first)).await.status, 401);
    assert!(!world.jar.names().any(|name| name.starts_with("__Host-session")));

    // And so does a sign-in that ends here.
    let code = world.code(&front_end, ANN).await;
    let answer = world.browse(front_end.redeems_for_cookie(&code)).await;
    let second = answer.set_cookie("__Host-session-p").unwrap().to_owned();
    world.sign_in(ANN).await;
    assert!(world.jar.has("__Host-session") && !world.jar.has("__Host-session-p"));
    assert_eq!(world.send(&Call::list("").partitioned_session(&second)).await.status, 401);
    world.lists().await;
}

#[tokio::test]
async fn a97_a_code_from_before_the_user_left_is_refused() {
    for leaves in [Call::sign_out(true), Call::disconnect()] {
        let mut world = World::signed_in().await;
        let front_end = FrontEnd::default();
        let code = world.code(&front_end, ANN).await;
        assert_eq!(world.browse(leaves).await.status, 204);
        assert_invalid_grant(&world.send(&front_end.redeems(&code)).await);
        // Nor does it serve once the user is back.
        world.sign_in(ANN).await;
        assert_invalid_grant(&world.send(&front_end.redeems(&code)).await);
        assert_eq!(world.sessions().len(), 1);
    }
    // While the connection is being ended, nothing begins.
    let (world, front_end, code) = with_code().await;
    let before = world.edit(ANN, |item| item["status"] = json!({"S": "disconnecting"}));
    assert_invalid_grant(&world.send(&front_end.redeems(&code)).await);
    world.put(before);
}

#[tokio::test]
async fn a97_a_session_that_is_written_after_the_user_left_is_over() {
    for leaves in [Call::sign_out(true), Call::disconnect()] {
        let mut world = World::signed_in().await;
        let front_end = FrontEnd::default();
        let code = world.code(&front_end, ANN).await;
        world.forget_calls();
        let app = world.environment(&[]);
        // The credential is read, and the session's row is held back until the user has left.
        world.dynamodb.fail("PutItem", Fault::Delay(Duration::from_millis(700)), 1);
        let event = front_end.redeems(&code).event().to_string();
        let redeeming = harness::world::invoke(Ok(&app), &event, BUDGET);
        let leaving = async {
            let dynamodb = world.dynamodb.clone();
            until(|| !dynamodb.calls_of("PutItem").is_empty()).await;
            world.browse(leaves).await
        };
        let (redeemed, left) = join(redeeming, leaving).await;
        assert_eq!((redeemed.status, left.status), (200, 204), "{redeemed:?} {left:?}");
        assert_eq!(lists_with(&world, &redeemed).await, 401);
    }
}

#[tokio::test]
async fn b70_a_body_that_is_no_form_is_refused() {
    let (world, front_end, code) = with_code().await;
    let call = front_end.redeems(&code);
    let media = (415, "invalid_request".to_owned(), "unsupported_media_type".to_owned());
    for kind in [
        "application/json",
        "text/plain",
        "multipart/form-data; boundary=x",
        "application/x-www-form-urlencoded; charset=latin1",
    ] {
        assert_eq!(refused(&world.send(&call.clone().header("content-type", kind)).await), media, "{kind}");
    }
    assert_eq!(refused(&world.send(&call.clone().header("content-encoding", "gzip")).await), media);
    let large = format!("{}&x={}", call.body.as_deref().unwrap(), "x".repeat(17_000));
    let too_large = (413, "invalid_request".to_owned(), "payload_too_large".to_owned());
    assert_eq!(refused(&world.send(&call.clone().body(&large)).await), too_large);
    let many = format!("{}{}", call.body.as_deref().unwrap(), "&x=1".repeat(32));
    assert_eq!(refused(&world.send(&call.clone().body(&many)).await).2, "too_many_parameters");
    for broken in ["grant_type=%", "grant_type=%ff", "grant_type=a b", "{}"] {
        assert_eq!(refused(&world.send(&form(broken)).await).1, "invalid_request", "{broken}");
    }
    let odd = call.clone().header("content-type", "Application/X-WWW-Form-Urlencoded;charset=UTF-8");
    world.assert_untouched();
    assert_eq!(world.send(&odd).await.status, 200);
}

#[tokio::test]
async fn b72_fields_that_are_missing_doubled_or_malformed_are_refused() {
    let (world, front_end, code) = with_code().await;
    for (name, _) in front_end.fields(&code) {
        for value in [None, Some("")] {
            let answer = world.send(&front_end.redeems_with(&code, name, value)).await;
            let expected = (400, "invalid_request".to_owned(), "invalid_request".to_owned());
            assert_eq!(refused(&answer), expected, "{name}={value:?}");
        }
        let call = front_end.redeems(&code);
        let body = format!("{}&{name}=x", call.body.as_deref().unwrap());
        assert_eq!(refused(&world.send(&call.body(&body)).await).2, "duplicate_parameter", "{name}");
    }
    for grant_type in ["refresh_token", "password", "implicit"] {
        let answer = world.send(&front_end.redeems_with(&code, "grant_type", Some(grant_type))).await;
        assert_eq!(refused(&answer).1, "unsupported_grant_type");
    }
    let answer = world.send(&front_end.redeems_with(&code, "code_verifier", Some("short"))).await;
    assert_eq!(refused(&answer).1, "invalid_request");
    assert_eq!(refused(&world.send(&form("")).await).1, "invalid_request");
    world.assert_untouched();
    // What other servers want is ignored.
    let call = front_end.redeems(&code);
    let body = format!("{}&client_secret=x&scope=x&resource=x", call.body.as_deref().unwrap());
    let call = call.body(&body).header("authorization", "Basic eDp4").header("x-requested-with", "x");
    assert_eq!(world.send(&call).await.status, 200);
}

#[tokio::test]
async fn every_error_has_the_form_of_rfc_6749() {
    let (world, front_end, code) = with_code().await;
    let call = front_end.redeems(&code);
    let answer = world.send(&call.clone().method("GET")).await;
    assert_eq!(
        (refused(&answer).2.as_str(), answer.headers["allow"].as_str()),
        ("method_not_allowed", "POST")
    );
    let answer = world.send(&Call { path: "/auth/token/x".to_owned(), ..call.clone() }).await;
    assert_eq!((refused(&answer).0, refused(&answer).2), (404, "not_found".to_owned()));
    let mut event = call.event();
    event["version"] = json!("1.0");
    assert_eq!(refused(&world.send_event(&event.to_string()).await).2, "invalid_request");
    // A timer of no time still runs to the next millisecond, in which DynamoDB could answer.
    world.dynamodb.fail("GetItem", Fault::Delay(Duration::from_secs(1)), 100);
    let answer = world.send_within(Duration::from_millis(100), &call).await;
    assert_eq!(refused(&answer).1, "temporarily_unavailable");
    assert_eq!(answer.headers["retry-after"], "5");
}

#[tokio::test]
async fn f96_while_dynamodb_fails_the_code_is_not_used_up() {
    let (world, front_end, code) = with_code().await;
    for operation in ["GetItem", "PutItem", "UpdateItem"] {
        world.dynamodb.fail(operation, Fault::BROKEN, 3);
        let answer = world.send(&front_end.redeems(&code)).await;
        let expected = (503, "temporarily_unavailable".to_owned(), "storage_unavailable".to_owned());
        assert_eq!(refused(&answer), expected, "{operation}");
        assert_eq!(answer.headers["retry-after"], "5");
        assert!(world.sessions().is_empty(), "{operation}");
    }
    world.dynamodb.fail("GetItem", Fault::DENIED, 1);
    let answer = world.send(&front_end.redeems(&code)).await;
    assert_eq!(refused(&answer), (503, "server_error".to_owned(), "config_error".to_owned()));
    assert_eq!(world.send(&front_end.redeems(&code)).await.status, 200);
}

#[tokio::test]
async fn f97_a_redemption_whose_answer_is_lost_is_recognised_as_its_own() {
    let (world, front_end, code) = with_code().await;
    world.dynamodb.fail("UpdateItem", Fault::AnswerLost, 1);
    let answer = world.send(&front_end.redeems(&code)).await;
    assert_eq!((answer.status, lists_with(&world, &answer).await), (200, 200));
    assert_eq!(world.sessions().len(), 1);
}

#[tokio::test]
async fn f98_a_second_attempt_whose_end_of_the_session_fails_is_told_to_come_again() {
    let (world, front_end, code) = with_code().await;
    let first = world.send(&front_end.redeems(&code)).await;
    world.dynamodb.fail("DeleteItem", Fault::BROKEN, 100);
    let answer = world.send_within(BUDGET / 4, &front_end.redeems(&code)).await;
    assert_eq!(refused(&answer).1, "temporarily_unavailable");
    world.dynamodb.end_faults().await;
    assert_invalid_grant(&world.send(&front_end.redeems(&code)).await);
    assert_eq!(lists_with(&world, &first).await, 401);
}

#[tokio::test]
async fn a_session_that_cannot_be_ended_does_not_keep_the_new_one_from_beginning() {
    let mut world = World::signed_in().await;
    let front_end = FrontEnd::default();
    let code = world.code(&front_end, ANN).await;
    world.dynamodb.fail("DeleteItem", Fault::BROKEN, 3);
    let answer = world.browse(front_end.redeems(&code)).await;
    assert_eq!((answer.status, lists_with(&world, &answer).await), (200, 200));
    assert_ne!(answer.json()["user"]["email"], Value::Null);
}
