//! Gmail's `users.history.list`: the mail that came after a point of the mailbox's history. Nothing
//! else happens in it.

use serde_json::{Value, json};

use super::answer::Answer;
use super::calls::Call;
use super::errors;
use super::gmail::{open, reply};
use super::mailbox::Message;
use super::paging::paged;
use super::state::Shared;

/// `GET /gmail/v1/users/me/history`, oldest first.
pub(super) fn list(shared: &Shared, call: &Call) -> Answer {
    let page = || {
        let mailbox = open(shared, call)?;
        let Some(start) = call.query_value("startHistoryId").filter(|start| !start.is_empty()) else {
            return Err(errors::invalid_argument("Missing startHistoryId"));
        };
        let start: i64 =
            start.parse().map_err(|_| errors::invalid_argument("Invalid value at 'start_history_id'"))?;
        let moment = |message: &Message| message.history_id().parse::<i64>().unwrap_or_default();
        // Gmail forgets old history; this one begins with the oldest message.
        if mailbox.messages.last().is_none_or(|oldest| start < moment(oldest)) {
            return Err(errors::not_found());
        }
        let later = mailbox.messages.iter().rev().filter(|message| moment(message) > start);
        let later: Vec<&Message> = later.collect();
        let mut body = paged(call, "history", &later, |message| record(message))?;
        if let Some(fields) = body.as_object_mut() {
            fields.remove("resultSizeEstimate");
        }
        body["historyId"] = mailbox.messages.first().map(Message::history_id).into();
        reply(call, body)
    };
    page().unwrap_or_else(|refusal| refusal)
}

fn record(message: &Message) -> Value {
    let added = json!({"id": message.id, "threadId": message.thread_id, "labelIds": message.labels});
    json!({
        "id": message.history_id(),
        "messages": [{"id": message.id, "threadId": message.thread_id}],
        "messagesAdded": [{"message": added}],
    })
}
