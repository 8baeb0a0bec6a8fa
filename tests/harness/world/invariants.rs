//! The invariants that must hold after every test (I1 to I7; SECURITY.md explains them).

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Mutex;

use super::{Answer, KEY, Told, World, log};
use crate::google::{Call, Endpoint};
use crate::stack::{CREDENTIALS_TABLE, SESSIONS_TABLE};

/// What a world remembers for the checks at its end.
#[derive(Debug, Default)]
pub(super) struct Witness {
    /// The secrets that must not appear in the log or, unencrypted, in a table.
    pub(super) secrets: Mutex<BTreeSet<String>>,
    /// How often Google processed an exchange of each flow, by the flow's verifier.
    pub(super) exchanged: Mutex<BTreeMap<String, u32>>,
    /// The users that a test named in an answer that it made in Google's place.
    pub(super) named: Mutex<BTreeSet<String>>,
    /// The length of the log when the world began.
    pub(super) log_began: usize,
}

impl Witness {
    pub(super) fn saw(&self, call: &Call) {
        let mut secrets = self.secrets.lock().unwrap();
        secrets.extend(call.bearer().map(str::to_owned));
        if call.endpoint == Endpoint::Token {
            let names = ["code", "refresh_token", "client_secret", "code_verifier"];
            secrets.extend(names.into_iter().filter_map(|name| call.form_value(name)));
        }
        if call.endpoint == Endpoint::Revoke {
            secrets.extend(call.form_value("token"));
        }
        // Only an exchange that Google did not process may be sent again: a wrong client, a rate
        // limit, a page for automated callers (I5).
        let is_processed = call.status.is_none_or(|status| ![302, 401, 403, 429, 503].contains(&status));
        if is_processed && let Some(verifier) = call.form_value("code_verifier") {
            *self.exchanged.lock().unwrap().entry(verifier).or_default() += 1;
        }
    }
}

/// I1 to I3, as far as they show in one answer.
pub(super) fn assert_of_answer(answer: &Answer) {
    assert_ne!(answer.status, 500, "I1: {answer:?}");
    for told in answer.headers.values().chain([&answer.body]).chain(&answer.cookies) {
        for never in ["ya29.", "1//0", "GOCSPX-", "planted-keyring"] {
            assert!(!told.contains(never), "I2: an answer tells a secret");
        }
    }
    assert_eq!(answer.headers["cache-control"], "no-store", "I3");
    // The other headers that every answer has.
    assert_eq!(answer.headers["x-content-type-options"], "nosniff");
    assert_eq!(answer.headers["x-frame-options"], "DENY");
    assert_eq!(answer.headers["referrer-policy"], "no-referrer");
    assert!(answer.headers["content-security-policy"].contains("frame-ancestors 'none'"));
    assert!(answer.headers.keys().all(|name| !name.starts_with("access-control-")));
}

/// I1 and I2, as far as they show in one answer of a function without a route. Only the member that
/// is meant for it tells an access token.
pub(super) fn assert_of_told(told: &Told) {
    assert_ne!(told.problem().0, 500, "I1: {told:?}");
    let mut others = told.answer.clone();
    if let Some(others) = others.as_object_mut().filter(|others| !others.contains_key("code")) {
        others.remove("access_token");
    }
    let others = others.to_string();
    for never in ["ya29.", "1//0", "GOCSPX-", "planted-keyring", "authorization_url"] {
        assert!(!others.contains(never), "I2: an answer tells a secret");
    }
}

impl World {
    /// How many calls DynamoDB and Google have received.
    pub(super) fn outbound_calls(&self) -> (usize, usize) {
        (self.dynamodb.calls().len(), self.google_calls().len())
    }

    /// I6: a flow that does not verify causes no outside call.
    pub(super) fn assert_unverified_asks_nobody(&self, answer: &Answer, before: (usize, usize)) {
        // A browser's error page shows the code too.
        let is_unverified = ["state_missing", "state_mismatch", "state_expired"]
            .into_iter()
            .any(|code| answer.code() == code || answer.body.contains(&format!("\"code\":\"{code}\"")));
        assert!(!is_unverified || self.outbound_calls() == before, "I6: {answer:?}");
    }

    /// I2: no secret is in the log, or unencrypted in a table.
    fn assert_secrets_are_kept(&self) {
        self.plant(&self.google.client_secret());
        self.plant(KEY);
        let log = log::since(self.witness.log_began);
        let tables: String = [CREDENTIALS_TABLE, SESSIONS_TABLE]
            .iter()
            .flat_map(|table| self.dynamodb.scan(table))
            .map(|item| item.to_string())
            .collect();
        let secrets = std::mem::take(&mut *self.witness.secrets.lock().unwrap());
        for secret in secrets.iter().filter(|secret| secret.len() >= 16) {
            assert!(!log.contains(secret.as_str()), "I2: a secret is in the log");
            assert!(!tables.contains(secret.as_str()), "I2: a secret stands in clear in a table");
        }
    }

    /// I4: a credential in use has its refresh token, sealed; a dead one has none, and one that is
    /// being disconnected nothing that serves a request.
    fn assert_active_credentials_have_tokens(&self) {
        for item in self.dynamodb.scan(CREDENTIALS_TABLE) {
            let token = item["refresh_token"]["S"].as_str().unwrap_or_default();
            let has_token = token.starts_with("v2.k") || token.starts_with("v1.k");
            match item["status"]["S"].as_str().unwrap() {
                "disconnecting" => {
                    assert!(item["access_token"].is_null() && item["lease_holder"].is_null(), "I4: {item}");
                }
                status => assert_eq!(status == "active", has_token, "I4: {}", item["user_id"]),
            }
        }
    }

    /// I7: a session belongs to an account that Google named.
    fn assert_sessions_are_of_named_users(&self) {
        for session in self.sessions() {
            let user = session["user_id"]["S"].as_str().unwrap();
            let is_named =
                self.google.account(user).is_some() || self.witness.named.lock().unwrap().contains(user);
            assert!(is_named, "I7: {session}");
        }
    }
}

impl Drop for World {
    fn drop(&mut self) {
        if std::thread::panicking() {
            return;
        }
        self.metrics();
        self.note_what_google_saw();
        self.assert_secrets_are_kept();
        let counts = self.witness.exchanged.lock().unwrap().clone();
        assert!(counts.values().all(|count| *count == 1), "I5: one exchange for each state");
        self.assert_active_credentials_have_tokens();
        self.assert_sessions_are_of_named_users();
    }
}
