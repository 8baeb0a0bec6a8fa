//! The log of the calls that the fake received, so that a test can assert what was asked and how often.

use std::collections::VecDeque;

use super::failures::Treatment;

/// The log keeps this many calls; older ones are dropped, for `xtask dev` runs all day.
const MOST_CALLS: usize = 10_000;

/// What the fake serves, one name for each endpoint (or family of endpoints that differ in version alone).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Endpoint {
    /// `GET /o/oauth2/v2/auth`
    Authorize,
    /// `POST /token`
    Token,
    /// `POST /revoke`
    Revoke,
    /// `GET /tokeninfo`, `/oauth2/v1/tokeninfo`, `/oauth2/v2/tokeninfo` and `/oauth2/v3/tokeninfo`
    TokenInfo,
    /// `GET /oauth2/v2/userinfo`, `/userinfo/v2/me`, `/oauth2/v3/userinfo` and `/v1/userinfo`
    UserInfo,
    /// `GET /oauth2/v3/certs` and `/oauth2/v1/certs`
    Certificates,
    /// `GET /.well-known/openid-configuration`
    Discovery,
    /// `GET /gmail/v1/users/me/profile`
    Profile,
    /// `GET /gmail/v1/users/me/labels`
    LabelsList,
    /// `GET /gmail/v1/users/me/labels/{id}`
    LabelsGet,
    /// `GET /gmail/v1/users/me/messages`
    MessagesList,
    /// `GET /gmail/v1/users/me/messages/{id}`, alone or inside a batch
    MessagesGet,
    /// `GET /gmail/v1/users/me/messages/{id}/attachments/{id}`
    AttachmentsGet,
    /// `GET /gmail/v1/users/me/threads`
    ThreadsList,
    /// `GET /gmail/v1/users/me/threads/{id}`
    ThreadsGet,
    /// `GET /gmail/v1/users/me/history`
    HistoryList,
    /// `POST /batch/gmail/v1`, or `/batch`, where Google's libraries send it
    Batch,
}

impl Endpoint {
    /// Every endpoint.
    pub const ALL: [Self; 17] = [
        Self::Authorize,
        Self::Token,
        Self::Revoke,
        Self::TokenInfo,
        Self::UserInfo,
        Self::Certificates,
        Self::Discovery,
        Self::Profile,
        Self::LabelsList,
        Self::LabelsGet,
        Self::MessagesList,
        Self::MessagesGet,
        Self::AttachmentsGet,
        Self::ThreadsList,
        Self::ThreadsGet,
        Self::HistoryList,
        Self::Batch,
    ];

