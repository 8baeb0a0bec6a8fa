//! The outside of Google's answers: order of parameters, headers, lengths, and what a dead token is
//! told.

use super::*;

const ISSUER: &str = "https://accounts.google.com";

#[tokio::test]
async fn the_way_back_has_googles_parameters_in_googles_order() {
    let (google, _) = google().await;
    let names = |consent: &Consent| -> Vec<String> {
        let url = Url::parse(consent.location().expect("a way back")).expect("a URL");
        url.query_pairs().map(|(name, _)| name.into_owned()).collect()
    };
    let url = authorization_url(&google, &[]);
    let consent = google.consent(&url, Decision::allow(ANN)).await;
    assert_eq!(names(&consent), ["state", "iss", "code", "scope", "authuser", "prompt"]);
    assert_eq!(consent.parameter("iss").as_deref(), Some(ISSUER));
    let managed = google.consent(&url, Decision::allow("cleo@example.org")).await;
    assert_eq!(names(&managed), ["state", "iss", "code", "scope", "authuser", "hd", "prompt"]);
    let denied = google.consent(&url, Decision::deny(ANN)).await;
    assert_eq!(names(&denied), ["state", "iss", "error"]);
    google.send_issuer(Some("https://other.example"));
    let other = google.consent(&url, Decision::allow(ANN)).await;
    assert_eq!(other.parameter("iss").as_deref(), Some("https://other.example"));
    google.send_issuer(None);
    assert_eq!(google.consent(&url, Decision::allow(ANN)).await.parameter("iss"), None);
    for (form, expected) in
        [(&[("issuer", "https://third.example")][..], Some("https://third.example")), (&[], None)]
    {
        post(&google, "/control/issuer", form).await.expect("an answer");
        let consent = google.consent(&url, Decision::allow(ANN)).await;
        assert_eq!(consent.parameter("iss").as_deref(), expected);
    }
    google.clear_all();
    assert_eq!(google.consent(&url, Decision::allow(ANN)).await.parameter("iss").as_deref(), Some(ISSUER));
    let discovery = get(&google, "/.well-known/openid-configuration", "").await.json();
    assert_eq!(discovery["authorization_response_iss_parameter_supported"], true);
}

#[tokio::test]
async fn each_family_of_endpoints_has_its_own_headers() {
    let (google, _) = google().await;
    let code = code(&google, ANN, &[]).await;
    let tokens = exchange(&google, &code).await.expect("an answer");
    let refused = refresh(&google, "nothing").await;
    for reply in [&tokens, &refused] {
        assert_eq!(reply.header("content-type"), Some("application/json; charset=utf-8"));
        assert_eq!(reply.header("expires"), Some("Mon, 01 Jan 1990 00:00:00 GMT"));
        assert_eq!(reply.header("pragma"), Some("no-cache"));
        assert_eq!(reply.headers("vary"), ["Origin", "X-Origin", "Referer"]);
    }
    let answer = tokens.json();
    for path in ["/gmail/v1/users/me/messages", "/oauth2/v2/userinfo", "/v1/userinfo"] {
        let reply = get(&google, path, text(&answer, "access_token")).await;
        assert_eq!(
            (reply.status, reply.header("content-type")),
            (200, Some("application/json; charset=UTF-8"))
        );
        assert_eq!(reply.headers("vary"), ["Origin", "X-Origin", "Referer"]);
        assert_eq!(reply.header("expires"), None);
    }
}

#[tokio::test]
async fn codes_and_tokens_are_as_long_as_googles_and_on_demand_as_long_as_they_may_be() {
    let (google, _) = google().await;
    let lengths = async || {
        let code = code(&google, ANN, &[("prompt", "consent")]).await;
        let answer = exchange(&google, &code).await.expect("an answer").json();
        (code.len(), text(&answer, "access_token").len(), text(&answer, "refresh_token").len())
    };
    assert_eq!(lengths().await, (73, 163, 103));
    google.issue_longest_values(true);
    assert_eq!(lengths().await, (256, 2048, 512));
    google.clear_all();
    assert_eq!(lengths().await, (73, 163, 103));
    post(&google, "/control/longest-values", &[]).await.expect("an answer");
    assert_eq!(lengths().await, (256, 2048, 512));
}

