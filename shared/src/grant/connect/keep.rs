//! What a sign-in brought is stored over whatever is there: a grant that works is never made worse.

use std::time::Duration;

use postern_rules::credential::{Credential, StoredRefreshToken};
use postern_rules::error::Error;
use postern_rules::google_client::GoogleClient;
use postern_rules::random;
use postern_rules::scopes::Scopes;
use postern_rules::seal::Keyring;
use postern_rules::secret::RefreshToken;

use super::RESERVE;
use crate::app::App;
use crate::clock::Deadline;
use crate::grant::tokens_at_rest::{self, Owner, Renewal};
use crate::outside::dynamodb::{Grant, Written, insist};
use crate::outside::google::identity::Identity;
use crate::outside::google::oauth::{TokenError, Tokens};
use crate::telemetry::metrics::TokenAtRisk;

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
    let Brought { keyring, identity, client, tokens, .. } = &brought;
    let user = &identity.user;
    let new = tokens_at_rest::seal_refresh_token(keyring, user, &client.client_id, tokens, app.clock.now());
    let mut previous = insist(deadline, async || app.store.credential(user).await).await?;
    let mut pause = FIRST_PAUSE;
    loop {
        if let Some(stored) = &previous
            && is_newer_clients(app, stored, client).await?
        {
            // The person is signed in; what this client was granted is of no use any more.
            return Ok(previous);
        }
        let kept = match &previous {
            Some(stored) if new.is_some() => wider(app, &brought, stored, deadline).await?,
            _ => None,
        };
        let written = match kept {
            Some(written) => Some(written),
            None => replace(app, &brought, new.as_ref(), previous.as_ref(), deadline).await?,
        };
        match written {
            Some(Written::Done(credential)) => return Ok(Some(*credential)),
            Some(Written::Overtaken(found)) => previous = found.map(|found| *found),
            None => return Ok(None),
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

/// Stores what the sign-in brought. Without a refresh token of its own the stored one goes on, with
/// the scopes that it was granted. `None`: it cannot.
async fn replace(
    app: &App,
    brought: &Brought<'_>,
    new: Option<&StoredRefreshToken>,
    previous: Option<&Credential>,
    deadline: Deadline,
) -> Result<Option<Written>, Error> {
    let Brought { keyring, identity, client, tokens, scopes } = brought;
    let (scopes, refresh_token, id) = match (new, previous) {
        (Some(new), _) => (scopes.clone(), Some(new.clone()), new.id.clone()),
        (None, Some(stored)) => match usable(app, stored, client).await? {
            Some((token, opened)) => {
                let resealed = tokens_at_rest::reseal_refresh_token(keyring, stored, token, &opened);
                (stored.scopes.clone(), resealed, token.id.clone())
            }
            None => return Ok(None),
        },
        (None, None) => return Ok(None),
    };
    let (user, client_id) = (&identity.user, &client.client_id);
    let owner = Owner { user, client_id, refresh_token_id: &id };
    let grant = Grant {
        email: identity.email.clone(),
        client_id: client_id.clone(),
        // One that covers less than the grant would stand for what it does not cover.
        access_token: tokens_at_rest::seal_access_token(keyring, owner, tokens, app.clock.now())
            .filter(|_| tokens.cover(&scopes)),
        scopes,
        refresh_token,
    };
    Ok(Some(insist(deadline, async || app.store.store_grant(user, &grant, previous).await).await?))
}

/// Keeps the stored grant if it covers all that the sign-in brought and more. Google is asked
/// whether it still works. `None`: Google refuses it, or it covers less than it did, so that it
/// gives way; that Google does not answer says nothing of it.
async fn wider(
    app: &App,
    brought: &Brought<'_>,
    stored: &Credential,
    deadline: Deadline,
) -> Result<Option<Written>, Error> {
    let Brought { keyring, client, scopes, .. } = brought;
    if !stored.scopes.are_wider_than(scopes) {
        return Ok(None);
    }
    let Some((token, opened)) = usable(app, stored, client).await? else { return Ok(None) };
    let patience = deadline.sooner_by(RESERVE).within(WIDER_PATIENCE);
    let tokens = match app.google.refresh(client, &opened, patience).await {
        Ok(tokens) if tokens.cover(&stored.scopes) => tokens,
        Ok(_) | Err(TokenError::Refused(_)) => return Ok(None),
        Err(error @ TokenError::Trouble(_)) => {
            tracing::warn!(error = %error, "whether a wider grant still works is not known; it stays");
            // What is remembered of a failed refresh ends with a sign-in.
            let write = async || app.store.store_refreshed(stored, None, None).await;
            return Ok(Some(insist(deadline, write).await?));
        }
    };
    let at_risk = TokenAtRisk::of(tokens.refresh_token.as_ref());
    let Renewal { access_token, rotated, resealed } =
        Renewal::seal(keyring, stored, token, &opened, &tokens, app.clock.now());
    let Some(rotated) = rotated else {
        let write =
            async || app.store.store_refreshed(stored, access_token.as_ref(), resealed.as_ref()).await;
        return Ok(Some(insist(deadline, write).await?));
    };
    let write = app.store.store_rotated(stored, &token.id, access_token.as_ref(), &rotated, deadline);
    let standing = write.await?.map(Box::new);
    at_risk.settle();
    Ok(Some(match standing {
        Some(standing) if standing.refresh_token.is_some() => Written::Done(standing),
        other => Written::Overtaken(other),
    }))
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

/// The stored refresh token, at rest and in clear, if it is alive, of the same client, covers what
/// is needed, and is neither altered nor moved.
async fn usable<'a>(
    app: &App,
    stored: &'a Credential,
    client: &GoogleClient,
) -> Result<Option<(&'a StoredRefreshToken, RefreshToken)>, Error> {
    let obstacle = stored.obstacle(&app.config.scopes, Some(&client.client_id), app.clock.now());
    let Some(token) = stored.refresh_token.as_ref().filter(|_| obstacle.is_none()) else { return Ok(None) };
    match tokens_at_rest::open_refresh_token(app, &stored.user, &stored.client_id, token).await {
        Ok(opened) => Ok(Some((token, opened))),
        Err(Error::Unauthorized { .. }) => Ok(None),
        Err(error) => Err(error),
    }
}
