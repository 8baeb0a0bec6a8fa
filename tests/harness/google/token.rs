//! `POST /token`: exchanges codes, refreshes access tokens.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

use super::answer::Answer;
use super::calls::Call;
use super::errors::{EXPIRED_OR_REVOKED, oauth};
use super::identity::{self, IdTokenFor};
use super::scopes;
use super::state::{Shared, State, take};
use super::tokens::{AccessToken, Refused, Rotation};

/// The fields of the form, with the client's credentials from wherever they came.
struct Form {
    fields: Vec<(String, String)>,
    client: Option<(String, String)>,
}

impl Form {
    fn of(call: &Call) -> Self {
        let basic =
            call.header("authorization").and_then(|value| value.strip_prefix("Basic ")).and_then(|pair| {
                let pair = String::from_utf8(STANDARD.decode(pair).ok()?).ok()?;
                let (id, secret) = pair.split_once(':')?;
                Some((unescape(id), unescape(secret)))
            });
        Self { fields: call.form(), client: basic }
    }

    fn get(&self, name: &str) -> Option<&str> {
        let value = self.fields.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str());
        value.filter(|value| !value.is_empty())
    }
}

/// RFC 6749, section 2.3.1: both halves of the Basic pair are form-encoded first.
fn unescape(text: &str) -> String {
    form_urlencoded::parse(text.as_bytes()).next().map(|(text, _)| text.into_owned()).unwrap_or_default()
}

/// Serves the token endpoint.
pub(super) fn serve(shared: &Shared, call: &Call) -> Answer {
    let form = Form::of(call);
    let mut state = shared.state();
    let result = client_id(&form, &state).and_then(|client_id| match form.get("grant_type") {
        Some("authorization_code") => exchange(shared, &mut state, &form, &client_id),
        Some("refresh_token") => refresh(shared, &mut state, &form, &client_id),
        Some(other) => Err(oauth(400, "unsupported_grant_type", &format!("Invalid grant_type: {other}"))),
        None => Err(oauth(400, "invalid_request", "Required parameter is missing: grant_type")),
    });
    result.unwrap_or_else(|refusal| refusal)
}

/// The client, once its secret was checked.
fn client_id(form: &Form, state: &State) -> Result<String, Answer> {
    let (id, secret) = match &form.client {
        Some((id, secret)) => (Some(id.as_str()), Some(secret.as_str())),
        None => (form.get("client_id"), form.get("client_secret")),
    };
    let Some(id) = id else {
        let description = "Could not determine client ID from request.";
        return Err(oauth(400, "invalid_request", description));
    };
    let Some(client) = state.client(id) else {
        return Err(oauth(401, "invalid_client", "The OAuth client was not found."));
    };
    match secret {
        None => Err(oauth(400, "invalid_request", "client_secret is missing.")),
        Some(secret) if !client.secrets.iter().any(|known| known == secret) => {
            Err(oauth(401, "invalid_client", "The provided client secret is invalid."))
        }
        Some(_) => Ok(id.to_owned()),
    }
}

fn exchange(shared: &Shared, state: &mut State, form: &Form, client_id: &str) -> Result<Answer, Answer> {
    let Some(value) = form.get("code") else {
        return Err(oauth(400, "invalid_request", "Missing required parameter: code"));
    };
    let Some(code) = state.tokens.codes.get_mut(value) else {
        return Err(oauth(400, "invalid_grant", "Malformed auth code."));
    };
    if code.spent || code.client_id != client_id || shared.now() >= code.expires_at {
        return Err(oauth(400, "invalid_grant", "Bad Request"));
    }
    // From here on the code is spent, whatever comes of it.
    code.spent = true;
    let code = code.clone();
    if form.get("redirect_uri") != Some(&code.redirect_uri) {
        return Err(oauth(400, "redirect_uri_mismatch", "Bad Request"));
    }
    match (&code.challenge, form.get("code_verifier")) {
        (Some(_), None) => return Err(oauth(400, "invalid_grant", "Missing code verifier.")),
        (None, Some(_)) => {
            return Err(oauth(400, "invalid_grant", "code_verifier or verifier is not needed."));
        }
        (Some(challenge), Some(verifier)) if !challenge.is_met_by(verifier) => {
            return Err(oauth(400, "invalid_grant", "Invalid code verifier."));
        }
        (None, None) | (Some(_), Some(_)) => {}
    }
    let access = AccessToken {
        client_id: client_id.to_owned(),
        sub: code.sub.clone(),
        scopes: code.scopes.clone(),
        offline: code.offline,
        expires_at: shared.now().plus(state.switches.access_lifetime),
    };
    let mut body = answer(shared, state, &access, code.nonce.as_deref());
    if code.gives_refresh_token && !take(&mut state.switches.omit_refresh_token) {
        let token = state.tokens.issue_refresh(client_id, &code.sub, &code.scopes, shared.now());
        body["refresh_token"] = token.into();
        add_lifetime(&mut body, state);
    }
    Ok(Answer::oauth(200, &body))
}

fn refresh(shared: &Shared, state: &mut State, form: &Form, client_id: &str) -> Result<Answer, Answer> {
    let Some(value) = form.get("refresh_token") else {
        return Err(oauth(400, "invalid_request", "Missing required parameter: refresh_token"));
    };
    let rotation = state.switches.rotation;
    let now = shared.now();
    let token =
        state.tokens.use_refresh(value, client_id, rotation, now).map_err(|refused| match refused {
            Refused::Unknown => oauth(400, "invalid_grant", "Bad Request"),
            Refused::OtherClient => oauth(400, "unauthorized_client", "Unauthorized"),
            Refused::ExpiredOrRevoked => oauth(400, "invalid_grant", EXPIRED_OR_REVOKED),
        })?;
    let mut granted = token.scopes.clone();
    if let Some(wanted) = form.get("scope") {
        let wanted = scopes::parse(wanted).unwrap_or_default();
        if wanted.is_empty() || !scopes::covers(&granted, &wanted) {
            return Err(oauth(400, "invalid_scope", "Bad Request"));
        }
        granted = wanted;
    }
    let access = AccessToken {
        client_id: client_id.to_owned(),
        sub: token.sub.clone(),
        scopes: granted,
        offline: true,
        expires_at: now.plus(state.switches.access_lifetime),
    };
    let mut body = answer(shared, state, &access, None);
    if rotation != Rotation::Off {
        body["refresh_token"] = state.tokens.rotate(&token, now).into();
        add_lifetime(&mut body, state);
    }
    Ok(Answer::oauth(200, &body))
}

fn add_lifetime(body: &mut Value, state: &State) {
    if let Some(lifetime) = state.tokens.refresh_lifetime {
        body["refresh_token_expires_in"] = lifetime.as_secs().into();
    }
}

/// What both grant types answer: the access token, and the ID token where `openid` was granted.
fn answer(shared: &Shared, state: &mut State, access: &AccessToken, nonce: Option<&str>) -> Value {
    let scopes_text = access.scopes.join(" ");
    let token = state.tokens.issue_access(access.clone());
    let mut body = json!({
        "access_token": token,
        "expires_in": state.switches.access_lifetime.as_secs(),
        "scope": scopes_text,
        "token_type": "Bearer",
    });
    if scopes::holds(&access.scopes, scopes::OPENID) && !take(&mut state.switches.omit_id_token) {
        let subject = IdTokenFor { access, access_token: &token, nonce };
        if let Some(id_token) = identity::id_token(shared, state, &subject) {
            body["id_token"] = id_token.into();
        }
    }
    body
}
