//! The door: turns an event into a request, calls the handler and turns its result into a response.
//! Logs once and writes the metrics. Knows no route's rules.

pub mod authorization;
pub mod browser_sessions;
pub mod caller;
pub mod cookie;
mod event;
mod negotiation;
mod origin;
mod problem;
pub mod query;
mod reply;
mod request;
mod user;

use std::convert::Infallible;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::Duration;

use futures_util::FutureExt;
use lambda_http::aws_lambda_events::apigw::ApiGatewayV2httpResponse;
use lambda_http::http::header::{HeaderValue, PRAGMA};
use lambda_runtime::{LambdaEvent, service_fn};
use postern_rules::error::Error;
use postern_rules::flow::{Beginning, Channel, Delivery, ReturnTo};
use postern_rules::time::Timestamp;
use serde_json::value::RawValue;

use self::cookie::Outgoing;
use self::problem::{Form, Links};
pub use self::reply::{Reply, json, json_text, nothing, redirect, redirect_with_error};
pub use self::request::Request;
pub use self::user::User;
use crate::app::{Ahead, App, NotConfigured};
use crate::clock::{Clock, Deadline};
use crate::config;
use crate::telemetry::{self, metrics};

/// The longest time a request may take.
const BUDGET: Duration = Duration::from_secs(8);
/// The response is sent this long before Lambda would end the process (F66).
const MARGIN: Duration = Duration::from_millis(500);
/// Grace period for a handler to report its own timeout.
const GRACE: Duration = Duration::from_millis(200);
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

/// The runtime's data about an invocation.
#[derive(Clone, Debug)]
pub struct Invocation {
    /// The request ID for the response and the log.
    pub request_id: String,
    /// When the response is due.
    pub deadline: Deadline,
}

/// Serves `route` with `handle` until Lambda ends the process.
///
/// # Errors
///
/// If the Lambda runtime API is unreachable. A configuration error becomes the response to each
/// request: Lambda would keep restarting a function that fails to start.
pub async fn run<H>(route: Route, handle: H) -> Result<(), lambda_runtime::Error>
where
    H: AsyncFn(&App, &Request) -> Result<Reply, Error>,
{
    telemetry::start();
    let app = App::new(config::environment, Clock::System, telemetry::metrics_sink());
    let (app, handle) = (&app, &handle);
    let serving = lambda_runtime::run(service_fn(|event: LambdaEvent<Box<RawValue>>| async move {
        let invocation = Invocation {
            request_id: event.context.request_id,
            deadline: Deadline::after(budget(event.context.deadline, Clock::System.now())),
        };
        Ok::<_, Infallible>(respond(app.as_ref(), route, handle, event.payload.get(), invocation).await)
    }));
    // While the first event arrives. Waiting would add to the first caller's latency.
    let preparing = async {
        if let Ok(app) = app {
            app.prepare(route.ahead).await;
        }
    };
    // The first polled, so that the call for the secrets leaves before the first event is asked for.
    futures_util::future::join(preparing, serving).await.1
}

