//! A code becomes a stored credential and a session, in the guide's order: exchange, identity, a new refresh token or
//! the stored one or the consent page, credential, session. What was stored before is never worse for a failure here.

use std::sync::Arc;
use std::time::Duration;

use crate::app::App;
use crate::clock::{Deadline, Timestamp};
use crate::credential::{Credential, Scopes, StoredRefreshToken};
use crate::custody::{self, Owner};
use crate::error::{Error, Invitation, Reason};
use crate::flow::Redeemable;
use crate::google::Trouble;
use crate::google::identity::{self, IdTokenError, Identity, UserInfoError};
use crate::google::oauth::{Refusal, TokenError, Tokens};
use crate::google_client::GoogleClient;
use crate::outbound::Failure;
use crate::random;
use crate::seal::Keyring;
use crate::secret::{AuthorizationCode, RefreshToken, SessionToken};
use crate::session::{Presented, Seed, Session};
use crate::store::{Grant, Written, insist, within};
use crate::telemetry::metrics::{self, TokenAtRisk};
use crate::user::UserId;

/// A write that another one overtook is tried again after a random part of this, which doubles up to the longest.
const FIRST_PAUSE: Duration = Duration::from_millis(20);
const LONGEST_PAUSE: Duration = Duration::from_millis(320);
/// With less than this left a code is not redeemed: what Google would give could not be kept.
const LEAST_TIME: Duration = Duration::from_millis(1200);
/// So much of the time is kept for storing what Google gave.
const RESERVE: Duration = Duration::from_secs(1);
/// So much is kept for saying what went wrong.
const LAST_WORD: Duration = Duration::from_millis(100);
/// How long a sign-in waits for an address that it can do without.
const EMAIL_PATIENCE: Duration = Duration::from_secs(2);

/// A callback whose flow is verified and spent.
pub struct Redemption<'a> {
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
    /// Whether a page posted the code.
    pub posted: bool,
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

/// Refuses when too little time is left to redeem a code and keep the result. Asked before the state is spent, so that the
/// same callback may come again, and once more after.
pub fn require_time(deadline: Deadline) -> Result<(), Error> {
    if deadline.allows(LEAST_TIME) {
        return Ok(());
    }
    Err(Error::UpstreamUnavailable {
        retry_after: 1,
        source: "too little time is left to redeem a code".into(),
    })
}

