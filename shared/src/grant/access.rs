//! A grant becomes a token: [`Access`] has an access token that works, however that came about, and
//! hands it to each call to Gmail.
//!
//! ```text
//! fresh ──────────────► call
//! ageing ─────────────► call, and beside it: lease → refresh → store
//! expired ─► lease ───► refresh → call, and beside it: store
//!              ├ held by another request: wait for its token, or for the lease to run out
//!              └ the last attempt failed a moment ago: its answer again, until the next is due
//! dead ───► ten minutes after Google refused the token: as expired, once
//! Gmail says 401 ─────► as expired, once
//! ```

use std::sync::Arc;
use std::time::Duration;

use futures_util::future::join;
use postern_rules::credential::{Credential, Freshness, StoredAccessToken, StoredRefreshToken};
use postern_rules::error::Error;
use postern_rules::google_client::GoogleClient;
use postern_rules::scopes::Need;
use postern_rules::secret::AccessToken;
use postern_rules::time::Timestamp;

use super::conditions::{held_up, of_gmail, require_scopes, unauthorized};
use super::lease::{Lease, Outcome, Pace, Unstored};
use super::tokens_at_rest;
use super::wait::Wait;
use crate::app::App;
use crate::clock::Deadline;
use crate::outside::dynamodb::within;
use crate::outside::google::gmail::GmailError;

/// How long a request with a good token waits for the next token, which it fetches beside its call.
const AHEAD: Duration = Duration::from_millis(1500);

/// A token to call with.
struct Working<'a> {
    /// The credential as it was last read or written.
    credential: Credential,
    /// The token.
    token: AccessToken,
    /// Whether it came during this request, so that another would be no better.
    is_new: bool,
    /// What the first call does beside calling.
    beside: Beside<'a>,
}

/// What is done beside a call.
enum Beside<'a> {
    /// Nothing.
    Nothing,
    /// The token is stored, and its lease returned.
    Store(Box<Unstored<'a>>),
    /// The next token is fetched, because this one is about to expire.
    RefreshAhead,
}

/// A user's working access to Google.
pub struct Access<'a> {
    app: &'a App,
    deadline: Deadline,
    need: Need,
    working: Working<'a>,
}

impl<'a> Access<'a> {
    /// Makes sure that there is an access token to call with: the stored one while it is good, else
    /// a new one. `need` is what this request needs of the grant.
    pub async fn open(
        app: &'a App,
        credential: Credential,
        need: Need,
        deadline: Deadline,
    ) -> Result<Self, Error> {
        let working = obtain(app, credential, need, None, deadline).await?;
        Ok(Self { app, deadline, need, working })
    }

    /// Calls Gmail with the token. When Gmail does not accept it, it is renewed once and the call is
    /// made once more. Only the token endpoint can declare a grant dead, so a second refusal changes
    /// nothing that is stored (F36).
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
        answer.map_err(|error| of_gmail(error, &self.working.credential))
    }

    async fn call_once<T>(
        &mut self,
        call: &impl AsyncFn(&AccessToken) -> Result<T, GmailError>,
    ) -> Result<T, GmailError> {
        let beside = std::mem::replace(&mut self.working.beside, Beside::Nothing);
        let (answer, ()) = join(call(&self.working.token), self.perform(beside)).await;
        answer
    }

    /// What runs beside a call never fails it. If a token could not be stored, the next request gets
    /// another once the lease has run out.
    async fn perform(&self, beside: Beside<'_>) {
        let outcome = match beside {
            Beside::Nothing => return,
            Beside::Store(unstored) => unstored.store(self.deadline).await,
            Beside::RefreshAhead => self.refresh_ahead().await,
        };
        if let Err(error) = outcome {
            let source = std::error::Error::source(&error).map(ToString::to_string);
            tracing::warn!(error = %error, source, "an access token could not be stored, or renewed ahead");
        }
    }

    /// Fetches the next token, unless another request does, something stands against it, or the last
    /// attempt failed a moment ago. The caller has a good token and does not wait for long; but a
    /// refresh token that comes with the next one is stored within all of the request's time.
    async fn refresh_ahead(&self) -> Result<(), Error> {
        let (app, credential) = (self.app, &self.working.credential);
        let limit = self.deadline.within(AHEAD);
        let client = app.secrets.google_client_for(&credential.client_id);
        let Ok(client) = tokio::time::timeout(limit.remaining(), client).await else { return Ok(()) };
        let (client, now) = (client?, app.clock.now());
        let Ok(token) = refreshable(app, credential, &client, self.need, true, now) else { return Ok(()) };
        if credential.holder(now).is_some() {
            return Ok(());
        }
        let pace = Pace::Ahead { limit, deadline: self.deadline };
        match Lease::refresh(app, credential, token, client, pace).await? {
            Outcome::Refreshed { unstored: Some(unstored), .. } => unstored.store(limit).await,
            Outcome::Refreshed { .. } | Outcome::Overtaken(_) => Ok(()),
        }
    }
}

