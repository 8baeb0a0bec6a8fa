//! The right to refresh one credential, held by one process for a few seconds: ask Google, sort out
//! what it says, keep what must not be lost. [`Lease::refresh`] is the one place that takes a lease.
//! Each way out of it returns the lease, or hands on an [`Unstored`], which does.

use std::sync::Arc;
use std::time::Duration;

use postern_rules::credential::{
    Credential, Obstacle, Setback, SetbackCause, Status, StoredAccessToken, StoredRefreshToken,
};
use postern_rules::error::Error;
use postern_rules::google_client::GoogleClient;
use postern_rules::seal::Keyring;
use postern_rules::secret::{AccessToken, RefreshToken};

use super::conditions::{deferred, setback_of, unauthorized};
use super::tokens_at_rest::{self, Renewal};
use crate::app::App;
use crate::clock::Deadline;
use crate::outside::dynamodb::{Written, within};
use crate::outside::google::oauth::{Refusal, TokenError, Tokens};
use crate::telemetry::metrics::{self, RefreshEnd, TokenAtRisk};

/// How long a lease is held at most. Its holder asks Google within it, so that nobody else asks
/// meanwhile. Those who wait can still take over within their own time if the holder died.
pub(super) const LEASE: Duration = Duration::from_secs(5);
/// Time of the lease, and of the request, that is kept for storing what Google gave.
const RESERVE: Duration = Duration::from_millis(500);
/// How often a death is recorded again when other writes come between.
const DEATH_ATTEMPTS: u32 = 3;

/// How a refresh ended without an error.
pub(super) enum Outcome<'a> {
    /// Google gave an access token.
    Refreshed {
        /// The credential as it was last written.
        credential: Credential,
        /// The token.
        token: AccessToken,
        /// What is still to be stored. A new refresh token never is: it has been stored.
        unstored: Option<Box<Unstored<'a>>>,
    },
    /// Another request wrote first, and left this; nothing if the user has disconnected.
    Overtaken(Option<Credential>),
}

/// How much time a refresh has.
#[derive(Clone, Copy)]
pub(super) enum Pace {
    /// The request needs the token.
    Now {
        /// By when all is done.
        deadline: Deadline,
    },
    /// The request has a good token.
    Ahead {
        /// By when all is done, except for storing a new refresh token.
        limit: Deadline,
        /// By when a new refresh token is stored.
        deadline: Deadline,
    },
}

/// What a refresh brought and is not stored yet, with the lease that it was made under.
#[must_use = "the lease holds up everybody else until this is stored"]
pub(super) struct Unstored<'a> {
    app: &'a App,
    credential: Credential,
    access_token: Option<StoredAccessToken>,
    refresh_token: Option<StoredRefreshToken>,
    is_settled: bool,
}

impl Unstored<'_> {
    /// Stores it and returns the lease. If another request wrote first, what that one stored may be
    /// newer, and stands.
    pub(super) async fn store(mut self, deadline: Deadline) -> Result<(), Error> {
        self.is_settled = true;
        let (access_token, refresh_token) = (self.access_token.as_ref(), self.refresh_token.as_ref());
        let write = self.app.store.store_refreshed(&self.credential, access_token, refresh_token);
        within(deadline, write).await?;
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
    /// The refresh token to ask with: the one in use, or one that was set aside.
    token: StoredRefreshToken,
    /// By when all is done, except for storing a new refresh token.
    limit: Deadline,
    /// By when a new refresh token is stored.
    deadline: Deadline,
    /// By when Google must have answered.
    ask_by: Deadline,
    /// Whether the refresh runs ahead of the token's end, with less time than others have.
    is_ahead: bool,
}

/// What Google gave, and what is needed to keep it: both were at hand before Google was asked.
struct Given {
    tokens: Tokens,
    used: RefreshToken,
    keyring: Arc<Keyring>,
}

