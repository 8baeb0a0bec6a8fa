//! What a sign-in brought is stored over whatever is there: a grant that works is never made worse.

use std::time::Duration;

use super::RESERVE;
use crate::app::App;
use crate::clock::Deadline;
use crate::credential::{Credential, Scopes, StoredRefreshToken};
use crate::custody::{self, Owner};
use crate::error::Error;
use crate::google::identity::Identity;
use crate::google::oauth::{Refusal, TokenError, Tokens};
use crate::google_client::GoogleClient;
use crate::random;
use crate::seal::Keyring;
use crate::secret::RefreshToken;
use crate::store::{Grant, Written, insist};

/// A write that another one overtook is tried again after a random part of this, which doubles up
/// to the longest.
const FIRST_PAUSE: Duration = Duration::from_millis(20);
const LONGEST_PAUSE: Duration = Duration::from_millis(320);
/// How long a sign-in waits for word of whether a wider grant still works.
const WIDER_PATIENCE: Duration = Duration::from_secs(2);

/// What a sign-in brought, before it is sealed.
pub(super) struct Brought<'a> {
    /// The sealing keys.
    pub(super) keyring: &'a Keyring,
    /// Who signed in.
    pub(super) identity: &'a Identity,
    /// The client that the tokens were given to.
    pub(super) client: &'a GoogleClient,
    /// What Google gave.
    pub(super) tokens: &'a Tokens,
    /// What was granted.
    pub(super) scopes: Scopes,
}

/// Stores what the sign-in brought over whatever is there, as often as others write first and the
/// time allows. `None`: there is no refresh token, neither new nor stored and usable.
pub(super) async fn keep(
    app: &App,
    brought: Brought<'_>,
    deadline: Deadline,
) -> Result<Option<Credential>, Error> {
    let Brought { keyring, identity, client, tokens, scopes } = &brought;
    let (user, now) = (&identity.user, app.clock.now());
    let new = custody::seal_refresh_token(keyring, user, &client.client_id, tokens, now);
    let mut previous = insist(deadline, async || app.store.credential(user).await).await?;
    let mut pause = FIRST_PAUSE;
    loop {
        if let Some(stored) = &previous
            && is_newer_clients(app, stored, client).await?
        {
            // The person is signed in; what this client was granted is of no use any more.
            return Ok(previous);
        }
        if new.is_some()
            && let Some(stored) = &previous
            && let Some(kept) = wider(app, &brought, stored, deadline).await?
        {
            return Ok(Some(kept));
        }
        let (scopes, refresh_token, id) = match (&new, &previous) {
            (Some(new), _) => (scopes.clone(), Some(new.clone()), new.id.clone()),
            (None, Some(stored)) => match serving(app, keyring, stored, client).await? {
                // The stored refresh token goes on, with the scopes that it was granted.
                Some(Serving { id, resealed }) => (stored.scopes.clone(), resealed, id),
                None => return Ok(None),
            },
            (None, None) => return Ok(None),
        };
        let owner = Owner { user, client_id: &client.client_id, refresh_token_id: &id };
        let covers = tokens.scopes.as_ref().is_none_or(|covered| covered.missing(&scopes).is_empty());
        let grant = Grant {
            email: identity.email.clone(),
            client_id: client.client_id.clone(),
            // One that covers less than the grant would stand for what it does not cover.
            access_token: custody::seal_access_token(keyring, owner, tokens, now).filter(|_| covers),
            scopes,
            refresh_token,
        };
        match insist(deadline, async || app.store.connect(user, &grant, previous.as_ref()).await).await? {
            Written::Done(credential) => return Ok(Some(*credential)),
            Written::Overtaken(found) => previous = found.map(|found| *found),
        }
        let milliseconds = u64::try_from(pause.as_millis()).unwrap_or(u64::MAX);
        let jitter = Duration::from_millis(random::jitter(milliseconds));
        if !deadline.allows(jitter) {
            return Err(Error::StorageUnavailable(
                "the credential is being written by too many others".into(),
            ));
        }
        tokio::time::sleep(jitter).await;
        pause = LONGEST_PAUSE.min(pause * 2);
    }
}

