//! Tokens into and out of their seals: a token at rest is bound to its table, its user and its attribute.

use std::sync::Arc;

use zeroize::Zeroizing;

use crate::app::App;
use crate::credential::{StoredAccessToken, StoredRefreshToken};
use crate::error::{Error, Invitation, Reason};
use crate::google::oauth::Tokens;
use crate::random;
use crate::seal::{Keyring, OpenError, Purpose};
use crate::secret::{AccessToken, RefreshToken, Sealed};
use crate::telemetry::metrics;
use crate::user::UserId;

const ACCESS_TOKEN: &str = "access_token";
const REFRESH_TOKEN: &str = "refresh_token";

/// Seals the access token that Google gave, if Google said how long it works.
pub fn seal_access_token(
    app: &App,
    keyring: &Keyring,
    user: &UserId,
    tokens: &Tokens,
) -> Option<StoredAccessToken> {
    let lifetime = tokens.expires_in?;
    let place = [app.store.credentials_table(), user.as_str(), ACCESS_TOKEN];
    let sealed = keyring.seal(Purpose::Token, &place, tokens.access_token.expose().as_bytes());
    let now = app.clock.now().whole_seconds();
    Some(StoredAccessToken { sealed, expires_at: now.plus(lifetime), obtained_at: now })
}

/// Seals the refresh token that Google gave, if it gave one, and names it.
pub fn seal_refresh_token(
    app: &App,
    keyring: &Keyring,
    user: &UserId,
    tokens: &Tokens,
) -> Option<StoredRefreshToken> {
    let token = tokens.refresh_token.as_ref()?;
    let place = [app.store.credentials_table(), user.as_str(), REFRESH_TOKEN];
    let sealed = keyring.seal(Purpose::Token, &place, token.expose().as_bytes());
    let expires_at =
        tokens.refresh_token_expires_in.map(|lifetime| app.clock.now().whole_seconds().plus(lifetime));
    Some(StoredRefreshToken { sealed, id: random::identifier(), expires_at })
}

/// Seals a stored refresh token with today's key, if another one seals it; it keeps its name, for it is the same token.
pub fn reseal_refresh_token(
    app: &App,
    keyring: &Keyring,
    user: &UserId,
    stored: &StoredRefreshToken,
    opened: &RefreshToken,
) -> Option<StoredRefreshToken> {
    keyring.should_be_resealed(&stored.sealed).then(|| {
        let place = [app.store.credentials_table(), user.as_str(), REFRESH_TOKEN];
        let sealed = keyring.seal(Purpose::Token, &place, opened.expose().as_bytes());
        StoredRefreshToken { sealed, ..stored.clone() }
    })
}

/// Opens a stored access token.
pub async fn open_access_token(
    app: &App,
    user: &UserId,
    token: &StoredAccessToken,
) -> Result<AccessToken, Error> {
    open(app, user, ACCESS_TOKEN, &token.sealed).await.map(|text| AccessToken::new(text.as_str()))
}

/// Opens a stored refresh token.
pub async fn open_refresh_token(
    app: &App,
    user: &UserId,
    token: &StoredRefreshToken,
) -> Result<RefreshToken, Error> {
    open(app, user, REFRESH_TOKEN, &token.sealed).await.map(|text| RefreshToken::new(text.as_str()))
}

/// The sealing keys.
pub async fn keyring(app: &App) -> Result<Arc<Keyring>, Error> {
    Ok(app.secrets.keyring().await?)
}

async fn open(
    app: &App,
    user: &UserId,
    attribute: &str,
    sealed: &Sealed,
) -> Result<Zeroizing<String>, Error> {
    let place = [app.store.credentials_table(), user.as_str(), attribute];
    let seal_broken = || {
        metrics::count_seal_failure();
        tracing::error!(
            event = "seal_integrity",
            attribute,
            "a stored token does not open: altered or moved"
        );
        let invitation = Invitation::of(user, None);
        Error::Unauthorized { reason: Reason::SealBroken, invitation }
    };
    match app.secrets.open(Purpose::Token, &place, sealed).await? {
        Ok(bytes) => {
            let text = std::str::from_utf8(&bytes).map_err(|_| seal_broken())?;
            Ok(Zeroizing::new(text.to_owned()))
        }
        Err(OpenError::Broken) => Err(seal_broken()),
        Err(OpenError::UnknownKey) => {
            metrics::count_seal_failure();
            Err(Error::KeyUnavailable)
        }
    }
}
