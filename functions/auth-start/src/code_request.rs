//! Parses an authorization request (RFC 6749 section 4.1.1, RFC 7636 section 4.3). Makes no decisions.

use postern::door::query::Query;
use postern_rules::config::Config;
use postern_rules::error::Error;
use postern_rules::flow::{AnswerTo, CodeRequest, RedirectUri, ResponseMode, parse_client_id};
use postern_rules::pkce::Challenge;

/// A request of which it is known who asks and where the answer goes, and nothing else yet.
pub(crate) struct Asked {
    pub(crate) answer_to: AnswerTo,
    client_id: String,
}

impl Asked {
    /// Parses `redirect_uri` and `client_id`. While these are not known to be good, no error may be
    /// sent to that address.
    pub(crate) fn parse(query: &Query, config: &Config) -> Result<Self, Error> {
        const NOT_A_CLIENT: Error =
            Error::InvalidRequest("client_id must be 1 to 128 visible ASCII characters.");
        let redirect_uri = query.given("redirect_uri")?.ok_or(Error::InvalidRedirectUri)?;
        let redirect_uri =
            RedirectUri::parse(redirect_uri, &config.allowed_origins, &config.allowed_return_uris)?;
        let client_id = query.given("client_id")?.and_then(parse_client_id).ok_or(NOT_A_CLIENT)?;
        // An unusable one of these two is reported below, as far as possible in the way that it asks
        // for.
        let state = query.given("state").ok().flatten().map(str::to_owned);
        let mode = query.given("response_mode").ok().flatten();
        let mode = mode.and_then(|mode| ResponseMode::parse(mode).ok()).unwrap_or_default();
        Ok(Self { answer_to: AnswerTo { redirect_uri, state, mode }, client_id })
    }

    /// Parses the rest. Its errors go to the front end.
    pub(crate) fn complete(self, query: &Query) -> Result<CodeRequest, Error> {
        const NOT_A_CHALLENGE: Error =
            Error::InvalidRequest("code_challenge must be 43 characters of base64url: a SHA-256.");
        const NOT_S256: Error = Error::InvalidRequest("code_challenge_method must be S256.");
        if query.given("response_type")? != Some("code") {
            return Err(Error::UnsupportedResponseType);
        }
        query.given("state")?;
        query.given("response_mode")?.map(ResponseMode::parse).transpose()?;
        // Without a method it would be `plain` (RFC 7636 section 4.3).
        if query.given("code_challenge_method")? != Some("S256") {
            return Err(NOT_S256);
        }
        let challenge = query.given("code_challenge")?.and_then(Challenge::parse).ok_or(NOT_A_CHALLENGE)?;
        CodeRequest::of_parts(self.answer_to, self.client_id, challenge)
    }
}
