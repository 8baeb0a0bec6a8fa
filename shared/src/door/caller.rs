//! Authenticates the caller by session cookie or bearer token, never both, never from the URL.

use postern_rules::credential::Credential;
use postern_rules::error::{Error, Reason};
use postern_rules::seal::Purpose;
use postern_rules::session::{Named, PresentedToken, Session};
use postern_rules::user::UserId;

use super::Request;
use super::cookie::SESSIONS;
use crate::app::App;
use crate::clock::Deadline;
use crate::outside::dynamodb::within;

/// The holder of a valid session.
pub struct Caller {
    /// The session.
    pub session: Session,
    /// The user's credential, if any.
    pub credential: Option<Credential>,
}

/// Authenticates the caller of a request.
pub async fn authenticate(app: &App, request: &Request) -> Result<Caller, Error> {
    let token = token(request)?.ok_or_else(|| Error::unauthorized(Reason::NotSignedIn))?;
    holder(app, token, request.deadline).await
}

/// Reads whose session `token` names, and session and credential in one consistent read.
pub async fn holder(app: &App, token: &str, deadline: Deadline) -> Result<Caller, Error> {
    // Unknown, altered, expired and revoked sessions are indistinguishable to the caller (A32).
    let expired = || Error::unauthorized(Reason::SessionExpired);
    let presented = PresentedToken::parse(token).ok_or_else(expired)?;
    let user = match presented.named {
        Named::User(user) => user,
        Named::Sealed(sealed) => {
            let opened = app.secrets.open(Purpose::Session, &[], &sealed).await?.map_err(|_| expired())?;
            std::str::from_utf8(&opened).ok().and_then(UserId::parse).ok_or_else(expired)?
        }
    };
    let reading = app.store.session_and_credential(&presented.digest, &user, deadline);
    let (session, credential) = within(deadline, reading).await?;
    let session = session
        .filter(|session| session.is_valid(&user, credential.as_ref(), app.clock.now()))
        .ok_or_else(expired)?;
    Ok(Caller { session, credential })
}

/// Updates the session's time of last use, at most every two hours. A failure only means that the
/// session may end early.
pub async fn touch(app: &App, session: &Session) {
    if !session.should_be_touched(app.clock.now()) {
        return;
    }
    if let Err(error) = app.store.touch_session(session).await {
        tracing::warn!(error = %error, "the session's last use could not be updated");
    }
}

/// The session token of the cookies.
fn in_cookies(request: &Request) -> Result<Option<&str>, Error> {
    let [first, second] = SESSIONS.map(|name| request.cookies.one(name));
    let (first, second) = (first?, second?);
    Ok(first.or(second))
}

/// The session token that the request has, not authenticated.
pub(super) fn token(request: &Request) -> Result<Option<&str>, Error> {
    const MALFORMED: Error =
        Error::InvalidRequest("The Authorization header must be \"Bearer\" and one token.");
    let cookie = in_cookies(request)?;
    if !request.has_header("authorization") {
        return Ok(cookie);
    }
    // A repeated header or one with other than visible ASCII is malformed (RFC 6750 section 2.1).
    let value = request.header("authorization").ok_or(MALFORMED)?;
    let (scheme, token) = value.split_once(' ').unwrap_or((value, ""));
    if !scheme.eq_ignore_ascii_case("bearer") {
        // Ignore another scheme beside a cookie; without one it is an invalid credential (B29).
        return cookie.map_or(Err(Error::unauthorized(Reason::SessionExpired)), |cookie| Ok(Some(cookie)));
    }
    let is_token = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~+/=%*".contains(&byte);
    if token.is_empty() || !token.bytes().all(is_token) {
        return Err(MALFORMED);
    }
    if cookie.is_some() {
        return Err(Error::InvalidRequest("Send the session cookie or a bearer token, not both."));
    }
    Ok(Some(token))
}
