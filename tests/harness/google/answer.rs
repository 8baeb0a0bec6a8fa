//! An answer of the fake before it is put on the wire, and the bodies its endpoints share.

use serde_json::Value;

/// The content type of the token endpoint's JSON, and of the fake's own.
pub(super) const JSON: &str = "application/json; charset=utf-8";
/// The content type of the APIs' JSON; Google spells the character set either way.
pub(super) const API_JSON: &str = "application/json; charset=UTF-8";
const HTML: &str = "text/html; charset=utf-8";

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
        Self::new(status, JSON, format!("{body:#}"))
    }

    /// A JSON body as the token endpoint sends it.
    pub(super) fn oauth(status: u16, body: &Value) -> Self {
        Self::json(status, body).uncached().varied()
    }

    /// A JSON body as the APIs send it.
    pub(super) fn api(status: u16, body: &Value) -> Self {
        Self::new(status, API_JSON, format!("{body:#}")).varied().with("cache-control", "private")
    }

    /// A page.
    pub(super) fn html(status: u16, body: impl Into<Vec<u8>>) -> Self {
        Self::new(status, HTML, body)
    }

    /// Sends the browser elsewhere with a GET.
    pub(super) fn see_other(location: &str) -> Self {
        Self { status: 303, headers: Vec::new(), body: Vec::new() }.with("location", location)
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

    /// Google names what an answer depends on in one header for each.
    fn varied(self) -> Self {
        ["Origin", "X-Origin", "Referer"].into_iter().fold(self, |answer, name| answer.with("vary", name))
    }
}

/// `text` for use inside an HTML page, also between double quotes.
pub(super) fn escape(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}
