//! The authorization endpoint: what Google checks in a request, and what the person decides.

use serde::{Deserialize, Serialize};
use url::Url;

use super::answer::Answer;
use super::calls::Call;
use super::consent_page::consent_page;
use super::scopes;
use super::state::{Shared, State};
use super::tokens::{CODE_LIFETIME, Code};

/// What the person at the authorization page does. In the control API, an `account` that is absent is
/// the one that the request names, or the first.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Decision {
    /// Allows, with some scopes unticked.
    Allow {
        /// E-mail address or `sub`.
        #[serde(default)]
        account: String,
        /// The scopes that are unticked, by full name.
        #[serde(default)]
        without: Vec<String>,
    },
    /// Says no.
    Deny {
        /// E-mail address or `sub`.
        #[serde(default)]
        account: String,
    },
}

impl Decision {
    /// Allows all that is asked.
    pub fn allow(account: &str) -> Self {
        Self::allow_without(account, &[])
    }

    /// Allows all but these scopes.
    pub fn allow_without(account: &str, without: &[&str]) -> Self {
        let without = without.iter().map(|scope| (*scope).into()).collect();
        Self::Allow { account: account.into(), without }
    }

    /// Says no.
    pub fn deny(account: &str) -> Self {
        Self::Deny { account: account.into() }
    }
}

/// Where the browser ends up.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Consent {
    /// At the application, with a code or an error in the query.
    Redirect(String),
    /// At Google's error page with this code. The application is not told.
    ErrorPage(String),
}

impl Consent {
    /// A parameter of the URL that the browser was sent back to.
    pub fn parameter(&self, name: &str) -> Option<String> {
        let Self::Redirect(location) = self else { return None };
        let url = Url::parse(location).ok()?;
        url.query_pairs().find(|(key, _)| key == name).map(|(_, value)| value.into_owned())
    }

    /// The code.
    pub fn code(&self) -> Option<String> {
        self.parameter("code")
    }
}

/// A request that passed every check.
#[derive(Clone, Debug)]
pub(super) struct Authorization {
    pub(super) client_id: String,
    redirect_uri: String,
    /// As asked, with short names.
    asked: String,
    /// Full names.
    pub(super) scopes: Vec<String>,
    is_offline: bool,
    prompt: String,
    login_hint: Option<String>,
    state: Option<String>,
    nonce: Option<String>,
    challenge: Option<String>,
}

