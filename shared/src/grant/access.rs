//! The use of a credential: [`Access`] has an access token that works, however that came about, and hands it to each
//! call on Gmail. The only joint of store and Google besides [`crate::grant::connect`].
//!
//! ```text
//! fresh ──────────────► call
//! ageing ─────────────► call, and meanwhile: lease → refresh → store
//! expired ─► lease ───► refresh → call, and meanwhile: store
//!              ├ taken: wait for its holder's token, or for the lease to run out
//!              └ the last attempt failed a moment ago: its answer again, until the next one is due
//! dead ───► ten minutes after Google refused the token: as expired, once
//! Gmail says 401 ─────► as expired, once
//! ```

mod lease;
mod setback;
mod wait;

use std::time::Duration;

use futures_util::future::join;
use postern_rules::credential::{Credential, Freshness, Obstacle, StoredAccessToken, StoredRefreshToken};
use postern_rules::error::{Error, Invitation, Reason};
use postern_rules::google_client::GoogleClient;
use postern_rules::scopes::{Need, Scopes};
use postern_rules::secret::AccessToken;
use postern_rules::time::Timestamp;

use self::lease::{Lease, Taken};
use self::setback::held_up;
use self::wait::Wait;
use super::tokens_at_rest;
use crate::app::App;
use crate::clock::Deadline;
use crate::outside::dynamodb::within;
use crate::outside::google::Trouble;
use crate::outside::google::gmail::GmailError;

/// How long a request with a good token waits for the next token that it gets beside its call.
const AHEAD: Duration = Duration::from_millis(1500);

/// A token to call with.
struct Working {
    /// The credential as it was last seen or written.
    credential: Credential,
    /// The token.
    token: AccessToken,
    /// What is still to be done beside the call.
    duty: Option<Duty>,
    /// Whether it came during this request, so that another would be no better.
    is_new: bool,
}

/// What is still to be done besides calling Gmail.
enum Duty {
    /// What a refresh under this credential's lease brought is not stored yet.
    Store(Unstored),
    /// The token is about to expire: get the next one, if nobody else does.
    RefreshAhead,
}

/// What a refresh brought, as it is to be stored.
struct Unstored {
    /// The access token, if it may be reused.
    access_token: Option<StoredAccessToken>,
    /// The refresh token, if it is to be written: sealed anew, or in use again.
    refresh_token: Option<StoredRefreshToken>,
}

/// A user's working access to Google.
pub struct Access<'a> {
    app: &'a App,
    deadline: Deadline,
    need: Need,
    working: Working,
}

impl<'a> Access<'a> {
    /// Makes sure that there is an access token to call with: the stored one while it is good, else a new one.
    /// `need` is what this request needs of the grant.
    pub async fn open(
        app: &'a App,
        credential: Credential,
        need: Need,
        deadline: Deadline,
    ) -> Result<Self, Error> {
        let working = obtain(app, credential, need, None, deadline).await?;
        Ok(Self { app, deadline, need, working })
    }

    /// Calls Gmail with the token. When Gmail does not accept it, it is renewed once and the call is made once more; only
    /// the token endpoint can declare a grant dead, so a second refusal changes nothing that is stored (F36).
    pub async fn call<T>(
        &mut self,
        call: impl AsyncFn(&AccessToken) -> Result<T, GmailError>,
    ) -> Result<T, Error> {
        let mut answer = self.call_once(&call).await;
        if matches!(answer, Err(GmailError::Unauthorized)) && !self.working.is_new {
            let credential = self.working.credential.clone();
            let refused = credential.access_token.clone();
            self.working = obtain(self.app, credential, self.need, refused.as_ref(), self.deadline).await?;
            self.working.is_new = true;
            answer = self.call_once(&call).await;
        }
        answer.map_err(|error| from_gmail(error, &self.working.credential))
    }

    async fn call_once<T>(
        &mut self,
        call: &impl AsyncFn(&AccessToken) -> Result<T, GmailError>,
    ) -> Result<T, GmailError> {
        let duty = self.working.duty.take();
        let (answer, ()) = join(call(&self.working.token), self.perform(duty)).await;
        answer
    }

