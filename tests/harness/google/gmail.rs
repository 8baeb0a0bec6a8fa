//! Gmail's messages: list, get and attachments. What a token opens, and how lists are paged, is for all of Gmail.

use std::sync::Arc;

use serde_json::{Value, json};

use super::accounts::Account;
use super::answer::Answer;
use super::calls::Call;
use super::errors;
use super::mailbox::Message;
use super::resource::{Format, attachment_of, resource};
use super::scopes::{self, METADATA, READING};
use super::search::Query;
use super::state::Shared;

const DEFAULT_PAGE: usize = 100;
const LARGEST_PAGE: usize = 500;
/// Marks page tokens as this fake's; any value will do.
const PAGE_MARK: u64 = 0x5eed_0000_0000;

/// What the token of a call opens.
pub(super) struct Opened {
    pub(super) email: String,
    pub(super) messages: Arc<Vec<Message>>,
    /// `gmail.metadata` is among the scopes. It takes away what a broader scope would allow.
    is_metadata: bool,
}

/// Checks the token, its scopes and the user of the path.
pub(super) fn open(shared: &Shared, call: &Call) -> Result<Opened, Answer> {
    let token = call.bearer().ok_or_else(errors::credentials_missing)?;
    let state = shared.state();
    let access = state.tokens.live_access(token, shared.now()).ok_or_else(errors::invalid_credentials)?;
    let account = state.account(&access.sub).ok_or_else(errors::invalid_credentials)?;
    let is_metadata = scopes::holds(&access.scopes, METADATA);
    if !is_metadata && !READING.iter().any(|scope| scopes::holds(&access.scopes, scope)) {
        return Err(errors::insufficient_scope());
    }
    check_user(call, account)?;
    Ok(Opened { email: account.email.clone(), messages: Arc::clone(&account.messages), is_metadata })
}

fn check_user(call: &Call, account: &Account) -> Result<(), Answer> {
    let user = call.path.split('/').nth(4).unwrap_or_default().replace("%40", "@");
    if user == "me" || user.eq_ignore_ascii_case(&account.email) {
        return Ok(());
    }
    let message = format!("Delegation denied for {}", account.email);
    Err(errors::api(403, "PERMISSION_DENIED", ("global", "forbidden"), &message, &[]))
}

/// `GET /gmail/v1/users/me/messages`
pub(super) fn list(shared: &Shared, call: &Call) -> Answer {
    let page = || {
        let mailbox = open(shared, call)?;
        let found = mailbox.find(call)?;
        paged(call, "messages", &found, |message| json!({"id": message.id, "threadId": message.thread_id}))
    };
    page().unwrap_or_else(|refusal| refusal)
}

impl Opened {
    /// The messages that `q`, `labelIds` and `includeSpamTrash` ask for.
    pub(super) fn find(&self, call: &Call) -> Result<Vec<&Message>, Answer> {
        let q = call.query_value("q");
        if q.is_some() && self.is_metadata {
            return Err(errors::metadata_scope("does not support 'q' parameter"));
        }
        let with_spam_and_trash = flag(call, "includeSpamTrash", "include_spam_trash")?;
        let labels = call.query_values("labelIds");
        if let Some(unknown) = labels.iter().find(|label| !super::mailbox::is_label(label)) {
            return Err(errors::invalid_argument(&format!("Invalid label: {unknown}")));
        }
        let query = Query::parse(q.unwrap_or_default());
        let messages = self.messages.iter();
        Ok(messages.filter(|message| query.finds(message, &labels, with_spam_and_trash)).collect())
    }

    /// The parameter `format`, which the scopes must allow.
    pub(super) fn format(&self, call: &Call) -> Result<Format, Answer> {
        let format = match call.query_value("format").map(str::to_ascii_lowercase).as_deref() {
            None | Some("" | "full") => Format::Full,
            Some("minimal") => Format::Minimal,
            Some("metadata") => Format::Metadata,
            Some("raw") => Format::Raw,
            Some(other) => {
                let message =
                    format!("Invalid value at 'format' (type.googleapis.com/MessageFormat), \"{other}\"");
                return Err(errors::invalid_argument(&message));
            }
        };
        match format {
            Format::Full if self.is_metadata => Err(errors::metadata_scope("doesn't allow format FULL")),
            Format::Raw if self.is_metadata => Err(errors::metadata_scope("doesn't allow format RAW")),
            allowed => Ok(allowed),
        }
    }

    /// The message that a segment of the path names.
    fn message(&self, call: &Call) -> Result<&Message, Answer> {
        let id = id(call)?;
        self.messages.iter().find(|message| message.id == id).ok_or_else(errors::not_found)
    }
}

/// The ID of a message or thread in the path.
pub(super) fn id(call: &Call) -> Result<&str, Answer> {
    let id = call.path.split('/').nth(6).unwrap_or_default();
    if id.is_empty() || id.len() > 16 || !id.chars().all(|c| c.is_ascii_hexdigit()) {
        return Err(errors::invalid_argument("Invalid id value"));
    }
    Ok(id)
}

