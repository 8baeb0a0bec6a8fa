//! Ends a connection, in the order of which each step can be repeated: mark the credential, so that
//! nothing uses it; revoke the grant at Google; remember the end, so that no backup brings it back;
//! delete the credential, which ends every session. A failure leaves the mark and the refresh
//! token, and the next attempt goes on from there.

use std::cell::Cell;
use std::time::Duration;

use postern_rules::credential::{Credential, Status};
use postern_rules::error::{Error, Reason};
use postern_rules::time::Timestamp;
use postern_rules::user::UserId;

use super::tokens_at_rest;
use crate::app::App;
use crate::clock::Deadline;
use crate::outside::dynamodb::insist;
use crate::outside::google::Trouble;

/// Time reserved for deleting the credential.
const RESERVE: Duration = Duration::from_secs(1);
/// How long an erasure tries to revoke the grant.
const REVOCATION: Duration = Duration::from_secs(3);
/// The wait before the next attempt, in seconds, if Google asks for none.
const RETRY_AFTER: u64 = 5;

/// What became of a connection that was to end.
enum Outcome {
    /// It has ended. A sign-in may have stored another since.
    Ended(Option<Credential>),
    /// Nothing has ended: the connection is of another era by now.
    Overtaken(Credential),
}

/// Ends the connection of `credential`, for its user. A sign-in that is stored meanwhile is the
/// user's newer will and stays: what this request was to end has ended. Once the sessions of the
/// credential's era are over, nothing is ended: 401, as if the request had come a little later.
pub async fn disconnect(app: &App, credential: &Credential, deadline: Deadline) -> Result<(), Error> {
    let revoke = async |marked: &Credential| revoke(app, marked, deadline.sooner_by(RESERVE)).await;
    match end(app, credential.clone(), deadline, revoke).await? {
        Outcome::Overtaken(_) => return Err(Error::unauthorized(Reason::SessionExpired)),
        Outcome::Ended(_) => log("disconnected", app, &credential.user).await,
    }
    Ok(())
}

/// Ends the connection of a user for an administrator, and any other that is stored meanwhile.
pub async fn disconnect_any(app: &App, credential: Credential, deadline: Deadline) -> Result<(), Error> {
    let user = credential.user.clone();
    let revoke = async |marked: &Credential| revoke(app, marked, deadline.sooner_by(RESERVE)).await;
    end_all(app, credential, deadline, revoke).await?;
    log("disconnected", app, &user).await;
    Ok(())
}

/// Deletes what is stored of `user`, for an administrator: also if Google does not revoke the
/// grant, and if this version cannot read the item. Returns whether no grant is left at Google as
/// far as this can know; `None` if nothing was stored. Then a backup may still have an item, so the
/// end is remembered too.
pub async fn erase(app: &App, user: &UserId, deadline: Deadline) -> Result<Option<bool>, Error> {
    let is_revoked = Cell::new(true);
    let revoke = async |marked: &Credential| {
        let time = deadline.sooner_by(RESERVE).within(REVOCATION);
        if let Err(error) = revoke(app, marked, time).await {
            tracing::warn!(error = %error, "a grant is erased and was not revoked");
            is_revoked.set(false);
        }
        Ok(())
    };
    let ending = async {
        match app.store.credential(user).await? {
            Some(credential) => end_all(app, credential, deadline, revoke).await.map(Some),
            None => Ok(None),
        }
    };
    match ending.await {
        Ok(Some(())) => {}
        Ok(None) => {
            remember(app, user, app.clock.now(), deadline).await?;
            return Ok(None);
        }
        Err(Error::CredentialUnreadable(_)) => {
            remember(app, user, app.clock.now(), deadline).await?;
            insist(deadline, async || app.store.delete_unread(user).await).await?;
            is_revoked.set(false);
        }
        Err(error) => return Err(error),
    }
    log("erased", app, user).await;
    Ok(Some(is_revoked.get()))
}

/// Ends the connection of `credential`, and then each that is stored instead.
async fn end_all(
    app: &App,
    mut credential: Credential,
    deadline: Deadline,
    revoke: impl AsyncFn(&Credential) -> Result<(), Error>,
) -> Result<(), Error> {
    while let Outcome::Ended(Some(other)) | Outcome::Overtaken(other) =
        end(app, credential, deadline, &revoke).await?
    {
        credential = other;
    }
    Ok(())
}

/// Marks, revokes and deletes.
async fn end(
    app: &App,
    mut credential: Credential,
    deadline: Deadline,
    revoke: impl AsyncFn(&Credential) -> Result<(), Error>,
) -> Result<Outcome, Error> {
    loop {
        let Some(marked) = app.store.mark_disconnecting(&credential, deadline).await? else {
            return Ok(Outcome::Ended(None));
        };
        if marked.era != credential.era {
            return Ok(Outcome::Overtaken(marked));
        }
        revoke(&marked).await?;
        remember(app, &marked.user, ended_at(app, &marked), deadline).await?;
        let left = insist(deadline, async || app.store.delete_credential(&marked).await).await?;
        match left {
            // Marked by another request, perhaps over a token that this one has not revoked.
            Some(left) if left.status == Status::Disconnecting => credential = left,
            left => return Ok(Outcome::Ended(left)),
        }
    }
}

/// When the connection of a marked credential ended: when it was marked, so that one which began
/// while Google was asked is not meant. By a clock that was ahead, it may have begun later.
fn ended_at(app: &App, marked: &Credential) -> Timestamp {
    marked.updated_at.unwrap_or_else(|| app.clock.now()).max(marked.connected_at)
}

/// Remembers that every connection of `user` until `ended_at` is over. A keyring that is not there,
/// or a table that refuses, stops nobody who leaves: a backup of the table may then bring the item
/// back.
async fn remember(app: &App, user: &UserId, ended_at: Timestamp, deadline: Deadline) -> Result<(), Error> {
    let remembering = async {
        let mark = app.secrets.keyring().await?.ended_mark(user);
        Ok::<_, Error>(insist(deadline, async || app.store.remember_end(&mark, ended_at).await).await?)
    };
    match remembering.await {
        Err(error @ Error::StorageUnavailable(_)) => Err(error),
        Err(error) => {
            tracing::warn!(event = "end_not_remembered", error = %error, "a restored backup would bring a connection back");
            Ok(())
        }
        Ok(()) => Ok(()),
    }
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
    let revoked = app.google.revoke(&token, deadline).await;
    let outcome = revoked.as_ref().map_or_else(ToString::to_string, |()| "ok".to_owned());
    tracing::info!(event = "revoke", outcome, "asked Google to revoke a grant");
    revoked.map_err(|trouble| {
        let asked = if let Trouble::Unavailable { retry_after, .. } = &trouble { *retry_after } else { None };
        Error::UpstreamUnavailable { retry_after: asked.unwrap_or(RETRY_AFTER), source: trouble.into() }
    })
}

async fn log(event: &'static str, app: &App, user: &UserId) {
    let user = app.secrets.keyring().await.map(|keyring| keyring.pseudonym(user)).ok();
    tracing::info!(event, user.id = user, "a connection has ended");
}
