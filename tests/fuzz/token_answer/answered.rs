//! Generated answers of the token endpoint: like Google's, and different in every way.

use harness::google::Failure;
use proptest::collection::vec;
use proptest::prelude::{BoxedStrategy, Just, Strategy};
use proptest::prop_oneof;
use proptest::sample::select;
use serde_json::{Value, json};

use crate::id_token::{Draft, draft};
use crate::input::{Change, change, json as any_json, text};

/// Statuses after which no call is repeated: not 408, 429 or 5xx.
const STATUSES: [u16; 11] = [200, 201, 204, 302, 400, 400, 400, 401, 403, 404, 499];
/// Error codes that take effect at once. After `server_error` and its like, calls are repeated
/// after a pause.
const ERRORS: [&str; 12] = [
    "invalid_grant",
    "invalid_rapt",
    "rapt_required",
    "admin_policy_enforced",
    "access_denied",
    "org_internal",
    "invalid_client",
    "deleted_client",
    "invalid_request",
    "invalid_scope",
    "unsupported_grant_type",
    "something_new",
];
const SCOPES: &str = "openid email https://www.googleapis.com/auth/gmail.readonly";

/// An answer of the token endpoint.
#[derive(Clone, Debug)]
pub(super) struct Answered {
    /// The status.
    pub(super) status: u16,
    /// The members in order. A name may be repeated.
    members: Vec<(String, Value)>,
    /// Changes to the text.
    pub(super) changes: Vec<Change>,
    /// The ID token of an exchange.
    pub(super) id_token: Option<Draft>,
    /// Whether the members and the text are unchanged from Google's.
    usual: bool,
}

impl Answered {
    pub(super) fn body(&self, id_token: Option<String>) -> String {
        let id_token = id_token.map(|token| ("id_token".to_owned(), Value::from(token)));
        let members = self.members.iter().cloned().chain(id_token);
        let members: Vec<String> =
            members.map(|(name, value)| format!("{}:{value}", Value::from(name))).collect();
        let body = format!("{{{}}}", members.join(","));
        self.changes.iter().fold(body, |body, change| change.apply(&body))
    }

    /// The new refresh token of an answer that is entirely correct.
    pub(super) fn rotated(&self) -> Option<&str> {
        let token = |name: &str, prefix: &str| {
            let (_, value) = self.members.iter().find(|(known, _)| known == name)?;
            value.as_str().filter(|text| text.starts_with(prefix))
        };
        token("access_token", "ya29.fuzzed-")?;
        token("refresh_token", "1//fuzzed-").filter(|_| self.usual && self.status == 200)
    }

    pub(super) fn failure(&self, body: String) -> Failure {
        let headers = vec![("content-type".to_owned(), "application/json; charset=utf-8".to_owned())];
        Failure::Answer { status: self.status, headers, body }
    }
}

fn token(prefix: &'static str) -> BoxedStrategy<Value> {
    prop_oneof![
        6 => "[A-Za-z0-9_-]{24,60}".prop_map(move |rest| json!(format!("{prefix}{rest}"))),
        1 => Just(json!("")),
        1 => text().prop_map(Value::from),
        1 => any_json(),
    ]
    .boxed()
}

fn member() -> BoxedStrategy<(String, Value)> {
    let seconds = || {
        prop_oneof![
            Just(json!(3599)),
            Just(json!("3599")),
            Just(json!(u64::MAX)),
            Just(json!(-1)),
            (0..1000_u32).prop_map(Value::from),
            any_json(),
        ]
    };
    let words = |words: &'static [&'static str]| prop_oneof![3 => select(words).prop_map(Value::from), 1 => any_json()];
    prop_oneof![
        4 => token("ya29.fuzzed-").prop_map(|value| ("access_token", value)),
        4 => words(&["Bearer", "bearer", "mac", ""]).prop_map(|value| ("token_type", value)),
        4 => token("1//fuzzed-").prop_map(|value| ("refresh_token", value)),
        2 => seconds().prop_map(|value| ("expires_in", value)),
        2 => seconds().prop_map(|value| ("refresh_token_expires_in", value)),
        2 => words(&[SCOPES, "", "openid"]).prop_map(|value| ("scope", value)),
        3 => words(&ERRORS).prop_map(|value| ("error", value)),
        1 => words(&["invalid_rapt", "rapt_required", ""]).prop_map(|value| ("error_subtype", value)),
        1 => text().prop_map(|text| ("error_description", json!(text))),
    ]
    .prop_map(|(name, value)| (name.to_owned(), value))
    .boxed()
}

/// Members as Google sends them with tokens or with a refusal.
fn usual(tokens: bool) -> BoxedStrategy<Vec<(String, Value)>> {
    let named = |members: Vec<(&str, Value)>| {
        members.into_iter().map(|(name, value)| (name.to_owned(), value)).collect::<Vec<_>>()
    };
    let bearer = [("token_type", json!("Bearer")), ("expires_in", json!(3599))];
    let granted = (token("ya29.fuzzed-"), proptest::option::of(token("1//fuzzed-"))).prop_map(
        move |(access, refresh)| {
            let refresh = refresh.map(|refresh| ("refresh_token", refresh));
            let members = bearer.iter().cloned().chain([("access_token", access)]).chain(refresh);
            named(members.collect())
        },
    );
    let refused =
        (select(&ERRORS[..]), proptest::option::of(select(vec!["invalid_rapt", "rapt_required", ""])))
            .prop_map(move |(error, subtype)| {
                let subtype = subtype.map(|subtype| ("error_subtype", json!(subtype)));
                named([("error", json!(error))].into_iter().chain(subtype).collect())
            });
    if tokens { granted.boxed() } else { refused.boxed() }
}

/// An answer as Google gives it, or one with members replaced or added, or with a text that is no
/// longer JSON.
pub(super) fn answered() -> BoxedStrategy<Answered> {
    let kind = prop_oneof![
        4 => (Just(200), usual(true)),
        3 => (select(&STATUSES[..]), usual(false)),
        1 => (select(&STATUSES[..]), Just(Vec::new())),
    ];
    let changes = prop_oneof![9 => Just(Vec::new()), 1 => vec(change(), 1..3)];
    let id_token = prop_oneof![4 => draft().prop_map(Some), 1 => Just(None)];
    let twice = prop_oneof![9 => Just(false), 1 => Just(true)];
    (kind, vec(member(), 0..3), twice, changes, id_token)
        .prop_map(|((status, mut members), more, twice, changes, id_token)| {
            let usual = more.is_empty() && changes.is_empty();
            if !twice {
                members.retain(|(name, _)| more.iter().all(|(other, _)| other != name));
            }
            members.extend(more);
            Answered { status, members, changes, id_token, usual }
        })
        .boxed()
}
