//! `GET /auth/start`: begins a sign-in. Sends the browser to Google, or tells a page where to send it. Writes nothing.

use lambda_http::http::StatusCode;
use postern::app::App;
use postern::door::{self, Entry, Reply, Request, Route, authorization};
use postern_rules::error::{Error, Invitation};
use postern_rules::flow::{Beginning, Channel, ReturnTo};
use postern_rules::user::LoginHint;
use serde::Serialize;

/// What this function serves.
pub const ROUTE: Route = Route { path: authorization::START_PATH, methods: "GET", entry: Entry::Start };

/// The JSON answer.
#[derive(Serialize)]
struct Started<'a> {
    authorization_url: &'a str,
    expires_at: i64,
}

/// Begins a flow. Parameters that are not its own are ignored: nothing of the authorization URL is the caller's choice
/// but the hint (A26).
///
/// # Errors
///
/// A `return_to` of another origin or an impossible `login_hint`, secrets that cannot be read.
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

/// Where the sign-in ends: where the caller says, else at the page whose script asks, else at the
/// first origin.
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
