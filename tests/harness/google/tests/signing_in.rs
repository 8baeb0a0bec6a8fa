//! Codes, tokens and identities.

use super::*;

const WEEK: Duration = Duration::from_hours(7 * 24);

#[tokio::test]
async fn a_code_becomes_tokens_and_an_id_token_with_the_right_claims() {
    let (google, _) = google().await;
    let consent = google.consent(&authorization_url(&google, &[]), Decision::allow(ANN)).await;
    assert_eq!(consent.parameter("state").as_deref(), Some("some state"));
    assert_eq!(consent.parameter("authuser").as_deref(), Some("0"));
    let code = consent.code().expect("a code");
    assert!(code.starts_with("4/0A"));
    assert!(consent.location().expect("a way back").contains("code=4%2F0A"));
    let reply = exchange(&google, &code).await.expect("an answer");
    assert_eq!(reply.header("content-type"), Some("application/json; charset=utf-8"));
    assert!(reply.header("cache-control").expect("a header").contains("no-store"));
    let answer = reply.json();
    assert_eq!(answer["expires_in"], 3599);
    assert_eq!(answer["token_type"], "Bearer");
    let scopes = format!("openid https://www.googleapis.com/auth/userinfo.email {READONLY}");
    assert_eq!(answer["scope"], scopes);
    assert!(text(&answer, "refresh_token").starts_with("1//0"));
    let claims = google.shared().signer.claims(text(&answer, "id_token")).expect("a signed token");
    let ann = google.account(ANN).expect("Ann");
    assert_eq!(claims["iss"], "https://accounts.google.com");
    assert_eq!(claims["aud"], google.client_id());
    assert_eq!(claims["sub"], ann.sub);
    assert_eq!(ann.sub.len(), 21);
    assert_eq!(claims["nonce"], "some nonce");
    assert_eq!(claims["email_verified"], true);
    assert_eq!(claims["exp"], 1_800_003_600);
    assert_eq!(google.calls_to(Endpoint::Token)[0].form_value("code"), Some(code));
    assert_eq!(google.calls_to(Endpoint::Token)[0].status, Some(200));
}

#[tokio::test]
async fn a_code_works_once_for_ten_minutes_with_what_it_was_issued_for() {
    let (google, hand) = google().await;
    let spent = code(&google, ANN, &[]).await;
    assert_eq!(exchange(&google, &spent).await.expect("an answer").status, 200);
    let again = exchange(&google, &spent).await.expect("an answer");
    assert_eq!((again.status, again.json()["error"].as_str()), (400, Some("invalid_grant")));

    let old = code(&google, ANN, &[]).await;
    hand.advance(Duration::from_mins(10));
    assert_eq!(exchange(&google, &old).await.expect("an answer").json()["error"], "invalid_grant");

    for (field, value, error) in [
        ("code_verifier", "x".repeat(43), "invalid_grant"),
        ("redirect_uri", "http://localhost:9000/".into(), "redirect_uri_mismatch"),
    ] {
        let code = code(&google, ANN, &[]).await;
        let mut form = vec![
            ("grant_type", "authorization_code"),
            ("code", &code),
            ("redirect_uri", CALLBACK),
            ("code_verifier", VERIFIER),
        ];
        form.retain(|(name, _)| *name != field);
        form.push((field, &value));
        let reply = token(&google, &form).await.expect("an answer");
        assert_eq!((reply.status, reply.json()["error"].as_str()), (400, Some(error)));
    }
}

#[tokio::test]
async fn a_wrong_client_secret_is_a_401_and_spends_nothing() {
    let (google, _) = google().await;
    let code = code(&google, ANN, &[]).await;
    let secret = google.client_secret();
    google.accept_secret(google.client_id(), "the new secret");
    google.refuse_secret(google.client_id(), &secret);
    let form = [
        ("grant_type", "authorization_code"),
        ("code", &code),
        ("redirect_uri", CALLBACK),
        ("code_verifier", VERIFIER),
        ("client_secret", &secret),
    ];
    let reply = token(&google, &form).await.expect("an answer");
    assert_eq!(reply.status, 401);
    assert_eq!(reply.json()["error_description"], "The provided client secret is invalid.");
    assert_eq!(exchange(&google, &code).await.expect("an answer").status, 200);
}

