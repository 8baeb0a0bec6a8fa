//! The control page: one button for each thing that can go wrong, and the last calls.

use super::answer::{Answer, escape};
use super::calls::{Call, Endpoint};
use super::control::shown;
use super::identity::ISSUER;
use super::pages::STYLE;
use super::random::Lengths;
use super::state::State;
use super::tokens::Rotation;
use super::{batch, buttons, named_failure};

const PAGE: &str = include_str!("control.html");
const CALLS_SHOWN: usize = 50;

/// The page.
pub(super) fn page(state: &State) -> Answer {
    let account = |account: &super::accounts::Account| {
        let email = escape(&account.email);
        format!(
            "<option value=\"{email}\">{email} ({} messages, {} live refresh tokens)</option>\n",
            account.message_count(),
            state.tokens.living_refresh_of(&account.sub),
        )
    };
    let accounts: String = state.accounts.iter().map(account).collect();
    let mut active: Vec<String> = state.failures.descriptions();
    active.extend(switches(state));
    let active: String = if active.is_empty() {
        "<li>Nothing: Google as usual.</li>".into()
    } else {
        active.iter().flat_map(|line| ["<li><code>".into(), escape(line), "</code></li>\n".into()]).collect()
    };
    let calls: String = state.calls.all().iter().rev().take(CALLS_SHOWN).map(row).collect();
    let options = |names: &mut dyn Iterator<Item = &'static str>| -> String {
        names.flat_map(|name| ["<option>", name, "</option>\n"]).collect()
    };
    Answer::html(
        200,
        PAGE.replace("{{style}}", STYLE)
            .replace("{{buttons}}", buttons::html().trim_end())
            .replace("{{endpoints}}", &options(&mut Endpoint::ALL.into_iter().map(Endpoint::name)))
            .replace("{{failures}}", &options(&mut named_failure::names()))
            .replace("{{accounts}}", &accounts)
            .replace("{{active}}", &active)
            .replace("{{calls}}", &calls),
    )
}

/// One line for each switch that is not as usual.
pub(super) fn switches(state: &State) -> Vec<String> {
    let switches = &state.switches;
    let mut lines = Vec::new();
    if switches.rotation != Rotation::Off {
        lines.push(format!("rotation: {:?}", switches.rotation));
    }
    if let Some(times) = switches.omit_refresh_token {
        lines.push(format!("no refresh token: {times:?}"));
    }
    if let Some(times) = switches.omit_id_token {
        lines.push(format!("no ID token: {times:?}"));
    }
    for (scope, times) in &switches.unticked {
        lines.push(format!("unticked {scope}: {times:?}"));
    }
    if let Some(lifetime) = state.tokens.refresh_lifetime {
        lines.push(format!("refresh tokens live for {} seconds", lifetime.as_secs()));
    }
    if switches.issuer.as_deref() != Some(ISSUER) {
        lines.push(format!("the issuer of the way back: {:?}", switches.issuer));
    }
    if state.tokens.lengths == Lengths::LONGEST {
        lines.push("codes and tokens of the greatest length".into());
    }
    if switches.batch_allowance != Some(batch::ALLOWANCE) {
        lines.push(format!("calls of one user that pass in a batch: {:?}", switches.batch_allowance));
    }
    lines
}

fn row(call: &Call) -> String {
    let form = if call.endpoint == Endpoint::Batch { Vec::new() } else { call.form() };
    let pairs = call.query.iter().chain(&form).map(|(name, value)| format!("{name}={}", shown(name, value)));
    let status = call.status.map_or_else(|| "none".to_owned(), |status| status.to_string());
    format!(
        "<tr><td>{}</td><td><code>{} {}</code></td><td>{}</td><td>{status}</td></tr>\n",
        call.endpoint.name(),
        escape(&call.method),
        escape(&call.path),
        escape(&pairs.collect::<Vec<_>>().join(", ")),
    )
}
