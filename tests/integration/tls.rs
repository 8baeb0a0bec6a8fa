//! TLS: which servers are accepted as Google. The test's own server has certificates that are each
//! wrong in one way.

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use harness::world::{ANN, World};
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};
use rustls::pki_types::PrivateKeyDer;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio_rustls::TlsAcceptor;

const ANSWER: &str = "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 24\r\n\r\n{\"resultSizeEstimate\":0}";

pub(super) type Authority = CertifiedIssuer<'static, KeyPair>;

pub(super) fn authority() -> Authority {
    let mut parameters = CertificateParams::new(Vec::new()).unwrap();
    parameters.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    CertifiedIssuer::self_signed(parameters, KeyPair::generate().unwrap()).unwrap()
}

/// Serves an empty Gmail with a certificate of `authority` for `name` that expires in `ends_in`
/// seconds.
async fn serve(authority: &Authority, name: &str, ends_in: i64) -> String {
    let acceptor = acceptor(authority, name, ends_in);
    let listener = tokio::net::TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
    let address = listener.local_addr().unwrap();
    #[expect(clippy::disallowed_methods, reason = "the server runs beside the test")]
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            answer_once(&acceptor, stream).await;
        }
    });
    format!("https://localhost:{}", address.port())
}

/// Answers the connection's first request and closes it.
pub(super) async fn answer_once(acceptor: &TlsAcceptor, stream: TcpStream) {
    if let Ok(mut stream) = acceptor.accept(stream).await {
        let mut request = [0; 4096];
        let _ = stream.read(&mut request).await;
        let _ = stream.write_all(ANSWER.as_bytes()).await;
        let _ = stream.shutdown().await;
    }
}

pub(super) fn acceptor(authority: &Authority, name: &str, ends_in: i64) -> TlsAcceptor {
    #[expect(clippy::disallowed_methods, reason = "certificates are judged by the system's time")]
    let now = SystemTime::now();
    let mut parameters = CertificateParams::new(vec![name.to_owned()]).unwrap();
    parameters.not_before = (now - Duration::from_hours(48)).into();
    parameters.not_after = if ends_in < 0 {
        (now - Duration::from_secs(ends_in.unsigned_abs())).into()
    } else {
        (now + Duration::from_secs(ends_in.unsigned_abs())).into()
    };
    let key = KeyPair::generate().unwrap();
    let certificate = parameters.signed_by(&key, authority).unwrap();
    let config =
        rustls::ServerConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_no_client_auth()
            .with_single_cert(
                vec![certificate.der().clone()],
                PrivateKeyDer::Pkcs8(key.serialize_der().into()),
            )
            .unwrap();
    TlsAcceptor::from(Arc::new(config))
}

#[tokio::test]
async fn a64_a_server_that_is_not_vouched_for_is_not_google() {
    let (ours, other) = (authority(), authority());
    let roots = std::env::temp_dir().join(format!("postern-roots-{}.pem", std::process::id()));
    std::fs::write(&roots, ours.pem()).unwrap();
    let mut world = World::signed_in().await;
    let before = world.credential(ANN);
    for (authority, name, ends_in, status) in [
        (&ours, "localhost", 3600, 200),
        (&other, "localhost", 3600, 503),
        (&ours, "gmail.googleapis.com", 3600, 503),
        (&ours, "localhost", -3600, 503),
    ] {
        let url = serve(authority, name, ends_in).await;
        let extra = ("EXTRA_ROOT_CERTIFICATES", roots.to_str().unwrap());
        world.app = world.environment(&[("GMAIL_URL", &url), extra]);
        let answer = world.messages("").await;
        assert_eq!(answer.status, status, "{name} {ends_in}: {answer:?}");
    }
    // Without the extra root, the server is not trusted either.
    let url = serve(&ours, "localhost", 3600).await;
    world.configure(&[("GMAIL_URL", &url)]);
    assert_eq!(world.messages("").await.problem(), (503, "upstream_unavailable"));
    assert_eq!(world.credential(ANN), before);
    std::fs::remove_file(roots).unwrap();
}

#[tokio::test]
async fn a76_roots_that_cannot_be_read_are_a_configuration_error() {
    let world = World::new().await;
    let answer = world.misconfigured("EXTRA_ROOT_CERTIFICATES", Some("/nowhere/roots.pem")).await;
    assert_eq!(answer.problem(), (503, "config_error"));
    assert_eq!(answer.json()["variable"], "EXTRA_ROOT_CERTIFICATES");
}
