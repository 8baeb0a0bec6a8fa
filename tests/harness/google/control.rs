//! The control API, and whatever else is asked for beside Google's endpoints.
//!
//! Every `POST` takes a form or a flat JSON object with the same fields, and answers 200 `{"ok":true}` or
//! 400 `{"error":"..."}`; a form is answered with a redirect back to the page.
//!
//! | call | fields |
//! |---|---|
//! | `GET /control` | the page |
//! | `GET /control/calls` | the calls so far, secrets blotted out |
//! | `GET /control/state` | accounts, failures, switches |
//! | `GET /control/client_secrets.json` | the file for the built-in client |
//! | `POST /control/failures` | `endpoint`, `failure` ([`super::named_failure`], [`super::recordings`]), `times` (a number, or `until_cleared`; 1), `grant_type`, and the failure's own: `status`, `retry_after`, `milliseconds`, `location`, `body`, `content_type`, `error`, `description` |
//! | `POST /control/clear` | none: failures and switches back to normal |
//! | `POST /control/revoke` | `account` |
//! | `POST /control/change-password` | `account` |
//! | `POST /control/expire` | `account` (absent: all): access tokens die now |
//! | `POST /control/rotation` | `mode`: `off`, `old_still_works`, `old_dies`, `reuse_ends_family` |
//! | `POST /control/omit-refresh-token`, `/control/omit-id-token` | `times` |
//! | `POST /control/untick` | `scope`, `times` |
//! | `POST /control/refresh-lifetime` | `seconds`, or `preset`: `testing`, `time_limited` (both absent: for ever) |
//! | `POST /control/issuer` | `issuer` (absent: none): the `iss` of the way back |
//! | `POST /control/longest-values` | none: codes and tokens as long as Google says that they may become |
//! | `POST /control/batch-allowance` | `parts` (absent: no bound): so many calls of one user pass in a batch |
//! | `POST /control/register`, `/control/unregister` | `redirect_uri` |
//! | `POST /control/forget-calls` | none |

use std::time::Duration;

use postern_rules::time::Timestamp;
use serde_json::{Map, Value, json};

use super::answer::Answer;
use super::calls::{Call, Endpoint};
use super::clients::CLIENT_ID;
use super::named_failure::Fields;
use super::random::Lengths;
use super::state::{Shared, State};
use super::tokens::Rotation;
use super::{authorize, control_page};

/// A request that no endpoint of Google's takes.
pub(super) struct Request {
    pub(super) method: String,
    pub(super) path: String,
    pub(super) query: Vec<(String, String)>,
    pub(super) headers: Vec<(String, String)>,
    pub(super) body: String,
}

impl Request {
    fn is_json(&self) -> bool {
        let kind = self.headers.iter().find(|(name, _)| name == "content-type");
        kind.is_some_and(|(_, value)| value.starts_with("application/json"))
    }

    fn fields(&self) -> Result<Fields, String> {
        if !self.is_json() {
            return Ok(Fields(form_urlencoded::parse(self.body.as_bytes()).into_owned().collect()));
        }
        let object: Map<String, Value> =
            serde_json::from_str(&self.body).map_err(|_| "the body is not a JSON object".to_owned())?;
        let text = |value: Value| match value {
            Value::String(text) => text,
            other => other.to_string(),
        };
        Ok(Fields(object.into_iter().map(|(name, value)| (name, text(value))).collect()))
    }
}

/// Serves the consent form's decision, the control page and the control API.
pub(super) fn serve(shared: &Shared, request: &Request) -> Answer {
    match (request.method.as_str(), request.path.as_str()) {
        ("POST", "/o/oauth2/v2/auth/decision") => {
            let form: Vec<_> = form_urlencoded::parse(request.body.as_bytes()).into_owned().collect();
            authorize::decision(shared, &request.query, &form)
        }
        ("GET", "/") => Answer::see_other("/control"),
        ("GET", "/control") => control_page::page(&shared.state()).uncached(),
        ("GET", "/control/calls") => {
            let calls: Value = shared.state().calls.all().iter().map(call_as_json).collect();
            Answer::json(200, &calls)
        }
        ("GET", "/control/state") => Answer::json(200, &summary(&shared.state())),
        ("GET", "/control/client_secrets.json") => {
            let state = shared.state();
            let file = state.client(CLIENT_ID).map(|client| client.secrets_file(&shared.url));
            Answer::new(200, super::answer::JSON, file.unwrap_or_default())
        }
        ("POST", path) if path.starts_with("/control/") => {
            let action = path.trim_start_matches("/control/").to_owned();
            let result =
                request.fields().and_then(|fields| act(&mut shared.state(), &action, &fields, shared.now()));
            match result {
                Ok(()) if request.is_json() => Answer::json(200, &json!({"ok": true})),
                Ok(()) => Answer::see_other("/control"),
                Err(problem) => Answer::json(400, &json!({ "error": problem })),
            }
        }
        _ => Answer::html(404, "<!DOCTYPE html>\n<title>Error 404 (Not Found)!!1</title>\n"),
    }
}

