//! The fake Google: OAuth, UserInfo and Gmail over HTTP on loopback, for tests and `cargo xtask dev`.
//!
//! It keeps the protocol and the rules that matter to an application (what a code is bound to, when a refresh token
//! comes, what ends it), logs what it is asked, and fails on demand. The control API is described at the head of
//! control.rs.
//! It never talks to the real Google, and serves no address but loopback.

mod accounts;
mod answer;
mod authorize;
mod batch;
mod buttons;
mod calls;
mod clients;
mod connection;
mod consent;
mod control;
mod control_page;
mod dates;
mod errors;
mod failures;
mod fields;
mod gmail;
mod history;
mod identity;
mod labels;
mod mailbox;
mod named_failure;
mod pages;
mod paging;
mod phrases;
mod pkce;
mod random;
mod recordings;
mod resource;
mod scopes;
mod search;
mod serve;
mod signing;
mod state;
mod switches;
mod threads;
mod token;
mod tokens;

use std::fmt;
use std::net::Ipv4Addr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

pub use accounts::Account;
use authorize::Authorization;
pub use calls::{Call, Endpoint};
use connection::{Door, Scissors};
pub use consent::{Consent, Decision};
pub use failures::{Failure, Times};
use postern::clock::Clock;
use state::Shared;
pub use tokens::Rotation;
use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio::task::JoinHandle;
use url::Url;

/// How long `stop` waits for answers that are on their way.
const LAST_ANSWERS: Duration = Duration::from_secs(1);

/// A running fake Google. Clones are handles to the same one; it stops with the last of them.
#[derive(Clone)]
pub struct Google {
    server: Arc<Server>,
}

struct Server {
    shared: Arc<Shared>,
    stop: watch::Sender<bool>,
    task: Mutex<Option<JoinHandle<()>>>,
}

impl fmt::Debug for Google {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Google").field("url", &self.url()).finish_non_exhaustive()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.stop.send_replace(true);
    }
}

impl Google {
    /// Serves on `listener` until it is stopped; every time it knows comes from `clock`.
    ///
    /// # Panics
    ///
    /// When the listener is not bound to a loopback address: a fake that hands out tokens to anyone stays at home.
    #[expect(clippy::unused_async, reason = "it must run inside a Tokio runtime, and says so")]
    pub async fn start(listener: TcpListener, clock: Clock) -> Self {
        let address = listener.local_addr().expect("a bound listener has an address");
        assert!(address.ip().is_loopback(), "the fake Google serves loopback addresses alone, not {address}");
        let shared = Arc::new(Shared::new(format!("http://{address}"), clock));
        let (stop, mut stopped) = watch::channel(false);
        let service = serve::router(Arc::clone(&shared)).into_make_service_with_connect_info::<Scissors>();
        let door = Door { listener, shared: Arc::clone(&shared) };
        let task = tokio::spawn(async move {
            let until_stopped = async move {
                // An error means that the last handle is gone, which stops the server as well.
                let _ = stopped.wait_for(|stopped| *stopped).await;
            };
            let _ = axum::serve(door, service).with_graceful_shutdown(until_stopped).await;
        });
        let task = Mutex::new(Some(task));
        Self { server: Arc::new(Server { shared, stop, task }) }
    }

    /// Serves on a free port of 127.0.0.1.
    ///
    /// # Panics
    ///
    /// When the machine has no port to give.
    pub async fn start_anywhere(clock: Clock) -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.expect("loopback has a free port");
        Self::start(listener, clock).await
    }

    /// Stops listening, lets answers that are on their way leave, and ends.
    pub async fn stop(&self) {
        self.server.stop.send_replace(true);
        let task = self.server.task.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(mut task) = task
            && tokio::time::timeout(LAST_ANSWERS, &mut task).await.is_err()
        {
            task.abort();
        }
    }

    /// The base URL of every endpoint, `http://127.0.0.1:PORT`.
    pub fn url(&self) -> &str {
        &self.server.shared.url
    }

    fn shared(&self) -> &Shared {
        &self.server.shared
    }

    /// Plays the person at the authorization page: checks the URL as the page does, and gives where the browser ends.
    ///
    /// Where Google would go back without showing a page (`prompt=none`, or all is allowed already), the decision is
    /// never asked for. The visit is logged, and failures of [`Endpoint::Authorize`] are shown as their status.
    #[expect(clippy::unused_async, reason = "a visit to a page is awaited, whoever plays the person")]
    pub async fn consent(&self, authorization_url: &str, decision: Decision) -> Consent {
        let url = match Url::parse(authorization_url) {
            Ok(url) if authorization_url.starts_with(self.url()) => url,
            _ => return Consent::ErrorPage("not_this_google".into()),
        };
        let call = Call {
            endpoint: Endpoint::Authorize,
            method: "GET".into(),
            path: url.path().into(),
            query: url.query_pairs().into_owned().collect(),
            headers: Vec::new(),
            body: String::new(),
            status: None,
            batched: false,
        };
        if Endpoint::at(&call.path) != Some(Endpoint::Authorize) {
            return Consent::ErrorPage("not_found".into());
        }
        let shared = self.shared();
        let mut state = shared.state();
        let number = state.calls.record(call.clone());
        let treatment = state.failures.take(Endpoint::Authorize, None, shared.now());
        if let Some(failures::Treatment::Instead(answer)) = &treatment {
            state.calls.answered(number, answer.status, None);
            let code = pages::error_code(answer).unwrap_or_else(|| answer.status.to_string());
            return Consent::ErrorPage(code);
        }
        let (status, consent) = match Authorization::parse(&call.query, &state) {
            Err(refusal) => (400, Consent::ErrorPage(refusal.code.into())),
            Ok(authorization) => {
                let location = match treatment {
                    Some(failures::Treatment::SendBack(error)) => {
                        Some(consent::error(&state, &authorization, error))
                    }
                    _ => authorization.settle(shared, &mut state),
                };
                match location {
                    Some(location) => (303, Consent::Redirect(location)),
                    None => match consent::decide(shared, &mut state, &authorization, &decision) {
                        Ok(location) => (200, Consent::Redirect(location)),
                        Err(refusal) => (200, Consent::ErrorPage(refusal.code.into())),
                    },
                }
            }
        };
        state.calls.answered(number, status, None);
        consent
    }
}

#[cfg(test)]
mod tests;