    /// What runs beside a call never fails it. A token that could not be stored is got again by the next request, once the
    /// lease has run out.
    async fn perform(&self, duty: Option<Duty>) {
        let outcome = match duty {
            None => return,
            Some(Duty::Store(unstored)) => {
                store(self.app, &self.working.credential, &unstored, self.deadline).await
            }
            Some(Duty::RefreshAhead) => self.refresh_ahead().await,
        };
        if let Err(error) = outcome {
            tracing::warn!(error = %error, source = ?std::error::Error::source(&error).map(ToString::to_string), "an access token could not be renewed ahead or stored");
        }
    }

    /// Gets the next token, unless somebody else does or the last attempt failed a moment ago. The
    /// caller has a good token and does not wait for long; but a refresh token that comes with the
    /// next one is stored within all of the request's time.
    async fn refresh_ahead(&self) -> Result<(), Error> {
        let (app, credential) = (self.app, &self.working.credential);
        let limit = self.deadline.within(AHEAD);
        let client = app.secrets.google_client_for(&credential.client_id);
        let Ok(client) = tokio::time::timeout(limit.remaining(), client).await else { return Ok(()) };
        let (client, now) = (client?, app.clock.now());
        let Ok(token) = credential.refreshable(&app.config.scopes, &client.client_id, now) else {
            return Ok(());
        };
        if credential.holder(now).is_some() || held_up(app, credential, &client, true, now).is_some() {
            return Ok(());
        }
        let Taken::Held(lease) = Lease::take(app, credential, token, true, limit).await? else {
            return Ok(());
        };
        match lease.refresh(client, self.deadline).await? {
            Some(Working { credential, duty: Some(Duty::Store(unstored)), .. }) => {
                store(app, &credential, &unstored, limit).await
            }
            _ => Ok(()),
        }
    }
}

/// Stores what a refresh brought and gives the lease back. Somebody who wrote first may have stored something newer, which
/// stands.
async fn store(
    app: &App,
    credential: &Credential,
    unstored: &Unstored,
    deadline: Deadline,
) -> Result<(), Error> {
    let Unstored { access_token, refresh_token } = unstored;
    within(deadline, app.store.store_refreshed(credential, access_token.as_ref(), refresh_token.as_ref()))
        .await?;
    Ok(())
}

/// Gets a token that works: the stored one, somebody else's newer one, or one of our own refresh
/// under the lease. `refused` is a stored token that is not to be used though its time is not over.
async fn obtain(
    app: &App,
    mut credential: Credential,
    need: Need,
    refused: Option<&StoredAccessToken>,
    deadline: Deadline,
) -> Result<Working, Error> {
    let (mut wait, mut is_new) = (Wait::default(), false);
    loop {
        let now = app.clock.now();
        let freshness = credential.freshness(now);
        let stored = credential.access_token.as_ref();
        if let Some(stored) = stored.filter(|stored| Some(*stored) != refused)
            && freshness != Freshness::Expired
        {
            let client = remembered_client(app, &credential).await?;
            let client_id = client.as_ref().map(|client| client.client_id.as_str());
            if let Some(obstacle) = credential.obstacle(&app.config.scopes, client_id, now) {
                return Err(unauthorized(obstacle, &credential));
            }
            refuse_missing(&credential, need)?;
            let token = tokens_at_rest::open_access_token(app, &credential, stored).await?;
            let duty = (freshness == Freshness::Ageing).then_some(Duty::RefreshAhead);
            return Ok(Working { credential, token, duty, is_new });
        }
        let client = app.secrets.google_client_for(&credential.client_id).await?;
        let token = match credential.refreshable(&app.config.scopes, &client.client_id, now) {
            Ok(token) => token.clone(),
            Err(obstacle) => {
                erase_set_aside(app, &credential, now, deadline).await;
                return Err(unauthorized(obstacle, &credential));
            }
        };
        refuse_missing(&credential, need)?;
        if let Some(error) = held_up(app, &credential, &client, false, now) {
            let is_dead = credential.refresh_token.is_none();
            return Err(if is_dead { unauthorized(Obstacle::Dead, &credential) } else { error });
        }
        // Every way round this loop is a wait for somebody, or somebody else's write.
        if !deadline.allows(wait.next_pause()) {
            return Err(Error::UpstreamUnavailable {
                retry_after: 1,
                source: "another refresh is under way".into(),
            });
        }
        let user = credential.user.clone();
        let found = if let Some(pause) = wait.pause_for(credential.holder(now)) {
            tokio::time::sleep(pause).await;
            within(deadline, app.store.credential(&user)).await?
        } else {
            match Lease::take(app, &credential, &token, false, deadline).await? {
                Taken::Overtaken(found) => found,
                Taken::Held(lease) => match lease.refresh(client, deadline).await? {
                    Some(working) => return Ok(working),
                    // Somebody stored another refresh token meanwhile: start over with that one.
                    None => within(deadline, app.store.credential(&user)).await?,
                },
            }
        };
        credential = found.ok_or_else(|| Error::not_connected(&user))?;
        is_new = true;
    }
}

