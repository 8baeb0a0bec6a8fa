//! The right to refresh one credential, held by one process for a few seconds: ask Google, sort out
//! what it says, keep what must not be lost. Every way out of [`Lease::refresh`] gives the lease
//! back, or hands on what gives it back.

use std::sync::Arc;
use std::time::Duration;

use postern_rules::credential::{Credential, Obstacle, Setback, SetbackCause, Status, StoredRefreshToken};
use postern_rules::error::{Error, Reason};
use postern_rules::google_client::GoogleClient;
use postern_rules::seal::Keyring;
use postern_rules::secret::RefreshToken;

use super::setback::{deferred, setback_of};
use super::{Duty, Unstored, Working, invitation, unauthorized};
use crate::app::App;
use crate::clock::Deadline;
use crate::grant::tokens_at_rest::{self, Owner};
use crate::outside::dynamodb::{Written, within};
use crate::outside::google::oauth::{Refusal, TokenError, Tokens};
use crate::telemetry::metrics::{self, RefreshEnd, TokenAtRisk};

/// How long a lease is held at the most. Its holder asks Google within it, so that nobody else asks
/// meanwhile; those who wait can still take over within their own time when the holder died.
pub(super) const LEASE: Duration = Duration::from_secs(5);
/// So much of the lease, and of the request, is kept for storing what Google gave.
const RESERVE: Duration = Duration::from_millis(500);
/// How often a death is recorded anew when other writes come between.
const DEATH_ATTEMPTS: u32 = 3;

/// What became of the wish for a lease.
pub(super) enum Taken<'a> {
    /// It is ours.
    Held(Lease<'a>),
    /// Somebody wrote first; the credential as they left it, or nothing if it is gone.
    Overtaken(Option<Credential>),
}

/// A lease that is held.
pub(super) struct Lease<'a> {
    app: &'a App,
    credential: Credential,
    /// The refresh token to ask with: the one in use, or one that was set aside.
    token: StoredRefreshToken,
    /// By when all is done, but for storing a new refresh token.
    limit: Deadline,
    /// By when Google must have answered.
    ask_by: Deadline,
    /// Whether the refresh runs ahead of the token's end, with less time than others have.
    is_ahead: bool,
}

/// What Google gave, and what is needed to keep it: had before Google was asked.
struct Given {
    tokens: Tokens,
    used: RefreshToken,
    keyring: Arc<Keyring>,
}

/// Why there is no access token.
enum Failed {
    /// Google says that the refresh token is dead.
    TokenDead,
    /// Google's answer, or its silence, is remembered for a while. `asked` is the wait that Google
    /// itself asked for.
    Setback { cause: SetbackCause, asked: Option<Duration>, source: TokenError },
    /// Another system is in the way; nothing was learnt of the grant.
    Otherwise(Error),
}

impl<E: Into<Error>> From<E> for Failed {
    fn from(error: E) -> Self {
        Self::Otherwise(error.into())
    }
}