/// Gets a token that works: the stored one, another request's newer one, or one of our own refresh
/// under the lease. `refused` is a stored token that Gmail refused before its time was over.
async fn obtain<'a>(
    app: &'a App,
    mut credential: Credential,
    need: Need,
    refused: Option<&StoredAccessToken>,
    deadline: Deadline,
) -> Result<Working<'a>, Error> {
    let (mut wait, mut is_new) = (Wait::default(), false);
    loop {
        let now = app.clock.now();
        let freshness = credential.freshness(now);
        let stored = credential.access_token.as_ref().filter(|stored| Some(*stored) != refused);
        if let Some(stored) = stored.filter(|_| freshness != Freshness::Expired) {
            let token = open_stored(app, &credential, stored, need, now).await?;
            let is_ageing = freshness == Freshness::Ageing;
            let beside = if is_ageing { Beside::RefreshAhead } else { Beside::Nothing };
            return Ok(Working { credential, token, is_new, beside });
        }
        let client = app.secrets.google_client_for(&credential.client_id).await?;
        let token = match refreshable(app, &credential, &client, need, false, now) {
            Ok(token) => token.clone(),
            Err(error) => {
                erase_set_aside(app, &credential, now, deadline).await;
                return Err(error);
            }
        };
        // Every turn of this loop waits for another request, or follows another's write.
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
            match Lease::refresh(app, &credential, &token, client, Pace::Now { deadline }).await? {
                Outcome::Refreshed { credential, token, unstored } => {
                    let beside = unstored.map_or(Beside::Nothing, Beside::Store);
                    return Ok(Working { credential, token, is_new: true, beside });
                }
                Outcome::Overtaken(found) => found,
            }
        };
        credential = found.ok_or_else(|| Error::not_connected(&user))?;
        is_new = true;
    }
}

/// The stored access token, if nothing stands against its use.
async fn open_stored(
    app: &App,
    credential: &Credential,
    stored: &StoredAccessToken,
    need: Need,
    now: Timestamp,
) -> Result<AccessToken, Error> {
    // Only what is remembered is looked at; read again where the credential belongs to another
    // client, which may be the newer.
    let client = match app.secrets.remembered_google_client() {
        Some(client) if client.client_id != credential.client_id => {
            Some(app.secrets.google_client_for(&credential.client_id).await?)
        }
        remembered => remembered,
    };
    let client_id = client.as_ref().map(|client| client.client_id.as_str());
    if let Some(obstacle) = credential.obstacle(&app.config.scopes, client_id, now) {
        return Err(unauthorized(obstacle, credential));
    }
    require_scopes(credential, need)?;
    tokens_at_rest::open_access_token(app, credential, stored).await
}

/// The refresh token to ask Google with now, else what the caller is told.
fn refreshable<'c>(
    app: &App,
    credential: &'c Credential,
    client: &Arc<GoogleClient>,
    need: Need,
    is_ahead: bool,
    now: Timestamp,
) -> Result<&'c StoredRefreshToken, Error> {
    let token = credential
        .refreshable(&app.config.scopes, &client.client_id, now)
        .map_err(|obstacle| unauthorized(obstacle, credential))?;
    require_scopes(credential, need)?;
    held_up(app, credential, client, is_ahead, now).map_or(Ok(token), Err)
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
