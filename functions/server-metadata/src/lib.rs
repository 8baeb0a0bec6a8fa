//! `GET /.well-known/oauth-authorization-server`: what an OAuth library must know of this
//! authorization server (RFC 8414). Needs no secret and no table.

use lambda_http::http::StatusCode;
use postern::app::App;
use postern::door::{self, Entry, Reply, Request, Route, authorization};
use postern_rules::error::Error;
use serde::Serialize;

/// The route of this function.
pub const ROUTE: Route = Route {
    path: "/.well-known/oauth-authorization-server",
    methods: "GET",
    entry: Entry::Anyone,
    ahead: &[],
};

/// RFC 8414 section 2, in its order; the last is of RFC 9207 section 3. There is no
/// `scopes_supported`: a caller has no choice of scopes.
#[derive(Serialize)]
struct Metadata {
    issuer: String,
    authorization_endpoint: String,
    token_endpoint: String,
    response_types_supported: [&'static str; 1],
    response_modes_supported: [&'static str; 2],
    grant_types_supported: [&'static str; 1],
    token_endpoint_auth_methods_supported: [&'static str; 1],
    code_challenge_methods_supported: [&'static str; 1],
    authorization_response_iss_parameter_supported: bool,
}

/// Describes this authorization server. Ignores parameters.
///
/// # Errors
///
/// If the configuration does not say what this API's address is.
#[expect(clippy::unused_async, reason = "a handler is a future")]
pub async fn handle(app: &App, request: &Request) -> Result<Reply, Error> {
    let public_url = request.public_url(app)?;
    let metadata = Metadata {
        issuer: public_url.join(""),
        authorization_endpoint: public_url.join(authorization::START_PATH),
        token_endpoint: public_url.join(authorization::TOKEN_PATH),
        response_types_supported: ["code"],
        response_modes_supported: ["query", "fragment"],
        grant_types_supported: ["authorization_code"],
        token_endpoint_auth_methods_supported: ["none"],
        code_challenge_methods_supported: ["S256"],
        authorization_response_iss_parameter_supported: true,
    };
    door::json(StatusCode::OK, &metadata)
}
