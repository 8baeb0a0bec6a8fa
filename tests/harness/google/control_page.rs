//! The control page: what is set, as forms, and the last calls.

use std::fmt::Write as _;

use postern_rules::security_event::Kind;
use serde_json::{Value, json};

use super::answer::{Answer, STYLE, escape};
use super::calls::Endpoint;
use super::state::State;

const SHOWN_CALLS: usize = 50;

/// A switch on the page: its name, what it says, and its values with what they say, if it has few.
type Field = (&'static str, &'static str, &'static [(&'static str, &'static str)]);

const FIELDS: [Field; 12] = [
    ("application", "Name of the application", &[]),
    (
        "consent",
        "Consent page",
        &[
            ("null", "is shown"),
            (r#"{"allow":{}}"#, "allows at once, without a page"),
            (r#"{"deny":{}}"#, "cancels at once, without a page"),
        ],
    ),
    (
        "opener_policy",
        "Cross-Origin-Opener-Policy of that page",
        &[
            ("none", "no header"),
            ("same_origin_allow_popups", "same-origin-allow-popups"),
            ("report_only", "same-origin, only reported"),
            ("same_origin", "same-origin"),
        ],
    ),
    (
        "rotation",
        "Refresh tokens",
        &[
            ("off", "stay the same"),
            ("old_still_works", "are replaced, old ones work"),
            ("old_dies", "are replaced, old ones die"),
            ("reuse_ends_family", "are replaced, using an old one ends all"),
        ],
    ),
    ("omit_refresh_token", "Answers without their refresh token (empty: all)", &[]),
    ("omit_id_token", "Answers without their ID token (empty: all)", &[]),
    ("access_token_lifetime", "Lifetime of access tokens, in seconds", &[]),
    ("refresh_token_lifetime", "Lifetime of refresh tokens, in seconds (empty: unlimited)", &[]),
    ("access_token_length", "Length of access tokens, in characters", &[]),
    (
        "longest_values",
        "Codes and tokens",
        &[("false", "have their usual length"), ("true", "are as long as can be")],
    ),
    ("issuer", "iss of the way back (empty: none)", &[]),
    ("claims", "Claims of ID tokens that are replaced, as JSON", &[]),
];

/// The page. `calls` are lines, the newest first.
pub(super) fn control_page(state: &State, calls: &[String]) -> Answer {
    let mut accounts = String::new();
    for account in &state.accounts {
        let live = state.tokens.living_refresh_of(&account.sub);
        let (email, count) = (escape(&account.email), account.message_count());
        let _ = writeln!(
            accounts,
            "<option value=\"{email}\">{email} ({count} messages, {live} live refresh tokens)</option>"
        );
    }
    let failures = state.journal.failures().into_iter().map(|(target, failure, times)| {
        let times = match json!(times) {
            Value::Null => "until cleared".to_owned(),
            left => format!("{left} more"),
        };
        format!("{target}: {} ({times})", bare(&json!(failure)))
    });
    let failures: Vec<String> = failures.collect();
    let kinds = Kind::KNOWN
        .map(|kind| format!("<option>{}</option>", kind.uri().rsplit('/').next().unwrap_or_default()));
    let endpoints = Endpoint::ALL.map(|endpoint| format!("<option>{}</option>", endpoint.name()));
    let page = include_str!("control.html")
        .replace("{{style}}", STYLE)
        .replace("{{accounts}}", &accounts)
        .replace("{{kinds}}", &kinds.concat())
        .replace("{{security_events}}", &items(&state.security_events.delivered, "None was sent."))
        .replace("{{endpoints}}", &endpoints.concat())
        .replace("{{switches}}", &fields(&json!(state.switches)))
        .replace("{{failures}}", &items(&failures, "No call fails."))
        .replace("{{calls}}", &items(&calls[..calls.len().min(SHOWN_CALLS)], "None yet."));
    Answer::html(200, page).uncached()
}

fn fields(switches: &Value) -> String {
    let mut rows = String::new();
    for (name, label, choices) in FIELDS {
        let value = bare(&switches[name]);
        let input = if choices.is_empty() {
            let value = if switches[name].is_null() { String::new() } else { escape(&value) };
            format!("<input name=\"{name}\" value=\"{value}\">")
        } else {
            let is_usual = choices.iter().any(|(choice, _)| *choice == value);
            // Set by a script to something that the page does not offer.
            let other = (!is_usual).then_some((value.as_str(), value.as_str()));
            let options = choices.iter().copied().chain(other).map(|(choice, words)| {
                let selected = if choice == value { " selected" } else { "" };
                format!("<option value=\"{}\"{selected}>{}</option>", escape(choice), escape(words))
            });
            format!("<select name=\"{name}\">{}</select>", options.collect::<String>())
        };
        let _ = writeln!(rows, "<label>{label} {input}</label>");
    }
    rows
}

/// JSON, but a text without its quotes.
fn bare(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}

fn items(lines: &[String], none: &str) -> String {
    if lines.is_empty() {
        return format!("<li>{none}</li>\n");
    }
    lines.iter().fold(String::new(), |items, line| items + "<li><code>" + &escape(line) + "</code></li>\n")
}
