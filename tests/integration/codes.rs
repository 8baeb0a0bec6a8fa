//! Sign-ins that end in a one-time code: the authorization endpoint and the callback's answer.

use std::time::Duration;

use harness::Fault;
use harness::google::{Decision, Failure, Times};
use harness::world::{ANN, Answer, BEN, Call, FrontEnd, ORIGIN, World, code_and_state, parameter};

/// `error` and `error_code` of an answer at the front end's address.
fn told(answer: &Answer) -> (String, String) {
    let of =
        |name: &str| parameter(answer.location(), name).unwrap_or_else(|| panic!("no {name}: {answer:?}"));
    assert_eq!(of("iss"), "https://api.example.com");
    assert!(parameter(answer.location(), "code").is_none() && !answer.begins_session(), "{answer:?}");
    (of("error"), of("error_code"))
}

fn with(query: &str, more: &str) -> String {
    format!("{query}&{more}")
}

#[tokio::test]
async fn an_authorization_request_leads_to_google_whatever_else_it_carries() {
    let world = World::new().await;
    let front_end = FrontEnd::default();
    let query = with(
        &front_end.query(),
        "scope=openid+email&prompt=none&nonce=x&return_to=x&login_hint=ann%40example.com",
    );
    let call = Call::get("/auth/start", &query).header("accept", "application/json");
    let answer = world.send(&call).await;
    assert_eq!(answer.status, 302, "{answer:?}");
    let of = |name: &str| parameter(answer.location(), name);
    assert!(answer.location().starts_with(world.google.url()));
    assert_eq!(of("redirect_uri").as_deref(), Some("https://api.example.com/oauth/callback"));
    assert_eq!(of("login_hint").as_deref(), Some(ANN));
    assert_eq!((of("prompt"), of("response_mode")), (None, None));
    // The flow's own state and challenge, not the front end's.
    assert_ne!(of("state"), Some(front_end.state.clone()));
    assert!(!answer.location().contains(&front_end.parameters()[4].1));
    world.assert_untouched();
}

#[tokio::test]
async fn b71_a90_a_request_that_is_not_usable_is_told_so_at_the_front_ends_address() {
    let world = World::new().await;
    let front_end = FrontEnd::default();
    let (long, repeated) = ("s".repeat(513), "x".repeat(128));
    for (name, value, error, code) in [
        ("response_type", Some("token"), "unsupported_response_type", "unsupported_response_type"),
        ("code_challenge", None, "invalid_request", "invalid_request"),
        ("code_challenge", Some(""), "invalid_request", "invalid_request"),
        ("code_challenge_method", Some(""), "invalid_request", "invalid_request"),
        ("code_challenge", Some("short"), "invalid_request", "invalid_request"),
        ("code_challenge_method", None, "invalid_request", "invalid_request"),
        ("code_challenge_method", Some("plain"), "invalid_request", "invalid_request"),
        ("response_mode", Some("form_post"), "invalid_request", "invalid_request"),
        ("state", Some(&long), "invalid_request", "invalid_request"),
        ("state", Some("a b"), "invalid_request", "invalid_request"),
    ] {
        let answer = world.send(&Call::get("/auth/start", &front_end.query_with(name, value))).await;
        assert_eq!(answer.status, 302, "{name}={value:?}: {answer:?}");
        assert!(answer.location().starts_with(&front_end.redirect_uri), "{answer:?}");
        assert_eq!(told(&answer), (error.to_owned(), code.to_owned()), "{name}={value:?}");
        let state = if name == "state" { value } else { Some(front_end.state.as_str()) };
        assert_eq!(parameter(answer.location(), "state").as_deref(), state);
        assert!(answer.cookies.is_empty(), "{answer:?}");
    }
    // An empty parameter counts as left out (RFC 6749 section 3.1).
    for (name, more) in [("state", "login_hint="), ("response_mode", "login_hint="), ("response_type", "x=")]
    {
        let query = with(&front_end.query_with(name, Some("")), more);
        let answer = world.send(&Call::get("/auth/start", &query)).await;
        assert!(answer.status == 302 && answer.location().starts_with(world.google.url()), "{answer:?}");
    }
    for more in ["code_challenge_method=S256", "state=x", "response_type=code", "login_hint=a%40b%40c"] {
        let answer = world.send(&Call::get("/auth/start", &with(&front_end.query(), more))).await;
        assert_eq!((answer.status, told(&answer).0.as_str()), (302, "invalid_request"), "{more}");
    }
    // All of it must fit into a cookie.
    let front_end = FrontEnd {
        client_id: repeated,
        state: "s".repeat(256),
        ..FrontEnd::at(&format!("{ORIGIN}/{}", "x".repeat(200)))
    };
    let answer = world.send(&Call::get("/auth/start", &front_end.query())).await;
    assert_eq!((answer.status, told(&answer).0.as_str()), (302, "invalid_request"));
    world.assert_untouched();
}

