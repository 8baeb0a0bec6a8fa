//! Seals and opens stored tokens. A seal binds a token to its user, attribute, refresh token and
//! OAuth client: it does not open elsewhere, and an older token does not open in its place.

use postern_rules::credential::{Credential, StoredAccessToken, StoredRefreshToken};
use postern_rules::error::{Error, Invitation, Reason};
use postern_rules::random;
use postern_rules::seal::{Keyring, OpenError, Purpose};
use postern_rules::secret::{AccessToken, RefreshToken, Sealed};
use postern_rules::time::Timestamp;
use postern_rules::user::UserId;
use zeroize::Zeroizing;

use crate::app::App;
use crate::outside::google::oauth::Tokens;
use crate::outside::secrets_manager::SecretsError;
use crate::telemetry::metrics;

pub(super) const ACCESS_TOKEN: &str = "access_token";
pub(super) const REFRESH_TOKEN: &str = "refresh_token";
/// The table's name in seals. It is fixed, so a table restored under another name still works.
const TABLE: &str = "credentials";

/// What the tokens of one grant are bound to.
#[derive(Clone, Copy)]
pub(super) struct Owner<'a> {
    pub(super) user: &'a UserId,
    pub(super) client_id: &'a str,
    pub(super) refresh_token_id: &'a str,
}

impl<'a> Owner<'a> {
    pub(super) fn place(self, attribute: &'a str) -> [&'a str; 5] {
        [TABLE, self.user.as_str(), attribute, self.refresh_token_id, self.client_id]
    }
}

/// Seals the access token that Google issued, if Google stated its lifetime.
pub(super) fn seal_access_token(
    keyring: &Keyring,
    owner: Owner<'_>,
    tokens: &Tokens,
    now: Timestamp,
) -> Option<StoredAccessToken> {
    let lifetime = tokens.expires_in?;
    let place = owner.place(ACCESS_TOKEN);
    let sealed = keyring.seal(Purpose::Token, &place, tokens.access_token.expose().as_bytes());
    let now = now.whole_seconds();
    Some(StoredAccessToken { sealed, expires_at: now.plus(lifetime), obtained_at: now })
}

/// Seals the refresh token that Google issued to `client_id` for `user`, if any, under a new ID.
pub(super) fn seal_refresh_token(
    keyring: &Keyring,
    user: &UserId,
    client_id: &str,
    tokens: &Tokens,
    now: Timestamp,
) -> Option<StoredRefreshToken> {
    let token = tokens.refresh_token.as_ref()?;
    let id = random::identifier();
    let owner = Owner { user, client_id, refresh_token_id: &id };
    let sealed = keyring.seal(Purpose::Token, &owner.place(REFRESH_TOKEN), token.expose().as_bytes());
    let expires_at = tokens.refresh_token_expires_in.map(|lifetime| now.whole_seconds().plus(lifetime));
    Some(StoredRefreshToken { sealed, id, expires_at })
}

/// Reseals a stored refresh token of `credential` if it is sealed with an old key or in an old
/// form. It keeps its ID.
pub(super) fn reseal_refresh_token(
    keyring: &Keyring,
    credential: &Credential,
    stored: &StoredRefreshToken,
    opened: &RefreshToken,
) -> Option<StoredRefreshToken> {
    keyring.should_be_resealed(Purpose::Token, &stored.sealed).then(|| {
        let Credential { user, client_id, .. } = credential;
        let place = Owner { user, client_id, refresh_token_id: &stored.id }.place(REFRESH_TOKEN);
        let sealed = keyring.seal(Purpose::Token, &place, opened.expose().as_bytes());
        StoredRefreshToken { sealed, ..stored.clone() }
    })
}

/// The sealed result of a refresh.
pub(super) struct Renewal {
    /// The access token, if it may be stored: Google stated its lifetime, and it covers the whole
    /// grant. A token that covers less serves only its request.
    pub(super) access_token: Option<StoredAccessToken>,
    /// A new refresh token that replaces the one used.
    pub(super) rotated: Option<StoredRefreshToken>,
    /// The refresh token used, if it had to be resealed.
    pub(super) resealed: Option<StoredRefreshToken>,
}

