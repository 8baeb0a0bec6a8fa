//! The authorization request: what Google checks before it shows a page, and which requests need no page.

use super::answer::Answer;
use super::calls::Call;
use super::consent::{self, Decision};
use super::pkce::Challenge;
use super::state::{Shared, State};
use super::{pages, scopes};

/// A request that passed every check.
#[derive(Clone, Debug)]
pub(super) struct Authorization {
    pub(super) client_id: String,
    pub(super) redirect_uri: String,
    /// As asked, with short names.
    pub(super) asked: String,
    /// Full names.
    pub(super) scopes: Vec<String>,
    pub(super) offline: bool,
    pub(super) prompts: Prompts,
    pub(super) login_hint: Option<String>,
    pub(super) hosted_domain: Option<String>,
    pub(super) include_granted: bool,
    pub(super) state: Option<String>,
    pub(super) nonce: Option<String>,
    pub(super) challenge: Option<Challenge>,
}

/// The words of `prompt`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Prompts {
    pub(super) none: bool,
    pub(super) consent: bool,
    pub(super) select_account: bool,
}

/// Why Google shows its error page and does not go back.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Refusal {
    pub(super) code: &'static str,
    pub(super) detail: String,
}

fn refuse<T>(code: &'static str, detail: impl Into<String>) -> Result<T, Refusal> {
    Err(Refusal { code, detail: detail.into() })
}

/// The query's values, each at most once.
struct Parameters<'a>(&'a [(String, String)]);

impl<'a> Parameters<'a> {
    fn get(&self, name: &str) -> Result<Option<&'a str>, Refusal> {
        let mut values = self.0.iter().filter(|(key, _)| key == name);
        let first = values.next();
        if values.next().is_some() {
            return refuse(
                "invalid_request",
                format!("OAuth 2 parameters can only have a single value: {name}"),
            );
        }
        Ok(first.map(|(_, value)| value.as_str()).filter(|value| !value.is_empty()))
    }

    fn require(&self, name: &str) -> Result<&'a str, Refusal> {
        match self.get(name)? {
            Some(value) => Ok(value),
            None => refuse("invalid_request", format!("Missing required parameter: {name}")),
        }
    }

    fn one_of(&self, name: &str, allowed: &[&str]) -> Result<Option<&'a str>, Refusal> {
        match self.get(name)? {
            Some(value) if !allowed.contains(&value) => refuse(
                "invalid_request",
                format!("Invalid parameter value for {name}: '{value}' is not one of {allowed:?}"),
            ),
            found => Ok(found),
        }
    }
}

impl Authorization {
    /// Checks a request in Google's order: client and redirect URI first, for without them there is no way back.
    pub(super) fn parse(query: &[(String, String)], state: &State) -> Result<Self, Refusal> {
        let parameters = Parameters(query);
        let client_id = parameters.require("client_id")?;
        let Some(client) = state.client(client_id) else {
            return refuse("invalid_client", "The OAuth client was not found.");
        };
        let redirect_uri = parameters.require("redirect_uri")?;
        if !client.redirect_uris.iter().any(|known| known == redirect_uri) {
            let detail = format!(
                "The redirect URI in the request, {redirect_uri}, does not match the ones authorized for the OAuth client."
            );
            return refuse("redirect_uri_mismatch", detail);
        }
        match parameters.require("response_type")? {
            "code" => {}
            other => return refuse("unsupported_response_type", format!("Invalid response_type: {other}")),
        }
        let asked = parameters.require("scope")?;
        let scopes = match scopes::parse(asked) {
            Ok(scopes) => scopes,
            Err(unknown) => {
                return refuse(
                    "invalid_scope",
                    format!("Some requested scopes were invalid. {{invalid=[{unknown}]}}"),
                );
            }
        };
        Ok(Self {
            client_id: client_id.to_owned(),
            redirect_uri: redirect_uri.to_owned(),
            asked: asked.to_owned(),
            scopes,
            offline: parameters.one_of("access_type", &["online", "offline"])? == Some("offline"),
            prompts: prompts(&parameters)?,
            // `user_id` is the name that the Gmail guide's sample still uses.
            login_hint: parameters.get("login_hint")?.or(parameters.get("user_id")?).map(Into::into),
            hosted_domain: parameters.get("hd")?.filter(|domain| *domain != "*").map(Into::into),
            include_granted: parameters.one_of("include_granted_scopes", &["true", "false"])? == Some("true"),
            state: parameters.get("state")?.map(Into::into),
            nonce: parameters.get("nonce")?.map(Into::into),
            challenge: challenge(&parameters)?,
        })
    }

    /// The `sub` of the account that the request itself names: by `login_hint`, or because there is no other.
    pub(super) fn named_account(&self, state: &State) -> Option<String> {
        if let Some(hint) = &self.login_hint {
            return state.sub_of(hint);
        }
        let mut candidates = state
            .accounts
            .iter()
            .filter(|account| self.hosted_domain.is_none() || account.hosted_domain == self.hosted_domain);
        let only = candidates.next()?;
        candidates.next().is_none().then(|| only.sub.clone())
    }

