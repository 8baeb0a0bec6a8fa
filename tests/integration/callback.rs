//! `GET` and `POST /oauth/callback`: the flow, its binding to the browser, and its end.

use harness::google::{Decision, Endpoint, Failure, Times};
use harness::world::{ANN, BEN, Call, READONLY, World, code_and_state, forces_consent, parameter};
use insta::assert_snapshot;
use serde_json::{Value, json};

use super::spending::assert_one_of_ten_exchanges;
use super::steady::steady;

#[tokio::test]
async fn a_first_sign_in_stores_the_credential_and_begins_a_session() {
    let mut world = World::new().await;
    let url = world.start("return_to=https%3A%2F%2Fapp.example.com%2Finbox%3Ftab%3D1").await;
    let query = world.consent(&url, Decision::allow(ANN)).await;
    world.forget_calls();
    let answer = world.callback(&query).await;
    assert_eq!((answer.status, answer.location()), (303, "https://app.example.com/inbox?tab=1"));
    assert_snapshot!(steady(&answer.cookies.join("\n")), @"
    __Host-flow-[6 of state]=[sealed by k1]; Max-Age=600; Path=/; Secure; HttpOnly; SameSite=Lax
    __Host-session=v2.108204268033311374519.[32 random bytes]; Max-Age=604800; Path=/; Secure; HttpOnly; SameSite=Lax
    ");

    let exchange = &world.google.calls_to(Endpoint::Token)[0];
    assert_eq!(exchange.form_value("grant_type").as_deref(), Some("authorization_code"));
    assert_eq!(
        exchange.form_value("redirect_uri").as_deref(),
        Some("https://api.example.com/oauth/callback")
    );
    assert_eq!(exchange.form_value("code_verifier").unwrap().len(), 43);
    assert_eq!(exchange.form_value("scope"), None);
    assert_eq!(world.google_calls(), [Endpoint::Token]);
    assert_eq!(world.dynamodb_calls(), ["PutItem", "GetItem", "UpdateItem", "PutItem"]);

    let item = world.credential(ANN);
    assert_eq!(item["email"]["S"], ANN);
    assert_eq!(item["status"]["S"], "active");
    assert_eq!(item["version"]["N"], "1");
    assert_eq!(item["client_id"]["S"], world.google.client_id());
    assert_eq!(item["scopes"]["S"], "email https://www.googleapis.com/auth/gmail.readonly openid");
    for token in ["refresh_token", "access_token"] {
        assert!(item[token]["S"].as_str().unwrap().starts_with("v2.k1."), "{token} is sealed");
    }
    let [session] = world.sessions().try_into().unwrap();
    assert_eq!(session["user_id"]["S"], world.sub(ANN));
    assert_eq!(session["expires_at"]["N"], (1_793_500_000_i64 + 7 * 24 * 3600).to_string());
    world.lists().await;
}

#[tokio::test]
async fn a_page_that_posts_the_code_gets_a_bearer_token_that_works() {
    let mut world = World::new().await;
    let url = world.start_json().await;
    let post = world.post_of(&url, Decision::allow(ANN)).await;
    let answer = world.browse(post).await;
    assert_eq!(answer.status, 200, "{answer:?}");
    let connected = answer.json();
    assert_eq!(connected["user"], json!({"id": world.sub(ANN), "email": ANN}));
    assert_eq!(connected["expires_at"], 1_793_500_000_i64 + 7 * 24 * 3600);
    assert_eq!(connected["scopes"].as_array().unwrap().len(), 3);
    let token = connected["session_token"].as_str().unwrap();
    assert_eq!(answer.set_cookie("__Host-session"), Some(token));
    let list = world.send(&Call::list("").bearer(token)).await;
    assert_eq!(list.status, 200, "{list:?}");
}

#[tokio::test]
async fn f08_a_return_without_a_new_refresh_token_keeps_the_stored_one() {
    let mut world = World::signed_in().await;
    let before = world.kept(ANN);
    world.advance(60);
    world.sign_in(ANN).await;
    assert_eq!(world.kept(ANN), before);
    assert_eq!(world.credential(ANN)["access_token_obtained_at"]["N"], "1793500060");
    world.lists().await;
}

#[tokio::test]
async fn f09_without_any_refresh_token_the_browser_goes_once_through_the_consent_page() {
    let mut world = World::new().await;
    world.google.omit_refresh_token(1);
    let url = world.start("return_to=https%3A%2F%2Fapp.example.com%2Finbox").await;
    let answer = world.come_back(&url, ANN).await;
    assert_eq!(answer.status, 303);
    let again = answer.location().to_owned();
    assert_snapshot!(steady(&again), @"
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
    &prompt=consent
    ");
    assert_eq!(world.credential(ANN), Value::Null);
    let answer = world.come_back(&again, ANN).await;
    assert_eq!((answer.status, answer.location()), (303, "https://app.example.com/inbox"));
    world.lists().await;
}

#[tokio::test]
async fn f09_a_second_miss_is_an_error_and_no_loop() {
    let mut world = World::new().await;
    world.google.omit_refresh_token(2);
    let again = world.attempt(ANN).await.authorization_url();
    assert_eq!(world.come_back(&again, ANN).await.auth_error(), "no_refresh_token");
    assert_eq!(world.sessions().len(), 0);
}

#[tokio::test]
async fn b06_a_denial_goes_back_to_where_the_flow_began() {
    let mut world = World::new().await;
    let url = world.start("return_to=https%3A%2F%2Fapp.example.com%2Finbox").await;
    let query = world.consent(&url, Decision::deny(ANN)).await;
    assert_eq!(
        world.callback(&query).await.location(),
        "https://app.example.com/inbox?auth_error=consent_denied"
    );
    assert_eq!(world.exchanges(), 0);
    assert_eq!(world.dynamodb_calls(), ["PutItem"], "the state is spent");
}

#[tokio::test]
async fn b07_a51_googles_errors_are_enumerated_and_never_repeated() {
    for (error, code) in [
        ("admin_policy_enforced", "blocked_by_admin"),
        ("policy_enforced", "blocked_by_admin"),
        ("org_internal", "org_internal"),
        ("disallowed_useragent", "disallowed_useragent"),
        ("redirect_uri_mismatch", "config_error"),
        ("%3Csvg%2Fonload%3Dx%3E", "provider_error"),
    ] {
        let mut world = World::new().await;
        let url = world.start("").await;
        let state = parameter(&url, "state").unwrap();
        let answer = world.callback(&format!("error={error}&error_description=planted&state={state}")).await;
        assert_eq!(answer.auth_error(), code);
        assert!(!answer.location().contains("svg") && !answer.location().contains("planted"));
    }
}

#[tokio::test]
async fn a58_an_unticked_scope_stores_nothing_and_keeps_the_wider_credential() {
    let mut world = World::new().await;
    let url = world.start("").await;
    let query = world.consent(&url, Decision::allow_without(ANN, &[READONLY])).await;
    assert_eq!(world.callback(&query).await.auth_error(), "consent_incomplete");
    assert_eq!(world.credential(ANN), Value::Null);

    world.sign_in(BEN).await;
    let before = world.credential(BEN);
    let url = world.start("").await + "&prompt=consent";
    let query = world.consent(&url, Decision::allow_without(BEN, &[READONLY])).await;
    assert_eq!(world.callback(&query).await.auth_error(), "consent_incomplete");
    assert_eq!(world.credential(BEN), before);
}

#[tokio::test]
async fn a01_to_a02_and_b22_a_callback_without_its_own_flow_cookie_is_refused() {
    let mut victim = World::new().await;
    let url = victim.start("").await;
    let query = victim.consent(&url, Decision::allow(ANN)).await;
    let foreign = victim.send(&Call::get("/oauth/callback", &query)).await;
    assert_eq!(foreign.problem(), (400, "state_mismatch"));
    assert_eq!(victim.send(&Call::get("/oauth/callback", "code=X")).await.problem(), (400, "state_missing"));
    // The same in a browser with a flow of its own.
    let own = victim.jar.clone();
    victim.jar.clear();
    victim.start("").await;
    let answer = victim.callback(&query).await;
    assert_eq!(answer.problem(), (400, "state_mismatch"));
    victim.assert_untouched();
    victim.jar = own;
    assert_eq!(victim.callback(&query).await.status, 303, "the flow itself is still good");
}

#[tokio::test]
async fn a03_a_stolen_code_is_worth_nothing_in_another_flow() {
    let mut world = World::new().await;
    let (code, _) = code_and_state(&world.consented(ANN).await);
    let url = world.start("").await;
    let state = parameter(&url, "state").unwrap();
    let code: String = form_urlencoded::byte_serialize(code.as_bytes()).collect();
    assert_eq!(world.callback(&format!("code={code}&state={state}")).await.auth_error(), "code_rejected");
    assert_eq!(world.credential(ANN), Value::Null);
}

#[tokio::test]
async fn a04_a_replayed_callback_is_refused_and_the_back_button_is_forgiven() {
    let mut world = World::new().await;
    let url = world.start("return_to=https%3A%2F%2Fapp.example.com%2Finbox").await;
    let query = world.consent(&url, Decision::allow(ANN)).await;
    let flow = world.jar.clone();
    world.callback(&query).await;
    let forgiven = world.callback(&query).await;
    assert_eq!((forgiven.status, forgiven.location()), (303, "https://app.example.com/inbox"));
    assert!(forgiven.cookies.is_empty());
    let stranger = flow.pairs().fold(Call::get("/oauth/callback", &query), |call, pair| call.cookie(&pair));
    assert_eq!(world.send(&stranger).await.problem(), (400, "state_used"));
    assert_eq!(world.exchanges(), 1);
    // Not every session is enough: it must be the one that this flow began.
    let mut other = flow.clone();
    std::mem::swap(&mut world.jar, &mut other);
    world.sign_in(BEN).await;
    assert_eq!(world.callback(&query).await.problem(), (400, "state_used"));
    assert_eq!(world.exchanges(), 2, "the one of the other flow");
}

#[tokio::test]
async fn a05_f22_of_many_callbacks_with_one_state_one_exchanges() {
    let mut world = World::new().await;
    let query = world.consented(ANN).await;
    let call = world.callback_of(&query);
    assert_one_of_ten_exchanges(&world, &call).await;
}

#[tokio::test]
async fn a06_a_flow_that_is_too_old_is_refused() {
    let mut world = World::new().await;
    let url = world.start("").await;
    let state = parameter(&url, "state").unwrap();
    world.advance(600);
    assert_eq!(world.callback(&format!("code=x&state={state}")).await.problem(), (400, "state_expired"));
    world.assert_untouched();
}

#[tokio::test]
async fn a07_a08_a_flow_cookie_that_was_altered_or_is_something_else_is_a_mismatch() {
    let mut world = World::signed_in().await;
    let session = world.session();
    let url = world.start("").await;
    world.forget_calls();
    let state = parameter(&url, "state").unwrap();
    let name = format!("__Host-flow-{}", &state[..6]);
    let good = world.jar[name.as_str()].clone();
    let cut = &good[..good.len() - 1];
    let longer = format!("{good}A");
    let mut flipped = good.clone().into_bytes();
    flipped[40] = if flipped[40] == b'A' { b'B' } else { b'A' };
    let flipped = String::from_utf8(flipped).unwrap();
    // Another state that leads to the same cookie name.
    let alike = format!("{}{}", &state[..6], "A".repeat(37));
    assert_eq!(world.callback(&format!("code=x&state={alike}")).await.problem(), (400, "state_mismatch"));
    for value in [cut, &longer, &flipped, &session, "v1.k9.AAAA", "x"] {
        let call =
            Call::get("/oauth/callback", &format!("code=x&state={state}")).cookie(&format!("{name}={value}"));
        assert_eq!(world.send(&call).await.problem(), (400, "state_mismatch"), "{value:.20}");
    }
    world.assert_untouched();
}

#[tokio::test]
async fn a14_a_flow_of_a_redirect_is_not_finished_by_a_post() {
    let mut world = World::new().await;
    let url = world.start("").await;
    let post = world.post_of(&url, Decision::allow(ANN)).await;
    assert_eq!(world.browse(post).await.problem(), (400, "state_mismatch"));
    world.assert_untouched();
}

#[tokio::test]
async fn a15_an_answer_of_another_issuer_spends_the_state_and_is_not_redeemed() {
    for issuer in ["https://evil.example", "accounts.google.com", "https://accounts.google.com/"] {
        let mut world = World::new().await;
        world.google.send_issuer(Some(issuer));
        assert_eq!(world.attempt(ANN).await.auth_error(), "issuer_mismatch");
        assert_eq!(world.exchanges(), 0);
        assert_eq!(world.dynamodb_calls(), ["PutItem"]);
    }
    for issuer in [Some("https://accounts.google.com"), None] {
        let mut world = World::new().await;
        world.google.send_issuer(issuer);
        let query = world.consented(ANN).await;
        assert_eq!(query.contains("&iss="), issuer.is_some());
        world.callback(&query).await.session();
    }
}

#[tokio::test]
async fn b17_a25_googles_extra_parameters_are_ignored() {
    let mut world = World::new().await;
    let query = world.consented(ANN).await;
    let answer = world
        .callback(&format!(
            "{query}&hd=example.com&session_state=x&utm_source=y&return_to=https%3A%2F%2Fevil"
        ))
        .await;
    assert_eq!(answer.location(), "https://app.example.com/");
    answer.session();
}

#[tokio::test]
async fn a16_a_flow_bound_to_one_account_is_not_finished_with_another() {
    let mut world = World::new().await;
    world.sign_in(BEN).await;
    world.jar.clear();
    world.sign_in(ANN).await;
    world.google.fail(Endpoint::MessagesList, Failure::InvalidCredentials, Times::UntilCleared);
    let answer = world.messages("").await;
    assert_eq!(answer.status, 401);
    world.google.clear_failures();
    world.keep_cookies(&answer);
    let url = answer.json()["authorization_url"].as_str().unwrap().replace("login_hint=", "x=");
    let query = world.consent(&url, Decision::allow(BEN)).await;
    let before = (world.credential(ANN), world.credential(BEN));
    assert_eq!(world.callback(&query).await.auth_error(), "account_mismatch");
    assert_eq!((world.credential(ANN), world.credential(BEN)), before);
    assert!(world.google.calls_to(Endpoint::Revoke).is_empty());
}

#[tokio::test]
async fn a29_a_new_session_ends_the_one_before() {
    let mut world = World::signed_in().await;
    let old = world.session();
    world.sign_in(ANN).await;
    assert_ne!(world.jar["__Host-session"], old);
    assert_eq!(world.sessions().len(), 1);
    assert_eq!(world.send(&Call::list("").session(&old)).await.reason(), "session_expired");
}

#[tokio::test]
async fn a58_a_posted_code_of_an_incomplete_consent_is_answered_with_the_way_to_complete_it() {
    let mut world = World::new().await;
    let answer = world.post(Decision::allow_without(ANN, &[READONLY])).await;
    assert_eq!(answer.problem(), (403, "consent_incomplete"));
    assert_eq!(answer.json()["missing_scopes"], json!([READONLY]));
    assert!(forces_consent(&answer.authorization_url()));
}

#[tokio::test]
async fn b39_b40_more_members_are_ignored_and_an_encoded_code_is_not_decoded() {
    for encoded in [false, true] {
        let mut world = World::new().await;
        let url = world.start_json().await;
        let (code, state) = code_and_state(&world.consent(&url, Decision::allow(ANN)).await);
        let code = if encoded { code.replace('/', "%2F") } else { code };
        let body = json!({"code": code, "state": state, "scope": "https://mail.google.com/",
            "redirect_uri": "https://evil.example/", "client_id": "other", "authuser": "0", "prompt": "none"});
        let answer = world.browse(Call::post("/oauth/callback", &body)).await;
        let exchange = &world.google.calls_to(Endpoint::Token)[0];
        assert_eq!(
            exchange.form_value("redirect_uri").as_deref(),
            Some("https://api.example.com/oauth/callback")
        );
        assert_eq!(exchange.form_value("client_id").as_deref(), Some(world.google.client_id()));
        if encoded {
            assert_eq!(answer.problem(), (400, "code_rejected"));
            assert!(answer.json()["detail"].as_str().unwrap().contains("percent-encoded"));
        } else {
            assert_eq!(answer.status, 200, "{answer:?}");
        }
    }
}

#[tokio::test]
async fn f87_ten_sign_ins_of_one_person_at_the_same_time_all_succeed() {
    let mut world = World::new().await;
    // Otherwise only the sign-in that gets Google's refresh token could succeed at once; the others
    // would need the consent page.
    world.sign_in(ANN).await;
    let mut callbacks = Vec::new();
    for number in 0..10 {
        world.jar.clear();
        let mut url = world.start("").await;
        // Some get a refresh token of their own.
        if number % 2 == 0 {
            url.push_str("&prompt=consent");
        }
        let query = world.consent(&url, Decision::allow(ANN)).await;
        callbacks.push(world.callback_of(&query));
    }
    for answer in futures_util::future::join_all(callbacks.iter().map(|call| world.send(call))).await {
        answer.session();
    }
    assert_eq!(world.sessions().len(), 11);
}
