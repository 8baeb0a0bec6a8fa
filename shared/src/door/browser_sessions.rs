//! The session cookies of a browser: those that came along, their end, and the one that replaces
//! them.

use postern_rules::error::Error;
use postern_rules::secret::SessionToken;
use postern_rules::session::{ABSOLUTE, PresentedToken};

use super::Request;
use super::caller::token;
use super::cookie::SESSIONS;
use crate::app::App;
use crate::outside::dynamodb::within;

/// The session tokens in the browser's cookies, not authenticated.
pub fn earlier_sessions(request: &Request) -> Result<Vec<PresentedToken>, Error> {
    let mut earlier = Vec::new();
    for name in SESSIONS {
        earlier.extend(request.cookies.one(name)?.and_then(PresentedToken::parse));
    }
    Ok(earlier)
}

/// Puts the browser's new session into the cookie `name`, or into none, and removes the session
/// cookies that came along: theirs have ended.
pub fn replace_sessions(request: &Request, new: Option<(&str, &SessionToken)>) -> Result<(), Error> {
    for name in SESSIONS {
        if request.cookies.one(name)?.is_some() {
            request.clear_cookie(name);
        }
    }
    if let Some((name, token)) = new {
        request.set_cookie(name, token.expose(), ABSOLUTE);
    }
    Ok(())
}

/// Ends the sessions whose tokens the request has, and removes their cookies from the browser. Who
/// has a token may end its session, so nothing is checked first. If one cannot be ended, the
/// cookies stay, so that the browser can try again.
pub async fn sign_out(app: &App, request: &Request) -> Result<(), Error> {
    for token in presented(request)? {
        within(request.deadline, app.store.end_session(&token.digest)).await?;
    }
    for cookie in SESSIONS {
        request.clear_cookie(cookie);
    }
    Ok(())
}

/// Each session token that the request has, not authenticated.
fn presented(request: &Request) -> Result<Vec<PresentedToken>, Error> {
    let mut presented = earlier_sessions(request)?;
    match token(request) {
        // Another scheme than `Bearer`.
        Err(Error::Unauthorized { .. }) => {}
        token => presented.extend(token?.and_then(PresentedToken::parse)),
    }
    presented.sort_unstable_by(|one, other| one.digest.cmp(&other.digest));
    presented.dedup_by(|one, other| one.digest == other.digest);
    Ok(presented)
}
