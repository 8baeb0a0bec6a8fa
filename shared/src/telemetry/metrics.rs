//! What is counted and timed: CloudWatch metrics, collected while a request runs and written at its end in the embedded
//! metric format. Takes numbers and words of our own alone, so nothing of a user, a caller or Google can be in a line.

mod line;
mod timing;
mod token_at_risk;

use std::cell::RefCell;

use postern_rules::config::MetricsNames;
use postern_rules::error::{Error, Fault};
use postern_rules::time::Timestamp;
use tracing_subscriber::fmt::MakeWriter;
use tracing_subscriber::fmt::writer::BoxMakeWriter;

pub use self::line::{Dimensions, published};
pub use self::timing::BackEnd;
pub(crate) use self::timing::Timing;
pub(crate) use self::token_at_risk::TokenAtRisk;

/// The format's limit for the values of one metric in one line; what comes after is not kept.
const MOST_VALUES: usize = 100;

tokio::task_local! {
    /// What the request that is being polled has collected. Not the task's but the request's: two requests in one task
    /// have two of these, and outside of a request there is none.
    static COLLECTED: RefCell<Collected>;
}

/// What can be counted or timed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Metric {
    OperatorErrors,
    SealFailures,
    TokensNotStored,
    StaleSecrets,
    Refreshes,
    RefreshFailures,
    TokenDeaths,
    Unauthorized,
    GmailErrors,
    SignIns,
    DynamoDbTime,
    SecretsManagerTime,
    GoogleTokenTime,
    GmailTime,
}

impl Metric {
    const ALL: [Self; 14] = [
        Self::OperatorErrors,
        Self::SealFailures,
        Self::TokensNotStored,
        Self::StaleSecrets,
        Self::Refreshes,
        Self::RefreshFailures,
        Self::TokenDeaths,
        Self::Unauthorized,
        Self::GmailErrors,
        Self::SignIns,
        Self::DynamoDbTime,
        Self::SecretsManagerTime,
        Self::GoogleTokenTime,
        Self::GmailTime,
    ];
}

/// One value. `of` is the value of the metric's own dimension; empty where it has none of its own.
#[derive(Debug)]
struct Observation {
    metric: Metric,
    of: &'static str,
    value: f64,
}

/// What one request has collected.
#[derive(Debug, Default)]
pub(crate) struct Collected(Vec<Observation>);

impl Collected {
    fn add(&mut self, metric: Metric, of: &'static str, value: f64) {
        if self.0.iter().filter(|other| other.metric == metric && other.of == of).count() < MOST_VALUES {
            self.0.push(Observation { metric, of, value });
        }
    }

    /// Counts the error that a request was answered with. `ends_sign_in`: the request was a callback.
    pub(crate) fn count_answer(&mut self, error: &Error, ends_sign_in: bool) {
        let facts = error.facts();
        if facts.fault == Fault::Operator {
            self.add(Metric::OperatorErrors, facts.code, 1.0);
        }
        match error.condition() {
            Error::Unauthorized { reason, .. } => self.add(Metric::Unauthorized, reason.as_str(), 1.0),
            Error::InsufficientScope { .. } => self.add(Metric::Unauthorized, facts.code, 1.0),
            _ => {}
        }
        if ends_sign_in {
            self.add(Metric::SignIns, facts.code, 1.0);
        }
    }
}

/// Runs a request and gives what it collected. What may cut it off or catch its panic belongs into `request`, so that what was
/// collected until then is there all the same.
pub(crate) async fn collect<T>(request: impl Future<Output = T>) -> (T, Collected) {
    let collecting = async {
        let output = request.await;
        (output, COLLECTED.with(RefCell::take))
    };
    COLLECTED.scope(RefCell::default(), collecting).await
}

/// Where a process writes its metrics. Apart from the log, so that no log level concerns it.
#[derive(Debug)]
pub struct Sink {
    names: MetricsNames,
    writer: BoxMakeWriter,
}

impl Sink {
    /// Writes under `names` to `writer`.
    pub fn new<W>(names: MetricsNames, writer: W) -> Self
    where
        W: for<'writer> MakeWriter<'writer> + Send + Sync + 'static,
    {
        Self { names, writer: BoxMakeWriter::new(writer) }
    }

    /// Writes what a request collected, if it collected anything.
    pub(crate) fn write(&self, collected: &Collected, at: Timestamp, route: &str, request_id: &str) {
        let origin = line::Origin { names: &self.names, at, route, request_id };
        for line in line::lines(&collected.0, &origin) {
            // Whole, for another line must not come between. One that cannot be written is lost, as one of the log is.
            let _ = std::io::Write::write_all(&mut self.writer.make_writer(), line.as_bytes());
        }
    }
}

/// What belongs to no request is not counted: the keyring that is read while a process starts.
fn with_collected(change: impl FnOnce(&mut Collected)) {
    let _ = COLLECTED.try_with(|collected| change(&mut collected.borrow_mut()));
}

fn count(metric: Metric, of: &'static str) {
    with_collected(|collected| collected.add(metric, of, 1.0));
}

/// Counts a stored token or record that does not open.
pub(crate) fn count_seal_failure() {
    count(Metric::SealFailures, "");
}

/// Counts the request as one that was served with a remembered secret because there was no newer one to be had.
pub(crate) fn count_stale_secret() {
    with_collected(|collected| {
        if !collected.0.iter().any(|other| other.metric == Metric::StaleSecrets) {
            collected.add(Metric::StaleSecrets, "", 1.0);
        }
    });
}

/// How a refresh ended, as far as alarms tell it apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum RefreshEnd {
    /// With an access token.
    Success,
    /// With the word that the refresh token is dead.
    Death,
    /// Without an access token for another reason.
    Failure,
}

/// Counts what became of a refresh with a token that is in use, by a word of a closed list.
pub(crate) fn count_refresh(outcome: &'static str, end: RefreshEnd) {
    let one_if = |is_so| if is_so { 1.0 } else { 0.0 };
    with_collected(|collected| {
        collected.add(Metric::Refreshes, outcome, 1.0);
        collected.add(Metric::RefreshFailures, "", one_if(end != RefreshEnd::Success));
        collected.add(Metric::TokenDeaths, "", one_if(end == RefreshEnd::Death));
    });
}

/// Counts one more attempt with a token that Google refused before: no part of any rate, for its
/// user's page may make one every ten minutes.
pub(crate) fn count_second_chance(outcome: &'static str) {
    count(Metric::Refreshes, outcome);
}

/// Counts an answer of Gmail's that brought nothing, by a word of a closed list.
pub(crate) fn count_gmail_error(reason: &'static str) {
    count(Metric::GmailErrors, reason);
}

/// Counts a sign-in that ended with a connected mailbox; the others are counted by their answer.
pub(crate) fn count_connected() {
    count(Metric::SignIns, "connected");
}
