//! What the caller of a refresh that failed is told, now and until the next attempt is due.

use std::time::Duration;

use postern_rules::credential::{Credential, Setback, SetbackCause, whole_seconds};
use postern_rules::error::{Error, Reason, Source};
use postern_rules::google_client::GoogleClient;
use postern_rules::time::Timestamp;

use super::invitation;
use crate::app::App;
use crate::outside::google::Trouble;
use crate::outside::google::oauth::{Refusal, TokenError};
use crate::outside::http::Failure;

/// The answer that stands until the next attempt is due; `None` when one may be made. Nobody is
/// asked, nothing is written. An attempt ahead of time has little patience: that Google was too
/// slow for it holds up no other kind.
pub(super) fn held_up(
    app: &App,
    credential: &Credential,
    client: &GoogleClient,
    is_ahead: bool,
    now: Timestamp,
) -> Option<Error> {
    let of_client = app.refused_client.wait(client, now).map(|wait| (SetbackCause::ClientRefused, wait));
    let of_item = || {
        let of_this_kind = |setback: &&Setback| is_ahead || setback.cause != SetbackCause::TooSlow;
        let setback = credential.setback.as_ref().filter(of_this_kind)?;
        Some((setback.cause, setback.wait(now)?))
    };
    let (cause, wait) = of_client.or_else(of_item)?;
    Some(deferred(cause, credential, wait, "the last refresh failed a moment ago".into()))
}

/// What a failure means for the caller, and when to come back.
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

/// What is remembered of an answer that brought no token and declared none dead.
pub(super) fn setback_of(error: &TokenError, is_ahead: bool) -> (SetbackCause, Option<Duration>) {
    match error {
        TokenError::Trouble(Trouble::Unanswered(Failure::TimedOut)) if is_ahead => {
            (SetbackCause::TooSlow, None)
        }
        TokenError::Trouble(Trouble::Unavailable { retry_after, .. }) => {
            (SetbackCause::Unavailable, retry_after.map(Duration::from_secs))
        }
        TokenError::Trouble(Trouble::Malformed { .. } | Trouble::Unanswered(Failure::TooLarge)) => {
            (SetbackCause::Malformed, None)
        }
        TokenError::Trouble(Trouble::Unanswered(_)) => (SetbackCause::Unavailable, None),
        TokenError::Refused(refusal) => {
            let cause = match refusal {
                Refusal::ReauthenticationRequired => SetbackCause::ReauthPolicy,
                Refusal::BlockedByAdmin => SetbackCause::BlockedByAdmin,
                Refusal::OrgInternal => SetbackCause::OrgInternal,
                Refusal::ClientRefused | Refusal::RequestRefused | Refusal::RedirectUriMismatch => {
                    SetbackCause::ClientRefused
                }
                Refusal::InvalidGrant | Refusal::Other => SetbackCause::Rejected,
            };
            (cause, None)
        }
    }
}
