//! One refresh, by the holder of the lease: ask Google, sort out what it says, keep what must not be lost.

use std::time::Duration;

use super::invitation;
use crate::app::App;
use crate::clock::Deadline;
use crate::credential::{Credential, StoredAccessToken, StoredRefreshToken};
use crate::custody;
use crate::error::{Error, Reason};
use crate::google::oauth::{Refusal, TokenError, Tokens};
use crate::secret::{AccessToken, RefreshToken};
use crate::store::{Written, insist, within};
use crate::telemetry::metrics::{self, TokenAtRisk};

/// How long a lease is held at the most. Its holder asks Google within it, so that nobody else asks meanwhile; those who
/// wait can still take over within their own time when the holder died.
pub(super) const LEASE: Duration = Duration::from_secs(5);
/// So much of the lease, and of the request, is kept for storing what Google gave.
const RESERVE: Duration = Duration::from_millis(500);
/// How often a death is recorded anew when other writes come between.
const DEATH_ATTEMPTS: u32 = 3;

/// A working access token.
pub(super) struct Renewal {
    /// The credential as it was last seen or written.
    pub(super) credential: Credential,
    /// The token.
    pub(super) token: AccessToken,
    /// What is still to be stored, under the lease that is still held; `None` when no lease is.
    pub(super) unstored: Option<Unstored>,
}

/// What a refresh brought, as it is to be stored.
pub(super) struct Unstored {
    /// The access token, if it may be reused.
    pub(super) access_token: Option<StoredAccessToken>,
    /// The refresh token under today's sealing key, if another one sealed it.
    pub(super) refresh_token: Option<StoredRefreshToken>,
}

/// Refreshes under the lease that `leased` holds. `None`: its refresh token was replaced by another meanwhile.
pub(super) async fn under_lease(
    app: &App,
    leased: Credential,
    deadline: Deadline,
) -> Result<Option<Renewal>, Error> {
    let ask_by = deadline.sooner_by(RESERVE).within(LEASE.saturating_sub(RESERVE));
    let outcome = refreshed(app, &leased, ask_by).await;
    match outcome {
        Ok((tokens, used)) => keep(app, leased, tokens, &used, deadline).await.map(Some),
        Err(Failed::TokenDead) => bury(app, leased, deadline).await,
        Err(Failed::Otherwise(error)) => {
            // Those who wait need not wait for the lease to run out; that they do is harm enough if this fails too.
            let _ = within(deadline, app.store.release_lease(&leased)).await;
            Err(error)
        }
    }
}

enum Failed {
    TokenDead,
    Otherwise(Error),
}

impl<E: Into<Error>> From<E> for Failed {
    fn from(error: E) -> Self {
        Self::Otherwise(error.into())
    }
}

async fn refreshed(
    app: &App,
    leased: &Credential,
    deadline: Deadline,
) -> Result<(Tokens, RefreshToken), Failed> {
    let dead = || Error::Unauthorized { reason: Reason::RevokedOrExpired, invitation: invitation(leased) };
    let stored = leased.refresh_token.as_ref().ok_or_else(dead)?;
    let refresh_token = custody::open_refresh_token(app, &leased.user, stored).await?;
    let outcome = ask(app, leased, &refresh_token, deadline).await?;
    tracing::info!(
        event = "refresh",
        outcome = outcome.as_ref().map_or_else(ToString::to_string, |_| "ok".to_owned()),
        "asked Google for an access token"
    );
    match outcome {
        Ok(tokens) => Ok((tokens, refresh_token)),
        Err(TokenError::Trouble(trouble)) => Err(trouble.into()),
        Err(TokenError::Refused(refusal)) => Err(match refusal {
            Refusal::InvalidGrant => Failed::TokenDead,
            Refusal::ReauthenticationRequired => {
                Error::Unauthorized { reason: Reason::ReauthPolicy, invitation: invitation(leased) }.into()
            }
            Refusal::BlockedByAdmin => Error::BlockedByAdmin.into(),
            Refusal::OrgInternal => Error::OrgInternal.into(),
            Refusal::ClientRefused | Refusal::RedirectUriMismatch => {
                Error::GoogleSetup(TokenError::Refused(refusal).into()).into()
            }
            Refusal::Other => Error::UpstreamRejected(TokenError::Refused(refusal).into()).into(),
        }),
    }
}

/// Asks Google; when it refuses the client, once more with another version of the client's secret (F61). A wrong secret
/// is the operator's fault and never a reason to touch a credential (F27).
async fn ask(
    app: &App,
    leased: &Credential,
    refresh_token: &RefreshToken,
    deadline: Deadline,
) -> Result<Result<Tokens, TokenError>, Error> {
    let client = app.secrets.google_client().await?;
    let mut answer = app.google.refresh(&client, refresh_token, deadline).await;
    if matches!(answer, Err(TokenError::Refused(Refusal::ClientRefused)))
        && let Some(other) = app.secrets.another_google_client(&client).await?
        && other.client_id == leased.client_id
    {
        answer = app.google.refresh(&other, refresh_token, deadline).await;
    }
    metrics::count_refresh(outcome(&answer), answer.is_err());
    Ok(answer)
}

