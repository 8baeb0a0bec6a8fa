//! Begins a session, for a callback or a one-time code, and ends those that the browser had before.

use postern_rules::credential::Credential;
use postern_rules::error::Error;
use postern_rules::secret::SessionToken;
use postern_rules::session::{PresentedToken, Session};

use crate::app::App;
use crate::clock::Deadline;
use crate::outside::dynamodb::within;

/// Begins the session of `token` for the owner of `credential`.
pub(super) async fn begin(
    app: &App,
    token: &SessionToken,
    credential: &Credential,
    deadline: Deadline,
) -> Result<Session, Error> {
    let session = Session::begin(token, credential, app.clock.now());
    within(deadline, app.store.begin_session(&session)).await?;
    Ok(session)
}

/// Ends the sessions that the browser had before its new one (A29). A failure is logged: they end
/// by themselves.
pub(super) async fn end_earlier(app: &App, earlier: &[PresentedToken], deadline: Deadline) {
    for session in earlier {
        if let Err(error) = within(deadline, app.store.end_session(&session.digest)).await {
            tracing::warn!(error = %error, "the browser's previous session could not be ended");
        }
    }
}
