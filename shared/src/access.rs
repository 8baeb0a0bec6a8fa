//! The use of a credential: [`Access`] has an access token that works, however that came about, and hands it to each
//! call on Gmail. The only joint of store and Google besides [`crate::connect`].
//!
//! ```text
//! fresh ──────────────► call
//! ageing ─────────────► call, and meanwhile: lease → refresh → store
//! expired ─► lease ───► refresh → call, and meanwhile: store
//!              └ taken: wait for its holder's token, or for the lease to run out
//! Gmail says 401 ─────► as expired, once
//! ```

mod refresh;

use std::time::Duration;

use futures_util::future::join;

use self::refresh::{Renewal, Unstored};
use crate::app::App;
use crate::clock::Deadline;
use crate::credential::{Credential, Freshness, Need, Obstacle, Scopes, StoredAccessToken};
use crate::custody;
use crate::error::{Error, Invitation, Reason};
use crate::google::Trouble;
use crate::google::gmail::GmailError;
use crate::secret::AccessToken;
use crate::store::{Written, within};

/// The first pause of a caller that waits for another's refresh; it doubles up to [`LONGEST_PAUSE`].
const FIRST_PAUSE: Duration = Duration::from_millis(40);
const LONGEST_PAUSE: Duration = Duration::from_millis(320);
/// How long a request with a good token waits for the next token that it gets beside its call.
const AHEAD: Duration = Duration::from_millis(1500);

/// What is still to be done besides calling Gmail.
enum Duty {
    /// What a refresh under this credential's lease brought is not stored yet.
    Store(Unstored),
    /// The token is about to expire: get the next one, if nobody else does.
    RefreshAhead,
}

