//! The front of the AWS back ends: takes their JSON protocol from the wire, records each call and spoils those
//! that a test wants spoilt. It knows no service.

use std::future::Future;
use std::net::SocketAddr;
use std::sync::Arc;

use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper::header::{CONTENT_TYPE, HeaderValue};
use hyper::service::service_fn;
use hyper::{Request, Response, StatusCode};
use hyper_util::rt::TokioIo;
use serde_json::{Value, json};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::{AbortHandle, JoinSet};

use crate::calls::{Call, Fault, Log};

/// A service behind the front.
pub trait Backend: Send + Sync + 'static {
    /// What AWS writes before the name of an exception in this service's `__type`.
    const EXCEPTION_PREFIX: &'static str;
    /// The content type of its answers.
    const CONTENT_TYPE: &'static str;

    /// Carries the call out.
    fn answer(
        &self,
        operation: &str,
        request: Request<Bytes>,
    ) -> impl Future<Output = Response<Bytes>> + Send;
}

/// A back end on loopback, with the log of its calls. Clones are the same back end; it stops with the last.
pub struct Service<B> {
    pub(crate) backend: Arc<B>,
    address: SocketAddr,
    log: Log,
    running: Arc<Running>,
}

// By hand, for `derive` would ask the back end itself to be `Clone`.
impl<B> Clone for Service<B> {
    fn clone(&self) -> Self {
        Self {
            backend: Arc::clone(&self.backend),
            address: self.address,
            log: self.log.clone(),
            running: Arc::clone(&self.running),
        }
    }
}

impl<B> std::fmt::Debug for Service<B> {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { address, log, running, .. } = self;
        formatter
            .debug_struct("Service")
            .field("address", address)
            .field("log", log)
            .field("running", running)
            .finish_non_exhaustive()
    }
}

/// Stops the accepting task, and with it every connection.
#[derive(Debug)]
struct Running(AbortHandle);

impl Drop for Running {
    fn drop(&mut self) {
        self.0.abort();
    }
}

impl<B: Backend> Service<B> {
    pub(crate) fn serve(listener: TcpListener, backend: B) -> Self {
        let address = listener.local_addr().expect("a bound listener has an address");
        let (backend, log) = (Arc::new(backend), Log::default());
        let task = tokio::spawn(accept(listener, Arc::clone(&backend), log.clone()));
        Self { backend, address, log, running: Arc::new(Running(task.abort_handle())) }
    }

    /// The base URL, without a slash at its end.
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Every call received so far, in order.
    pub fn calls(&self) -> Vec<Call> {
        self.log.calls()
    }

    /// The calls of one operation, in order.
    pub fn calls_of(&self, operation: &str) -> Vec<Call> {
        let mut calls = self.calls();
        calls.retain(|call| call.operation == operation);
        calls
    }

    /// Forgets the calls received so far.
    pub fn forget_calls(&self) {
        self.log.forget_calls();
    }

    /// Spoils the next `times` calls of `operation`; what was asked for earlier comes first.
    #[expect(clippy::needless_pass_by_value, reason = "a test names the fault on the spot")]
    pub fn fail(&self, operation: &str, fault: Fault, times: usize) {
        self.log.fail(operation, &fault, times);
    }

    /// Spoils no further call.
    pub fn clear_faults(&self) {
        self.log.clear_faults();
    }
}

async fn accept<B: Backend>(listener: TcpListener, backend: Arc<B>, log: Log) {
    let mut connections = JoinSet::new();
    loop {
        tokio::select! {
            accepted = listener.accept() => if let Ok((stream, _)) = accepted {
                connections.spawn(serve_connection(stream, Arc::clone(&backend), log.clone()));
            },
            Some(_) = connections.join_next() => {}
        }
    }
}

async fn serve_connection<B: Backend>(stream: TcpStream, backend: Arc<B>, log: Log) {
    let service = service_fn(|request| {
        let (backend, log) = (Arc::clone(&backend), log.clone());
        async move { respond(&*backend, &log, request).await.map(|answer| answer.map(Full::new)) }
    });
    // An error here is a connection that the client or a fault has cut: nothing is left to tell anyone.
    let _ = hyper::server::conn::http1::Builder::new().serve_connection(TokioIo::new(stream), service).await;
}

/// An error makes hyper close the connection without an answer.
async fn respond<B: Backend>(
    backend: &B,
    log: &Log,
    request: Request<Incoming>,
) -> Result<Response<Bytes>, ConnectionCut> {
    let (head, body) = request.into_parts();
    let body = body.collect().await.map_err(|_| ConnectionCut)?.to_bytes();
    let target = head.headers.get("x-amz-target").and_then(|target| target.to_str().ok()).unwrap_or("");
    let operation = target.rsplit('.').next().unwrap_or("").to_owned();
    let call =
        Call { operation: operation.clone(), body: serde_json::from_slice(&body).unwrap_or(Value::Null) };
    let keys = call.body["RequestItems"].clone();
    let fault = log.record(call);
    match fault {
        Some(Fault::Refusal { status, exception }) => {
            return Ok(exception_answer::<B>(status, exception));
        }
        Some(Fault::Unprocessed) => {
            let answer = json!({ "Responses": {}, "UnprocessedKeys": keys });
            return Ok(json_answer::<B>(StatusCode::OK, &answer));
        }
        Some(Fault::CallLost) => return Err(ConnectionCut),
        Some(Fault::Delay(pause)) => tokio::time::sleep(pause).await,
        Some(Fault::AnswerLost | Fault::AnswerCut) | None => {}
    }
    let answer = backend.answer(&operation, Request::from_parts(head, body)).await;
    match fault {
        Some(Fault::AnswerLost) => Err(ConnectionCut),
        Some(Fault::AnswerCut) => Ok(answer.map(|body| body.slice(..body.len().saturating_sub(1)))),
        _ => Ok(answer),
    }
}

fn exception_answer<B: Backend>(status: u16, exception: &str) -> Response<Bytes> {
    let body = json!({
        "__type": format!("{}{exception}", B::EXCEPTION_PREFIX),
        "message": "The harness was told to refuse this call.",
    });
    json_answer::<B>(StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR), &body)
}

pub(crate) fn json_answer<B: Backend>(status: StatusCode, body: &Value) -> Response<Bytes> {
    let mut answer = Response::new(Bytes::from(body.to_string()));
    *answer.status_mut() = status;
    answer.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(B::CONTENT_TYPE));
    answer
}

#[derive(Debug)]
struct ConnectionCut;

impl std::fmt::Display for ConnectionCut {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str("the connection was cut")
    }
}

impl std::error::Error for ConnectionCut {}
