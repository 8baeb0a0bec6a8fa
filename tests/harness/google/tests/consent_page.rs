//! The authorization page: what it refuses, what it skips, and its form.

use super::*;

#[tokio::test]
async fn a_request_that_leads_nowhere_gets_the_error_page() {
    let (google, _) = google().await;
    for (changes, code) in [
        (&[("client_id", "nobody")][..], "invalid_client"),
        (&[("client_id", "")], "invalid_request"),
        (&[("redirect_uri", "http://localhost:9000/oauth/callback/")], "redirect_uri_mismatch"),
        (&[("response_type", "")], "invalid_request"),
        (&[("scope", "mail")], "invalid_scope"),
        (&[("prompt", "consent"), ("approval_prompt", "force")], "invalid_request"),
        (&[("prompt", "none consent")], "invalid_request"),
        (&[("prompt", "Consent")], "invalid_request"),
        (&[("access_type", "forever")], "invalid_request"),
        (&[("code_challenge", "short")], "invalid_request"),
    ] {
        let url = authorization_url(&google, changes);
        let consent = google.consent(&url, Decision::allow(ANN)).await;
        assert_eq!(consent, Consent::ErrorPage(code.into()), "{changes:?}");
        let path = url.strip_prefix(google.url()).expect("a path").to_owned();
        let reply = send(&google, "GET", &path, "", "").await.expect("an answer");
        assert_eq!((reply.status, reply.header("location")), (400, None));
        assert!(reply.body.contains(code), "{changes:?}");
    }
}

#[tokio::test]
async fn a_refusal_goes_back_with_the_state() {
    let (google, _) = google().await;
    let url = authorization_url(&google, &[]);
    for (decision, error) in [
        (Decision::deny(ANN), "access_denied"),
        (Decision::error("admin_policy_enforced"), "admin_policy_enforced"),
    ] {
        let consent = google.consent(&url, decision).await;
        assert_eq!(consent.error().as_deref(), Some(error));
        assert_eq!(consent.parameter("state").as_deref(), Some("some state"));
        assert_eq!(consent.code(), None);
    }
}

#[tokio::test]
async fn prompt_none_needs_a_grant_and_a_hint() {
    let (google, _) = google().await;
    let none = [("prompt", "none"), ("login_hint", ANN)];
    let asked = google.consent(&authorization_url(&google, &none), Decision::allow(ANN)).await;
    assert_eq!(asked.error().as_deref(), Some("interaction_required"));
    code(&google, ANN, &[]).await;
    let known = google.consent(&authorization_url(&google, &none), Decision::deny(ANN)).await;
    assert!(known.code().is_some());
    assert_eq!(known.parameter("prompt").as_deref(), Some("none"));
}

#[tokio::test]
async fn the_form_lists_accounts_and_scopes_and_takes_a_decision() {
    let (google, _) = google().await;
    let url = authorization_url(&google, &[("login_hint", "ben@example.com")]);
    let path = url.strip_prefix(google.url()).expect("a path").to_owned();
    let page = send(&google, "GET", &path, "", "").await.expect("an answer");
    assert_eq!(page.status, 200);
    assert!(page.body.contains("fake Google"));
    assert!(page.body.contains("name=\"account\" value=\"ben@example.com\" required checked"));
    assert!(page.body.contains(&format!("name=\"scope\" value=\"{READONLY}\" checked")));
    assert!(!page.body.contains("value=\"openid\""));
    let action = page.body.split("action=\"").nth(1).and_then(|rest| rest.split('"').next()).expect("a form");
    let action = action.replace("&amp;", "&");
    let form = [("account", "ben@example.com"), ("scope", READONLY), ("decision", "allow")];
    let reply = post(&google, &action, &form).await.expect("an answer");
    assert_eq!(reply.status, 303);
    let consent = Consent::Redirect(reply.header("location").expect("a way back").into());
    let answer = exchange(&google, &consent.code().expect("a code")).await.expect("an answer").json();
    assert!(text(&answer, "scope").contains(READONLY));

    // Known by now, so the same request needs no page.
    let again = send(&google, "GET", &path, "", "").await.expect("an answer");
    assert_eq!(again.status, 303);
    let denied = post(&google, &action, &[("decision", "deny")]).await.expect("an answer");
    assert!(denied.header("location").expect("a way back").contains("error=access_denied"));
    let unticked =
        post(&google, &action, &[("account", ANN), ("decision", "allow")]).await.expect("an answer");
    assert!(!unticked.header("location").expect("a way back").contains("gmail"));
}

#[tokio::test]
async fn the_control_page_sets_failures_and_shows_no_secret() {
    let (google, _) = google().await;
    let form = [
        ("endpoint", "token"),
        ("failure", "invalid_rapt"),
        ("times", "until_cleared"),
        ("grant_type", "refresh_token"),
    ];
    let reply = post(&google, "/control/failures", &form).await.expect("an answer");
    assert_eq!((reply.status, reply.header("location")), (303, Some("/control")));
    let answer = sign_in(&google, ANN, &[]).await;
    let token = text(&answer, "refresh_token");
    assert_eq!(refresh(&google, token).await.json()["error_subtype"], "invalid_rapt");
    let json = "Content-Type: application/json\r\n";
    let cleared = send(&google, "POST", "/control/clear", json, "{}").await.expect("an answer");
    assert_eq!((cleared.status, &cleared.json()["ok"]), (200, &true.into()));
    assert_eq!(refresh(&google, token).await.status, 200);
    let wrong =
        send(&google, "POST", "/control/failures", json, r#"{"endpoint":"moon"}"#).await.expect("an answer");
    assert_eq!(wrong.status, 400);
    for path in ["/control", "/control/calls", "/control/state"] {
        let page = get(&google, path, text(&answer, "access_token")).await;
        assert_eq!(page.status, 200);
        let secret = google.client_secret();
        for secret in [token, text(&answer, "access_token"), &secret, VERIFIER] {
            assert!(!page.body.contains(secret), "{path}");
        }
    }
    let page = get(&google, "/control", "").await.body;
    assert!(page.contains("grant_type=refresh_token"));
    let file = get(&google, "/control/client_secrets.json", "").await.json();
    assert_eq!(file["web"]["redirect_uris"][0], CALLBACK);
    assert_eq!(file["web"]["javascript_origins"][0], "http://localhost:9000");
    assert_eq!(file["web"]["token_uri"], format!("{}/token", google.url()));
}

#[tokio::test]
async fn a_redirect_uri_that_was_taken_away_leads_nowhere() {
    let (google, _) = google().await;
    let url = authorization_url(&google, &[]);
    for (action, expected) in [("unregister", 400), ("register", 200)] {
        post(&google, &format!("/control/{action}"), &[("redirect_uri", CALLBACK)]).await.expect("an answer");
        let path = url.strip_prefix(google.url()).expect("a path");
        let reply = send(&google, "GET", path, "", "").await.expect("an answer");
        assert_eq!(reply.status, expected, "{action}");
    }
}