    /// Whether an account already allowed all that is asked, so that it is not asked again.
    pub(super) fn is_granted_by(&self, sub: &str, state: &State) -> bool {
        state.grant(sub, &self.client_id).is_some_and(|grant| scopes::covers(&grant.scopes, &self.scopes))
    }

    /// Where Google sends the browser without showing a page, if it does.
    pub(super) fn settle(&self, shared: &Shared, state: &mut State) -> Option<String> {
        if self.prompts.consent || self.prompts.select_account {
            return None;
        }
        let granted = self.named_account(state).filter(|sub| self.is_granted_by(sub, state));
        match granted {
            Some(sub) => Some(consent::allow(shared, state, self, &sub, &[])),
            None if self.prompts.none => Some(consent::error(state, self, "interaction_required")),
            None => None,
        }
    }
}

fn prompts(parameters: &Parameters<'_>) -> Result<Prompts, Refusal> {
    let approval = parameters.one_of("approval_prompt", &["auto", "force"])?;
    let prompt = parameters.get("prompt")?;
    if approval.is_some() && prompt.is_some() {
        return refuse("invalid_request", "Conflict params: approval_prompt and prompt");
    }
    let mut found = Prompts { consent: approval == Some("force"), ..Prompts::default() };
    for word in prompt.unwrap_or_default().split_ascii_whitespace() {
        match word {
            "none" => found.none = true,
            "consent" => found.consent = true,
            "select_account" => found.select_account = true,
            other => {
                let detail = format!("Invalid parameter value for prompt: Invalid prompt: {other}");
                return refuse("invalid_request", detail);
            }
        }
    }
    if found.none && (found.consent || found.select_account) {
        return refuse("invalid_request", "Invalid parameter value for prompt: none must stand alone");
    }
    Ok(found)
}

fn challenge(parameters: &Parameters<'_>) -> Result<Option<Challenge>, Refusal> {
    let method = parameters.one_of("code_challenge_method", &["S256", "plain"])?;
    let Some(challenge) = parameters.get("code_challenge")? else {
        return match method {
            Some(_) => refuse("invalid_request", "Missing required parameter: code_challenge"),
            None => Ok(None),
        };
    };
    let is_unreserved = |c: char| c.is_ascii_alphanumeric() || "-._~".contains(c);
    if !(43..=128).contains(&challenge.len()) || !challenge.chars().all(is_unreserved) {
        return refuse("invalid_request", "Invalid parameter value for code_challenge");
    }
    Ok(Some(match method {
        Some("S256") => Challenge::S256(challenge.to_owned()),
        _ => Challenge::Plain(challenge.to_owned()),
    }))
}

/// `GET /o/oauth2/v2/auth`: the error page, the way back, or the consent page.
pub(super) fn page(shared: &Shared, call: &Call) -> Answer {
    let mut state = shared.state();
    let authorization = match Authorization::parse(&call.query, &state) {
        Ok(authorization) => authorization,
        Err(refusal) => return pages::error(400, refusal.code, &refusal.detail),
    };
    match authorization.settle(shared, &mut state) {
        Some(location) => Answer::see_other(&location),
        None => pages::consent(&authorization, &call.query, &state),
    }
}

/// The same where Google goes back with an error instead of a page.
pub(super) fn send_back(shared: &Shared, call: &Call, error: &str) -> Answer {
    let state = shared.state();
    match Authorization::parse(&call.query, &state) {
        Ok(authorization) => Answer::see_other(&consent::error(&state, &authorization, error)),
        Err(refusal) => pages::error(400, refusal.code, &refusal.detail),
    }
}

/// `POST /o/oauth2/v2/auth/decision`: what the person chose on the consent page.
pub(super) fn decision(shared: &Shared, query: &[(String, String)], form: &[(String, String)]) -> Answer {
    let mut state = shared.state();
    let authorization = match Authorization::parse(query, &state) {
        Ok(authorization) => authorization,
        Err(refusal) => return pages::error(400, refusal.code, &refusal.detail),
    };
    let values = |name: &str| -> Vec<&str> {
        form.iter().filter(|(key, _)| key == name).map(|(_, value)| value.as_str()).collect()
    };
    let ticked = values("scope");
    let account = values("account").first().map(|account| (*account).to_owned()).unwrap_or_default();
    let decision = match values("decision").first() {
        Some(&"allow") => {
            let is_unticked =
                |scope: &&String| !scopes::is_identity(scope) && !ticked.contains(&scope.as_str());
            Decision::Allow {
                account,
                without: authorization.scopes.iter().filter(is_unticked).cloned().collect(),
            }
        }
        _ => Decision::Deny { account },
    };
    match consent::decide(shared, &mut state, &authorization, &decision) {
        Ok(location) => Answer::see_other(&location),
        Err(refusal) => pages::error(400, refusal.code, &refusal.detail),
    }
}
