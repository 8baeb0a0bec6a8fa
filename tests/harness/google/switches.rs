//! What a test sets at a running fake, and reads from it.

use std::time::Duration;

use serde_json::{Map, Value};

use super::control::Only;
use super::state::{CLIENT_ID, Client};
use super::{Account, Call, Endpoint, Failure, Google, Rotation, Times, control};

impl Google {
    /// The ID of the built-in client.
    pub fn client_id(&self) -> &'static str {
        CLIENT_ID
    }

    /// The first secret of the built-in client.
    ///
    /// # Panics
    ///
    /// When every secret of the client was refused.
    pub fn client_secret(&self) -> String {
        let state = self.shared.state();
        let client = state.client(CLIENT_ID).expect("the built-in client stays");
        client.secrets.first().expect("the client has a secret").clone()
    }

    /// Registers redirect URIs of the built-in client and returns its `client_secrets.json` as
    /// downloaded.
    pub fn client_secrets(&self, redirect_uris: &[&str]) -> String {
        self.client_secrets_of(CLIENT_ID, redirect_uris).unwrap_or_default()
    }

    /// The same for another client. Nothing if there is none with this ID.
    pub fn client_secrets_of(&self, client_id: &str, redirect_uris: &[&str]) -> Option<String> {
        let mut state = self.shared.state();
        let client = state.client_mut(client_id)?;
        for uri in redirect_uris {
            client.redirect_uris.retain(|known| known != uri);
            client.redirect_uris.push((*uri).into());
        }
        Some(client.secrets_file(self.url()))
    }

    /// Removes a redirect URI of the built-in client, as in the console.
    pub fn unregister(&self, redirect_uri: &str) {
        if let Some(client) = self.shared.state().client_mut(CLIENT_ID) {
            client.redirect_uris.retain(|known| known != redirect_uri);
        }
    }

    /// Adds a client of the same Cloud project, or replaces the one with this ID.
    pub fn add_client(&self, client_id: &str, client_secret: &str) {
        let mut state = self.shared.state();
        state.clients.retain(|client| client.id != client_id);
        state.clients.push(Client::new(client_id, client_secret));
    }

    /// Adds a secret of a client, which new downloads contain; the old ones still work.
    pub fn accept_secret(&self, client_id: &str, client_secret: &str) {
        if let Some(client) = self.shared.state().client_mut(client_id) {
            client.secrets.insert(0, client_secret.into());
        }
    }

    /// No longer accepts a secret of a client.
    pub fn refuse_secret(&self, client_id: &str, client_secret: &str) {
        if let Some(client) = self.shared.state().client_mut(client_id) {
            client.secrets.retain(|secret| secret != client_secret);
        }
    }

    /// The account with this e-mail address or `sub`.
    pub fn account(&self, hint: &str) -> Option<Account> {
        self.shared.state().account(hint).cloned()
    }

    /// Every call so far, oldest first.
    pub fn calls(&self) -> Vec<Call> {
        self.shared.state().journal.calls()
    }

    /// The calls of one endpoint, oldest first.
    pub fn calls_to(&self, endpoint: Endpoint) -> Vec<Call> {
        self.calls().into_iter().filter(|call| call.endpoint == endpoint).collect()
    }

    /// Forgets the calls so far.
    pub fn forget_calls(&self) {
        self.shared.state().journal.forget_calls();
    }

    /// Makes the next calls of an endpoint fail. Earlier failures come first.
    pub fn fail(&self, endpoint: Endpoint, failure: Failure, times: impl Into<Times>) {
        control::plant(&mut self.shared.state(), endpoint, Only::default(), failure, times.into());
    }

    /// Makes the next calls for one message fail, by themselves or as parts of a batch.
    pub fn fail_message(&self, id: &str, failure: Failure, times: impl Into<Times>) {
        let only = Only { message: Some(id.to_owned()), ..Only::default() };
        control::plant(&mut self.shared.state(), Endpoint::MessagesGet, only, failure, times.into());
    }

    /// Makes refreshes fail, but not exchanges of codes.
    pub fn fail_refresh(&self, failure: Failure, times: impl Into<Times>) {
        self.fail_grant("refresh_token", failure, times.into());
    }

    /// Makes exchanges of codes fail, but not refreshes.
    pub fn fail_exchange(&self, failure: Failure, times: impl Into<Times>) {
        self.fail_grant("authorization_code", failure, times.into());
    }

    fn fail_grant(&self, grant_type: &str, failure: Failure, times: Times) {
        let only = Only { grant_type: Some(grant_type.to_owned()), ..Only::default() };
        control::plant(&mut self.shared.state(), Endpoint::Token, only, failure, times);
    }

    /// Clears every failure; switches stay.
    pub fn clear_failures(&self) {
        self.shared.state().journal.clear_failures();
    }

    /// Returns to Google's usual behaviour: no failure, no switch. Grants and tokens stay.
    pub fn clear_all(&self) {
        self.shared.state().clear();
    }

    /// The person removes the application in their Google Account, which ends all their grants and
    /// tokens.
    pub fn revoke_grant(&self, account: &str) {
        let mut state = self.shared.state();
        if let Some(sub) = state.sub_of(account) {
            state.revoke(&sub, self.shared.now());
        }
    }

    /// Ends the access tokens of an account now; refresh tokens still work.
    pub fn expire_access_tokens(&self, account: &str) {
        let mut state = self.shared.state();
        if let Some(sub) = state.sub_of(account) {
            state.tokens.expire_access_of(Some(&sub));
        }
    }

    /// Ends all access tokens now.
    pub fn expire_all_access_tokens(&self) {
        self.shared.state().tokens.expire_access_of(None);
    }

    /// How many refresh tokens of an account still work.
    pub fn live_refresh_tokens(&self, account: &str) -> usize {
        let state = self.shared.state();
        state.sub_of(account).map_or(0, |sub| state.tokens.living_refresh_of(&sub))
    }

    /// Sets what happens to the refresh token in a refresh.
    pub fn rotate_refresh_tokens(&self, rotation: Rotation) {
        self.shared.state().switches.rotation = rotation;
    }

    /// Leaves the refresh token out of answers that would carry one.
    pub fn omit_refresh_token(&self, times: impl Into<Times>) {
        self.shared.state().switches.omit_refresh_token = times.into();
    }

    /// Leaves the ID token out of answers that would carry one.
    pub fn omit_id_token(&self, times: impl Into<Times>) {
        self.shared.state().switches.omit_id_token = times.into();
    }

    /// Sets how long access tokens live that are issued from now on.
    pub fn access_tokens_live_for(&self, lifetime: Duration) {
        self.shared.state().switches.access_token_lifetime = lifetime.as_secs();
    }

    /// Sets how many characters the access tokens have that are issued from now on.
    pub fn access_tokens_have(&self, characters: usize) {
        self.shared.state().switches.access_token_length = characters;
    }

    /// Sets how long refresh tokens live: seven days for a client whose consent screen is
    /// "in testing". None: unlimited.
    pub fn refresh_tokens_live_for(&self, lifetime: Option<Duration>) {
        self.shared.state().switches.refresh_token_lifetime = lifetime.map(|lifetime| lifetime.as_secs());
    }

    /// Replaces claims of each ID token from now on; null removes a claim. The signature stays
    /// valid.
    pub fn override_claims(&self, claims: Map<String, Value>) {
        self.shared.state().switches.claims = claims;
    }

    /// Gives codes and tokens the greatest length that Google documents, or their usual length.
    pub fn issue_longest_values(&self, are_longest: bool) {
        self.shared.state().switches.longest_values = are_longest;
    }

    /// Sends this `iss` in authorization responses (RFC 9207), or none. The default is Google's
    /// own.
    pub fn send_issuer(&self, issuer: Option<&str>) {
        self.shared.state().switches.issuer = issuer.map(Into::into);
    }
}
