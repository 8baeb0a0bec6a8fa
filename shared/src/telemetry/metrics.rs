//! CloudWatch metrics: collected while a request runs and written at its end in the embedded metric
//! format. Values are numbers and words from closed lists, so a line contains no data of a user, a
//! caller or Google.

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
pub(crate) use self::timing::{BackEnd, Timing};
pub(crate) use self::token_at_risk::TokenAtRisk;

/// The format's limit for the values of one metric in one line. Further values are dropped.
const MOST_VALUES: usize = 100;

tokio::task_local! {
    /// What the request that is being polled has collected. Two requests in one task have two of
    /// these; outside a request there is none.
    static COLLECTED: RefCell<Collected>;
}

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
    TokensHandedOut,
    EventsPublished,
    UnreadableRecords,
    ConnectedUsers,
    Lapses,
    SecurityEvents,
    SweptGrants,
    Grants,
    GrantAges,
    GrantsEnding,
    Time(BackEnd),
}

impl Metric {
    const ALL: [Self; 25] = [
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
        Self::TokensHandedOut,
        Self::EventsPublished,
        Self::UnreadableRecords,
        Self::ConnectedUsers,
        Self::Lapses,
        Self::SecurityEvents,
        Self::SweptGrants,
        Self::Grants,
        Self::GrantAges,
        Self::GrantsEnding,
        Self::Time(BackEnd::DynamoDb),
        Self::Time(BackEnd::SecretsManager),
        Self::Time(BackEnd::GoogleToken),
        Self::Time(BackEnd::Gmail),
        Self::Time(BackEnd::EventBridge),
    ];
}

/// One value of a metric. `of` is the value of the metric's own dimension, or empty without one.
#[derive(Debug)]
struct Observation {
    metric: Metric,
    of: &'static str,
    value: f64,
}

/// The values that one request has collected.
#[derive(Debug, Default)]
pub(crate) struct Collected(Vec<Observation>);

impl Collected {
    fn add(&mut self, metric: Metric, of: &'static str, value: f64) {
        if self.0.iter().filter(|other| other.metric == metric && other.of == of).count() < MOST_VALUES {
            self.0.push(Observation { metric, of, value });
        }
    }

    /// Counts the error that a request was answered with. `ends_sign_in`: it was a callback.
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

/// Runs a request and returns what it collected. Timeouts and panic handlers belong inside
/// `request`: then the values collected until then are kept.
pub(crate) async fn collect<T>(request: impl Future<Output = T>) -> (T, Collected) {
    let collecting = async {
        let output = request.await;
        (output, COLLECTED.with(RefCell::take))
    };
    COLLECTED.scope(RefCell::default(), collecting).await
}

/// Where a process writes its metrics. Separate from the log, so log levels do not affect it.
#[derive(Debug)]
pub struct Sink {
    names: MetricsNames,
    writer: BoxMakeWriter,
}

impl Sink {
    /// A sink that labels metrics with `names` and writes to `writer`.
    pub fn new<W>(names: MetricsNames, writer: W) -> Self
    where
        W: for<'writer> MakeWriter<'writer> + Send + Sync + 'static,
    {
        Self { names, writer: BoxMakeWriter::new(writer) }
    }

