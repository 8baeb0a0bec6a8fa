//! A refresh token from another system becomes a stored grant: refreshed once, its owner and scopes
//! compared, sealed, and stored only where nothing newer is. Never revokes anything at Google: that
//! would end all grants of the user.
//!
//! A refresh may make Google replace the refresh token. The new one is handed to [`Options::keep`]
//! before anything else happens, whatever the verdict will be: the old one may be dead.

use std::time::Duration;

use postern_rules::credential::{Credential, Status, StoredRefreshToken};
use postern_rules::error::Error;
use postern_rules::google_client::{GoogleClient, GoogleClients};
use postern_rules::import::Entry;
use postern_rules::scopes::Scopes;
use postern_rules::seal::Keyring;
use postern_rules::secret::RefreshToken;
use postern_rules::user::UserId;
use subtle::ConstantTimeEq;

use super::tokens_at_rest::{self, Owner, Renewal};
use crate::app::App;
use crate::clock::Deadline;
use crate::outside::dynamodb::{Grant, Written, insist};
use crate::outside::google::identity::{self, Identity, UserInfoError};
use crate::outside::google::oauth::{Refusal, TokenError, Tokens};

/// Time reserved for storing what Google issued.
const RESERVE: Duration = Duration::from_secs(2);

/// What became of an entry.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// It is stored as this user's grant; in a dry run, it could be.
    Imported(UserId),
    /// An active grant of the user is stored, and stays.
    AlreadyThere,
    /// The user is disconnecting, and wants no grant.
    Disconnecting,
    /// Google issued the token to another OAuth client.
    OtherClient,
    /// Google does not accept the token: revoked, expired or never issued.
    Dead,
    /// The user's organisation or Google's policy forbids the refresh at the moment.
    Blocked,
    /// The grant does not cover the configured scopes.
    ScopesMissing,
    /// The token belongs to another user than the file says.
    OtherUser,
    /// The account belongs to no allowed domain.
    DomainNotAllowed,
}

impl Verdict {
    /// Its name in reports.
    pub const fn as_str(&self) -> &'static str {
        match self {
            Self::Imported(_) => "imported",
            Self::AlreadyThere => "already_there",
            Self::Disconnecting => "disconnecting",
            Self::OtherClient => "other_client",
            Self::Dead => "dead",
            Self::Blocked => "blocked",
            Self::ScopesMissing => "scopes_missing",
            Self::OtherUser => "other_user",
            Self::DomainNotAllowed => "domain_not_allowed",
        }
    }

    /// Whether another attempt with the same entry would end in the same way. An administrator can
    /// lift a block, and a user can finish disconnecting.
    pub const fn is_final(&self) -> bool {
        !matches!(self, Self::Blocked | Self::Disconnecting)
    }
}

/// How to import.
pub struct Options<'a> {
    /// Whether nothing is imported. Google is asked all the same.
    pub is_dry_run: bool,
    /// Keeps a refresh token that Google issued in place of the entry's, at once and for good. From
    /// then on the entry must be tried with this token.
    pub keep: &'a dyn Fn(&RefreshToken),
    /// Whether Google has replaced this refresh token, also in several steps, by the entry's.
    pub is_predecessor: &'a dyn Fn(&RefreshToken) -> bool,
    /// The deadline for everything; five seconds or more.
    pub deadline: Deadline,
}

