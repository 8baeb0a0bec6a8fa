//! The fake gives the answers that Google really gave. Only then is it worth testing against. The
//! tests of the functions cover everything else that the fake must do.

use std::time::Duration;

use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use hyper::Request;
use hyper_util::client::legacy::Client;
use hyper_util::rt::TokioExecutor;
use postern::clock::ManualClock;
use postern_rules::time::Timestamp;
use serde_json::Value;

use super::*;

pub(super) const ANN: &str = "ann@example.com";
pub(super) const CALLBACK: &str = "http://localhost:9000/oauth/callback";
pub(super) const LIST: &str = "/gmail/v1/users/me/messages";

pub(super) async fn google() -> (Google, ManualClock) {
    let clock = ManualClock::starting_at(Timestamp::from_seconds(1_800_000_000));
    let google = Google::start_anywhere(Clock::Manual(clock.clone())).await;
    google.client_secrets(&[CALLBACK]);
    (google, clock)
}

pub(super) async fn send(request: hyper::http::request::Builder, body: impl Into<Bytes>) -> Reply {
    let client = Client::builder(TokioExecutor::new()).build_http::<Full<Bytes>>();
    let response = client.request(request.body(Full::new(body.into())).unwrap()).await.unwrap();
    let (head, body) = response.into_parts();
    let text = String::from_utf8(body.collect().await.unwrap().to_bytes().to_vec()).unwrap();
    Reply { status: head.status.as_u16(), headers: head.headers, text }
}

pub(super) struct Reply {
    pub(super) status: u16,
    pub(super) headers: hyper::HeaderMap,
    pub(super) text: String,
}

impl Reply {
    pub(super) fn json(&self) -> Value {
        serde_json::from_str(&self.text).unwrap_or_else(|_| panic!("not JSON: {}", self.text))
    }

    pub(super) fn header(&self, name: &str) -> &str {
        self.headers.get(name).map(|value| value.to_str().unwrap()).unwrap_or_default()
    }
}

pub(super) async fn get(google: &Google, path: &str, token: &str) -> Reply {
    let request = Request::get(format!("{}{path}", google.url()));
    send(request.header("authorization", format!("Bearer {token}")), "").await
}

async fn post(google: &Google, path: &str, form: &[(&str, &str)]) -> Reply {
    let body = form_urlencoded::Serializer::new(String::new()).extend_pairs(form).finish();
    send(Request::post(format!("{}{path}", google.url())), body).await
}

pub(super) async fn token(google: &Google, grant: &[(&str, &str)]) -> Reply {
    let secret = google.client_secret();
    let mut form = vec![("client_id", google.client_id()), ("client_secret", &secret)];
    form.extend(grant);
    post(google, "/token", &form).await
}

pub(super) async fn refresh(google: &Google, value: &str) -> Reply {
    token(google, &[("grant_type", "refresh_token"), ("refresh_token", value)]).await
}

pub(super) async fn consent(google: &Google, account: &str) -> Consent {
    google.consent(&authorization_url(google), Decision::allow(account)).await
}

/// A request that asks for Gmail, for as long as the person likes.
pub(super) fn authorization_url(google: &Google) -> String {
    let query = form_urlencoded::Serializer::new(String::new())
        .extend_pairs([
            ("client_id", google.client_id()),
            ("redirect_uri", CALLBACK),
            ("response_type", "code"),
            ("scope", "openid email https://www.googleapis.com/auth/gmail.readonly"),
            ("access_type", "offline"),
            ("prompt", "consent"),
            ("state", "some state"),
        ])
        .finish();
    format!("{}/o/oauth2/v2/auth?{query}", google.url())
}

/// A whole sign-in: the code and the answer of the token endpoint.
pub(super) async fn sign_in(google: &Google) -> (String, Reply) {
    let code = consent(google, ANN).await.code().unwrap();
    let grant = [("grant_type", "authorization_code"), ("code", &*code), ("redirect_uri", CALLBACK)];
    (code.clone(), token(google, &grant).await)
}

