//! The beginning of a flow, seen from the browser: Google's URL and the sealed flow cookie; and the cookie's way back.

use crate::app::App;
use crate::clock::Timestamp;
use crate::error::Error;
use crate::flow::{self, Beginning, Flow, LIFETIME};
use crate::google::oauth::AuthorizationRequest;
use crate::seal::{Keyring, Purpose};
use crate::secret::{Sealed, State};

use super::Request;
use super::cookie::{self, FLOW_PREFIX};

/// The path of the callback under this API's address: what is registered with Google.
pub const CALLBACK_PATH: &str = "/oauth/callback";
/// The path where a sign-in begins.
pub const START_PATH: &str = "/auth/start";

/// How many flows a browser may have under way; the oldest gives way.
const FLOWS: usize = 3;
/// The most bytes that the flow cookies of a browser may have together.
const LENGTH_LIMIT: usize = 1400;

/// A flow that has begun.
pub struct Begun {
    /// Google's authorization URL, ready to open.
    pub authorization_url: String,
    /// This API's `/auth/start`.
    pub start_url: String,
    /// Until when the flow can be finished.
    pub expires_at: Timestamp,
    /// The `Set-Cookie` values that belong to it.
    pub cookies: Vec<String>,
}

/// Begins a flow. Writes nothing; once the secrets are remembered it makes no call at all.
pub async fn begin(app: &App, request: &Request, beginning: &Beginning) -> Result<Begun, Error> {
    let public_url = request.public_url(app)?;
    let (keyring, client) =
        futures_util::future::join(app.secrets.keyring(), app.secrets.google_client()).await;
    let (keyring, client) = (keyring?, client?);
    let (flow, state) = Flow::begin(beginning, app.clock.now());
    let suffix = flow::cookie_suffix(&state);
    let json = serde_json::to_vec(&flow).map_err(|_| Error::Internal)?;
    let sealed = keyring.seal(Purpose::Flow, &[suffix], &json);
    let mut cookies = crowded_out(request, &keyring, sealed.as_str().len());
    cookies.push(cookie::set(&format!("{FLOW_PREFIX}{suffix}"), sealed.as_str(), LIFETIME));
    let authorization = AuthorizationRequest {
        client: &client,
        redirect_uri: &public_url.join(CALLBACK_PATH),
        scopes: &app.config.scopes,
        flow: &flow,
        state: &state,
        hint: beginning.invitation.hint.as_ref(),
        force_consent: beginning.force_consent,
    };
    Ok(Begun {
        authorization_url: authorization.url()?,
        start_url: public_url.join(START_PATH),
        expires_at: flow.expires_at(),
        cookies,
    })
}

/// The flow that `state` names, out of its cookie. A cookie that is absent, altered, foreign or sealed with a key that is
/// gone is one answer.
pub async fn resume(app: &App, request: &Request, state: &State) -> Result<Flow, Error> {
    let suffix = flow::cookie_suffix(state);
    let value = request.cookies.one(&format!("{FLOW_PREFIX}{suffix}"))?.ok_or(Error::StateMismatch)?;
    let opened = app.secrets.open(Purpose::Flow, &[suffix], &Sealed::from_text(value)).await?;
    let json = opened.map_err(|_| Error::StateMismatch)?;
    serde_json::from_slice(&json).map_err(|_| Error::StateMismatch)
}

/// Removes the flow cookies that do not open, and the oldest ones when there are too many or they are too long.
fn crowded_out(request: &Request, keyring: &Keyring, new_length: usize) -> Vec<String> {
    let mut flows: Vec<(Option<Timestamp>, &str, usize)> = request
        .cookies
        .flows()
        .map(|(suffix, value)| {
            let opened = keyring.open(Purpose::Flow, &[suffix], &Sealed::from_text(value)).ok();
            let flow: Option<Flow> = opened.and_then(|json| serde_json::from_slice(&json).ok());
            (flow.map(|flow| flow.started_at()), suffix, value.len())
        })
        .collect();
    flows.sort_by_key(|(started_at, ..)| std::cmp::Reverse(*started_at));
    let mut length = new_length;
    let mut kept = 1;
    let mut removed = Vec::new();
    for (started_at, suffix, value_length) in flows {
        length += value_length;
        if started_at.is_some() && kept < FLOWS && length <= LENGTH_LIMIT {
            kept += 1;
        } else {
            removed.push(cookie::clear(&format!("{FLOW_PREFIX}{suffix}")));
        }
    }
    removed
}
