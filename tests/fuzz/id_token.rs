//! The ID token: its claims in every form, and texts that are no ID token.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use harness::world::START;
use postern::outside::google::identity::from_id_token;
use postern_rules::secret::IdToken;
use proptest::collection::vec;
use proptest::prelude::{BoxedStrategy, Just, Strategy};
use proptest::prop_oneof;
use serde_json::{Map, Value, json};

use crate::bench::text_of;
use crate::input::{Change, change, json as any_json, text};
use crate::property::{Cost, holds};

/// The values that the correct claims have.
pub(crate) struct Right<'a> {
    pub(crate) client_id: &'a str,
    pub(crate) sub: &'a str,
    pub(crate) nonce: &'a str,
}

/// A description of an ID token: claims that replace the correct ones, and changes to its text.
#[derive(Clone, Debug)]
pub(crate) struct Draft {
    claims: Vec<(String, Option<Value>)>,
    changes: Vec<Change>,
}

impl Draft {
    /// The claims as they stand in the token, before its text is changed.
    pub(crate) fn claims(&self, right: &Right<'_>) -> Map<String, Value> {
        let all = json!({
            "iss": "https://accounts.google.com",
            "aud": right.client_id,
            "azp": right.client_id,
            "sub": right.sub,
            "exp": START.seconds() + 3600,
            "iat": START.seconds(),
            "nonce": right.nonce,
            "email": "ann@example.com",
        });
        let Value::Object(mut claims) = all else { unreachable!() };
        for (name, value) in &self.claims {
            claims.remove(name);
            claims.extend(value.clone().map(|value| (name.clone(), value)));
        }
        claims
    }

    /// Whether the text differs from the token with these claims.
    pub(crate) fn is_altered(&self) -> bool {
        !self.changes.is_empty()
    }

    /// The token.
    pub(crate) fn text(&self, right: &Right<'_>) -> String {
        let claims = Value::Object(self.claims(right)).to_string();
        let token = format!("e30.{}.c2lnbmF0dXJl", URL_SAFE_NO_PAD.encode(claims));
        self.changes.iter().fold(token, |token, change| change.apply(&token))
    }
}

/// Any draft. Many are correct.
pub(crate) fn draft() -> BoxedStrategy<Draft> {
    let name = prop_oneof![
        Just("iss"),
        Just("aud"),
        Just("azp"),
        Just("sub"),
        Just("exp"),
        Just("iat"),
        Just("nonce"),
        Just("email"),
    ];
    let value = prop_oneof![
        1 => Just(None),
        2 => text().prop_map(|text| Some(Value::from(text))),
        2 => any_json().prop_map(Some),
        1 => Just(Some(json!("accounts.google.com"))),
        1 => (0..2_000_000_000_i64).prop_map(|number| Some(json!(number))),
    ];
    let claims = prop_oneof![1 => Just(Vec::new()), 1 => vec((name.prop_map(str::to_owned), value), 1..3)];
    let changes = prop_oneof![3 => Just(Vec::new()), 1 => vec(change(), 1..3)];
    (claims, changes).prop_map(|(claims, changes)| Draft { claims, changes }).boxed()
}

/// Whether these claims say that Google issued the token for this client, this flow and a user, and
/// that it has not expired.
pub(crate) fn are_right(claims: &Map<String, Value>, right: &Right<'_>) -> bool {
    let claims = Value::Object(claims.clone());
    let issuer = text_of(&claims, "iss").unwrap_or_default();
    let for_us = claims["aud"] == right.client_id
        || claims["aud"]
            .as_array()
            .is_some_and(|audiences| audiences.iter().all(|one| *one == right.client_id));
    issuer.trim_start_matches("https://") == "accounts.google.com"
        && for_us
        && text_of(&claims, "nonce") == Some(right.nonce)
        && claims["exp"].as_i64().is_some_and(|end| end + 300 > START.seconds())
        && claims["iat"].as_i64().is_some_and(|at| (-300..=900).contains(&(START.seconds() - at)))
        && text_of(&claims, "sub").is_some_and(|sub| !sub.is_empty() && sub.is_ascii())
}

const RIGHT: Right<'static> =
    Right { client_id: "1-a.apps.googleusercontent.com", sub: "110169484474386276334", nonce: "a-nonce" };

#[test]
fn an_id_token_is_believed_only_with_the_right_claims() {
    let name = "an_id_token_is_believed_only_with_the_right_claims";
    holds(name, Cost::Nothing, &draft(), |draft| {
        let (token, claims) = (draft.text(&RIGHT), draft.claims(&RIGHT));
        let identity = from_id_token(&IdToken::new(token.as_str()), RIGHT.client_id, RIGHT.nonce, START);
        if draft.claims.is_empty() && draft.changes.is_empty() {
            assert!(identity.is_ok(), "what is right is believed");
        }
        // A changed text may happen to carry the same claims.
        if let (Ok(identity), true) = (identity, !draft.is_altered()) {
            assert!(are_right(&claims, &RIGHT), "{claims:?}");
            assert_eq!(Some(identity.user.as_str()), claims["sub"].as_str());
        }
    });
}

#[test]
fn text_that_is_no_id_token_is_believed_by_nobody() {
    let name = "text_that_is_no_id_token_is_believed_by_nobody";
    let encoded = any_json().prop_map(|json| format!("e30.{}.e30", URL_SAFE_NO_PAD.encode(json.to_string())));
    holds(name, Cost::Nothing, &prop_oneof![text(), encoded], |token| {
        assert!(from_id_token(&IdToken::new(token), RIGHT.client_id, RIGHT.nonce, START).is_err());
    });
}
