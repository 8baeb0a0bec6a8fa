//! `GET /connection`: says whether the caller is signed in and connected, and what they can do
//! about it. `DELETE /connection`: ends the connection and every session.

mod standing;

use lambda_http::http::StatusCode;
use postern::app::{Ahead, App};
use postern::door::{self, Entry, Reply, Request, Route, authorization, browser_sessions, caller};
use postern::grant::disconnect::disconnect;
use postern::grant::receipt;
use postern_rules::error::{Error, Reason};

use self::standing::Standing;

/// The route of this function.
pub const ROUTE: Route = Route {
    path: "/connection",
    methods: "GET, DELETE",
    entry: Entry::Api,
    ahead: &[Ahead::Secrets, Ahead::DynamoDb],
};

/// Shows or ends the caller's connection.
///
/// # Errors
///
/// A malformed or forbidden request, and storage or secrets that are not available. For `DELETE`
/// also 401 without a valid session, and a Google that does not revoke the grant.
pub async fn handle(app: &App, request: &Request) -> Result<Reply, Error> {
    if request.method() == "DELETE" { end(app, request).await } else { show(app, request).await }
}

/// A missing session is an answer here, not an error: a page asks before anybody has signed in.
async fn show(app: &App, request: &Request) -> Result<Reply, Error> {
    let start_url = request.public_url(app)?.join(authorization::START_PATH);
    let credential = match caller::authenticate(app, request).await {
        Ok(caller) => caller.credential.ok_or(Reason::NotConnected),
        Err(Error::Unauthorized { reason, .. }) => Err(reason),
        Err(error) => return Err(error),
    };
    let receipt;
    let standing = match &credential {
        Ok(credential) => {
            let client = app.secrets.google_client_for(&credential.client_id).await?;
            let page = request.page().and_then(|page| app.config.allowed_origins.of_page(page));
            receipt = receipt::issue(app, credential, page).await;
            let now = app.clock.now();
            let needed = &app.config.scopes;
            Standing::of(credential, needed, &client.client_id, now, receipt.as_ref(), &start_url)
        }
        Err(reason) => Standing::signed_out(*reason, &start_url),
    };
    door::json(StatusCode::OK, &standing)
}

/// Ends the connection, then the sessions that the request names. If a step fails, the connection is
/// marked as `disconnecting` and repeating the request goes on with it.
async fn end(app: &App, request: &Request) -> Result<Reply, Error> {
    let caller = caller::authenticate(app, request).await?;
    if let Some(credential) = &caller.credential {
        disconnect(app, credential, request.deadline).await?;
    }
    browser_sessions::sign_out(app, request).await?;
    Ok(door::nothing())
}