/// Redeems the code, stores the credential and begins the session.
pub async fn connect(app: &App, redemption: &Redemption<'_>) -> Result<Outcome, Error> {
    let keyring = custody::keyring(app).await?;
    require_time(redemption.deadline)?;
    let deadline = redemption.deadline.sooner_by(LAST_WORD);
    let (client, tokens) = exchange(app, redemption).await?;
    let identity = identify(app, redemption, &client, &tokens).await?;
    if !redemption.flow.admits(&identity.user) {
        // The new tokens are dropped, not revoked: revoking would end every grant of that account (F74).
        return Err(Error::AccountMismatch);
    }
    if !app.config.allowed_domains.admit(identity.hosted_domain.as_deref()) {
        return Err(Error::DomainNotAllowed);
    }
    // Scopes that are not named are those that were asked for (RFC 6749 section 5.1).
    let scopes = tokens.scopes.clone().unwrap_or_else(|| app.config.scopes.clone());
    let invitation = Invitation::of(&identity.user, identity.email.as_ref());
    let missing = scopes.missing(&app.config.scopes);
    if !missing.is_empty() {
        return Err(Error::ConsentIncomplete { missing, invitation });
    }
    let at_risk = TokenAtRisk::of(tokens.refresh_token.as_ref());
    let sign_in = SignIn { keyring: &keyring, identity: &identity, client: &client, tokens: &tokens, scopes };
    let stored = store(app, sign_in, deadline).await?;
    at_risk.settle();
    let Some(credential) = stored else {
        return if redemption.flow.consent_was_forced() {
            Err(Error::NoRefreshToken(invitation))
        } else {
            Ok(Outcome::NeedsConsent(invitation))
        };
    };
    let session_token = redemption.seed.token(&identity.user, &keyring);
    let session = Session::begin(&session_token, identity.user.clone(), app.clock.now());
    within(deadline, app.store.begin_session(&session)).await?;
    if let Some(old) = redemption.old_session
        && let Err(error) = within(deadline, app.store.end_session(&old.digest)).await
    {
        tracing::warn!(error = %error, "the session before this one could not be ended");
    }
    metrics::count_connected();
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

/// Exchanges the code with the client that the flow began with, which may be the one before today's. A client that Google
/// refuses is tried once more with another version of its secret: Google authenticates the client first, so the code is
/// still good.
async fn exchange(app: &App, redemption: &Redemption<'_>) -> Result<(Arc<GoogleClient>, Tokens), Error> {
    let Redemption { flow, code, redirect_uri, posted, .. } = redemption;
    let deadline = redemption.deadline.sooner_by(RESERVE);
    let mut client = match flow.flow().client_id() {
        Some(client_id) => app
            .secrets
            .google_client_with(client_id)
            .await?
            .ok_or_else(|| Error::unauthorized(Reason::ClientChanged))?,
        // A flow of the version before this one does not say.
        None => app.secrets.google_client().await?,
    };
    let mut answer = app.google.exchange(&client, flow, code, redirect_uri, deadline).await;
    if matches!(answer, Err(TokenError::Refused(Refusal::ClientRefused)))
        && let Some(other) = app.secrets.another_google_client(&client).await?
    {
        client = other;
        answer = app.google.exchange(&client, flow, code, redirect_uri, deadline).await;
    }
    let outcome = answer.as_ref().map_or_else(ToString::to_string, |_| "ok".to_owned());
    tracing::info!(event = "exchange", outcome, "asked Google for tokens");
    answer.map(|tokens| (client, tokens)).map_err(|error| exchange_error(error, *posted))
}

fn exchange_error(error: TokenError, posted: bool) -> Error {
    match error {
        TokenError::Refused(refusal) => match refusal {
            Refusal::InvalidGrant => Error::CodeRejected,
            // A page may post a code that it got for an address of its own; what Google redirects here was issued for here.
            Refusal::RedirectUriMismatch if posted => Error::CodeRejected,
            Refusal::ReauthenticationRequired | Refusal::BlockedByAdmin => Error::BlockedByAdmin,
            Refusal::OrgInternal => Error::OrgInternal,
            Refusal::ClientRefused | Refusal::RedirectUriMismatch => Error::GoogleSetup(error.into()),
            Refusal::Other => Error::UpstreamRejected(error.into()),
        },
        TokenError::Trouble(trouble) => match &trouble {
            Trouble::Unanswered(Failure::NotConnected(_))
            | Trouble::Unavailable { status: 429 | 503, .. } => trouble.into(),
            // The outcome is unknown: a refresh token may have been made and lost, so the next attempt asks for consent.
            Trouble::Unanswered(Failure::TimedOut | Failure::Broken(_)) => {
                Error::UpstreamTimeout { invitation: Some(Invitation::to_consent()), source: trouble.into() }
            }
            Trouble::Unavailable { .. } => {
                Error::ExchangeFailed { invitation: Invitation::to_consent(), source: trouble.into() }
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
    redemption: &Redemption<'_>,
    client: &GoogleClient,
    tokens: &Tokens,
) -> Result<Identity, Error> {
    let Some(id_token) = &tokens.id_token else {
        return app
            .google
            .user_info(&tokens.access_token, redemption.deadline.sooner_by(RESERVE))
            .await
            .map_err(|error| match error {
                UserInfoError::Refused(_) => Error::IdentityUnavailable,
                UserInfoError::ProjectRefused => Error::GoogleSetup(error.into()),
                UserInfoError::Trouble(trouble) => trouble.into(),
            });
    };
    let nonce = redemption.flow.flow().nonce();
    let mut identity =
        identity::from_id_token(id_token, &client.client_id, nonce, app.clock.now()).map_err(|error| {
            match error {
                IdTokenError::Invalid => Error::IdentityInvalid,
                IdTokenError::OtherNonce => Error::NonceMismatch,
            }
        })?;
    if identity.email.is_none() {
        let patience = redemption.deadline.sooner_by(RESERVE).within(EMAIL_PATIENCE);
        match app.google.user_info(&tokens.access_token, patience).await {
            Ok(described) if described.user != identity.user => return Err(Error::IdentityMismatch),
            Ok(described) => identity.email = described.email,
            Err(error) => tracing::warn!(error = %error, "the address of a user is not known"),
        }
    }
    Ok(identity)
}

/// What a sign-in brought, before it is sealed.
struct SignIn<'a> {
    keyring: &'a Keyring,
    identity: &'a Identity,
    client: &'a GoogleClient,
    tokens: &'a Tokens,
    scopes: Scopes,
}

/// Stores what the sign-in brought over whatever is there, as often as others write first and the time allows. `None`: there
/// is no refresh token, neither new nor stored and usable.
async fn store(app: &App, sign_in: SignIn<'_>, deadline: Deadline) -> Result<Option<Credential>, Error> {
    let SignIn { keyring, identity, client, tokens, scopes } = &sign_in;
    let (user, now) = (&identity.user, app.clock.now());
    let mut previous = insist(deadline, async || app.store.credential(user).await).await?;
    let wider = wider(app, &sign_in, previous.as_ref(), deadline).await?;
    let (tokens, scopes) = wider.as_ref().map_or((*tokens, scopes), |(tokens, scopes)| (tokens, scopes));
    let refresh_token = custody::seal_refresh_token(keyring, user, &client.client_id, tokens, now);
    let mut pause = FIRST_PAUSE;
    loop {
        if let Some(stored) = &previous
            && is_newer_clients(app, stored, client).await?
        {
            // The person is signed in; what this client was granted is of no use any more.
            return Ok(previous);
        }
        let (scopes, refresh_token, id) = match (&refresh_token, &previous) {
            (Some(new), _) => (scopes.clone(), Some(new.clone()), new.id.clone()),
            (None, Some(stored)) => match serving(app, keyring, stored, client).await? {
                // The stored refresh token goes on, with the scopes that it was granted.
                Some(Serving { id, resealed }) => (stored.scopes.clone(), resealed, id),
                None => return Ok(None),
            },
            (None, None) => return Ok(None),
        };
        let owner = Owner { user, client_id: &client.client_id, refresh_token_id: &id };
        let covers = tokens.scopes.as_ref().is_none_or(|covered| covered.missing(&scopes).is_empty());
        let grant = Grant {
            email: identity.email.clone(),
            client_id: client.client_id.clone(),
            // One that covers less than the grant would stand for what it does not cover.
            access_token: custody::seal_access_token(keyring, owner, tokens, now).filter(|_| covers),
            scopes,
            refresh_token,
        };
        match insist(deadline, async || app.store.connect(user, &grant, previous.as_ref()).await).await? {
            Written::Done(credential) => return Ok(Some(*credential)),
            Written::Overtaken(found) => previous = found.map(|found| *found),
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

/// The stored grant, where the sign-in brought a refresh token that covers less and the stored one still works: Google says
/// so with an access token of it. Where that cannot be found out, what the sign-in brought is known to work.
async fn wider(
    app: &App,
    sign_in: &SignIn<'_>,
    stored: Option<&Credential>,
    deadline: Deadline,
) -> Result<Option<(Tokens, Scopes)>, Error> {
    let SignIn { client, tokens, scopes, .. } = sign_in;
    let Some(stored) = stored else { return Ok(None) };
    if tokens.refresh_token.is_none() || scopes.missing(&stored.scopes).is_empty() {
        return Ok(None);
    }
    let Some((_, opened)) = usable(app, stored, client).await? else { return Ok(None) };
    let answer = app.google.refresh(client, &opened, deadline.sooner_by(RESERVE)).await;
    Ok(answer.ok().map(|tokens| (tokens, stored.scopes.clone())))
}

/// Whether `stored` belongs to today's client and the sign-in to an older one: its grant must not be overwritten, whatever
/// this process remembers (it reads the secret anew before it judges).
async fn is_newer_clients(app: &App, stored: &Credential, client: &GoogleClient) -> Result<bool, Error> {
    if stored.client_id == client.client_id {
        return Ok(false);
    }
    let today = app.secrets.google_client_for(&stored.client_id).await?;
    Ok(today.client_id == stored.client_id)
}

/// A stored refresh token that can go on serving.
struct Serving {
    /// Its name.
    id: String,
    /// The same token sealed anew, if an older key or form seals it.
    resealed: Option<StoredRefreshToken>,
}

/// Whether the stored refresh token can go on serving.
async fn serving(
    app: &App,
    keyring: &Keyring,
    stored: &Credential,
    client: &GoogleClient,
) -> Result<Option<Serving>, Error> {
    Ok(usable(app, stored, client).await?.map(|(token, opened)| Serving {
        id: token.id.clone(),
        resealed: custody::reseal_refresh_token(keyring, stored, token, &opened),
    }))
}

/// The stored refresh token, at rest and in clear, if it is alive, of the same client, covers what is needed, and is neither
/// altered nor moved.
async fn usable<'a>(
    app: &App,
    stored: &'a Credential,
    client: &GoogleClient,
) -> Result<Option<(&'a StoredRefreshToken, RefreshToken)>, Error> {
    let obstacle = stored.obstacle(&app.config.scopes, Some(&client.client_id), app.clock.now());
    let Some(token) = stored.refresh_token.as_ref().filter(|_| obstacle.is_none()) else { return Ok(None) };
    match custody::open_refresh_token(app, &stored.user, &stored.client_id, token).await {
        Ok(opened) => Ok(Some((token, opened))),
        Err(Error::Unauthorized { .. }) => Ok(None),
        Err(error) => Err(error),
    }
}
