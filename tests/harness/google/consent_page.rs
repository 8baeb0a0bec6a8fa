//! The consent page: the application, the accounts to choose from, and the scopes to untick.

use std::fmt::Write as _;

use super::answer::{Answer, STYLE, escape};
use super::authorize::Authorization;
use super::scopes;
use super::state::State;

/// The page for a request. `query` is the request's own, which the form sends along.
pub(super) fn consent_page(authorization: &Authorization, query: &str, state: &State) -> Answer {
    let page = include_str!("consent.html")
        .replace("{{style}}", STYLE)
        .replace("{{accounts}}", &accounts(authorization, state))
        .replace("{{scopes}}", &boxes(authorization))
        .replace("{{query}}", &escape(query))
        .replace("{{application}}", &escape(&state.switches.application));
    Answer::html(200, page).uncached()
}

fn accounts(authorization: &Authorization, state: &State) -> String {
    let chosen = authorization.named_account(state).or(state.accounts.first().map(|first| first.sub.clone()));
    let mut rows = String::new();
    for account in &state.accounts {
        let checked = if chosen.as_deref() == Some(&account.sub) { " checked" } else { "" };
        let (email, name) = (escape(&account.email), account.name());
        let id = escape(account.email.split('@').next().unwrap_or_default());
        let initial = escape(&name.chars().take(1).collect::<String>());
        let _ = writeln!(
            rows,
            "<label class=\"account\"><input type=\"radio\" id=\"account-{id}\" name=\"account\" \
             value=\"{email}\" required{checked}> <span class=\"initial\" aria-hidden=\"true\">{initial}</span> \
             <span>{} <small>{email}</small></span></label>",
            escape(&name),
        );
    }
    rows
}

fn boxes(authorization: &Authorization) -> String {
    let mut rows = String::new();
    let asked = authorization.scopes.iter().filter(|scope| !scopes::is_identity(scope));
    for (index, scope) in asked.enumerate() {
        let value = escape(scope);
        let _ = writeln!(
            rows,
            "<label class=\"scope\"><input type=\"checkbox\" id=\"scope-{index}\" name=\"scope\" \
             value=\"{value}\" checked> <span>{}. <small>{value}</small></span></label>",
            escape(scopes::description(scope)),
        );
    }
    rows
}
