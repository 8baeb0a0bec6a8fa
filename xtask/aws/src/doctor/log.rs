//! What went wrong in the last hour by the functions' logs: how often, of which kind, and when for the last time.

mod kind;

use std::collections::BTreeMap;
use std::time::Duration;

use aws_sdk_dynamodb::primitives::{DateTime, DateTimeFormat};
use postern::clock::Clock;
use postern_rules::time::Timestamp;
use serde_json::Value;

use self::kind::Kind;
use super::finding::Finding;
use super::functions::{Facts, Function};
use super::problem::says_gmail_not_enabled;
use super::refusal::Refusal;
use super::target::{Deployment, Target};

const PERIOD: Duration = Duration::from_hours(1);
/// A page may be empty although more follow, and the log of a busy function has no end.
const MOST_PAGES: usize = 20;
/// What a function logs as an error, and Lambda's reports of what it ended itself, which have no level
/// (<https://docs.aws.amazon.com/lambda/latest/dg/telemetry-schema-reference.html>).
const FILTER: &str = "{ ($.level = \"ERROR\") \
                      || ($.type = \"platform.report\" && $.record.status != \"success\") \
                      || ($.type = \"platform.initReport\" && $.record.status != \"success\") }";

/// What was found in a log.
pub(super) struct Log {
    pub(super) lines: Vec<Line>,
    /// It was read to its end.
    pub(super) is_whole: bool,
}

/// A line that says that something went wrong.
pub(super) struct Line {
    pub(super) at: Timestamp,
    pub(super) kind: Kind,
    pub(super) detail: Option<String>,
}

impl Line {
    /// When it was written, for people.
    pub(super) fn moment(&self) -> String {
        moment(self.at)
    }

    /// Whether it is the refusal that says that the Gmail API is not enabled.
    pub(super) fn says_gmail_not_enabled(&self) -> bool {
        says_gmail_not_enabled(self.kind.name, self.detail.as_deref())
    }
}

/// What went wrong in the last hour.
pub(super) async fn errors(deployment: &Deployment, log_group: &str) -> Result<Log, Refusal> {
    let since = Clock::System.now().millis() - i64::try_from(PERIOD.as_millis()).unwrap_or(i64::MAX);
    let request = deployment
        .logs
        .filter_log_events()
        .log_group_name(log_group)
        .start_time(since)
        .filter_pattern(FILTER);
    let (mut lines, mut next) = (Vec::new(), None);
    for _ in 0..MOST_PAGES {
        let page = request.clone().set_next_token(next).send().await;
        let page = page.map_err(|error| Refusal::of(&error))?;
        let found = page.events().iter().filter_map(|event| line(event.timestamp(), event.message()?));
        lines.extend(found);
        next = page.next_token().map(str::to_owned);
        if next.is_none() {
            return Ok(Log { lines, is_whole: true });
        }
    }
    Ok(Log { lines, is_whole: false })
}

/// An emulator may answer with lines that nobody asked for.
fn line(at: Option<i64>, message: &str) -> Option<Line> {
    let wire: Value = serde_json::from_str(message).ok()?;
    Some(Line {
        at: Timestamp::from_millis(at.unwrap_or_default()),
        kind: Kind::of(&wire)?,
        detail: wire["detail"].as_str().map(str::to_owned),
    })
}

/// In UTC (RFC 3339).
fn moment(at: Timestamp) -> String {
    DateTime::from_secs(at.seconds()).fmt(DateTimeFormat::DateTime).unwrap_or_default()
}

/// One line for each function and kind; the refusal that says that the Gmail API is not enabled has its own check.
pub(super) async fn examine(target: &Target, functions: &[Function]) -> Vec<Finding> {
    let Some(deployment) = target.deployment() else { return Vec::new() };
    let mut findings = Vec::new();
    for function in functions {
        // What is not known of a function was said where its configuration was.
        let Ok(facts) = &function.facts else { continue };
        match errors(deployment, &facts.log_group).await {
            Ok(log) => findings.extend(counted(function.name, facts, &log)),
            // The stack makes the group, and no role may.
            Err(Refusal::Absent) => findings.push(Finding::wrong(
                format!(
                    "the log group {} of {} is not there, so its log and metrics are lost",
                    facts.log_group, function.name
                ),
                "deploy the template again",
            )),
            Err(refusal) => {
                let what = format!("the log of {}", function.name);
                findings.push(refusal.untold(what, "logs:FilterLogEvents"));
            }
        }
    }
    findings
}

fn counted(function: &str, facts: &Facts, log: &Log) -> Vec<Finding> {
    let mut counts: BTreeMap<Kind, (usize, Timestamp)> = BTreeMap::new();
    for line in log.lines.iter().filter(|line| !line.says_gmail_not_enabled()) {
        let (count, last) = counts.entry(line.kind).or_insert((0, line.at));
        *count += 1;
        *last = line.at.max(*last);
    }
    if counts.is_empty() {
        return vec![without_errors(format!("the log of {function}"), facts, log)];
    }
    let (at_least, the_last) =
        if log.is_whole { ("", "the last") } else { ("at least ", "the last that was read") };
    let finding = |(kind, (count, last)): (Kind, (usize, Timestamp))| {
        let times = if count == 1 { "once".to_owned() } else { format!("{count} times") };
        let Kind { name, heading } = kind;
        let last = moment(last);
        Finding::wrong(
            format!("{function} logged {at_least}{times} {name} in the last hour, {the_last} at {last}"),
            format!(
                "see docs/deploy.md#{heading}, unless it was mended since: an error stays listed for an hour"
            ),
        )
    };
    counts.into_iter().map(finding).collect()
}

/// No error was found, which says little of a log that was not read to its end or holds none.
fn without_errors(what: String, facts: &Facts, log: &Log) -> Finding {
    if facts.hides_errors {
        return Finding::untold(what, "with LogLevel FATAL no error is logged; deploy with ERROR or less");
    }
    if log.is_whole {
        return Finding::good(format!("{what}: no error in the last hour"));
    }
    let group = &facts.log_group;
    let why = format!(
        "its last hour is longer than what is read of it, and that part has no error; \
         `aws logs tail {group} --since 1h --filter-pattern '{FILTER}'` reads all of it"
    );
    Finding::untold(what, why)
}
