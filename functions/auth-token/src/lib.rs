//! `POST /auth/token`: redeems a one-time code for a session (RFC 6749 section 4.1.3).

mod token_request;

use lambda_http::http::StatusCode;
use postern::app::{Ahead, App};
use postern::door::{self, Entry, Reply, Request, Route, User, authorization, browser_sessions, cookie};
use postern::grant::redeem::redeem;
use postern_rules::error::Error;
use postern_rules::session::ABSOLUTE;
use serde::Serialize;

use self::token_request::{TokenRequest, Wish};

/// The route of this function.
pub const ROUTE: Route = Route {
    path: authorization::TOKEN_PATH,
    methods: "POST",
    entry: Entry::Token,
    ahead: &[Ahead::DynamoDb],
};

/// The access token response (RFC 6749 section 5.1). Without a token if that is in the cookie.
#[derive(Serialize)]
struct Answer<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    access_token: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    token_type: Option<&'a str>,
    expires_in: u64,
    scope: String,
    user: User<'a>,
}

/// Redeems a code. The browser's earlier sessions end, and the cookies of those that came along are
/// removed.
///
/// # Errors
///
/// A malformed request, a code that does not serve, or storage failures.
pub async fn handle(app: &App, request: &Request) -> Result<Reply, Error> {
    let asked = TokenRequest::parse(request)?;
    let earlier = browser_sessions::earlier_sessions(request)?;
    let redeemed = redeem(app, &asked.code, &asked.proof, &earlier, request.deadline).await?;
    let token = &redeemed.session_token;
    let (in_cookie, in_body) = match asked.wish {
        Wish::Cookie => (Some((cookie::PARTITIONED_SESSION, token)), None),
        Wish::Token => (None, Some(token.expose())),
    };
    browser_sessions::replace_sessions(request, in_cookie)?;
    let answer = Answer {
        access_token: in_body,
        token_type: in_body.map(|_| "Bearer"),
        expires_in: ABSOLUTE.as_secs(),
        scope: redeemed.credential.scopes.to_string(),
        user: User::of(&redeemed.credential.user, redeemed.credential.email.as_ref()),
    };
    door::json(StatusCode::OK, &answer)
}