#[tokio::test]
async fn user_info_gives_the_picture_without_the_profile_and_nothing_without_an_identity_scope() {
    let (google, _) = google().await;
    let answer = sign_in(&google, ANN, &[]).await;
    for path in ["/oauth2/v2/userinfo", "/oauth2/v3/userinfo", "/v1/userinfo"] {
        let body = get(&google, path, text(&answer, "access_token")).await.json();
        assert!(text(&body, "picture").starts_with("https://lh3.googleusercontent.com/"));
        assert!(body["name"].is_null());
    }
    let bare = sign_in(&google, "ben@example.com", &[("scope", READONLY)]).await;
    for path in ["/oauth2/v2/userinfo", "/v1/userinfo"] {
        let reply = get(&google, path, text(&bare, "access_token")).await;
        assert_eq!(reply.status, 401);
        let message = reply.json()["error"]["message"].as_str().map(str::to_owned).expect("a message");
        assert!(message.starts_with("Request is missing required authentication credential."), "{message}");
    }
}

#[tokio::test]
async fn a_dead_refresh_token_is_forgotten_after_half_a_day() {
    let (google, hand) = google().await;
    let answer = sign_in(&google, ANN, &[]).await;
    let description = async || {
        let body = refresh(&google, text(&answer, "refresh_token")).await.json();
        assert_eq!(body["error"], "invalid_grant");
        text(&body, "error_description").to_owned()
    };
    google.revoke_grant(ANN);
    hand.advance(Duration::from_hours(12) - Duration::from_secs(1));
    assert_eq!(description().await, "Token has been expired or revoked.");
    hand.advance(Duration::from_secs(1));
    assert_eq!(description().await, "Bad Request");
}

#[tokio::test]
async fn a_refresh_token_with_an_end_says_how_long_it_lives() {
    let (google, hand) = google().await;
    for (preset, seconds) in [("testing", 604_799), ("time_limited", 15_551_999)] {
        post(&google, "/control/refresh-lifetime", &[("preset", preset)]).await.expect("an answer");
        let answer = sign_in(&google, ANN, &[("prompt", "consent")]).await;
        assert_eq!(answer["refresh_token_expires_in"], seconds);
        hand.advance(Duration::from_secs(seconds));
        assert_eq!(refresh(&google, text(&answer, "refresh_token")).await.json()["error"], "invalid_grant");
    }
    let wrong = post(&google, "/control/refresh-lifetime", &[("preset", "long")]).await.expect("an answer");
    assert_eq!(wrong.status, 400);
}

#[tokio::test]
async fn token_info_has_the_shape_of_its_version() {
    let (google, _) = google().await;
    let answer = sign_in(&google, ANN, &[]).await;
    let token = text(&answer, "access_token");
    for path in ["/tokeninfo", "/oauth2/v3/tokeninfo"] {
        let body = get(&google, &format!("{path}?access_token={token}"), "").await.json();
        assert_eq!((&body["aud"], &body["expires_in"]), (&google.client_id().into(), &"3599".into()));
    }
    // As Google's library for Node.js asks.
    assert_eq!(get(&google, "/tokeninfo", token).await.json()["aud"], google.client_id());
    let old = get(&google, &format!("/oauth2/v2/tokeninfo?access_token={token}"), "").await.json();
    assert_eq!((&old["issued_to"], &old["expires_in"]), (&google.client_id().into(), &3599.into()));
    assert_eq!(
        (&old["user_id"], &old["verified_email"]),
        (&google.account(ANN).expect("Ann").sub.into(), &true.into())
    );
    for (path, error) in [
        ("/tokeninfo", Value::Null),
        ("/oauth2/v3/tokeninfo", Value::Null),
        ("/oauth2/v2/tokeninfo", "invalid_token".into()),
    ] {
        let stale = get(&google, &format!("{path}?access_token=stale"), "").await;
        assert_eq!((stale.status, &stale.json()["error"]), (400, &error), "{path}");
        assert_eq!(stale.json()["error_description"], "Invalid Value");
    }
}

#[tokio::test]
async fn the_key_is_published_in_both_forms() {
    let (google, _) = google().await;
    let keys = get(&google, "/oauth2/v3/certs", "").await.json();
    let pem = get(&google, "/oauth2/v1/certs", "").await.json();
    let id = text(&keys["keys"][0], "kid");
    assert!(text(&pem, id).starts_with("-----BEGIN PUBLIC KEY-----\nMIIBIjANBgkqhkiG9w0BAQEFAAOCAQ8A"));
}
