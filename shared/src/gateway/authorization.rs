//! The beginning of a flow, seen from the browser: Google's URL and the sealed flow cookie; and the cookie's way back.

use crate::app::App;
use crate::clock::Timestamp;
use crate::error::Error;
use crate::flow::{self, Beginning, Flow, LIFETIME};
use crate::google::oauth::AuthorizationRequest;
use crate::seal::{Keyring, OpenError, Purpose};
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
        scopes: &app.config.scopes.and(&beginning.invitation.more_scopes),
        flow: &flow,
        state: &state,
        hint: beginning.invitation.hint.as_ref(),
        hosted_domain: app.config.allowed_domains.only(),
        force_consent: beginning.invitation.force_consent,
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

/// Removes the flow cookies that are not ours, and the oldest ones when there are too many or they are too long. One that
/// is sealed with a key of a newer keyring may be under way elsewhere; of unknown age, it goes first.
fn crowded_out(request: &Request, keyring: &Keyring, new_length: usize) -> Vec<String> {
    let (mut flows, mut removed) = (Vec::new(), Vec::new());
    for (suffix, value) in request.cookies.flows() {
        let started_at = match keyring.open(Purpose::Flow, &[suffix], &Sealed::from_text(value)) {
            Ok(json) => serde_json::from_slice(&json).ok().map(|flow: Flow| flow.started_at()),
            Err(OpenError::UnknownKey) => Some(Timestamp::from_seconds(0)),
            Err(OpenError::Broken) => None,
        };
        match started_at {
            Some(started_at) => flows.push((started_at, suffix, value.len())),
            None => removed.push(suffix),
        }
    }
    flows.sort_by_key(|(started_at, ..)| std::cmp::Reverse(*started_at));
    let (mut kept, mut length) = (1, new_length);
    for (_, suffix, value_length) in flows {
        length += value_length;
        kept += 1;
        if kept > FLOWS || length > LENGTH_LIMIT {
            removed.push(suffix);
        }
    }
    removed.into_iter().map(|suffix| cookie::clear(&format!("{FLOW_PREFIX}{suffix}"))).collect()
}