/// One page of what was found, under this name.
pub(super) fn paged<T>(
    call: &Call,
    name: &str,
    found: &[T],
    item: impl Fn(&T) -> Value,
) -> Result<Answer, Answer> {
    let size = page_size(call)?;
    let start = match call.query_value("pageToken").filter(|token| !token.is_empty()) {
        None => 0,
        Some(token) => offset_of(token)
            .filter(|offset| *offset < found.len())
            .ok_or_else(|| errors::invalid_argument("Invalid pageToken"))?,
    };
    let end = found.len().min(start + size);
    let mut body = json!({ "resultSizeEstimate": estimate(found.len(), start == 0 && end == found.len()) });
    if start < end {
        body[name] = found[start..end].iter().map(item).collect();
    }
    if end < found.len() {
        body["nextPageToken"] = token_of(end).into();
    }
    Ok(reply(call, &body))
}

/// `GET /gmail/v1/users/me/messages/{id}`
pub(super) fn get(shared: &Shared, call: &Call) -> Answer {
    let message = || {
        let mailbox = open(shared, call)?;
        let format = mailbox.format(call)?;
        let found = mailbox.message(call)?;
        Ok(reply(call, &resource(found, format, &call.query_values("metadataHeaders"))))
    };
    message().unwrap_or_else(|refusal: Answer| refusal)
}

/// `GET /gmail/v1/users/me/messages/{id}/attachments/{id}`
pub(super) fn attachment(shared: &Shared, call: &Call) -> Answer {
    let attachment = || {
        let mailbox = open(shared, call)?;
        if mailbox.is_metadata {
            return Err(errors::insufficient_scope());
        }
        let wanted = call.path.rsplit('/').next().unwrap_or_default();
        let found = attachment_of(mailbox.message(call)?, wanted);
        found
            .map(|body| reply(call, &body))
            .ok_or_else(|| errors::invalid_argument("Invalid attachment token"))
    };
    attachment().unwrap_or_else(|refusal| refusal)
}

fn page_size(call: &Call) -> Result<usize, Answer> {
    match call.query_value("maxResults").filter(|value| !value.is_empty()) {
        None => Ok(DEFAULT_PAGE),
        Some(value) => match value.parse::<u32>() {
            Ok(0) => Ok(DEFAULT_PAGE),
            Ok(size) => Ok(usize::try_from(size).unwrap_or(LARGEST_PAGE).min(LARGEST_PAGE)),
            Err(_) => {
                let message = format!("Invalid value at 'max_results' (TYPE_UINT32), \"{value}\"");
                Err(errors::invalid_argument(&message))
            }
        },
    }
}

fn flag(call: &Call, name: &str, field: &str) -> Result<bool, Answer> {
    match call.query_value(name).unwrap_or_default() {
        "" | "false" | "0" => Ok(false),
        "true" | "1" => Ok(true),
        other => {
            Err(errors::invalid_argument(&format!("Invalid value at '{field}' (TYPE_BOOL), \"{other}\"")))
        }
    }
}

/// Gmail counts what it has before it; of more pages it says "201 or so", never the truth.
fn estimate(total: usize, is_all: bool) -> usize {
    match total {
        _ if is_all => total,
        201 => 202,
        _ => 201,
    }
}

/// A page token is twenty digits that mean nothing to the caller; its upper half is a check of its lower.
fn token_of(offset: usize) -> String {
    let offset = u64::try_from(offset).unwrap_or_default();
    let check = (offset ^ PAGE_MARK).wrapping_mul(0x9e37_79b9_7f4a_7c15) & 0xffff_ffff_0000_0000;
    format!("{:020}", (check | offset) ^ PAGE_MARK)
}

fn offset_of(token: &str) -> Option<usize> {
    let number = token.parse::<u64>().ok()? ^ PAGE_MARK;
    let offset = usize::try_from(number & 0xffff_ffff).ok()?;
    (token_of(offset) == token).then_some(offset)
}

/// A good answer, on one line if the caller asks for it so.
pub(super) fn reply(call: &Call, body: &Value) -> Answer {
    let mut answer = Answer::api(200, body);
    if call.query_value("prettyPrint") == Some("false") {
        answer.body = body.to_string().into_bytes();
    }
    answer
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_page_token_leads_back_to_its_offset_and_a_made_up_one_nowhere() {
        for offset in [1, 100, 1199] {
            assert_eq!(offset_of(&token_of(offset)), Some(offset));
        }
        for token in ["1", "100", "00000000000000000100", "abc", "", "99999999999999999999999"] {
            assert_eq!(offset_of(token), None, "{token}");
        }
    }

    #[test]
    fn the_estimate_is_never_the_true_count_while_more_pages_follow() {
        assert_eq!(estimate(201, false), 202);
        assert_eq!(estimate(1240, false), 201);
        assert_eq!(estimate(7, true), 7);
    }
}
