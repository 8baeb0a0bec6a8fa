//! The exchange of a code for tokens, with the client that the flow began with, and what Google's
//! refusal means.

use std::sync::Arc;

use postern_rules::error::{Error, Invitation, Reason};
use postern_rules::google_client::GoogleClient;

use super::{RESERVE, Redemption};
use crate::app::App;
use crate::outside::google::Trouble;
use crate::outside::google::oauth::{Refusal, TokenError, Tokens};
use crate::outside::http::Failure;

/// Exchanges the code with the client that the flow began with, which may be the one before
/// today's. A client that Google refuses is tried once more with another version of its secret:
/// Google authenticates the client first, so the code is still good.
pub(super) async fn exchange(
    app: &App,
    redemption: &Redemption<'_>,
) -> Result<(Arc<GoogleClient>, Tokens), Error> {
    let Redemption { flow, code, redirect_uri, posted, .. } = redemption;
    let deadline = redemption.deadline.sooner_by(RESERVE);
    let mut client = match flow.flow().client_id() {
        Some(client_id) => app
            .secrets
            .google_client_with(client_id)
            .await?
            .ok_or_else(|| Error::unauthorized(Reason::ClientChanged))?,
        // A flow of the version before this one does not say.
        None => app.secrets.google_client().await?,
    };
    let mut answer = app.google.exchange(&client, flow, code, redirect_uri, deadline).await;
    if matches!(answer, Err(TokenError::Refused(refusal)) if refusal.is_of_client())
        && let Some(other) = app.secrets.another_google_client(&client).await?
    {
        client = other;
        answer = app.google.exchange(&client, flow, code, redirect_uri, deadline).await;
    }
    let outcome = answer.as_ref().map_or_else(ToString::to_string, |_| "ok".to_owned());
    tracing::info!(event = "exchange", outcome, "asked Google for tokens");
    answer.map(|tokens| (client, tokens)).map_err(|error| exchange_error(error, *posted))
}

fn exchange_error(error: TokenError, posted: bool) -> Error {
    match error {
        TokenError::Refused(refusal) => match refusal {
            Refusal::InvalidGrant => Error::CodeRejected,
            // A page may post a code that it got for an address of its own; what Google redirects
            // here was issued for here.
            Refusal::RedirectUriMismatch if posted => Error::CodeRejected,
            Refusal::ReauthenticationRequired | Refusal::BlockedByAdmin => Error::BlockedByAdmin,
            Refusal::OrgInternal => Error::OrgInternal,
            Refusal::ClientRefused | Refusal::RequestRefused | Refusal::RedirectUriMismatch => {
                Error::GoogleSetup(error.into())
            }
            Refusal::Other => Error::UpstreamRejected(error.into()),
        },
        TokenError::Trouble(trouble) => match &trouble {
            Trouble::Unanswered(Failure::NotConnected(_))
            | Trouble::Unavailable { status: 429 | 503, .. } => trouble.into(),
            // The outcome is unknown: a refresh token may have been made and lost, so the next
            // attempt asks for consent.
            Trouble::Unanswered(Failure::TimedOut | Failure::Broken(_)) => {
                Error::UpstreamTimeout { invitation: Some(Invitation::to_consent()), source: trouble.into() }
            }
            Trouble::Unavailable { .. } => {
                Error::ExchangeFailed { invitation: Invitation::to_consent(), source: trouble.into() }
            }
            Trouble::Unanswered(Failure::TooLarge) | Trouble::Malformed { .. } => {
                Error::UpstreamMalformed(trouble.into())
            }
        },
    }
}