#[tokio::test]
async fn a_fault_is_told_in_the_fragment_where_the_answer_would_stand() {
    let world = World::new().await;
    let front_end = FrontEnd { mode: "fragment".to_owned(), ..FrontEnd::default() };
    let query = front_end.query_with("code_challenge", None);
    let answer = world.send(&Call::get("/auth/start", &query)).await;
    let expected = format!(
        "{}#error=invalid_request&error_code=invalid_request&state=the-state-of-the-page&iss=https%3A%2F%2Fapi.example.com",
        front_end.redirect_uri
    );
    assert_eq!((answer.status, answer.location()), (302, expected.as_str()));
    // Trouble of ours as well.
    let mut world = World::new().await;
    world.secrets.fail("BatchGetSecretValue", Fault::BROKEN, 9);
    world.secrets.fail("GetSecretValue", Fault::BROKEN, 9);
    let answer = world.browse(Call::get("/auth/start", &front_end.query())).await;
    let told =
        format!("{}#error=temporarily_unavailable&error_code=secrets_unavailable", front_end.redirect_uri);
    assert!(answer.location().starts_with(&told), "{answer:?}");
}

#[tokio::test]
async fn a91_b75_an_address_or_client_that_is_not_usable_is_answered_here() {
    let mut world = World::new().await;
    world.configure(&[("ALLOWED_RETURN_URIS", "com.example.app:/callback,http://127.0.0.1/callback")]);
    for uri in [
        "https://evil.example/",
        "https://app.example.com.evil.example/",
        "com.example.app:/other",
        "javascript:alert(1)",
        "",
    ] {
        let answer = world.send(&Call::get("/auth/start", &FrontEnd::at(uri).query())).await;
        assert_eq!(answer.problem(), (400, "invalid_redirect_uri"), "{uri}");
    }
    let front_end = FrontEnd::default();
    let answer = world.send(&Call::get("/auth/start", &front_end.query_with("redirect_uri", None))).await;
    assert_eq!(answer.problem(), (400, "invalid_redirect_uri"));
    let doubled = with(&front_end.query(), "redirect_uri=https%3A%2F%2Fapp.example.com%2F");
    let answer = world.send(&Call::get("/auth/start", &doubled)).await;
    assert_eq!(answer.problem(), (400, "duplicate_parameter"));
    for client in [None, Some(""), Some("a b"), Some("é"), Some(&*"x".repeat(129))] {
        let query = front_end.query_with("client_id", client);
        let answer = world.send(&Call::get("/auth/start", &query).header("accept", "text/html")).await;
        assert_eq!(answer.code_or_page(), (400, true), "{client:?}");
        assert!(answer.location().is_empty() && answer.cookies.is_empty());
    }
    world.assert_untouched();
    for uri in ["com.example.app:/callback", "http://127.0.0.1:51004/callback"] {
        let front_end = FrontEnd::at(uri);
        let code = world.code(&front_end, ANN).await;
        let call = front_end.redeems(&code).without_header("origin");
        assert_eq!(world.send(&call).await.status, 200, "{uri}");
    }
}

