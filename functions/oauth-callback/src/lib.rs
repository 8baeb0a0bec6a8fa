//! `GET` and `POST /oauth/callback`: ends a sign-in. Verifies the flow, spends its state, redeems
//! the code, stores the credential and begins a session.

mod arrival;

use lambda_http::http::StatusCode;
use postern::app::{Ahead, App};
use postern::door::authorization::{self, CALLBACK_PATH};
use postern::door::{self, Entry, Reply, Request, Route, caller, cookie};
use postern::grant::connect::{self, Outcome, Redemption, SignedIn};
use postern::outside::dynamodb::{Spending, within};
use postern_rules::error::Error;
use postern_rules::flow::{Beginning, Redeemable};
use postern_rules::random;
use postern_rules::session::{ABSOLUTE, PresentedToken, Seed};
use serde::Serialize;

use self::arrival::{Arrival, AuthorizationResponse};

/// The route of this function.
pub const ROUTE: Route = Route {
    path: CALLBACK_PATH,
    methods: "GET, POST",
    entry: Entry::Callback,
    ahead: &[Ahead::Secrets, Ahead::DynamoDb],
};

/// The JSON response to a POST.
#[derive(Serialize)]
struct Connected<'a> {
    user: User<'a>,
    scopes: Vec<&'a str>,
    session_token: &'a str,
    expires_at: i64,
}

#[derive(Serialize)]
struct User<'a> {
    id: &'a str,
    email: Option<&'a str>,
}

/// Ends a sign-in. Before the flow is verified and its state spent, Google is not called and errors
/// are rendered here. After that, a browser returns to where the flow began, with `auth_error` on
/// failure. The flow cookie stays until it expires, marked as spent: it distinguishes the Back
/// button from a stolen URL (A04).
///
/// # Errors
///
/// A malformed or repeated callback, one that matches no flow of this browser, or storage failures.
pub async fn handle(app: &App, request: &Request) -> Result<Reply, Error> {
    let arrival = Arrival::parse(request)?;
    let old_session = caller::old_session(request)?;
    let resumed = authorization::resume(app, request, &arrival.state).await?;
    let verified = resumed.clone().verify(&arrival.state, arrival.posted, app.clock.now())?;
    let spend_by = connect::spend_by(request.deadline)?;
    let (seed, attempt) = (Seed::new(), random::identifier());
    let spending = within(spend_by, app.store.spend_state(verified, &seed, &attempt)).await;
    if !resumed.is_spent() {
        let became = match &spending {
            Ok(_) => resumed.over(),
            // The write may have succeeded. Remember the attempt, so that a retry can continue
            // (F16).
            Err(_) => resumed.with_unanswered(&attempt),
        };
        authorization::tell(app, request, &arrival.state, &became).await;
    }
    let flow = match spending? {
        Spending::First(flow) => flow,
        Spending::Again { flow, session_seed } => {
            // Back button or reload: the browser has the session that this flow created (A04).
            let signed_in = old_session.is_some_and(|session| Some(session.seed_digest) == session_seed);
            return if signed_in && !arrival.posted {
                let return_to = flow.return_to(&app.config.allowed_origins);
                door::redirect(StatusCode::SEE_OTHER, return_to.as_str())
            } else {
                Err(Error::StateUsed)
            };
        }
    };
    let posted = arrival.posted;
    let return_to = flow.return_to(&app.config.allowed_origins);
    match finish(app, request, arrival, &flow, &seed, old_session.as_ref()).await {
        // A script that asked for JSON gets the problem document; a browser is redirected.
        Err(error) if !posted && !request.wants_json() => door::redirect_with_error(&return_to, error),
        outcome => outcome,
    }
}

async fn finish(
    app: &App,
    request: &Request,
    arrival: Arrival,
    flow: &Redeemable,
    seed: &Seed,
    old_session: Option<&PresentedToken>,
) -> Result<Reply, Error> {
    if arrival.foreign_issuer {
        return Err(Error::IssuerMismatch);
    }
    let code = match arrival.answer {
        AuthorizationResponse::Code(code) => code,
        AuthorizationResponse::Refused(error) => return Err(error),
        AuthorizationResponse::MustAsk { consent } => {
            let beginning = flow.asked_again(&app.config.allowed_origins, consent);
            return to_google(app, request, &beginning.ok_or(Error::ProviderError)?).await;
        }
    };
    let redirect_uri = request.public_url(app)?.join(CALLBACK_PATH);
    let deadline = request.deadline;
    let posted = arrival.posted;
    let redeemed =
        Redemption { flow, code: &code, redirect_uri: &redirect_uri, seed, old_session, posted, deadline };
    match connect::redeem(app, &redeemed).await? {
        Outcome::SignedIn(signed_in) => signed_in_reply(app, request, posted, flow, &signed_in),
        Outcome::NeedsConsent(invitation) if posted => Err(Error::NoRefreshToken(invitation)),
        Outcome::NeedsConsent(invitation) => {
            let mut beginning = flow.again_with_consent(&app.config.allowed_origins);
            beginning.invitation.hint = invitation.hint;
            to_google(app, request, &beginning).await
        }
    }
}

/// Redirects the browser to Google again, with a new flow.
async fn to_google(app: &App, request: &Request, beginning: &Beginning) -> Result<Reply, Error> {
    let begun = authorization::begin(app, request, beginning).await?;
    door::redirect(StatusCode::SEE_OTHER, &begun.authorization_url)
}

fn signed_in_reply(
    app: &App,
    request: &Request,
    posted: bool,
    flow: &Redeemable,
    signed_in: &SignedIn,
) -> Result<Reply, Error> {
    let session_token = signed_in.session_token.expose();
    request.set_cookie(cookie::SESSION, session_token, ABSOLUTE);
    if posted {
        let connected = Connected {
            user: User { id: signed_in.user.as_str(), email: signed_in.email.as_deref() },
            scopes: signed_in.scopes.iter().collect(),
            session_token,
            expires_at: signed_in.expires_at.seconds(),
        };
        door::json(StatusCode::OK, &connected)
    } else {
        door::redirect(StatusCode::SEE_OTHER, flow.return_to(&app.config.allowed_origins).as_str())
    }
}
