//! The authorization page's HTML: the form that asks for consent, and the page for a request that leads nowhere.

use std::fmt::Write as _;

use super::answer::{Answer, escape};
use super::authorize::Authorization;
use super::scopes;
use super::state::State;

pub(super) const STYLE: &str = include_str!("style.css");
const CONSENT: &str = include_str!("consent.html");
const ERROR: &str = include_str!("error.html");

/// What stands before the code in the error page.
const CODE: &str = "<code id=\"error-code\">";

/// Google's error page.
pub(super) fn error(status: u16, code: &str, detail: &str) -> Answer {
    let page = ERROR
        .replace("{{style}}", STYLE)
        .replace("{{status}}", &status.to_string())
        .replace("{{code}}", &escape(code))
        .replace("{{detail}}", &escape(detail));
    Answer::html(status, page).uncached()
}

/// The code that an error page shows; none when the answer is another page.
pub(super) fn error_code(answer: &Answer) -> Option<String> {
    let page = std::str::from_utf8(&answer.body).ok()?;
    page.split(CODE).nth(1)?.split('<').next().map(Into::into)
}

/// The account chooser and the scopes, in one form.
pub(super) fn consent(authorization: &Authorization, query: &[(String, String)], state: &State) -> Answer {
    let query = form_urlencoded::Serializer::new(String::new()).extend_pairs(query).finish();
    let page = CONSENT
        .replace("{{style}}", STYLE)
        .replace("{{client}}", &escape(&authorization.client_id))
        .replace("{{accounts}}", &accounts(authorization, state))
        .replace("{{scopes}}", &boxes(authorization))
        .replace("{{query}}", &escape(&query));
    Answer::html(200, page).uncached()
}

fn accounts(authorization: &Authorization, state: &State) -> String {
    let named = authorization.named_account(state);
    let in_domain = |domain: &Option<String>| {
        authorization.hosted_domain.is_some() && *domain == authorization.hosted_domain
    };
    let chosen = named
        .or_else(|| {
            let of_domain = state.accounts.iter().find(|account| in_domain(&account.hosted_domain));
            of_domain.map(|account| account.sub.clone())
        })
        .or_else(|| state.accounts.first().map(|account| account.sub.clone()));
    let mut rows = String::new();
    for account in &state.accounts {
        let checked = if chosen.as_deref() == Some(&account.sub) { " checked" } else { "" };
        let email = escape(&account.email);
        let id = email.split('@').next().unwrap_or_default();
        let _ = writeln!(
            rows,
            "<label><input type=\"radio\" id=\"account-{id}\" name=\"account\" value=\"{email}\" required{checked}> \
             {} ({email})</label>",
            escape(&account.name()),
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
            "<label><input type=\"checkbox\" id=\"scope-{index}\" name=\"scope\" value=\"{value}\" checked> {} \
             <br><code>{value}</code></label>",
            escape(scopes::description(scope)),
        );
    }
    rows
}
