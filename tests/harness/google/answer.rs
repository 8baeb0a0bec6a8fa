//! An answer of the fake before it is put on the wire, and its pages.

use std::fmt::Write as _;

use serde_json::Value;

use super::authorize::Authorization;
use super::scopes;
use super::state::State;

const STYLE: &str = include_str!("style.css");
/// The text before the code on the error page.
const CODE: &str = "<code id=\"error-code\">";

/// Status, headers and body.
#[derive(Clone, Debug)]
pub(super) struct Answer {
    pub(super) status: u16,
    pub(super) headers: Vec<(String, String)>,
    pub(super) body: Vec<u8>,
}

impl Answer {
    /// A body of one content type.
    pub(super) fn new(status: u16, content_type: &str, body: impl Into<Vec<u8>>) -> Self {
        Self { status, headers: vec![("content-type".into(), content_type.into())], body: body.into() }
    }

    /// A JSON body, indented as Google does.
    pub(super) fn json(status: u16, body: &Value) -> Self {
        Self::new(status, "application/json; charset=utf-8", format!("{body:#}"))
    }

    /// JSON as the token endpoint sends it.
    pub(super) fn oauth(status: u16, body: &Value) -> Self {
        Self::json(status, body).uncached().varied()
    }

    /// JSON as the APIs send it; they spell the character set in capitals.
    pub(super) fn api(status: u16, body: impl Into<Vec<u8>>) -> Self {
        Self::new(status, "application/json; charset=UTF-8", body).varied().with("cache-control", "private")
    }

    /// A page.
    pub(super) fn html(status: u16, body: impl Into<Vec<u8>>) -> Self {
        Self::new(status, "text/html; charset=utf-8", body)
    }

    /// Sends the caller elsewhere.
    pub(super) fn redirect(status: u16, location: &str) -> Self {
        Self::html(status, "").with("location", location)
    }

    /// The same answer with one header more.
    pub(super) fn with(mut self, name: &str, value: &str) -> Self {
        self.headers.push((name.into(), value.into()));
        self
    }

    /// The same answer, not to be stored by any cache.
    pub(super) fn uncached(self) -> Self {
        self.with("cache-control", "no-cache, no-store, max-age=0, must-revalidate")
            .with("pragma", "no-cache")
            .with("expires", "Mon, 01 Jan 1990 00:00:00 GMT")
    }

    /// Google sends one `Vary` header for each name.
    fn varied(self) -> Self {
        ["Origin", "X-Origin", "Referer"].into_iter().fold(self, |answer, name| answer.with("vary", name))
    }

    /// Google's error page at the authorization endpoint.
    pub(super) fn error_page(status: u16, code: &str, detail: &str) -> Self {
        let page = include_str!("error.html")
            .replace("{{style}}", STYLE)
            .replace("{{status}}", &status.to_string())
            .replace("{{code}}", &escape(code))
            .replace("{{detail}}", &escape(detail));
        Self::html(status, page).uncached()
    }

    /// The code that an error page shows, or the status.
    pub(super) fn error_code(&self) -> String {
        let page = String::from_utf8_lossy(&self.body);
        let code = page.split(CODE).nth(1).and_then(|rest| rest.split('<').next());
        code.map_or_else(|| self.status.to_string(), Into::into)
    }

    /// The account chooser and the scopes, in one form.
    pub(super) fn consent_page(authorization: &Authorization, query: &str, state: &State) -> Self {
        let page = include_str!("consent.html")
            .replace("{{style}}", STYLE)
            .replace("{{client}}", &escape(&authorization.client_id))
            .replace("{{accounts}}", &accounts(authorization, state))
            .replace("{{scopes}}", &boxes(authorization))
            .replace("{{query}}", &escape(query));
        Self::html(200, page).uncached()
    }

    /// The control page: what is set, the accounts, and the last calls.
    pub(super) fn control_page(state: &State, set: &[String], calls: &[String]) -> Self {
        let mut accounts = String::new();
        for account in &state.accounts {
            let live = state.tokens.living_refresh_of(&account.sub);
            let (email, count) = (escape(&account.email), account.message_count());
            let _ = writeln!(
                accounts,
                "<option value=\"{email}\">{email} ({count} messages, {live} live refresh tokens)</option>"
            );
        }
        let items = |lines: &[String]| -> String {
            lines
                .iter()
                .fold(String::new(), |items, line| items + "<li><code>" + &escape(line) + "</code></li>\n")
        };
        let page = include_str!("control.html")
            .replace("{{style}}", STYLE)
            .replace("{{accounts}}", &accounts)
            .replace("{{active}}", &items(set))
            .replace("{{calls}}", &items(calls));
        Self::html(200, page).uncached()
    }
}

fn accounts(authorization: &Authorization, state: &State) -> String {
    let chosen = authorization.named_account(state).or(state.accounts.first().map(|first| first.sub.clone()));
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

/// `text` for use inside an HTML page, also between double quotes.
fn escape(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}
