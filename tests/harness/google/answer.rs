//! An answer of the fake before it is put on the wire.

use serde_json::Value;

/// The style of every page.
pub(super) const STYLE: &str = include_str!("style.css");
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
}

/// `text` for use inside an HTML page, also between double quotes.
pub(super) fn escape(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}