/// What became of a refresh, in one word of a closed list.
const fn outcome(answer: &Result<Tokens, TokenError>) -> &'static str {
    match answer {
        Ok(Tokens { refresh_token: Some(_), .. }) => "rotated",
        Ok(_) => "refreshed",
        Err(TokenError::Trouble(trouble)) => trouble.word(),
        Err(TokenError::Refused(refusal)) => match refusal {
            Refusal::InvalidGrant => "revoked_or_expired",
            Refusal::ReauthenticationRequired => "reauth_policy",
            Refusal::BlockedByAdmin => "blocked_by_admin",
            Refusal::OrgInternal => "org_internal",
            Refusal::ClientRefused | Refusal::RedirectUriMismatch => "client_refused",
            Refusal::Other => "rejected",
        },
    }
}

/// Keeps what Google gave. A new refresh token is stored before anything else happens with the answer (F31).
async fn keep(
    app: &App,
    leased: Credential,
    tokens: Tokens,
    used: &RefreshToken,
    deadline: Deadline,
) -> Result<Renewal, Error> {
    let at_risk = TokenAtRisk::of(tokens.refresh_token.as_ref());
    let keyring = custody::keyring(app).await?;
    let access_token = custody::seal_access_token(app, &keyring, &leased.user, &tokens);
    let rotated = custody::seal_refresh_token(app, &keyring, &leased.user, &tokens);
    if let Some(scopes) = &tokens.scopes
        && !scopes.missing(&leased.scopes).is_empty()
    {
        tracing::warn!(event = "scopes_narrowed", "a refreshed token covers less than the stored grant");
    }
    let token = tokens.access_token;
    if let Some(rotated) = rotated {
        let stored = store_rotated(app, leased, access_token.as_ref(), &rotated, deadline).await?;
        at_risk.settle();
        let credential = stored.ok_or_else(|| Error::unauthorized(Reason::NotConnected))?;
        return Ok(Renewal { credential, token, unstored: None });
    }
    let stored = leased.refresh_token.as_ref();
    let refresh_token =
        stored.and_then(|stored| custody::reseal_refresh_token(app, &keyring, &leased.user, stored, used));
    Ok(Renewal { credential: leased, token, unstored: Some(Unstored { access_token, refresh_token }) })
}

/// Stores a rotated refresh token, against every other write but that of a newer consent, until the time is over. A death
/// of the token that this one replaces is a death that this one survives. `None`: the user has disconnected meanwhile.
async fn store_rotated(
    app: &App,
    mut credential: Credential,
    access_token: Option<&StoredAccessToken>,
    rotated: &StoredRefreshToken,
    deadline: Deadline,
) -> Result<Option<Credential>, Error> {
    let used = credential.refresh_token.as_ref().map(|token| token.id.clone());
    loop {
        let write = async || app.store.store_refreshed(&credential, access_token, Some(rotated)).await;
        let found = match insist(deadline, write).await {
            Ok(Written::Done(stored)) => return Ok(Some(*stored)),
            Ok(Written::Overtaken(Some(found))) => *found,
            Ok(Written::Overtaken(None)) => return Ok(None),
            Err(error) => {
                tracing::error!(event = "rotated_token_lost", error = %error, "a rotated refresh token could not be stored");
                return Err(error.into());
            }
        };
        let latest = found.refresh_token.as_ref().map(|token| &token.id).or(found.dead_token_id.as_ref());
        if latest != used.as_ref() {
            // A newer consent came first, and stands.
            return Ok(Some(found));
        }
        credential = found;
    }
}

/// Google said that the refresh token is dead. If it is still the stored one (read consistently), that is recorded;
/// if another was stored meanwhile, that one serves.
async fn bury(app: &App, leased: Credential, deadline: Deadline) -> Result<Option<Renewal>, Error> {
    let used = leased.refresh_token.as_ref().map(|token| token.id.clone());
    let mut found = within(deadline, app.store.credential(&leased.user)).await?;
    for _ in 0..DEATH_ATTEMPTS {
        let Some(current) = found else { return Err(Error::unauthorized(Reason::NotConnected)) };
        if current.refresh_token.is_some()
            && current.refresh_token.as_ref().map(|token| &token.id) != used.as_ref()
        {
            return Ok(None);
        }
        if current.refresh_token.is_none() {
            break;
        }
        match within(deadline, app.store.mark_dead(&current)).await? {
            Written::Done(_) => {
                tracing::info!(event = "credential_dead", "Google no longer accepts a refresh token");
                break;
            }
            Written::Overtaken(current) => found = current.map(|current| *current),
        }
    }
    Err(Error::Unauthorized { reason: Reason::RevokedOrExpired, invitation: invitation(&leased) })
}