#[tokio::test]
async fn gmail_refuses_in_the_recorded_words() {
    let (google, _) = google().await;
    let later = Failure::QuotaInMessage { status: 429, retry_after: 900 };
    let until = "User-rate limit exceeded.  Retry after 2027-01-15T08:15:00Z";
    for (failure, status, reason, words) in [
        (Failure::PreconditionFailed, 400, "failedPrecondition", "Precondition check failed."),
        (Failure::MailNotEnabled, 400, "failedPrecondition", "Mail service not enabled"),
        (later, 429, "rateLimitExceeded", until),
        (Failure::MetadataScope, 403, "forbidden", "Metadata scope does not support 'q' parameter"),
        (
            Failure::Quota { status: 403, retry_after: None },
            403,
            "rateLimitExceeded",
            "'Queries per minute per user'",
        ),
        (Failure::UserRateLimit, 403, "userRateLimitExceeded", "User Rate Limit Exceeded"),
        (Failure::Concurrent, 429, "rateLimitExceeded", "Too many concurrent requests for user"),
        (
            Failure::ResourceExhausted,
            429,
            "rateLimitExceeded",
            "Resource has been exhausted (e.g. check quota).",
        ),
        (Failure::InvalidCredentials, 401, "authError", "Invalid Credentials"),
        (Failure::InsufficientScope, 403, "insufficientPermissions", "ACCESS_TOKEN_SCOPE_INSUFFICIENT"),
        (Failure::ServiceDisabled, 403, "accessNotConfigured", "activationUrl"),
        (Failure::ConsumerInvalid, 403, "forbidden", "CONSUMER_INVALID"),
        (Failure::DailyLimitUnregistered, 403, "dailyLimitExceededUnreg", "Continued use requires signup."),
    ] {
        google.fail(Endpoint::MessagesList, failure.clone(), 1);
        let reply = get(&google, LIST, "any").await;
        assert_eq!(reply.status, status, "{failure:?}");
        assert_eq!(reply.header("content-type"), "application/json; charset=UTF-8", "{failure:?}");
        assert_eq!(reply.header("retry-after"), "", "{failure:?}");
        assert_eq!(reply.json()["error"]["errors"][0]["reason"], reason, "{failure:?}");
        assert!(reply.text.contains(words), "{failure:?}: {}", reply.text);
    }
    for failure in [Failure::Sorry { status: 403 }, Failure::Sorry { status: 429 }, Failure::SorryRedirect] {
        google.fail(Endpoint::MessagesList, failure.clone(), 1);
        let reply = get(&google, LIST, "any").await;
        assert!(reply.header("content-type").starts_with("text/html"), "{failure:?}");
        let is_redirect = reply.header("location").starts_with("https://www.google.com/sorry/");
        assert!(is_redirect || reply.text.contains("automated queries"), "{failure:?}");
    }
    let identity = get(&google, "/oauth2/v2/userinfo", "unknown").await;
    assert_eq!(
        (identity.status, &identity.json()["error"]["errors"][0]["location"]),
        (401, &"Authorization".into())
    );
}

#[tokio::test]
async fn the_token_endpoint_refuses_in_the_recorded_words() {
    let (google, _) = google().await;
    for (failure, status, error, description) in [
        (Failure::InvalidGrant, 400, "invalid_grant", "Token has been expired or revoked."),
        (Failure::AccountDeleted, 400, "invalid_grant", "Account has been deleted"),
        (Failure::InvalidRapt, 400, "invalid_grant", "reauth related error (invalid_rapt)"),
        (Failure::InvalidClient, 401, "invalid_client", "The provided client secret is invalid."),
        (Failure::DeletedClient, 401, "deleted_client", "The OAuth client was deleted."),
    ] {
        google.fail(Endpoint::Token, failure.clone(), 1);
        let reply = refresh(&google, "any").await;
        let body = reply.json();
        let found = (reply.status, body["error"].as_str(), body["error_description"].as_str());
        assert_eq!(found, (status, Some(error), Some(description)), "{failure:?}");
    }
    google.fail(Endpoint::Authorize, Failure::NotATestUser, 1);
    assert_eq!(consent(&google, ANN).await, Consent::ErrorPage("access_denied".into()));
}

