//! One request, as a test describes it.

use serde_json::{Value, json};

use super::ORIGIN;

/// One request. What it leaves out comes from a recorded event.
#[derive(Clone, Debug)]
pub struct Call {
    /// The method.
    pub method: String,
    /// The path.
    pub path: String,
    /// The raw query.
    pub query: String,
    /// The headers, in addition to those of the recorded event.
    pub headers: Vec<(String, String)>,
    /// The cookies, as `name=value`.
    pub cookies: Vec<String>,
    /// The body.
    pub body: Option<String>,
}

impl Call {
    /// A GET. For `/messages` and `/connection` it has the headers of a script on a page of the API's
    /// own origin.
    pub fn get(path: &str, query: &str) -> Self {
        let call = Self {
            method: "GET".to_owned(),
            path: path.to_owned(),
            query: query.to_owned(),
            headers: Vec::new(),
            cookies: Vec::new(),
            body: None,
        };
        if !path.starts_with("/messages") && path != "/connection" {
            return call;
        }
        call.header("sec-fetch-site", "same-origin")
            .header("sec-fetch-mode", "cors")
            .header("sec-fetch-dest", "empty")
    }

    /// `GET /messages`.
    pub fn list(query: &str) -> Self {
        Self::get("/messages", query)
    }

    /// `GET /connection`.
    pub fn connection() -> Self {
        Self::get("/connection", "")
    }

    /// `DELETE /connection` as a page of the front end sends it.
    pub fn disconnect() -> Self {
        let call = Self::connection().method("DELETE");
        call.header("x-requested-with", "XmlHttpRequest").header("origin", ORIGIN)
    }

    /// `POST /auth/sign-out` as a page of the front end sends it.
    pub fn sign_out(everywhere: bool) -> Self {
        let body = if everywhere { json!({"everywhere": true}) } else { json!({}) };
        Self::post("/auth/sign-out", &body)
    }

    /// `GET /auth/start` from a page that asks for JSON.
    pub fn start_json() -> Self {
        Self::get("/auth/start", "").header("accept", "application/json")
    }

    /// A POST as a page of the front end sends it.
    pub fn post(path: &str, body: &Value) -> Self {
        let call = Self { method: "POST".to_owned(), body: Some(body.to_string()), ..Self::get(path, "") };
        call.header("content-type", "application/json")
            .header("x-requested-with", "XmlHttpRequest")
            .header("origin", ORIGIN)
    }

    /// `POST /risc` as Google delivers a security event token.
    pub fn security_event(token: &str) -> Self {
        let call = Self { method: "POST".to_owned(), body: Some(token.to_owned()), ..Self::get("/risc", "") };
        call.header("content-type", "application/secevent+jwt").header("accept", "application/json")
    }

    /// The same call with another method.
    #[must_use]
    pub fn method(mut self, method: &str) -> Self {
        method.clone_into(&mut self.method);
        self
    }

    /// The same call with another body.
    #[must_use]
    pub fn body(mut self, body: &str) -> Self {
        self.body = Some(body.to_owned());
        self
    }

    /// Adds a header, or replaces it.
    #[must_use]
    pub fn header(mut self, name: &str, value: &str) -> Self {
        self = self.without_header(name);
        self.headers.push((name.to_owned(), value.to_owned()));
        self
    }

    /// The same call without a header.
    #[must_use]
    pub fn without_header(mut self, name: &str) -> Self {
        self.headers.retain(|(known, _)| known != name);
        self
    }

    /// The same call with a bearer token.
    #[must_use]
    pub fn bearer(self, token: &str) -> Self {
        self.header("authorization", &format!("Bearer {token}"))
    }

    /// Adds a cookie, as `name=value`.
    #[must_use]
    pub fn cookie(mut self, cookie: &str) -> Self {
        self.cookies.push(cookie.to_owned());
        self
    }

    /// The same call with a session's cookie.
    #[must_use]
    pub fn session(self, token: &str) -> Self {
        self.cookie(&format!("__Host-session={token}"))
    }

    /// The same call with the partitioned cookie of a session.
    #[must_use]
    pub fn partitioned_session(self, token: &str) -> Self {
        self.cookie(&format!("__Host-session-p={token}"))
    }

    /// The recorded event with this call's values in it.
    pub fn event(&self) -> Value {
        let mut event: Value =
            serde_json::from_str(include_str!("../../fixtures/events/api_gateway_http_api_v2.json")).unwrap();
        event["rawPath"] = json!(self.path);
        event["rawQueryString"] = json!(self.query);
        event["requestContext"]["http"]["method"] = json!(self.method);
        event["requestContext"]["http"]["path"] = json!(self.path);
        event["queryStringParameters"] = Value::Null;
        event["cookies"] = if self.cookies.is_empty() { Value::Null } else { json!(self.cookies) };
        for (name, value) in &self.headers {
            event["headers"][name] = json!(value);
        }
        if let Some(body) = &self.body {
            event["body"] = json!(body);
        }
        event
    }
}
