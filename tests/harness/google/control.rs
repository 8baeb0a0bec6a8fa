//! The control API and the fake's other paths that Google does not have. docs/fake-google.md lists
//! the calls.
//!
//! A `POST` takes a JSON object, or a form with the same fields, whose values may be JSON and which
//! are null when empty. The answer is 200 `{"ok":true}` or 400 `{"error":"..."}`; for a form, it is
//! a redirect to the page.

use std::sync::Arc;

use postern_rules::security_event::Kind;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value, json};

use super::accounts::Account;
use super::answer::Answer;
use super::authorize;
use super::calls::{Call, Endpoint};
use super::control_page::control_page;
use super::delivery::{NewAccount, NewMessage};
use super::failures::Failure;
use super::minted::Mint;
use super::security_events;
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
struct Named {
    account: String,
}

#[derive(Deserialize)]
struct Happened {
    account: String,
    event: String,
    reason: Option<String>,
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
            let answer = authorize::decision(shared, &Call { body: body.to_owned(), ..call });
            shared.state().switches.opener_policy.apply(answer)
        }
        ("GET", "/") => Answer::redirect(303, "/control"),
        ("GET", "/control") => {
            let state = shared.state();
            let mut calls = lines(&state);
            calls.reverse();
            control_page(&state, &calls)
        }
        ("GET", "/control/state") => Answer::json(200, &describe(&shared.state())),
        ("GET", "/control/calls") => Answer::json(200, &lines(&shared.state()).into()),
        ("GET", "/control/client_secrets.json") => {
            let file = shared.state().client(CLIENT_ID).map(|client| client.secrets_file(&shared.url));
            Answer::new(200, "application/json", file.unwrap_or_default())
        }
        ("GET", "/control/service_account.json") => {
            Answer::new(200, "application/json", security_events::key_file(&shared.url))
        }
        ("POST", path) if path.starts_with("/control/") => {
            let json: Option<Value> = serde_json::from_str(body).ok().filter(Value::is_object);
            let is_json = json.is_some();
            let fields = json.unwrap_or_else(|| form(body));
            match act(shared, path.trim_start_matches("/control/"), fields) {
                Ok(answer) if is_json => Answer::json(200, &answer),
                Ok(_) => Answer::redirect(303, "/control"),
                Err(problem) => Answer::json(400, &json!({ "error": problem })),
            }
        }
        _ => Answer::html(404, "<!DOCTYPE html>\n<title>Error 404 (Not Found)!!1</title>\n"),
    }
}

fn form(body: &str) -> Value {
    let pairs = form_urlencoded::parse(body.as_bytes());
    let read = |text: &str| match text {
        "" => Value::Null,
        _ => serde_json::from_str(text).unwrap_or_else(|_| text.into()),
    };
    pairs.map(|(name, value)| (name.into_owned(), read(&value))).collect::<Map<_, _>>().into()
}

fn read<T: DeserializeOwned>(fields: Value) -> Result<T, String> {
    serde_json::from_value(fields).map_err(|error| error.to_string())
}

fn act(shared: &Shared, action: &str, fields: Value) -> Result<Value, String> {
    let mut state = shared.state();
    let mut answer = json!({ "ok": true });
    match action {
        "failures" => {
            let Planted { endpoint, failure, times, grant_type, message } = read(fields)?;
            plant(&mut state, endpoint, Only { grant_type, message }, failure, times);
        }
        "switches" => {
            let mut switches = json!(state.switches);
            for (name, value) in fields.as_object().into_iter().flatten() {
                switches[name] = value.clone();
            }
            state.switches = read(switches)?;
        }
        "clear" => state.clear(),
        "reset" => state.reset(),
        "account" => read::<NewAccount>(fields)?.add_to(&mut state.accounts)?,
        "message" => {
            let message: NewMessage = read(fields)?;
            let owner = account_mut(&mut state, &message.account)?;
            answer["id"] = message.deliver(owner, shared.now().seconds())?.into();
        }
        "empty" => {
            let Named { account } = read(fields)?;
            account_mut(&mut state, &account)?.messages = Arc::default();
        }
        "grants" => {
            let mint: Mint = read(fields)?;
            answer["grants"] = json!(mint.issue(&mut state, shared.now())?);
        }
        "revoke" => {
            let sub = sub_of(&state, fields)?;
            state.revoke(&sub, shared.now());
            security_events::tell_revoked(shared, &mut state, &sub);
        }
        "security-event" => {
            let Happened { account, event, reason } = read(fields)?;
            let sub = state.sub_of(&account).ok_or_else(|| format!("there is no account {account}"))?;
            let kind = Kind::KNOWN.into_iter().find(|kind| kind.uri().ends_with(&format!("/{event}")));
            let kind = kind.ok_or_else(|| format!("there is no security event {event}"))?;
            let mut payload = security_events::about(&sub);
            if let Some(reason) = reason {
                payload["reason"] = reason.into();
            }
            answer["token"] = security_events::send(shared, &mut state, kind.uri(), &payload).into();
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
    Ok(answer)
}

fn sub_of(state: &State, fields: Value) -> Result<String, String> {
    let Named { account } = read(fields)?;
    state.sub_of(&account).ok_or_else(|| format!("there is no account {account}"))
}

fn account_mut<'a>(state: &'a mut State, hint: &str) -> Result<&'a mut Account, String> {
    let mut accounts = state.accounts.iter_mut();
    accounts.find(|account| account.is_meant_by(hint)).ok_or_else(|| format!("there is no account {hint}"))
}

/// What `GET /control/state` answers.
fn describe(state: &State) -> Value {
    let accounts = state.accounts.iter().map(|account| {
        json!({
            "email": account.email,
            "sub": account.sub,
            "given_name": account.given_name,
            "family_name": account.family_name,
            "hosted_domain": account.hosted_domain,
            "messages": account.message_count(),
            "live_refresh_tokens": state.tokens.living_refresh_of(&account.sub),
        })
    });
    let failures = state.journal.failures().into_iter();
    let failures = failures
        .map(|(target, failure, times)| json!({ "calls": target, "failure": failure, "times": times }));
    json!({
        "accounts": accounts.collect::<Vec<_>>(),
        "failures": failures.collect::<Vec<_>>(),
        "security_events": state.security_events.delivered,
        "switches": state.switches,
    })
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
    let target = match only.grant_type.as_ref().or(only.message.as_ref()) {
        Some(which) => format!("{} ({which})", endpoint.name()),
        None => endpoint.name(),
    };
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
