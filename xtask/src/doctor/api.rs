//! The API as its callers reach it.

use std::net::SocketAddr;
use std::time::Duration;

use postern::outside::http::{Answer, Failure, send};
use reqwest::header::HOST;
use reqwest::{Client, Method, RequestBuilder};
use url::{Host, Url};

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
        // RFC 6761 section 6.3: these names mean this machine, but not every resolver knows.
        let is_this_machine = matches!(base.host(), Some(Host::Domain(name)) if name.ends_with(".localhost"));
        let here = || SocketAddr::from(([127, 0, 0, 1], base.port_or_known_default().unwrap_or(80)));
        let address = address.or_else(|| is_this_machine.then(here));
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