#[tokio::test]
async fn a99_of_an_origin_with_listed_addresses_only_those_get_codes() {
    let mut world = World::new().await;
    let listed = FrontEnd::at(&format!("{ORIGIN}/callback?from=mail"));
    let lists = format!("{},https://other.example.com/callback,com.example.app:/x", listed.redirect_uri);
    world.configure(&[("ALLOWED_RETURN_URIS", &lists)]);
    // An open redirector, or a page that passes on its URL, at which an attacker with a verifier of
    // his own lets a sign-in end.
    for path in ["/redirect?to=https://evil.example/", "", "/", "/callback", "/callback?from=mail&x=1"] {
        let front_end = FrontEnd::at(&format!("{ORIGIN}{path}"));
        let answer = world.send(&Call::get("/auth/start", &front_end.query())).await;
        assert_eq!(answer.problem(), (400, "invalid_redirect_uri"), "{path}");
    }
    world.assert_untouched();
    let code = world.code(&listed, ANN).await;
    assert_eq!(world.send(&listed.redeems(&code)).await.status, 200);

    // Listed while a sign-in is on its way to another path.
    world.configure(&[("ALLOWED_RETURN_URIS", "https://other.example.com/callback")]);
    let url = world.start_for_code(&FrontEnd::default()).await;
    let query = world.consent(&url, Decision::allow(ANN)).await;
    world.configure(&[("ALLOWED_RETURN_URIS", &lists)]);
    assert_eq!(world.callback(&query).await.problem(), (400, "invalid_redirect_uri"));
    assert_eq!(world.codes().len(), 1);
}

#[tokio::test]
async fn a17_a18_an_authorization_request_comes_by_navigation_from_anywhere_and_in_no_other_way() {
    let world = World::new().await;
    let call = Call::get("/auth/start", &FrontEnd::default().query());
    let navigation = call
        .clone()
        .header("sec-fetch-site", "cross-site")
        .header("sec-fetch-mode", "navigate")
        .header("sec-fetch-dest", "document");
    assert_eq!(world.send(&navigation).await.status, 302);
    for (name, value) in [
        ("sec-fetch-dest", "iframe"),
        ("sec-fetch-dest", "image"),
        ("sec-fetch-dest", "empty"),
        ("origin", "https://evil.example"),
        ("origin", "null"),
    ] {
        let answer = world.send(&navigation.clone().header(name, value)).await;
        assert_eq!(answer.problem(), (403, "forbidden_origin"), "{name}: {value}");
    }
    let answer = world.send(&navigation.header("sec-purpose", "prefetch")).await;
    assert_eq!(answer.problem(), (403, "prefetch_refused"));
    world.assert_untouched();
}

#[tokio::test]
async fn a89_every_answer_names_the_issuer_and_a_foreign_one_gets_no_code() {
    let mut world = World::new().await;
    let front_end = FrontEnd::default();
    let answer = world.attempt_for_code(&front_end, ANN).await;
    assert_eq!(parameter(answer.location(), "iss").as_deref(), Some("https://api.example.com"));
    world.plant(&parameter(answer.location(), "code").unwrap());
    let url = world.start_for_code(&front_end).await;
    let query = world.consent(&url, Decision::allow(ANN)).await;
    let (code, state) = code_and_state(&query);
    let answer = world.callback(&format!("code={code}&state={state}&iss=https%3A%2F%2Fevil.example")).await;
    assert_eq!(told(&answer), ("access_denied".to_owned(), "issuer_mismatch".to_owned()));
    assert_eq!(world.codes().len(), 1);
}

#[tokio::test]
async fn a_refusal_at_google_is_told_to_the_front_end_in_words_of_both_kinds() {
    let mut world = World::new().await;
    let front_end = FrontEnd::default();
    let url = world.start_for_code(&front_end).await;
    let state = parameter(&url, "state").unwrap();
    // What a script asks for does not matter: the browser navigates.
    let call = Call::get("/oauth/callback", &format!("error=access_denied&state={state}"));
    let answer = world.browse(call.header("accept", "application/json")).await;
    assert_eq!(answer.status, 303, "{answer:?}");
    assert_eq!(told(&answer), ("access_denied".to_owned(), "consent_denied".to_owned()));
    assert_eq!(parameter(answer.location(), "state"), Some(front_end.state.clone()));
    assert!(answer.location().starts_with(&front_end.redirect_uri));

    world.google.fail(harness::google::Endpoint::Token, Failure::Status(500), Times::Next(1));
    let answer = world.attempt_for_code(&front_end, ANN).await;
    assert_eq!(told(&answer), ("server_error".to_owned(), "upstream_unavailable".to_owned()));
    assert!(world.codes().is_empty());
}

#[tokio::test]
async fn a_sign_in_that_goes_to_google_twice_still_ends_in_its_code() {
    let mut world = World::new().await;
    let front_end = FrontEnd::default();
    let url = world.start_for_code(&front_end).await;
    let state = parameter(&url, "state").unwrap();
    let again = world.callback(&format!("error=interaction_required&state={state}")).await;
    assert!(again.location().starts_with(world.google.url()), "{again:?}");
    // Without a refresh token it goes to the consent page too.
    world.google.omit_refresh_token(Times::Next(1));
    let again = world.come_back(again.location(), ANN).await;
    assert!(again.location().starts_with(world.google.url()), "{again:?}");
    let answer = world.come_back(again.location(), ANN).await;
    let code = parameter(answer.location(), "code").unwrap();
    assert_eq!(world.send(&front_end.redeems(&code)).await.status, 200);
}

