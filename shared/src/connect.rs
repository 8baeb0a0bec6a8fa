//! A code becomes a stored credential and a session, in the guide's order: exchange, identity, a new refresh token or
//! the stored one or the consent page, credential, session. What was stored before is never worse for a failure here.

use std::time::Duration;

use crate::app::App;
use crate::clock::{Deadline, Timestamp};
use crate::credential::{Credential, Scopes, Status};
use crate::custody;
use crate::error::{Error, Invitation};
use crate::flow::Redeemable;
use crate::google::Trouble;
use crate::google::identity::{self, IdTokenError, Identity, UserInfoError};
use crate::google::oauth::{Refusal, TokenError, Tokens};
use crate::google_client::GoogleClient;
use crate::outbound::Failure;
use crate::secret::{AuthorizationCode, SessionToken};
use crate::session::{Presented, Seed, Session};
use crate::store::{Grant, StoreError, Written};
use crate::user::{LoginHint, UserId};

/// How often a credential is written anew when other writes come between.
const WRITE_ATTEMPTS: u32 = 5;
/// The pause before a write that must not be lost is tried again.
const WRITE_PAUSE: Duration = Duration::from_millis(100);
/// How long a sign-in waits for an address that it can do without.
const EMAIL_PATIENCE: Duration = Duration::from_secs(2);

/// A callback whose flow is verified and spent.
pub struct Arrival<'a> {
    /// The flow.
    pub flow: &'a Redeemable,
    /// Google's code.
    pub code: &'a AuthorizationCode,
    /// The redirect URI that the authorization request named.
    pub redirect_uri: &'a str,
    /// The random half of the session token to come.
    pub seed: &'a Seed,
    /// The session that the browser had; it ends with the new one (A29).
    pub old_session: Option<&'a Presented>,
    /// By when all is done.
    pub deadline: Deadline,
}

/// How a callback ends well.
pub enum Outcome {
    /// The user is signed in and the mailbox connected.
    SignedIn(SignedIn),
    /// Google gave no refresh token and none is stored: once through the consent page.
    NeedsConsent(Invitation),
}

/// A new session.
pub struct SignedIn {
    /// The user.
    pub user: UserId,
    /// The address, for display.
    pub email: Option<String>,
    /// The granted scopes.
    pub scopes: Scopes,
    /// The session token.
    pub session_token: SessionToken,
    /// When the session ends at the latest.
    pub expires_at: Timestamp,
}

/// Redeems the code, stores the credential and begins the session.
pub async fn connect(app: &App, arrival: &Arrival<'_>) -> Result<Outcome, Error> {
    let keyring = custody::keyring(app).await?;
    let (client, tokens) = exchange(app, arrival).await?;
    let identity = identify(app, arrival, &client, &tokens).await?;
    if !arrival.flow.admits(&identity.user) {
        // The new tokens are dropped, not revoked: revoking would end every grant of that account (F74).
        return Err(Error::AccountMismatch);
    }
    // Scopes that are not named are those that were asked for (RFC 6749 section 5.1).
    let scopes = tokens.scopes.clone().unwrap_or_else(|| app.config.scopes.clone());
    let invitation = invitation(&identity);
    let missing = scopes.missing(&app.config.scopes);
    if !missing.is_empty() {
        return Err(Error::ConsentIncomplete { missing, invitation });
    }
    let grant = Grant {
        email: identity.email.clone(),
        client_id: client.client_id.clone(),
        scopes,
        refresh_token: custody::seal_refresh_token(app, &keyring, &identity.user, &tokens),
        access_token: custody::seal_access_token(app, &keyring, &identity.user, &tokens),
    };
    let Some(credential) = store(app, &identity.user, grant, arrival.deadline).await? else {
        return if arrival.flow.consent_was_forced() {
            Err(Error::NoRefreshToken(invitation))
        } else {
            Ok(Outcome::NeedsConsent(invitation))
        };
    };
    let session_token = arrival.seed.token(&identity.user, &keyring);
    let session = Session::begin(&session_token, identity.user.clone(), app.clock.now());
    app.store.begin_session(&session).await?;
    if let Some(old) = arrival.old_session
        && let Err(error) = app.store.end_session(&old.digest).await
    {
        tracing::warn!(error = %error, "the session before this one could not be ended");
    }
    tracing::info!(
        event = "connected",
        user.id = keyring.pseudonym(&identity.user),
        "a mailbox was connected"
    );
    Ok(Outcome::SignedIn(SignedIn {
        user: identity.user,
        email: credential.email.map(|email| email.as_str().to_owned()),
        scopes: credential.scopes,
        session_token,
        expires_at: session.expires_at(),
    }))
}

/// Exchanges the code. A client that Google refuses is tried once more with another version of its secret: Google
/// authenticates the client first, so the code is still good.
async fn exchange(app: &App, arrival: &Arrival<'_>) -> Result<(std::sync::Arc<GoogleClient>, Tokens), Error> {
    let Arrival { flow, code, redirect_uri, deadline, .. } = arrival;
    let mut client = app.secrets.google_client().await?;
    let mut answer = app.google.exchange(&client, flow, code, redirect_uri, *deadline).await;
    if matches!(answer, Err(TokenError::Refused(Refusal::ClientRefused)))
        && let Some(other) = app.secrets.another_google_client(&client).await?
    {
        client = other;
        answer = app.google.exchange(&client, flow, code, redirect_uri, *deadline).await;
    }
    let outcome = answer.as_ref().map_or_else(ToString::to_string, |_| "ok".to_owned());
    tracing::info!(event = "exchange", outcome, "asked Google for tokens");
    answer.map(|tokens| (client, tokens)).map_err(exchange_error)
}