/// A user's working access to Google.
pub struct Access<'a> {
    app: &'a App,
    deadline: Deadline,
    credential: Credential,
    token: AccessToken,
    duty: Option<Duty>,
    renewed: bool,
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
        let client = app.secrets.remembered_google_client();
        let client_id = client.as_ref().map(|client| client.client_id.as_str());
        refuse_obstacle(app, &credential, client_id)?;
        let missing = need.missing_in(&credential.scopes);
        if !missing.is_empty() {
            return Err(insufficient_scope(&credential, missing, credential.scopes.have_metadata()));
        }
        let freshness = credential.freshness(app.clock.now());
        if let (Some(stored), Freshness::Fresh | Freshness::Ageing) = (&credential.access_token, freshness) {
            let token = custody::open_access_token(app, &credential.user, stored).await?;
            let duty = (freshness == Freshness::Ageing).then_some(Duty::RefreshAhead);
            return Ok(Self { app, deadline, credential, token, duty, renewed: false });
        }
        let Renewal { credential, token, unstored } = renew(app, credential, None, deadline).await?;
        Ok(Self { app, deadline, credential, token, duty: unstored.map(Duty::Store), renewed: true })
    }

    /// Calls Gmail with the token. When Gmail does not accept it, it is renewed once and the call is made once more; only
    /// the token endpoint can declare a grant dead, so a second refusal changes nothing that is stored (F36).
    pub async fn call<T>(
        &mut self,
        call: impl AsyncFn(&AccessToken) -> Result<T, GmailError>,
    ) -> Result<T, Error> {
        let mut answer = self.call_once(&call).await;
        if matches!(answer, Err(GmailError::Unauthorized)) && !self.renewed {
            let refused = self.credential.access_token.clone();
            let renewal = renew(self.app, self.credential.clone(), refused.as_ref(), self.deadline).await?;
            self.credential = renewal.credential;
            self.token = renewal.token;
            self.duty = renewal.unstored.map(Duty::Store);
            self.renewed = true;
            answer = self.call_once(&call).await;
        }
        answer.map_err(|error| from_gmail(error, &self.credential))
    }

    async fn call_once<T>(
        &mut self,
        call: &impl AsyncFn(&AccessToken) -> Result<T, GmailError>,
    ) -> Result<T, GmailError> {
        let duty = self.duty.take();
        let (answer, ()) = join(call(&self.token), self.perform(duty)).await;
        answer
    }

    /// What runs beside a call never fails it. A token that could not be stored is got again by the next request, once the
    /// lease has run out.
    async fn perform(&self, duty: Option<Duty>) {
        let outcome = match duty {
            None => return,
            Some(Duty::Store(unstored)) => store(self.app, &self.credential, &unstored, self.deadline).await,
            Some(Duty::RefreshAhead) => self.refresh_ahead().await,
        };
        if let Err(error) = outcome {
            tracing::warn!(error = %error, source = ?std::error::Error::source(&error).map(ToString::to_string), "an access token could not be renewed ahead or stored");
        }
    }

    async fn refresh_ahead(&self) -> Result<(), Error> {
        let now = self.app.clock.now();
        if self.credential.is_leased(now) {
            return Ok(());
        }
        let until = now.plus(refresh::LEASE);
        // The caller has a good token: what is done for the next one must not keep this one waiting for long.
        let deadline = self.deadline.within(AHEAD);
        let Written::Done(leased) =
            within(deadline, self.app.store.take_lease(&self.credential, until)).await?
        else {
            return Ok(());
        };
        match refresh::under_lease(self.app, *leased, deadline).await? {
            Some(Renewal { credential, unstored: Some(unstored), .. }) => {
                store(self.app, &credential, &unstored, self.deadline).await
            }
            Some(Renewal { unstored: None, .. }) | None => Ok(()),
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

/// Gets a token that works: somebody else's newer one, or a refresh of our own under the lease. `refused` is a stored
/// token that is not to be used though its time is not over.
async fn renew(
    app: &App,
    mut credential: Credential,
    refused: Option<&StoredAccessToken>,
    deadline: Deadline,
) -> Result<Renewal, Error> {
    let client = app.secrets.google_client().await?;
    let mut pause = FIRST_PAUSE;
    loop {
        let now = app.clock.now();
        refuse_obstacle(app, &credential, Some(&client.client_id))?;
        let stored = credential.access_token.as_ref();
        if let Some(stored) = stored.filter(|stored| Some(*stored) != refused)
            && credential.freshness(now) != Freshness::Expired
        {
            let token = custody::open_access_token(app, &credential.user, stored).await?;
            return Ok(Renewal { credential, token, unstored: None });
        }
        // Every way round this loop is a wait for somebody, or somebody else's write.
        if !deadline.allows(pause) {
            return Err(Error::UpstreamUnavailable {
                retry_after: 1,
                source: "another refresh is under way".into(),
            });
        }
        let user = credential.user.clone();
        let found = if credential.is_leased(now) {
            tokio::time::sleep(pause).await;
            pause = LONGEST_PAUSE.min(pause * 2);
            within(deadline, app.store.credential(&user)).await?
        } else {
            match within(deadline, app.store.take_lease(&credential, now.plus(refresh::LEASE))).await? {
                Written::Overtaken(found) => found.map(|found| *found),
                Written::Done(leased) => match refresh::under_lease(app, *leased, deadline).await? {
                    Some(renewal) => return Ok(renewal),
                    // Somebody stored another refresh token meanwhile: start over with that one.
                    None => within(deadline, app.store.credential(&user)).await?,
                },
            }
        };
        credential = found.ok_or_else(|| Error::unauthorized(Reason::NotConnected))?;
    }
}

fn refuse_obstacle(app: &App, credential: &Credential, client_id: Option<&str>) -> Result<(), Error> {
    let reason = match credential.obstacle(&app.config.scopes, client_id, app.clock.now()) {
        None => return Ok(()),
        Some(Obstacle::Dead) => Reason::RevokedOrExpired,
        Some(Obstacle::ClientChanged) => Reason::ClientChanged,
        Some(Obstacle::ScopesChanged) => Reason::ScopesChanged,
    };
    Err(Error::Unauthorized { reason, invitation: invitation(credential) })
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
