//! What a test reads from the tables and secrets of its world, and what it changes there behind the functions' back.

use postern::clock::Clock;
use serde_json::{Map, Value, json};

use super::{GOOGLE_CLIENT, KEY, KEYRING, REDIRECT_URI, World};
use crate::stack::{CREDENTIALS_TABLE, SESSIONS_TABLE};

/// The ID of the client that [`World::change_client`] puts in the place of the first.
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

    /// The item of the credentials table, as it is.
    pub fn credential(&self, account: &str) -> Value {
        self.dynamodb.item(CREDENTIALS_TABLE, "user_id", &self.sub(account)).unwrap_or_default()
    }

    /// Changes the item of the credentials table; gives the item before.
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

    /// Deletes the item of the credentials table.
    pub fn disconnect(&self, account: &str) {
        self.dynamodb.delete(CREDENTIALS_TABLE, "user_id", &self.sub(account));
    }

    /// Another process holds the lease of the credential until so many milliseconds from now.
    pub fn hold_lease(&self, account: &str, milliseconds: i64) {
        let until = self.clock_now() + milliseconds;
        self.edit(account, |item| {
            item["lease_holder"] = json!({"S": "another process"});
            item["lease_until"] = json!({"N": until.to_string()});
        });
    }

    fn clock_now(&self) -> i64 {
        Clock::Manual(self.clock.clone()).now().millis()
    }

    /// What is stored of a refresh token: byte for byte the same before and after, where it must be kept.
    pub fn kept(&self, account: &str) -> Value {
        let item = self.credential(account);
        json!([item["refresh_token"], item["refresh_token_id"], item["status"]])
    }

    /// The rows of sessions.
    pub fn sessions(&self) -> Vec<Value> {
        self.rows("session#")
    }

    /// The rows of states that were spent.
    pub fn spent_states(&self) -> Vec<Value> {
        self.rows("flow#")
    }

    fn rows(&self, prefix: &str) -> Vec<Value> {
        let items = self.dynamodb.scan(SESSIONS_TABLE).into_iter();
        items.filter(|item| item["id"]["S"].as_str().unwrap().starts_with(prefix)).collect()
    }

    /// Deletes the row of every session.
    pub fn end_sessions(&self) {
        for session in self.sessions() {
            self.dynamodb.delete(SESSIONS_TABLE, "id", session["id"]["S"].as_str().unwrap());
        }
    }

    /// Lays a claim over each ID token from now on; null takes one away.
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

    /// Google knows a new secret of the client, and the old one no more. Nobody has stored it yet.
    pub fn replace_client_secret(&self, secret: &str) {
        let old = self.google.client_secret();
        self.google.accept_secret(self.google.client_id(), secret);
        self.google.refuse_secret(self.google.client_id(), &old);
        self.plant(secret);
    }

    /// The operator stores the client as Google has it.
    pub fn store_client(&self) {
        self.secrets.put(GOOGLE_CLIENT, &self.google.client_secrets(&[REDIRECT_URI]));
    }

    /// The operator stores the client with another member.
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

    /// The keyring has only this key, and `k1` is gone.
    pub fn replace_keyring(&self, id: &str) {
        self.plant(SECOND_KEY);
        self.secrets.put(KEYRING, &json!({"primary": id, id: SECOND_KEY}).to_string());
    }
}
