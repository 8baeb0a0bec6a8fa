//! The HTTP door: turns an event into a request, calls the handler and turns its result into a
//! response. Knows no route's rules. [`direct`], [`schedule`] and [`stream`] are the doors of
//! functions without one.

pub mod authorization;
pub mod browser_sessions;
pub mod caller;
pub mod cookie;
pub mod direct;
pub mod edge;
mod event;
mod invocation;
mod negotiation;
mod origin;
mod problem;
pub mod query;
mod reply;
mod request;
pub mod schedule;
pub mod stream;
mod user;

use std::convert::Infallible;
use std::sync::Arc;

use lambda_http::aws_lambda_events::apigw::ApiGatewayV2httpResponse;
use lambda_http::http::header::{HeaderValue, PRAGMA};
use postern_rules::error::Error;
use postern_rules::flow::{Beginning, Channel, Delivery, ReturnTo};

use self::cookie::Outgoing;
pub use self::invocation::Invocation;
use self::invocation::{Label, Notes};
use self::problem::{Form, Links};
pub use self::reply::{Reply, accepted, json, json_text, nothing, redirect, redirect_with_error};
pub use self::request::Request;
pub use self::user::User;
use crate::app::{Ahead, App, NotConfigured};

/// A longer unknown path is answered with 414 instead of 404.
const LONG_PATH: usize = 1024;

/// Who calls a route. Decides which checks precede the handler.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Entry {
    /// Anyone: the answer is the same for all.
    Anyone,
    /// A page's script or another program.
    Api,
    /// A browser sent by a front end, or a page's script, to begin a sign-in.
    Start,
    /// A browser sent by Google, or a page's script that posts the code, to end a sign-in.
    Callback,
    /// A front end, or its back end, that redeems a one-time code.
    Token,
    /// Google, which delivers a security event (RFC 8935). Its signature is the proof.
    Delivery,
}

/// What a function serves.
#[derive(Clone, Copy, Debug)]
pub struct Route {
    /// The exact path, without the stage. If it ends with `{id}`, any one segment may stand there.
    /// The log and the metrics show this, never what a caller sent.
    pub path: &'static str,
    /// The methods, in the form of an `Allow` header.
    pub methods: &'static str,
    /// Who calls it.
    pub entry: Entry,
    /// The connections that most of its requests need: opened during init.
    pub ahead: &'static [Ahead],
}

impl Route {
    fn serves(&self, path: &str) -> bool {
        match self.path.strip_suffix("{id}") {
            Some(before) => path.strip_prefix(before).is_some_and(|id| !id.is_empty() && !id.contains('/')),
            None => path == self.path,
        }
    }
}

/// Serves `route` with `handle` until Lambda ends the process.
///
/// # Errors
///
/// If the Lambda runtime API is unreachable.
pub async fn run<H>(route: Route, handle: H) -> Result<(), lambda_runtime::Error>
where
    H: AsyncFn(&App, &Request) -> Result<Reply, Error>,
{
    let handle = &handle;
    invocation::serve(route.ahead, invocation::BUDGET, async |app, event, invocation| {
        Ok::<_, Infallible>(respond(app, route, handle, event, invocation).await)
    })
    .await
}

/// Answers one event (API Gateway HTTP API, payload format 2.0). Tests call this.
pub async fn respond<H>(
    app: Result<&App, &NotConfigured>,
    route: Route,
    handle: H,
    event: &str,
    invocation: Invocation,
) -> ApiGatewayV2httpResponse
where
    H: AsyncFn(&App, &Request) -> Result<Reply, Error>,
{
    let outgoing = Arc::new(Outgoing::default());
    let notes = Notes::default();
    let label = Label { route: route.path, ends_sign_in: route.entry == Entry::Callback, notes: &notes };
    let answering = Box::pin(answer(app, route, handle, event, invocation.clone(), &outgoing, &notes));
    let plainly = |error| plainly(route, error, invocation.request_id.clone());
    let mut reply = invocation::attend(app, label, &invocation, answering, plainly).await;
    reply::finish(&mut reply, &outgoing);
    if route.entry == Entry::Token {
        // RFC 6749 section 5.1 asks for it beside `Cache-Control`.
        reply.headers_mut().insert(PRAGMA, HeaderValue::from_static("no-cache"));
    }
    reply::into_event(reply)
}

