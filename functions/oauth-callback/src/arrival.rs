//! Parses a callback: Google's code or error, and the `state`. Makes no decisions.

use postern::door::Request;
use postern::outside::google::identity::ISSUER;
use postern_rules::error::Error;
use postern_rules::flow;
use postern_rules::secret::{AuthorizationCode, State};
use serde::Deserialize;

/// Google's authorization response.
pub(crate) enum AuthorizationResponse {
    /// RFC 6749 section 4.1.2.
    Code(AuthorizationCode),
    /// Google must show the user a page, but was asked not to (OpenID Connect Core section
    /// 3.1.2.6).
    MustAsk {
        /// Whether consent is what is missing.
        consent: bool,
    },
    /// The error response (RFC 6749 section 4.1.2.1).
    Refused(Error),
}

/// A well-formed callback.
pub(crate) struct Arrival {
    pub(crate) answer: AuthorizationResponse,
    pub(crate) state: State,
    /// Whether `iss` names another issuer than Google (RFC 9207). A missing `iss` is accepted.
    pub(crate) foreign_issuer: bool,
    /// Whether it came as a POST.
    pub(crate) posted: bool,
}

/// The body of a POST. Unknown members are ignored: a page may post all that Google returned.
#[derive(Deserialize)]
struct Posted {
    code: String,
    state: Option<String>,
}

impl Arrival {
    pub(crate) fn parse(request: &Request) -> Result<Self, Error> {
        if request.method() == "POST" { Self::from_body(request) } else { Self::from_query(request) }
    }

    fn from_query(request: &Request) -> Result<Self, Error> {
        let query = &request.query;
        let (code, error, state) = (query.one("code")?, query.one("error")?, query.one("state")?);
        let issuer = query.one("iss")?;
        let answer = match (code, error) {
            (Some(code), None) => AuthorizationResponse::Code(code_of(code)?),
            (None, Some(error)) => refusal(error),
            (Some(_), Some(_)) => return Err(Error::InvalidRequest("code and error exclude each other.")),
            (None, None) => return Err(Error::InvalidRequest("The query has neither code nor error.")),
        };
        let foreign_issuer = issuer.is_some_and(|issuer| issuer != ISSUER);
        Ok(Self { answer, state: state_of(state)?, foreign_issuer, posted: false })
    }

    fn from_body(request: &Request) -> Result<Self, Error> {
        let body: Posted = request
            .json()
            .ok_or(Error::InvalidRequest("The body must be {\"code\":\"...\",\"state\":\"...\"}."))?;
        let answer = AuthorizationResponse::Code(code_of(&body.code)?);
        Ok(Self { answer, state: state_of(body.state.as_deref())?, foreign_issuer: false, posted: true })
    }
}

fn code_of(text: &str) -> Result<AuthorizationCode, Error> {
    flow::parse_code(text).ok_or(Error::InvalidRequest("code is not an authorization code."))
}

fn state_of(text: Option<&str>) -> Result<State, Error> {
    let text = text.ok_or(Error::StateMissing)?;
    flow::parse_state(text).ok_or(Error::InvalidRequest("state is not one that this API gave out."))
}

/// Maps Google's error codes. Google's text is never repeated to the caller (A51).
fn refusal(error: &str) -> AuthorizationResponse {
    AuthorizationResponse::Refused(match error {
        "interaction_required" | "login_required" | "account_selection_required" => {
            return AuthorizationResponse::MustAsk { consent: false };
        }
        "consent_required" => return AuthorizationResponse::MustAsk { consent: true },
        "access_denied" => Error::ConsentDenied,
        // `policy_enforced` is Google's Advanced Protection: the user's own choice, but it blocks
        // as well.
        "admin_policy_enforced" | "policy_enforced" => Error::BlockedByAdmin,
        "org_internal" => Error::OrgInternal,
        "disallowed_useragent" => Error::DisallowedUserAgent,
        "redirect_uri_mismatch" | "origin_mismatch" | "invalid_client" | "deleted_client" => {
            Error::GoogleSetup("the authorization endpoint refuses the client as it is set up".into())
        }
        _ => Error::ProviderError,
    })
}
