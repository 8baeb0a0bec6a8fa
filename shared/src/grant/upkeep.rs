//! What is due of a grant that nobody uses: Google would end it for that, so it is refreshed, which
//! also shows whether it is dead. And the end of a refused token that was set aside.

use std::sync::Arc;

use postern_rules::credential::{Credential, Status};
use postern_rules::error::{Error, Reason};
use postern_rules::time::Timestamp;

use super::conditions::held_up;
use super::lease::{Lease, Outcome, Pace};
use crate::app::App;
use crate::clock::Deadline;
use crate::outside::dynamodb::within;

/// What became of a grant.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fate {
    /// Google issued an access token: the grant is used.
    Refreshed,
    /// Google does not accept its refresh token. That is stored.
    Dead,
    /// A policy of its organisation, its administrator or Google forbids the refresh, or Google
    /// says that the grant is not of this client.
    Refused,
    /// A stored token of it does not open. The log and a metric say so.
    Broken,
    /// Nothing was asked of Google: the grant could not serve anybody, or another request has it.
    Untouched,
}

/// Refreshes the grant of `credential`, as it was read some time ago, if nothing else has changed
/// it since.
///
/// # Errors
///
/// What other grants would meet too: a system that is not available, or a setting that the operator
/// must correct.
pub async fn refresh(app: &App, credential: &Credential, deadline: Deadline) -> Result<Fate, Error> {
    let now = app.clock.now();
    let client = app.secrets.google_client_for(&credential.client_id).await?;
    let Ok(token) = credential.refreshable(&app.config.scopes, &client.client_id, now) else {
        return Ok(Fate::Untouched);
    };
    if credential.holder(now).is_some() {
        return Ok(Fate::Untouched);
    }
    let verdict = |error| verdict(error, app.google.refused_clients.wait(&client, now).is_some());
    if let Some(error) = held_up(app, credential, &client, false, now) {
        return verdict(error);
    }
    let its_client = Arc::clone(&client);
    let refresh = Box::pin(Lease::refresh(app, credential, token, its_client, Pace::Upkeep { deadline }));
    match refresh.await {
        Ok(Outcome::Refreshed { unstored, .. }) => {
            if let Some(unstored) = unstored {
                unstored.store(deadline).await?;
            }
            Ok(Fate::Refreshed)
        }
        Ok(Outcome::Overtaken(_)) => Ok(Fate::Untouched),
        Err(error) => verdict(error),
    }
}

/// What an error says of this grant alone. Google may refuse the client for all grants, or this
/// grant for its client.
fn verdict(error: Error, client_is_refused: bool) -> Result<Fate, Error> {
    match error.condition() {
        Error::GoogleSetup(_) if !client_is_refused => Ok(Fate::Refused),
        Error::Unauthorized { reason: Reason::RevokedOrExpired, .. } => Ok(Fate::Dead),
        Error::Unauthorized { reason: Reason::SealBroken, .. } | Error::CredentialUnreadable(_) => {
            Ok(Fate::Broken)
        }
        // The user has disconnected meanwhile.
        Error::Unauthorized { reason: Reason::NotConnected, .. } => Ok(Fate::Untouched),
        Error::Unauthorized { .. }
        | Error::BlockedByAdmin
        | Error::OrgInternal
        | Error::UpstreamRejected(_) => Ok(Fate::Refused),
        _ => Err(error),
    }
}

/// Erases a refresh token after its seven days set aside. If that fails, the next one who comes by
/// tries again.
pub async fn erase_set_aside(app: &App, credential: &Credential, now: Timestamp, deadline: Deadline) {
    if credential.status == Status::Revoked
        && credential.set_aside.as_ref().is_some_and(|set_aside| set_aside.is_over(now))
        && let Err(error) = within(deadline, app.store.erase_set_aside(credential)).await
    {
        tracing::warn!(error = %error, "a refresh token that was set aside could not be erased");
    }
}