impl<'a> Lease<'a> {
    /// Takes the lease of `credential`, as it was read, to ask Google with `token` until `limit` at
    /// the latest. The time to ask begins with the lease itself: before it is written.
    pub(super) async fn take(
        app: &'a App,
        credential: &Credential,
        token: &StoredRefreshToken,
        is_ahead: bool,
        limit: Deadline,
    ) -> Result<Taken<'a>, Error> {
        let ask_by = limit.or_sooner(Deadline::after(LEASE)).sooner_by(RESERVE);
        let until = app.clock.now().plus(LEASE);
        Ok(match within(limit, app.store.take_lease(credential, until)).await? {
            Written::Done(credential) => {
                let (credential, token) = (*credential, token.clone());
                Taken::Held(Self { app, credential, token, limit, ask_by, is_ahead })
            }
            Written::Overtaken(found) => Taken::Overtaken(found.map(|found| *found)),
        })
    }

    /// Refreshes. `None`: the refresh token was replaced by another meanwhile. A new refresh token
    /// is stored until `deadline`, whatever limit there is for the rest.
    pub(super) async fn refresh(
        self,
        client: Arc<GoogleClient>,
        deadline: Deadline,
    ) -> Result<Option<Working>, Error> {
        let asked = tokio::time::timeout(self.limit.remaining(), self.ask(client)).await;
        match asked.unwrap_or(Err(Failed::Otherwise(Error::OutOfTime))) {
            Ok(given) => self.keep(given, deadline).await.map(Some),
            Err(Failed::TokenDead) => self.bury(true).await,
            Err(Failed::Setback { source, .. })
                if matches!(source, TokenError::Refused(Refusal::ClientRefused)) =>
            {
                self.remember_refused_client(source).await
            }
            // Nothing was learnt of a token that Google refused before: the caller's way on is still a
            // new consent.
            Err(_) if self.is_second_chance() => self.bury(false).await,
            Err(Failed::Setback { cause, asked, source }) => {
                let now = self.app.clock.now();
                let setback = Setback::after(self.credential.setback.as_ref(), cause, asked, now);
                self.release(Some(&setback)).await;
                let wait = setback.wait(now).unwrap_or_default();
                Err(deferred(cause, &self.credential, wait, source.into()))
            }
            Err(Failed::Otherwise(error)) => {
                self.release(None).await;
                Err(error)
            }
        }
    }

    /// Google refused the client: no grant's fault, so the process remembers it for every user. It
    /// was read anew by now; when today's is another one, this grant has outlived its client.
    async fn remember_refused_client(self, source: TokenError) -> Result<Option<Working>, Error> {
        let now = self.app.clock.now();
        let wait = self.app.secrets.google_client().await.map(|today| {
            let is_its_own = today.client_id == self.credential.client_id;
            is_its_own.then(|| self.app.refused_client.note(today, now))
        });
        if self.is_second_chance() {
            return self.bury(false).await;
        }
        self.release(None).await;
        Err(match wait? {
            Some(wait) => deferred(SetbackCause::ClientRefused, &self.credential, wait, source.into()),
            None => unauthorized(Obstacle::ClientChanged, &self.credential),
        })
    }

    /// Gives the lease back, so that nobody waits for it to run out. If that fails, they do wait,
    /// and nothing else is lost.
    async fn release(&self, setback: Option<&Setback>) {
        if let Err(error) = within(self.limit, self.app.store.release_lease(&self.credential, setback)).await
        {
            tracing::warn!(error = %error, "a lease could not be given back");
        }
    }

    /// Whether Google refused the token before.
    fn is_second_chance(&self) -> bool {
        self.credential.status == Status::Revoked
    }

    async fn ask(&self, client: Arc<GoogleClient>) -> Result<Given, Failed> {
        let Credential { user, client_id, .. } = &self.credential;
        let used = tokens_at_rest::open_refresh_token(self.app, user, client_id, &self.token).await?;
        let keyring = tokens_at_rest::keyring(self.app).await?;
        let answer = self.answer(client, &used).await?;
        tracing::info!(
            event = "refresh",
            outcome = answer.as_ref().map_or_else(ToString::to_string, |_| "ok".to_owned()),
            "asked Google for an access token"
        );
        self.count(&answer);
        match answer {
            Ok(tokens) => {
                self.app.refused_client.clear();
                Ok(Given { tokens, used, keyring })
            }
            Err(TokenError::Refused(Refusal::InvalidGrant)) => Err(Failed::TokenDead),
            Err(source) => {
                let (cause, asked) = setback_of(&source, self.is_ahead);
                Err(Failed::Setback { cause, asked, source })
            }
        }
    }

    /// Asks Google; when it refuses the client, once more with another version of the client's
    /// secret (F61). A wrong secret is the operator's fault and never a reason to touch a
    /// credential (F27).
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
        let outcome = outcome(answer);
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
    async fn keep(self, given: Given, deadline: Deadline) -> Result<Working, Error> {
        let Given { tokens, used, keyring } = given;
        let at_risk = TokenAtRisk::of(tokens.refresh_token.as_ref());
        let now = self.app.clock.now();
        let Credential { user, client_id, scopes, .. } = &self.credential;
        let rotated = tokens_at_rest::seal_refresh_token(&keyring, user, client_id, &tokens, now);
        let refresh_token_id = &rotated.as_ref().unwrap_or(&self.token).id;
        let owner = Owner { user, client_id, refresh_token_id };
        // One that covers less than the grant serves this request; stored, it would stand for what
        // it does not cover.
        let covers = tokens.cover(scopes);
        if !covers {
            tracing::warn!(event = "scopes_narrowed", "a refreshed token covers less than the stored grant");
        }
        let access_token =
            tokens_at_rest::seal_access_token(&keyring, owner, &tokens, now).filter(|_| covers);
        let token = tokens.access_token;
        if let Some(rotated) = rotated {
            let replaced = self.token.id.as_str();
            let write = self.app.store.store_rotated(
                &self.credential,
                replaced,
                access_token.as_ref(),
                &rotated,
                deadline,
            );
            let stored = write.await?;
            at_risk.settle();
            let credential = stored.ok_or_else(|| Error::not_connected(&self.credential.user))?;
            return Ok(Working { credential, token, duty: None, is_new: true });
        }
        let resealed = tokens_at_rest::reseal_refresh_token(&keyring, &self.credential, &self.token, &used);
        // A token that was set aside is in use again.
        let refresh_token = resealed.or_else(|| self.is_second_chance().then(|| self.token.clone()));
        let duty = Some(Duty::Store(Unstored { access_token, refresh_token }));
        Ok(Working { credential: self.credential, token, duty, is_new: true })
    }

    /// Records that Google refused the token (`is_refused`), or that a second chance learnt nothing.
    /// A token in use is set aside only if Google refused that very one, by a consistent read.
    /// `None`: a token is in use that was not refused, and serves.
    async fn bury(self, is_refused: bool) -> Result<Option<Working>, Error> {
        let mut found = within(self.limit, self.app.store.credential(&self.credential.user)).await?;
        for _ in 0..DEATH_ATTEMPTS {
            let Some(current) = found else { return Err(Error::not_connected(&self.credential.user)) };
            match &current.refresh_token {
                Some(stored) if stored.id != self.token.id || !is_refused => return Ok(None),
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
        let invitation = invitation(&self.credential);
        Err(Error::Unauthorized { reason: Reason::RevokedOrExpired, invitation })
    }
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
            Refusal::ClientRefused | Refusal::RequestRefused | Refusal::RedirectUriMismatch => {
                "client_refused"
            }
            Refusal::Other => "rejected",
        },
    }
}
