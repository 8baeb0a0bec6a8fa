//! Grants that exist without a sign-in, as if their users had consented elsewhere.

use std::collections::HashSet;

use postern_rules::time::Timestamp;
use serde::{Deserialize, Serialize};

use super::Google;
use super::delivery::NewAccount;
use super::scopes;
use super::state::{CLIENT_ID, State};

/// Whose consent is made up, and to what.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Mint {
    /// The addresses. An account that is not there is added.
    accounts: Vec<String>,
    /// Space separated.
    #[serde(default = "usual_scopes")]
    scopes: String,
    #[serde(default = "built_in_client")]
    client_id: String,
}

fn usual_scopes() -> String {
    "openid email https://www.googleapis.com/auth/gmail.readonly".to_owned()
}

fn built_in_client() -> String {
    CLIENT_ID.to_owned()
}

/// A refresh token, and whose it is. As JSON, a line of an import file.
#[derive(Clone, Debug, Serialize)]
pub struct Minted {
    /// The token.
    pub refresh_token: String,
    /// The address.
    pub email: String,
    /// The Google user ID.
    pub sub: String,
}

impl Mint {
    /// Issues one refresh token for each account.
    pub(super) fn issue(self, state: &mut State, now: Timestamp) -> Result<Vec<Minted>, String> {
        let Self { accounts, scopes, client_id } = self;
        let scopes = scopes::parse(&scopes).map_err(|name| format!("there is no scope {name}"))?;
        let mut known: HashSet<String> =
            state.accounts.iter().map(|account| account.email.to_ascii_lowercase()).collect();
        let mut minted = Vec::new();
        for address in accounts {
            if known.insert(address.to_ascii_lowercase()) {
                state.accounts.push(NewAccount::at(&address).account()?);
            }
            // The newest first: it is mostly the one that was just added.
            let mut newest = state.accounts.iter().rev();
            let owner = newest.find(|account| account.is_meant_by(&address)).ok_or("the account is gone")?;
            let (email, sub) = (owner.email.clone(), owner.sub.clone());
            let grant = state.grant_mut(&sub, &client_id);
            grant.scopes.clone_from(&scopes);
            grant.is_offline = true;
            let refresh_token = state.tokens.issue_refresh(&client_id, &sub, &scopes, false, now);
            minted.push(Minted { refresh_token, email, sub });
        }
        Ok(minted)
    }
}

impl Google {
    /// Issues one refresh token of the built-in client for each account. Accounts that are not
    /// there are added.
    ///
    /// # Panics
    ///
    /// If one is no address.
    pub fn mint<'a>(&self, accounts: impl IntoIterator<Item = &'a str>) -> Vec<Minted> {
        self.mint_for(CLIENT_ID, &usual_scopes(), accounts)
    }

    /// The same for a client and scopes, space separated.
    ///
    /// # Panics
    ///
    /// If one is no address, or a scope does not exist.
    pub fn mint_for<'a>(
        &self,
        client_id: &str,
        scopes: &str,
        accounts: impl IntoIterator<Item = &'a str>,
    ) -> Vec<Minted> {
        let accounts = accounts.into_iter().map(str::to_owned).collect();
        let mint = Mint { accounts, scopes: scopes.to_owned(), client_id: client_id.to_owned() };
        let now = self.shared.now();
        mint.issue(&mut self.shared.state(), now).expect("addresses and scopes are usable")
    }
}
