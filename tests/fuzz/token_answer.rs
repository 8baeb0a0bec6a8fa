//! What the token endpoint answers to a refresh and to an exchange: a stored refresh token is replaced by nothing but a
//! refresh token, and only `invalid_grant` takes it away (I4); a session begins for nobody but whom Google names (I7).

use harness::google::{Failure, Times};
use harness::stack::CREDENTIALS_TABLE;
use harness::world::{ANN, Call, parameter};
use proptest::collection::vec;
use proptest::prelude::{BoxedStrategy, Just, Strategy};
use proptest::prop_oneof;
use proptest::sample::select;
use serde_json::{Value, json};
use shared::seal::Purpose;
use shared::secret::Sealed;

use crate::bench::{Bench, text_of};
use crate::id_token::{Draft, Right, are_right, draft};
use crate::input::{Change, change, json as any_json, text};
use crate::property::{Cost, holds};

/// What is answered without a pause: none of 408, 429 and 5xx.
const STATUSES: [u16; 11] = [200, 201, 204, 302, 400, 400, 400, 401, 403, 404, 499];
/// The codes that are acted upon at once; `server_error` and its like are repeated after a pause.
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
struct Answered {
    status: u16,
    /// The members, in their order; a name may come twice.
    members: Vec<(String, Value)>,
    /// What happens to the text.
    changes: Vec<Change>,
    id_token: Option<Draft>,
}

impl Answered {
    fn body(&self, id_token: Option<String>) -> String {
        let id_token = id_token.map(|token| ("id_token".to_owned(), Value::from(token)));
        let members = self.members.iter().cloned().chain(id_token);
        let members: Vec<String> =
            members.map(|(name, value)| format!("{}:{value}", Value::from(name))).collect();
        let body = format!("{{{}}}", members.join(","));
        self.changes.iter().fold(body, |body, change| change.apply(&body))
    }

    fn failure(&self, body: String) -> Failure {
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

/// Members as Google sends them with tokens, or with a refusal.
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

/// An answer as Google gives it, or with other members in place of its own or beside them, or with a text that is no JSON
/// any more.
fn answered() -> BoxedStrategy<Answered> {
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
            if !twice {
                members.retain(|(name, _)| more.iter().all(|(other, _)| other != name));
            }
            members.extend(more);
            Answered { status, members, changes, id_token }
        })
        .boxed()
}

/// A world with Ann's credential as it was stored, to judge what becomes of it.
struct Custody {
    bench: Bench,
    stored: Value,
    keyring: std::sync::Arc<shared::seal::Keyring>,
}

impl Custody {
    fn new() -> Self {
        let bench = Bench::signed_in();
        bench.world.advance(3600);
        let stored = bench.world.credential(ANN);
        let keyring = bench.wait(bench.world.app.secrets.keyring()).unwrap();
        Self { bench, stored, keyring }
    }

    /// Puts the credential back as it was; Google answers as usual.
    fn restore(&self) {
        self.bench.world.stack.google.clear_failures();
        self.bench.world.stack.dynamodb.put(CREDENTIALS_TABLE, self.stored.clone());
    }

    fn opened(&self, item: &Value, attribute: &str) -> Option<String> {
        let sealed = Sealed::from_text(item[attribute]["S"].as_str()?);
        let sub = self.bench.world.sub(ANN);
        let opened =
            self.keyring.open(Purpose::Token, &[CREDENTIALS_TABLE, &sub, attribute], &sealed).unwrap();
        Some(String::from_utf8(opened.to_vec()).unwrap())
    }

