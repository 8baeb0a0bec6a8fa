//! What the functions logged as errors in the last hour: how often, and of which kind.

use std::collections::BTreeMap;
use std::time::Duration;

use aws_sdk_dynamodb::primitives::{DateTime, DateTimeFormat};
use serde::Deserialize;
use shared::clock::{Clock, Timestamp};

use super::finding::Finding;
use super::functions::Function;
use super::problem::{known_code, says_gmail_not_enabled};
use super::refusal::Refusal;
use super::target::{Deployment, Target};

const PERIOD: Duration = Duration::from_hours(1);
/// The log is not read to its end when a function does nothing but fail.
const MOST_PAGES: usize = 5;
/// What a line is counted as whose code is absent or not one of ours.
const NO_CODE: &str = "an error without a code";

/// A line of the level ERROR.
pub(super) struct Line {
    pub(super) at: Timestamp,
    pub(super) code: &'static str,
    pub(super) detail: Option<String>,
}

impl Line {
    /// When it was written, for people (RFC 3339).
    pub(super) fn moment(&self) -> String {
        DateTime::from_secs(self.at.seconds()).fmt(DateTimeFormat::DateTime).unwrap_or_default()
    }
}

#[derive(Deserialize)]
struct Wire {
    level: Option<String>,
    code: Option<String>,
    detail: Option<String>,
}

/// The lines of the level ERROR of the last hour.
pub(super) async fn errors(deployment: &Deployment, log_group: &str) -> Result<Vec<Line>, Refusal> {
    let since = Clock::System.now().millis() - i64::try_from(PERIOD.as_millis()).unwrap_or(i64::MAX);
    let request = deployment
        .logs
        .filter_log_events()
        .log_group_name(log_group)
        .start_time(since)
        .filter_pattern("{ $.level = \"ERROR\" }");
    let (mut lines, mut next) = (Vec::new(), None);
    for _ in 0..MOST_PAGES {
        let page = match request.clone().set_next_token(next).send().await {
            Ok(page) => page,
            Err(error) => match Refusal::of(&error) {
                // Lambda makes the group with the first line.
                Refusal::Absent => return Ok(lines),
                refusal => return Err(refusal),
            },
        };
        let found = page.events().iter().filter_map(|event| line(event.timestamp(), event.message()?));
        lines.extend(found);
        next = page.next_token().map(str::to_owned);
        if next.is_none() {
            break;
        }
    }
    Ok(lines)
}

fn line(at: Option<i64>, message: &str) -> Option<Line> {
    let wire: Wire = serde_json::from_str(message).ok()?;
    (wire.level.as_deref() == Some("ERROR")).then(|| Line {
        at: Timestamp::from_millis(at.unwrap_or_default()),
        code: wire.code.as_deref().and_then(known_code).unwrap_or(NO_CODE),
        detail: wire.detail,
    })
}

/// One line for each function and code; the refusal that says that the Gmail API is not enabled has its own check.
pub(super) async fn examine(target: &Target, functions: &[Function]) -> Vec<Finding> {
    let Some(deployment) = target.deployment() else { return Vec::new() };
    let mut findings = Vec::new();
    for function in functions {
        // What is not known of a function was said where its configuration was.
        let Ok(facts) = &function.facts else { continue };
        match errors(deployment, &facts.log_group).await {
            Err(refusal) => {
                let what = format!("the log of {}", function.name);
                findings.push(refusal.untold(what, "logs:FilterLogEvents"));
            }
            Ok(lines) => findings.extend(counted(function.name, &lines)),
        }
    }
    findings
}

fn counted(function: &str, lines: &[Line]) -> Vec<Finding> {
    let mut counts: BTreeMap<&str, usize> = BTreeMap::new();
    for line in lines.iter().filter(|line| !says_gmail_not_enabled(line.code, line.detail.as_deref())) {
        *counts.entry(line.code).or_default() += 1;
    }
    if counts.is_empty() {
        return vec![Finding::good(format!("the log of {function}: no error in the last hour"))];
    }
    let finding = |(code, count): (&str, usize)| {
        let times = if count == 1 { "once".to_owned() } else { format!("{count} times") };
        Finding::wrong(format!("{function} logged {times} {code} in the last hour"), "see infra/README.md")
    };
    counts.into_iter().map(finding).collect()
}

#[cfg(test)]
mod tests {
    use shared::error::Error;

    use super::*;

    fn logged(message: &str) -> Option<Line> {
        line(Some(1_793_500_000_000), message)
    }

    #[test]
    fn errors_are_counted_by_their_code_and_foreign_words_are_not_repeated() {
        let lines: Vec<Line> = [
            r#"{"level":"ERROR","code":"key_unavailable","detail":"A sealing key is not available."}"#,
            r#"{"level":"ERROR","code":"key_unavailable"}"#,
            r#"{"level":"ERROR","code":"planted <b>"}"#,
            r#"{"level":"ERROR","event":"panic"}"#,
            r#"{"level":"WARN","code":"storage_unavailable"}"#,
            "START RequestId: 1",
        ]
        .into_iter()
        .filter_map(logged)
        .collect();
        let found: Vec<String> = counted("list-messages", &lines).iter().map(ToString::to_string).collect();
        assert_eq!(
            found,
            [
                "wrong  list-messages logged 2 times an error without a code in the last hour: see infra/README.md",
                "wrong  list-messages logged 2 times key_unavailable in the last hour: see infra/README.md",
            ]
        );
    }

    #[test]
    fn a_disabled_gmail_api_has_its_own_check_and_its_moment() {
        let facts = Error::GmailNotEnabled.facts();
        let message = serde_json::json!({ "level": "ERROR", "code": facts.code, "detail": facts.detail });
        let lines = [logged(&message.to_string()).unwrap()];
        assert_eq!(lines[0].moment(), "2026-11-01T02:26:40Z");
        assert_eq!(
            counted("list-messages", &lines),
            [Finding::good("the log of list-messages: no error in the last hour")]
        );
    }
}
