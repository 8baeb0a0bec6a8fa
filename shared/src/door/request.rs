//! A request as handlers see it: `lambda_http`'s, with the query, the cookies and the origin of the event read strictly.

use std::sync::Arc;
use std::time::Duration;

use lambda_http::http::header::{CONTENT_ENCODING, CONTENT_TYPE};
use postern_rules::config::{ConfigError, PublicUrl, names};
use postern_rules::error::Error;

use super::cookie::{Cookies, FLOW_PREFIX, Outgoing};
use super::query::Query;
use super::{Invocation, negotiation};
use crate::app::App;
use crate::clock::Deadline;

/// The most bytes of a body.
pub(super) const BODY_LIMIT: usize = 16 * 1024;
/// A path longer than this is answered as too long, not as unknown.
const LONG_PATH: usize = 1024;

/// Where API Gateway says the event came in.
pub(super) struct ApiAddress {
    pub(super) domain_name: Option<String>,
    pub(super) stage: Option<String>,
}

/// One request.
pub struct Request {
    http: lambda_http::Request,
    path: String,
    /// The query's parameters.
    pub query: Query,
    /// The cookies.
    pub cookies: Cookies,
    /// The request's id.
    pub id: String,
    /// By when the answer must be there.
    pub deadline: Deadline,
    api_address: ApiAddress,
    outgoing: Arc<Outgoing>,
}

impl Request {
    pub(super) fn new(
        http: lambda_http::Request,
        path: String,
        query: Query,
        cookies: Cookies,
        api_address: ApiAddress,
        invocation: Invocation,
    ) -> Self {
        Self {
            http,
            path,
            query,
            cookies,
            id: invocation.request_id,
            deadline: invocation.deadline,
            api_address,
            outgoing: Arc::default(),
        }
    }

    /// The request, whose answer sets `outgoing`.
    pub(super) fn answered_with(self, outgoing: &Arc<Outgoing>) -> Self {
        Self { outgoing: Arc::clone(outgoing), ..self }
    }

    /// Sets a cookie on the answer, whatever the answer turns out to be.
    pub fn set_cookie(&self, name: &str, value: &str, lifetime: Duration) {
        self.outgoing.set(name, value, lifetime);
    }

    /// Removes a cookie from the browser, with whatever answer follows.
    pub(super) fn clear_cookie(&self, name: &str) {
        self.outgoing.set(name, "", Duration::ZERO);
    }

    /// The flow cookies that the browser holds after what this answer sets so far: the rest of each
    /// name, and the value.
    pub(super) fn flows(&self) -> Vec<(String, String)> {
        self.outgoing.onto(FLOW_PREFIX, self.cookies.flows())
    }

    /// The method.
    pub fn method(&self) -> &str {
        self.http.method().as_str()
    }

    /// Whether the method is one that changes nothing (RFC 9110 section 9.2.1).
    pub fn is_safe(&self) -> bool {
        self.http.method().is_safe()
    }

    /// A header's value, if it is there once and is visible ASCII.
    pub fn header(&self, name: &str) -> Option<&str> {
        let mut values = self.http.headers().get_all(name).iter();
        let value = values.next()?;
        if values.next().is_some() { None } else { value.to_str().ok() }
    }

    /// The address of the page that calls: its origin, or for a request that needs none (a read of
    /// the page's own origin) its referrer, which may be a whole URL.
    pub fn page(&self) -> Option<&str> {
        self.header("origin").or_else(|| self.header("referer"))
    }

    /// Whether a header is there at all.
    pub fn has_header(&self, name: &str) -> bool {
        self.http.headers().contains_key(name)
    }

    /// The body's bytes; empty for none.
    pub fn body(&self) -> &[u8] {
        self.http.body().as_ref()
    }

    /// Whether the caller would rather have JSON than be redirected.
    pub fn wants_json(&self) -> bool {
        negotiation::prefers(self.header("accept"), "application/json", "text/html")
    }

    /// Whether the caller would rather read a page than a problem document.
    pub fn prefers_html(&self) -> bool {
        negotiation::prefers(self.header("accept"), "text/html", "application/problem+json")
    }

    /// This API's address as browsers see it: configured, else the domain name of the event. Never the Host header.
    pub fn public_url(&self, app: &App) -> Result<PublicUrl, Error> {
        if let Some(url) = &app.config.public_url {
            return Ok(url.clone());
        }
        let domain_name = self.api_address.domain_name.as_deref().filter(|name| is_host_name(name));
        let base = domain_name.map(|name| format!("https://{name}{}", self.stage_prefix()));
        base.as_deref().and_then(PublicUrl::parse).ok_or(Error::Config(ConfigError::unusable(
            names::PUBLIC_URL.name,
            "The setting is missing, and the event names no domain.",
        )))
    }

    /// The path without the one prefix that the API is deployed under: the stage, or the path of the public URL.
    pub(super) fn route_path(&self, app: &App) -> &str {
        let configured = app.config.public_url.as_ref().map(PublicUrl::path_prefix).unwrap_or_default();
        let stage = self.stage_prefix();
        [configured, stage.as_str()]
            .into_iter()
            .filter(|prefix| !prefix.is_empty())
            .find_map(|prefix| self.path.strip_prefix(prefix).filter(|rest| rest.starts_with('/')))
            .unwrap_or(&self.path)
    }

    pub(super) fn path_is_long(&self) -> bool {
        self.path.len() > LONG_PATH
    }

    /// A body is JSON in UTF-8, not encoded, and of a reasonable size.
    pub(super) fn check_body(&self) -> Result<(), Error> {
        if self.is_safe() {
            return Ok(());
        }
        if self.body().len() > BODY_LIMIT {
            return Err(Error::PayloadTooLarge);
        }
        let wants_body = self.method() == "POST";
        let json = self.header(CONTENT_TYPE.as_str()).is_some_and(is_json);
        if (wants_body && !json) || self.has_header(CONTENT_ENCODING.as_str()) {
            return Err(Error::UnsupportedMediaType);
        }
        Ok(())
    }

    fn stage_prefix(&self) -> String {
        match self.api_address.stage.as_deref() {
            None | Some("" | "$default") => String::new(),
            Some(stage) => format!("/{stage}"),
        }
    }
}

/// Letters, digits, hyphens and dots, with a letter or digit at both ends.
fn is_host_name(name: &str) -> bool {
    name.starts_with(|first: char| first.is_ascii_alphanumeric())
        && name.ends_with(|last: char| last.is_ascii_alphanumeric())
        && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'.')
}

fn is_json(content_type: &str) -> bool {
    let (media_type, parameters) = content_type.split_once(';').unwrap_or((content_type, "charset=utf-8"));
    let parameters = parameters.trim();
    media_type.trim().eq_ignore_ascii_case("application/json")
        && (parameters.eq_ignore_ascii_case("charset=utf-8")
            || parameters.eq_ignore_ascii_case("charset=\"utf-8\""))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn b31_json_in_utf8_is_the_one_media_type() {
        for good in [
            "application/json",
            "Application/JSON",
            "application/json;charset=UTF-8",
            "application/json; charset=utf-8",
        ] {
            assert!(is_json(good), "{good}");
        }
        for bad in [
            "",
            "text/plain",
            "application/x-www-form-urlencoded",
            "multipart/form-data; boundary=x",
            "application/json;charset=utf-16",
            "application/json, text/plain",
            "application/jsonp",
        ] {
            assert!(!is_json(bad), "{bad}");
        }
    }
}
