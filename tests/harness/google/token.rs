//! `POST /token`: exchanges codes, refreshes access tokens.

use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ring::digest::{SHA256, digest};
use serde_json::{Value, json};

use super::answer::Answer;
use super::calls::Call;
use super::errors::{EXPIRED_OR_REVOKED, oauth};
use super::identity;
use super::scopes;
use super::state::{Shared, State, Switches};
use super::tokens::{AccessToken, Refused, Rotation};

/// Serves the token endpoint.
pub(super) fn serve(shared: &Shared, call: &Call) -> Answer {
    let mut state = shared.state();
    let result =
        client_id(call, &state).and_then(|client_id| match call.form_value("grant_type").as_deref() {
            Some("authorization_code") => exchange(shared, &mut state, call, &client_id),
            Some("refresh_token") => refresh(shared, &mut state, call, &client_id),
            Some(other) => Err(oauth(400, "unsupported_grant_type", &format!("Invalid grant_type: {other}"))),
            None => Err(oauth(400, "invalid_request", "Required parameter is missing: grant_type")),
        });
    result.map_or_else(|refusal| refusal, |body| Answer::oauth(200, &body))
}

/// Finds the client and checks its secret.
fn client_id(call: &Call, state: &State) -> Result<String, Answer> {
    let Some(id) = call.form_value("client_id") else {
        return Err(oauth(400, "invalid_request", "Could not determine client ID from request."));
    };
    let Some(client) = state.client(&id) else {
        return Err(oauth(401, "invalid_client", "The OAuth client was not found."));
    };
    match call.form_value("client_secret") {
        None => Err(oauth(400, "invalid_request", "client_secret is missing.")),
        Some(secret) if !client.secrets.contains(&secret) => {
            Err(oauth(401, "invalid_client", "The provided client secret is invalid."))
        }
        Some(_) => Ok(id),
    }
}

fn exchange(shared: &Shared, state: &mut State, call: &Call, client_id: &str) -> Result<Value, Answer> {
    let refuse = |description| oauth(400, "invalid_grant", description);
    let Some(value) = call.form_value("code") else {
        return Err(oauth(400, "invalid_request", "Missing required parameter: code"));
    };
    let code = state.tokens.codes.get_mut(&value).ok_or_else(|| refuse("Malformed auth code."))?;
    if code.is_spent || code.client_id != client_id || shared.now() >= code.expires_at {
        return Err(refuse("Bad Request"));
    }
    // From here on the code is spent, even if the exchange fails.
    code.is_spent = true;
    let code = code.clone();
    if call.form_value("redirect_uri").as_ref() != Some(&code.redirect_uri) {
        return Err(oauth(400, "redirect_uri_mismatch", "Bad Request"));
    }
    match (&code.challenge, call.form_value("code_verifier")) {
        (Some(_), None) => return Err(refuse("Missing code verifier.")),
        (None, Some(_)) => return Err(refuse("code_verifier or verifier is not needed.")),
        (Some(challenge), Some(verifier))
            if *challenge != URL_SAFE_NO_PAD.encode(digest(&SHA256, verifier.as_bytes())) =>
        {
            return Err(refuse("Invalid code verifier."));
        }
        (None, None) | (Some(_), Some(_)) => {}
    }
    let mut body = answer(shared, state, client_id, (&code.sub, &code.scopes), code.nonce.as_deref());
    if code.gives_refresh_token && !state.switches.omit_refresh_token.take() {
        let is_longest = state.switches.longest_values;
        body["refresh_token"] =
            state.tokens.issue_refresh(client_id, &code.sub, &code.scopes, is_longest, shared.now()).into();
        add_lifetime(&mut body, state);
    }
    Ok(body)
}

fn refresh(shared: &Shared, state: &mut State, call: &Call, client_id: &str) -> Result<Value, Answer> {
    let Some(value) = call.form_value("refresh_token") else {
        return Err(oauth(400, "invalid_request", "Missing required parameter: refresh_token"));
    };
    let rotation = state.switches.rotation;
    let lifetime = state.switches.refresh_token_lifetime.map(Duration::from_secs);
    let token =
        state.tokens.use_refresh(&value, client_id, rotation, lifetime, shared.now()).map_err(|refused| {
            match refused {
                Refused::Unknown => oauth(400, "invalid_grant", "Bad Request"),
                Refused::OtherClient => oauth(400, "unauthorized_client", "Unauthorized"),
                Refused::ExpiredOrRevoked => oauth(400, "invalid_grant", EXPIRED_OR_REVOKED),
            }
        })?;
    let mut body = answer(shared, state, client_id, (&token.sub, &token.scopes), None);
    if rotation != Rotation::Off {
        body["refresh_token"] = state.tokens.rotate(&token, shared.now()).into();
        add_lifetime(&mut body, state);
    }
    Ok(body)
}

fn add_lifetime(body: &mut Value, state: &State) {
    if let Some(lifetime) = state.switches.refresh_token_lifetime {
        body["refresh_token_expires_in"] = lifetime.into();
    }
}

/// The answer to both grant types: the access token, and an ID token if `openid` was granted.
fn answer(
    shared: &Shared,
    state: &mut State,
    client_id: &str,
    (sub, scopes): (&str, &[String]),
    nonce: Option<&str>,
) -> Value {
    let access = AccessToken {
        client_id: client_id.to_owned(),
        sub: sub.to_owned(),
        scopes: scopes.to_vec(),
        expires_at: shared.now().plus(state.access_lifetime()),
    };
    let Switches { access_token_length, longest_values, .. } = state.switches;
    let token = state.tokens.issue_access(access.clone(), access_token_length, longest_values);
    let mut body = json!({
        "access_token": token,
        "expires_in": state.switches.access_token_lifetime,
        "scope": scopes.join(" "),
        "token_type": "Bearer",
    });
    if scopes::holds(scopes, scopes::OPENID) && !state.switches.omit_id_token.take() {
        body["id_token"] = identity::id_token(shared, state, &access, &token, nonce).into();
    }
    body
}
