//! Acts on what Google's Cross-Account Protection tells of an account: ends the grant, the
//! sessions, or both. What the event does not concern any more, because it is newer, stays.

use std::time::Duration;

use postern_rules::credential::Credential;
use postern_rules::error::Error;
use postern_rules::google_client::GoogleClients;
use postern_rules::security_event::{Event, Refusal, Unverified, Verified};
use postern_rules::user::UserId;

use super::REPLY_RESERVE;
use crate::app::App;
use crate::clock::Deadline;
use crate::outside::dynamodb::{StoreError, Written, insist, within};
use crate::telemetry::metrics;

/// How long a token that was handled is remembered.
const KEPT_FOR: Duration = Duration::from_hours(90 * 24);

/// Receives a security event token. It is marked as handled last, so a failure before leaves it to
/// Google's next delivery; each effect is one that may be repeated.
///
/// # Errors
///
/// A token that is malformed, not Google's or not for this application; and keys, secrets or
/// storage that are not available: then Google delivers it again.
pub async fn receive(app: &App, token: &[u8], deadline: Deadline) -> Result<(), Error> {
    let deadline = deadline.sooner_by(REPLY_RESERVE);
    let verified = verify(app, token, deadline).await?;
    let kept_until = app.clock.now().plus(KEPT_FOR);
    let beginning = app.store.begin_security_event(&verified.digest, kept_until);
    if !within(deadline, beginning).await? {
        tracing::info!(event = "security_event_repeated", "a security event was delivered again");
        return Ok(());
    }
    for event in &verified.events {
        let outcome = act(app, event, &verified.audiences, deadline).await?;
        metrics::count_security_event(event.kind.word());
        log(app, event, outcome).await;
    }
    let finishing = async || app.store.finish_security_event(&verified.digest, kept_until).await;
    Ok(insist(deadline, finishing).await?)
}

async fn verify(app: &App, token: &[u8], deadline: Deadline) -> Result<Verified, Error> {
    let unverified = Unverified::parse(token)?;
    let key = app.google.event_key(unverified.key_id(), deadline).await.map_err(|trouble| {
        // Google delivers again after a 503, whatever is wrong with its keys.
        Error::UpstreamUnavailable { retry_after: 5, source: trouble.into() }
    })?;
    let verified = unverified.verify(&key.ok_or(Error::EventRefused(Refusal::UnknownKey))?)?;
    let is_for =
        |clients: &GoogleClients| verified.audiences.iter().any(|audience| clients.of(audience).is_some());
    // Anybody can send a token that Google signed for another project.
    if is_for(&*app.secrets.google_clients().await?) || is_for(&*app.secrets.newer_google_clients().await?) {
        return Ok(verified);
    }
    Err(Error::EventRefused(Refusal::OtherAudience))
}

/// Does what follows from an event. Returns a word for the log.
async fn act(
    app: &App,
    event: &Event,
    audiences: &[String],
    deadline: Deadline,
) -> Result<&'static str, Error> {
    let Some(user) = &event.user else { return Ok("noted") };
    if !event.kind.has_effect() {
        return Ok("noted");
    }
    let Some(credential) = within(deadline, app.store.credential(user)).await? else {
        return Ok("unknown_user");
    };
    let (credential, has_ended_grant) = end_grant(app, event, audiences, credential, deadline).await?;
    let has_ended_sessions = match &credential {
        Some(credential) if event.ends_sessions(credential) => {
            app.store.end_all_sessions(credential, deadline).await?;
            true
        }
        _ => false,
    };
    Ok(match (has_ended_grant, has_ended_sessions) {
        (true, true) => "grant_and_sessions_ended",
        (true, false) => "grant_ended",
        (false, true) => "sessions_ended",
        (false, false) => "nothing_to_end",
    })
}

/// Sets the refresh token aside, as if Google had refused it: if it still works after all, its
/// second chance shows that. Decides again for each credential that another request leaves
/// meanwhile. Returns what is stored then, and whether this has ended the grant.
async fn end_grant(
    app: &App,
    event: &Event,
    audiences: &[String],
    credential: Credential,
    deadline: Deadline,
) -> Result<(Option<Credential>, bool), StoreError> {
    let mut credential = credential;
    while let Some(token) =
        credential.refresh_token.as_ref().filter(|_| event.ends_grant(&credential, audiences))
    {
        match insist(deadline, async || app.store.bury(&credential, token).await).await? {
            Written::Done(stored) => return Ok((Some(*stored), true)),
            Written::Overtaken(Some(found)) => credential = *found,
            Written::Overtaken(None) => return Ok((None, false)),
        }
    }
    Ok((Some(credential), false))
}

async fn log(app: &App, event: &Event, outcome: &'static str) {
    let pseudonym = async |user: &UserId| app.secrets.keyring().await.ok().map(|keys| keys.pseudonym(user));
    let user = match &event.user {
        Some(user) => pseudonym(user).await,
        None => None,
    };
    tracing::info!(
        event = "security_event",
        kind = event.kind.word(),
        reason = event.reason,
        state = event.state,
        outcome,
        user.id = user,
        "Google told of a security event"
    );
}