type Answered = invocation::Answered<Reply>;

fn answered(reply: Reply, error: Option<Arc<Error>>, request_id: String) -> Answered {
    Answered { status: reply.status(), answer: reply, error, request_id }
}

/// An error without links, for callers of whom nothing is known.
fn plainly(route: Route, error: Error, request_id: String) -> Answered {
    let reply = problem::render(&error, &request_id, &Links::default(), Form::of(route.entry, false));
    answered(reply, Some(Arc::new(error)), request_id)
}

async fn answer<H>(
    app: Result<&App, &NotConfigured>,
    route: Route,
    handle: H,
    event: &str,
    invocation: Invocation,
    outgoing: &Arc<Outgoing>,
    notes: &Notes,
) -> Answered
where
    H: AsyncFn(&App, &Request) -> Result<Reply, Error>,
{
    let request_id = invocation.request_id.clone();
    let request = match event::admit(event, invocation, outgoing) {
        Ok(request) => request,
        Err(error) => return plainly(route, error, request_id),
    };
    let app = match app {
        Ok(app) => app,
        Err(broken) => return plainly(route, Error::Config(broken.error.clone()), request.id),
    };
    let outcome = match check(app, route, &request, notes).transpose() {
        Some(outcome) => outcome,
        None => handle(app, &request).await,
    };
    match outcome {
        Ok(mut reply) => {
            let error = reply.extensions_mut().remove::<Arc<Error>>();
            answered(reply, error, request.id)
        }
        Err(error) => {
            let (error, links) = links_after(app, route, &request, error).await;
            let form = Form::of(route.entry, request.prefers_html());
            let reply = problem::render(&error, &request.id, &links, form);
            answered(reply, Some(Arc::new(error)), request.id)
        }
    }
}

/// Where the caller can continue after `error`. If the authorization URL cannot be built, returns
/// that error instead: a 401 without a URL leaves the caller stuck.
async fn links_after(app: &App, route: Route, request: &Request, error: Error) -> (Error, Links) {
    let Some(invitation) = error.invitation() else {
        // After any failed callback the user can start again.
        let public_url = (route.entry == Entry::Callback).then(|| request.public_url(app).ok()).flatten();
        let start_url = public_url.map(|url| url.join(authorization::START_PATH));
        return (error, Links { begun: None, start_url });
    };
    // An embedded resource cannot follow links, and its cookies would displace a flow in progress.
    if origin::is_embedded(request) {
        return (error, Links::default());
    }
    let origins = &app.config.allowed_origins;
    let beginning = Beginning {
        delivery: Delivery::Session(ReturnTo::home_of(request.page(), origins)),
        channel: Channel::Redirect,
        invitation: invitation.clone(),
    };
    match authorization::offer(app, request, &beginning).await {
        Ok(begun) => {
            let start_url = Some(begun.start_url.clone());
            (error, Links { begun: Some(begun), start_url })
        }
        Err(other) => (other, Links::default()),
    }
}

/// Checks the way that the request came, path, method, body type and origin. `Some` is the reply to
/// `OPTIONS`: API Gateway answers preflights, so one that reaches a function gets no CORS header
/// (B42).
fn check(app: &App, route: Route, request: &Request, notes: &Notes) -> Result<Option<Reply>, Error> {
    if let Some(address) = edge::check(app, request)? {
        let _ = notes.address.set(address);
    }
    if !route.serves(request.route_path(app)) {
        return Err(if request.path.len() > LONG_PATH { Error::UriTooLong } else { Error::NotFound });
    }
    if request.method() == "OPTIONS" {
        return Ok(Some(reply::nothing()));
    }
    if !route.methods.split(", ").any(|method| method == request.method()) {
        return Err(Error::MethodNotAllowed(route.methods));
    }
    request.check_body(route.entry)?;
    origin::check(app, route, request)?;
    Ok(None)
}
