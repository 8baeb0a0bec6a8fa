//! Begins a flow for a browser, with Google's URL and the sealed flow cookie, and reads the cookie
//! back.

use postern_rules::error::Error;
use postern_rules::flow::{self, Beginning, Flow, Held, Newcomer};
use postern_rules::seal::{Keyring, OpenError, Purpose};
use postern_rules::secret::{Sealed, State};
use postern_rules::time::Timestamp;

use super::Request;
use super::cookie::FLOW_PREFIX;
use crate::app::App;
use crate::outside::google::oauth::AuthorizationRequest;

/// The callback's path, registered with Google as part of the redirect URI.
pub const CALLBACK_PATH: &str = "/oauth/callback";
/// The path where a sign-in begins.
pub const START_PATH: &str = "/auth/start";
/// The path where a one-time code is redeemed.
pub const TOKEN_PATH: &str = "/auth/token";

/// A flow that began; its cookie is on the response.
pub struct Begun {
    /// Google's authorization URL.
    pub authorization_url: String,
    /// The URL of this API's `/auth/start`.
    pub start_url: String,
    /// When the flow expires.
    pub expires_at: Timestamp,
}

/// Begins a sign-in. Stores nothing, and makes no call once the secrets are cached.
pub async fn begin(app: &App, request: &Request, beginning: &Beginning) -> Result<Begun, Error> {
    begin_as(Newcomer::SignIn, app, request, beginning).await
}

/// Offers a flow with an error: this browser's newest matching offer, else a new one. Makes no
/// calls, like [`begin`].
pub(super) async fn offer(app: &App, request: &Request, beginning: &Beginning) -> Result<Begun, Error> {
    begin_as(Newcomer::Offer, app, request, beginning).await
}

async fn begin_as(
    newcomer: Newcomer,
    app: &App,
    request: &Request,
    beginning: &Beginning,
) -> Result<Begun, Error> {
    let public_url = request.public_url(app)?;
    let (keyring, client) =
        futures_util::future::join(app.secrets.keyring(), app.secrets.google_client()).await;
    let (keyring, client) = (keyring?, client?);
    let (client_id, now) = (client.client_id.as_str(), app.clock.now());
    let (flow, state) = if newcomer == Newcomer::Offer {
        let offered = |cookie: &(String, String)| match open(&keyring, cookie) {
            Held::Flow(flow) => Some((flow.began_at(), flow.offered_again(beginning, client_id, now)?)),
            Held::Unknown | Held::Unusable => None,
        };
        let newest = request.flows().iter().filter_map(offered).max_by_key(|(began_at, _)| *began_at);
        newest.map_or_else(|| Flow::offer(beginning, client_id, now), |(_, offered)| offered)
    } else {
        Flow::begin(beginning, client_id, now)
    };
    keep(request, &keyring, &state, &flow, newcomer, now)?;
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
    })
}

/// Opens the flow cookie for `state`. A missing, altered or foreign cookie, or one whose key is
/// gone, gives the same error.
pub async fn resume(app: &App, request: &Request, state: &State) -> Result<Flow, Error> {
    let suffix = flow::cookie_suffix(state);
    let value = request.cookies.one(&format!("{FLOW_PREFIX}{suffix}"))?.ok_or(Error::StateMismatch)?;
    let opened = app.secrets.open(Purpose::Flow, &[suffix], &Sealed::from_text(value)).await?;
    let json = opened.map_err(|_| Error::StateMismatch)?;
    serde_json::from_slice(&json).map_err(|_| Error::StateMismatch)
}

/// Records in the cookie what became of the flow. If that fails, the browser keeps its old cookie.
pub async fn tell(app: &App, request: &Request, state: &State, flow: &Flow) {
    let told = match app.secrets.keyring().await {
        Ok(keyring) => keep(request, &keyring, state, flow, Newcomer::Nobody, app.clock.now()),
        Err(error) => Err(error.into()),
    };
    if let Err(error) = told {
        tracing::warn!(error = %error, "the flow cookie could not be updated");
    }
}

/// Sets a flow's cookie on the response, and removes the flows it displaces.
fn keep(
    request: &Request,
    keyring: &Keyring,
    state: &State,
    flow: &Flow,
    newcomer: Newcomer,
    now: Timestamp,
) -> Result<(), Error> {
    let suffix = flow::cookie_suffix(state);
    let json = serde_json::to_vec(flow).map_err(|_| Error::Internal)?;
    let sealed = keyring.seal(Purpose::Flow, &[suffix], &json);
    // Round like the flow's expiry: the cookie must not expire first.
    let lifetime = flow.expires_at().since(now.whole_seconds());
    request.set_cookie(&format!("{FLOW_PREFIX}{suffix}"), sealed.as_str(), lifetime);
    let cookies = request.flows();
    let held: Vec<Held> = cookies.iter().map(|cookie| open(keyring, cookie)).collect();
    for position in flow::crowded_out(&held, newcomer) {
        request.clear_cookie(&format!("{FLOW_PREFIX}{}", cookies[position].0));
    }
    Ok(())
}

fn open(keyring: &Keyring, (suffix, value): &(String, String)) -> Held {
    match keyring.open(Purpose::Flow, &[suffix], &Sealed::from_text(value)) {
        Ok(json) => serde_json::from_slice(&json).map_or(Held::Unusable, |flow| Held::Flow(Box::new(flow))),
        Err(OpenError::UnknownKey) => Held::Unknown,
        Err(OpenError::Broken) => Held::Unusable,
    }
}
