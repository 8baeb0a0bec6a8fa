//! `GET /auth/start`: begins a sign-in by redirecting to Google or returning the URL as JSON.

use lambda_http::http::StatusCode;
use postern::app::{Ahead, App};
use postern::door::{self, Entry, Reply, Request, Route, authorization};
use postern_rules::error::{Error, Invitation};
use postern_rules::flow::{Beginning, Channel, ReturnTo};
use postern_rules::user::LoginHint;
use serde::Serialize;

/// The route of this function.
pub const ROUTE: Route =
    Route { path: authorization::START_PATH, methods: "GET", entry: Entry::Start, ahead: &[Ahead::Secrets] };

#[derive(Serialize)]
struct Started<'a> {
    authorization_url: &'a str,
    expires_at: i64,
}

/// Begins a sign-in. Ignores unknown parameters: of the authorization URL, the caller chooses only
/// the `login_hint` (A26).
///
/// # Errors
///
/// A `return_to` of another origin, an invalid `login_hint`, or secrets that cannot be read.
pub async fn handle(app: &App, request: &Request) -> Result<Reply, Error> {
    let json = request.wants_json();
    let beginning = Beginning {
        return_to: return_to(app, request, json)?,
        channel: if json { Channel::RedirectOrPost } else { Channel::Redirect },
        invitation: Invitation { hint: login_hint(request)?, ..Invitation::default() },
    };
    let begun = authorization::begin(app, request, &beginning).await?;
    if json {
        let started =
            Started { authorization_url: &begun.authorization_url, expires_at: begun.expires_at.seconds() };
        door::json(StatusCode::OK, &started)
    } else {
        door::redirect(StatusCode::FOUND, &begun.authorization_url)
    }
}

/// Where to return: the caller's choice, else the home page of the calling script, else the first
/// allowed origin.
fn return_to(app: &App, request: &Request, json: bool) -> Result<ReturnTo, Error> {
    let origins = &app.config.allowed_origins;
    match request.query.one("return_to")? {
        Some(text) => ReturnTo::parse(text, origins),
        None if json => Ok(ReturnTo::home_of(request.page(), origins)),
        None => Ok(ReturnTo::default_of(origins)),
    }
}

fn login_hint(request: &Request) -> Result<Option<LoginHint>, Error> {
    const IMPOSSIBLE: Error =
        Error::InvalidRequest("login_hint is not an e-mail address or a Google user ID.");
    request.query.one("login_hint")?.map(|hint| LoginHint::parse(hint).ok_or(IMPOSSIBLE)).transpose()
}
