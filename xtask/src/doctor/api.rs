//! The API as its callers reach it.

use std::net::SocketAddr;
use std::time::Duration;

use postern::outside::http::{Answer, Failure, send};
use reqwest::header::HOST;
use reqwest::{Client, Method, RequestBuilder};
use url::Url;

/// Longer than a function may take: a cold start and the ten seconds of its timeout.
const TIMEOUT: Duration = Duration::from_secs(20);
const LARGEST_ANSWER: usize = 4 * 1024 * 1024;

/// Where the API is, and the client to ask it with.
pub(super) struct Api {
    base: Url,
    /// The address to connect to in place of what a name server says.
    address: Option<SocketAddr>,
    client: Client,
}

impl Api {
    pub(super) fn new(base: &str, address: Option<SocketAddr>, client: Client) -> Result<Self, String> {
        let base = Url::parse(base).map_err(|_| format!("the API's address {base:?} is not a URL"))?;
        Ok(Self { base, address, client })
    }

    /// The base URL.
    pub(super) fn url(&self) -> &str {
        self.base.as_str().trim_end_matches('/')
    }

    /// A request for `path`, which begins with a slash.
    pub(super) fn request(&self, method: Method, path: &str) -> RequestBuilder {
        let Some(address) = self.address else {
            return self.client.request(method, format!("{}{path}", self.url()));
        };
        let prefix = self.base.path().trim_end_matches('/');
        let host = self.base.authority();
        self.client.request(method, format!("http://{address}{prefix}{path}")).header(HOST, host)
    }

    /// Sends a request that [`Api::request`] made.
    pub(super) async fn send(&self, request: RequestBuilder) -> Result<Answer, Failure> {
        let request = request.build().map_err(|error| Failure::Broken(error.without_url()))?;
        send(&self.client, request, TIMEOUT, LARGEST_ANSWER).await
    }
}
