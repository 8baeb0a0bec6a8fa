//! What a sign-in gives the front end that began it: a session, or a code to redeem for one.

use serde::{Deserialize, Serialize};

use super::redirect_uri::{RedirectUri, ResponseMode};
use super::return_to::ReturnTo;
use crate::config::{Origins, ReturnUris};
use crate::error::Error;
use crate::pkce::Challenge;
use crate::secret::OneTimeCode;

/// In bytes.
const CLIENT_ID_LIMIT: usize = 128;
/// In bytes. Auth.js sends about 350: an encrypted JSON Web Token.
const STATE_LIMIT: usize = 512;
/// What a code request may need in the flow cookie, in bytes: a browser may hold four of them.
const KEPT_LIMIT: usize = 640;

/// What a sign-in ends in.
#[derive(Clone, Debug)]
pub enum Delivery {
    /// A session cookie. The browser returns here.
    Session(ReturnTo),
    /// A one-time code for the front end that asked for it (RFC 6749 section 4.1).
    Code(CodeRequest),
}

impl Delivery {
    /// Where a sign-in that failed leaves the browser. `issuer` is this API's public URL.
    pub fn failed(&self, issuer: &str, error: &Error) -> String {
        match self {
            Self::Session(return_to) => return_to.with_auth_error(error.facts().code),
            Self::Code(request) => request.answer_to.failed(issuer, error),
        }
    }
}

/// Where the answer to an authorization request goes, and how.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AnswerTo {
    /// The front end's address.
    #[serde(rename = "u")]
    pub redirect_uri: RedirectUri,
    /// The front end's own `state`, which the answer repeats. Not the state of the flow.
    #[serde(rename = "s", default, skip_serializing_if = "Option::is_none")]
    pub state: Option<String>,
    /// Where in the address the answer stands.
    #[serde(rename = "m", default)]
    pub mode: ResponseMode,
}

impl AnswerTo {
    /// The address with the code (RFC 6749 section 4.1.2), and with the issuer that gave it (RFC
    /// 9207).
    fn with_code(&self, issuer: &str, code: &OneTimeCode) -> String {
        self.with(issuer, &[("code", code.expose())])
    }

    /// The address with the error (RFC 6749 section 4.1.2.1).
    pub fn failed(&self, issuer: &str, error: &Error) -> String {
        self.with(issuer, &[("error", error.authorization_error()), ("error_code", error.facts().code)])
    }

    fn with(&self, issuer: &str, answer: &[(&str, &str)]) -> String {
        let state = self.state.iter().map(|state| ("state", state.as_str()));
        let parameters: Vec<_> = answer.iter().copied().chain(state).chain([("iss", issuer)]).collect();
        self.redirect_uri.with(self.mode, &parameters)
    }
}

/// An authorization request of a front end (RFC 6749 section 4.1.1, RFC 7636 section 4.3).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CodeRequest {
    /// Where the answer goes.
    #[serde(rename = "a")]
    pub answer_to: AnswerTo,
    /// The front end's name for itself. There is no registration: its redirect URI identifies it.
    #[serde(rename = "i")]
    pub client_id: String,
    /// The PKCE challenge.
    #[serde(rename = "c")]
    pub challenge: Challenge,
}

impl CodeRequest {
    /// A request whose parts are well-formed, if it fits into a cookie.
    pub fn of_parts(answer_to: AnswerTo, client_id: String, challenge: Challenge) -> Result<Self, Error> {
        const TOO_LONG: Error =
            Error::InvalidRequest("redirect_uri, client_id and state are too long together.");
        let is_too_long = answer_to.state.as_ref().is_some_and(|state| state.len() > STATE_LIMIT);
        if is_too_long || answer_to.state.as_deref().is_some_and(|state| !is_visible(state)) {
            return Err(Error::InvalidRequest("state must be at most 512 visible ASCII characters."));
        }
        let request = Self { answer_to, client_id, challenge };
        let length = serde_json::to_string(&request).map_err(|_| Error::Internal)?.len();
        if length > KEPT_LIMIT { Err(TOO_LONG) } else { Ok(request) }
    }

    /// The same request, if its address is allowed by today's lists too.
    pub(super) fn still_allowed(&self, origins: &Origins, uris: &ReturnUris) -> Result<Self, Error> {
        let redirect_uri = self.answer_to.redirect_uri.still_allowed(origins, uris)?;
        let answer_to = AnswerTo { redirect_uri, ..self.answer_to.clone() };
        Ok(Self { answer_to, ..self.clone() })
    }

    /// Where a sign-in that succeeded leaves the browser. `issuer` is this API's public URL.
    pub fn succeeded(&self, issuer: &str, code: &OneTimeCode) -> String {
        self.answer_to.with_code(issuer, code)
    }
}

/// Parses a front end's `client_id`: 1 to 128 visible ASCII characters.
pub fn parse_client_id(text: &str) -> Option<String> {
    ((1..=CLIENT_ID_LIMIT).contains(&text.len()) && is_visible(text)).then(|| text.to_owned())
}

fn is_visible(text: &str) -> bool {
    text.bytes().all(|byte| byte.is_ascii_graphic())
}
