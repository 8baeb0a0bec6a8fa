//! Gmail's messages: list, get and attachments; and what a token opens of a mailbox.

use std::sync::Arc;

use serde_json::{Value, json};

use super::accounts::Account;
use super::answer::Answer;
use super::calls::Call;
use super::errors;
use super::fields::Mask;
use super::mailbox::Message;
use super::paging::paged;
use super::resource::{Format, attachment_of, resource};
use super::scopes::{self, METADATA, READING};
use super::search::Query;
use super::state::Shared;

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
        let item = |message: &&Message| json!({"id": message.id, "threadId": message.thread_id});
        reply(call, paged(call, "messages", &found, item)?)
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

/// `GET /gmail/v1/users/me/messages/{id}`
pub(super) fn get(shared: &Shared, call: &Call) -> Answer {
    let message = || {
        let mailbox = open(shared, call)?;
        let format = mailbox.format(call)?;
        let found = mailbox.message(call)?;
        reply(call, resource(found, format, &call.query_values("metadataHeaders")))
    };
    message().unwrap_or_else(|refusal| refusal)
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
        reply(call, found.ok_or_else(|| errors::invalid_argument("Invalid attachment token"))?)
    };
    attachment().unwrap_or_else(|refusal| refusal)
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

/// A good answer: the fields that the caller asks for, and on one line if it asks for that.
pub(super) fn reply(call: &Call, mut body: Value) -> Result<Answer, Answer> {
    if let Some(fields) = call.query_value("fields") {
        let mask = Mask::parse(fields);
        let mask =
            mask.ok_or_else(|| errors::invalid_argument(&format!("Invalid field selection {fields}")))?;
        mask.apply(&mut body);
    }
    let mut answer = Answer::api(200, &body);
    if call.query_value("prettyPrint") == Some("false") {
        answer.body = body.to_string().into_bytes();
    }
    Ok(answer)
}