fn act(state: &mut State, action: &str, fields: &Fields, now: Timestamp) -> Result<(), String> {
    let account = |state: &State| match fields.get("account") {
        None => Ok(None),
        Some(hint) => state.sub_of(hint).map(Some).ok_or_else(|| format!("there is no account {hint}")),
    };
    let named = |state: &State| account(state)?.ok_or_else(|| "the field account is missing".to_owned());
    match action {
        "failures" => {
            let name = fields.require("endpoint")?;
            let endpoint = Endpoint::named(name).ok_or_else(|| format!("there is no endpoint {name}"))?;
            let grant_type = match fields.get("grant_type") {
                None => None,
                Some("refresh_token") => Some("refresh_token"),
                Some("authorization_code") => Some("authorization_code"),
                Some(other) => return Err(format!("there is no grant type {other}")),
            };
            state.failures.add(endpoint, grant_type, fields.failure()?, fields.times()?);
        }
        "clear" => state.clear(),
        "revoke" => {
            let sub = named(state)?;
            state.revoke(&sub, now);
        }
        "change-password" => {
            let sub = named(state)?;
            state.tokens.change_password(&sub, now);
        }
        "expire" => {
            let sub = account(state)?;
            state.tokens.expire_access_of(sub.as_deref());
        }
        "rotation" => {
            state.switches.rotation = match fields.require("mode")? {
                "off" => Rotation::Off,
                "old_still_works" => Rotation::OldStillWorks,
                "old_dies" => Rotation::OldDies,
                "reuse_ends_family" => Rotation::ReuseEndsFamily,
                other => return Err(format!("there is no mode {other}")),
            };
        }
        "omit-refresh-token" => state.switches.omit_refresh_token = Some(fields.times()?),
        "omit-id-token" => state.switches.omit_id_token = Some(fields.times()?),
        "untick" => {
            let scope = fields.require("scope")?.to_owned();
            state.switches.unticked.push((scope, fields.times()?));
        }
        "refresh-lifetime" => {
            let seconds = match fields.get("preset") {
                Some("testing") => Some(604_799),
                // The person unticked "ongoing access": 180 days.
                Some("time_limited") => Some(15_551_999),
                Some(other) => return Err(format!("there is no preset {other}")),
                None => fields.number("seconds")?,
            };
            state.tokens.refresh_lifetime = seconds.map(Duration::from_secs);
        }
        "issuer" => state.switches.issuer = fields.get("issuer").map(Into::into),
        "longest-values" => state.tokens.lengths = Lengths::LONGEST,
        "batch-allowance" => state.switches.batch_allowance = fields.number("parts")?,
        "register" => {
            let uri = fields.require("redirect_uri")?;
            if let Some(client) = state.client_mut(CLIENT_ID) {
                client.register(&[uri]);
            }
        }
        "unregister" => {
            let uri = fields.require("redirect_uri")?;
            if let Some(client) = state.client_mut(CLIENT_ID) {
                client.unregister(uri);
            }
        }
        "forget-calls" => state.calls.forget(),
        other => return Err(format!("there is no action {other}")),
    }
    Ok(())
}

fn summary(state: &State) -> Value {
    let account = |account: &super::accounts::Account| {
        json!({
            "email": account.email,
            "sub": account.sub,
            "messages": account.message_count(),
            "live_refresh_tokens": state.tokens.living_refresh_of(&account.sub),
        })
    };
    json!({
        "accounts": state.accounts.iter().map(account).collect::<Vec<_>>(),
        "failures": state.failures.descriptions(),
        "switches": control_page::switches(state),
    })
}

fn call_as_json(call: &Call) -> Value {
    let pairs = |pairs: &[(String, String)]| -> Value {
        pairs.iter().map(|(name, value)| json!([name, shown(name, value)])).collect()
    };
    json!({
        "endpoint": call.endpoint.name(),
        "method": call.method,
        "path": call.path,
        "query": pairs(&call.query),
        "headers": pairs(&call.headers),
        "form": pairs(&if call.endpoint == Endpoint::Batch { Vec::new() } else { call.form() }),
        "status": call.status,
        "batched": call.batched,
    })
}

/// A value as the control page and API show it: never a token, a code or a secret.
pub(super) fn shown<'a>(name: &str, value: &'a str) -> &'a str {
    match name {
        "code" | "token" | "access_token" | "refresh_token" | "id_token" | "client_secret"
        | "code_verifier" | "state" | "nonce" | "authorization" | "cookie" => "(not shown)",
        _ => value,
    }
}
