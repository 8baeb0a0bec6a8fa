//! One connection through the proxy: two streams of bytes, and the places where requests begin.

use std::io;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use tokio::net::TcpStream;

use super::{Line, Mode, Side};

/// A connection. A request begins with the first bytes that follow an answer.
pub(super) struct Connection<'a> {
    line: &'a Line,
    number: usize,
    request: AtomicUsize,
    answered: AtomicBool,
}

impl<'a> Connection<'a> {
    pub(super) fn new(number: usize, line: &'a Line) -> Self {
        Self { line, number, request: AtomicUsize::new(0), answered: AtomicBool::new(true) }
    }

    /// Copies bytes both ways until an end closes. An error means that the connection must be
    /// reset.
    pub(super) async fn carry(&self, client: TcpStream) {
        let Ok(upstream) = TcpStream::connect(self.line.upstream).await else { return };
        let _ = (client.set_nodelay(true), upstream.set_nodelay(true));
        let outcome = tokio::select! {
            outcome = self.carry_requests(&client, &upstream) => outcome,
            outcome = self.carry_answers(&upstream, &client) => outcome,
        };
        if outcome.is_err() {
            // If this fails, the peer sees an early end of the stream, which is an error too.
            let _ = client.set_zero_linger();
        }
    }

    async fn carry_requests(&self, client: &TcpStream, upstream: &TcpStream) -> io::Result<()> {
        let mut buffer = vec![0; 64 * 1024];
        loop {
            let length = read(client, &mut buffer).await?;
            if length == 0 {
                return Ok(());
            }
            let mode = self.line.mode();
            if self.line.is_stale(self.number) || mode == Mode::ResetAfter(0) {
                return Err(io::ErrorKind::ConnectionReset.into());
            }
            if self.answered.swap(false, Ordering::SeqCst) {
                self.request.store(self.line.gate.begin(), Ordering::SeqCst);
            }
            self.line.gate.pass(self.request.load(Ordering::SeqCst), Side::Before).await;
            if mode != Mode::BlackHole {
                write(upstream, &buffer[..length]).await?;
            }
        }
    }

    async fn carry_answers(&self, upstream: &TcpStream, client: &TcpStream) -> io::Result<()> {
        let mut buffer = vec![0; 64 * 1024];
        let mut passed = 0;
        loop {
            let length = read(upstream, &mut buffer).await?;
            if length == 0 {
                return Ok(());
            }
            self.line.gate.pass(self.request.load(Ordering::SeqCst), Side::After).await;
            self.answered.store(true, Ordering::SeqCst);
            match self.line.mode() {
                Mode::Pass | Mode::Cut => write(client, &buffer[..length]).await?,
                Mode::Delay(pause) => {
                    tokio::time::sleep(pause).await;
                    write(client, &buffer[..length]).await?;
                }
                Mode::Drip(pause) => {
                    for byte in &buffer[..length] {
                        tokio::time::sleep(pause).await;
                        write(client, std::slice::from_ref(byte)).await?;
                    }
                }
                Mode::ResetAfter(limit) => {
                    let room = limit.saturating_sub(passed).min(length);
                    write(client, &buffer[..room]).await?;
                    passed += room;
                    if passed >= limit {
                        return Err(io::ErrorKind::ConnectionReset.into());
                    }
                }
                Mode::BlackHole => {}
            }
        }
    }
}

async fn read(stream: &TcpStream, buffer: &mut [u8]) -> io::Result<usize> {
    loop {
        stream.readable().await?;
        match stream.try_read(buffer) {
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
            outcome => return outcome,
        }
    }
}

async fn write(stream: &TcpStream, mut bytes: &[u8]) -> io::Result<()> {
    while !bytes.is_empty() {
        stream.writable().await?;
        match stream.try_write(bytes) {
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
            outcome => bytes = &bytes[outcome?..],
        }
    }
    Ok(())
}
