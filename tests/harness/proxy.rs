//! A TCP proxy on loopback between the functions and a back end. While it runs it can cut
//! connections, reset them, swallow requests, and delay answers or send them byte by byte. It
//! handles bytes only: for a [`Gate`] it notices where a request begins, and it never reads one.

mod connection;
mod gate;

use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::net::{TcpListener, TcpSocket};
use tokio::sync::{mpsc, oneshot};
use tokio::task::{AbortHandle, JoinSet};

use self::connection::Connection;
pub use self::gate::{Gate, Side};

/// What the proxy does with the bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    /// They pass.
    Pass,
    /// Every connection is closed, and new ones are refused.
    Cut,
    /// Answers come this much later.
    Delay(Duration),
    /// Answers come one byte at a time, with this pause before each.
    Drip(Duration),
    /// Each connection is reset after this many bytes of answers; with 0, as soon as it is used.
    ResetAfter(usize),
    /// Connections are accepted and requests are read, but nothing is passed on.
    BlackHole,
}

enum Order {
    Become(Mode),
    Close,
}

#[derive(Debug)]
struct Line {
    upstream: SocketAddr,
    gate: Gate,
    mode: Mutex<Mode>,
    connections: AtomicUsize,
    /// Connections up to this number are dead, which shows at their next use.
    stale: AtomicUsize,
}

impl Line {
    fn mode(&self) -> Mode {
        *self.mode.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn is_stale(&self, connection: usize) -> bool {
        connection <= self.stale.load(Ordering::SeqCst)
    }
}

/// A running proxy; it stops when it is dropped.
#[derive(Debug)]
pub struct Proxy {
    address: SocketAddr,
    line: Arc<Line>,
    orders: mpsc::UnboundedSender<(Order, oneshot::Sender<()>)>,
    task: AbortHandle,
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Proxy {
    /// Starts a proxy for the back end at `upstream`, `http://ADDRESS`. `gate` counts its requests.
    ///
    /// # Panics
    /// When `upstream` is no such URL, or loopback has no free port.
    pub async fn before(upstream: &str, gate: &Gate) -> Self {
        let upstream = upstream.strip_prefix("http://").and_then(|address| address.parse().ok());
        let upstream = upstream.expect("a back end's URL is http and an address");
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.expect("loopback has a free port");
        let address = listener.local_addr().expect("a bound listener has an address");
        let line = Arc::new(Line {
            upstream,
            gate: gate.clone(),
            mode: Mutex::new(Mode::Pass),
            connections: AtomicUsize::new(0),
            stale: AtomicUsize::new(0),
        });
        let (orders, received) = mpsc::unbounded_channel();
        #[expect(clippy::disallowed_methods, reason = "the proxy runs beside the test")]
        let task = tokio::spawn(run(listener, Arc::clone(&line), received)).abort_handle();
        Self { address, line, orders, task }
    }

    /// The base URL, without a slash at its end.
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Changes the mode of all connections, new and open.
    pub async fn set(&self, mode: Mode) {
        self.order(Order::Become(mode)).await;
    }

    /// Closes every connection cleanly, as a server does after it was idle for long.
    pub async fn close_connections(&self) {
        self.order(Order::Close).await;
    }

    /// Makes every open connection stale, as if the other end had vanished: it is reset at its next
    /// use.
    pub fn let_connections_go_stale(&self) {
        self.line.stale.store(self.connections(), Ordering::SeqCst);
    }

    /// How many connections were accepted so far.
    pub fn connections(&self) -> usize {
        self.line.connections.load(Ordering::SeqCst)
    }

    async fn order(&self, order: Order) {
        let (done, carried_out) = oneshot::channel();
        if self.orders.send((order, done)).is_ok() {
            // An error means that the proxy, and every connection with it, has ended.
            let _ = carried_out.await;
        }
    }
}

async fn run(
    listener: TcpListener,
    line: Arc<Line>,
    mut orders: mpsc::UnboundedReceiver<(Order, oneshot::Sender<()>)>,
) {
    let address = listener.local_addr().expect("a bound listener has an address");
    let mut listener = Some(listener);
    let mut connections = JoinSet::new();
    loop {
        let accepted = async {
            match &listener {
                Some(listener) => listener.accept().await,
                None => std::future::pending().await,
            }
        };
        let (order, done) = tokio::select! {
            accepted = accepted => {
                if let Ok((stream, _)) = accepted {
                    let number = line.connections.fetch_add(1, Ordering::SeqCst) + 1;
                    let line = Arc::clone(&line);
                    connections.spawn(async move { Connection::new(number, &line).carry(stream).await });
                }
                continue;
            }
            Some(_) = connections.join_next() => continue,
            Some(order) = orders.recv() => order,
            else => return,
        };
        if let Order::Become(mode) = order {
            *line.mode.lock().unwrap_or_else(PoisonError::into_inner) = mode;
            // A port where nobody listens refuses connections.
            listener = if mode == Mode::Cut { None } else { listener.or_else(|| listen(address).ok()) };
        }
        if matches!(order, Order::Close | Order::Become(Mode::Cut)) {
            connections.shutdown().await;
        }
        // Nobody waits for it any more, so there is nothing to do.
        let _ = done.send(());
    }
}

fn listen(address: SocketAddr) -> io::Result<TcpListener> {
    let socket = TcpSocket::new_v4()?;
    socket.set_reuseaddr(true)?;
    socket.bind(address)?;
    socket.listen(1024)
}
