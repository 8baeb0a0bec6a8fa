//! This API's problem documents (RFC 9457), as far as doctor reads them. Another program may answer at
//! the API's address, so doctor prints nothing of an answer but what has the form of our own names.

use serde_json::Value;
use shared::error::Error;
use shared::outbound::Answer;

/// More letters than any name of ours has.
const LONGEST_NAME: usize = 48;

/// The name of a condition, and the variable that a `config_error` is about.
pub(super) struct Problem {
    pub(super) code: String,
    pub(super) variable: Option<String>,
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
        let name = |member: &str, first: u8, last: u8| {
            let is_letter = |byte: u8| byte == b'_' || (first..=last).contains(&byte);
            let text = fields[member].as_str()?;
            (text.len() <= LONGEST_NAME && text.bytes().all(is_letter)).then(|| text.to_owned())
        };
        let code = name("code", b'a', b'z')?;
        let gmail = Error::GmailNotEnabled.facts();
        let is_gmail_not_enabled = code == gmail.code && fields["detail"] == gmail.detail;
        Some(Self { code, variable: name("variable", b'A', b'Z'), is_gmail_not_enabled })
    }

    /// The code, with the variable if there is one.
    pub(super) fn words(&self) -> String {
        match &self.variable {
            Some(variable) => format!("{} ({variable})", self.code),
            None => self.code.clone(),
        }
    }
}