#[tokio::test]
async fn a_refresh_token_comes_with_the_first_offline_consent_and_with_forced_ones() {
    let (google, _) = google().await;
    assert!(sign_in(&google, ANN, &[("access_type", "online")]).await["refresh_token"].is_null());
    assert!(sign_in(&google, ANN, &[]).await["refresh_token"].is_string());
    assert!(sign_in(&google, ANN, &[]).await["refresh_token"].is_null());
    assert!(sign_in(&google, ANN, &[("prompt", "consent")]).await["refresh_token"].is_string());
    assert!(sign_in(&google, ANN, &[("prompt", "select_account")]).await["refresh_token"].is_null());
    google.omit_refresh_token(Times::Next(1));
    assert!(sign_in(&google, ANN, &[("prompt", "consent")]).await["refresh_token"].is_null());
    assert!(sign_in(&google, ANN, &[("prompt", "consent")]).await["refresh_token"].is_string());
}

#[tokio::test]
async fn a_refresh_gives_a_new_access_token_and_rotates_on_demand() {
    let (google, hand) = google().await;
    let first = sign_in(&google, ANN, &[]).await;
    let old = text(&first, "refresh_token");
    let answer = refresh(&google, old).await.json();
    assert_ne!(answer["access_token"], first["access_token"]);
    assert!(answer["refresh_token"].is_null());
    assert!(answer["id_token"].is_string());
    google.rotate_refresh_tokens(Rotation::ReuseEndsFamily);
    let rotated = refresh(&google, old).await.json();
    let new = text(&rotated, "refresh_token");
    assert_eq!(refresh(&google, old).await.json()["error"], "invalid_grant");
    let ended = refresh(&google, new).await;
    assert_eq!((ended.status, text(&ended.json(), "error")), (400, "invalid_grant"));

    google.clear_all();
    google.refresh_tokens_live_for(Some(WEEK));
    let second = sign_in(&google, ANN, &[("prompt", "consent")]).await;
    assert_eq!(second["refresh_token_expires_in"], 604_800);
    hand.advance(WEEK);
    let died = refresh(&google, text(&second, "refresh_token")).await;
    assert_eq!(died.json()["error_description"], "Token has been expired or revoked.");
}

#[tokio::test]
async fn an_unticked_scope_is_not_granted_and_a_broader_grant_is_remembered() {
    let (google, _) = google().await;
    let url = authorization_url(&google, &[]);
    let consent = google.consent(&url, Decision::allow_without(ANN, &[READONLY])).await;
    let answer = exchange(&google, &consent.code().expect("a code")).await.expect("an answer").json();
    assert!(!text(&answer, "scope").contains("gmail"));
    let answer = sign_in(&google, ANN, &[("scope", "https://mail.google.com/")]).await;
    assert!(text(&answer, "scope").contains("https://mail.google.com/"));
    assert!(text(&answer, "scope").contains("userinfo.email"), "earlier grants are included");
    google.untick(READONLY, Times::Next(1));
    let without = sign_in(&google, "ben@example.com", &[]).await;
    assert!(!text(&without, "scope").contains("gmail"));
}

