//! Gmail's `users.threads.list` and `users.threads.get`.

use std::collections::HashSet;

use serde_json::{Value, json};

use super::answer::Answer;
use super::calls::Call;
use super::errors;
use super::gmail::{id, open, reply};
use super::mailbox::Message;
use super::paging::paged;
use super::resource::{Format, resource};
use super::state::Shared;

/// `GET /gmail/v1/users/me/threads`: those of which a message is found, by their newest such
/// message.
pub(super) fn list(shared: &Shared, call: &Call) -> Answer {
    let page = || {
        let mailbox = open(shared, call)?;
        let mut found: Vec<&Message> = Vec::new();
        let mut known = HashSet::new();
        for message in mailbox.find(call)? {
            if known.insert(message.thread_id.as_str()) {
                found.push(message);
            }
        }
        let item = |message: &&Message| json!({"id": message.thread_id, "snippet": message.snippet(), "historyId": message.history_id()});
        reply(call, paged(call, "threads", &found, item)?)
    };
    page().unwrap_or_else(|refusal| refusal)
}

/// `GET /gmail/v1/users/me/threads/{id}`, its messages oldest first.
pub(super) fn get(shared: &Shared, call: &Call) -> Answer {
    let thread = || {
        let mailbox = open(shared, call)?;
        let format = mailbox.format(call)?;
        if format == Format::Raw {
            return Err(errors::invalid_argument("Invalid value at 'format': RAW is for messages alone"));
        }
        let id = id(call)?;
        let headers = call.query_values("metadataHeaders");
        let of_thread = mailbox.messages.iter().rev().filter(|message| message.thread_id == id);
        let messages: Vec<Value> = of_thread.map(|message| resource(message, format, &headers)).collect();
        let history_id = messages.last().ok_or_else(errors::not_found)?["historyId"].clone();
        reply(call, json!({"id": id, "historyId": history_id, "messages": messages}))
    };
    thread().unwrap_or_else(|refusal| refusal)
}
