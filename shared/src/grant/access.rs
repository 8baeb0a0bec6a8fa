//! A grant becomes an access token: [`Access`] gets a working one and passes it to calls to Gmail,
//! or hands it out.
//!
//! ```text
//! fresh ──────────────► call, or hand out
//! ageing ─────────────► call; at the same time: lease → refresh → store
//!                       or hand out: nobody waits for a refresh that is not needed yet
//! expired ─► lease ───► refresh → call; at the same time: store
//!              │                → store → hand out
//!              ├ held by another request: wait for its token or the end of the lease
//!              └ the last refresh just failed: the same error until the next is due
//! dead ───► ten minutes after Google refused the token: as expired, once
//! 401 from Gmail ─────► as expired, once
//! ```

pub mod hand_out;

use std::sync::Arc;
use std::time::Duration;

use futures_util::future::join;
use postern_rules::credential::{Credential, Freshness, LEAST_LIFE, StoredAccessToken, StoredRefreshToken};
use postern_rules::error::Error;
use postern_rules::google_client::GoogleClient;
use postern_rules::scopes::Need;
use postern_rules::secret::AccessToken;
use postern_rules::time::Timestamp;

use super::conditions::{held_up, of_gmail, require_scopes, unauthorized};
use super::lease::{Issued, Lease, Outcome, Pace, Unstored};
use super::tokens_at_rest;
use super::upkeep::erase_set_aside;
use super::wait::Wait;
use crate::app::App;
use crate::clock::Deadline;
use crate::outside::dynamodb::within;
use crate::outside::google::gmail::GmailError;

/// How long a request with a good token waits for the next token, which it gets during its call.
const AHEAD: Duration = Duration::from_millis(1500);

/// What a caller needs a token for.
#[derive(Clone, Debug)]
pub struct Wanted {
    /// What the grant must cover.
    pub need: Need,
    /// A stored token that lives no longer is replaced.
    pub life: Duration,
}

impl Wanted {
    /// A token for calls to Gmail in this request.
    pub const fn now(need: Need) -> Self {
        Self { need, life: LEAST_LIFE }
    }
}

/// A working access token.
struct Working<'a> {
    /// The credential as it was last read or written.
    credential: Credential,
    token: Issued,
    /// Whether the token was issued during this request, so that a newer one would not help.
    is_new: bool,
    beside: Beside<'a>,
}

/// What runs concurrently with the first call to Gmail.
enum Beside<'a> {
    Nothing,
    /// Store the token and return its lease.
    Store(Box<Unstored<'a>>),
    /// Get the next token, because this one expires soon.
    RefreshAhead,
}

/// A user's working access to Google.
pub struct Access<'a> {
    app: &'a App,
    deadline: Deadline,
    wanted: Wanted,
    working: Working<'a>,
}

impl<'a> Access<'a> {
    /// Gets an access token: the stored one while it is good, otherwise a new one.
    pub async fn open(
        app: &'a App,
        credential: Credential,
        wanted: Wanted,
        deadline: Deadline,
    ) -> Result<Self, Error> {
        let working = obtain(app, credential, &wanted, None, deadline).await?;
        Ok(Self { app, deadline, wanted, working })
    }

    /// Calls Gmail with the token. If Gmail refuses the token, renews it once and repeats the call.
    /// A second refusal changes no stored data: only the token endpoint decides that a grant is
    /// dead (F36).
    pub async fn call<T>(
        &mut self,
        mut call: impl AsyncFnMut(&AccessToken) -> Result<T, GmailError>,
    ) -> Result<T, Error> {
        let mut answer = self.call_once(&mut call).await;
        if matches!(answer, Err(GmailError::Unauthorized)) && !self.working.is_new {
            self.renew().await?;
            answer = self.call_once(&mut call).await;
        }
        answer.map_err(|error| self.error_of(error))
    }

    /// Replaces the token, which Google refused.
    async fn renew(&mut self) -> Result<(), Error> {
        let credential = self.working.credential.clone();
        let refused = credential.access_token.clone();
        self.working = obtain(self.app, credential, &self.wanted, refused.as_ref(), self.deadline).await?;
        self.working.is_new = true;
        Ok(())
    }

    /// What the caller is told of a failure that [`Access::call`] did not return.
    pub fn error_of(&self, error: GmailError) -> Error {
        of_gmail(error, &self.working.credential)
    }

    async fn call_once<T>(
        &mut self,
        call: &mut impl AsyncFnMut(&AccessToken) -> Result<T, GmailError>,
    ) -> Result<T, GmailError> {
        let beside = std::mem::replace(&mut self.working.beside, Beside::Nothing);
        let (answer, ()) = join(call(&self.working.token.token), self.perform(beside)).await;
        answer
    }