/// The stored grant, if it covers all that the sign-in brought and more, and Google still takes its
/// refresh token: it stays. Only `invalid_grant` is Google's word that it does not. Somebody who
/// refreshes it at this moment is sign enough.
async fn wider(
    app: &App,
    brought: &Brought<'_>,
    stored: &Credential,
    deadline: Deadline,
) -> Result<Option<Credential>, Error> {
    let Brought { keyring, client, scopes, .. } = brought;
    let now = app.clock.now();
    let Some((token, opened)) = usable(app, stored, client).await? else { return Ok(None) };
    if !stored.scopes.are_wider_than(scopes) {
        return Ok(None);
    }
    if stored.holder(now).is_some() {
        return Ok(Some(stored.clone()));
    }
    let patience = deadline.sooner_by(RESERVE).within(WIDER_PATIENCE);
    let tokens = match app.google.refresh(client, &opened, patience).await {
        Ok(tokens) => tokens,
        Err(TokenError::Refused(Refusal::InvalidGrant)) => return Ok(None),
        Err(error) => {
            tracing::warn!(error = %error, "whether a wider grant still works is not known; it stays");
            return Ok(Some(stored.clone()));
        }
    };
    let user = &stored.user;
    let rotated = custody::seal_refresh_token(keyring, user, &client.client_id, &tokens, now);
    let refresh_token_id = &rotated.as_ref().unwrap_or(token).id;
    let owner = Owner { user, client_id: &client.client_id, refresh_token_id };
    let covers = tokens.scopes.as_ref().is_none_or(|covered| covered.missing(&stored.scopes).is_empty());
    let access_token = custody::seal_access_token(keyring, owner, &tokens, now).filter(|_| covers);
    let mut current = stored.clone();
    loop {
        let write =
            async || app.store.store_refreshed(&current, access_token.as_ref(), rotated.as_ref()).await;
        let found = match insist(deadline, write).await? {
            Written::Done(credential) => return Ok(Some(*credential)),
            Written::Overtaken(found) => found.map(|found| *found),
        };
        match found {
            // A rotated token is stored against every write but that of another token.
            Some(found) if rotated.is_some() && found.refresh_token.as_ref() == Some(token) => {
                current = found;
            }
            found => return Ok(found),
        }
    }
}

/// Whether `stored` belongs to today's client and the sign-in to an older one: its grant must not
/// be overwritten, whatever this process remembers (it reads the secret anew before it judges).
async fn is_newer_clients(app: &App, stored: &Credential, client: &GoogleClient) -> Result<bool, Error> {
    if stored.client_id == client.client_id {
        return Ok(false);
    }
    let today = app.secrets.google_client_for(&stored.client_id).await?;
    Ok(today.client_id == stored.client_id)
}

/// A stored refresh token that can go on serving.
struct Serving {
    /// Its name.
    id: String,
    /// The same token sealed anew, if an older key or form seals it.
    resealed: Option<StoredRefreshToken>,
}

/// Whether the stored refresh token can go on serving.
async fn serving(
    app: &App,
    keyring: &Keyring,
    stored: &Credential,
    client: &GoogleClient,
) -> Result<Option<Serving>, Error> {
    Ok(usable(app, stored, client).await?.map(|(token, opened)| Serving {
        id: token.id.clone(),
        resealed: custody::reseal_refresh_token(keyring, stored, token, &opened),
    }))
}

/// The stored refresh token, at rest and in clear, if it is alive, of the same client, covers what
/// is needed, and is neither altered nor moved.
async fn usable<'a>(
    app: &App,
    stored: &'a Credential,
    client: &GoogleClient,
) -> Result<Option<(&'a StoredRefreshToken, RefreshToken)>, Error> {
    let obstacle = stored.obstacle(&app.config.scopes, Some(&client.client_id), app.clock.now());
    let Some(token) = stored.refresh_token.as_ref().filter(|_| obstacle.is_none()) else { return Ok(None) };
    match custody::open_refresh_token(app, &stored.user, &stored.client_id, token).await {
        Ok(opened) => Ok(Some((token, opened))),
        Err(Error::Unauthorized { .. }) => Ok(None),
        Err(error) => Err(error),
    }
}