#[tokio::test]
async fn a04_a92_a_finished_callback_gives_no_second_code() {
    let mut world = World::signed_in().await;
    let front_end = FrontEnd::default();
    let url = world.start_for_code(&front_end).await;
    let query = world.consent(&url, Decision::allow(ANN)).await;
    let first = world.callback(&query).await;
    let code = parameter(first.location(), "code").unwrap();
    world.plant(&code);
    for _ in 0..2 {
        let again = world.callback(&query).await;
        assert_eq!(again.problem(), (400, "state_used"), "{again:?}");
    }
    assert_eq!((world.codes().len(), world.exchanges()), (1, 1));
    // Neither the code nor the verifier is stored, and no page that the browser comes to learns the
    // callback's address.
    let row = world.codes()[0].to_string();
    assert!(!row.contains(&code) && !row.contains(&front_end.verifier), "{row}");
    assert_eq!(first.headers["referrer-policy"], "no-referrer");
}

#[tokio::test]
async fn a98_an_address_that_was_removed_from_the_lists_gets_no_code() {
    let mut world = World::new().await;
    let url = world.start_for_code(&FrontEnd::default()).await;
    let query = world.consent(&url, Decision::allow(ANN)).await;
    world.configure(&[("ALLOWED_ORIGINS", "https://new.example.com")]);
    world.forget_calls();
    let call = world.callback_of(&query).header("accept", "text/html");
    let answer = world.send(&call).await;
    assert_eq!(answer.code_or_page(), (400, true), "{answer:?}");
    assert!(answer.body.contains("invalid_redirect_uri") && answer.location().is_empty());
    world.assert_untouched();
}

#[tokio::test]
async fn a96_who_follows_anothers_link_gives_the_code_to_the_front_end_alone() {
    let mut world = World::new().await;
    // An attacker made the link: a state and a verifier that the victim's page does not have.
    let attackers = FrontEnd { state: "attackers".to_owned(), ..FrontEnd::default() };
    let url = world.start_for_code(&attackers).await;
    let query = world.consent(&url, Decision::allow(ANN)).await;
    // The answer cannot be had with the link alone: it needs the browser that followed it.
    let elsewhere = world.send(&Call::get("/oauth/callback", &query)).await;
    assert_eq!(elsewhere.problem(), (400, "state_mismatch"));
    let answer = world.callback(&query).await;
    assert!(answer.location().starts_with(&format!("{ORIGIN}/")), "{answer:?}");
    assert_eq!(parameter(answer.location(), "state").as_deref(), Some("attackers"));
    world.plant(&parameter(answer.location(), "code").unwrap());
    assert!(!answer.begins_session());
}

#[tokio::test]
async fn a_flow_that_ends_in_a_code_is_not_finished_by_a_post() {
    let mut world = World::new().await;
    let url = world.start_for_code(&FrontEnd::default()).await;
    let post = world.post_of(&url, Decision::allow(BEN)).await;
    assert_eq!(world.browse(post).await.problem(), (400, "state_mismatch"));
}

#[tokio::test]
async fn f95_a_code_that_cannot_be_stored_is_told_as_passing_and_the_credential_stays() {
    let mut world = World::new().await;
    let front_end = FrontEnd::default();
    let url = world.start_for_code(&front_end).await;
    let query = world.consent(&url, Decision::allow(ANN)).await;
    // The first of the two writes spends the state.
    world.dynamodb.fail("PutItem", Fault::Delay(Duration::ZERO), 1);
    world.dynamodb.fail("PutItem", Fault::BROKEN, 3);
    let answer = world.callback(&query).await;
    assert_eq!(told(&answer), ("temporarily_unavailable".to_owned(), "storage_unavailable".to_owned()));
    assert_eq!(world.credential(ANN)["status"]["S"], "active");
    assert!(world.codes().is_empty());
    let code = world.code(&front_end, ANN).await;
    assert_eq!(world.send(&front_end.redeems(&code)).await.status, 200);
}
