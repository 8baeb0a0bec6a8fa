//! What the person decides at the authorization page, and what Google sends back to the application for it.

use url::Url;

use super::authorize::{Authorization, Refusal};
use super::scopes;
use super::state::{Shared, State, take};
use super::tokens::{CODE_LIFETIME, Code};

/// What the person at the authorization page does.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Decision {
    /// Allows, with some scopes unticked.
    Allow {
        /// E-mail address or `sub`.
        account: String,
        /// The scopes that are unticked, by full name.
        without: Vec<String>,
    },
    /// Says no.
    Deny {
        /// E-mail address or `sub`.
        account: String,
    },
    /// Google itself sends the browser back with this error, for instance `admin_policy_enforced`.
    Error {
        /// The value of `error`.
        error: String,
    },
}

impl Decision {
    /// Allows all that is asked.
    pub fn allow(account: &str) -> Self {
        Self::Allow { account: account.into(), without: Vec::new() }
    }

    /// Allows all but these scopes.
    pub fn allow_without(account: &str, without: &[&str]) -> Self {
        Self::Allow {
            account: account.into(),
            without: without.iter().map(|scope| (*scope).into()).collect(),
        }
    }

    /// Says no.
    pub fn deny(account: &str) -> Self {
        Self::Deny { account: account.into() }
    }

    /// Google sends the browser back with an error.
    pub fn error(error: &str) -> Self {
        Self::Error { error: error.into() }
    }
}

/// Where the browser ends up.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Consent {
    /// Back at the application, with a code or an error in the query.
    Redirect(String),
    /// At Google's error page, which names this code; the application hears nothing.
    ErrorPage(String),
}

impl Consent {
    /// A parameter of the URL that the browser was sent back to.
    pub fn parameter(&self, name: &str) -> Option<String> {
        let Self::Redirect(location) = self else { return None };
        let url = Url::parse(location).ok()?;
        url.query_pairs().find(|(key, _)| key == name).map(|(_, value)| value.into_owned())
    }

    /// The URL that the browser was sent back to.
    pub fn location(&self) -> Option<&str> {
        match self {
            Self::Redirect(location) => Some(location),
            Self::ErrorPage(_) => None,
        }
    }

    /// The code.
    pub fn code(&self) -> Option<String> {
        self.parameter("code")
    }

    /// The code of the error, on Google's page or in the answer.
    pub fn error(&self) -> Option<String> {
        match self {
            Self::Redirect(_) => self.parameter("error"),
            Self::ErrorPage(code) => Some(code.clone()),
        }
    }
}

/// Does what the person decided, and gives the URL to send the browser to.
pub(super) fn decide(
    shared: &Shared,
    state: &mut State,
    authorization: &Authorization,
    decision: &Decision,
) -> Result<String, Refusal> {
    let (account, without) = match decision {
        Decision::Error { error: code } => return Ok(error(state, authorization, code)),
        Decision::Deny { .. } => return Ok(error(state, authorization, "access_denied")),
        Decision::Allow { account, without } => (account, without),
    };
    let Some(sub) = state.sub_of(account) else {
        let detail = format!("The fake Google has no account {account}.");
        return Err(Refusal { code: "account_not_found", detail });
    };
    Ok(allow(shared, state, authorization, &sub, without))
}

/// Issues a code. An account that already allowed all of it is not asked again unless the request says so.
pub(super) fn allow(
    shared: &Shared,
    state: &mut State,
    authorization: &Authorization,
    sub: &str,
    without: &[String],
) -> String {
    let is_asked = authorization.prompts.consent || !authorization.is_granted_by(sub, state);
    let mut granted = authorization.scopes.clone();
    if is_asked {
        let unticked = unticked(state, without);
        granted.retain(|scope| scopes::is_identity(scope) || !unticked.contains(scope));
    }
    // Refusing every box is refusing: Google answers as for the button.
    if granted.is_empty() {
        return error(state, authorization, "access_denied");
    }
    let earlier = state.grant(sub, &authorization.client_id).cloned().unwrap_or_default();
    let grant = state.grant_mut(sub, &authorization.client_id);
    for scope in &granted {
        scopes::add(&mut grant.scopes, scope);
    }
    grant.offline |= authorization.offline;
    if authorization.include_granted {
        for scope in &earlier.scopes {
            scopes::add(&mut granted, scope);
        }
    }
    let code = state.tokens.issue_code(Code {
        client_id: authorization.client_id.clone(),
        redirect_uri: authorization.redirect_uri.clone(),
        sub: sub.to_owned(),
        scopes: granted.clone(),
        offline: authorization.offline,
        gives_refresh_token: authorization.offline && (is_asked || !earlier.offline),
        challenge: authorization.challenge.clone(),
        nonce: authorization.nonce.clone(),
        expires_at: shared.now().plus(CODE_LIFETIME),
        spent: false,
    });
    let authuser = state.accounts.iter().position(|account| account.sub == sub).unwrap_or_default();
    let domain = state.account(sub).and_then(|account| account.hosted_domain.clone());
    // Google repeats the short names that were asked for before the full ones.
    let mut names: Vec<&str> = authorization
        .asked
        .split_ascii_whitespace()
        .filter(|name| matches!(*name, "email" | "profile"))
        .collect();
    names.extend(granted.iter().map(String::as_str));
    let mut answer = vec![("code", code), ("scope", names.join(" ")), ("authuser", authuser.to_string())];
    if let Some(domain) = domain {
        answer.push(("hd", domain));
    }
    answer.push(("prompt", if is_asked { "consent" } else { "none" }.to_owned()));
    back(state, authorization, &answer)
}

/// Sends the browser back with an error.
pub(super) fn error(state: &State, authorization: &Authorization, code: &str) -> String {
    back(state, authorization, &[("error", code.to_owned())])
}

fn back(state: &State, authorization: &Authorization, answer: &[(&str, String)]) -> String {
    let Ok(mut url) = Url::parse(&authorization.redirect_uri) else {
        return authorization.redirect_uri.clone();
    };
    {
        let mut pairs = url.query_pairs_mut();
        if let Some(value) = &authorization.state {
            pairs.append_pair("state", value);
        }
        if let Some(issuer) = &state.switches.issuer {
            pairs.append_pair("iss", issuer);
        }
        for (name, value) in answer {
            pairs.append_pair(name, value);
        }
    }
    url.into()
}

/// What is left out: by the person, and by the control API's switch.
fn unticked(state: &mut State, without: &[String]) -> Vec<String> {
    let mut unticked = without.to_vec();
    state.switches.unticked.retain_mut(|(scope, times)| {
        let mut switch = Some(*times);
        if take(&mut switch) {
            unticked.push(scope.clone());
        }
        if let Some(left) = switch {
            *times = left;
        }
        switch.is_some()
    });
    unticked
}
