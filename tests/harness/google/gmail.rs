//! Gmail's `users.messages.list` and `users.messages.get`.

use std::sync::Arc;

use serde_json::{Value, json};

use super::accounts::Account;
use super::answer::Answer;
use super::calls::Call;
use super::errors;
use super::mailbox::Message;
use super::resource::{Format, resource};
use super::scopes::{self, METADATA, READING};
use super::search::Query;
use super::state::Shared;

const DEFAULT_PAGE: usize = 100;
const LARGEST_PAGE: usize = 500;
/// Marks page tokens as this fake's; any value will do.
const PAGE_MARK: u64 = 0x5eed_0000_0000;

/// What the token of a call opens.
struct Opened {
    messages: Arc<Vec<Message>>,
    may_read: bool,
}

/// Checks the token, its scopes and the user of the path.
fn open(shared: &Shared, call: &Call) -> Result<Opened, Answer> {
    let token = call.bearer().ok_or_else(errors::login_required)?;
    let state = shared.state();
    let access = state.tokens.live_access(token, shared.now()).ok_or_else(errors::invalid_credentials)?;
    let account = state.account(&access.sub).ok_or_else(errors::invalid_credentials)?;
    let may_read = READING.iter().any(|scope| scopes::holds(&access.scopes, scope));
    if !may_read && !scopes::holds(&access.scopes, METADATA) {
        return Err(errors::insufficient_scope());
    }
    check_user(call, account)?;
    Ok(Opened { messages: Arc::clone(&account.messages), may_read })
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
    page(shared, call).unwrap_or_else(|refusal| refusal)
}

fn page(shared: &Shared, call: &Call) -> Result<Answer, Answer> {
    let mailbox = open(shared, call)?;
    let q = call.query_value("q").unwrap_or_default();
    if !q.is_empty() && !mailbox.may_read {
        let message = "Metadata scope does not support 'q' parameter";
        return Err(errors::api(403, "PERMISSION_DENIED", ("global", "forbidden"), message, &[]));
    }
    let size = page_size(call)?;
    let with_spam_and_trash = flag(call, "includeSpamTrash", "include_spam_trash")?;
    let labels = call.query_values("labelIds");
    if let Some(unknown) = labels.iter().find(|label| !super::mailbox::is_label(label)) {
        return Err(errors::invalid_argument(&format!("Invalid label: {unknown}")));
    }
    let query = Query::parse(q);
    let found: Vec<&Message> = mailbox
        .messages
        .iter()
        .filter(|message| query.finds(message, &labels, with_spam_and_trash))
        .collect();
    let start = match call.query_value("pageToken").filter(|token| !token.is_empty()) {
        None => 0,
        Some(token) => offset_of(token)
            .filter(|offset| *offset < found.len())
            .ok_or_else(|| errors::invalid_argument("Invalid pageToken"))?,
    };
    let end = found.len().min(start + size);
    let mut body = json!({ "resultSizeEstimate": estimate(found.len(), start == 0 && end == found.len()) });
    if start < end {
        let item = |message: &&Message| json!({"id": message.id, "threadId": message.thread_id});
        body["messages"] = found[start..end].iter().map(item).collect();
    }
    if end < found.len() {
        body["nextPageToken"] = token_of(end).into();
    }
    Ok(reply(call, &body))
}

/// `GET /gmail/v1/users/me/messages/{id}`
pub(super) fn get(shared: &Shared, call: &Call) -> Answer {
    message(shared, call).unwrap_or_else(|refusal| refusal)
}

fn message(shared: &Shared, call: &Call) -> Result<Answer, Answer> {
    let mailbox = open(shared, call)?;
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
    if !mailbox.may_read && matches!(format, Format::Full | Format::Raw) {
        let message = "Metadata scope doesn't allow format FULL";
        return Err(errors::api(403, "PERMISSION_DENIED", ("global", "forbidden"), message, &[]));
    }
    let id = call.path.rsplit('/').next().unwrap_or_default();
    if id.is_empty() || id.len() > 16 || !id.chars().all(|c| c.is_ascii_hexdigit()) {
        return Err(errors::invalid_argument("Invalid id value"));
    }
    let found = mailbox.messages.iter().find(|message| message.id == id).ok_or_else(errors::not_found)?;
    Ok(reply(call, &resource(found, format, &call.query_values("metadataHeaders"))))
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

fn reply(call: &Call, body: &Value) -> Answer {
    let answer = match call.query_value("prettyPrint") {
        Some("false") => Answer::new(200, super::answer::JSON, body.to_string()),
        _ => Answer::json(200, body),
    };
    answer.with("vary", "Origin").with("cache-control", "private")
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
