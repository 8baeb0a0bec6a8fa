//! The token endpoint's answers to a refresh and to an exchange: only another refresh token
//! replaces a stored one, only `invalid_grant` removes it (I4), and a session begins only for the
//! user that Google names (I7).

mod answered;

use harness::google::Times;
use harness::world::{ANN, Call, parameter};
use postern_rules::seal::Purpose;
use postern_rules::secret::Sealed;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

use self::answered::answered;
use crate::bench::Bench;
use crate::id_token::{Right, are_right};
use crate::property::{Cost, holds};

/// The tokens in the text of an answer. Other members, and text after the object, are ignored.
#[derive(Debug, Default, Deserialize)]
struct Given {
    access_token: Option<Value>,
    refresh_token: Option<Value>,
}

/// The error in the text of an answer, read as leniently.
#[derive(Debug, Default, Deserialize)]
struct Refused {
    error: Option<Value>,
    error_subtype: Option<Value>,
}

fn read<T: Default + DeserializeOwned>(body: &str) -> T {
    let first = serde_json::Deserializer::from_str(body).into_iter().next();
    first.and_then(Result::ok).unwrap_or_default()
}

fn text_in(member: Option<&Value>) -> Option<&str> {
    member.and_then(Value::as_str).filter(|text| !text.is_empty())
}

/// A world and Ann's credential as it was stored, to check how it changes.
struct Custody {
    bench: Bench,
    stored: Value,
    keyring: std::sync::Arc<postern_rules::seal::Keyring>,
}

impl Custody {
    fn new() -> Self {
        let bench = Bench::signed_in();
        bench.world.advance(3600);
        let stored = bench.world.credential(ANN);
        let keyring = bench.wait(bench.world.app.secrets.keyring()).unwrap();
        Self { bench, stored, keyring }
    }

    /// Restores the credential, and lets Google answer as usual.
    fn restore(&self) {
        self.bench.world.google.clear_failures();
        self.bench.world.app.google.refused_clients.clear(self.stored["client_id"]["S"].as_str().unwrap());
        self.bench.world.put(self.stored.clone());
    }

    fn opened(&self, item: &Value, attribute: &str) -> Option<String> {
        let sealed = Sealed::from_text(item[attribute]["S"].as_str()?);
        let text = |name: &str| item[name]["S"].as_str().unwrap();
        let (sub, id, client_id) = (text("user_id"), text("refresh_token_id"), text("client_id"));
        let place = ["credentials", sub, attribute, id, client_id];
        let opened = self.keyring.open(Purpose::Token, &place, &sealed).unwrap();
        Some(String::from_utf8(opened.to_vec()).unwrap())
    }

    /// Asserts that the stored credential follows from the previous one and an answer with this
    /// body.
    fn assert_follows(&self, status: u16, body: &str) {
        let item = self.bench.world.credential(ANN);
        let given: Given = if status == 200 { read(body) } else { Given::default() };
        let (given_access, given_refresh) =
            (text_in(given.access_token.as_ref()), text_in(given.refresh_token.as_ref()));
        if let Some(refresh_token) = self.opened(&item, "refresh_token") {
            let kept = item["refresh_token"] == self.stored["refresh_token"];
            assert!(kept || given_refresh == Some(&refresh_token), "{given:?}");
            assert!(!refresh_token.is_empty());
        } else {
            let refused: Refused = read(body);
            let subtype = text_in(refused.error_subtype.as_ref());
            assert!(status != 200 && text_in(refused.error.as_ref()) == Some("invalid_grant"), "{refused:?}");
            assert!(!matches!(subtype, Some("invalid_rapt" | "rapt_required")), "{refused:?}");
        }
        if let Some(access_token) = self.opened(&item, "access_token") {
            let kept = item["access_token"] == self.stored["access_token"];
            assert!(kept || given_access == Some(&access_token), "{given:?}");
            assert!(!access_token.is_empty());
        }
        for token in [given_access, given_refresh].into_iter().flatten() {
            if token.contains("fuzzed-") {
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
        bench.world.google.fail_refresh(answered.failure(body.clone()), Times::UntilCleared);
        let answer = bench.send(&bench.world.list());
        // 200 is impossible: Gmail knows only the tokens that Google itself issued.
        assert!([401, 403, 502, 503].contains(&answer.status), "{answer:?}");
        assert!(!answer.begins_session(), "{answer:?}");
        custody.assert_follows(answered.status, &body);
        if let Some(rotated) = answered.rotated() {
            let item = bench.world.credential(ANN);
            assert_eq!(custody.opened(&item, "refresh_token").as_deref(), Some(rotated), "it is not lost");
        }
    });
    custody.restore();
    let answer = bench.send(&bench.world.list());
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
        let right = Right { client_id: bench.world.google.client_id(), sub: &sub, nonce: &nonce };
        let body = answered.body(answered.id_token.as_ref().map(|draft| draft.text(&right)));
        bench.world.google.fail_exchange(answered.failure(body.clone()), Times::UntilCleared);
        let cookie = start.cookies[0].split(';').next().unwrap();
        let query = format!("code=4%2F0A-fuzzed&state={state}");
        let answer = bench.send(&Call::get("/oauth/callback", &query).cookie(cookie));
        assert_eq!(answer.status, 303, "{answer:?}");
        let google = format!("{}/o/oauth2/v2/auth?", bench.world.google.url());
        let places = ["https://app.example.com/", &google];
        assert!(places.iter().any(|place| answer.location().starts_with(place)), "{answer:?}");
        if answer.begins_session() {
            assert_eq!(answered.status, 200);
            let draft = answered.id_token.as_ref().unwrap();
            let claims = draft.claims(&right);
            bench.world.google_named(claims["sub"].as_str().unwrap_or_default());
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
