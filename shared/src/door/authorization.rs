//! The beginning of a flow, seen from the browser: Google's URL and the sealed flow cookie; and the cookie's way back.

use postern_rules::error::Error;
use postern_rules::flow::{self, Beginning, Flow, Held, Newcomer};
use postern_rules::seal::{Keyring, OpenError, Purpose};
use postern_rules::secret::{Sealed, State};
use postern_rules::time::Timestamp;

use super::Request;
use super::cookie::FLOW_PREFIX;
use crate::app::App;
use crate::outside::google::oauth::AuthorizationRequest;

/// The path of the callback under this API's address: what is registered with Google.
pub const CALLBACK_PATH: &str = "/oauth/callback";
/// The path where a sign-in begins.
pub const START_PATH: &str = "/auth/start";

/// A flow that has begun; its cookie is set on the answer.
pub struct Begun {
    /// Google's authorization URL, ready to open.
    pub authorization_url: String,
    /// This API's `/auth/start`.
    pub start_url: String,
    /// Until when the flow can be finished.
    pub expires_at: Timestamp,
}

/// Begins a sign-in. Writes nothing; once the secrets are remembered it makes no call at all.
pub async fn begin(app: &App, request: &Request, beginning: &Beginning) -> Result<Begun, Error> {
    let begin = |client_id: &str, _: &[Held], now| Flow::begin(beginning, client_id, now);
    lead(app, request, beginning, Newcomer::SignIn, begin).await
}

/// Offers a flow with an error: the one that this browser was offered before, if it is not over and
/// fits, else a new one. Calls nobody, like [`begin`].
pub(super) async fn offer(app: &App, request: &Request, beginning: &Beginning) -> Result<Begun, Error> {
    let offer = |client_id: &str, held: &[Held], now| {
        let flows =
            held.iter().filter_map(|held| if let Held::Flow(flow) = held { Some(flow) } else { None });
        let known =
            flows.filter_map(|flow| Some((flow.began_at(), flow.offered_again(beginning, client_id, now)?)));
        let newest = known.max_by_key(|(began_at, _)| *began_at).map(|(_, known)| known);
        newest.unwrap_or_else(|| Flow::offer(beginning, client_id, now))
    };
    lead(app, request, beginning, Newcomer::Offer, offer).await
}

/// Takes the flow that `choose` makes of the client, the flows of this browser and the time, sets
/// its cookie and makes its URL.
async fn lead(
    app: &App,
    request: &Request,
    beginning: &Beginning,
    newcomer: Newcomer,
    choose: impl FnOnce(&str, &[Held], Timestamp) -> (Flow, State),
) -> Result<Begun, Error> {
    let public_url = request.public_url(app)?;
    let (keyring, client) =
        futures_util::future::join(app.secrets.keyring(), app.secrets.google_client()).await;
    let (keyring, client) = (keyring?, client?);
    let held: Vec<Held> = request.flows().iter().map(|cookie| open(&keyring, cookie)).collect();
    let now = app.clock.now();
    let (flow, state) = choose(&client.client_id, &held, now);
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

/// The flow that `state` names, out of its cookie. A cookie that is absent, altered, foreign or sealed with a key that is
/// gone is one answer.
pub async fn resume(app: &App, request: &Request, state: &State) -> Result<Flow, Error> {
    let suffix = flow::cookie_suffix(state);
    let value = request.cookies.one(&format!("{FLOW_PREFIX}{suffix}"))?.ok_or(Error::StateMismatch)?;
    let opened = app.secrets.open(Purpose::Flow, &[suffix], &Sealed::from_text(value)).await?;
    let json = opened.map_err(|_| Error::StateMismatch)?;
    serde_json::from_slice(&json).map_err(|_| Error::StateMismatch)
}

/// Tells the browser what became of the flow that it brought, with whatever answer follows. A
/// failure ends no sign-in: the browser then knows what it knew before.
pub async fn tell(app: &App, request: &Request, state: &State, flow: &Flow) {
    let told = match app.secrets.keyring().await {
        Ok(keyring) => keep(request, &keyring, state, flow, Newcomer::Nobody, app.clock.now()),
        Err(error) => Err(error.into()),
    };
    if let Err(error) = told {
        tracing::warn!(error = %error, "a browser could not be told what became of its flow");
    }
}

/// Sets the cookie of a flow on the answer, and clears those that give way.
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
    // Whole seconds, like the flow's own end, which a cookie must not come before.
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
