//! Refreshes a credential under a lease, the exclusive right to do so for a few seconds. Only
//! [`Lease::refresh`] takes a lease. Every path through it returns the lease, or passes on an
//! [`Unstored`], which does. If DynamoDB does not answer then, the lease runs out by itself.

use std::sync::Arc;
use std::time::Duration;

use postern_rules::credential::{
    Credential, Obstacle, Setback, Status, StoredAccessToken, StoredRefreshToken,
};
use postern_rules::error::Error;
use postern_rules::google_client::GoogleClient;
use postern_rules::scopes::Scopes;
use postern_rules::seal::Keyring;
use postern_rules::secret::{AccessToken, RefreshToken};
use postern_rules::time::Timestamp;

use super::conditions::{deferred, of_refused_client, setback_of, unauthorized};
use super::tokens_at_rest::{self, Renewal};
use crate::app::App;
use crate::clock::Deadline;
use crate::outside::dynamodb::{Written, within};
use crate::outside::google::oauth::{Refusal, TokenError, Tokens};
use crate::telemetry::metrics::{self, RefreshEnd, TokenAtRisk};

/// The length of a lease. Its holder must have Google's response before it ends. It is short enough
/// for waiting requests to take over in their own time if the holder died.
pub(super) const LEASE: Duration = Duration::from_secs(5);
/// Time of the lease, and of the request, reserved for storing what Google issued.
const RESERVE: Duration = Duration::from_millis(500);
/// The most attempts to record a death while other requests write first.
const DEATH_ATTEMPTS: u32 = 3;

/// How a refresh ended without an error.
pub(super) enum Outcome<'a> {
    /// Google issued an access token.
    Refreshed {
        /// The credential as it was last written.
        credential: Credential,
        token: Issued,
        /// What is still to be stored: never a new refresh token, which has been stored by now.
        unstored: Option<Box<Unstored<'a>>>,
    },
    /// Another request wrote first and left this; `None` if the user has disconnected.
    Overtaken(Option<Credential>),
}

/// An access token that Google issued, now or earlier.
pub(super) struct Issued {
    pub(super) token: AccessToken,
    /// `None` if Google did not say.
    pub(super) expires_at: Option<Timestamp>,
    /// What it covers, if that is less than its grant.
    pub(super) narrowed: Option<Scopes>,
}

/// How much time a refresh has.
#[derive(Clone, Copy)]
pub(super) enum Pace {
    /// The request needs the token by `deadline`.
    Now { deadline: Deadline },
    /// The request has a good token. `limit` and `deadline` are as in [`Lease`].
    Ahead { limit: Deadline, deadline: Deadline },
    /// Nobody waits, and the refresh counts in no rate: among the grants that nobody uses, more are
    /// dead than among others.
    Upkeep { deadline: Deadline },
}

/// The result of a refresh that is not stored yet, with the lease that is still held.
#[must_use = "other requests wait for the lease until this is stored"]
pub(super) struct Unstored<'a> {
    app: &'a App,
    credential: Credential,
    access_token: Option<StoredAccessToken>,
    refresh_token: Option<StoredRefreshToken>,
    is_settled: bool,
}

impl Unstored<'_> {
    /// Stores it and returns the lease. If another request wrote first, its tokens may be newer and
    /// stay.
    pub(super) async fn store(mut self, deadline: Deadline) -> Result<(), Error> {
        let (access_token, refresh_token) = (self.access_token.as_ref(), self.refresh_token.as_ref());
        let write = self.app.store.store_refreshed(&self.credential, access_token, refresh_token);
        let written = within(deadline, write).await;
        self.is_settled = true;
        written?;
        Ok(())
    }
}

impl Drop for Unstored<'_> {
    fn drop(&mut self) {
        if !self.is_settled {
            tracing::warn!(event = "refreshed_token_dropped", "a refreshed access token was not stored");
        }
    }
}

/// A lease that is held.
pub(super) struct Lease<'a> {
    app: &'a App,
    credential: Credential,
    /// The refresh token to send: the one in use, or one that was set aside.
    token: StoredRefreshToken,
    /// The deadline for everything except storing a new refresh token.
    limit: Deadline,
    /// The deadline for storing a new refresh token.
    deadline: Deadline,
    /// The deadline for Google's response.
    ask_by: Deadline,
    pace: Pace,
}

/// What Google issued, and what is needed to store it, obtained before the call to Google.
struct Given {
    tokens: Tokens,
    used: RefreshToken,
    keyring: Arc<Keyring>,
}