    /// Asserts that what is stored now follows from what was stored before and from an answer with this body.
    fn assert_follows(&self, status: u16, body: &str) {
        let item = self.bench.world.credential(ANN);
        let said: Value = serde_json::from_str(body).unwrap_or_default();
        let given = |name: &str| text_of(&said, name).filter(|text| status == 200 && !text.is_empty());
        if let Some(refresh_token) = self.opened(&item, "refresh_token") {
            let kept = item["refresh_token"] == self.stored["refresh_token"];
            assert!(kept || given("refresh_token") == Some(&refresh_token), "{said}");
            assert!(!refresh_token.is_empty());
        } else {
            // Of a member that comes twice the last is seen here, and the answer is no error that can be read.
            assert!(status != 200 && text_of(&said, "error") == Some("invalid_grant"), "{said}");
            assert!(
                !matches!(text_of(&said, "error_subtype"), Some("invalid_rapt" | "rapt_required")),
                "{said}"
            );
        }
        if let Some(access_token) = self.opened(&item, "access_token") {
            let kept = item["access_token"] == self.stored["access_token"];
            assert!(kept || given("access_token") == Some(&access_token), "{said}");
            assert!(!access_token.is_empty());
        }
        for name in ["access_token", "refresh_token"] {
            if let Some(token) = given(name).filter(|token| token.contains("fuzzed-")) {
                self.bench.world.plant(token);
            }
        }
    }
}

#[test]
fn an_answer_to_a_refresh_harms_no_stored_token() {
    let custody = Custody::new();
    let bench = &custody.bench;
    holds("an_answer_to_a_refresh_harms_no_stored_token", Cost::Sockets, &answered(), |answered| {
        custody.restore();
        let body = answered.body(None);
        bench.world.stack.google.fail_refresh(answered.failure(body.clone()), Times::UntilCleared);
        let answer = bench.send(&bench.world.with_cookies(Call::get("/messages", "")));
        // 200 cannot be: Gmail knows no token but those that it gave itself.
        assert!([401, 403, 502, 503].contains(&answer.status), "{answer:?}");
        assert!(answer.set_cookie("__Host-session").is_none());
        custody.assert_follows(answered.status, &body);
    });
    custody.restore();
    let answer = bench.send(&bench.world.with_cookies(Call::get("/messages", "")));
    assert_eq!(answer.status, 200, "the credential works as before: {answer:?}");
}

#[test]
fn an_answer_to_an_exchange_harms_no_stored_token_and_signs_in_nobody_else() {
    let custody = Custody::new();
    let bench = &custody.bench;
    let sub = bench.world.sub(ANN);
    let name = "an_answer_to_an_exchange_harms_no_stored_token_and_signs_in_nobody_else";
    holds(name, Cost::Sockets, &answered(), |answered| {
        custody.restore();
        let start = bench.send(&Call::get("/auth/start", ""));
        let state = parameter(start.location(), "state").unwrap();
        let nonce = parameter(start.location(), "nonce").unwrap();
        let right = Right { client_id: bench.world.stack.google.client_id(), sub: &sub, nonce: &nonce };
        let body = answered.body(answered.id_token.as_ref().map(|draft| draft.text(&right)));
        bench.world.stack.google.fail_exchange(answered.failure(body.clone()), Times::UntilCleared);
        let cookie = start.cookies[0].split(';').next().unwrap();
        let query = format!("code=4%2F0A-fuzzed&state={state}");
        let answer = bench.send(&Call::get("/oauth/callback", &query).cookie(cookie));
        assert_eq!(answer.status, 303, "{answer:?}");
        let google = format!("{}/o/oauth2/v2/auth?", bench.world.stack.google.url());
        let places = ["https://app.example.com/", &google];
        assert!(places.iter().any(|place| answer.location().starts_with(place)), "{answer:?}");
        if answer.set_cookie("__Host-session").is_some() {
            assert_eq!(answered.status, 200);
            let draft = answered.id_token.as_ref().unwrap();
            let claims = draft.claims(&right);
            assert!(
                draft.is_altered() || !answered.changes.is_empty() || are_right(&claims, &right),
                "{claims:?}"
            );
        }
        custody.assert_follows(answered.status, &body);
        assert!(
            custody.opened(&bench.world.credential(ANN), "refresh_token").is_some(),
            "no exchange kills a grant"
        );
    });
}
