//! Exchanges a code for tokens and maps Google's errors.

use std::sync::Arc;

use postern_rules::error::{Error, Invitation, Reason};
use postern_rules::google_client::GoogleClient;

use super::{RESERVE, Redemption, require_time};
use crate::app::App;
use crate::outside::google::Trouble;
use crate::outside::google::oauth::{Refusal, TokenError, Tokens};
use crate::outside::http::Failure;

/// Exchanges the code with the OAuth client that the flow began with, which may be the outgoing or
/// the previous one. If Google refuses the client, tries once more with another version of its
/// client secret: Google authenticates the client first, so the code is still valid.
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
        // Flows of the previous version of Postern do not name their client.
        None => app.secrets.google_client().await?,
    };
    let is_outgoing = client.is_outgoing;
    // Reading the secrets of a cold process can take seconds.
    require_time(redemption.deadline)?;
    let mut answer = app.google.exchange(&client, flow, code, redirect_uri, deadline).await;
    if matches!(answer, Err(TokenError::Refused(refusal)) if refusal.is_of_client())
        && let Some(other) = app.secrets.another_google_client(&client).await?
    {
        client = other;
        answer = app.google.exchange(&client, flow, code, redirect_uri, deadline).await;
    }
    let outcome = answer.as_ref().map_or_else(ToString::to_string, |_| "ok".to_owned());
    tracing::info!(event = "exchange", outcome, "asked Google for tokens");
    match answer {
        Ok(tokens) => Ok((client, tokens)),
        // The sign-in can begin again, with the client that replaces this one.
        Err(TokenError::Refused(Refusal::ClientRefused)) if is_outgoing => {
            Err(Error::unauthorized(Reason::ClientChanged))
        }
        Err(error) => Err(exchange_error(error, *posted)),
    }
}

fn exchange_error(error: TokenError, posted: bool) -> Error {
    match error {
        TokenError::Refused(refusal) => match refusal {
            Refusal::InvalidGrant => Error::CodeRejected,
            // A page may post a code that was issued for its own redirect URI. A code that Google
            // sends to this callback was issued for it.
            Refusal::RedirectUriMismatch if posted => Error::CodeRejected,
            Refusal::ReauthenticationRequired | Refusal::BlockedByAdmin => Error::BlockedByAdmin,
            Refusal::OrgInternal => Error::OrgInternal,
            Refusal::ClientRefused
            | Refusal::OtherClient
            | Refusal::RequestRefused
            | Refusal::RedirectUriMismatch => Error::GoogleSetup(error.into()),
            Refusal::Other => Error::UpstreamRejected(error.into()),
        },
        TokenError::Trouble(trouble) => match &trouble {
            Trouble::Unanswered(Failure::NotConnected(_))
            | Trouble::Unavailable { status: 429 | 503, .. } => trouble.into(),
            // Google may have issued a refresh token that is lost now, so the next attempt asks for
            // consent.
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
