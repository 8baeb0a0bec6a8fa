//! This API's problem documents (RFC 9457), as far as doctor reads them. Another program may answer
//! at the API's address, so doctor prints nothing of an answer but names of ours.

use postern::outside::http::Answer;
use postern_rules::config::VARIABLES;
use postern_rules::error::Error;
use serde_json::Value;

const LONGEST_CODE: usize = 48;

/// What a problem document says.
pub(super) struct Problem {
    pub(super) code: String,
    /// The variable that a `config_error` is about.
    pub(super) variable: Option<&'static str>,
    /// The Gmail API is not enabled in the client's project.
    pub(super) is_gmail_not_enabled: bool,
}

impl Problem {
    /// The problem of an answer; `None` if its body is not a problem document of this API.
    pub(super) fn of(answer: &Answer) -> Option<Self> {
        let document: Value = serde_json::from_slice(&answer.body).ok()?;
        let problem = Self::read(&document)?;
        (document["type"] == format!("urn:postern:problem:{}", problem.code)).then_some(problem)
    }

    /// Reads the members of a problem document, which are fields of the log's lines too.
    pub(super) fn read(fields: &Value) -> Option<Self> {
        let is_ours = |code: &&str| {
            code.len() <= LONGEST_CODE && code.bytes().all(|byte| byte == b'_' || byte.is_ascii_lowercase())
        };
        let code = fields["code"].as_str().filter(is_ours)?;
        let mut variables = VARIABLES.iter().map(|variable| variable.name);
        let gmail = Error::GmailNotEnabled.facts();
        Some(Self {
            code: code.to_owned(),
            variable: variables.find(|name| fields["variable"] == *name),
            is_gmail_not_enabled: code == gmail.code && fields["detail"] == gmail.detail,
        })
    }

    /// The code, with the variable if there is one.
    pub(super) fn words(&self) -> String {
        self.variable.map_or_else(|| self.code.clone(), |variable| format!("{} ({variable})", self.code))
    }
}
