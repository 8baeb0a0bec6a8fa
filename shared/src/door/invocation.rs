//! One invocation of a function, as both doors handle it: its time, a panic in it, the one log line
//! and the metrics. Knows neither HTTP nor payloads.

use std::fmt::Debug;
use std::net::IpAddr;
use std::panic::AssertUnwindSafe;
use std::pin::Pin;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use futures_util::FutureExt;
use lambda_http::http::StatusCode;
use lambda_runtime::{Diagnostic, LambdaEvent, service_fn};
use postern_rules::error::Error;
use postern_rules::time::Timestamp;
use postern_rules::user::UserId;
use serde::Serialize;
use serde_json::value::RawValue;

use crate::app::{Ahead, App, NotConfigured};
use crate::clock::{Clock, Deadline};
use crate::config;
use crate::telemetry::{self, metrics};

/// The longest time that an invocation may take for which somebody waits.
pub(super) const BUDGET: Duration = Duration::from_secs(8);
/// The response is sent this long before Lambda would end the process (F66).
const MARGIN: Duration = Duration::from_millis(500);
/// Grace period for a handler to report its own timeout.
const GRACE: Duration = Duration::from_millis(200);

/// The runtime's data about an invocation.
#[derive(Clone, Debug)]
pub struct Invocation {
    /// The request ID for the response and the log.
    pub request_id: String,
    /// When the response is due.
    pub deadline: Deadline,
}

/// What the log line of an invocation says beyond its route and its end. Kept apart from the
/// handler, so that it survives a panic and a timeout.
#[derive(Debug, Default)]
pub(super) struct Notes {
    /// The user that the request is about. The log shows a pseudonym.
    pub(super) user: OnceLock<UserId>,
    /// The address of the caller, as the edge tells it.
    pub(super) address: OnceLock<IpAddr>,
    /// What was asked, as a word of a closed list.
    pub(super) asked: OnceLock<&'static str>,
    /// How many records or connections a batch had, and how many events came of them.
    pub(super) tally: OnceLock<(usize, usize)>,
}

impl Notes {
    /// The user's pseudonym. Needs the keyring; without it the line names nobody.
    async fn pseudonym(&self, app: &App, deadline: Deadline) -> Option<String> {
        let user = self.user.get()?;
        let keyring = tokio::time::timeout(deadline.remaining(), app.secrets.keyring()).await.ok()?.ok()?;
        Some(keyring.pseudonym(user))
    }
}

/// What the log line and the metrics call an invocation.
#[derive(Clone, Copy)]
pub(super) struct Label<'a> {
    pub(super) route: &'static str,
    /// Whether its end is that of a sign-in.
    pub(super) ends_sign_in: bool,
    pub(super) notes: &'a Notes,
}

/// An answer, and what the log line says of it.
pub(super) struct Answered<T> {
    pub(super) answer: T,
    pub(super) status: StatusCode,
    pub(super) error: Option<Arc<Error>>,
    pub(super) request_id: String,
}

/// Serves events with `respond` until Lambda ends the process. What `respond` fails with becomes an
/// error of the invocation: Lambda counts it, and repeats an asynchronous one.
///
/// # Errors
///
/// If the Lambda runtime API is unreachable. A configuration error becomes the response to each
/// request: Lambda would keep restarting a function that fails to start.
pub(super) async fn serve<T: Serialize, E: Into<Diagnostic> + Debug>(
    ahead: &[Ahead],
    longest: Duration,
    respond: impl AsyncFn(Result<&App, &NotConfigured>, &str, Invocation) -> Result<T, E>,
) -> Result<(), lambda_runtime::Error> {
    telemetry::start();
    let app = App::new(config::environment, Clock::System, telemetry::metrics_sink());
    let (app, respond) = (&app, &respond);
    let serving = lambda_runtime::run(service_fn(|event: LambdaEvent<Box<RawValue>>| async move {
        let invocation = Invocation {
            request_id: event.context.request_id,
            deadline: Deadline::after(budget(event.context.deadline, Clock::System.now(), longest)),
        };
        respond(app.as_ref(), event.payload.get(), invocation).await
    }));
    // While the first event arrives. Waiting would add to the first caller's latency.
    let preparing = async {
        if let Ok(app) = app {
            app.prepare(ahead).await;
        }
    };
    // The first polled, so that the call for the secrets leaves before the first event is asked
    // for.
    futures_util::future::join(preparing, serving).await.1
}

/// How long an invocation may take, `longest` at most, if the process ends at `ends_at`
/// (milliseconds since the epoch). A past time is ignored: `cargo lambda watch` sends a duration
/// instead.
fn budget(ends_at: u64, now: Timestamp, longest: Duration) -> Duration {
    let ends_at = Timestamp::from_millis(i64::try_from(ends_at).unwrap_or(i64::MAX));
    if ends_at <= now { longest } else { longest.min(ends_at.since(now).saturating_sub(MARGIN)) }
}

/// Runs `answering` within the invocation's time, logs its one line and writes its metrics.
/// `plainly` renders the error of an invocation of which nothing else is known.
pub(super) async fn attend<T>(
    app: Result<&App, &NotConfigured>,
    label: Label<'_>,
    invocation: &Invocation,
    // On the heap, because this large future is moved several times.
    answering: Pin<Box<impl Future<Output = Answered<T>>>>,
    plainly: impl FnOnce(Error) -> Answered<T>,
) -> T {
    let started = tokio::time::Instant::now();
    let time = invocation.deadline.remaining() + GRACE;
    let answering = AssertUnwindSafe(answering).catch_unwind();
    let attended = async {
        let outcome = tokio::time::timeout(time, answering).await;
        let user = match app {
            Ok(app) => label.notes.pseudonym(app, invocation.deadline).await,
            Err(_) => None,
        };
        (outcome, user)
    };
    let ((outcome, user), mut collected) = metrics::collect(attended).await;
    let answered = match outcome {
        Ok(Ok(answered)) => answered,
        // The panic hook logged the place. The message may contain anything, so drop it.
        Ok(Err(_)) => plainly(Error::Internal),
        // Requests must survive cancellation at any await. Cancelling here leaves time to reply.
        Err(_) => plainly(Error::OutOfTime),
    };
    let Answered { answer, status, error, request_id } = answered;
    let line = telemetry::Line {
        route: label.route,
        request_id: &request_id,
        status,
        user: user.as_deref(),
        address: label.notes.address.get().copied(),
        asked: label.notes.asked.get().copied(),
        tally: label.notes.tally.get().copied(),
        elapsed: started.elapsed(),
    };
    telemetry::answered(&line, error.as_deref());
    if let Some(error) = &error {
        collected.count_answer(error, label.ends_sign_in);
    }
    let (clock, metrics) = match app {
        Ok(app) => (&app.clock, &app.metrics),
        Err(broken) => (&broken.clock, &broken.metrics),
    };
    if let Some(sink) = metrics {
        sink.write(&collected, clock.now(), label.route, &request_id);
    }
    answer
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Timestamp = Timestamp::from_seconds(1_000_000);

    #[test]
    fn f66_the_answer_is_due_half_a_second_before_lambda_ends_the_process() {
        assert_eq!(budget(1_000_003_000, NOW, BUDGET), Duration::from_millis(2500));
        assert_eq!(budget(1_000_000_400, NOW, BUDGET), Duration::ZERO);
        assert_eq!(budget(1_000_030_000, NOW, BUDGET), BUDGET);
    }

    #[test]
    fn a_deadline_that_is_a_duration_is_no_deadline() {
        assert_eq!(budget(600_000, NOW, BUDGET), BUDGET);
    }
}