impl<'a> Lease<'a> {
    /// Takes the lease of `credential`, if the item is unchanged, and sends `token` to Google.
    pub(super) async fn refresh(
        app: &'a App,
        credential: &Credential,
        token: &StoredRefreshToken,
        client: Arc<GoogleClient>,
        pace: Pace,
    ) -> Result<Outcome<'a>, Error> {
        // While the lease is taken.
        app.google.open_tokens(&client);
        let lease = match Self::take(app, credential, token, pace).await? {
            Ok(lease) => lease,
            Err(found) => {
                app.google.close_tokens();
                return Ok(Outcome::Overtaken(found));
            }
        };
        let asked = tokio::time::timeout(lease.limit.remaining(), lease.ask(client)).await;
        match asked.unwrap_or(Err(Error::OutOfTime)) {
            Ok(Ok(given)) => lease.keep(given).await,
            Ok(Err(TokenError::Refused(Refusal::InvalidGrant))) => lease.bury(true).await,
            Ok(Err(refused @ TokenError::Refused(Refusal::ClientRefused))) => {
                lease.remember_refused_client(refused).await
            }
            // This says nothing about a token that Google refused before, so the caller still needs
            // consent.
            _ if lease.is_second_chance() => lease.bury(false).await,
            Ok(Err(error)) => lease.remember_setback(error).await,
            Err(error) => {
                lease.release(None).await;
                Err(error)
            }
        }
    }

    /// The lease, or the credential as another request left it. The time for Google's response
    /// starts before the lease is written, so the call cannot outlast the lease.
    async fn take(
        app: &'a App,
        credential: &Credential,
        token: &StoredRefreshToken,
        pace: Pace,
    ) -> Result<Result<Self, Option<Credential>>, Error> {
        let (limit, deadline) = match pace {
            Pace::Now { deadline } | Pace::Upkeep { deadline } => (deadline, deadline),
            Pace::Ahead { limit, deadline } => (limit, deadline),
        };
        let ask_by = limit.or_sooner(Deadline::after(LEASE)).sooner_by(RESERVE);
        let until = app.clock.now().plus(LEASE);
        Ok(match within(limit, app.store.take_lease(credential, until)).await? {
            Written::Done(credential) => {
                let (credential, token) = (*credential, token.clone());
                Ok(Self { app, credential, token, limit, deadline, ask_by, pace })
            }
            Written::Overtaken(found) => Err(found.map(|found| *found)),
        })
    }

    /// Calls Google. The outer error is of another system and says nothing about the grant.
    async fn ask(&self, client: Arc<GoogleClient>) -> Result<Result<Given, TokenError>, Error> {
        let Credential { user, client_id, .. } = &self.credential;
        let used = tokens_at_rest::open_refresh_token(self.app, user, client_id, &self.token).await?;
        let keyring = self.app.secrets.keyring().await?;
        let answer = self.answer(client, &used).await?;
        let outcome = answer.as_ref().map_or_else(ToString::to_string, |_| "ok".to_owned());
        tracing::info!(event = "refresh", outcome, "asked Google for an access token");
        self.count(&answer);
        if answer.is_ok() {
            self.app.google.refused_clients.clear(client_id);
        }
        Ok(answer.map(|tokens| Given { tokens, used, keyring }))
    }

    /// Google's response. If Google refuses the client, tries another version of its client secret
    /// (F61). A wrong client secret never changes a credential (F27).
    async fn answer(
        &self,
        client: Arc<GoogleClient>,
        refresh_token: &RefreshToken,
    ) -> Result<Result<Tokens, TokenError>, Error> {
        let answer = self.app.google.refresh(&client, refresh_token, self.ask_by).await;
        if matches!(answer, Err(TokenError::Refused(refusal)) if refusal.is_of_client())
            && let Some(other) = self.app.secrets.another_google_client(&client).await?
        {
            return Ok(self.app.google.refresh(&other, refresh_token, self.ask_by).await);
        }
        Ok(answer)
    }

    fn count(&self, answer: &Result<Tokens, TokenError>) {
        let outcome = outcome_word(answer);
        if matches!(self.pace, Pace::Upkeep { .. }) {
            return;
        }
        if self.is_second_chance() {
            metrics::count_second_chance(if answer.is_ok() { "revived" } else { outcome });
            return;
        }
        metrics::count_refresh(
            outcome,
            match answer {
                Ok(_) => RefreshEnd::Success,
                Err(TokenError::Refused(Refusal::InvalidGrant)) => RefreshEnd::Death,
                Err(_) => RefreshEnd::Failure,
            },
        );
    }

    /// Keeps what Google issued. A new refresh token is stored before the response is used (F31).
    async fn keep(self, given: Given) -> Result<Outcome<'a>, Error> {
        let Given { tokens, used, keyring } = given;
        let at_risk = TokenAtRisk::of(tokens.refresh_token.as_ref());
        let is_narrowed = !tokens.cover(&self.credential.scopes);
        if is_narrowed {
            tracing::warn!(event = "scopes_narrowed", "a refreshed token covers less than the stored grant");
        }
        let now = self.app.clock.now();
        let renewal = Renewal::seal(&keyring, &self.credential, &self.token, &used, &tokens, now);
        let token = Issued {
            token: tokens.access_token,
            expires_at: tokens.expires_in.map(|lifetime| now.whole_seconds().plus(lifetime)),
            narrowed: tokens.scopes.filter(|_| is_narrowed),
        };
        let Renewal { access_token, rotated, resealed } = renewal;
        if let Some(rotated) = rotated {
            let Self { app, credential, token: used, deadline, .. } = &self;
            let access_token = access_token.as_ref();
            let write = app.store.store_rotated(credential, &used.id, access_token, &rotated, *deadline);
            let stored = write.await?;
            at_risk.settle();
            let credential = stored.ok_or_else(|| Error::not_connected(&credential.user))?;
            return Ok(Outcome::Refreshed { credential, token, unstored: None });
        }
        // A token that was set aside is in use again.
        let refresh_token = resealed.or_else(|| self.is_second_chance().then(|| self.token.clone()));
        let Self { app, credential, .. } = self;
        let written = credential.clone();
        let unstored = Unstored { app, credential: written, access_token, refresh_token, is_settled: false };
        Ok(Outcome::Refreshed { credential, token, unstored: Some(Box::new(unstored)) })
    }

    /// Records that Google refused the token (`is_refused`), or that a second chance was
    /// inconclusive. A token in use is set aside only if Google refused it, by a consistent read.
    /// If another token is in use by now, that one is used.
    async fn bury(self, is_refused: bool) -> Result<Outcome<'a>, Error> {
        let mut found = within(self.limit, self.app.store.credential(&self.credential.user)).await?;
        for _ in 0..DEATH_ATTEMPTS {
            let Some(current) = found.filter(|found| found.status != Status::Disconnecting) else {
                return Err(Error::not_connected(&self.credential.user));
            };
            match &current.refresh_token {
                Some(stored) if stored.id != self.token.id || !is_refused => {
                    return Ok(Outcome::Overtaken(Some(current)));
                }
                None if !self.is_second_chance() => break,
                _ => {}
            }
            match within(self.limit, self.app.store.bury(&current, &self.token)).await? {
                Written::Done(_) => {
                    if is_refused {
                        tracing::info!(event = "credential_dead", "Google does not accept a refresh token");
                    }
                    break;
                }
                Written::Overtaken(current) => found = current.map(|current| *current),
            }
        }
        Err(unauthorized(Obstacle::Dead, &self.credential))
    }

    /// Google refused the client. This concerns no single grant, so the process remembers it for
    /// all users of that client. The secret has been read again by now: if it does not hold the
    /// client, this grant's client is gone.
    async fn remember_refused_client(self, refused: TokenError) -> Result<Outcome<'a>, Error> {
        let now = self.app.clock.now();
        let noted = self.app.secrets.google_clients().await.map(|clients| {
            let its_own = Arc::clone(clients.of(&self.credential.client_id)?);
            let wait = self.app.google.refused_clients.note(Arc::clone(&its_own), now);
            Some((its_own, wait))
        });
        if self.is_second_chance() {
            return self.bury(false).await;
        }
        self.release(None).await;
        Err(match noted? {
            Some((client, wait)) => of_refused_client(&client, &self.credential, wait, refused.into()),
            None => unauthorized(Obstacle::ClientChanged, &self.credential),
        })
    }

    /// Records the failed refresh in the item, so that the next requests wait before they retry.
    async fn remember_setback(self, error: TokenError) -> Result<Outcome<'a>, Error> {
        let now = self.app.clock.now();
        let (cause, asked) = setback_of(&error, matches!(self.pace, Pace::Ahead { .. }));
        let setback = Setback::after(self.credential.setback.as_ref(), cause, asked, now);
        self.release(Some(&setback)).await;
        Err(deferred(cause, &self.credential, setback.wait(now).unwrap_or_default(), error.into()))
    }

    /// Returns the lease without a token. If that fails, other requests wait until it runs out.
    async fn release(&self, setback: Option<&Setback>) {
        let write = self.app.store.release_lease(&self.credential, setback);
        if let Err(error) = within(self.limit, write).await {
            tracing::warn!(error = %error, "a lease could not be returned");
        }
    }

    /// Whether Google refused the token before.
    fn is_second_chance(&self) -> bool {
        self.credential.status == Status::Revoked
    }
}

/// The outcome of a refresh, as a word from a closed list.
const fn outcome_word(answer: &Result<Tokens, TokenError>) -> &'static str {
    match answer {
        Ok(Tokens { refresh_token: Some(_), .. }) => "rotated",
        Ok(_) => "refreshed",
        Err(TokenError::Trouble(trouble)) => trouble.word(),
        Err(TokenError::Refused(refusal)) => match refusal {
            Refusal::InvalidGrant => "revoked_or_expired",
            Refusal::ReauthenticationRequired => "reauth_policy",
            Refusal::BlockedByAdmin => "blocked_by_admin",
            Refusal::OrgInternal => "org_internal",
            Refusal::ClientRefused
            | Refusal::OtherClient
            | Refusal::RequestRefused
            | Refusal::RedirectUriMismatch => "client_refused",
            Refusal::Other => "rejected",
        },
    }
}
