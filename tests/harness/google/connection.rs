//! The TCP side of the fake: connections that can be reset before or after their request was read.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use axum::extract::connect_info::Connected;
use axum::serve::{IncomingStream, Listener};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::{TcpListener, TcpStream};

use super::calls::{Call, Endpoint};
use super::state::Shared;

/// Cuts the connection that a request came on: its next read or write resets it.
#[derive(Clone, Debug, Default)]
pub(super) struct Scissors(Arc<AtomicBool>);

impl Scissors {
    pub(super) fn cut(&self) {
        self.0.store(true, Ordering::SeqCst);
    }

    fn is_cut(&self) -> bool {
        self.0.load(Ordering::SeqCst)
    }
}

impl Connected<IncomingStream<'_, Door>> for Scissors {
    fn connect_info(stream: IncomingStream<'_, Door>) -> Self {
        stream.remote_addr().clone()
    }
}

/// A listener whose connections look at each request before it is read.
#[derive(Debug)]
pub(super) struct Door {
    pub(super) listener: TcpListener,
    pub(super) shared: Arc<Shared>,
}

impl Listener for Door {
    type Io = Line;
    type Addr = Scissors;

    async fn accept(&mut self) -> (Line, Scissors) {
        loop {
            if let Ok((stream, _)) = self.listener.accept().await {
                // Small answers must not wait for a delayed acknowledgement.
                let _ = stream.set_nodelay(true);
                let scissors = Scissors::default();
                let line = Line { stream, scissors: scissors.clone(), shared: Arc::clone(&self.shared) };
                return (line, scissors);
            }
            // Out of file descriptors, most likely: wait for some to be closed.
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }

    fn local_addr(&self) -> io::Result<Scissors> {
        Ok(Scissors::default())
    }
}

/// One connection.
#[derive(Debug)]
pub(super) struct Line {
    stream: TcpStream,
    scissors: Scissors,
    shared: Arc<Shared>,
}

impl Line {
    /// Makes the close that follows a reset instead of an orderly end.
    fn reset(&self) -> io::Error {
        // Without it the peer sees an early end of the stream, which is an error to it all the same.
        let _ = self.stream.set_zero_linger();
        io::ErrorKind::ConnectionReset.into()
    }

    /// Looks at the bytes that wait to be read; says whether they begin a request that is to be cut off.
    fn poll_unwanted(&self, context: &mut Context<'_>) -> Poll<io::Result<bool>> {
        if !self.shared.state().failures.watch_first_lines() {
            return Poll::Ready(Ok(false));
        }
        let mut space = [0; 2048];
        let mut buffer = ReadBuf::new(&mut space);
        ready!(self.stream.poll_peek(context, &mut buffer))?;
        let Some(call) = first_line(buffer.filled()) else { return Poll::Ready(Ok(false)) };
        let mut state = self.shared.state();
        let is_unwanted = state.failures.take_reset_before_reading(call.endpoint);
        if is_unwanted {
            state.calls.record(call);
        }
        Poll::Ready(Ok(is_unwanted))
    }
}

/// The call that a request line announces.
fn first_line(bytes: &[u8]) -> Option<Call> {
    let line = bytes.split(|byte| *byte == b'\r').next()?;
    let mut words = std::str::from_utf8(line).ok()?.split(' ');
    let (method, target, version) = (words.next()?, words.next()?, words.next()?);
    let (path, query) = target.split_once('?').unwrap_or((target, ""));
    (version == "HTTP/1.1").then_some(())?;
    Some(Call {
        endpoint: Endpoint::at(path)?,
        method: method.into(),
        path: path.into(),
        query: form_urlencoded::parse(query.as_bytes()).into_owned().collect(),
        headers: Vec::new(),
        body: String::new(),
        status: None,
        batched: false,
    })
}

impl AsyncRead for Line {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        if self.scissors.is_cut() {
            return Poll::Ready(Err(self.reset()));
        }
        if ready!(self.poll_unwanted(context))? {
            self.scissors.cut();
            return Poll::Ready(Err(self.reset()));
        }
        Pin::new(&mut self.stream).poll_read(context, buffer)
    }
}

impl AsyncWrite for Line {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        if self.scissors.is_cut() {
            return Poll::Ready(Err(self.reset()));
        }
        Pin::new(&mut self.stream).poll_write(context, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        if self.scissors.is_cut() {
            return Poll::Ready(Err(self.reset()));
        }
        Pin::new(&mut self.stream).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        if self.scissors.is_cut() {
            return Poll::Ready(Err(self.reset()));
        }
        Pin::new(&mut self.stream).poll_shutdown(context)
    }
}
