//! Google's code becomes a stored credential, and what the front end asked for: a session, or a
//! one-time code. In the order of Google's guide: exchange the code, identify the user, choose the
//! new or stored refresh token or the consent page, store the credential, then deliver. A failure
//! here never damages a stored grant.

mod exchange;
mod keep;

use std::time::Duration;

use postern_rules::code::{self, Issued};
use postern_rules::credential::Credential;
use postern_rules::error::{Error, Invitation};
use postern_rules::flow::{CodeRequest, Delivery, Redeemable, ReturnTo};
use postern_rules::google_client::GoogleClient;
use postern_rules::scopes::Scopes;
use postern_rules::secret::{AuthorizationCode, OneTimeCode, SessionToken};
use postern_rules::session::{PresentedToken, Seed};
use postern_rules::time::Timestamp;
use postern_rules::user::{Email, UserId};

use self::exchange::exchange;
use self::keep::{Brought, keep};
use super::{REPLY_RESERVE, session};
use crate::app::App;
use crate::clock::Deadline;
use crate::outside::dynamodb::within;
use crate::outside::google::identity::{self, IdTokenError, Identity, UserInfoError};
use crate::outside::google::oauth::Tokens;
use crate::telemetry::metrics::{self, TokenAtRisk};

/// Redeeming a code and storing the result takes at least this: never obtain a refresh token that
/// cannot be saved.
const LEAST_TIME: Duration = Duration::from_millis(1200);
/// Time reserved for storing what Google issued.
const RESERVE: Duration = Duration::from_secs(1);
/// How long a sign-in waits for the email address, which is optional.
const EMAIL_TIMEOUT: Duration = Duration::from_secs(2);

/// A callback whose flow is verified and whose state is spent.
pub struct Redemption<'a> {
    /// The flow.
    pub flow: &'a Redeemable,
    /// The authorization code.
    pub code: &'a AuthorizationCode,
    /// The redirect URI that the authorization request named.
    pub redirect_uri: &'a str,
    /// What the sign-in ends in.
    pub delivery: &'a Delivery,
    /// The random half of the new session token.
    pub seed: &'a Seed,
    /// The browser's earlier sessions. They end when the new one begins (A29).
    pub earlier: &'a [PresentedToken],
    /// Whether a page posted the code.
    pub posted: bool,
    /// The deadline for everything.
    pub deadline: Deadline,
}

/// How a callback ends without an error.
pub enum Outcome<'a> {
    /// The mailbox is connected, and a session began. The browser returns to this address.
    SignedIn(&'a ReturnTo, SignedIn),
    /// The mailbox is connected, and the front end that asked gets this code to redeem.
    CodeIssued(&'a CodeRequest, OneTimeCode),
    /// Google issued no refresh token and none is stored. The user must see the consent page.
    NeedsConsent(Invitation),
}

/// A new session.
pub struct SignedIn {
    /// The user.
    pub user: UserId,
    /// The email address, for display.
    pub email: Option<Email>,
    /// The granted scopes.
    pub scopes: Scopes,
    /// The session token.
    pub session_token: SessionToken,
    /// When the session ends at the latest.
    pub expires_at: Timestamp,
}

/// The time by which the state must be spent, so that enough is left to redeem the code and store
/// the result. Fails if that has passed: then nothing is spent and the callback can be repeated.
pub fn spend_by(deadline: Deadline) -> Result<Deadline, Error> {
    require_time(deadline)?;
    Ok(deadline.sooner_by(LEAST_TIME))
}

/// Fails if too little time is left to redeem a code and store the result.
fn require_time(deadline: Deadline) -> Result<(), Error> {
    if deadline.allows(LEAST_TIME) {
        return Ok(());
    }
    Err(Error::UpstreamUnavailable {
        retry_after: 1,
        source: "too little time is left to redeem a code".into(),
    })
}

/// Redeems the code, stores the credential, and begins the session or issues the one-time code.
pub async fn redeem<'a>(app: &App, redemption: &Redemption<'a>) -> Result<Outcome<'a>, Error> {
    let keyring = app.secrets.keyring().await?;
    let deadline = redemption.deadline.sooner_by(REPLY_RESERVE);
    let (client, tokens) = exchange(app, redemption).await?;
    let identity = identify(app, redemption, &client, &tokens).await?;
    if !redemption.flow.admits(&identity.user) {
        // The new tokens are not revoked: that would end every grant of the account (F74).
        return Err(Error::AccountMismatch);
    }
    if !app.config.allowed_domains.admit(identity.hosted_domain.as_deref()) {
        return Err(Error::DomainNotAllowed);
    }
    // If Google names no scopes, they are those requested (RFC 6749 section 5.1).
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
    let outcome = deliver(app, redemption, credential, deadline).await?;
    metrics::count_connected();
    let pseudonym = keyring.pseudonym(&identity.user);
    tracing::info!(event = "connected", user.id = pseudonym, "a mailbox was connected");
    Ok(outcome)
}

/// Gives the front end what it asked for.
async fn deliver<'a>(
    app: &App,
    redemption: &Redemption<'a>,
    credential: Credential,
    deadline: Deadline,
) -> Result<Outcome<'a>, Error> {
    match redemption.delivery {
        Delivery::Session(return_to) => {
            let session_token = redemption.seed.token(&credential.user);
            let session = session::begin(app, &session_token, &credential, deadline).await?;
            session::end_earlier(app, redemption.earlier, deadline).await;
            let signed_in = SignedIn {
                user: credential.user,
                email: credential.email,
                scopes: credential.scopes,
                session_token,
                expires_at: session.expires_at(),
            };
            Ok(Outcome::SignedIn(return_to, signed_in))
        }
        Delivery::Code(request) => {
            let code = code::new();
            let issued = Issued::to(request, &code, &credential, app.clock.now());
            within(deadline, app.store.issue_code(&issued)).await?;
            Ok(Outcome::CodeIssued(request, code))
        }
    }
}

/// Identifies the user by the ID token, or by UserInfo if there is none. If the ID token has no
/// email address, asks UserInfo for it, but does not wait long.
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
        let limit = redemption.deadline.sooner_by(RESERVE).within(EMAIL_TIMEOUT);
        match app.google.user_info(&tokens.access_token, limit).await {
            Ok(described) if described.user != identity.user => return Err(Error::IdentityMismatch),
            Ok(described) => identity.email = described.email,
            Err(error) => tracing::warn!(error = %error, "the email address of a user is unknown"),
        }
    }
    Ok(identity)
}
