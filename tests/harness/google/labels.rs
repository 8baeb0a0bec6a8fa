//! Gmail's `users.getProfile`, `users.labels.list` and `users.labels.get`: what there is in a
//! mailbox, and how much.

use std::collections::HashSet;

use serde_json::{Value, json};

use super::answer::Answer;
use super::calls::Call;
use super::errors;
use super::gmail::{open, reply};
use super::mailbox::{Message, SYSTEM_LABELS, USER_LABELS};
use super::state::Shared;

/// `GET /gmail/v1/users/me/profile`
pub(super) fn profile(shared: &Shared, call: &Call) -> Answer {
    let profile = || {
        let mailbox = open(shared, call)?;
        let messages: Vec<&Message> = mailbox.messages.iter().collect();
        let history_id = messages.first().map_or_else(|| "1".to_owned(), |newest| newest.history_id());
        let body = json!({
            "emailAddress": mailbox.email,
            "messagesTotal": messages.len(),
            "threadsTotal": threads(&messages),
            "historyId": history_id,
        });
        reply(call, body)
    };
    profile().unwrap_or_else(|refusal| refusal)
}

/// `GET /gmail/v1/users/me/labels`
pub(super) fn list(shared: &Shared, call: &Call) -> Answer {
    let list = || {
        open(shared, call)?;
        reply(call, json!({"labels": labels().collect::<Vec<_>>()}))
    };
    list().unwrap_or_else(|refusal| refusal)
}

/// `GET /gmail/v1/users/me/labels/{id}`
pub(super) fn get(shared: &Shared, call: &Call) -> Answer {
    let label = || {
        let mailbox = open(shared, call)?;
        let id = call.path.rsplit('/').next().unwrap_or_default();
        let mut label = labels().find(|label| label["id"] == id).ok_or_else(errors::not_found)?;
        let all: Vec<&Message> = mailbox.messages.iter().filter(|message| message.has(id)).collect();
        let unread: Vec<&Message> = all.iter().copied().filter(|message| message.has("UNREAD")).collect();
        label["messagesTotal"] = all.len().into();
        label["messagesUnread"] = unread.len().into();
        label["threadsTotal"] = threads(&all).into();
        label["threadsUnread"] = threads(&unread).into();
        reply(call, label)
    };
    label().unwrap_or_else(|refusal| refusal)
}

/// Every mailbox of the fake has the same.
fn labels() -> impl Iterator<Item = Value> {
    SYSTEM_LABELS.into_iter().map(system).chain(USER_LABELS.into_iter().map(user))
}

fn threads(messages: &[&Message]) -> usize {
    messages.iter().map(|message| message.thread_id.as_str()).collect::<HashSet<_>>().len()
}

/// Gmail gives no visibility for the system labels that it always shows, and hides the others.
fn system(id: &str) -> Value {
    let mut label = json!({"id": id, "name": id, "type": "system"});
    if !matches!(id, "INBOX" | "SENT" | "DRAFT" | "STARRED" | "UNREAD") {
        label["messageListVisibility"] = "hide".into();
        label["labelListVisibility"] = "labelHide".into();
    }
    label
}

fn user((id, name): (&str, &str)) -> Value {
    json!({
        "id": id,
        "name": name,
        "type": "user",
        "messageListVisibility": "show",
        "labelListVisibility": "labelShow",
    })
}
