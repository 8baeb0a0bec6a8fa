//! Connections that are opened before they are needed and used again.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use hyper::client::conn::http1::{SendRequest, handshake};
use hyper::http::request::Builder;
use hyper::{Uri, header};
use hyper_util::rt::TokioIo;
use lambda_runtime::Error;
use tokio::net::TcpStream;
use tokio::task::JoinHandle;
use tokio_rustls::TlsConnector;
use tokio_rustls::rustls::crypto::ring::default_provider;
use tokio_rustls::rustls::pki_types::pem::PemObject;
use tokio_rustls::rustls::pki_types::{CertificateDer, ServerName};
use tokio_rustls::rustls::{ClientConfig, RootCertStore};

enum Connection {
    Opening(JoinHandle<Result<SendRequest<Full<Bytes>>, Error>>),
    Idle(SendRequest<Full<Bytes>>),
}

pub(crate) struct Connections {
    tls: TlsConnector,
    /// By authority.
    kept: Mutex<Vec<(String, Connection)>>,
}

impl Connections {
    pub(crate) fn new(extra_roots: Option<String>) -> Result<Self, Error> {
        let mut roots = RootCertStore { roots: webpki_roots::TLS_SERVER_ROOTS.into() };
        if let Some(path) = extra_roots {
            for certificate in CertificateDer::pem_file_iter(path)? {
                roots.add(certificate?)?;
            }
        }
        let tls = ClientConfig::builder_with_provider(Arc::new(default_provider()))
            .with_safe_default_protocol_versions()?
            .with_root_certificates(roots)
            .with_no_client_auth();
        Ok(Self { tls: TlsConnector::from(Arc::new(tls)), kept: Mutex::default() })
    }

    /// Sends a request and returns the body of the answer.
    pub(crate) async fn send(&self, uri: &Uri, request: Builder, body: Bytes) -> Result<Bytes, Error> {
        let host = authority(uri);
        let mut connection = self.connection(uri).await?;
        let request = request.header(header::HOST, host).body(Full::new(body))?;
        let answer = connection.send_request(request).await?;
        let status = answer.status();
        let body = answer.into_body().collect().await?.to_bytes();
        self.kept().push((host.to_owned(), Connection::Idle(connection)));
        if status.is_success() { Ok(body) } else { Err(format!("{host} answered {status}").into()) }
    }

    /// Begins a connection without waiting for it.
    pub(crate) fn open(&'static self, uri: &'static Uri) {
        let opening = Connection::Opening(tokio::spawn(self.connect(uri)));
        self.kept().push((authority(uri).to_owned(), opening));
    }

    /// An open connection, or a new one.
    async fn connection(&self, uri: &Uri) -> Result<SendRequest<Full<Bytes>>, Error> {
        loop {
            let kept = {
                let mut connections = self.kept();
                let place = connections.iter().position(|(host, _)| host == authority(uri));
                place.map(|place| connections.swap_remove(place).1)
            };
            let mut connection = match kept {
                None => return self.connect(uri).await,
                Some(Connection::Opening(opening)) => opening.await??,
                Some(Connection::Idle(connection)) => connection,
            };
            if connection.ready().await.is_ok() {
                return Ok(connection);
            }
        }
    }

    async fn connect(&self, uri: &Uri) -> Result<SendRequest<Full<Bytes>>, Error> {
        let host = uri.host().ok_or("a URL has no host")?;
        let stream = TcpStream::connect((host, uri.port_u16().unwrap_or(443))).await?;
        stream.set_nodelay(true)?;
        let stream = self.tls.connect(ServerName::try_from(host.to_owned())?, stream).await?;
        let (sender, connection) = handshake(TokioIo::new(stream)).await?;
        tokio::spawn(connection);
        Ok(sender)
    }

    fn kept(&self) -> MutexGuard<'_, Vec<(String, Connection)>> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

pub(crate) fn authority(uri: &Uri) -> &str {
    uri.authority().map_or("", |authority| authority.as_str())
}
