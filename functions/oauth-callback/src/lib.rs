//! `GET` and `POST /oauth/callback`: ends a sign-in. Verifies the flow, spends its state, redeems
//! Google's code, stores the credential, and begins a session or issues a one-time code.

mod arrival;

use lambda_http::http::StatusCode;
use postern::app::{Ahead, App};
use postern::door::authorization::{self, CALLBACK_PATH};
use postern::door::{self, Entry, Reply, Request, Route, User, browser_sessions, cookie};
use postern::grant::connect::{self, Outcome, Redemption, SignedIn};
use postern::outside::dynamodb::{Spending, within};
use postern_rules::error::Error;
use postern_rules::flow::{Beginning, Delivery, Redeemable};
use postern_rules::random;
use postern_rules::session::{PresentedToken, Seed};
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

/// Ends a sign-in. Before the flow is verified and its state spent, Google is not called and errors
/// are rendered here. After that, a browser returns to where the flow began, with `auth_error` or
/// `error` on failure. The flow cookie stays until it expires, marked as spent: it distinguishes the
/// Back button from a stolen URL (A04).
///
/// # Errors
///
/// A malformed or repeated callback, one that matches no flow of this browser, or storage failures.
pub async fn handle(app: &App, request: &Request) -> Result<Reply, Error> {
    let arrival = Arrival::parse(request)?;
    let earlier = browser_sessions::earlier_sessions(request)?;
    let resumed = authorization::resume(app, request, &arrival.state).await?;
    let verified = resumed.clone().verify(&arrival.state, arrival.posted, app.clock.now())?;
    let config = &app.config;
    let delivery = verified.delivery(&config.allowed_origins, &config.allowed_return_uris)?;
    let issuer = request.public_url(app)?.join("");
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
        Spending::Again { session_seed } => {
            // Back button or reload: the browser has the session that this flow created (A04).
            let is_ours = |session: &PresentedToken| Some(&session.seed_digest) == session_seed.as_ref();
            return match &delivery {
                Delivery::Session(return_to) if !arrival.posted && earlier.iter().any(is_ours) => {
                    door::redirect(StatusCode::SEE_OTHER, return_to.as_str())
                }
                Delivery::Session(_) | Delivery::Code(_) => Err(Error::StateUsed),
            };
        }
    };
    let answers_script = match &delivery {
        Delivery::Session(_) => arrival.posted || request.wants_json(),
        Delivery::Code(_) => false,
    };
    let spent = Spent { flow: &flow, delivery: &delivery, issuer: &issuer, seed: &seed, earlier: &earlier };
    match finish(app, request, arrival, spent).await {
        // A script that asked for JSON gets the problem document; a browser is redirected.
        Err(error) if !answers_script => {
            door::redirect_with_error(StatusCode::SEE_OTHER, &delivery.failed(&issuer, &error), error)
        }
        outcome => outcome,
    }
}

/// What is left of a callback after its state was spent.
struct Spent<'a> {
    flow: &'a Redeemable,
    delivery: &'a Delivery,
    /// This API's public URL.
    issuer: &'a str,
    seed: &'a Seed,
    earlier: &'a [PresentedToken],
}

async fn finish(app: &App, request: &Request, arrival: Arrival, spent: Spent<'_>) -> Result<Reply, Error> {
    let Spent { flow, delivery, issuer, seed, earlier } = spent;
    if arrival.foreign_issuer {
        return Err(Error::IssuerMismatch);
    }
    let code = match arrival.answer {
        AuthorizationResponse::Code(code) => code,
        AuthorizationResponse::Refused(error) => return Err(error),
        AuthorizationResponse::MustAsk { consent } => {
            let beginning = flow.asked_again(delivery, consent);
            return to_google(app, request, &beginning.ok_or(Error::ProviderError)?).await;
        }
    };
    let redirect_uri = request.public_url(app)?.join(CALLBACK_PATH);
    let deadline = request.deadline;
    let posted = arrival.posted;
    let redemption = Redemption {
        flow,
        code: &code,
        redirect_uri: &redirect_uri,
        delivery,
        seed,
        earlier,
        posted,
        deadline,
    };
    match connect::redeem(app, &redemption).await? {
        Outcome::SignedIn(return_to, signed_in) => {
            browser_sessions::replace_sessions(request, Some((cookie::SESSION, &signed_in.session_token)))?;
            if posted {
                connected(&signed_in)
            } else {
                door::redirect(StatusCode::SEE_OTHER, return_to.as_str())
            }
        }
        Outcome::CodeIssued(asked, code) => {
            door::redirect(StatusCode::SEE_OTHER, &asked.succeeded(issuer, &code))
        }
        Outcome::NeedsConsent(invitation) if posted => Err(Error::NoRefreshToken(invitation)),
        Outcome::NeedsConsent(invitation) => {
            let mut beginning = flow.again_with_consent(delivery);
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

/// The answer to a page that posted the code.
fn connected(signed_in: &SignedIn) -> Result<Reply, Error> {
    let connected = Connected {
        user: User::of(&signed_in.user, signed_in.email.as_ref()),
        scopes: signed_in.scopes.iter().collect(),
        session_token: signed_in.session_token.expose(),
        expires_at: signed_in.expires_at.seconds(),
    };
    door::json(StatusCode::OK, &connected)
}
