//! The fake Google: OAuth, UserInfo and Gmail over HTTP on loopback, for tests and
//! `cargo xtask dev`.
//!
//! It follows the protocol and the rules that matter to an application (what a code is bound to,
//! when Google issues a refresh token, what ends it), records its calls, and fails on demand.
//! docs/fake-google.md describes the control API. It never talks to the real Google and serves only
//! loopback.

mod accounts;
mod answer;
mod authorize;
mod batch;
mod calls;
mod consent_page;
mod control;
mod control_page;
mod delivery;
mod errors;
mod failures;
mod gmail;
mod identity;
mod mailbox;
mod minted;
mod opener_policy;
pub mod recorded;
mod scopes;
mod search;
mod security_events;
mod serve;
mod signing;
mod state;
mod switches;
mod token;
mod tokens;

use std::fmt;
use std::net::Ipv4Addr;
use std::sync::Arc;

pub use accounts::Account;
use authorize::Authorization;
pub use authorize::{Consent, Decision};
pub use calls::{Call, Endpoint};
pub use failures::Failure;
pub use minted::Minted;
use postern::clock::Clock;
use state::Shared;
pub use tokens::Rotation;
use tokio::net::TcpListener;

pub use crate::journal::Times;
use crate::server::Server;

/// A running fake Google. Clones share it; it stops when the last one is dropped.
#[derive(Clone)]
pub struct Google {
    shared: Arc<Shared>,
    _server: Arc<Server>,
}

impl fmt::Debug for Google {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Google").field("url", &self.url()).finish_non_exhaustive()
    }
}

impl Google {
    /// Serves on `listener`. `clock` is its only source of time.
    ///
    /// # Panics
    ///
    /// If the listener is not bound to a loopback address, because the fake gives tokens to anyone.
    #[expect(clippy::unused_async, reason = "it must run inside a Tokio runtime, and says so")]
    pub async fn start(listener: TcpListener, clock: Clock) -> Self {
        let address = listener.local_addr().expect("a bound listener has an address");
        assert!(address.ip().is_loopback(), "the fake Google serves loopback addresses only, not {address}");
        let shared = Arc::new(Shared::new(format!("http://{address}"), clock));
        let server = Server::start(listener, {
            let shared = Arc::clone(&shared);
            move |request| serve::respond(Arc::clone(&shared), request)
        });
        Self { shared, _server: Arc::new(server) }
    }

    /// Serves on a free port of 127.0.0.1.
    ///
    /// # Panics
    ///
    /// If no port is free.
    pub async fn start_anywhere(clock: Clock) -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.expect("loopback has a free port");
        Self::start(listener, clock).await
    }

    /// The base URL of every endpoint, `http://127.0.0.1:PORT`.
    pub fn url(&self) -> &str {
        &self.shared.url
    }

    /// Plays the person at the authorization page: checks the URL as the page does, and returns
    /// where the browser ends up.
    ///
    /// Where Google would send the browser back without showing a page (everything is allowed
    /// already, or `prompt=none`), the decision is not used. The visit is recorded, and failures of
    /// [`Endpoint::Authorize`] apply.
    #[expect(clippy::unused_async, reason = "callers await a visit to a page, as with the real one")]
    pub async fn consent(&self, authorization_url: &str, decision: Decision) -> Consent {
        let call = authorization_url.strip_prefix(self.url()).and_then(|target| Call::to("GET", target));
        let Some(call) = call.filter(|call| call.endpoint == Endpoint::Authorize) else {
            return Consent::ErrorPage("not_found".into());
        };
        let mut state = self.shared.state();
        let (number, failure) = state.journal.record(call.clone());
        let outcome = match failure {
            Some(failure) => {
                let answer = failure.answer(Endpoint::Authorize, self.shared.now());
                Err((answer.status, answer.error_code()))
            }
            None => Authorization::parse(&call, &state)
                .and_then(|authorization| match authorization.settle(&self.shared, &mut state) {
                    Some(location) => Ok(location),
                    None => authorization.decide(&self.shared, &mut state, &decision),
                })
                .map_err(|(code, _)| (400, code.to_owned())),
        };
        let (status, consent) = match outcome {
            Ok(location) => (303, Consent::Redirect(location)),
            Err((status, code)) => (status, Consent::ErrorPage(code)),
        };
        if let Some(call) = state.journal.call_mut(number) {
            call.status = Some(status);
        }
        consent
    }
}

#[cfg(test)]
mod control_tests;
#[cfg(test)]
mod tests;
