//! What the AWS back ends have in common: the JSON protocol, a journal of the calls, and faults to
//! inject.

use std::future::Future;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use hyper::header::{CONTENT_TYPE, HeaderValue};
use hyper::{Request, Response, StatusCode};
use serde_json::{Value, json};
use tokio::net::TcpListener;

use crate::journal::{Journal, Times};
use crate::server::{Cut, Reply, Server, whole};

/// A call that is on its way when its caller gives up arrives within this time.
const ON_ITS_WAY: Duration = Duration::from_millis(8);

/// A call that a back end received, whether or not it was answered.
#[derive(Clone, Debug, PartialEq)]
pub struct Call {
    /// The operation, from the last part of `X-Amz-Target`: `UpdateItem`.
    pub operation: String,
    /// The request body; `null` when it was not JSON.
    pub body: Value,
}

/// A fault of one call.
#[derive(Clone, Debug)]
pub enum Fault {
    /// The service refuses the call, which has no effect.
    Refusal {
        /// The HTTP status.
        status: u16,
        /// The name of the exception: `ThrottlingException`.
        exception: &'static str,
    },
    /// The call is carried out, but only after this long.
    Delay(Duration),
    /// The connection is closed before the call had any effect.
    CallLost,
    /// The call is carried out, and then the connection is closed without an answer.
    AnswerLost,
    /// The call is carried out, and its answer loses its last character: JSON that does not end.
    AnswerCut,
    /// BatchGetItem reads nothing and names every key as unprocessed.
    Unprocessed,
    /// TransactWriteItems is cancelled, because its first action meets another write.
    Conflict,
}

impl Fault {
    /// The service throttles its callers.
    pub const THROTTLED: Self = Self::Refusal { status: 400, exception: "ThrottlingException" };
    /// The service fails.
    pub const BROKEN: Self = Self::Refusal { status: 500, exception: "InternalServerError" };
    /// The table or the secret does not exist.
    pub const MISSING: Self = Self::Refusal { status: 400, exception: "ResourceNotFoundException" };
    /// The role does not allow this.
    pub const DENIED: Self = Self::Refusal { status: 400, exception: "AccessDeniedException" };
}

/// A service of AWS.
pub trait Backend: Send + Sync + 'static {
    /// The prefix of this service's exceptions in `__type`.
    const EXCEPTION_PREFIX: &'static str;
    /// The content type of its answers.
    const CONTENT_TYPE: &'static str;

    /// Carries out the call.
    fn answer(
        &self,
        operation: &str,
        request: Request<Bytes>,
    ) -> impl Future<Output = Response<Bytes>> + Send;
}

type Calls = Mutex<Journal<Call, Fault>>;

/// A back end on loopback. Clones share it; it stops when the last one is dropped.
pub struct Service<B> {
    pub(crate) backend: Arc<B>,
    calls: Arc<Calls>,
    server: Arc<Server>,
}

// By hand, because `derive` would require the back end itself to be `Clone` and `Debug`.
impl<B> Clone for Service<B> {
    fn clone(&self) -> Self {
        let (backend, calls) = (Arc::clone(&self.backend), Arc::clone(&self.calls));
        Self { backend, calls, server: Arc::clone(&self.server) }
    }
}

impl<B> std::fmt::Debug for Service<B> {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("Service").field("server", &self.server).finish_non_exhaustive()
    }
}

impl<B: Backend> Service<B> {
    pub(crate) fn serve(listener: TcpListener, backend: B) -> Self {
        let (backend, calls) = (Arc::new(backend), Arc::<Calls>::default());
        let server = Server::start(listener, {
            let (backend, calls) = (Arc::clone(&backend), Arc::clone(&calls));
            move |request| respond(Arc::clone(&backend), Arc::clone(&calls), request)
        });
        Self { backend, calls, server: Arc::new(server) }
    }

    /// The base URL, without a slash at its end.
    pub fn url(&self) -> String {
        format!("http://{}", self.server.address)
    }

    /// Every call received so far, in order.
    pub fn calls(&self) -> Vec<Call> {
        lock(&self.calls).calls()
    }

    /// The calls of one operation, in order.
    pub fn calls_of(&self, operation: &str) -> Vec<Call> {
        self.calls().into_iter().filter(|call| call.operation == operation).collect()
    }

    /// Forgets the calls received so far.
    pub fn forget_calls(&self) {
        lock(&self.calls).forget_calls();
    }

    /// Makes the next calls of `operation` fail. Earlier faults come first.
    pub fn fail(&self, operation: &str, fault: Fault, times: impl Into<Times>) {
        let name = operation.to_owned();
        let is_meant = move |call: &Call| call.operation == name;
        lock(&self.calls).fail(operation.to_owned(), is_meant, fault, times.into());
    }

    /// Removes all faults at once, also for a call that its caller gave up and that is on its way.
    pub fn clear_faults(&self) {
        lock(&self.calls).clear_failures();
    }

    /// Removes all faults, after a call that its caller gave up has met them.
    pub async fn end_faults(&self) {
        tokio::time::sleep(ON_ITS_WAY).await;
        self.clear_faults();
    }
}

fn lock(calls: &Calls) -> MutexGuard<'_, Journal<Call, Fault>> {
    calls.lock().unwrap_or_else(PoisonError::into_inner)
}

async fn respond<B: Backend>(
    backend: Arc<B>,
    calls: Arc<Calls>,
    request: Request<Bytes>,
) -> Result<Reply, Cut> {
    let target = request.headers().get("x-amz-target").and_then(|target| target.to_str().ok()).unwrap_or("");
    let operation = target.rsplit('.').next().unwrap_or("").to_owned();
    let body = serde_json::from_slice(request.body()).unwrap_or(Value::Null);
    let keys = body["RequestItems"].clone();
    let actions = body["TransactItems"].as_array().map_or(0, Vec::len);
    let (_, fault) = lock(&calls).record(Call { operation: operation.clone(), body });
    let answer = match fault {
        Some(Fault::CallLost) => return Err(Cut::Close),
        Some(Fault::Refusal { status, exception }) => exception_answer::<B>(status, exception),
        Some(Fault::Unprocessed) => {
            json_answer::<B>(StatusCode::OK, &json!({ "Responses": {}, "UnprocessedKeys": keys }))
        }
        Some(Fault::Conflict) => {
            let mut reasons = vec![json!({ "Code": "None" }); actions];
            reasons[0] = json!({ "Code": "TransactionConflict" });
            let exception = format!("{}TransactionCanceledException", B::EXCEPTION_PREFIX);
            let body = json!({ "__type": exception, "CancellationReasons": reasons });
            json_answer::<B>(StatusCode::BAD_REQUEST, &body)
        }
        _ => {
            if let Some(Fault::Delay(pause)) = fault {
                tokio::time::sleep(pause).await;
            }
            backend.answer(&operation, request).await
        }
    };
    match fault {
        Some(Fault::AnswerLost) => Err(Cut::Close),
        Some(Fault::AnswerCut) => Ok(answer.map(|body| whole(body.slice(..body.len().saturating_sub(1))))),
        _ => Ok(answer.map(whole)),
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
