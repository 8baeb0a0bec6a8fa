//! Stores the result of a sign-in over an existing credential. Never damages a working grant.

use std::sync::Arc;
use std::time::Duration;

use postern_rules::credential::{Credential, Status, StoredRefreshToken};
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

/// An overtaken write is retried after a random part of this, which doubles up to the longest.
const FIRST_PAUSE: Duration = Duration::from_millis(20);
const LONGEST_PAUSE: Duration = Duration::from_millis(320);
/// How long a sign-in waits to learn whether a wider grant still works.
const WIDER_TIMEOUT: Duration = Duration::from_secs(2);

/// The result of a sign-in, before it is sealed.
pub(super) struct Brought<'a> {
    pub(super) keyring: &'a Keyring,
    pub(super) identity: &'a Identity,
    /// The client that the tokens were issued to.
    pub(super) client: &'a GoogleClient,
    pub(super) tokens: &'a Tokens,
    /// The granted scopes.
    pub(super) scopes: Scopes,
}

/// Stores the result of a sign-in and retries while other requests write first and time is left.
/// Returns `None` if there is no usable refresh token, neither new nor stored.
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
            && stored.status != Status::Disconnecting
            && is_newer_clients(app, stored, client).await?
        {
            // The user is signed in, but a grant to an older client is no longer useful.
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

/// Replaces the stored grant. Without a new refresh token, keeps the stored one and its scopes, or
/// returns `None` if that is not usable.
async fn replace(
    app: &App,
    brought: &Brought<'_>,
    new: Option<&StoredRefreshToken>,
    previous: Option<&Credential>,
    deadline: Deadline,
) -> Result<Option<Written>, Error> {
    let Brought { keyring, identity, client, tokens, scopes } = brought;
    let (client_id, scopes, refresh_token, id) = match (new, previous) {
        (Some(new), _) => (&client.client_id, scopes.clone(), Some(new.clone()), new.id.clone()),
        (None, Some(stored)) => match usable(app, stored).await? {
            Some(Usable { token, opened, .. }) => {
                let resealed = tokens_at_rest::reseal_refresh_token(keyring, stored, token, &opened);
                (&stored.client_id, stored.scopes.clone(), resealed, token.id.clone())
            }
            None => return Ok(None),
        },
        (None, None) => return Ok(None),
    };
    let user = &identity.user;
    let owner = Owner { user, client_id, refresh_token_id: &id };
    // A stored access token must be of the grant's client and cover the whole grant.
    let is_of_the_grant = *client_id == client.client_id && tokens.cover(&scopes);
    let grant = Grant {
        email: identity.email.clone(),
        client_id: client_id.clone(),
        access_token: tokens_at_rest::seal_access_token(keyring, owner, tokens, app.clock.now())
            .filter(|_| is_of_the_grant),
        scopes,
        refresh_token,
    };
    Ok(Some(insist(deadline, async || app.store.store_grant(user, &grant, previous).await).await?))
}

/// Keeps the stored grant if it covers all new scopes and more, and still works at Google. Returns
/// `None` if it must be replaced: Google refuses it, or it covers less than before. If Google does
/// not respond, the stored grant stays.
async fn wider(
    app: &App,
    brought: &Brought<'_>,
    stored: &Credential,
    deadline: Deadline,
) -> Result<Option<Written>, Error> {
    let Brought { keyring, scopes, .. } = brought;
    if !stored.scopes.are_wider_than(scopes) {
        return Ok(None);
    }
    let Some(Usable { client, token, opened }) = usable(app, stored).await? else { return Ok(None) };
    let limit = deadline.sooner_by(RESERVE).within(WIDER_TIMEOUT);
    let tokens = match app.google.refresh(&client, &opened, limit).await {
        Ok(tokens) if tokens.cover(&stored.scopes) => tokens,
        Ok(_) | Err(TokenError::Refused(_)) => return Ok(None),
        Err(error @ TokenError::Trouble(_)) => {
            tracing::warn!(error = %error, "a wider grant could not be checked and stays");
            // A sign-in clears the setback of a failed refresh.
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

/// Whether `stored` belongs to the client that users consent to and the sign-in to an older one.
/// Such a grant must not be overwritten, so the secret is read again if the cached one does not
/// hold its client.
async fn is_newer_clients(app: &App, stored: &Credential, client: &GoogleClient) -> Result<bool, Error> {
    if stored.client_id == client.client_id {
        return Ok(false);
    }
    let its = app.secrets.google_client_for(&stored.client_id).await?;
    Ok(its.client_id == stored.client_id && !its.is_outgoing)
}

/// A stored refresh token that serves.
struct Usable<'a> {
    /// The client that it belongs to.
    client: Arc<GoogleClient>,
    token: &'a StoredRefreshToken,
    opened: RefreshToken,
}

/// The stored refresh token, if it is alive, belongs to a client of the secret, covers the
/// configured scopes and opens.
async fn usable<'a>(app: &App, stored: &'a Credential) -> Result<Option<Usable<'a>>, Error> {
    let client = app.secrets.google_client_for(&stored.client_id).await?;
    let obstacle = stored.obstacle(&app.config.scopes, Some(&client.client_id), app.clock.now());
    let Some(token) = stored.refresh_token.as_ref().filter(|_| obstacle.is_none()) else { return Ok(None) };
    match tokens_at_rest::open_refresh_token(app, &stored.user, &stored.client_id, token).await {
        Ok(opened) => Ok(Some(Usable { client, token, opened })),
        Err(Error::Unauthorized { .. }) => Ok(None),
        Err(error) => Err(error),
    }
}
