//! The message resource that `messages.get` answers, in each of its formats.

use std::fmt::Write as _;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE;
use serde_json::{Value, json};

use super::dates;
use super::mailbox::Message;

const ATTACHMENT_SIZE: usize = 20_480;

/// The parameter `format`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Format {
    Minimal,
    Metadata,
    Full,
    Raw,
}

/// The JSON of one message; `wanted` are the header names of `metadataHeaders`, none for all.
pub(super) fn resource(message: &Message, format: Format, wanted: &[&str]) -> Value {
    let mut resource = json!({
        "id": message.id,
        "threadId": message.thread_id,
        "labelIds": message.labels,
        "snippet": message.snippet(),
        "historyId": message.history_id(),
        "internalDate": message.date.to_string(),
        "sizeEstimate": raw(message).len(),
    });
    match format {
        Format::Minimal => {}
        Format::Raw => resource["raw"] = URL_SAFE.encode(raw(message)).into(),
        Format::Metadata => {
            let is_wanted =
                |name: &str| wanted.is_empty() || wanted.iter().any(|one| one.eq_ignore_ascii_case(name));
            let headers = headers(message).into_iter().filter(|(name, _)| is_wanted(name));
            resource["payload"] = json!({"mimeType": mime_type(message), "headers": named(headers)});
        }
        Format::Full => resource["payload"] = payload(message),
    }
    resource
}

fn named(headers: impl Iterator<Item = (&'static str, String)>) -> Value {
    headers.map(|(name, value)| json!({"name": name, "value": value})).collect()
}

fn mime_type(message: &Message) -> &'static str {
    if message.attachment.is_some() { "multipart/mixed" } else { "text/plain" }
}

fn headers(message: &Message) -> Vec<(&'static str, String)> {
    vec![
        ("Delivered-To", message.to.address.clone()),
        ("From", message.from.mailbox()),
        ("To", message.to.mailbox()),
        ("Subject", message.subject.clone()),
        ("Date", dates::mail_date(message.date / 1000)),
        ("Message-ID", format!("<{}@mail.example>", message.id)),
        ("MIME-Version", "1.0".into()),
        ("Content-Type", format!("{}; charset=\"UTF-8\"", mime_type(message))),
    ]
}

fn payload(message: &Message) -> Value {
    let headers = named(headers(message).into_iter());
    let text = json!({"size": message.body.len(), "data": URL_SAFE.encode(&message.body)});
    let Some(filename) = message.attachment else {
        return json!({
            "partId": "", "mimeType": "text/plain", "filename": "", "headers": headers, "body": text,
        });
    };
    let part_headers = named([("Content-Type", "text/plain; charset=\"UTF-8\"".to_owned())].into_iter());
    json!({
        "partId": "", "mimeType": "multipart/mixed", "filename": "", "headers": headers, "body": {"size": 0},
        "parts": [
            {"partId": "0", "mimeType": "text/plain", "filename": "", "headers": part_headers, "body": text},
            {
                "partId": "1", "mimeType": "application/octet-stream", "filename": filename, "headers": [],
                "body": {"attachmentId": attachment_id(message), "size": ATTACHMENT_SIZE},
            },
        ],
    })
}

fn attachment_id(message: &Message) -> String {
    format!("ANGjdJ{}", message.id)
}

/// The attachment of a message, if it has this one: bytes that mean nothing.
pub(super) fn attachment_of(message: &Message, id: &str) -> Option<Value> {
    message.attachment.filter(|_| id == attachment_id(message))?;
    Some(json!({"size": ATTACHMENT_SIZE, "data": URL_SAFE.encode(".".repeat(ATTACHMENT_SIZE))}))
}

/// The message as mail, without its attachment.
fn raw(message: &Message) -> String {
    let mut raw = String::new();
    for (name, value) in headers(message) {
        let _ = write!(raw, "{name}: {value}\r\n");
    }
    raw.push_str("\r\n");
    raw.push_str(&message.body.replace('\n', "\r\n"));
    raw
}