/// Imports one entry. An error concerns the attempt and says nothing about the entry, except that
/// [`Error::GoogleSetup`] and [`Error::Config`] would meet every entry.
pub async fn import(app: &App, entry: &Entry, options: &Options<'_>) -> Result<Verdict, Error> {
    let keyring = app.secrets.keyring().await?;
    let clients = app.secrets.google_clients().await?;
    let ask_by = options.deadline.sooner_by(RESERVE);
    let (client, mut tokens) = match refresh(app, &clients, &entry.refresh_token, ask_by).await {
        Ok(refreshed) => refreshed,
        Err(error) => return verdict_of(error),
    };
    match &tokens.refresh_token {
        Some(newer) => (options.keep)(newer),
        None => tokens.refresh_token = Some(entry.refresh_token.clone()),
    }
    // Google always names them, and those of another system's request are not known here.
    let scopes = tokens.scopes.clone();
    let scopes = scopes.ok_or_else(|| Error::UpstreamMalformed("Google named no scopes".into()))?;
    if !scopes.missing(&app.config.scopes).is_empty() {
        return Ok(Verdict::ScopesMissing);
    }
    let identity = identify(app, &client.client_id, &tokens, ask_by).await?;
    if !entry.is_of(&identity.user, identity.email.as_ref()) {
        return Ok(Verdict::OtherUser);
    }
    if !app.config.allowed_domains.admit(identity.hosted_domain.as_deref()) {
        return Ok(Verdict::DomainNotAllowed);
    }
    let brought =
        Brought { keyring: &keyring, client_id: &client.client_id, identity: &identity, scopes, tokens };
    let grant = brought.grant(app);
    let mut found = insist(options.deadline, async || app.store.credential(&identity.user).await).await?;
    loop {
        match found.as_ref().map(|stored| (stored, stored.status)) {
            // Written by this call, whose answer was lost.
            Some((stored, Status::Active))
                if is_same(stored.refresh_token.as_ref(), grant.refresh_token.as_ref()) =>
            {
                return Ok(Verdict::Imported(identity.user));
            }
            Some((stored, Status::Active)) => {
                follow(app, entry, stored, &brought, options).await?;
                return Ok(Verdict::AlreadyThere);
            }
            Some((_, Status::Disconnecting)) => return Ok(Verdict::Disconnecting),
            // A refresh token that Google refused serves nobody; this one was accepted just now.
            Some((_, Status::Revoked)) | None if options.is_dry_run => {
                return Ok(Verdict::Imported(identity.user));
            }
            Some((_, Status::Revoked)) | None => {}
        }
        let previous = found.as_ref();
        let write = async || app.store.store_grant(&identity.user, &grant, previous).await;
        match insist(options.deadline, write).await? {
            Written::Done(_) => return Ok(Verdict::Imported(identity.user)),
            Written::Overtaken(newer) => found = newer.map(|newer| *newer),
        }
    }
}

/// Refreshes the token with the client that it belongs to. To the token of another client Google
/// says so, or that it is dead.
async fn refresh<'a>(
    app: &App,
    clients: &'a GoogleClients,
    token: &RefreshToken,
    deadline: Deadline,
) -> Result<(&'a GoogleClient, Tokens), TokenError> {
    let answer = app.google.refresh(&clients.coming, token, deadline).await;
    if let Some(outgoing) = &clients.outgoing
        && let Err(TokenError::Refused(Refusal::OtherClient | Refusal::InvalidGrant)) = answer
    {
        let second = app.google.refresh(outgoing, token, deadline).await;
        // A client that Google refuses says nothing about the token.
        if !matches!(second, Err(TokenError::Refused(Refusal::OtherClient | Refusal::ClientRefused))) {
            return Ok((outgoing, second?));
        }
    }
    Ok((&clients.coming, answer?))
}

/// Whether both are one refresh token, by its random ID.
fn is_same(one: Option<&StoredRefreshToken>, other: Option<&StoredRefreshToken>) -> bool {
    matches!((one, other), (Some(one), Some(other)) if one.id == other.id)
}

/// What Google issued, and to whom.
struct Brought<'a> {
    keyring: &'a Keyring,
    client_id: &'a str,
    identity: &'a Identity,
    scopes: Scopes,
    /// With the refresh token that works now: the entry's, or the one that replaced it.
    tokens: Tokens,
}

