//! What a test reads and changes directly in the tables and secrets of its world.

use postern::clock::Clock;
use postern_rules::seal::{Keyring, Purpose};
use postern_rules::session::PresentedToken;
use serde_json::{Map, Value, json};

use super::{GOOGLE_CLIENT, KEY, KEYRING, REDIRECT_URI, World};
use crate::stack::{CREDENTIALS_TABLE, SESSIONS_TABLE};

/// The ID of the client that [`World::change_client`] stores instead of the first.
pub const OTHER_CLIENT: &str = "2-other.apps.googleusercontent.com";
const SECOND_KEY: &str = "another-planted-key-0123456789abcdefghijklm";

/// Whether an attribute is sealed with this key.
pub fn is_sealed_with(attribute: &Value, key: &str) -> bool {
    attribute["S"].as_str().unwrap().starts_with(&format!("v2.{key}."))
}

impl World {
    /// An account's `sub`.
    pub fn sub(&self, account: &str) -> String {
        self.google.account(account).unwrap().sub
    }

    /// The account's item in the credentials table.
    pub fn credential(&self, account: &str) -> Value {
        self.dynamodb.item(CREDENTIALS_TABLE, "user_id", &self.sub(account)).unwrap_or_default()
    }

    /// Changes the account's item in the credentials table. Returns the previous item.
    pub fn edit(&self, account: &str, change: impl FnOnce(&mut Value)) -> Value {
        let before = self.credential(account);
        let mut item = before.clone();
        change(&mut item);
        self.put(item);
        before
    }

    /// Puts an item into the credentials table.
    pub fn put(&self, item: Value) {
        self.dynamodb.put(CREDENTIALS_TABLE, item);
    }

    /// Deletes the account's item in the credentials table.
    pub fn disconnect(&self, account: &str) {
        self.dynamodb.delete(CREDENTIALS_TABLE, "user_id", &self.sub(account));
    }

    /// Makes another process hold the credential's lease for this many milliseconds.
    pub fn hold_lease(&self, account: &str, milliseconds: i64) {
        let until = self.clock_now() + milliseconds;
        self.edit(account, |item| {
            item["lease_holder"] = json!({"S": "another process"});
            item["lease_until"] = json!({"N": until.to_string()});
        });
    }

    pub(super) fn clock_now(&self) -> i64 {
        Clock::Manual(self.clock.clone()).now().millis()
    }

    /// What is stored of a refresh token. It must be byte for byte the same where the token is
    /// kept.
    pub fn kept(&self, account: &str) -> Value {
        let item = self.credential(account);
        json!([item["refresh_token"], item["refresh_token_id"], item["status"]])
    }

    /// The items of sessions.
    pub fn sessions(&self) -> Vec<Value> {
        self.rows("session#")
    }

    /// Begins a session for the account with a token of the first form, which names the user in a sealed text.
    pub fn sign_in_with_a_token_of_the_first_form(&self, account: &str) -> String {
        let keyring = json!({ "primary": "k1", "k1": KEY }).to_string();
        let sub = self.sub(account);
        let sealed = Keyring::parse(&keyring).unwrap().seal(Purpose::Session, &[], sub.as_bytes());
        let token = format!("{}.{}", sealed.as_str(), "B".repeat(43));
        let mut row = self.sessions().pop().unwrap();
        row["id"] = json!({"S": format!("session#{}", PresentedToken::parse(&token).unwrap().digest)});
        self.dynamodb.put(SESSIONS_TABLE, row);
        token
    }

    /// The items of spent states.
    pub fn spent_states(&self) -> Vec<Value> {
        self.rows("flow#")
    }

    /// The items of one-time codes.
    pub fn codes(&self) -> Vec<Value> {
        self.rows("code#")
    }

    /// The items of used receipts.
    pub fn used_receipts(&self) -> Vec<Value> {
        self.rows("receipt#")
    }

    /// The items of security events.
    pub fn security_events(&self) -> Vec<Value> {
        self.rows("risc#")
    }

    pub(super) fn rows(&self, prefix: &str) -> Vec<Value> {
        let items = self.dynamodb.scan(SESSIONS_TABLE).into_iter();
        items.filter(|item| item["id"]["S"].as_str().unwrap().starts_with(prefix)).collect()
    }

    /// Deletes the item of every session.
    pub fn end_sessions(&self) {
        for session in self.sessions() {
            self.dynamodb.delete(SESSIONS_TABLE, "id", session["id"]["S"].as_str().unwrap());
        }
    }

    /// Sets a claim in every further ID token; null removes it.
    pub fn claim(&self, name: &str, value: Value) {
        self.google.override_claims(Map::from_iter([(name.to_owned(), value)]));
    }

    /// The operator stores another client of the same project.
    pub fn change_client(&self) {
        let secret = "GOCSPX-the-other-planted-secret";
        self.google.add_client(OTHER_CLIENT, secret);
        self.plant(secret);
        let other = self.google.client_secrets_of(OTHER_CLIENT, &[REDIRECT_URI]).unwrap();
        self.secrets.put(GOOGLE_CLIENT, &other);
    }

    /// The same, but the secret also holds the first client, as the outgoing one.
    pub fn change_client_and_keep_the_old(&self) {
        self.change_client();
        self.store_both_clients(OTHER_CLIENT, self.google.client_id());
    }

    /// The operator stores two clients as Google knows them.
    pub fn store_both_clients(&self, coming: &str, outgoing: &str) {
        let file = |client: &str| {
            let file = self.google.client_secrets_of(client, &[REDIRECT_URI]).unwrap();
            serde_json::from_str::<Value>(&file).unwrap()
        };
        let mut both = file(coming);
        both["outgoing"] = file(outgoing);
        self.secrets.put(GOOGLE_CLIENT, &both.to_string());
    }

    /// Google accepts a new secret of the client and no longer the old one. It is not stored yet.
    pub fn replace_client_secret(&self, secret: &str) {
        let old = self.google.client_secret();
        self.google.accept_secret(self.google.client_id(), secret);
        self.google.refuse_secret(self.google.client_id(), &old);
        self.plant(secret);
    }

    /// The operator stores the client as Google knows it.
    pub fn store_client(&self) {
        self.secrets.put(GOOGLE_CLIENT, &self.google.client_secrets(&[REDIRECT_URI]));
    }

    /// The operator stores the client with one member changed.
    pub fn store_client_with(&self, member: &str, value: &str) {
        let mut file: Value = serde_json::from_str(&self.google.client_secrets(&[REDIRECT_URI])).unwrap();
        file["web"][member] = json!(value);
        self.secrets.put(GOOGLE_CLIENT, &file.to_string());
    }

    /// The operator rotates the keyring: `k2` seals, and `k1` still opens.
    pub fn rotate_keyring(&self) {
        self.plant(SECOND_KEY);
        self.secrets.put(KEYRING, &json!({"primary": "k2", "k1": KEY, "k2": SECOND_KEY}).to_string());
    }

    /// The operator retires `k1`. Stored twice, so that the secret's previous version lacks it too.
    pub fn retire_the_old_key(&self) {
        for _ in 0..2 {
            self.replace_keyring("k2");
        }
    }

    /// The keyring has only this key; `k1` is gone.
    pub fn replace_keyring(&self, id: &str) {
        self.plant(SECOND_KEY);
        self.secrets.put(KEYRING, &json!({"primary": id, id: SECOND_KEY}).to_string());
    }
}
