//! Cross-Account Protection: the RISC API, which sets where security events go, and their delivery.
//!
//! It answers as the guide says (developers.google.com/identity/protocols/risc), with one
//! difference: a receiver on loopback needs no https.

use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use bytes::Bytes;
use http_body_util::Full;
use hyper::Request;
use hyper_util::client::legacy::Client;
use hyper_util::rt::TokioExecutor;
use postern_rules::config::safe_url;
use postern_rules::random;
use postern_rules::security_event::Kind;
use serde::Deserialize;
use serde_json::{Value, json};

use super::Google;
use super::answer::Answer;
use super::calls::Call;
use super::signing::{KEY, KEY_ID};
use super::state::{CLIENT_ID, Shared, State};

/// The issuer in the guide's example. That of ID tokens has no slash.
const ISSUER: &str = "https://accounts.google.com/";
const SERVICE_ACCOUNT: &str = "risc@postern-local.iam.gserviceaccount.com";
const AUDIENCE: &str = "https://risc.googleapis.com/google.identity.risc.v1beta.RiscManagementService";
const PUSH: &str = "https://schemas.openid.net/secevent/risc/delivery-method/push";
/// How often a delivery is tried, and the pause in between.
const ATTEMPTS: u32 = 3;
const PAUSE: Duration = Duration::from_secs(1);
const TIMEOUT: Duration = Duration::from_secs(10);

/// Where events go.
#[derive(Clone, Debug)]
struct Stream {
    receiver: String,
    events: Vec<Value>,
    is_enabled: bool,
}

/// A signed event on its way.
#[derive(Debug)]
pub(super) struct Delivery {
    receiver: String,
    kind: String,
    token: String,
}

/// The stream of the one project, what is to be delivered, and how deliveries ended.
#[derive(Debug, Default)]
pub(super) struct SecurityEvents {
    stream: Option<Stream>,
    waiting: Vec<Delivery>,
    pub(super) delivered: Vec<String>,
}

impl SecurityEvents {
    /// What is to be delivered now.
    pub(super) fn take_waiting(&mut self) -> Vec<Delivery> {
        std::mem::take(&mut self.waiting)
    }
}

/// Serves the RISC API to the service account.
pub(super) fn serve(shared: &Shared, call: &Call) -> Answer {
    if !is_authorized(shared, call.bearer().unwrap_or_default()) {
        return error(401, "Unauthorized.");
    }
    let body: Value = serde_json::from_str(&call.body).unwrap_or_default();
    let mut state = shared.state();
    let stream = &mut state.security_events.stream;
    match (call.path.as_str(), stream) {
        ("/v1beta/stream:update", stream) => match configured(&body) {
            Ok(configured) => {
                *stream = Some(configured);
                done()
            }
            Err(answer) => answer,
        },
        (_, None) => error(404, "Project has no RISC configuration."),
        ("/v1beta/stream", Some(stream)) => Answer::api(
            200,
            json!({
                "delivery": {"delivery_method": PUSH, "url": stream.receiver},
                "events_requested": stream.events,
                "events_delivered": stream.events,
                "status": status(stream),
            })
            .to_string(),
        ),
        ("/v1beta/stream/status", Some(stream)) => {
            Answer::api(200, json!({"status": status(stream)}).to_string())
        }
        ("/v1beta/stream/status:update", Some(stream)) => match body["status"].as_str() {
            Some(word @ ("enabled" | "disabled")) => {
                stream.is_enabled = word == "enabled";
                done()
            }
            _ => error(403, "Invalid status."),
        },
        (_, Some(_)) => {
            let payload = json!({"state": body["state"]});
            send(shared, &mut state, Kind::Verification.uri(), &payload);
            done()
        }
    }
}

fn done() -> Answer {
    Answer::api(200, "{}")
}

fn status(stream: &Stream) -> &'static str {
    if stream.is_enabled { "enabled" } else { "disabled" }
}

fn error(code: u16, message: &str) -> Answer {
    Answer::api(code, json!({"error": {"code": code, "message": message}}).to_string())
}

/// The stream that a `stream:update` asks for.
fn configured(body: &Value) -> Result<Stream, Answer> {
    let lacks = |name| error(400, &format!("Stream configuration must contain {name} field."));
    let receiver = body["delivery"]["url"].as_str().ok_or_else(|| lacks("delivery"))?;
    let events = body["events_requested"].as_array().ok_or_else(|| lacks("events_requested"))?;
    if body["delivery"]["delivery_method"] != PUSH {
        return Err(lacks("delivery_method"));
    }
    if safe_url(receiver).is_none() {
        return Err(error(403, "The delivery endpoint must be an HTTPS URL."));
    }
    Ok(Stream { receiver: receiver.to_owned(), events: events.clone(), is_enabled: true })
}

/// Whether the service account has signed this token, for this API and no longer than an hour.
fn is_authorized(shared: &Shared, token: &str) -> bool {
    #[derive(Deserialize)]
    struct Claims {
        iss: String,
        sub: String,
        aud: String,
        iat: i64,
        exp: i64,
    }
    let Some(claims) = shared.signer.verified(token) else { return false };
    let Ok(claims) = serde_json::from_value::<Claims>(claims) else { return false };
    let is_of_service_account = claims.iss == SERVICE_ACCOUNT && claims.sub == SERVICE_ACCOUNT;
    let now = shared.now().seconds();
    is_of_service_account
        && claims.aud == AUDIENCE
        && claims.exp - claims.iat == 3600
        && (claims.iat - 300..claims.exp).contains(&now)
}

