//! A one-time code becomes a session (RFC 6749 section 4.1.3). Needs neither secrets nor Google.

use postern_rules::code::{self, Proof};
use postern_rules::credential::Credential;
use postern_rules::error::Error;
use postern_rules::secret::{OneTimeCode, SessionToken};
use postern_rules::session::{PresentedToken, Seed};

use super::{REPLY_RESERVE, session};
use crate::app::App;
use crate::clock::Deadline;
use crate::outside::dynamodb::{Redemption, insist, within};

/// What a front end gets for its code.
pub struct Redeemed {
    /// The token of the new session.
    pub session_token: SessionToken,
    /// The user's credential.
    pub credential: Credential,
}

/// Redeems `code` for a session and ends the browser's `earlier` ones. A refused attempt does not use
/// the code up; a second one with a used code ends the session that the first one began (RFC 6749
/// section 4.1.2).
///
/// # Errors
///
/// [`Error::InvalidGrant`] for every code that does not serve, and storage failures.
pub async fn redeem(
    app: &App,
    code: &OneTimeCode,
    proof: &Proof,
    earlier: &[PresentedToken],
    deadline: Deadline,
) -> Result<Redeemed, Error> {
    let deadline = deadline.sooner_by(REPLY_RESERVE);
    let digest = code::digest(code);
    let issued = within(deadline, app.store.code(&digest)).await?.ok_or(Error::InvalidGrant)?;
    if let Some(first) = &issued.redeemed_for {
        return refuse_again(app, &[first], deadline).await;
    }
    if !issued.admits(proof, app.clock.now()) {
        return Err(Error::InvalidGrant);
    }
    let credential = within(deadline, app.store.credential(&issued.user)).await?;
    let credential =
        credential.filter(|credential| issued.belongs_to(credential)).ok_or(Error::InvalidGrant)?;
    // The session first: a code whose row names a session has one, or had one.
    let session_token = Seed::new().token(&credential.user);
    let session = session::begin(app, &session_token, &credential, deadline).await?;
    match within(deadline, app.store.redeem_code(&digest, &session.digest)).await {
        Ok(Redemption::First) => {
            session::end_earlier(app, earlier, deadline).await;
            Ok(Redeemed { session_token, credential })
        }
        Ok(Redemption::Again(first)) => {
            let both: Vec<&str> =
                [Some(session.digest.as_str()), first.as_deref()].into_iter().flatten().collect();
            refuse_again(app, &both, deadline).await
        }
        // Nobody learns the token, whether the code was redeemed or not.
        Err(error) => {
            if let Err(error) = within(deadline, app.store.end_session(&session.digest)).await {
                tracing::warn!(error = %error, "a session that nobody has the token of could not be ended");
            }
            Err(error.into())
        }
    }
}

/// Ends what a code was redeemed for that is sent again: somebody else has it.
async fn refuse_again<T>(app: &App, sessions: &[impl AsRef<str>], deadline: Deadline) -> Result<T, Error> {
    for session in sessions {
        insist(deadline, async || app.store.end_session(session.as_ref()).await).await?;
    }
    tracing::warn!(event = "code_reused", "a one-time code was sent again, and its session has ended");
    Err(Error::InvalidGrant)
}
