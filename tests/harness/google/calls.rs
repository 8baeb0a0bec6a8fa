//! The calls that the fake receives, and the endpoints that they go to.

use serde::{Deserialize, Serialize};

/// What the fake serves: one name for each endpoint, whatever its version.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Endpoint {
    /// `GET /o/oauth2/v2/auth`
    Authorize,
    /// `POST /token`
    Token,
    /// `POST /revoke`
    Revoke,
    /// `GET /oauth2/v2/userinfo`, `/oauth2/v3/userinfo` and `/v1/userinfo`
    UserInfo,
    /// `GET /oauth2/v3/certs`
    Certificates,
    /// `GET /.well-known/openid-configuration` and `/.well-known/risc-configuration`
    Discovery,
    /// `GET /gmail/v1/users/me/messages`
    MessagesList,
    /// `GET /gmail/v1/users/me/messages/{id}`, by itself or in a batch
    MessagesGet,
    /// `POST /batch/gmail/v1`, or `/batch`, where Google's libraries send it
    Batch,
    /// `GET /v1beta/stream` and `/v1beta/stream/status`
    Stream,
    /// `POST /v1beta/stream:update`, `/v1beta/stream:verify` and `/v1beta/stream/status:update`
    StreamUpdate,
}

impl Endpoint {
    /// Every endpoint.
    pub(super) const ALL: [Self; 11] = [
        Self::Authorize,
        Self::Token,
        Self::Revoke,
        Self::UserInfo,
        Self::Certificates,
        Self::Discovery,
        Self::MessagesList,
        Self::MessagesGet,
        Self::Batch,
        Self::Stream,
        Self::StreamUpdate,
    ];

    /// Its name in the control API.
    pub(super) fn name(self) -> String {
        let name = serde_json::to_value(self).unwrap_or_default();
        name.as_str().unwrap_or_default().to_owned()
    }

    /// The endpoint that a path belongs to.
    pub fn at(path: &str) -> Option<Self> {
        if let Some(rest) = path.strip_prefix("/gmail/v1/users/") {
            return match rest.split('/').skip(1).collect::<Vec<_>>()[..] {
                ["messages"] => Some(Self::MessagesList),
                ["messages", _] => Some(Self::MessagesGet),
                _ => None,
            };
        }
        match path {
            "/o/oauth2/v2/auth" => Some(Self::Authorize),
            "/token" => Some(Self::Token),
            "/revoke" => Some(Self::Revoke),
            "/oauth2/v2/userinfo" | "/oauth2/v3/userinfo" | "/v1/userinfo" => Some(Self::UserInfo),
            "/oauth2/v3/certs" => Some(Self::Certificates),
            "/.well-known/openid-configuration" | "/.well-known/risc-configuration" => Some(Self::Discovery),
            "/v1beta/stream" | "/v1beta/stream/status" => Some(Self::Stream),
            "/v1beta/stream:update" | "/v1beta/stream:verify" | "/v1beta/stream/status:update" => {
                Some(Self::StreamUpdate)
            }
            "/batch/gmail/v1" | "/batch" => Some(Self::Batch),
            _ => None,
        }
    }

    /// The one method that Google takes here.
    pub(super) fn method(self) -> &'static str {
        if matches!(self, Self::Token | Self::Revoke | Self::Batch | Self::StreamUpdate) {
            "POST"
        } else {
            "GET"
        }
    }
}

/// One call that the fake received.
#[derive(Clone, Debug)]
pub struct Call {
    /// Where it went.
    pub endpoint: Endpoint,
    /// `GET` or `POST`.
    pub method: String,
    /// The path, without the query.
    pub path: String,
    /// The query's pairs, decoded, in order.
    pub query: Vec<(String, String)>,
    /// The headers, names in lower case.
    pub headers: Vec<(String, String)>,
    /// The body, bytes that are not UTF-8 replaced.
    pub body: String,
    /// The status of the answer. None before the answer, or if the connection was cut.
    pub status: Option<u16>,
}

impl Call {
    /// A call to a path and query, if there is an endpoint.
    pub(super) fn to(method: &str, target: &str) -> Option<Self> {
        let (path, query) = target.split_once('?').unwrap_or((target, ""));
        Some(Self {
            endpoint: Endpoint::at(path)?,
            method: method.into(),
            path: path.into(),
            query: form_urlencoded::parse(query.as_bytes()).into_owned().collect(),
            headers: Vec::new(),
            body: String::new(),
            status: None,
        })
    }

    /// The first value of a query parameter.
    pub fn query_value(&self, name: &str) -> Option<&str> {
        self.query_values(name).first().copied()
    }

    /// Every value of a query parameter.
    pub fn query_values(&self, name: &str) -> Vec<&str> {
        self.query.iter().filter(|(key, _)| key == name).map(|(_, value)| value.as_str()).collect()
    }

    /// The first value of a header; `name` in lower case.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str())
    }

    /// The body's pairs, read as a form.
    pub fn form(&self) -> Vec<(String, String)> {
        form_urlencoded::parse(self.body.as_bytes()).into_owned().collect()
    }

    /// The first non-empty value of a form field in the body.
    pub fn form_value(&self, name: &str) -> Option<String> {
        self.form()
            .into_iter()
            .find(|(key, _)| key == name)
            .map(|(_, value)| value)
            .filter(|value| !value.is_empty())
    }

    /// The token of the `Authorization` header.
    pub fn bearer(&self) -> Option<&str> {
        self.header("authorization")?.strip_prefix("Bearer ")
    }
}