/// Signs an event, and sends it to the receiver if there is one that has asked for this type.
/// Returns the token.
pub(super) fn send(shared: &Shared, state: &mut State, kind: &str, payload: &Value) -> String {
    let token = shared.signer.sign(&claims(shared, kind, payload));
    let events = &mut state.security_events;
    let is_asked_for =
        |stream: &&Stream| stream.is_enabled && stream.events.iter().any(|asked| asked == kind);
    if let Some(stream) = events.stream.as_ref().filter(is_asked_for) {
        let receiver = stream.receiver.clone();
        events.waiting.push(Delivery { receiver, kind: kind.to_owned(), token: token.clone() });
    }
    token
}

/// Tells that all tokens of an account have ended.
pub(super) fn tell_revoked(shared: &Shared, state: &mut State, sub: &str) {
    send(shared, state, Kind::TokensRevoked.uri(), &about(sub));
}

/// The payload of an event about an account.
pub(super) fn about(sub: &str) -> Value {
    json!({"subject": {"subject_type": "iss-sub", "iss": ISSUER, "sub": sub}})
}

fn claims(shared: &Shared, kind: &str, payload: &Value) -> Value {
    json!({
        "iss": ISSUER,
        "aud": CLIENT_ID,
        "iat": shared.now().seconds(),
        "jti": random::identifier(),
        "events": {kind: payload},
    })
}

/// Delivers events as RFC 8935 says: again after a failure that may pass.
pub(super) async fn deliver(shared: &Shared, waiting: Vec<Delivery>) {
    let client = Client::builder(TokioExecutor::new()).build_http::<Full<Bytes>>();
    for Delivery { receiver, kind, token } in waiting {
        let mut outcome = "no answer".to_owned();
        for attempt in 1..=ATTEMPTS {
            let request = Request::post(&receiver)
                .header("content-type", "application/secevent+jwt")
                .header("accept", "application/json");
            let Ok(request) = request.body(Full::from(token.clone())) else { break };
            let answer = tokio::time::timeout(TIMEOUT, client.request(request)).await;
            let status = answer.ok().and_then(Result::ok).map(|answer| answer.status().as_u16());
            outcome = status.map_or(outcome, |status| status.to_string());
            if status.is_some_and(|status| status < 500 && status != 429) || attempt == ATTEMPTS {
                break;
            }
            tokio::time::sleep(PAUSE).await;
        }
        let kind = kind.rsplit('/').next().unwrap_or_default();
        shared.state().security_events.delivered.push(format!("{kind} to {receiver} ({outcome})"));
    }
}

/// The key file of the service account that may call the RISC API, as Google's console writes it.
pub(super) fn key_file(base: &str) -> String {
    let encoded = STANDARD.encode(KEY);
    let lines: Vec<_> = encoded.as_bytes().chunks(64).map(String::from_utf8_lossy).collect();
    let lines = lines.join("\n");
    json!({
        "type": "service_account",
        "project_id": "postern-local",
        "private_key_id": KEY_ID,
        "private_key": format!("-----BEGIN PRIVATE KEY-----\n{lines}\n-----END PRIVATE KEY-----\n"),
        "client_email": SERVICE_ACCOUNT,
        "client_id": "100000000000000000001",
        "auth_uri": format!("{base}/o/oauth2/v2/auth"),
        "token_uri": format!("{base}/token"),
    })
    .to_string()
}

/// What Google says before it delivers security events.
pub(super) fn discovery(shared: &Shared) -> Answer {
    let keys = format!("{}/oauth2/v3/certs", shared.url);
    Answer::json(200, &json!({"issuer": ISSUER, "jwks_uri": keys, "delivery_methods_supported": [PUSH]}))
}

impl Google {
    /// The claims of a token about an account, as Google would sign them now.
    ///
    /// # Panics
    ///
    /// If there is no such account.
    pub fn security_event(&self, kind: Kind, account: &str) -> Value {
        let sub = self.account(account).expect("the account is there").sub;
        claims(&self.shared, kind.uri(), &about(&sub))
    }

    /// The claims of a token that names no account.
    pub fn security_event_with(&self, kind: &str, payload: &Value) -> Value {
        claims(&self.shared, kind, payload)
    }

    /// The keys that Google publishes.
    pub fn certificates(&self) -> Value {
        self.shared.signer.certificates()
    }

    /// A token with these claims and Google's signature.
    pub fn sign(&self, claims: &Value) -> String {
        self.shared.signer.sign(claims)
    }

    /// The same with another header.
    pub fn sign_with(&self, header: &Value, claims: &Value) -> String {
        let encode = |part: &Value| URL_SAFE_NO_PAD.encode(part.to_string());
        self.shared.signer.signed(&format!("{}.{}", encode(header), encode(claims)))
    }

    /// From now on Google signs with a key of another name, and publishes only that one.
    pub fn rotate_signing_key(&self, id: &str) {
        self.shared.signer.rename(id);
    }

    /// The key file of the service account that may call the RISC API.
    pub fn service_account(&self) -> String {
        key_file(self.url())
    }

    /// How the deliveries of security events have ended.
    pub fn delivered(&self) -> Vec<String> {
        self.shared.state().security_events.delivered.clone()
    }
}