#[tokio::test]
async fn the_way_back_has_googles_parameters_in_googles_order() {
    let (google, _) = google().await;
    for (account, names) in [
        (ANN, vec!["state", "iss", "code", "scope", "authuser", "prompt"]),
        ("cleo@example.org", vec!["state", "iss", "code", "scope", "authuser", "hd", "prompt"]),
    ] {
        let Consent::Redirect(location) = consent(&google, account).await else { panic!("no way back") };
        let url = url::Url::parse(&location).unwrap();
        assert_eq!(url.query_pairs().map(|(name, _)| name.into_owned()).collect::<Vec<_>>(), names);
    }
}

#[tokio::test]
async fn tokens_have_googles_headers_lengths_and_ends() {
    let (google, clock) = google().await;
    google.refresh_tokens_live_for(Some(Duration::from_secs(604_799)));
    let (code, reply) = sign_in(&google).await;
    let body = reply.json();
    let text = |name: &str| body[name].as_str().unwrap();
    assert_eq!((code.len(), text("access_token").len(), text("refresh_token").len()), (73, 163, 103));
    assert_eq!(body["refresh_token_expires_in"], 604_799);
    assert_eq!(reply.header("content-type"), "application/json; charset=utf-8");
    assert_eq!(reply.header("expires"), "Mon, 01 Jan 1990 00:00:00 GMT");
    assert_eq!(reply.headers.get_all("vary").iter().count(), 3);
    let identity = get(&google, "/oauth2/v3/userinfo", text("access_token")).await.json();
    assert!(identity["picture"].is_string(), "without the scope profile");
    // Google's message for a dead token changes after some hours.
    google.revoke_grant(ANN);
    let dead = refresh(&google, text("refresh_token")).await.json();
    assert_eq!(dead["error_description"], "Token has been expired or revoked.");
    clock.advance(Duration::from_hours(13));
    assert_eq!(refresh(&google, text("refresh_token")).await.json()["error_description"], "Bad Request");
}

#[tokio::test]
async fn a_batch_has_its_bounds() {
    let (google, _) = google().await;
    let access = sign_in(&google).await.1.json()["access_token"].as_str().unwrap().to_owned();
    let listed = get(&google, LIST, &access).await.json();
    let id = listed["messages"][0]["id"].as_str().unwrap().to_owned();
    let batch = async |count: usize| {
        let part = format!(
            "--b\r\nContent-Type: application/http\r\nContent-ID: <a>\r\n\r\nGET {LIST}/{id}?format=metadata\r\n\r\n"
        );
        let request = Request::post(format!("{}/batch/gmail/v1", google.url()))
            .header("content-type", "multipart/mixed; boundary=b")
            .header("authorization", format!("Bearer {access}"));
        send(request, format!("{}--b--\r\n", part.repeat(count))).await
    };
    let whole = batch(26).await;
    assert_eq!(whole.status, 200);
    let count = |words: &str| whole.text.matches(words).count();
    assert_eq!((count("HTTP/1.1 200 OK"), count("HTTP/1.1 429 Too Many")), (25, 1), "{}", whole.text);
    assert_eq!(count("Content-ID: <response-a>"), 26);
    assert_eq!(count("\"name\":\"Subject\""), 25);
    let refused = batch(101).await.json();
    assert_eq!(
        refused["error"]["message"],
        "Inner request count exceeds the limit. Received: 101, Limit: 100"
    );
}