/// How long a request may take, if the process ends at `ends_at` (milliseconds since the epoch). A
/// past time is ignored: `cargo lambda watch` sends a duration instead.
fn budget(ends_at: u64, now: Timestamp) -> Duration {
    let ends_at = Timestamp::from_millis(i64::try_from(ends_at).unwrap_or(i64::MAX));
    if ends_at <= now { BUDGET } else { BUDGET.min(ends_at.since(now).saturating_sub(MARGIN)) }
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
    let started = tokio::time::Instant::now();
    let request_id = invocation.request_id.clone();
    let time = invocation.deadline.remaining() + GRACE;
    // On the heap, because this large future is moved several times.
    let outgoing = Arc::new(Outgoing::default());
    let answering = Box::pin(answer(app, route, handle, event, invocation, &outgoing));
    let answering = AssertUnwindSafe(answering).catch_unwind();
    let (outcome, mut collected) = metrics::collect(tokio::time::timeout(time, answering)).await;
    let answered = match outcome {
        Ok(Ok(answered)) => answered,
        // The panic hook logged the place. The message may contain anything, so drop it.
        Ok(Err(_)) => Answered::plainly(route, Error::Internal, request_id),
        // Requests must survive cancellation at any await. Cancelling here leaves time to reply.
        Err(_) => Answered::plainly(route, Error::OutOfTime, request_id),
    };
    let Answered { mut reply, error, request_id } = answered;
    reply::finish(&mut reply, &outgoing);
    if route.entry == Entry::Token {
        // RFC 6749 section 5.1 asks for it beside `Cache-Control`.
        reply.headers_mut().insert(PRAGMA, HeaderValue::from_static("no-cache"));
    }
    telemetry::answered(route.path, &request_id, reply.status(), error.as_deref(), started.elapsed());
    if let Some(error) = &error {
        collected.count_answer(error, route.entry == Entry::Callback);
    }
    let (clock, metrics) = match app {
        Ok(app) => (&app.clock, &app.metrics),
        Err(broken) => (&broken.clock, &broken.metrics),
    };
    if let Some(sink) = metrics {
        sink.write(&collected, clock.now(), route.path, &request_id);
    }
    reply::into_event(reply)
}

/// A reply, and the error to log.
struct Answered {
    reply: Reply,
    error: Option<Arc<Error>>,
    request_id: String,
}

impl Answered {
    /// An error without links, for callers of whom nothing is known.
    fn plainly(route: Route, error: Error, request_id: String) -> Self {
        let reply = problem::render(&error, &request_id, &Links::default(), Form::of(route.entry, false));
        Self { reply, error: Some(Arc::new(error)), request_id }
    }
}

async fn answer<H>(
    app: Result<&App, &NotConfigured>,
    route: Route,
    handle: H,
    event: &str,
    invocation: Invocation,
    outgoing: &Arc<Outgoing>,
) -> Answered
where
    H: AsyncFn(&App, &Request) -> Result<Reply, Error>,
{
    let request_id = invocation.request_id.clone();
    let request = match event::admit(event, invocation, outgoing) {
        Ok(request) => request,
        Err(error) => return Answered::plainly(route, error, request_id),
    };
    let app = match app {
        Ok(app) => app,
        Err(broken) => return Answered::plainly(route, Error::Config(broken.error.clone()), request.id),
    };
    let outcome = match check(app, route, &request).transpose() {
        Some(outcome) => outcome,
        None => handle(app, &request).await,
    };
    match outcome {
        Ok(mut reply) => {
            let error = reply.extensions_mut().remove::<Arc<Error>>();
            Answered { reply, error, request_id: request.id }
        }
        Err(error) => {
            let (error, links) = links_after(app, route, &request, error).await;
            let form = Form::of(route.entry, request.prefers_html());
            let reply = problem::render(&error, &request.id, &links, form);
            Answered { reply, error: Some(Arc::new(error)), request_id: request.id }
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

/// Checks path, method, body type and origin. `Some` is the reply to `OPTIONS`: API Gateway answers
/// preflights, so one that reaches a function gets no CORS header (B42).
fn check(app: &App, route: Route, request: &Request) -> Result<Option<Reply>, Error> {
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

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Timestamp = Timestamp::from_seconds(1_000_000);

    #[test]
    fn f66_the_answer_is_due_half_a_second_before_lambda_ends_the_process() {
        assert_eq!(budget(1_000_003_000, NOW), Duration::from_millis(2500));
        assert_eq!(budget(1_000_000_400, NOW), Duration::ZERO);
        assert_eq!(budget(1_000_030_000, NOW), BUDGET);
    }

    #[test]
    fn a_deadline_that_is_a_duration_is_no_deadline() {
        assert_eq!(budget(600_000, NOW), BUDGET);
    }
}
