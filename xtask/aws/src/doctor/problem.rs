//! What an answer of the API says of itself. Its words are compared with those that this API has, and never repeated: at its
//! address may be another program.

use postern::outside::http::Answer;
use postern_rules::config::VARIABLES;
use postern_rules::error::{Error, Facts, Invitation, Reason};
use serde_json::Value;

/// A problem document's code, and the sentence that belongs to it.
pub(super) struct Problem {
    pub(super) code: &'static str,
    variable: Option<&'static str>,
    detail: Option<&'static str>,
}

impl Problem {
    /// The problem of an answer; nothing when its body is no problem document of this API's.
    pub(super) fn of(answer: &Answer) -> Option<Self> {
        let body: Value = serde_json::from_slice(&answer.body).ok()?;
        let code = known_code(body["code"].as_str()?)?;
        let named = body["variable"].as_str();
        let variable = VARIABLES.iter().map(|variable| variable.name).find(|name| Some(*name) == named);
        Some(Self {
            code,
            variable,
            detail: body["detail"].as_str().and_then(|detail| known_detail(code, detail)),
        })
    }

    /// The problem in words.
    pub(super) fn words(&self) -> String {
        match self.variable.or(self.detail) {
            Some(detail) => format!("{} ({})", self.code, detail.trim_end_matches('.')),
            None => self.code.to_owned(),
        }
    }

    /// Whether it is the one that says that the Gmail API is not enabled.
    pub(super) fn is_gmail_not_enabled(&self) -> bool {
        says_gmail_not_enabled(self.code, self.detail)
    }
}

/// Whether this code and detail are those of a project whose Gmail API is not enabled.
pub(super) fn says_gmail_not_enabled(code: &str, detail: Option<&str>) -> bool {
    let facts = Error::GmailNotEnabled.facts();
    code == facts.code && detail == Some(facts.detail)
}

/// The code as this API writes it, if it is one of a condition that is the operator's to mend, or passing.
pub(super) fn known_code(code: &str) -> Option<&'static str> {
    conditions().map(|facts| facts.code).find(|known| *known == code)
}

/// The detail as this API writes it, if it is one that stands with this code.
fn known_detail(code: &str, detail: &str) -> Option<&'static str> {
    let mut details = conditions().filter(|facts| facts.code == code).map(|facts| facts.detail);
    details.find(|known| *known == detail)
}

/// The conditions that are the operator's to mend, or passing.
fn conditions() -> impl Iterator<Item = Facts> {
    let source = || "not looked at".into();
    let invitation = Invitation::default();
    let reasons = [
        Reason::NotConnected,
        Reason::RevokedOrExpired,
        Reason::ReauthPolicy,
        Reason::ScopesChanged,
        Reason::ClientChanged,
        Reason::SealBroken,
    ];
    let errors = [
        Error::GmailNotEnabled,
        Error::GoogleSetup(source()),
        Error::SecretsUnavailable(source()),
        Error::StorageUnavailable(source()),
        Error::CredentialUnreadable(source()),
        Error::QuotaExhausted,
        Error::OutOfTime,
        Error::UpstreamUnavailable { retry_after: 0, source: source() },
        Error::ExchangeFailed { invitation, source: source() },
        Error::UpstreamTimeout { invitation: None, source: source() },
        Error::UpstreamMalformed(source()),
        Error::UpstreamRejected(source()),
        Error::IdentityInvalid,
        Error::RateLimited(0),
        Error::Internal,
    ];
    errors.into_iter().chain(reasons.map(Error::unauthorized)).map(|error| error.facts())
}

#[cfg(test)]
mod tests {
    use reqwest::header::HeaderMap;
    use serde_json::json;

    use super::*;

    fn words(code: &str, detail: &str) -> Option<String> {
        let body = json!({ "code": code, "detail": detail }).to_string().into_bytes();
        Problem::of(&Answer { status: 503, headers: HeaderMap::new(), body: body.into() })
            .map(|problem| problem.words())
    }

    #[test]
    fn a_detail_or_a_variable_of_this_api_is_told_and_a_foreign_one_is_not() {
        let unreadable = "The stored record cannot be read by this version.";
        let expected = "credential_unreadable (The stored record cannot be read by this version)";
        assert_eq!(words("credential_unreadable", unreadable).as_deref(), Some(expected));
        assert_eq!(words("config_error", "planted: GOCSPX-somebody").as_deref(), Some("config_error"));
        assert_eq!(words("planted <b>", unreadable), None);
        let body = json!({ "code": "config_error", "variable": "SESSIONS_TABLE", "detail": "planted" });
        let body = body.to_string().into_bytes();
        let problem = Problem::of(&Answer { status: 503, headers: HeaderMap::new(), body: body.into() });
        assert_eq!(problem.unwrap().words(), "config_error (SESSIONS_TABLE)");
    }
}