    /// An error here does not fail the call. If a token cannot be stored, the next request gets
    /// another after the lease has run out.
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

    /// Gets the next token, unless another request does so, the grant forbids it or the last
    /// refresh just failed. The caller has a good token, so this takes at most [`AHEAD`]. Storing a
    /// new refresh token may take all of the request's time.
    async fn refresh_ahead(&self) -> Result<(), Error> {
        let (app, credential) = (self.app, &self.working.credential);
        let limit = self.deadline.within(AHEAD);
        let client = app.secrets.google_client_for(&credential.client_id);
        let Ok(client) = tokio::time::timeout(limit.remaining(), client).await else { return Ok(()) };
        let (client, now) = (client?, app.clock.now());
        let Ok(token) = refreshable(app, credential, &client, &self.wanted.need, true, now) else {
            return Ok(());
        };
        if credential.holder(now).is_some() {
            return Ok(());
        }
        let pace = Pace::Ahead { limit, deadline: self.deadline };
        match Box::pin(Lease::refresh(app, credential, token, client, pace)).await? {
            Outcome::Refreshed { unstored: Some(unstored), .. } => unstored.store(limit).await,
            Outcome::Refreshed { .. } | Outcome::Overtaken(_) => Ok(()),
        }
    }
}

/// Gets a working token: the stored one, a newer one of another request, or one from a refresh
/// under the lease. `refused` is a stored token that Gmail refused before it expired.
async fn obtain<'a>(
    app: &'a App,
    mut credential: Credential,
    wanted: &Wanted,
    refused: Option<&StoredAccessToken>,
    deadline: Deadline,
) -> Result<Working<'a>, Error> {
    let (mut wait, mut is_new) = (Wait::default(), false);
    loop {
        let now = app.clock.now();
        let freshness = credential.freshness(wanted.life, now);
        let stored = credential.access_token.as_ref().filter(|stored| Some(*stored) != refused);
        if let Some(stored) = stored.filter(|_| freshness != Freshness::Expired) {
            let token = open_stored(app, &credential, stored, &wanted.need, now).await?;
            let is_ageing = freshness == Freshness::Ageing;
            let beside = if is_ageing { Beside::RefreshAhead } else { Beside::Nothing };
            return Ok(Working { credential, token, is_new, beside });
        }
        let client = app.secrets.google_client_for(&credential.client_id).await?;
        let token = match refreshable(app, &credential, &client, &wanted.need, false, now) {
            Ok(token) => token.clone(),
            Err(error) => {
                erase_set_aside(app, &credential, now, deadline).await;
                return Err(error);
            }
        };
        // Each further iteration follows a wait for another request or that request's write.
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
            // On the heap: a request with a good token need not carry it about.
            let refresh = Box::pin(Lease::refresh(app, &credential, &token, client, Pace::Now { deadline }));
            match refresh.await? {
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

/// Opens the stored access token, if the grant allows its use.
async fn open_stored(
    app: &App,
    credential: &Credential,
    stored: &StoredAccessToken,
    need: &Need,
    now: Timestamp,
) -> Result<Issued, Error> {
    // Cached clients are enough. They are read again only if the credential belongs to another
    // client, which may be newer.
    let client = match app.secrets.remembered_google_client_for(&credential.client_id) {
        Some(client) if client.client_id != credential.client_id => {
            Some(app.secrets.google_client_for(&credential.client_id).await?)
        }
        remembered => remembered,
    };
    let client_id = client.as_ref().map(|client| client.client_id.as_str());
    if let Some(obstacle) = credential.obstacle(&app.config.scopes, client_id, now) {
        return Err(unauthorized(obstacle, credential));
    }
    require_scopes(credential, &credential.scopes, need)?;
    let token = tokens_at_rest::open_access_token(app, credential, stored).await?;
    Ok(Issued { token, expires_at: Some(stored.expires_at), narrowed: None })
}

/// The refresh token to send to Google now, or the caller's error.
fn refreshable<'c>(
    app: &App,
    credential: &'c Credential,
    client: &Arc<GoogleClient>,
    need: &Need,
    is_ahead: bool,
    now: Timestamp,
) -> Result<&'c StoredRefreshToken, Error> {
    let token = credential
        .refreshable(&app.config.scopes, &client.client_id, now)
        .map_err(|obstacle| unauthorized(obstacle, credential))?;
    require_scopes(credential, &credential.scopes, need)?;
    held_up(app, credential, client, is_ahead, now).map_or(Ok(token), Err)
}