/// Google's client as far as it is remembered; read anew where the credential belongs to another,
/// which may be the newer.
async fn remembered_client(
    app: &App,
    credential: &Credential,
) -> Result<Option<std::sync::Arc<GoogleClient>>, Error> {
    match app.secrets.remembered_google_client() {
        Some(client) if client.client_id != credential.client_id => {
            Ok(Some(app.secrets.google_client_for(&credential.client_id).await?))
        }
        other => Ok(other),
    }
}

/// Erases a refresh token that was set aside for its seven days. If that fails, the next request
/// does it.
async fn erase_set_aside(app: &App, credential: &Credential, now: Timestamp, deadline: Deadline) {
    if credential.set_aside.as_ref().is_some_and(|set_aside| set_aside.is_over(now))
        && let Err(error) = within(deadline, app.store.erase_set_aside(credential)).await
    {
        tracing::warn!(error = %error, "a refresh token that was set aside could not be erased");
    }
}

fn refuse_missing(credential: &Credential, need: Need) -> Result<(), Error> {
    let missing = need.missing_in(&credential.scopes);
    if missing.is_empty() {
        return Ok(());
    }
    Err(insufficient_scope(credential, missing, credential.scopes.have_metadata()))
}

fn unauthorized(obstacle: Obstacle, credential: &Credential) -> Error {
    let reason = match obstacle {
        Obstacle::Dead => Reason::RevokedOrExpired,
        Obstacle::ClientChanged => Reason::ClientChanged,
        Obstacle::ScopesChanged => Reason::ScopesChanged,
    };
    Error::Unauthorized { reason, invitation: invitation(credential) }
}

/// The owner of a credential, invited to authorize again.
fn invitation(credential: &Credential) -> Invitation {
    Invitation::of(&credential.user, credential.email.as_ref())
}

/// The owner of a credential, invited to grant more.
fn insufficient_scope(credential: &Credential, missing: Scopes, has_metadata: bool) -> Error {
    let invitation = Invitation { more_scopes: missing.clone(), ..invitation(credential) };
    Error::InsufficientScope { missing, has_metadata, invitation }
}

fn from_gmail(error: GmailError, credential: &Credential) -> Error {
    match error {
        GmailError::Unauthorized => {
            Error::Unauthorized { reason: Reason::RevokedOrExpired, invitation: invitation(credential) }
        }
        GmailError::BadQuery => Error::InvalidQuery,
        GmailError::MailNotEnabled => Error::MailNotEnabled,
        GmailError::InsufficientScope => insufficient_scope(credential, Need::Search.scopes(), false),
        GmailError::MetadataScope => insufficient_scope(credential, Need::Search.scopes(), true),
        GmailError::DomainPolicy => Error::DomainPolicy,
        GmailError::NotConfigured => Error::GmailNotEnabled,
        GmailError::ProjectRefused => Error::GoogleSetup(error.into()),
        GmailError::DailyLimit => Error::QuotaExhausted,
        GmailError::RateLimited(Trouble::Unavailable { retry_after: Some(seconds), .. }) => {
            Error::RateLimited(seconds)
        }
        GmailError::RateLimited(_) => Error::RateLimited(5),
        GmailError::RateLimitedFor(seconds) => Error::RateLimited(seconds),
        GmailError::Rejected(_) => Error::UpstreamRejected(error.into()),
        GmailError::Trouble(trouble) => trouble.into(),
    }
}
