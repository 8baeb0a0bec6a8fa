//! Maps the state of a grant, and Google's errors, to this API's errors. Makes no calls.

use std::time::Duration;

use postern_rules::credential::{Credential, Obstacle, Setback, SetbackCause, whole_seconds};
use postern_rules::error::{Error, Invitation, Reason, Source};
use postern_rules::google_client::GoogleClient;
use postern_rules::scopes::{Need, Scopes};
use postern_rules::time::Timestamp;

use crate::app::App;
use crate::outside::google::Trouble;
use crate::outside::google::gmail::GmailError;
use crate::outside::google::oauth::{Refusal, TokenError};
use crate::outside::http::Failure;

/// The 401 error for an obstacle.
pub(super) fn unauthorized(obstacle: Obstacle, credential: &Credential) -> Error {
    Error::Unauthorized { reason: obstacle.reason(), invitation: invitation(credential) }
}

/// Refuses a request that needs scopes which are not `covered` by the credential's token.
pub(super) fn require_scopes(credential: &Credential, covered: &Scopes, need: &Need) -> Result<(), Error> {
    let missing = need.missing_in(covered);
    if missing.is_empty() {
        return Ok(());
    }
    let is_for_gmail = !matches!(need, Need::These(_));
    Err(insufficient_scope(credential, missing, is_for_gmail && covered.have_metadata()))
}

/// Invites the owner of a credential to authorize again.
fn invitation(credential: &Credential) -> Invitation {
    Invitation::of(&credential.user, credential.email.as_ref())
}

/// Invites the owner of a credential to grant more scopes.
fn insufficient_scope(credential: &Credential, missing: Scopes, has_metadata: bool) -> Error {
    let invitation = Invitation { more_scopes: missing.clone(), ..invitation(credential) };
    Error::InsufficientScope { missing, has_metadata, invitation }
}

/// The error while Google refuses the client of a grant. An outgoing client may be gone for good,
/// and consent to the client that replaces it is the way out.
pub(super) fn of_refused_client(
    client: &GoogleClient,
    credential: &Credential,
    wait: Duration,
    source: Source,
) -> Error {
    if client.is_outgoing {
        return unauthorized(Obstacle::ClientChanged, credential);
    }
    deferred(SetbackCause::ClientRefused, credential, wait, source)
}

/// The error to return until the next refresh is due; `None` if a refresh may be made. A refresh
/// ahead of expiry has little time, so its timeout delays only others ahead of expiry.
pub(super) fn held_up(
    app: &App,
    credential: &Credential,
    client: &GoogleClient,
    is_ahead: bool,
    now: Timestamp,
) -> Option<Error> {
    let source = || "the last refresh failed a moment ago".into();
    let of_client = || {
        let wait = app.google.refused_clients.wait(client, now)?;
        Some(of_refused_client(client, credential, wait, source()))
    };
    let of_item = || {
        let of_this_kind = |setback: &&Setback| is_ahead || setback.cause != SetbackCause::TooSlow;
        let setback = credential.setback.as_ref().filter(of_this_kind)?;
        Some(deferred(setback.cause, credential, setback.wait(now)?, source()))
    };
    let error = of_client().or_else(of_item)?;
    let is_dead = credential.refresh_token.is_none();
    Some(if is_dead { unauthorized(Obstacle::Dead, credential) } else { error })
}

/// The error for a failed refresh, with the time to wait.
pub(super) fn deferred(
    cause: SetbackCause,
    credential: &Credential,
    wait: Duration,
    source: Source,
) -> Error {
    let retry_after = whole_seconds(wait);
    let condition = match cause {
        SetbackCause::Unavailable | SetbackCause::TooSlow => {
            Error::UpstreamUnavailable { retry_after, source }
        }
        SetbackCause::Malformed => Error::UpstreamMalformed(source),
        SetbackCause::Rejected => Error::UpstreamRejected(source),
        SetbackCause::ClientRefused => Error::GoogleSetup(source),
        SetbackCause::ReauthPolicy => {
            Error::Unauthorized { reason: Reason::ReauthPolicy, invitation: invitation(credential) }
        }
        SetbackCause::BlockedByAdmin => Error::BlockedByAdmin,
        SetbackCause::OrgInternal => Error::OrgInternal,
    };
    Error::Deferred { condition: Box::new(condition), retry_after }
}

/// The setback that a failed refresh leaves, and the wait that Google asked for.
pub(super) fn setback_of(error: &TokenError, is_ahead: bool) -> (SetbackCause, Option<Duration>) {
    let cause = match error {
        TokenError::Trouble(Trouble::Unavailable { retry_after, .. }) => {
            return (SetbackCause::Unavailable, retry_after.map(Duration::from_secs));
        }
        TokenError::Trouble(Trouble::Malformed { .. } | Trouble::Unanswered(Failure::TooLarge)) => {
            SetbackCause::Malformed
        }
        TokenError::Trouble(Trouble::Unanswered(Failure::TimedOut)) if is_ahead => SetbackCause::TooSlow,
        TokenError::Trouble(Trouble::Unanswered(_)) => SetbackCause::Unavailable,
        TokenError::Refused(refusal) => match refusal {
            Refusal::ReauthenticationRequired => SetbackCause::ReauthPolicy,
            Refusal::BlockedByAdmin => SetbackCause::BlockedByAdmin,
            Refusal::OrgInternal => SetbackCause::OrgInternal,
            Refusal::ClientRefused
            | Refusal::OtherClient
            | Refusal::RequestRefused
            | Refusal::RedirectUriMismatch => SetbackCause::ClientRefused,
            Refusal::InvalidGrant | Refusal::Other => SetbackCause::Rejected,
        },
    };
    (cause, None)
}

/// The error for a failed call to Gmail.
pub(super) fn of_gmail(error: GmailError, credential: &Credential) -> Error {
    match error {
        GmailError::Unauthorized => unauthorized(Obstacle::Dead, credential),
        GmailError::BadQuery => Error::InvalidQuery,
        GmailError::MailNotEnabled => Error::MailNotEnabled,
        GmailError::InsufficientScope => insufficient_scope(credential, Need::Search.scopes(), false),
        GmailError::MetadataScope => insufficient_scope(credential, Need::Search.scopes(), true),
        GmailError::DomainPolicy => Error::DomainPolicy,
        GmailError::NotConfigured => Error::GmailNotEnabled,
        GmailError::ProjectRefused => Error::GoogleSetup(error.into()),
        GmailError::DailyLimit => Error::QuotaExhausted,
        GmailError::RateLimited(Trouble::Unavailable { retry_after: Some(seconds), .. }) => {
            Error::RateLimited(seconds)
        }
        GmailError::RateLimited(_) => Error::RateLimited(5),
        GmailError::RateLimitedFor(seconds) => Error::RateLimited(seconds),
        GmailError::NotFound => Error::MessageNotFound,
        GmailError::TooLarge => Error::MessageTooLarge,
        GmailError::Rejected(_) => Error::UpstreamRejected(error.into()),
        GmailError::Trouble(trouble) => trouble.into(),
    }
}
