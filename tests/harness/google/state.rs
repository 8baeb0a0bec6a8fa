//! Everything that the fake remembers, behind one lock, and the parts that every handler needs.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use postern::clock::Clock;
use postern_rules::time::Timestamp;
use serde_json::{Map, Value};

use super::accounts::{self, Account};
use super::batch;
use super::calls::CallLog;
use super::clients::{CLIENT_ID, CLIENT_SECRET, Client};
use super::failures::{Failures, Times};
use super::identity::ISSUER;
use super::random::Lengths;
use super::signing::Signer;
use super::tokens::{Rotation, Tokens};

/// What all handlers share.
#[derive(Debug)]
pub(super) struct Shared {
    /// `http://127.0.0.1:PORT`
    pub(super) url: String,
    pub(super) clock: Clock,
    pub(super) signer: Signer,
    state: Mutex<State>,
}

impl Shared {
    pub(super) fn new(url: String, clock: Clock) -> Self {
        Self { url, clock, signer: Signer::new(), state: Mutex::new(State::new()) }
    }

    /// The state; a panic of another test's thread does not matter, for no write spans two steps.
    pub(super) fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn now(&self) -> Timestamp {
        self.clock.now()
    }
}

/// What an account has allowed a client.
#[derive(Clone, Debug, Default)]
pub(super) struct Grant {
    pub(super) scopes: Vec<String>,
    /// Whether offline access was allowed; until then a refresh token is due.
    pub(super) offline: bool,
}

/// Departures from Google's usual behaviour that are not failures.
#[derive(Debug)]
pub(super) struct Switches {
    pub(super) rotation: Rotation,
    pub(super) omit_refresh_token: Option<Times>,
    pub(super) omit_id_token: Option<Times>,
    /// Scopes that the person unticks, whatever the page says.
    pub(super) unticked: Vec<(String, Times)>,
    pub(super) access_lifetime: Duration,
    /// Claims laid over each ID token; null takes one away.
    pub(super) claims: Map<String, Value>,
    /// The `iss` of authorization answers (RFC 9207), when there is one.
    pub(super) issuer: Option<String>,
    /// How many calls of one user a batch may hold before the rest is refused; none is all.
    pub(super) batch_allowance: Option<usize>,
    /// E-mail addresses that are not verified.
    pub(super) unverified: Vec<String>,
}

impl Default for Switches {
    fn default() -> Self {
        Self {
            rotation: Rotation::Off,
            omit_refresh_token: None,
            omit_id_token: None,
            unticked: Vec::new(),
            access_lifetime: Duration::from_secs(3599),
            claims: Map::new(),
            issuer: Some(ISSUER.into()),
            batch_allowance: Some(batch::ALLOWANCE),
            unverified: Vec::new(),
        }
    }
}

/// Counts one use of a switch down; says whether it was on.
pub(super) fn take(switch: &mut Option<Times>) -> bool {
    match switch {
        None => false,
        Some(Times::UntilCleared) => true,
        Some(Times::Next(left)) => {
            let was_on = *left > 0;
            *left = left.saturating_sub(1);
            if *left == 0 {
                *switch = None;
            }
            was_on
        }
    }
}

/// Everything that changes.
#[derive(Debug)]
pub(super) struct State {
    pub(super) clients: Vec<Client>,
    pub(super) accounts: Vec<Account>,
    /// By `sub` and client ID.
    grants: BTreeMap<(String, String), Grant>,
    pub(super) tokens: Tokens,
    pub(super) switches: Switches,
    pub(super) failures: Failures,
    pub(super) calls: CallLog,
}

impl State {
    fn new() -> Self {
        Self {
            clients: vec![Client::new(CLIENT_ID, CLIENT_SECRET)],
            accounts: accounts::built_in(),
            grants: BTreeMap::new(),
            tokens: Tokens::default(),
            switches: Switches::default(),
            failures: Failures::default(),
            calls: CallLog::default(),
        }
    }

    /// The account with this e-mail address or `sub`.
    pub(super) fn account(&self, hint: &str) -> Option<&Account> {
        self.accounts.iter().find(|account| account.is_meant_by(hint))
    }

    /// The `sub` of an account, by address or `sub`.
    pub(super) fn sub_of(&self, hint: &str) -> Option<String> {
        self.account(hint).map(|account| account.sub.clone())
    }

    pub(super) fn client(&self, id: &str) -> Option<&Client> {
        self.clients.iter().find(|client| client.id == id)
    }

    pub(super) fn client_mut(&mut self, id: &str) -> Option<&mut Client> {
        self.clients.iter_mut().find(|client| client.id == id)
    }

    /// What an account allowed a client so far.
    pub(super) fn grant(&self, sub: &str, client_id: &str) -> Option<&Grant> {
        self.grants.get(&(sub.to_owned(), client_id.to_owned()))
    }

    pub(super) fn grant_mut(&mut self, sub: &str, client_id: &str) -> &mut Grant {
        self.grants.entry((sub.to_owned(), client_id.to_owned())).or_default()
    }

    /// Ends every grant, code and token of an account, for every client: they are one project's.
    pub(super) fn revoke(&mut self, sub: &str, now: Timestamp) {
        self.grants.retain(|(owner, _), _| owner != sub);
        self.tokens.end_all_of(sub, now);
    }

    /// Failures and switches back to Google's usual behaviour; accounts, grants and tokens stay.
    pub(super) fn clear(&mut self) {
        self.failures.clear();
        self.switches = Switches::default();
        self.tokens.refresh_lifetime = None;
        self.tokens.lengths = Lengths::USUAL;
    }
}