    /// Writes what a request collected, if anything.
    pub(crate) fn write(&self, collected: &Collected, at: Timestamp, route: &str, request_id: &str) {
        let origin = line::Origin { names: &self.names, at, route, request_id };
        for line in line::lines(&collected.0, &origin) {
            // In one write, since other lines must not interleave. A line that fails is lost, as in
            // the log.
            let _ = std::io::Write::write_all(&mut self.writer.make_writer(), line.as_bytes());
        }
    }
}

/// Does nothing outside a request, such as when a starting process reads the keyring.
fn with_collected(change: impl FnOnce(&mut Collected)) {
    let _ = COLLECTED.try_with(|collected| change(&mut collected.borrow_mut()));
}

fn count(metric: Metric, of: &'static str) {
    with_collected(|collected| collected.add(metric, of, 1.0));
}

/// Counts a stored token or item that cannot be opened or read.
pub fn count_seal_failure() {
    count(Metric::SealFailures, "");
}

/// Counts, once, a request that uses a cached secret because reading the current one failed.
pub(crate) fn count_stale_secret() {
    with_collected(|collected| {
        if !collected.0.iter().any(|other| other.metric == Metric::StaleSecrets) {
            collected.add(Metric::StaleSecrets, "", 1.0);
        }
    });
}

/// How a refresh ended, as far as alarms distinguish it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum RefreshEnd {
    /// Google returned an access token.
    Success,
    /// Google reported the refresh token dead.
    Death,
    /// Any other failure.
    Failure,
}

/// Counts the outcome of a refresh with the token in use, by a word from a closed list.
pub(crate) fn count_refresh(outcome: &'static str, end: RefreshEnd) {
    let one_if = |is_so| if is_so { 1.0 } else { 0.0 };
    with_collected(|collected| {
        collected.add(Metric::Refreshes, outcome, 1.0);
        collected.add(Metric::RefreshFailures, "", one_if(end != RefreshEnd::Success));
        collected.add(Metric::TokenDeaths, "", one_if(end == RefreshEnd::Death));
    });
}

/// Counts another attempt with a token that Google has refused. It is not part of any rate: one
/// open page of its user can cause an attempt every ten minutes.
pub(crate) fn count_second_chance(outcome: &'static str) {
    count(Metric::Refreshes, outcome);
}

/// Counts a failed call to Gmail, by a word from a closed list.
pub(crate) fn count_gmail_error(reason: &'static str) {
    count(Metric::GmailErrors, reason);
}

/// Counts a sign-in that connected a mailbox. Others are counted by [`Collected::count_answer`].
pub(crate) fn count_connected() {
    count(Metric::SignIns, "connected");
}

/// Counts an access token that a back end gets, by what it asked: a word from a closed list.
pub fn count_handed_out(asked: &'static str) {
    count(Metric::TokensHandedOut, asked);
}

/// Counts an event that the bus has taken, by its `detail-type`.
pub fn count_event(detail_type: &'static str) {
    count(Metric::EventsPublished, detail_type);
}

/// Counts a record of the stream that no event can be made of.
pub fn count_unreadable_record() {
    count(Metric::UnreadableRecords, "");
}

/// Counts a connection that lapsed, by its reason: a word from a closed list.
pub fn count_lapse(reason: &'static str) {
    count(Metric::Lapses, reason);
}

/// Says how many users are connected now.
pub fn measure_connected_users(users: usize) {
    measure(Metric::ConnectedUsers, "", users);
}

/// Says how many of the grants that a sweep should have refreshed ended like this.
pub fn measure_swept(outcome: &'static str, grants: usize) {
    measure(Metric::SweptGrants, outcome, grants);
}

/// Says how many of the grants that a sweep has read are in this state.
pub fn measure_grants(state: &'static str, grants: usize) {
    measure(Metric::Grants, state, grants);
}

/// Says how many of the active grants that a sweep has read were last used this long ago.
pub fn measure_grant_ages(age: &'static str, grants: usize) {
    measure(Metric::GrantAges, age, grants);
}

/// Says how many of the active grants that a sweep has read end within this time.
pub fn measure_grants_ending(within: &'static str, grants: usize) {
    measure(Metric::GrantsEnding, within, grants);
}

fn measure(metric: Metric, of: &'static str, number: usize) {
    let number = f64::from(u32::try_from(number).unwrap_or(u32::MAX));
    with_collected(|collected| collected.add(metric, of, number));
}

/// Counts a security event of Google's, by its type: a word from a closed list.
pub(crate) fn count_security_event(kind: &'static str) {
    count(Metric::SecurityEvents, kind);
}
