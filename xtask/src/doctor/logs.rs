//! What went wrong in the last hour, by the functions' logs: what, how often, and when last.

use std::collections::BTreeMap;
use std::time::Duration;

use aws_sdk_dynamodb::primitives::{DateTime, DateTimeFormat};
use postern::clock::Clock;
use serde_json::Value;

use super::finding::{Finding, PUT_BACK, Refusal};
use super::functions::Function;
use super::problem::Problem;
use super::target::Deployment;

const PERIOD: Duration = Duration::from_hours(1);
/// A page may be empty although more follow, and the log of a busy function is endless.
const MOST_PAGES: usize = 20;
/// The lines at level ERROR, and Lambda's own reports of what it ended, which have no level
/// (<https://docs.aws.amazon.com/lambda/latest/dg/telemetry-schema-reference.html>).
const FILTER: &str = "{ ($.level = \"ERROR\") \
                      || ($.type = \"platform.report\" && $.record.status != \"success\") \
                      || ($.type = \"platform.initReport\" && $.record.status != \"success\") }";

/// What the functions log as errors that no request ends with.
const EVENTS: [&str; 4] = ["panic", "rotated_token_lost", "seal_integrity", "seal_key_gone"];

pub(super) const LIST_MESSAGES: &str = "list-messages";

/// What doctor read of a log.
pub(super) struct Log {
    pub(super) lines: Vec<Line>,
    /// It is all that there was.
    pub(super) is_whole: bool,
}

/// A line that reports a failure.
pub(super) struct Line {
    /// Milliseconds since 1970.
    pub(super) at: i64,
    pub(super) is_gmail_not_enabled: bool,
    /// The failure, in our own words.
    name: String,
    /// The heading of the runbook about it.
    heading: &'static str,
}

/// Reads the failures of the last hour.
async fn read(deployment: &Deployment, log_group: &str) -> Result<Log, Refusal> {
    let since = Clock::System.now().millis() - i64::try_from(PERIOD.as_millis()).unwrap_or(i64::MAX);
    let logs = aws_sdk_cloudwatchlogs::Client::new(&deployment.config);
    let request = logs.filter_log_events().log_group_name(log_group).start_time(since);
    let request = request.filter_pattern(FILTER);
    let (mut lines, mut next) = (Vec::new(), None);
    for _ in 0..MOST_PAGES {
        let page = request.clone().set_next_token(next).send().await;
        let page = page.map_err(|error| Refusal::of("logs:FilterLogEvents", &error))?;
        let events = page.events().iter();
        lines
            .extend(events.filter_map(|event| line(event.timestamp().unwrap_or_default(), event.message()?)));
        next = page.next_token().map(str::to_owned);
        if next.is_none() {
            return Ok(Log { lines, is_whole: true });
        }
    }
    Ok(Log { lines, is_whole: false })
}

/// `None` for a line that the filter should have left out: an emulator may not know filters.
fn line(at: i64, message: &str) -> Option<Line> {
    let fields: Value = serde_json::from_str(message).ok()?;
    if fields["level"] != "ERROR" {
        let name = ended(&fields)?;
        return Some(Line { at, is_gmail_not_enabled: false, name, heading: "errors" });
    }
    let problem = Problem::read(&fields);
    let event = EVENTS.into_iter().find(|event| fields["event"] == *event);
    let heading = match problem.as_ref().map(|problem| problem.code.as_str()).or(event) {
        Some("credential_unreadable" | "reauthorization_required" | "seal_integrity" | "seal_key_gone") => {
            "seal-failures"
        }
        Some("rotated_token_lost") => "tokens-not-stored",
        _ => "operator-errors",
    };
    let name = problem.as_ref().map(Problem::words);
    let name = name.unwrap_or_else(|| event.unwrap_or("an error without a code").to_owned());
    let is_gmail_not_enabled = problem.is_some_and(|problem| problem.is_gmail_not_enabled);
    Some(Line { at, is_gmail_not_enabled, name, heading })
}

/// What Lambda ended, by its own report.
fn ended(report: &Value) -> Option<String> {
    let what = match report["type"].as_str()? {
        "platform.report" => "an invocation",
        "platform.initReport" => "a start",
        _ => return None,
    };
    let how = match report["record"]["status"].as_str()? {
        "success" => return None,
        "timeout" => "timed out",
        _ => "failed",
    };
    Some(format!("{what} that {how}"))
}

/// In UTC (RFC 3339).
pub(super) fn time(millis: i64) -> String {
    DateTime::from_secs(millis / 1000).fmt(DateTimeFormat::DateTime).unwrap_or_default()
}

/// One line for each function and kind of failure, and the log of list-messages: the Gmail API has
/// a check of its own.
pub(super) async fn examine(deployment: &Deployment, functions: &[Function]) -> (Option<Log>, Vec<Finding>) {
    let (mut of_list_messages, mut findings) = (None, Vec::new());
    for function in functions {
        let (name, group) = (&function.name, &function.log_group);
        match read(deployment, group).await {
            Ok(log) => {
                findings.extend(counted(function, &log));
                of_list_messages = of_list_messages.or_else(|| (name == LIST_MESSAGES).then_some(log));
            }
            Err(refusal) => {
                // The stack creates the group, and no role may.
                let what =
                    format!("the log group {group} does not exist, so {name} loses its log and metrics");
                let absent = Finding::wrong(what, PUT_BACK);
                findings.push(refusal.unless_absent(format!("the log of {name}"), absent));
            }
        }
    }
    (of_list_messages, findings)
}

fn counted(function: &Function, log: &Log) -> Vec<Finding> {
    let mut failures: BTreeMap<&str, Vec<&Line>> = BTreeMap::new();
    for line in log.lines.iter().filter(|line| !line.is_gmail_not_enabled) {
        failures.entry(&line.name).or_default().push(line);
    }
    let (at_least, last_read) = if log.is_whole { ("", "") } else { ("at least ", " that doctor read") };
    let finding = |(name, lines): (&str, Vec<&Line>)| {
        let last = lines.iter().max_by_key(|line| line.at)?;
        let times = if lines.len() == 1 { "once".to_owned() } else { format!("{} times", lines.len()) };
        let (function, time) = (&function.name, time(last.at));
        Some(Finding::wrong(
            format!(
                "{function} logged {at_least}{times} in the last hour: {name}; the last{last_read} at {time}"
            ),
            format!("see docs/deploy.md#{}, unless it was fixed since", last.heading),
        ))
    };
    let findings: Vec<Finding> = failures.into_iter().filter_map(finding).collect();
    if findings.is_empty() { vec![without_errors(function, log)] } else { findings }
}

/// No error was found; that means little for a log that hides errors or was not read to its end.
fn without_errors(function: &Function, log: &Log) -> Finding {
    let what = format!("the log of {}", function.name);
    if function.hides_errors {
        return Finding::unknown(what, "the LogLevel FATAL hides errors; deploy with ERROR or a lower level");
    }
    if log.is_whole {
        return Finding::good(format!("{what} has no error in the last hour"));
    }
    let group = &function.log_group;
    Finding::unknown(
        what,
        format!(
            "the part of its last hour that doctor read has no error; read the rest with `aws logs tail {group} \
             --since 1h --filter-pattern '{FILTER}'`"
        ),
    )
}