    /// The name that the control API uses.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Authorize => "authorize",
            Self::Token => "token",
            Self::Revoke => "revoke",
            Self::TokenInfo => "token_info",
            Self::UserInfo => "user_info",
            Self::Certificates => "certificates",
            Self::Discovery => "discovery",
            Self::Profile => "profile",
            Self::LabelsList => "labels_list",
            Self::LabelsGet => "labels_get",
            Self::MessagesList => "messages_list",
            Self::MessagesGet => "messages_get",
            Self::AttachmentsGet => "attachments_get",
            Self::ThreadsList => "threads_list",
            Self::ThreadsGet => "threads_get",
            Self::HistoryList => "history_list",
            Self::Batch => "batch",
        }
    }

    /// The endpoint with this control API name.
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|endpoint| endpoint.name() == name)
    }

    /// The endpoint that a path belongs to.
    pub fn at(path: &str) -> Option<Self> {
        if let Some(rest) = path.strip_prefix("/gmail/v1/users/") {
            let parts: Vec<&str> = rest.split('/').skip(1).collect();
            return match parts[..] {
                ["profile"] => Some(Self::Profile),
                ["labels"] => Some(Self::LabelsList),
                ["labels", _] => Some(Self::LabelsGet),
                ["messages"] => Some(Self::MessagesList),
                ["messages", _] => Some(Self::MessagesGet),
                ["messages", _, "attachments", _] => Some(Self::AttachmentsGet),
                ["threads"] => Some(Self::ThreadsList),
                ["threads", _] => Some(Self::ThreadsGet),
                ["history"] => Some(Self::HistoryList),
                _ => None,
            };
        }
        match path {
            "/o/oauth2/v2/auth" => Some(Self::Authorize),
            "/token" => Some(Self::Token),
            "/revoke" => Some(Self::Revoke),
            "/tokeninfo" | "/oauth2/v1/tokeninfo" | "/oauth2/v2/tokeninfo" | "/oauth2/v3/tokeninfo" => {
                Some(Self::TokenInfo)
            }
            "/oauth2/v2/userinfo" | "/userinfo/v2/me" | "/oauth2/v3/userinfo" | "/v1/userinfo" => {
                Some(Self::UserInfo)
            }
            "/oauth2/v3/certs" | "/oauth2/v1/certs" => Some(Self::Certificates),
            "/.well-known/openid-configuration" => Some(Self::Discovery),
            "/batch/gmail/v1" | "/batch" => Some(Self::Batch),
            _ => None,
        }
    }

    /// Whether Google takes this method here.
    pub(super) fn takes(self, method: &str) -> bool {
        match self {
            Self::Token | Self::Revoke | Self::Batch => method == "POST",
            Self::TokenInfo => matches!(method, "GET" | "POST"),
            _ => method == "GET",
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
    /// The headers, names in lower case. Empty when the connection was cut before they were read.
    pub headers: Vec<(String, String)>,
    /// The body, bytes that are not UTF-8 replaced.
    pub body: String,
    /// The status that was answered; none while no answer is on its way, or when the connection was cut.
    pub status: Option<u16>,
    /// Whether the call came as a part of a batch (the batch is a call of its own).
    pub batched: bool,
}

impl Call {
    /// The first value of a query parameter.
    pub fn query_value(&self, name: &str) -> Option<&str> {
        self.query.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str())
    }

    /// Every value of a query parameter.
    pub fn query_values(&self, name: &str) -> Vec<&str> {
        self.query.iter().filter(|(key, _)| key == name).map(|(_, value)| value.as_str()).collect()
    }

    /// The first value of a header; `name` in any case.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(key, _)| key.eq_ignore_ascii_case(name)).map(|(_, value)| value.as_str())
    }

    /// The body's pairs, read as a form.
    pub fn form(&self) -> Vec<(String, String)> {
        form_urlencoded::parse(self.body.as_bytes()).into_owned().collect()
    }

    /// The first value of a form field in the body.
    pub fn form_value(&self, name: &str) -> Option<String> {
        self.form().into_iter().find(|(key, _)| key == name).map(|(_, value)| value)
    }

    /// The token of the `Authorization` header.
    pub fn bearer(&self) -> Option<&str> {
        let (scheme, token) = self.header("authorization")?.split_once(' ')?;
        scheme.eq_ignore_ascii_case("bearer").then_some(token.trim())
    }
}

/// The calls so far, each with a number that outlives the log's bound.
#[derive(Debug, Default)]
pub(super) struct CallLog {
    calls: VecDeque<(u64, Call)>,
    next: u64,
}

impl CallLog {
    /// Writes a call down and gives its number.
    pub(super) fn record(&mut self, call: Call) -> u64 {
        if self.calls.len() == MOST_CALLS {
            self.calls.pop_front();
        }
        self.next += 1;
        self.calls.push_back((self.next, call));
        self.next
    }

    /// Notes how a call ended; a treatment that cuts the line leaves no status.
    pub(super) fn answered(&mut self, number: u64, status: u16, treatment: Option<&Treatment>) {
        if treatment.is_some_and(Treatment::loses_the_answer) {
            return;
        }
        if let Some((_, call)) = self.calls.iter_mut().rev().find(|(known, _)| *known == number) {
            call.status = Some(status);
        }
    }

    /// Every call, oldest first.
    pub(super) fn all(&self) -> Vec<Call> {
        self.calls.iter().map(|(_, call)| call.clone()).collect()
    }

    /// Empties the log.
    pub(super) fn forget(&mut self) {
        self.calls.clear();
    }
}
