//! Everything that the fake remembers, behind one lock.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use postern::clock::Clock;
use postern_rules::time::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use super::accounts::{self, Account};
use super::authorize::Decision;
use super::calls::Call;
use super::failures::Failure;
use super::identity::ISSUER;
use super::opener_policy::OpenerPolicy;
use super::security_events::SecurityEvents;
use super::signing::Signer;
use super::tokens::{Rotation, Tokens};
use crate::journal::{Journal, Times};

/// The client that every fake starts with.
pub(super) const CLIENT_ID: &str = "640512773041-p0sternfakeclient.apps.googleusercontent.com";
/// Its secret; it opens nothing but this fake.
const CLIENT_SECRET: &str = "GOCSPX-fake-secret-of-the-fake-google";

/// What all handlers share.
pub(super) struct Shared {
    /// `http://127.0.0.1:PORT`
    pub(super) url: String,
    pub(super) clock: Clock,
    pub(super) signer: Signer,
    state: Mutex<State>,
}

impl Shared {
    pub(super) fn new(url: String, clock: Clock) -> Self {
        let state = State {
            clients: vec![Client::new(CLIENT_ID, CLIENT_SECRET)],
            accounts: accounts::built_in(),
            grants: BTreeMap::new(),
            tokens: Tokens::default(),
            switches: Switches::default(),
            journal: Journal::default(),
            security_events: SecurityEvents::default(),
        };
        Self { url, clock, signer: Signer::new(), state: Mutex::new(state) }
    }

    /// The state. A panic of another thread does not matter, because no write takes two steps.
    pub(super) fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn now(&self) -> Timestamp {
        self.clock.now()
    }
}

/// A web client of the one Cloud project.
pub(super) struct Client {
    pub(super) id: String,
    /// Every secret that is accepted; the first is the one that is handed out.
    pub(super) secrets: Vec<String>,
    pub(super) redirect_uris: Vec<String>,
}

impl Client {
    pub(super) fn new(id: &str, secret: &str) -> Self {
        Self { id: id.into(), secrets: vec![secret.into()], redirect_uris: Vec::new() }
    }

    /// `client_secrets.json`, on one line as the console writes it, with the fake's endpoints.
    pub(super) fn secrets_file(&self, base: &str) -> String {
        json!({"web": {
            "client_id": self.id,
            "project_id": "postern-local",
            "auth_uri": format!("{base}/o/oauth2/v2/auth"),
            "token_uri": format!("{base}/token"),
            "auth_provider_x509_cert_url": format!("{base}/oauth2/v1/certs"),
            "client_secret": self.secrets.first(),
            "redirect_uris": self.redirect_uris,
        }})
        .to_string()
    }
}

/// What an account has allowed a client.
#[derive(Clone, Debug, Default)]
pub(super) struct Grant {
    pub(super) scopes: Vec<String>,
    /// Whether offline access was allowed. The first time it is, a refresh token is issued.
    pub(super) is_offline: bool,
}

/// Departures from Google's usual behaviour that are no failures. The control API uses these names.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Switches {
    /// The application's name on the consent page.
    pub(super) application: String,
    /// What happens instead of the consent page, when it would be shown.
    pub(super) consent: Option<Decision>,
    /// The header of the authorization endpoint's answers.
    pub(super) opener_policy: OpenerPolicy,
    pub(super) rotation: Rotation,
    /// How many answers lack the refresh token that they would carry.
    pub(super) omit_refresh_token: Times,
    /// How many answers lack the ID token that they would carry.
    pub(super) omit_id_token: Times,
    /// In seconds.
    pub(super) access_token_lifetime: u64,
    /// In characters. The default was recorded.
    pub(super) access_token_length: usize,
    /// In seconds: 604799 for a client in testing, 15551999 if the person unticked
    /// "ongoing access". None: unlimited.
    pub(super) refresh_token_lifetime: Option<u64>,
    /// Claims that replace those of each ID token; null removes one.
    pub(super) claims: Map<String, Value>,
    /// The `iss` of authorization answers (RFC 9207), when there is one.
    pub(super) issuer: Option<String>,
    /// Codes and tokens have the greatest length that Google documents.
    pub(super) longest_values: bool,
}

impl Default for Switches {
    fn default() -> Self {
        Self {
            application: "Postern Demo".into(),
            consent: None,
            opener_policy: OpenerPolicy::None,
            rotation: Rotation::Off,
            omit_refresh_token: Times::Next(0),
            omit_id_token: Times::Next(0),
            access_token_lifetime: 3599,
            access_token_length: 163,
            refresh_token_lifetime: None,
            claims: Map::new(),
            issuer: Some(ISSUER.into()),
            longest_values: false,
        }
    }
}

/// Everything that changes.
pub(super) struct State {
    pub(super) clients: Vec<Client>,
    pub(super) accounts: Vec<Account>,
    /// By `sub` and client ID.
    grants: BTreeMap<(String, String), Grant>,
    pub(super) tokens: Tokens,
    pub(super) switches: Switches,
    pub(super) journal: Journal<Call, Failure>,
    pub(super) security_events: SecurityEvents,
}

impl State {
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

    /// Ends every grant, code and token of an account, for every client, because all clients belong
    /// to one project.
    pub(super) fn revoke(&mut self, sub: &str, now: Timestamp) {
        self.grants.retain(|(owner, _), _| owner != sub);
        self.tokens.end_all_of(sub, now);
    }

    /// Failures and switches back to Google's usual behaviour; accounts, grants and tokens stay.
    pub(super) fn clear(&mut self) {
        self.journal.clear_failures();
        self.switches = Switches::default();
    }

    /// All back to the beginning, but the clients stay.
    pub(super) fn reset(&mut self) {
        self.clear();
        self.accounts = accounts::built_in();
        self.grants.clear();
        self.tokens = Tokens::default();
        self.journal.forget_calls();
        self.security_events.delivered.clear();
    }

    /// How long access tokens live.
    pub(super) fn access_lifetime(&self) -> Duration {
        Duration::from_secs(self.switches.access_token_lifetime)
    }
}
