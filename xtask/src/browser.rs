//! As much of a browser as the checks need: keeps cookies, follows no redirect by itself, runs no script.

use std::collections::BTreeMap;
use std::time::Duration;

use reqwest::header::{ACCEPT, COOKIE, HOST, HeaderMap, LOCATION, ORIGIN, SET_COOKIE};
use serde_json::Value;

const TIMEOUT: Duration = Duration::from_mins(1);
const CONNECT_TIMEOUT: Duration = Duration::from_secs(2);
const LARGEST_ANSWER: usize = 8 * 1024 * 1024;

/// A browser with the cookies of one site.
#[derive(Clone)]
pub struct Browser {
    client: reqwest::Client,
    cookies: BTreeMap<String, String>,
    names: Vec<Name>,
}

/// Where a site is that no name server knows.
#[derive(Clone)]
struct Name {
    site: String,
    address: String,
    host: String,
}

/// What a server answered.
pub struct Answer {
    /// The HTTP status.
    pub status: u16,
    /// The body; null when it is not JSON.
    pub body: Value,
    headers: HeaderMap,
}

impl Answer {
    /// Where the answer sends the browser.
    pub fn location(&self) -> Option<&str> {
        self.headers.get(LOCATION)?.to_str().ok()
    }

    /// Whether the answer sets a cookie whose name begins so.
    pub fn sets_cookie(&self, beginning: &str) -> bool {
        set_cookies(&self.headers).any(|cookie| cookie.starts_with(beginning))
    }
}

impl Browser {
    /// A browser without cookies.
    pub fn new() -> Result<Self, String> {
        let stack = postern::outside::http::HttpStack::new(None).map_err(|error| error.to_string())?;
        Ok(Self { client: stack.client(CONNECT_TIMEOUT, true), cookies: BTreeMap::new(), names: Vec::new() })
    }

    /// From now on, what begins with the origin `site` is asked of the origin `address`, under the name `host`.
    #[must_use]
    pub fn knowing(mut self, site: &str, address: &str, host: &str) -> Self {
        let [site, address, host] = [site, address, host].map(str::to_owned);
        self.names.push(Name { site, address, host });
        self
    }

    /// Opens a URL, as a click on a link does.
    pub async fn get(&mut self, url: &str) -> Result<Answer, String> {
        self.send(self.client.get(url)).await
    }

    /// Fetches a URL from a page of `origin`, with the cookies.
    pub async fn fetch(&mut self, url: &str, origin: &str) -> Result<Answer, String> {
        self.send(self.client.get(url).header(ORIGIN, origin).header(ACCEPT, "application/json")).await
    }

    async fn send(&mut self, request: reqwest::RequestBuilder) -> Result<Answer, String> {
        let cookies: Vec<String> =
            self.cookies.iter().map(|(name, value)| format!("{name}={value}")).collect();
        let request = if cookies.is_empty() { request } else { request.header(COOKIE, cookies.join("; ")) };
        let mut request = request.build().map_err(|error| error.without_url().to_string())?;
        self.find(&mut request)?;
        let answer = postern::outside::http::send(&self.client, request, TIMEOUT, LARGEST_ANSWER)
            .await
            .map_err(|failure| failure.to_string())?;
        for cookie in set_cookies(&answer.headers) {
            let pair = cookie.split(';').next().unwrap_or("");
            if let Some((name, value)) = pair.split_once('=') {
                if value.is_empty() || cookie.to_ascii_lowercase().contains("max-age=0") {
                    self.cookies.remove(name);
                } else {
                    self.cookies.insert(name.to_owned(), value.to_owned());
                }
            }
        }
        let body = serde_json::from_slice(&answer.body).unwrap_or(Value::Null);
        Ok(Answer { status: answer.status, body, headers: answer.headers })
    }

    fn find(&self, request: &mut reqwest::Request) -> Result<(), String> {
        let url = request.url().clone();
        let site = url.origin().ascii_serialization();
        let Some(name) = self.names.iter().find(|name| name.site == site) else { return Ok(()) };
        let there = format!("{}{}", name.address, &url.as_str()[site.len()..]);
        *request.url_mut() = there.parse().map_err(|_| format!("{} is no origin", name.address))?;
        let host = name.host.parse().map_err(|_| format!("{} is no host", name.host))?;
        request.headers_mut().insert(HOST, host);
        Ok(())
    }
}

fn set_cookies(headers: &HeaderMap) -> impl Iterator<Item = &str> {
    headers.get_all(SET_COOKIE).iter().filter_map(|cookie| cookie.to_str().ok())
}
