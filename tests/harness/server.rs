//! The HTTP server behind each fake: reads whole requests, sends answers, resets a connection on
//! demand.

use std::future::Future;
use std::net::SocketAddr;

use bytes::Bytes;
use http_body_util::combinators::BoxBody;
use http_body_util::{BodyExt, Full, LengthLimitError, Limited};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Request, Response, StatusCode};
use hyper_util::rt::TokioIo;
use tokio::net::{TcpListener, TcpStream};
use tokio::task::{AbortHandle, JoinSet};

/// The largest request that API Gateway takes. The fakes take no larger one either.
const LARGEST_REQUEST: usize = 10 * 1024 * 1024;

/// An answer on its way.
pub(crate) type Reply = Response<BoxBody<Bytes, Cut>>;

/// How a connection ends, instead of an answer or in the middle of its body.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Cut {
    /// It is closed cleanly.
    Close,
    /// It is reset.
    Reset,
}

impl std::fmt::Display for Cut {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str("the connection is cut")
    }
}

impl std::error::Error for Cut {}

/// A body that is sent at once.
pub(crate) fn whole(body: impl Into<Bytes>) -> BoxBody<Bytes, Cut> {
    Full::new(body.into()).map_err(|never| match never {}).boxed()
}

/// A running server. Dropping it ends it and every connection.
#[derive(Debug)]
pub(crate) struct Server {
    pub(crate) address: SocketAddr,
    task: AbortHandle,
}

impl Drop for Server {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Server {
    /// Serves every request on `listener` with `answer`.
    pub(crate) fn start<A, F>(listener: TcpListener, answer: A) -> Self
    where
        A: Fn(Request<Bytes>) -> F + Clone + Send + Sync + 'static,
        F: Future<Output = Result<Reply, Cut>> + Send + 'static,
    {
        let address = listener.local_addr().expect("a bound listener has an address");
        #[expect(clippy::disallowed_methods, reason = "a fake runs beside the test")]
        let task = tokio::spawn(async move {
            let mut connections = JoinSet::new();
            loop {
                tokio::select! {
                    accepted = listener.accept() => if let Ok((stream, _)) = accepted {
                        connections.spawn(serve(stream, answer.clone()));
                    },
                    Some(_) = connections.join_next() => {}
                }
            }
        });
        Self { address, task: task.abort_handle() }
    }
}

async fn serve<A, F>(stream: TcpStream, answer: A)
where
    A: Fn(Request<Bytes>) -> F + Clone + Send + Sync + 'static,
    F: Future<Output = Result<Reply, Cut>> + Send + 'static,
{
    // Small answers must not wait for delayed acknowledgements.
    let _ = stream.set_nodelay(true);
    let service = service_fn(|request: Request<Incoming>| {
        let answer = answer.clone();
        async move {
            let (head, body) = request.into_parts();
            match Limited::new(body, LARGEST_REQUEST).collect().await {
                Ok(body) => answer(Request::from_parts(head, body.to_bytes())).await,
                Err(error) if error.is::<LengthLimitError>() => {
                    let mut reply = Response::new(whole("The request is too large.\n"));
                    *reply.status_mut() = StatusCode::PAYLOAD_TOO_LARGE;
                    Ok(reply)
                }
                Err(_) => Err(Cut::Close),
            }
        }
    });
    let mut connection = http1::Builder::new().serve_connection(TokioIo::new(stream), service);
    if let Err(error) = (&mut connection).await {
        let stream = connection.into_parts().io.into_inner();
        let cut = std::error::Error::source(&error).and_then(|cause| cause.downcast_ref());
        if cut == Some(&Cut::Reset) {
            // If this fails, the peer sees an early end of the stream, which is an error too.
            let _ = stream.set_zero_linger();
        }
    }
}
