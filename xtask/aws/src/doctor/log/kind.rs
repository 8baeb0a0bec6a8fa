//! What a line of a log counts as, in words of our own, and the heading of the runbook that says what to do about it.

use serde_json::Value;

use crate::doctor::problem::known_code;

/// Lines of one kind are counted together.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(in crate::doctor) struct Kind {
    /// The error's code, or what else happened.
    pub(in crate::doctor) name: &'static str,
    /// The heading in docs/deploy.md, as its anchor.
    pub(super) heading: &'static str,
}

const OPERATOR_ERRORS: &str = "operator-errors";
const SEAL_FAILURES: &str = "seal-failures";
const TOKENS_NOT_STORED: &str = "tokens-not-stored";
const ERRORS: &str = "errors";

/// What is neither of a code nor of an event of ours.
const WITHOUT_CODE: Kind = Kind { name: "an error without a code", heading: OPERATOR_ERRORS };
/// What the functions log beside the error that the request ended with.
const EVENTS: [(&str, Kind); 4] = [
    ("panic", Kind { name: "a panic", heading: OPERATOR_ERRORS }),
    ("rotated_token_lost", Kind { name: "rotated_token_lost", heading: TOKENS_NOT_STORED }),
    ("seal_integrity", Kind { name: "seal_integrity", heading: SEAL_FAILURES }),
    ("seal_key_gone", Kind { name: "seal_key_gone", heading: SEAL_FAILURES }),
];

impl Kind {
    /// The kind of a line; nothing when it tells of no failure.
    pub(super) fn of(line: &Value) -> Option<Self> {
        if line["level"] == "ERROR" { Some(Self::of_error(line)) } else { Self::of_report(line) }
    }

    fn of_error(line: &Value) -> Self {
        if let Some(name) = line["code"].as_str().and_then(known_code) {
            let heading = match name {
                "credential_unreadable" | "reauthorization_required" => SEAL_FAILURES,
                _ => OPERATOR_ERRORS,
            };
            return Self { name, heading };
        }
        EVENTS.into_iter().find(|(event, _)| line["event"] == *event).map_or(WITHOUT_CODE, |(_, kind)| kind)
    }

    fn of_report(line: &Value) -> Option<Self> {
        let has_timed_out = match line["record"]["status"].as_str()? {
            "success" => return None,
            status => status == "timeout",
        };
        let name = match (line["type"].as_str()?, has_timed_out) {
            ("platform.report", true) => "an invocation that timed out",
            ("platform.report", false) => "an invocation that failed",
            ("platform.initReport", true) => "a start that timed out",
            ("platform.initReport", false) => "a start that failed",
            _ => return None,
        };
        Some(Self { name, heading: ERRORS })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_runbook_has_each_heading() {
        let runbook = std::fs::read_to_string(xtask::processes::root().join("docs/deploy.md")).unwrap();
        let titles = runbook.lines().filter_map(|line| line.strip_prefix("### "));
        let anchors: Vec<String> = titles.map(|title| title.to_lowercase().replace(' ', "-")).collect();
        for heading in [OPERATOR_ERRORS, SEAL_FAILURES, TOKENS_NOT_STORED, ERRORS] {
            assert!(anchors.iter().any(|anchor| anchor == heading), "{heading}");
        }
    }
}