#[tokio::test]
async fn userinfo_speaks_two_dialects() {
    let (google, _) = google().await;
    let answer = sign_in(&google, "cleo@example.org", &[("scope", "openid email profile")]).await;
    let access = text(&answer, "access_token");
    let two = get(&google, "/oauth2/v2/userinfo", access).await.json();
    assert_eq!((text(&two, "email"), &two["verified_email"]), ("cleo@example.org", &true.into()));
    assert_eq!((text(&two, "id"), &two["sub"]), (text(&two, "id"), &Value::Null));
    for path in ["/oauth2/v3/userinfo", "/v1/userinfo"] {
        let three = get(&google, path, access).await.json();
        assert_eq!((&three["sub"], &three["email_verified"]), (&two["id"], &true.into()));
        assert_eq!((&three["hd"], &three["name"]), (&"example.org".into(), &"Cleo Carter".into()));
    }
    google.expire_access_tokens("cleo@example.org");
    assert_eq!(get(&google, "/oauth2/v2/userinfo", access).await.status, 401);
    assert_eq!(get(&google, "/v1/userinfo", access).await.status, 401);
}

#[tokio::test]
async fn revoking_one_token_ends_every_token_of_that_person_alone() {
    let (google, _) = google().await;
    let (ann, ben) = (sign_in(&google, ANN, &[]).await, sign_in(&google, "ben@example.com", &[]).await);
    let info = format!("/tokeninfo?access_token={}", text(&ann, "access_token"));
    let described = get(&google, &info, "").await.json();
    assert_eq!((text(&described, "aud"), text(&described, "expires_in")), (google.client_id(), "3599"));
    let revoked =
        post(&google, "/revoke", &[("token", text(&ann, "access_token"))]).await.expect("an answer");
    assert_eq!(revoked.status, 200);
    assert_eq!(refresh(&google, text(&ann, "refresh_token")).await.json()["error"], "invalid_grant");
    assert_eq!(get(&google, &info, "").await.status, 400);
    assert_eq!(refresh(&google, text(&ben, "refresh_token")).await.status, 200);
    let again = post(&google, "/revoke", &[("token", text(&ann, "refresh_token"))]).await.expect("an answer");
    assert_eq!((again.status, text(&again.json(), "error")), (400, "invalid_token"));
    assert!(sign_in(&google, ANN, &[]).await["refresh_token"].is_string(), "the next consent is a first one");
}

#[tokio::test]
async fn the_hundred_and_first_consent_ends_the_first_refresh_token() {
    let (google, _) = google().await;
    let first = sign_in(&google, ANN, &[]).await;
    for _ in 0..100 {
        sign_in(&google, ANN, &[("prompt", "consent")]).await;
    }
    assert_eq!(google.live_refresh_tokens(ANN), 100);
    assert_eq!(refresh(&google, text(&first, "refresh_token")).await.status, 400);
}

#[tokio::test]
async fn a_new_password_ends_refresh_tokens_for_gmail_and_leaves_access_tokens() {
    let (google, _) = google().await;
    let answer = sign_in(&google, ANN, &[]).await;
    google.change_password(ANN);
    assert_eq!(refresh(&google, text(&answer, "refresh_token")).await.json()["error"], "invalid_grant");
    assert_eq!(get(&google, "/v1/userinfo", text(&answer, "access_token")).await.status, 200);
}

#[tokio::test]
async fn a_second_client_has_its_own_grants_and_codes() {
    let (google, _) = google().await;
    google.add_client("second", "its secret");
    assert!(google.client_secrets_of("second", &[CALLBACK]).expect("a file").contains("its secret"));
    sign_in(&google, ANN, &[]).await;
    let theirs = code(&google, ANN, &[("client_id", "second")]).await;
    assert_eq!(exchange(&google, &theirs).await.expect("an answer").json()["error"], "invalid_grant");
    let form = [
        ("grant_type", "authorization_code"),
        ("code", &theirs),
        ("redirect_uri", CALLBACK),
        ("code_verifier", VERIFIER),
        ("client_id", "second"),
        ("client_secret", "its secret"),
    ];
    let answer = token(&google, &form).await.expect("an answer").json();
    assert!(answer["refresh_token"].is_string(), "the first consent of this client");
    let form = [("grant_type", "refresh_token"), ("refresh_token", text(&answer, "refresh_token"))];
    let other = token(&google, &form).await.expect("an answer").json();
    assert_eq!(other["error"], "unauthorized_client");
}
