//! What a sign-in brought is stored over whatever is there: a grant that works is never made worse.

use std::time::Duration;

use super::RESERVE;
use crate::app::App;
use crate::clock::Deadline;
use crate::credential::{Credential, Scopes, StoredRefreshToken};
use crate::custody::{self, Owner};
use crate::error::Error;
use crate::google::identity::Identity;
use crate::google::oauth::Tokens;
use crate::google_client::GoogleClient;
use crate::random;
use crate::seal::Keyring;
use crate::secret::RefreshToken;
use crate::store::{Grant, Written, insist};

/// A write that another one overtook is tried again after a random part of this, which doubles up to the longest.
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

/// Stores what the sign-in brought over whatever is there, as often as others write first and the time allows. `None`: there
/// is no refresh token, neither new nor stored and usable.
pub(super) async fn keep(
    app: &App,
    brought: Brought<'_>,
    deadline: Deadline,
) -> Result<Option<Credential>, Error> {
    let Brought { keyring, identity, client, tokens, scopes } = &brought;
    let (user, now) = (&identity.user, app.clock.now());
    let mut previous = insist(deadline, async || app.store.credential(user).await).await?;
    let wider = wider(app, &brought, previous.as_ref(), deadline).await?;
    let (tokens, scopes) = wider.as_ref().map_or((*tokens, scopes), |(tokens, scopes)| (tokens, scopes));
    let refresh_token = custody::seal_refresh_token(keyring, user, &client.client_id, tokens, now);
    let mut pause = FIRST_PAUSE;
    loop {
        if let Some(stored) = &previous
            && is_newer_clients(app, stored, client).await?
        {
            // The person is signed in; what this client was granted is of no use any more.
            return Ok(previous);
        }
        let (scopes, refresh_token, id) = match (&refresh_token, &previous) {
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

/// The stored grant, where the sign-in brought a refresh token that covers less and the stored one still works: Google says
/// so with an access token of it. Where that cannot be found out, what the sign-in brought is known to work.
async fn wider(
    app: &App,
    brought: &Brought<'_>,
    stored: Option<&Credential>,
    deadline: Deadline,
) -> Result<Option<(Tokens, Scopes)>, Error> {
    let Brought { client, tokens, scopes, .. } = brought;
    let Some(stored) = stored else { return Ok(None) };
    if tokens.refresh_token.is_none() || scopes.missing(&stored.scopes).is_empty() {
        return Ok(None);
    }
    let Some((_, opened)) = usable(app, stored, client).await? else { return Ok(None) };
    let answer =
        app.google.refresh(client, &opened, deadline.sooner_by(RESERVE).within(WIDER_PATIENCE)).await;
    Ok(answer.ok().map(|tokens| (tokens, stored.scopes.clone())))
}

/// Whether `stored` belongs to today's client and the sign-in to an older one: its grant must not be overwritten, whatever
/// this process remembers (it reads the secret anew before it judges).
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

/// The stored refresh token, at rest and in clear, if it is alive, of the same client, covers what is needed, and is neither
/// altered nor moved.
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
