//! A code becomes a stored credential and a session, in the guide's order: exchange, identity, a new refresh token or
//! the stored one or the consent page, credential, session. What was stored before is never worse for a failure here.

mod exchange;
mod keep;

use std::time::Duration;

use postern_rules::error::{Error, Invitation};
use postern_rules::flow::Redeemable;
use postern_rules::google_client::GoogleClient;
use postern_rules::scopes::Scopes;
use postern_rules::secret::{AuthorizationCode, SessionToken};
use postern_rules::session::{PresentedToken, Seed, Session};
use postern_rules::time::Timestamp;
use postern_rules::user::UserId;

use self::exchange::exchange;
use self::keep::{Brought, keep};
use crate::app::App;
use crate::clock::Deadline;
use crate::grant::tokens_at_rest;
use crate::outside::dynamodb::within;
use crate::outside::google::identity::{self, IdTokenError, Identity, UserInfoError};
use crate::outside::google::oauth::Tokens;
use crate::telemetry::metrics::{self, TokenAtRisk};

/// Redeeming a code and storing the result takes at least this: never obtain a refresh token that
/// cannot be saved.
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
    pub old_session: Option<&'a PresentedToken>,
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

/// By when the state must be spent, so that enough time is left to redeem the code and store the
/// result. Fails when that moment has passed: nothing is spent then, and the same callback may come
/// again.
pub fn spend_by(deadline: Deadline) -> Result<Deadline, Error> {
    if deadline.allows(LEAST_TIME) {
        return Ok(deadline.sooner_by(LEAST_TIME));
    }
    Err(Error::UpstreamUnavailable {
        retry_after: 1,
        source: "too little time is left to redeem a code".into(),
    })
}

/// Redeems the code, stores the credential and begins the session.
pub async fn redeem(app: &App, redemption: &Redemption<'_>) -> Result<Outcome, Error> {
    let keyring = tokens_at_rest::keyring(app).await?;
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
    let brought =
        Brought { keyring: &keyring, identity: &identity, client: &client, tokens: &tokens, scopes };
    let stored = keep(app, brought, deadline).await?;
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
