//! Opens a client's first connection before its first request, which then does not wait for DNS, TCP
//! and TLS.
//!
//! reqwest opens a connection only for a request. So [`FirstConnection`] is a layer around its connector:
//! while a request that will not be sent asks for a connection, it starts opening one on its own;
//! the first request that is sent gets that one. Lambda may freeze the process in between.
//! Therefore a connection that is no longer new is dropped, and one that could not be opened is
//! opened again for the request.

use std::any::Any;
use std::future::pending;
use std::mem::replace;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll};
use std::time::Duration;

use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use tokio::task::JoinHandle;
use tokio::time::Instant;
use tower_layer::Layer;
use tower_service::Service;

/// A connection is taken only within this time after it was begun. Google and AWS keep an unused
/// connection longer; a frozen process has missed when they closed it.
const NEW_FOR: Duration = Duration::from_secs(2);

#[derive(Default)]
enum State {
    /// No connection was asked for.
    #[default]
    New,
    /// The next call is to open a connection ahead.
    Asked,
    /// A connection is being opened, or is open: a `JoinHandle<Option<connection>>`.
    Begun { connection: Box<dyn Any + Send>, at: Instant },
    /// A request has asked for a connection. From now on, requests open their own.
    Used,
}

/// What is known of a client's first connection. Its clones share it.
#[derive(Clone, Default)]
pub(super) struct FirstConnection(Arc<Mutex<State>>);

impl FirstConnection {
    /// Makes the connector begin its first connection, unless it has. `ask` polls a request, which
    /// asks for a connection and is dropped.
    pub(super) fn open(&self, ask: impl FnOnce()) {
        {
            let mut state = self.state();
            if !matches!(*state, State::New) {
                return;
            }
            *state = State::Asked;
        }
        ask();
        let mut state = self.state();
        if matches!(*state, State::Asked) {
            *state = State::New;
        }
    }

    /// Closes a connection that was opened ahead and not used.
    pub(super) fn close(&self) {
        let mut state = self.state();
        if matches!(*state, State::Begun { .. }) {
            *state = State::New;
        }
    }

    /// Ignores poisoning: a state is replaced in one step.
    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<S> Layer<S> for FirstConnection {
    type Service = EarlyConnector<S>;

    fn layer(&self, inner: S) -> EarlyConnector<S> {
        EarlyConnector { inner, first: self.clone() }
    }
}

/// reqwest's connector with a connection that was opened ahead.
#[derive(Clone)]
pub(super) struct EarlyConnector<S> {
    inner: S,
    first: FirstConnection,
}

impl<S, Target> Service<Target> for EarlyConnector<S>
where
    S: Service<Target> + Clone + Send + 'static,
    S::Response: Send + 'static,
    S::Error: Send + 'static,
    S::Future: Send + 'static,
    Target: Send + 'static,
{
    type Response = S::Response;
    type Error = S::Error;
    type Future = BoxFuture<'static, Result<S::Response, S::Error>>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(context)
    }

    fn call(&mut self, target: Target) -> Self::Future {
        let mut state = self.first.state();
        match replace(&mut *state, State::Used) {
            State::New | State::Used => self.inner.call(target).boxed(),
            State::Asked => {
                let connection = Box::new(begin(self.inner.call(target)));
                *state = State::Begun { connection, at: Instant::now() };
                pending().boxed()
            }
            State::Begun { connection, at } => {
                // `poll_ready` readied this one, not its clone.
                let clone = self.inner.clone();
                let mut inner = replace(&mut self.inner, clone);
                async move {
                    let begun = connection.downcast::<JoinHandle<Option<S::Response>>>();
                    if at.elapsed() < NEW_FOR
                        && let Ok(begun) = begun
                        && let Ok(Some(connection)) = (*begun).await
                    {
                        return Ok(connection);
                    }
                    inner.call(target).await
                }
                .boxed()
            }
        }
    }
}

/// Opens a connection in the background, for as long as it would be new.
#[expect(clippy::disallowed_methods, reason = "a freeze may interrupt it: then it is not used")]
fn begin<C: Send + 'static, E: Send + 'static>(
    opening: impl Future<Output = Result<C, E>> + Send + 'static,
) -> JoinHandle<Option<C>> {
    tokio::spawn(async { tokio::time::timeout(NEW_FOR, opening).await.ok().and_then(Result::ok) })
}
