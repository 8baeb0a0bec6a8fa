//! The one HTTP stack of a process, with one TLS configuration (ring, built-in roots). It carries
//! the calls to Google and, through [`aws::Connector`], those of the AWS SDK.

mod ahead;
pub mod aws;

use std::ops::Deref;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use futures_util::FutureExt;
use postern_rules::config::{ConfigError, names};
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use rustls::{CipherSuite, ClientConfig, RootCertStore};
use zeroize::Zeroizing;

use self::ahead::FirstConnection;

/// Idle connections are closed after this time: they are dead after a long freeze (F03, F68).
const IDLE: Duration = Duration::from_secs(20);
/// Idle connections that are kept to each host: fewer than the three attempts of a call, so that
/// the last attempt opens a connection of its own when all of these are dead (F03).
const IDLE_CONNECTIONS: usize = 2;

/// Why a request got no complete response. Contains no URL, header or body.
#[derive(Debug, thiserror::Error)]
pub enum Failure {
    /// No connection could be made, so the request was not sent.
    #[error("no connection")]
    NotConnected(#[source] reqwest::Error),
    /// The time ran out. The request may have been processed.
    #[error("timed out")]
    TimedOut,
    /// The connection broke after the request was sent, or the response was not HTTP.
    #[error("the connection broke")]
    Broken(#[source] reqwest::Error),
    /// The body exceeds the limit.
    #[error("the answer is too large")]
    TooLarge,
}

impl Failure {
    fn from_reqwest(error: reqwest::Error) -> Self {
        let error = error.without_url();
        if error.is_connect() {
            Self::NotConnected(error)
        } else if error.is_timeout() {
            Self::TimedOut
        } else {
            Self::Broken(error)
        }
    }
}

/// A complete response.
pub struct Answer {
    /// The HTTP status.
    pub status: u16,
    /// The headers.
    pub headers: reqwest::header::HeaderMap,
    /// The body. It is zeroed when dropped because it may contain tokens.
    pub body: Zeroizing<Vec<u8>>,
}

/// Makes the process's clients.
#[derive(Clone)]
pub struct HttpStack {
    tls: ClientConfig,
}

impl HttpStack {
    /// The stack with Mozilla's root certificates and those in the PEM file `extra_roots`.
    ///
    /// # Panics
    ///
    /// Never: ring supports the protocol versions that rustls asks for.
    pub fn new(extra_roots: Option<&Path>) -> Result<Self, ConfigError> {
        let mut roots = RootCertStore { roots: webpki_roots::TLS_SERVER_ROOTS.to_vec() };
        if let Some(path) = extra_roots {
            add_roots(&mut roots, path).ok_or(names::EXTRA_ROOT_CERTIFICATES.unusable())?;
        }
        let mut provider = rustls::crypto::ring::default_provider();
        // AES-128 with SHA-256 first: x86-64 and arm64 processors have instructions for that hash,
        // and most have none for SHA-384.
        provider.cipher_suites.sort_by_key(|suite| suite.suite() != CipherSuite::TLS13_AES_128_GCM_SHA256);
        let tls = ClientConfig::builder_with_provider(Arc::new(provider))
            .with_safe_default_protocol_versions()
            .expect("ring supports the default protocol versions")
            .with_root_certificates(roots)
            .with_no_client_auth();
        Ok(Self { tls })
    }

    /// A client that gives up connecting after `connect_timeout`, follows no redirects and ignores
    /// proxy variables. Unless it is `pooled`, it opens a new connection for each request.
    ///
    /// # Panics
    ///
    /// Never in practice: the TLS configuration is this function's own.
    pub fn client(&self, connect_timeout: Duration, pooled: bool) -> reqwest::Client {
        Self::built(self.builder(connect_timeout, pooled))
    }

    /// A pooled client for one host, whose first connection can be opened ahead of its first
    /// request.
    pub fn early_client(&self, connect_timeout: Duration) -> EarlyClient {
        let first = FirstConnection::default();
        let builder = self.builder(connect_timeout, true).connector_layer(first.clone());
        EarlyClient { client: Self::built(builder), first }
    }

    #[expect(clippy::disallowed_methods, reason = "the one place that makes HTTP clients")]
    fn builder(&self, connect_timeout: Duration, pooled: bool) -> reqwest::ClientBuilder {
        reqwest::Client::builder()
            .use_preconfigured_tls(self.tls.clone())
            .redirect(reqwest::redirect::Policy::none())
            .referer(false)
            .no_proxy()
            .connect_timeout(connect_timeout)
            .pool_idle_timeout(IDLE)
            .pool_max_idle_per_host(if pooled { IDLE_CONNECTIONS } else { 0 })
            .tcp_nodelay(true)
    }

    fn built(builder: reqwest::ClientBuilder) -> reqwest::Client {
        builder.build().expect("the TLS configuration is rustls's own")
    }
}

/// A client for one host, whose first connection can be opened ahead of its first request.
#[derive(Clone)]
pub struct EarlyClient {
    client: reqwest::Client,
    first: FirstConnection,
}

impl EarlyClient {
    /// Begins to open the first connection, to the host of `url`, and does not wait for it. All
    /// requests of this client must go to that host. Does nothing after the first request.
    pub fn open(&self, url: &str) {
        self.first.open(|| {
            let _ = self.client.get(url).send().now_or_never();
        });
    }

    /// Closes what [`EarlyClient::open`] opened, if no request has used it.
    pub fn close_unused(&self) {
        self.first.close();
    }
}

impl Deref for EarlyClient {
    type Target = reqwest::Client;

    fn deref(&self) -> &reqwest::Client {
        &self.client
    }
}

/// Sends `request` and reads the response within `timeout`. The body may have `limit` bytes.
pub async fn send(
    client: &reqwest::Client,
    request: reqwest::Request,
    timeout: Duration,
    limit: usize,
) -> Result<Answer, Failure> {
    let exchange = async {
        let mut response = client.execute(request).await.map_err(Failure::from_reqwest)?;
        let mut body = Zeroizing::new(Vec::new());
        while let Some(chunk) = response.chunk().await.map_err(Failure::from_reqwest)? {
            if body.len() + chunk.len() > limit {
                return Err(Failure::TooLarge);
            }
            body.extend_from_slice(&chunk);
        }
        Ok(Answer {
            status: response.status().as_u16(),
            headers: std::mem::take(response.headers_mut()),
            body,
        })
    };
    tokio::time::timeout(timeout, exchange).await.unwrap_or(Err(Failure::TimedOut))
}

fn add_roots(roots: &mut RootCertStore, path: &Path) -> Option<()> {
    let certificates: Vec<CertificateDer<'_>> =
        CertificateDer::pem_file_iter(path).ok()?.collect::<Result<_, _>>().ok()?;
    let (added, _) = roots.add_parsable_certificates(certificates);
    (added > 0).then_some(())
}
