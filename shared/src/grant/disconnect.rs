//! Ends a connection, in the order of which each step can be repeated: mark the credential, so that
//! nothing uses it; revoke the grant at Google; delete the credential, which ends every session. A
//! failure leaves the mark and the refresh token, and the next attempt goes on from there.

use std::time::Duration;

use postern_rules::credential::{Credential, Status};
use postern_rules::error::{Error, Reason};

use super::tokens_at_rest;
use crate::app::App;
use crate::clock::Deadline;
use crate::outside::dynamodb::insist;
use crate::outside::google::Trouble;

/// Time reserved for deleting the credential.
const RESERVE: Duration = Duration::from_secs(1);
/// The wait before the next attempt, in seconds, if Google asks for none.
const RETRY_AFTER: u64 = 5;

/// Ends the connection of `credential`. A sign-in that is stored meanwhile is the user's newer will
/// and stays: what this request was to end has ended. Once the sessions of the credential's era are
/// over, nothing is ended: 401, as if the request had come a little later.
pub async fn disconnect(app: &App, credential: &Credential, deadline: Deadline) -> Result<(), Error> {
    let mut standing = Some(credential.clone());
    while let Some(credential) = standing {
        let Some(marked) = app.store.mark_disconnecting(&credential, deadline).await? else { break };
        // The user has signed out everywhere or connected anew, and this request came too late.
        if marked.era != credential.era {
            return Err(Error::unauthorized(Reason::SessionExpired));
        }
        revoke(app, &marked, deadline).await?;
        let left = insist(deadline, async || app.store.delete_credential(&marked).await).await?;
        // Marked by another request, perhaps over a token that this one has not revoked.
        standing = left.filter(|left| left.status == Status::Disconnecting);
    }
    let user = app.secrets.keyring().await.map(|keyring| keyring.pseudonym(&credential.user)).ok();
    tracing::info!(event = "disconnected", user.id = user, "a mailbox was disconnected");
    Ok(())
}

async fn revoke(app: &App, credential: &Credential, deadline: Deadline) -> Result<(), Error> {
    let Credential { user, client_id, .. } = credential;
    // Without one, Google refused the token seven days ago or longer.
    let Some(stored) = credential.revocable() else { return Ok(()) };
    let token = match tokens_at_rest::open_refresh_token(app, user, client_id, stored).await {
        // The grant is alive at Google, and nobody but the operator or the user can end it.
        Err(broken @ Error::Unauthorized { .. }) => return Err(Error::CredentialUnreadable(broken.into())),
        opened => opened?,
    };
    let revoked = app.google.revoke(&token, deadline.sooner_by(RESERVE)).await;
    let outcome = revoked.as_ref().map_or_else(ToString::to_string, |()| "ok".to_owned());
    tracing::info!(event = "revoke", outcome, "asked Google to revoke a grant");
    revoked.map_err(|trouble| {
        let asked = if let Trouble::Unavailable { retry_after, .. } = &trouble { *retry_after } else { None };
        Error::UpstreamUnavailable { retry_after: asked.unwrap_or(RETRY_AFTER), source: trouble.into() }
    })
}
