//! The control API and the fake's other paths that Google does not have.
//!
//! A `POST` takes a JSON object, or a form with the same fields, whose values may be JSON. The
//! answer is 200 `{"ok":true}` or 400 `{"error":"..."}`; for a form, it is a redirect to the page.
//!
//! | call | fields |
//! |---|---|
//! | `GET /control` | the page |
//! | `GET /control/calls` | the calls so far, one per line, without secrets |
//! | `GET /control/client_secrets.json` | the file for the built-in client |
//! | `POST /control/failures` | `endpoint`, `failure`, `times`, `grant_type`, `message` (see below) |
//! | `POST /control/switches` | the fields of [`super::state::Switches`] |
//! | `POST /control/clear` | none: failures and switches back to normal |
//! | `POST /control/revoke` | `account`: the person takes the grant back |
//! | `POST /control/expire` | `account` (absent: all): access tokens die now |
//! | `POST /control/register`, `/control/unregister` | `redirect_uri` |
//! | `POST /control/forget-calls` | none |
//!
//! `endpoint` is an [`Endpoint`] and `failure` a [`Failure`]. Without `times`, the failure lasts
//! until it is cleared. `grant_type` limits a failure of the token endpoint to one grant type, and
//! `message` one of `messages_get` to the message with this ID, by itself or as a part of a batch.

use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value, json};

use super::answer::Answer;
use super::authorize;
use super::calls::{Call, Endpoint};
use super::failures::Failure;
use super::state::{CLIENT_ID, Shared, State};
use crate::journal::Times;

/// Names of values that are never shown.
const SECRETS: [&str; 9] = [
    "code",
    "token",
    "refresh_token",
    "client_secret",
    "code_verifier",
    "state",
    "nonce",
    "id_token",
    "access_token",
];

#[derive(Deserialize)]
struct Planted {
    endpoint: Endpoint,
    failure: Failure,
    #[serde(default = "until_cleared")]
    times: Times,
    grant_type: Option<String>,
    message: Option<String>,
}

fn until_cleared() -> Times {
    Times::UntilCleared
}

#[derive(Deserialize)]
struct Account {
    account: String,
}

#[derive(Deserialize)]
struct Address {
    redirect_uri: String,
}

/// Serves the consent form's decision, the control page and the control API.
pub(super) fn serve(shared: &Shared, method: &str, target: &str, body: &str) -> Answer {
    let (path, query) = target.split_once('?').unwrap_or((target, ""));
    match (method, path) {
        ("POST", "/o/oauth2/v2/auth/decision") => {
            let call = Call::to("POST", &format!("/o/oauth2/v2/auth?{query}"));
            let call = call.expect("it is the authorization endpoint's path");
            authorize::decision(shared, &Call { body: body.to_owned(), ..call })
        }
        ("GET", "/") => Answer::redirect(303, "/control"),
        ("GET", "/control") => {
            let state = shared.state();
            let mut calls = lines(&state);
            calls.reverse();
            calls.truncate(50);
            let mut set = state.journal.failures();
            set.push(format!("{:?}", state.switches));
            Answer::control_page(&state, &set, &calls)
        }
        ("GET", "/control/calls") => Answer::json(200, &lines(&shared.state()).into()),
        ("GET", "/control/client_secrets.json") => {
            let file = shared.state().client(CLIENT_ID).map(|client| client.secrets_file(&shared.url));
            Answer::new(200, "application/json", file.unwrap_or_default())
        }
        ("POST", path) if path.starts_with("/control/") => {
            let json: Option<Value> = serde_json::from_str(body).ok().filter(Value::is_object);
            let is_json = json.is_some();
            let fields = json.unwrap_or_else(|| form(body));
            match act(shared, path.trim_start_matches("/control/"), fields) {
                Ok(()) if is_json => Answer::json(200, &json!({"ok": true})),
                Ok(()) => Answer::redirect(303, "/control"),
                Err(problem) => Answer::json(400, &json!({ "error": problem })),
            }
        }
        _ => Answer::html(404, "<!DOCTYPE html>\n<title>Error 404 (Not Found)!!1</title>\n"),
    }
}

fn form(body: &str) -> Value {
    let pairs = form_urlencoded::parse(body.as_bytes()).filter(|(_, value)| !value.is_empty());
    let read = |text: &str| serde_json::from_str(text).unwrap_or_else(|_| text.into());
    pairs.map(|(name, value)| (name.into_owned(), read(&value))).collect::<Map<_, _>>().into()
}

fn read<T: DeserializeOwned>(fields: Value) -> Result<T, String> {
    serde_json::from_value(fields).map_err(|error| error.to_string())
}

fn act(shared: &Shared, action: &str, fields: Value) -> Result<(), String> {
    let mut state = shared.state();
    match action {
        "failures" => {
            let Planted { endpoint, failure, times, grant_type, message } = read(fields)?;
            plant(&mut state, endpoint, Only { grant_type, message }, failure, times);
        }
        "switches" => state.switches = read(fields)?,
        "clear" => state.clear(),
        "revoke" => {
            let sub = sub_of(&state, fields)?;
            state.revoke(&sub, shared.now());
        }
        "expire" if fields["account"].is_null() => state.tokens.expire_access_of(None),
        "expire" => {
            let sub = sub_of(&state, fields)?;
            state.tokens.expire_access_of(Some(&sub));
        }
        "register" | "unregister" => {
            let Address { redirect_uri } = read(fields)?;
            let client = state.client_mut(CLIENT_ID).ok_or("the built-in client is gone")?;
            client.redirect_uris.retain(|known| *known != redirect_uri);
            if action == "register" {
                client.redirect_uris.push(redirect_uri);
            }
        }
        "forget-calls" => state.journal.forget_calls(),
        other => return Err(format!("there is no action {other}")),
    }
    Ok(())
}

fn sub_of(state: &State, fields: Value) -> Result<String, String> {
    let Account { account } = read(fields)?;
    state.sub_of(&account).ok_or_else(|| format!("there is no account {account}"))
}

/// Which calls of an endpoint fail; by default all.
#[derive(Debug, Default)]
pub(super) struct Only {
    /// Those of this grant type, at the token endpoint.
    pub(super) grant_type: Option<String>,
    /// Those for the message with this ID.
    pub(super) message: Option<String>,
}

/// Makes calls of an endpoint fail.
pub(super) fn plant(state: &mut State, endpoint: Endpoint, only: Only, failure: Failure, times: Times) {
    let words = [only.grant_type.as_deref(), only.message.as_deref()].map(Option::unwrap_or_default);
    let target = format!("{endpoint:?} {}", words.concat());
    let is_meant = move |call: &Call| {
        call.endpoint == endpoint
            && (only.grant_type.is_none() || call.form_value("grant_type") == only.grant_type)
            && only.message.as_deref().is_none_or(|id| call.path.rsplit('/').next() == Some(id))
    };
    state.journal.fail(target, is_meant, failure, times);
}

/// The calls, oldest first.
fn lines(state: &State) -> Vec<String> {
    let line = |call: Call| {
        let form = if call.endpoint == Endpoint::Batch { Vec::new() } else { call.form() };
        let pairs = call.query.iter().chain(&form).map(|(name, value)| {
            let value = if SECRETS.contains(&name.as_str()) { "(not shown)" } else { value };
            format!(" {name}={value}")
        });
        let status = call.status.map_or_else(|| "no answer".to_owned(), |status| status.to_string());
        format!("{} {}{} ({status})", call.method, call.path, pairs.collect::<String>())
    };
    state.journal.calls().into_iter().map(line).collect()
}
