//! `export`: all that is stored of one user, in names of its own, for a user who asks what that is.
//! No token in any form, and none of the random names that only order the writes.

use postern::app::App;
use postern::door::direct::Call;
use postern_rules::credential::{Credential, SetAside};
use postern_rules::error::Error;
use postern_rules::session;
use postern_rules::time::Timestamp;
use postern_rules::user::UserId;
use serde::Serialize;
use serde_json::value::RawValue;

use super::entry::Entry;
use super::{answer, stored};

/// Times are in seconds since the epoch.
#[derive(Serialize)]
struct Export<'a> {
    #[serde(flatten)]
    entry: Entry<'a>,
    /// The user's name in the log.
    pseudonym: String,
    /// The word in the table.
    stored_status: &'static str,
    tokens: Tokens,
    refresh: Refresh,
    writes: u64,
    last_written_at: Option<i64>,
    sessions: Sessions,
}

/// What is known of the stored tokens.
#[derive(Serialize)]
struct Tokens {
    refresh_token: &'static str,
    refused_at: Option<i64>,
    tried_again_at: Option<i64>,
    access_token_obtained_at: Option<i64>,
    access_token_expires_at: Option<i64>,
}

/// A refresh that is under way, the last one that failed, and the last one that did not.
#[derive(Serialize)]
struct Refresh {
    under_way_until: Option<i64>,
    failed_because: Option<&'static str>,
    failures: u32,
    next_attempt_at: Option<i64>,
    sign_in_asked_at: Option<i64>,
    /// When Google last issued the refresh token or an access token for it, as far as it is known.
    last_succeeded_at: i64,
}

/// A session's row has no index by its user, so the rows are not listed.
#[derive(Serialize)]
struct Sessions {
    valid_from: i64,
    /// A row begun now may lie in the sessions table for as long.
    expire_within_seconds: u64,
}

pub(crate) async fn export(app: &App, user: &UserId, call: &Call<'_>) -> Result<Box<RawValue>, Error> {
    let credential = stored(app, user, call).await?;
    let pseudonym = app.secrets.keyring().await?.pseudonym(user);
    let Credential { refresh_token, set_aside, access_token, setback, lease, .. } = &credential;
    let seconds = |time: Timestamp| time.seconds();
    let export = Export {
        entry: Entry::of(app, &credential).await?,
        pseudonym,
        stored_status: credential.status.word(),
        tokens: Tokens {
            refresh_token: match (refresh_token, set_aside) {
                (Some(_), _) => "in use",
                (None, Some(_)) => "refused, and kept for seven days",
                (None, None) => "none",
            },
            refused_at: set_aside.as_ref().map(|SetAside { died_at, .. }| died_at.seconds()),
            tried_again_at: set_aside.as_ref().map(|SetAside { tried_at, .. }| tried_at.seconds()),
            access_token_obtained_at: access_token.as_ref().map(|token| token.obtained_at.seconds()),
            access_token_expires_at: access_token.as_ref().map(|token| token.expires_at.seconds()),
        },
        refresh: Refresh {
            under_way_until: lease.as_ref().map(|lease| lease.until.seconds()),
            failed_because: setback.as_ref().map(|setback| setback.cause.word()),
            failures: setback.as_ref().map_or(0, |setback| setback.failures),
            next_attempt_at: setback.as_ref().map(|setback| setback.retry_at.seconds()),
            sign_in_asked_at: credential.sign_in_asked_at.map(seconds),
            last_succeeded_at: credential.last_used_at().seconds(),
        },
        writes: credential.version,
        last_written_at: credential.updated_at.map(seconds),
        sessions: Sessions {
            valid_from: credential.sessions_valid_from.seconds(),
            expire_within_seconds: session::ABSOLUTE.as_secs(),
        },
    };
    answer(&export)
}
