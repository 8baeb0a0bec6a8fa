//! The fake at its own wire: what a caller sees of it, with no client of the project in between.

use std::io;

use postern::clock::ManualClock;
use postern_rules::time::Timestamp;
use serde_json::Value;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use super::*;

mod consent_page;
mod failing;
mod mail;
mod reading;
mod recordings;
mod signing_in;
mod wire;

const CALLBACK: &str = "http://localhost:9000/oauth/callback";
const READONLY: &str = "https://www.googleapis.com/auth/gmail.readonly";
const ANN: &str = "ann@example.com";
// RFC 7636, appendix B.
const VERIFIER: &str = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk";
const CHALLENGE: &str = "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM";

async fn google() -> (Google, ManualClock) {
    let hand = ManualClock::starting_at(Timestamp::from_seconds(1_800_000_000));
    let google = Google::start_anywhere(Clock::Manual(hand.clone())).await;
    google.client_secrets(&[CALLBACK]);
    (google, hand)
}

/// An authorization URL as the project sends it, with these parameters changed; an empty value takes one away.
fn authorization_url(google: &Google, changes: &[(&str, &str)]) -> String {
    let scope = format!("openid email {READONLY}");
    let mut parameters = vec![
        ("client_id", google.client_id()),
        ("redirect_uri", CALLBACK),
        ("response_type", "code"),
        ("scope", &scope),
        ("access_type", "offline"),
        ("include_granted_scopes", "true"),
        ("state", "some state"),
        ("nonce", "some nonce"),
        ("code_challenge", CHALLENGE),
        ("code_challenge_method", "S256"),
    ];
    for (name, value) in changes {
        parameters.retain(|(known, _)| known != name);
        if !value.is_empty() {
            parameters.push((name, value));
        }
    }
    let query = form_urlencoded::Serializer::new(String::new()).extend_pairs(parameters).finish();
    format!("{}/o/oauth2/v2/auth?{query}", google.url())
}

/// What came back: status, head and body.
#[derive(Debug)]
struct Reply {
    status: u16,
    head: String,
    body: String,
}

impl Reply {
    fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap_or_else(|error| panic!("{error}: {}", self.body))
    }

    fn header(&self, name: &str) -> Option<&str> {
        let pairs = self.head.lines().filter_map(|line| line.split_once(": "));
        pairs.filter(|(key, _)| key.eq_ignore_ascii_case(name)).map(|(_, value)| value).next()
    }

    fn headers(&self, name: &str) -> Vec<&str> {
        let pairs = self.head.lines().filter_map(|line| line.split_once(": "));
        pairs.filter(|(key, _)| key.eq_ignore_ascii_case(name)).map(|(_, value)| value).collect()
    }
}

async fn send(google: &Google, method: &str, path: &str, headers: &str, body: &str) -> io::Result<Reply> {
    let address = google.url().trim_start_matches("http://").to_owned();
    let mut stream = TcpStream::connect(&address).await?;
    let length = body.len();
    let request = format!(
        "{method} {path} HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\nContent-Length: {length}\r\n{headers}\r\n{body}"
    );
    stream.write_all(request.as_bytes()).await?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await?;
    let (head, body) = answer.split_once("\r\n\r\n").ok_or(io::ErrorKind::UnexpectedEof)?;
    let status = head.split(' ').nth(1).and_then(|status| status.parse().ok()).unwrap_or_default();
    let reply = Reply { status, head: head.into(), body: body.into() };
    match reply.header("content-length").and_then(|length| length.parse::<usize>().ok()) {
        Some(length) if length != reply.body.len() => Err(io::ErrorKind::UnexpectedEof.into()),
        _ => Ok(reply),
    }
}

async fn get(google: &Google, path: &str, token: &str) -> Reply {
    let headers = format!("Authorization: Bearer {token}\r\n");
    send(google, "GET", path, &headers, "").await.expect("an answer")
}

async fn post(google: &Google, path: &str, form: &[(&str, &str)]) -> io::Result<Reply> {
    let body = form_urlencoded::Serializer::new(String::new()).extend_pairs(form).finish();
    send(google, "POST", path, "Content-Type: application/x-www-form-urlencoded\r\n", &body).await
}

async fn token(google: &Google, changes: &[(&str, &str)]) -> io::Result<Reply> {
    let secret = google.client_secret();
    let mut form = vec![("client_id", google.client_id()), ("client_secret", &secret)];
    for (name, value) in changes {
        form.retain(|(known, _)| known != name);
        form.push((name, value));
    }
    post(google, "/token", &form).await
}

async fn exchange(google: &Google, code: &str) -> io::Result<Reply> {
    let form = [
        ("grant_type", "authorization_code"),
        ("code", code),
        ("redirect_uri", CALLBACK),
        ("code_verifier", VERIFIER),
    ];
    token(google, &form).await
}

async fn refresh(google: &Google, refresh_token: &str) -> Reply {
    let form = [("grant_type", "refresh_token"), ("refresh_token", refresh_token)];
    token(google, &form).await.expect("an answer")
}

async fn code(google: &Google, account: &str, changes: &[(&str, &str)]) -> String {
    let consent = google.consent(&authorization_url(google, changes), Decision::allow(account)).await;
    consent.code().unwrap_or_else(|| panic!("no code in {consent:?}"))
}

/// The answer of the token endpoint to a whole sign-in.
async fn sign_in(google: &Google, account: &str, changes: &[(&str, &str)]) -> Value {
    let code = code(google, account, changes).await;
    let reply = exchange(google, &code).await.expect("an answer");
    assert_eq!(reply.status, 200, "{}", reply.body);
    reply.json()
}

fn text<'a>(value: &'a Value, name: &str) -> &'a str {
    value[name].as_str().unwrap_or_else(|| panic!("no {name} in {value}"))
}
