//! A function's answer, and the questions that tests ask about it.

use std::collections::BTreeMap;
use std::time::Duration;

use postern::app::{App, NotConfigured};
use postern::clock::Deadline;
use postern::door::{Invocation, respond};
use serde_json::Value;

use super::{documented, invariants, parameter};

/// A function's answer.
#[derive(Clone, Debug)]
pub struct Answer {
    /// The status.
    pub status: i64,
    /// The headers.
    pub headers: BTreeMap<String, String>,
    /// The `Set-Cookie` values.
    pub cookies: Vec<String>,
    /// The body.
    pub body: String,
    code: String,
    reason: String,
}

impl Answer {
    /// The body as JSON; panics if it is not.
    #[track_caller]
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap_or_else(|_| panic!("the body is JSON: {self:?}"))
    }

    /// The problem document's code, or an empty text.
    pub fn code(&self) -> &str {
        &self.code
    }

    /// The status and the problem document's code.
    pub fn problem(&self) -> (i64, &str) {
        (self.status, &self.code)
    }

    /// The reason of a 401; panics if this is none.
    #[track_caller]
    pub fn reason(&self) -> &str {
        assert_eq!(self.status, 401, "{self:?}");
        &self.reason
    }

    /// The status, and whether the body is an HTML page instead of a problem document.
    pub fn code_or_page(&self) -> (i64, bool) {
        (self.status, self.headers["content-type"].starts_with("text/html"))
    }

    /// The `Location` header, or an empty text.
    pub fn location(&self) -> &str {
        self.headers.get("location").map(String::as_str).unwrap_or_default()
    }

    /// Google's URL: the location, or else the document's `authorization_url`.
    #[track_caller]
    pub fn authorization_url(&self) -> String {
        if !self.location().is_empty() {
            return self.location().to_owned();
        }
        let url = self.json()["authorization_url"].as_str().map(str::to_owned);
        url.unwrap_or_else(|| panic!("there is no authorization_url: {self:?}"))
    }

    /// The error with which a failed sign-in sends the browser back. Asserts that no session
    /// begins.
    #[track_caller]
    pub fn auth_error(&self) -> String {
        assert_eq!(self.status, 303, "{self:?}");
        assert!(self.set_cookie("__Host-session").is_none(), "{self:?}");
        parameter(self.location(), "auth_error").unwrap_or_else(|| panic!("no auth_error: {self:?}"))
    }

    /// The token of the new session; panics if there is none.
    #[track_caller]
    pub fn session(&self) -> &str {
        self.set_cookie("__Host-session").unwrap_or_else(|| panic!("no session begins: {self:?}"))
    }

    /// Whether this answer begins a session.
    pub fn begins_session(&self) -> bool {
        self.set_cookie("__Host-session").is_some()
    }

    /// The value of a cookie that this answer sets.
    pub fn set_cookie(&self, name: &str) -> Option<&str> {
        let prefix = format!("{name}=");
        self.cookies
            .iter()
            .find_map(|cookie| cookie.strip_prefix(&prefix)?.split(';').next())
            .filter(|value| !value.is_empty())
    }
}

/// Passes an event to the function that its path belongs to.
pub async fn invoke(app: Result<&App, &NotConfigured>, event: &str, budget: Duration) -> Answer {
    let path = serde_json::from_str::<Value>(event)
        .ok()
        .and_then(|event| event["rawPath"].as_str().map(str::to_owned));
    let invocation = Invocation { request_id: "request-1".to_owned(), deadline: Deadline::after(budget) };
    let answer = match path.as_deref() {
        Some(path) if path.contains("auth") && path.contains("start") => {
            respond(app, auth_start::ROUTE, auth_start::handle, event, invocation).await
        }
        Some(path) if path.contains("auth") && path.contains("token") => {
            respond(app, auth_token::ROUTE, auth_token::handle, event, invocation).await
        }
        Some(path) if path.contains("callback") => {
            respond(app, oauth_callback::ROUTE, oauth_callback::handle, event, invocation).await
        }
        Some(path) if path.contains("connection") => {
            respond(app, connection::ROUTE, connection::handle, event, invocation).await
        }
        Some(path) if path.contains("sign-out") => {
            respond(app, sign_out::ROUTE, sign_out::handle, event, invocation).await
        }
        Some(path) if path.contains("/.well-known/") => {
            respond(app, server_metadata::ROUTE, server_metadata::handle, event, invocation).await
        }
        Some(path) if path.contains("risc") => {
            respond(app, risc::ROUTE, risc::handle, event, invocation).await
        }
        Some(path) if path.contains("/messages/") => {
            respond(app, get_message::ROUTE, get_message::handle, event, invocation).await
        }
        _ => respond(app, list_messages::ROUTE, list_messages::handle, event, invocation).await,
    };
    // As the runtime sends it.
    let wire = serde_json::to_value(&answer).unwrap();
    let headers = wire["headers"].as_object().unwrap().iter();
    let body = wire["body"].as_str().unwrap_or_default().to_owned();
    let document: Value = serde_json::from_str(&body).unwrap_or_default();
    let member = |name: &str| document[name].as_str().unwrap_or_default().to_owned();
    let answer = Answer {
        status: wire["statusCode"].as_i64().unwrap(),
        headers: headers.map(|(name, value)| (name.clone(), value.as_str().unwrap().to_owned())).collect(),
        cookies: serde_json::from_value(wire["cookies"].clone()).unwrap(),
        code: member("code"),
        reason: member("reason"),
        body,
    };
    invariants::assert_of_answer(&answer);
    documented::assert_of_answer(event, &answer);
    answer
}