fn exchange_error(error: TokenError) -> Error {
    match error {
        TokenError::Refused(refusal) => match refusal {
            Refusal::InvalidGrant => Error::CodeRejected,
            Refusal::ReauthenticationRequired | Refusal::BlockedByAdmin => Error::BlockedByAdmin,
            Refusal::OrgInternal => Error::OrgInternal,
            Refusal::ClientRefused => Error::GoogleSetup(error.into()),
            Refusal::Other => Error::UpstreamRejected(error.into()),
        },
        TokenError::Trouble(trouble) => match &trouble {
            Trouble::Unanswered(Failure::NotConnected(_))
            | Trouble::Unavailable { status: 429 | 503, .. } => trouble.into(),
            // The outcome is unknown: a refresh token may have been made and lost, so the next attempt asks for consent.
            Trouble::Unanswered(Failure::TimedOut | Failure::Broken(_)) => {
                Error::UpstreamTimeout { invitation: Some(Invitation::default()), source: trouble.into() }
            }
            Trouble::Unavailable { .. } => {
                Error::ExchangeFailed { invitation: Invitation::default(), source: trouble.into() }
            }
            Trouble::Unanswered(Failure::TooLarge) | Trouble::Malformed { .. } => {
                Error::UpstreamMalformed(trouble.into())
            }
        },
    }
}

/// The ID token's word, else UserInfo's; UserInfo also for an address that the ID token lacks, if it is quick.
async fn identify(
    app: &App,
    arrival: &Arrival<'_>,
    client: &GoogleClient,
    tokens: &Tokens,
) -> Result<Identity, Error> {
    let Some(id_token) = &tokens.id_token else {
        return app.google.user_info(&tokens.access_token, arrival.deadline).await.map_err(
            |error| match error {
                UserInfoError::Refused(_) => Error::IdentityUnavailable,
                UserInfoError::Trouble(trouble) => trouble.into(),
            },
        );
    };
    let nonce = arrival.flow.flow().nonce();
    let mut identity =
        identity::from_id_token(id_token, &client.client_id, nonce, app.clock.now()).map_err(|error| {
            match error {
                IdTokenError::Invalid => Error::IdentityInvalid,
                IdTokenError::OtherNonce => Error::NonceMismatch,
            }
        })?;
    if identity.email.is_none() {
        let patience = Deadline::after(arrival.deadline.at_most(EMAIL_PATIENCE));
        match app.google.user_info(&tokens.access_token, patience).await {
            Ok(described) if described.user != identity.user => return Err(Error::IdentityMismatch),
            Ok(described) => identity.email = described.email,
            Err(error) => tracing::warn!(error = %error, "the address of a user is not known"),
        }
    }
    Ok(identity)
}

/// Stores the grant over whatever is there; `None`: there is no refresh token, neither new nor stored and usable.
async fn store(
    app: &App,
    user: &UserId,
    grant: Grant,
    deadline: Deadline,
) -> Result<Option<Credential>, Error> {
    let mut previous = insist(deadline, async || app.store.credential(user).await).await?;
    for _ in 0..WRITE_ATTEMPTS {
        let mut grant = grant.clone();
        if grant.refresh_token.is_none() {
            match previous.as_ref().filter(|stored| serves(app, stored, &grant)) {
                // The stored refresh token goes on, with the scopes that it was granted.
                Some(stored) => grant.scopes = stored.scopes.clone(),
                None => return Ok(None),
            }
        }
        match insist(deadline, async || app.store.connect(user, &grant, previous.as_ref()).await).await? {
            Written::Done(credential) => return Ok(Some(*credential)),
            Written::Overtaken(found) => previous = found.map(|found| *found),
        }
    }
    Err(Error::StorageUnavailable("the credential is being written by too many others".into()))
}

/// Whether the stored refresh token can go on serving for `grant`: alive, of the same client, and covering what is needed.
fn serves(app: &App, stored: &Credential, grant: &Grant) -> bool {
    stored.status == Status::Active
        && stored.obstacle(&app.config.scopes, Some(&grant.client_id), app.clock.now()).is_none()
}

/// Repeats what must not be lost until it is done or the time is over (F18).
async fn insist<T>(deadline: Deadline, attempt: impl AsyncFn() -> Result<T, StoreError>) -> Result<T, Error> {
    loop {
        match attempt().await {
            Err(error @ StoreError::Unavailable(_)) if deadline.allows(WRITE_PAUSE) => {
                tracing::warn!(error = %error, "a write to the store is tried again");
                tokio::time::sleep(WRITE_PAUSE).await;
            }
            outcome => return Ok(outcome?),
        }
    }
}

fn invitation(identity: &Identity) -> Invitation {
    let hint = LoginHint::for_user(&identity.user, identity.email.as_ref());
    Invitation { bound_to: Some(identity.user.clone()), hint: Some(hint) }
}