impl Brought<'_> {
    /// The grant to store, sealed.
    fn grant(&self, app: &App) -> Grant {
        let Self { keyring, client_id, identity: Identity { user, email, .. }, scopes, tokens } = self;
        let now = app.clock.now();
        let refresh_token = tokens_at_rest::seal_refresh_token(keyring, user, client_id, tokens, now);
        let refresh_token_id = refresh_token.as_ref().map_or("", |token| &token.id);
        let owner = Owner { user, client_id, refresh_token_id };
        Grant {
            email: email.clone(),
            client_id: (*client_id).to_owned(),
            scopes: scopes.clone(),
            access_token: tokens_at_rest::seal_access_token(keyring, owner, tokens, now),
            refresh_token,
        }
    }
}

/// Stores the refresh token that works now where one that it replaced is in use, as after an
/// earlier import: that one may be dead. Also in a dry run.
async fn follow(
    app: &App,
    entry: &Entry,
    stored: &Credential,
    brought: &Brought<'_>,
    options: &Options<'_>,
) -> Result<(), Error> {
    let Some(token) = &stored.refresh_token else { return Ok(()) };
    let opened = tokens_at_rest::open_refresh_token(app, &stored.user, &stored.client_id, token).await;
    let opened = match opened {
        Ok(opened) => opened,
        // What does not open is not in use.
        Err(Error::Unauthorized { .. }) => return Ok(()),
        Err(error) => return Err(error),
    };
    let Brought { keyring, tokens, .. } = brought;
    let is = |other: &RefreshToken| bool::from(opened.expose().as_bytes().ct_eq(other.expose().as_bytes()));
    let is_serving = tokens.refresh_token.as_ref().is_some_and(is);
    if is_serving || !(is(&entry.refresh_token) || (options.is_predecessor)(&opened)) {
        return Ok(());
    }
    let Renewal { access_token, rotated, .. } =
        Renewal::seal(keyring, stored, token, &opened, tokens, app.clock.now());
    if let Some(rotated) = rotated {
        app.store.store_rotated(stored, &token.id, access_token.as_ref(), &rotated, options.deadline).await?;
    }
    Ok(())
}

/// What Google's refusal says about the entry, if anything.
fn verdict_of(error: TokenError) -> Result<Verdict, Error> {
    let refusal = match error {
        TokenError::Trouble(trouble) => return Err(trouble.into()),
        TokenError::Refused(refusal) => refusal,
    };
    match refusal {
        Refusal::InvalidGrant => Ok(Verdict::Dead),
        Refusal::OtherClient => Ok(Verdict::OtherClient),
        Refusal::ReauthenticationRequired | Refusal::BlockedByAdmin | Refusal::OrgInternal => {
            Ok(Verdict::Blocked)
        }
        Refusal::ClientRefused => Err(Error::GoogleSetup(error.into())),
        Refusal::RequestRefused | Refusal::RedirectUriMismatch | Refusal::Other => {
            Err(Error::UpstreamRejected(error.into()))
        }
    }
}

/// The owner: by the ID token, and by UserInfo if there is none or it has no address.
async fn identify(
    app: &App,
    client_id: &str,
    tokens: &Tokens,
    deadline: Deadline,
) -> Result<Identity, Error> {
    let named = tokens.id_token.as_ref().map(|id_token| {
        identity::from_refreshed_id_token(id_token, client_id, app.clock.now())
            .map_err(|_| Error::IdentityInvalid)
    });
    let named = named.transpose()?;
    if let Some(named) = named.as_ref().filter(|named| named.email.is_some()) {
        return Ok(named.clone());
    }
    let described =
        app.google.user_info(&tokens.access_token, deadline).await.map_err(|error| match error {
            UserInfoError::Refused(_) => Error::IdentityUnavailable,
            UserInfoError::ProjectRefused => Error::GoogleSetup(error.into()),
            UserInfoError::Trouble(trouble) => trouble.into(),
        })?;
    match named {
        Some(named) if named.user != described.user => Err(Error::IdentityMismatch),
        Some(named) => Ok(Identity { email: described.email, ..named }),
        None => Ok(described),
    }
}
