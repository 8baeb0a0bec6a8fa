//! The log: JSON lines on standard output, one for each request. Other crates log warnings and
//! errors only. [`metrics`] are written next to it.

pub mod metrics;

use std::error::Error as StdError;
use std::net::IpAddr;
use std::time::Duration;

use lambda_http::http::StatusCode;
use postern_rules::config::MetricsNames;
use postern_rules::error::{Error, Fault};
use tracing::{Level, Subscriber};
use tracing_subscriber::filter::{LevelFilter, Targets};
use tracing_subscriber::fmt::MakeWriter;
use tracing_subscriber::layer::SubscriberExt;

use self::metrics::Sink;
use crate::config::{environment, log_level};

/// Starts the log of a process, at the level that Lambda's logging controls set.
pub(crate) fn start() {
    // This fails if a log has been started, which then stays.
    let _ = tracing::subscriber::set_global_default(subscriber(log_level(), std::io::stdout));
    log_panics();
}

/// Where the process writes its metrics. `None` if they are not configured, or not correctly, which
/// is logged.
pub(crate) fn metrics_sink() -> Option<Sink> {
    match MetricsNames::read(environment) {
        Ok(names) => names.map(|names| Sink::new(names, std::io::stdout)),
        Err(error) => {
            tracing::error!(error = %error, "no metrics are written");
            None
        }
    }
}

/// Logs where a panic happens, but not its message: that may quote the data that caused it.
pub fn log_panics() {
    std::panic::set_hook(Box::new(|panic| {
        let place = panic.location().map_or_else(String::new, ToString::to_string);
        tracing::error!(event = "panic", place, "a request ended in a panic");
    }));
}

/// The log's format and filter. Other crates' debug and trace lines contain requests and responses,
/// so no level lets them through (A62).
pub fn subscriber<W>(level: Level, writer: W) -> impl Subscriber + Send + Sync
where
    W: for<'writer> MakeWriter<'writer> + Send + Sync + 'static,
{
    // The functions log nothing themselves.
    let targets = Targets::new().with_default(LevelFilter::WARN).with_target("postern", level);
    let lines = tracing_subscriber::fmt::layer().json().flatten_event(true).with_writer(writer);
    tracing_subscriber::registry().with(targets).with(lines)
}

/// What the one line of a request says.
pub(crate) struct Line<'a> {
    /// The route, or the name of a function without one.
    pub(crate) route: &'static str,
    /// The request ID.
    pub(crate) request_id: &'a str,
    /// The status of the answer.
    pub(crate) status: StatusCode,
    /// The pseudonym of the user that a direct call is about.
    pub(crate) user: Option<&'a str>,
    /// The address of the caller, as the edge tells it.
    pub(crate) address: Option<IpAddr>,
    /// What a direct call asks for.
    pub(crate) asked: Option<&'static str>,
    /// How many records or connections a batch had, and how many events came of them.
    pub(crate) tally: Option<(usize, usize)>,
    /// How long it took.
    pub(crate) elapsed: Duration,
}

/// Logs the one line of a request.
pub(crate) fn answered(line: &Line<'_>, error: Option<&Error>) {
    let Line { route, request_id, user, asked, tally, .. } = *line;
    let (records, events) = tally.unzip();
    let address = line.address.map(tracing::field::display);
    let status = line.status.as_u16();
    let duration_ms = u64::try_from(line.elapsed.as_millis()).unwrap_or(u64::MAX);
    let Some(error) = error else {
        tracing::info!(
            route,
            request.id = request_id,
            user.id = user,
            caller.address = address,
            asked,
            records,
            events,
            status,
            duration_ms,
            "answered"
        );
        return;
    };
    let facts = error.facts();
    let (code, source) = (facts.code, sources(error));
    macro_rules! line {
        ($level:ident, $message:literal $(, $name:ident = $value:expr)*) => {
            tracing::$level!(
                route, request.id = request_id, user.id = user, caller.address = address, asked, status,
                duration_ms, code,
                $($name = $value,)* source, $message
            )
        };
    }
    match facts.fault {
        Fault::Caller => line!(info, "refused"),
        Fault::Upstream => line!(warn, "failed"),
        Fault::Operator => {
            line!(error, "failed", variable = error.variable(), detail = facts.detail);
        }
    }
}

/// The chain of an error's sources, outermost first.
fn sources(error: &Error) -> String {
    let sources = std::iter::successors(error.source(), |&source| source.source());
    sources.map(ToString::to_string).collect::<Vec<_>>().join(": ")
}