impl<'a> Lease<'a> {
    /// Takes the lease of `credential`, as it was read, and asks Google with `token`.
    pub(super) async fn refresh(
        app: &'a App,
        credential: &Credential,
        token: &StoredRefreshToken,
        client: Arc<GoogleClient>,
        pace: Pace,
    ) -> Result<Outcome<'a>, Error> {
        let lease = match Self::take(app, credential, token, pace).await? {
            Ok(lease) => lease,
            Err(found) => return Ok(Outcome::Overtaken(found)),
        };
        let asked = tokio::time::timeout(lease.limit.remaining(), lease.ask(client)).await;
        match asked.unwrap_or(Err(Error::OutOfTime)) {
            Ok(Ok(given)) => lease.keep(given).await,
            Ok(Err(TokenError::Refused(Refusal::InvalidGrant))) => lease.bury(true).await,
            Ok(Err(refused @ TokenError::Refused(Refusal::ClientRefused))) => {
                lease.remember_refused_client(refused).await
            }
            // Nothing was learned about a token that Google refused before: consent is still the
            // caller's way on.
            _ if lease.is_second_chance() => lease.bury(false).await,
            Ok(Err(error)) => lease.remember_setback(error).await,
            Err(error) => {
                lease.release(None).await;
                Err(error)
            }
        }
    }

    /// The lease, or the credential as another request left it. The time to ask Google begins with
    /// the lease itself, before it is written.
    async fn take(
        app: &'a App,
        credential: &Credential,
        token: &StoredRefreshToken,
        pace: Pace,
    ) -> Result<Result<Self, Option<Credential>>, Error> {
        let (limit, deadline, is_ahead) = match pace {
            Pace::Now { deadline } => (deadline, deadline, false),
            Pace::Ahead { limit, deadline } => (limit, deadline, true),
        };
        let ask_by = limit.or_sooner(Deadline::after(LEASE)).sooner_by(RESERVE);
        let until = app.clock.now().plus(LEASE);
        Ok(match within(limit, app.store.take_lease(credential, until)).await? {
            Written::Done(credential) => {
                let (credential, token) = (*credential, token.clone());
                Ok(Self { app, credential, token, limit, deadline, ask_by, is_ahead })
            }
            Written::Overtaken(found) => Err(found.map(|found| *found)),
        })
    }

    /// Asks Google. The outer error is one of another system: nothing was learned about the grant.
    async fn ask(&self, client: Arc<GoogleClient>) -> Result<Result<Given, TokenError>, Error> {
        let Credential { user, client_id, .. } = &self.credential;
        let used = tokens_at_rest::open_refresh_token(self.app, user, client_id, &self.token).await?;
        let keyring = tokens_at_rest::keyring(self.app).await?;
        let answer = self.answer(client, &used).await?;
        let outcome = answer.as_ref().map_or_else(ToString::to_string, |_| "ok".to_owned());
        tracing::info!(event = "refresh", outcome, "asked Google for an access token");
        self.count(&answer);
        if answer.is_ok() {
            self.app.google.refused_client.clear();
        }
        Ok(answer.map(|tokens| Given { tokens, used, keyring }))
    }

    /// Google's answer; when it refuses the client, that to another version of the client's secret
    /// (F61). A wrong secret is the operator's fault and never a reason to touch a credential (F27).
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

    /// Keeps what Google gave. A new refresh token is stored before anything else happens with the
    /// answer (F31).
    async fn keep(self, given: Given) -> Result<Outcome<'a>, Error> {
        let Given { tokens, used, keyring } = given;
        let at_risk = TokenAtRisk::of(tokens.refresh_token.as_ref());
        if !tokens.cover(&self.credential.scopes) {
            tracing::warn!(event = "scopes_narrowed", "a refreshed token covers less than the stored grant");
        }
        let now = self.app.clock.now();
        let renewal = Renewal::seal(&keyring, &self.credential, &self.token, &used, &tokens, now);
        let token = tokens.access_token;
        let Renewal { access_token, rotated, resealed } = renewal;
        if let Some(rotated) = rotated {
            let (store, replaced) = (&self.app.store, &self.token.id);
            let write = store.store_rotated(
                &self.credential,
                replaced,
                access_token.as_ref(),
                &rotated,
                self.deadline,
            );
            let stored = write.await?;
            at_risk.settle();
            let credential = stored.ok_or_else(|| Error::not_connected(&self.credential.user))?;
            return Ok(Outcome::Refreshed { credential, token, unstored: None });
        }
        // A token that was set aside is in use again.
        let refresh_token = resealed.or_else(|| self.is_second_chance().then(|| self.token.clone()));
        let Self { app, credential, .. } = self;
        let written = credential.clone();
        let unstored = Unstored { app, credential: written, access_token, refresh_token, is_settled: false };
        Ok(Outcome::Refreshed { credential, token, unstored: Some(Box::new(unstored)) })
    }

    /// Records that Google refused the token (`is_refused`), or that a second chance taught nothing.
    /// A token in use is set aside only if Google refused that very one, by a consistent read. When
    /// another token is in use meanwhile, that one serves.
    async fn bury(self, is_refused: bool) -> Result<Outcome<'a>, Error> {
        let mut found = within(self.limit, self.app.store.credential(&self.credential.user)).await?;
        for _ in 0..DEATH_ATTEMPTS {
            let Some(current) = found else { return Err(Error::not_connected(&self.credential.user)) };
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

    /// Google refused the client: no grant's fault, so the process remembers it for every user. It
    /// was read again by now; when today's is another one, this grant has outlived its client.
    async fn remember_refused_client(self, refused: TokenError) -> Result<Outcome<'a>, Error> {
        let now = self.app.clock.now();
        let wait = self.app.secrets.google_client().await.map(|today| {
            let is_its_own = today.client_id == self.credential.client_id;
            is_its_own.then(|| self.app.google.refused_client.note(today, now))
        });
        if self.is_second_chance() {
            return self.bury(false).await;
        }
        self.release(None).await;
        Err(match wait? {
            Some(wait) => deferred(SetbackCause::ClientRefused, &self.credential, wait, refused.into()),
            None => unauthorized(Obstacle::ClientChanged, &self.credential),
        })
    }

    /// Remembers in the item that the refresh failed, so that the next requests wait for their turn.
    async fn remember_setback(self, error: TokenError) -> Result<Outcome<'a>, Error> {
        let now = self.app.clock.now();
        let (cause, asked) = setback_of(&error, self.is_ahead);
        let setback = Setback::after(self.credential.setback.as_ref(), cause, asked, now);
        self.release(Some(&setback)).await;
        Err(deferred(cause, &self.credential, setback.wait(now).unwrap_or_default(), error.into()))
    }

    /// Returns the lease without a token, so that nobody waits for it to run out. If that fails,
    /// they do wait, and nothing else is lost.
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

/// What became of a refresh, in one word of a closed list.
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
            Refusal::ClientRefused | Refusal::RequestRefused | Refusal::RedirectUriMismatch => {
                "client_refused"
            }
            Refusal::Other => "rejected",
        },
    }
}
