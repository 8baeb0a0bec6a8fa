//! `POST /auth/sign-out`: ends the caller's session, or all sessions of the user. The grant stays.

use postern::app::{Ahead, App};
use postern::door::{self, Entry, Reply, Request, Route, browser_sessions, caller};
use postern_rules::error::Error;
use serde::Deserialize;

/// The route of this function.
pub const ROUTE: Route =
    Route { path: "/auth/sign-out", methods: "POST", entry: Entry::Api, ahead: &[Ahead::DynamoDb] };

/// The body. Unknown members are refused: a misspelled `everywhere` must not end one session only.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Wanted {
    #[serde(default)]
    everywhere: bool,
}

/// Signs the caller out. Without a session there is nothing to end, except that `everywhere` must
/// know whose sessions are meant.
///
/// # Errors
///
/// A malformed or forbidden request, 401 for `everywhere` without a valid session, and storage that
/// is not available.
pub async fn handle(app: &App, request: &Request) -> Result<Reply, Error> {
    let wanted: Wanted =
        request.json().ok_or(Error::InvalidRequest("The body must be {} or {\"everywhere\":true}."))?;
    if wanted.everywhere {
        let caller = caller::authenticate(app, request).await?;
        if let Some(credential) = &caller.credential {
            app.store.end_all_sessions(credential, request.deadline).await?;
        }
    }
    browser_sessions::sign_out(app, request).await?;
    Ok(door::nothing())
}