impl Renewal {
    /// Seals what Google issued for `used`, whose plaintext is `opened`.
    pub(super) fn seal(
        keyring: &Keyring,
        credential: &Credential,
        used: &StoredRefreshToken,
        opened: &RefreshToken,
        tokens: &Tokens,
        now: Timestamp,
    ) -> Self {
        let Credential { user, client_id, scopes, .. } = credential;
        let rotated = seal_refresh_token(keyring, user, client_id, tokens, now);
        let refresh_token_id = &rotated.as_ref().unwrap_or(used).id;
        let owner = Owner { user, client_id, refresh_token_id };
        let access_token = seal_access_token(keyring, owner, tokens, now).filter(|_| tokens.cover(scopes));
        let resealed = match rotated {
            Some(_) => None,
            None => reseal_refresh_token(keyring, credential, used, opened),
        };
        Self { access_token, rotated, resealed }
    }
}

/// Opens the access token of `credential`.
pub(super) async fn open_access_token(
    app: &App,
    credential: &Credential,
    token: &StoredAccessToken,
) -> Result<AccessToken, Error> {
    let refresh_token_id = credential.refresh_token.as_ref().map_or("", |token| token.id.as_str());
    let owner = Owner { user: &credential.user, client_id: &credential.client_id, refresh_token_id };
    open(app, owner, ACCESS_TOKEN, &token.sealed).await.map(|text| AccessToken::new(text.as_str()))
}

/// Opens a refresh token that was issued to `client_id` for `user`: the one in use, or one that was
/// set aside.
pub async fn open_refresh_token(
    app: &App,
    user: &UserId,
    client_id: &str,
    token: &StoredRefreshToken,
) -> Result<RefreshToken, Error> {
    let owner = Owner { user, client_id, refresh_token_id: &token.id };
    open(app, owner, REFRESH_TOKEN, &token.sealed).await.map(|text| RefreshToken::new(text.as_str()))
}

/// Opens a sealed token of the physical table `table`. What a failure means is up to the caller.
pub(super) async fn try_open(
    app: &App,
    owner: Owner<'_>,
    attribute: &str,
    sealed: &Sealed,
    table: &str,
) -> Result<Result<Zeroizing<Vec<u8>>, OpenError>, SecretsError> {
    let place = owner.place(attribute);
    // The first version bound tokens to the table's real name, the user and the attribute only.
    let first_place = [table, owner.user.as_str(), attribute];
    let place: &[&str] = if sealed.is_of_first_form() { &first_place } else { &place };
    app.secrets.open(Purpose::Token, place, sealed).await
}

/// Opens a sealed token. If it does not open, the caller must ask for consent, and the metric
/// alerts the operator.
async fn open(
    app: &App,
    owner: Owner<'_>,
    attribute: &str,
    sealed: &Sealed,
) -> Result<Zeroizing<String>, Error> {
    let broken = |event: &'static str, what: &'static str| {
        metrics::count_seal_failure();
        tracing::error!(event, attribute, "{what}");
        Error::Unauthorized { reason: Reason::SealBroken, invitation: Invitation::of(owner.user, None) }
    };
    match try_open(app, owner, attribute, sealed, app.store.credentials_table()).await? {
        Ok(bytes) => match std::str::from_utf8(&bytes) {
            Ok(text) => Ok(Zeroizing::new(text.to_owned())),
            Err(_) => Err(broken("seal_integrity", "a stored token is not text")),
        },
        Err(OpenError::Broken) => {
            Err(broken("seal_integrity", "a stored token does not open: altered or moved"))
        }
        Err(OpenError::UnknownKey) => {
            Err(broken("seal_key_gone", "a stored token is sealed with a key that the keyring does not hold"))
        }
    }
}
