//! The back ends: TLS servers with a set latency and a price per new connection. They count calls
//! and connections, and their answers are built beforehand, so that they cost little CPU.

use std::collections::BTreeMap;
use std::io::{self, BufReader, Write as _};
use std::net::{TcpListener, TcpStream};
use std::ops::Sub;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError, RwLock};
use std::time::Duration;

use rustls::pki_types::PrivateKeyDer;
use rustls::{ServerConfig, ServerConnection, StreamOwned};
use serde::{Deserialize, Serialize};

use crate::answers::Answers;
use crate::http::Request;
use crate::{Result, spawn};

/// A back end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum BackEnd {
    DynamoDb,
    SecretsManager,
    Gmail,
    /// Google's token endpoint.
    Token,
    EventBridge,
}

impl BackEnd {
    pub(crate) const ALL: [Self; 5] =
        [Self::DynamoDb, Self::SecretsManager, Self::Gmail, Self::Token, Self::EventBridge];

    const fn name(self) -> &'static str {
        match self {
            Self::DynamoDb => "DynamoDB",
            Self::SecretsManager => "Secrets Manager",
            Self::Gmail => "Gmail",
            Self::Token => "Token endpoint",
            Self::EventBridge => "EventBridge",
        }
    }

    /// From a request to its answer.
    const fn latency(self) -> Duration {
        Duration::from_millis(match self {
            Self::DynamoDb => 4,
            Self::SecretsManager | Self::EventBridge => 8,
            Self::Gmail | Self::Token => 40,
        })
    }

    /// From the client's first message of a TLS handshake to the server's.
    const fn price_of_a_connection(self) -> Duration {
        Duration::from_millis(match self {
            Self::DynamoDb | Self::SecretsManager | Self::EventBridge => 1,
            Self::Gmail | Self::Token => 5,
        })
    }
}

/// How often something was called and connected to, or how often per request.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct Counts {
    pub(crate) calls: BTreeMap<String, f64>,
    pub(crate) connections: BTreeMap<String, f64>,
}

impl Counts {
    /// Rounded to thousandths, without what did not happen.
    pub(crate) fn per(self, requests: u32) -> Self {
        let share = |count: f64| (count / f64::from(requests) * 1000.0).round() / 1000.0;
        let shares = |counts: BTreeMap<String, f64>| {
            counts.into_iter().map(|(name, count)| (name, share(count))).filter(|(_, count)| *count > 0.0)
        };
        Self { calls: shares(self.calls).collect(), connections: shares(self.connections).collect() }
    }
}

/// Such as `GetItem, 2 × PutItem`.
pub(crate) fn listed(counts: &BTreeMap<String, f64>) -> String {
    let each = |(name, count): (&String, &f64)| {
        if (count - 1.0).abs() < f64::EPSILON { name.clone() } else { format!("{count} × {name}") }
    };
    let each: Vec<String> = counts.iter().map(each).collect();
    if each.is_empty() { "none".to_owned() } else { each.join(", ") }
}

impl Sub<&Self> for Counts {
    type Output = Self;

    fn sub(mut self, earlier: &Self) -> Self {
        for (name, count) in &earlier.calls {
            *self.calls.entry(name.clone()).or_default() -= count;
        }
        for (name, count) in &earlier.connections {
            *self.connections.entry(name.clone()).or_default() -= count;
        }
        self
    }
}

struct Shared {
    answers: RwLock<Arc<Answers>>,
    counts: Mutex<Counts>,
    is_slow: AtomicBool,
}

/// The running back ends.
pub(crate) struct Stubs {
    shared: Arc<Shared>,
    ports: [u16; BackEnd::ALL.len()],
    /// The certificate of every back end.
    pub(crate) certificate: String,
}

impl Stubs {
    pub(crate) fn start(answers: Answers) -> Result<Self> {
        let signed = rcgen::generate_simple_self_signed(vec!["localhost".to_owned()])?;
        let key = PrivateKeyDer::Pkcs8(signed.signing_key.serialize_der().into());
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let tls = ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()?
            .with_no_client_auth()
            .with_single_cert(vec![signed.cert.der().clone()], key)?;
        let tls = Arc::new(tls);
        let shared = Arc::new(Shared {
            answers: RwLock::new(Arc::new(answers)),
            counts: Mutex::default(),
            is_slow: AtomicBool::new(true),
        });
        let mut ports = [0; BackEnd::ALL.len()];
        for (port, back_end) in ports.iter_mut().zip(BackEnd::ALL) {
            let listener = TcpListener::bind("127.0.0.1:0")?;
            *port = listener.local_addr()?.port();
            let (shared, tls) = (Arc::clone(&shared), Arc::clone(&tls));
            spawn(move || {
                for stream in listener.incoming().flatten() {
                    let (shared, tls) = (Arc::clone(&shared), Arc::clone(&tls));
                    // A function that is ended breaks its connections.
                    spawn(move || drop(shared.serve(back_end, tls, stream)));
                }
            });
        }
        Ok(Self { shared, ports, certificate: signed.cert.pem() })
    }

    /// The base URL of a back end.
    pub(crate) fn url(&self, back_end: BackEnd) -> String {
        let position = BackEnd::ALL.iter().position(|candidate| *candidate == back_end).unwrap_or_default();
        format!("https://localhost:{}", self.ports[position])
    }

    /// Other answers from now on.
    pub(crate) fn answer_with(&self, answers: Answers) {
        *self.shared.answers.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(answers);
    }

    /// Whether the back ends have their latency and price. Without them they answer at once.
    pub(crate) fn be_slow(&self, is_slow: bool) {
        self.shared.is_slow.store(is_slow, Ordering::Relaxed);
    }

    /// What happened so far.
    pub(crate) fn counts(&self) -> Counts {
        self.shared.counts.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

impl Shared {
    fn serve(&self, back_end: BackEnd, tls: Arc<ServerConfig>, tcp: TcpStream) -> Result<()> {
        tcp.set_nodelay(true)?;
        if tcp.peek(&mut [0])? == 0 {
            return Ok(());
        }
        self.count(|counts| counts.connections.entry(back_end.name().to_owned()));
        self.pause(back_end.price_of_a_connection());
        let connection = ServerConnection::new(tls).map_err(io::Error::other)?;
        let mut stream = BufReader::new(StreamOwned::new(connection, tcp));
        while let Some(request) = Request::read(&mut stream)? {
            let answers = Arc::clone(&self.answers.read().unwrap_or_else(PoisonError::into_inner));
            let (operation, answer) = answers.find(back_end, &request);
            self.count(|counts| counts.calls.entry(operation.to_owned()));
            self.pause(back_end.latency());
            stream.get_mut().write_all(answer)?;
            stream.get_mut().flush()?;
        }
        Ok(())
    }

    fn count(&self, entry: impl FnOnce(&mut Counts) -> std::collections::btree_map::Entry<'_, String, f64>) {
        let mut counts = self.counts.lock().unwrap_or_else(PoisonError::into_inner);
        *entry(&mut counts).or_default() += 1.0;
    }

    fn pause(&self, duration: Duration) {
        if self.is_slow.load(Ordering::Relaxed) {
            std::thread::sleep(duration);
        }
    }
}
