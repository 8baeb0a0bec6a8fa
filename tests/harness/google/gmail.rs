//! Gmail's `messages.list` and `messages.get`, and what a token may read in a mailbox.

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE;
use serde_json::{Value, json};

use super::answer::Answer;
use super::calls::{Call, Endpoint};
use super::failures::Failure;
use super::mailbox::Message;
use super::scopes::{self, METADATA, READING};
use super::search::Query;
use super::state::Shared;
use super::{errors, mailbox, recorded};

const DEFAULT_PAGE: usize = 100;
const LARGEST_PAGE: usize = 500;

/// What the token of a call gives access to.
struct Opened {
    messages: Arc<Vec<Message>>,
    /// `gmail.metadata` is among the scopes. It takes away what a broader scope would allow.
    is_metadata: bool,
}

/// Serves a call to either endpoint.
pub(super) fn serve(shared: &Shared, call: &Call) -> Answer {
    let body = open(shared, call).and_then(|mailbox| match call.endpoint {
        Endpoint::MessagesGet => mailbox.get(call),
        _ => mailbox.list(shared, call),
    });
    body.map_or_else(|refusal| refusal, |body| Answer::api(200, body.to_string()))
}

/// Checks the token, its scopes and the user of the path.
fn open(shared: &Shared, call: &Call) -> Result<Opened, Answer> {
    let token = call.bearer().ok_or_else(errors::credentials_missing)?;
    let state = shared.state();
    let access = state.tokens.live_access(token, shared.now()).ok_or_else(errors::invalid_credentials)?;
    let account = state.account(&access.sub).ok_or_else(errors::invalid_credentials)?;
    let is_metadata = scopes::holds(&access.scopes, METADATA);
    if !is_metadata && !READING.iter().any(|scope| scopes::holds(&access.scopes, scope)) {
        return Err(errors::insufficient_scope());
    }
    let user = call.path.split('/').nth(4).unwrap_or_default().replace("%40", "@");
    if user != "me" && !user.eq_ignore_ascii_case(&account.email) {
        let message = format!("Delegation denied for {}", account.email);
        return Err(errors::api(403, "PERMISSION_DENIED", ("global", "forbidden"), &message));
    }
    Ok(Opened { messages: Arc::clone(&account.messages), is_metadata })
}

impl Opened {
    fn list(&self, shared: &Shared, call: &Call) -> Result<Value, Answer> {
        let found = self.find(shared, call)?;
        let size = page_size(call)?;
        let start = match call.query_value("pageToken").filter(|token| !token.is_empty()) {
            None => 0,
            Some(token) => (1..found.len())
                .find(|offset| page_token(*offset) == token)
                .ok_or_else(|| errors::invalid_argument("Invalid pageToken"))?,
        };
        let end = found.len().min(start + size);
        let is_all = start == 0 && end == found.len();
        // While more pages follow, Gmail estimates 201, never the real number.
        let estimate = if is_all { found.len() } else { 201 + usize::from(found.len() == 201) };
        let mut body = json!({ "resultSizeEstimate": estimate });
        if start < end {
            let item = |message: &&Message| json!({"id": message.id, "threadId": message.thread_id});
            body["messages"] = found[start..end].iter().map(item).collect();
        }
        if end < found.len() {
            body["nextPageToken"] = page_token(end).into();
        }
        Ok(body)
    }

    /// The messages that `q`, `labelIds` and `includeSpamTrash` select.
    fn find(&self, shared: &Shared, call: &Call) -> Result<Vec<&Message>, Answer> {
        let q = call.query_value("q");
        if q.is_some() && self.is_metadata {
            return Err(Failure::MetadataScope.answer(call.endpoint, shared.now()));
        }
        let with_spam_and_trash = match call.query_value("includeSpamTrash").unwrap_or_default() {
            "" | "false" => false,
            "true" => true,
            other => {
                let message = format!("Invalid value at 'include_spam_trash' (TYPE_BOOL), \"{other}\"");
                return Err(errors::invalid_argument(&message));
            }
        };
        let labels = call.query_values("labelIds");
        if let Some(unknown) = labels.iter().find(|label| mailbox::known_label(label).is_none()) {
            return Err(errors::invalid_argument(&format!("Invalid label: {unknown}")));
        }
        let query = Query::parse(q.unwrap_or_default());
        let messages = self.messages.iter();
        Ok(messages.filter(|message| query.finds(message, &labels, with_spam_and_trash)).collect())
    }

    fn get(&self, call: &Call) -> Result<Value, Answer> {
        let id = call.path.rsplit('/').next().unwrap_or_default();
        if id.len() > 16 || !id.chars().all(|c| c.is_ascii_hexdigit()) {
            return Err(errors::invalid_argument("Invalid id value"));
        }
        let message = self.messages.iter().find(|message| message.id == id).ok_or_else(errors::not_found)?;
        let mut resource = json!({
            "id": message.id,
            "threadId": message.thread_id,
            "labelIds": message.labels,
            "snippet": message.snippet(),
            "historyId": (message.date / 1000).to_string(),
            "internalDate": message.date.to_string(),
            "sizeEstimate": message.body.len() + 500,
        });
        let headers = call.query_values("metadataHeaders");
        match call.query_value("format").unwrap_or("full") {
            "minimal" => {}
            "metadata" => resource["payload"] = payload(message, &headers),
            "full" if self.is_metadata => return Err(Answer::api(403, recorded::METADATA_FULL)),
            "full" => {
                resource["payload"] = payload(message, &[]);
                let data = URL_SAFE.encode(&message.body);
                resource["payload"]["body"] = json!({"size": message.body.len(), "data": data});
            }
            other => {
                let kind = "type.googleapis.com/MessageFormat";
                let message = format!("Invalid value at 'format' ({kind}), \"{other}\"");
                return Err(errors::invalid_argument(&message));
            }
        }
        Ok(resource)
    }
}

fn page_size(call: &Call) -> Result<usize, Answer> {
    match call.query_value("maxResults").unwrap_or("0").parse::<usize>() {
        Ok(0) => Ok(DEFAULT_PAGE),
        Ok(size) => Ok(size.min(LARGEST_PAGE)),
        Err(_) => Err(errors::invalid_argument("Invalid value at 'max_results' (TYPE_UINT32)")),
    }
}

/// Twenty digits that mean nothing to the caller.
fn page_token(offset: usize) -> String {
    format!("{:020}", (offset as u64).wrapping_mul(0x9e37_79b9_7f4a_7c15))
}

/// The payload with these headers, or with all when none is named.
fn payload(message: &Message, wanted: &[&str]) -> Value {
    let mut headers = Vec::new();
    let sent = SystemTime::UNIX_EPOCH + Duration::from_millis(message.date.unsigned_abs());
    for (name, value) in [
        ("Delivered-To", message.to.address.clone()),
        ("From", message.from.mailbox()),
        ("To", message.to.mailbox()),
        ("Subject", mailbox::encoded(&message.subject)),
        ("Date", httpdate::fmt_http_date(sent).replace("GMT", "+0000")),
        ("Message-ID", format!("<{}@mail.example>", message.id)),
        ("MIME-Version", "1.0".into()),
        ("Content-Type", "text/plain; charset=\"UTF-8\"".into()),
    ] {
        if wanted.is_empty() || wanted.iter().any(|one| one.eq_ignore_ascii_case(name)) {
            headers.push(json!({"name": name, "value": value}));
        }
    }
    json!({"partId": "", "mimeType": "text/plain", "filename": "", "headers": headers})
}
