//! The request that handlers see: `lambda_http`'s, with strictly parsed query and cookies.

use std::sync::Arc;
use std::time::Duration;

use lambda_http::http::header::{CONTENT_ENCODING, CONTENT_TYPE};
use postern_rules::config::{ConfigError, PublicUrl, names};
use postern_rules::error::Error;
use serde::de::DeserializeOwned;

use super::Entry;
use super::cookie::{Cookies, FLOW_PREFIX, Outgoing};
use super::negotiation;
use super::query::Query;
use crate::app::App;
use crate::clock::Deadline;

/// In bytes.
pub(super) const BODY_LIMIT: usize = 16 * 1024;

/// One request.
pub struct Request {
    pub(super) http: lambda_http::Request,
    pub(super) path: String,
    /// The query's parameters.
    pub query: Query,
    /// The cookies.
    pub cookies: Cookies,
    /// The request ID.
    pub id: String,
    /// When the response is due.
    pub deadline: Deadline,
    /// Where API Gateway received the event.
    pub(super) domain_name: Option<String>,
    pub(super) stage: Option<String>,
    pub(super) outgoing: Arc<Outgoing>,
}

impl Request {
    /// Sets a cookie on the response, even if that is an error.
    pub fn set_cookie(&self, name: &str, value: &str, lifetime: Duration) {
        self.outgoing.set(name, value, lifetime);
    }

    /// Removes a cookie from the browser.
    pub(super) fn clear_cookie(&self, name: &str) {
        self.outgoing.set(name, "", Duration::ZERO);
    }

    /// The suffix and value of each flow cookie that the browser will hold after this response.
    pub(super) fn flows(&self) -> Vec<(String, String)> {
        self.outgoing.onto(FLOW_PREFIX, self.cookies.flows())
    }

    /// The last segment of the path: what stands for the `{id}` of a route. Not checked.
    pub fn path_id(&self) -> &str {
        self.path.rsplit('/').next().unwrap_or_default()
    }

    /// The method.
    pub fn method(&self) -> &str {
        self.http.method().as_str()
    }

    /// Whether the method changes nothing (RFC 9110 section 9.2.1).
    pub(super) fn is_safe(&self) -> bool {
        self.http.method().is_safe()
    }

    /// A header's value, if it appears once and is visible ASCII.
    pub fn header(&self, name: &str) -> Option<&str> {
        let mut values = self.http.headers().get_all(name).iter();
        let value = values.next()?;
        if values.next().is_some() { None } else { value.to_str().ok() }
    }

    /// The calling page: `Origin`, or `Referer` (possibly a whole URL) if there is none, as on a
    /// same-origin GET.
    pub fn page(&self) -> Option<&str> {
        self.header("origin").or_else(|| self.header("referer"))
    }

    /// Whether a header is present.
    pub(super) fn has_header(&self, name: &str) -> bool {
        self.http.headers().contains_key(name)
    }

    /// The body; empty if there is none.
    pub fn body(&self) -> &[u8] {
        self.http.body().as_ref()
    }

    /// The body, if it is a JSON object of this form.
    pub fn json<T: DeserializeOwned>(&self) -> Option<T> {
        json_object(self.body())
    }

    /// The body as a form, parsed as strictly as a query.
    pub fn form(&self) -> Result<Query, Error> {
        Query::parse(std::str::from_utf8(self.body()).map_err(|_| Error::MalformedEncoding)?)
    }

    /// Whether the caller prefers JSON to a redirect.
    pub fn wants_json(&self) -> bool {
        negotiation::prefers(self.header("accept"), "application/json", "text/html")
    }

    /// Whether the caller prefers an HTML page to a problem document.
    pub(super) fn prefers_html(&self) -> bool {
        negotiation::prefers(self.header("accept"), "text/html", "application/problem+json")
    }

    /// This API's address as browsers see it: configured, else the event's domain name. Never
    /// `Host`.
    pub fn public_url(&self, app: &App) -> Result<PublicUrl, Error> {
        if let Some(url) = &app.config.public_url {
            return Ok(url.clone());
        }
        let domain_name = self.domain_name.as_deref().filter(|name| is_host_name(name));
        let base = domain_name.map(|name| format!("https://{name}{}", self.stage_prefix()));
        base.as_deref().and_then(PublicUrl::parse).ok_or(Error::Config(ConfigError::unusable(
            names::PUBLIC_URL.name,
            "The setting is missing, and the event names no domain.",
        )))
    }

    /// The path without its deployment prefix: the stage, or the path of the public URL.
    pub(super) fn route_path(&self, app: &App) -> &str {
        let configured = app.config.public_url.as_ref().map(PublicUrl::path_prefix).unwrap_or_default();
        let stage = self.stage_prefix();
        [configured, stage.as_str()]
            .into_iter()
            .filter(|prefix| !prefix.is_empty())
            .find_map(|prefix| self.path.strip_prefix(prefix).filter(|rest| rest.starts_with('/')))
            .unwrap_or(&self.path)
    }

    /// Requires a body of the type that the route takes, in UTF-8, without content encoding, within
    /// the size limit.
    pub(super) fn check_body(&self, entry: Entry) -> Result<(), Error> {
        if self.is_safe() {
            return Ok(());
        }
        if self.body().len() > BODY_LIMIT {
            return Err(Error::PayloadTooLarge);
        }
        let wants_body = self.method() == "POST";
        let media_type = match entry {
            Entry::Token => "application/x-www-form-urlencoded",
            Entry::Delivery => "application/secevent+jwt",
            Entry::Anyone | Entry::Api | Entry::Start | Entry::Callback => "application/json",
        };
        let fits = self.header(CONTENT_TYPE.as_str()).is_some_and(|sent| is_of_type(media_type, sent));
        if (wants_body && !fits) || self.has_header(CONTENT_ENCODING.as_str()) {
            return Err(Error::UnsupportedMediaType);
        }
        Ok(())
    }

    fn stage_prefix(&self) -> String {
        match self.stage.as_deref() {
            None | Some("" | "$default") => String::new(),
            Some(stage) => format!("/{stage}"),
        }
    }
}

/// The JSON object of this form in `bytes`. Serde alone would also read an array, by position.
pub(super) fn json_object<T: DeserializeOwned>(bytes: &[u8]) -> Option<T> {
    let is_object = bytes.trim_ascii_start().starts_with(b"{");
    is_object.then(|| serde_json::from_slice(bytes).ok()).flatten()
}

/// Letters, digits, hyphens and dots, starting and ending with a letter or digit.
fn is_host_name(name: &str) -> bool {
    name.starts_with(|first: char| first.is_ascii_alphanumeric())
        && name.ends_with(|last: char| last.is_ascii_alphanumeric())
        && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'.')
}

fn is_of_type(expected: &str, content_type: &str) -> bool {
    let (media_type, parameters) = content_type.split_once(';').unwrap_or((content_type, "charset=utf-8"));
    let parameters = parameters.trim();
    media_type.trim().eq_ignore_ascii_case(expected)
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
            assert!(is_of_type("application/json", good), "{good}");
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
            assert!(!is_of_type("application/json", bad), "{bad}");
        }
    }
}
