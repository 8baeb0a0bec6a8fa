//! As much of a browser as the checks need: keeps cookies, follows no redirect by itself, runs no
//! script.

use std::collections::BTreeMap;
use std::time::Duration;

use postern::outside::http::{HttpStack, send};
use reqwest::header::{ACCEPT, CONTENT_TYPE, COOKIE, HOST, HeaderMap, LOCATION, ORIGIN, SET_COOKIE};
use serde_json::Value;
use tokio::time::{Instant, sleep};

const TIMEOUT: Duration = Duration::from_mins(1);
const CONNECT_TIMEOUT: Duration = Duration::from_secs(2);
const LARGEST_ANSWER: usize = 8 * 1024 * 1024;

/// A browser with the cookies of one site.
#[derive(Clone)]
pub struct Browser {
    client: reqwest::Client,
    cookies: BTreeMap<String, String>,
    /// A site that no name server knows: its origin, the origin to ask in its place, and the host
    /// to ask for.
    known: Option<[String; 3]>,
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
        self.header(LOCATION.as_str())
    }

    /// A header of the answer.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name)?.to_str().ok()
    }

    /// Whether the answer sets a cookie whose name begins so.
    pub fn sets_cookie(&self, beginning: &str) -> bool {
        set_cookies(&self.headers).any(|cookie| cookie.starts_with(beginning))
    }
}

impl Browser {
    /// A browser without cookies.
    pub fn new() -> Result<Self, String> {
        let stack = HttpStack::new(None).map_err(|error| error.to_string())?;
        Ok(Self { client: stack.client(CONNECT_TIMEOUT, true), cookies: BTreeMap::new(), known: None })
    }

    /// From now on, what begins with the origin `site` is asked of `address`, under the name
    /// `host`.
    #[must_use]
    pub fn knowing(mut self, site: &str, address: &str, host: &str) -> Self {
        self.known = Some([site, address, host].map(str::to_owned));
        self
    }

    /// Opens a URL, as a click on a link does.
    pub async fn get(&mut self, url: &str) -> Result<Answer, String> {
        self.send(self.client.get(url)).await
    }

    /// Likewise, of a program that is starting: asks until it answers, for so long at most.
    pub async fn first_answer(&mut self, url: &str, at_most: Duration) -> Result<Answer, String> {
        let deadline = Instant::now() + at_most;
        loop {
            match self.get(url).await {
                Err(_) if Instant::now() < deadline => sleep(Duration::from_millis(100)).await,
                outcome => return outcome,
            }
        }
    }

    /// Fetches a URL from a page of `origin`, with the cookies.
    pub async fn fetch(&mut self, url: &str, origin: &str) -> Result<Answer, String> {
        self.send(self.client.get(url).header(ORIGIN, origin).header(ACCEPT, "application/json")).await
    }

    /// Sends a change from a page of `origin`, with the cookies; a body as JSON.
    pub(crate) async fn change(
        &mut self,
        method: &str,
        url: &str,
        origin: &str,
        body: Option<&Value>,
    ) -> Result<Answer, String> {
        let method = method.parse().map_err(|_| format!("{method} is no method"))?;
        let request = self.client.request(method, url).header(ORIGIN, origin);
        let mut request = request.header("X-Requested-With", "XMLHttpRequest");
        if let Some(body) = body {
            request = request.header(CONTENT_TYPE, "application/json").body(body.to_string());
        }
        self.send(request).await
    }

    /// Submits a form from a script on a page of `origin`, with the cookies.
    pub(crate) async fn submit(&mut self, url: &str, origin: &str, form: String) -> Result<Answer, String> {
        let request = self.client.post(url).header(ORIGIN, origin);
        self.send(request.header(CONTENT_TYPE, "application/x-www-form-urlencoded").body(form)).await
    }

    /// Posts a body of some type, as another server does.
    pub async fn deliver(&mut self, url: &str, content_type: &str, body: String) -> Result<Answer, String> {
        self.send(self.client.post(url).header(CONTENT_TYPE, content_type).body(body)).await
    }

    async fn send(&mut self, mut request: reqwest::RequestBuilder) -> Result<Answer, String> {
        if !self.cookies.is_empty() {
            let cookies = self.cookies.iter().map(|(name, value)| format!("{name}={value}"));
            request = request.header(COOKIE, cookies.collect::<Vec<_>>().join("; "));
        }
        let mut request = request.build().map_err(|error| error.without_url().to_string())?;
        let site = request.url().origin().ascii_serialization();
        if let Some([_, address, host]) = self.known.as_ref().filter(|[known, ..]| *known == site) {
            let there = format!("{address}{}", &request.url().as_str()[site.len()..]);
            *request.url_mut() = there.parse().map_err(|_| format!("{address} is no origin"))?;
            let host = host.parse().map_err(|_| format!("{host} is no host"))?;
            request.headers_mut().insert(HOST, host);
        }
        let answer = send(&self.client, request, TIMEOUT, LARGEST_ANSWER).await;
        let answer = answer.map_err(|failure| failure.to_string())?;
        for cookie in set_cookies(&answer.headers) {
            let Some((name, value)) = cookie.split(';').next().unwrap_or("").split_once('=') else {
                continue;
            };
            if value.is_empty() || cookie.to_ascii_lowercase().contains("max-age=0") {
                self.cookies.remove(name);
            } else {
                self.cookies.insert(name.to_owned(), value.to_owned());
            }
        }
        let body = serde_json::from_slice(&answer.body).unwrap_or(Value::Null);
        Ok(Answer { status: answer.status, body, headers: answer.headers })
    }
}

fn set_cookies(headers: &HeaderMap) -> impl Iterator<Item = &str> {
    headers.get_all(SET_COOKIE).iter().filter_map(|cookie| cookie.to_str().ok())
}
