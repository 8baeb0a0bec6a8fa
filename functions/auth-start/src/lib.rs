//! `GET /auth/start`: begins a sign-in by redirecting to Google or returning the URL as JSON. With
//! `response_type` it is the authorization endpoint of RFC 6749, whose sign-in ends in a code.

mod code_request;

use lambda_http::http::StatusCode;
use postern::app::{Ahead, App};
use postern::door::{self, Entry, Reply, Request, Route, authorization};
use postern_rules::error::{Error, Invitation};
use postern_rules::flow::{Beginning, Channel, Delivery, ReturnTo};
use postern_rules::user::LoginHint;
use serde::Serialize;

use self::code_request::Asked;

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
/// A `return_to` of another origin, an invalid `login_hint`, or secrets that cannot be read. With
/// `response_type`, only a `redirect_uri` or `client_id` that is not usable: other errors go to the
/// `redirect_uri`.
pub async fn handle(app: &App, request: &Request) -> Result<Reply, Error> {
    if request.query.asks_for_code() {
        return begin_for_code(app, request).await;
    }
    let json = request.wants_json();
    let beginning = Beginning {
        delivery: Delivery::Session(return_to(app, request, json)?),
        channel: if json { Channel::RedirectOrPost } else { Channel::Redirect },
        invitation: Invitation {
            hint: login_hint(request.query.one("login_hint")?)?,
            ..Invitation::default()
        },
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

/// Begins a sign-in that ends in a code. Once it is known where the answer goes, errors go there too
/// (RFC 6749 section 4.1.2.1).
async fn begin_for_code(app: &App, request: &Request) -> Result<Reply, Error> {
    let issuer = request.public_url(app)?.join("");
    let asked = Asked::parse(&request.query, &app.config)?;
    let answer_to = asked.answer_to.clone();
    let begun = async {
        let beginning = Beginning {
            delivery: Delivery::Code(asked.complete(&request.query)?),
            channel: Channel::Redirect,
            invitation: Invitation {
                hint: login_hint(request.query.given("login_hint")?)?,
                ..Invitation::default()
            },
        };
        authorization::begin(app, request, &beginning).await
    };
    match begun.await {
        Ok(begun) => door::redirect(StatusCode::FOUND, &begun.authorization_url),
        Err(error) => door::redirect_with_error(StatusCode::FOUND, &answer_to.failed(&issuer, &error), error),
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

fn login_hint(hint: Option<&str>) -> Result<Option<LoginHint>, Error> {
    const IMPOSSIBLE: Error =
        Error::InvalidRequest("login_hint is not an e-mail address or a Google user ID.");
    hint.map(|hint| LoginHint::parse(hint).ok_or(IMPOSSIBLE)).transpose()
}