/// Why Google shows its error page and does not go back: a code and a sentence.
type Refusal = (&'static str, String);

fn refuse<T>(code: &'static str, detail: impl Into<String>) -> Result<T, Refusal> {
    Err((code, detail.into()))
}

impl Authorization {
    /// Checks a request in Google's order: client and redirect URI first, because without them
    /// there is no way back.
    pub(super) fn parse(call: &Call, state: &State) -> Result<Self, Refusal> {
        if let Some((name, _)) = call.query.iter().find(|(name, _)| call.query_values(name).len() > 1) {
            let detail = format!("OAuth 2 parameters can only have a single value: {name}");
            return refuse("invalid_request", detail);
        }
        let get = |name: &str| call.query_value(name).filter(|value| !value.is_empty()).map(str::to_owned);
        let require = |name: &str| {
            get(name).ok_or_else(|| ("invalid_request", format!("Missing required parameter: {name}")))
        };
        let one_of = |name: &str, allowed: &[&str]| match get(name) {
            Some(value) if !allowed.contains(&value.as_str()) => {
                refuse("invalid_request", format!("Invalid parameter value for {name}: {value}"))
            }
            found => Ok(found),
        };
        let client_id = require("client_id")?;
        let Some(client) = state.client(&client_id) else {
            return refuse("invalid_client", "The OAuth client was not found.");
        };
        let redirect_uri = require("redirect_uri")?;
        if !client.redirect_uris.contains(&redirect_uri) {
            let detail = format!("The redirect URI {redirect_uri} is not registered for the OAuth client.");
            return refuse("redirect_uri_mismatch", detail);
        }
        one_of("response_type", &["code"])?;
        require("response_type")?;
        let asked = require("scope")?;
        let scopes = scopes::parse(&asked).map_err(|unknown| {
            ("invalid_scope", format!("Some requested scopes were invalid. {{invalid=[{unknown}]}}"))
        })?;
        let prompts = ["consent", "none", "select_account", "select_account consent"];
        let challenge = get("code_challenge");
        if challenge.is_some() {
            require("code_challenge_method")?;
            one_of("code_challenge_method", &["S256"])?;
        }
        Ok(Self {
            client_id,
            redirect_uri,
            asked,
            scopes,
            is_offline: one_of("access_type", &["online", "offline"])?.as_deref() == Some("offline"),
            prompt: one_of("prompt", &prompts)?.unwrap_or_default(),
            login_hint: get("login_hint"),
            state: get("state"),
            nonce: get("nonce"),
            challenge,
        })
    }

    /// The `sub` of the account that the request itself names.
    pub(super) fn named_account(&self, state: &State) -> Option<String> {
        state.sub_of(self.login_hint.as_ref()?)
    }

    /// Whether an account already allowed all that is asked, so that it is not asked again.
    fn is_granted_by(&self, sub: &str, state: &State) -> bool {
        state.grant(sub, &self.client_id).is_some_and(|grant| scopes::covers(&grant.scopes, &self.scopes))
    }

    /// Where Google sends the browser without showing a page, if it does.
    pub(super) fn settle(&self, shared: &Shared, state: &mut State) -> Option<String> {
        if self.prompt.contains("consent") || self.prompt.contains("select_account") {
            return None;
        }
        match self.named_account(state).filter(|sub| self.is_granted_by(sub, state)) {
            Some(sub) => Some(self.allow(shared, state, &sub, &[])),
            None if self.prompt == "none" => {
                Some(self.back(state, &[("error", "interaction_required".into())]))
            }
            None => None,
        }
    }

    /// Carries out the person's decision. Returns where the browser is sent.
    pub(super) fn decide(
        &self,
        shared: &Shared,
        state: &mut State,
        decision: &Decision,
    ) -> Result<String, Refusal> {
        let Decision::Allow { account, without } = decision else {
            return Ok(self.back(state, &[("error", "access_denied".into())]));
        };
        let named = || self.named_account(state).or(state.accounts.first().map(|first| first.sub.clone()));
        match if account.is_empty() { named() } else { state.sub_of(account) } {
            Some(sub) => Ok(self.allow(shared, state, &sub, without)),
            None => refuse("account_not_found", format!("The fake Google has no account {account}.")),
        }
    }

    /// Issues a code. An account that has already allowed everything is not asked again unless the
    /// request says so.
    fn allow(&self, shared: &Shared, state: &mut State, sub: &str, without: &[String]) -> String {
        let is_asked = self.prompt.contains("consent") || !self.is_granted_by(sub, state);
        let mut granted = self.scopes.clone();
        granted.retain(|scope| !is_asked || scopes::is_identity(scope) || !without.contains(scope));
        // Google treats unticking every box as a refusal.
        if granted.is_empty() {
            return self.back(state, &[("error", "access_denied".into())]);
        }
        let grant = state.grant_mut(sub, &self.client_id);
        let gives_refresh_token = self.is_offline && (is_asked || !grant.is_offline);
        grant.is_offline |= self.is_offline;
        for scope in &granted {
            scopes::add(&mut grant.scopes, scope);
        }
        let code = Code {
            client_id: self.client_id.clone(),
            redirect_uri: self.redirect_uri.clone(),
            sub: sub.to_owned(),
            scopes: granted.clone(),
            gives_refresh_token,
            challenge: self.challenge.clone(),
            nonce: self.nonce.clone(),
            expires_at: shared.now().plus(CODE_LIFETIME),
            is_spent: false,
        };
        let code = state.tokens.issue_code(code, state.switches.longest_values);
        let index = state.accounts.iter().position(|account| account.sub == sub).unwrap_or_default();
        // Google lists the short names from the request before the full ones.
        let short = self.asked.split_ascii_whitespace().filter(|name| matches!(*name, "email" | "profile"));
        let names: Vec<&str> = short.chain(granted.iter().map(String::as_str)).collect();
        let mut answer = vec![("code", code), ("scope", names.join(" ")), ("authuser", index.to_string())];
        answer.extend(state.accounts[index].hosted_domain.clone().map(|domain| ("hd", domain)));
        answer.push(("prompt", if is_asked { "consent" } else { "none" }.to_owned()));
        self.back(state, &answer)
    }

    /// The way back to the application.
    fn back(&self, state: &State, answer: &[(&str, String)]) -> String {
        let issuer = state.switches.issuer.clone().map(|issuer| ("iss", issuer));
        let first = self.state.clone().map(|state| ("state", state)).into_iter().chain(issuer);
        let pairs = first.chain(answer.iter().cloned());
        let mut url = Url::parse(&self.redirect_uri).expect("a registered redirect URI is a URL");
        url.query_pairs_mut().extend_pairs(pairs);
        url.into()
    }
}

/// `GET /o/oauth2/v2/auth`: the error page, the way back, or the consent page.
pub(super) fn page(shared: &Shared, call: &Call) -> Answer {
    let mut state = shared.state();
    let authorization = match Authorization::parse(call, &state) {
        Ok(authorization) => authorization,
        Err((code, detail)) => return Answer::error_page(400, code, &detail),
    };
    if let Some(location) = authorization.settle(shared, &mut state) {
        return Answer::redirect(303, &location);
    }
    if let Some(decision) = state.switches.consent.clone() {
        return went(authorization.decide(shared, &mut state, &decision));
    }
    let query = form_urlencoded::Serializer::new(String::new()).extend_pairs(&call.query).finish();
    consent_page(&authorization, &query, &state)
}

/// `POST /o/oauth2/v2/auth/decision`: what the person chose on the consent page.
pub(super) fn decision(shared: &Shared, call: &Call) -> Answer {
    let mut state = shared.state();
    went(Authorization::parse(call, &state).and_then(|authorization| {
        let form = call.form();
        let account = call.form_value("account").unwrap_or_default();
        let is_ticked = |scope: &String| form.iter().any(|(name, value)| name == "scope" && value == scope);
        let without = authorization.scopes.iter().filter(|scope| !is_ticked(scope)).cloned().collect();
        let decision = match call.form_value("decision").as_deref() {
            Some("allow") => Decision::Allow { account, without },
            _ => Decision::Deny { account },
        };
        authorization.decide(shared, &mut state, &decision)
    }))
}

fn went(outcome: Result<String, Refusal>) -> Answer {
    match outcome {
        Ok(location) => Answer::redirect(303, &location),
        Err((code, detail)) => Answer::error_page(400, code, &detail),
    }
}
