//! Security event tokens: claims in every form with Google's signature, and texts without it.

use harness::world::ANN;
use postern_rules::security_event::{Keys, Kind, Unverified, Verified};
use proptest::collection::vec;
use proptest::prelude::{Just, Strategy};
use proptest::prop_oneof;
use serde_json::{Value, json};

use crate::bench::Bench;
use crate::input::{change, json as any_json, text};
use crate::property::{Cost, holds};

/// The keys that the fake publishes.
fn keys(bench: &Bench) -> Keys {
    Keys::parse(bench.world.google.certificates().to_string().as_bytes()).unwrap()
}

fn received(keys: &Keys, token: &str) -> Option<Verified> {
    let unverified = Unverified::parse(token.as_bytes()).ok()?;
    let key = keys.get(unverified.key_id())?.clone();
    unverified.verify(&key).ok()
}

#[test]
fn a_token_whose_text_was_changed_is_refused() {
    let bench = Bench::new();
    let keys = keys(&bench);
    let token = bench.world.google.sign(&bench.world.google.security_event(Kind::AccountDisabled, ANN));
    assert!(received(&keys, &token).is_some());
    let name = "a_token_whose_text_was_changed_is_refused";
    holds(name, Cost::Nothing, &vec(change(), 1..4), |changes| {
        let changed = changes.iter().fold(token.clone(), |token, change| change.apply(&token));
        assert_eq!(received(&keys, &changed).is_some(), changed == token, "{changed}");
    });
    let name = "text_that_is_no_security_event_is_refused";
    holds(name, Cost::Nothing, &text(), |text| assert!(received(&keys, &text).is_none()));
}

#[test]
fn a_signed_token_counts_only_with_the_right_claims() {
    let bench = Bench::new();
    let keys = keys(&bench);
    let right = bench.world.google.security_event(Kind::SessionsRevoked, ANN);
    let claim = prop_oneof![Just("iss"), Just("aud"), Just("iat"), Just("jti"), Just("events")];
    let event = any_json().prop_map(|payload| json!({ Kind::SessionsRevoked.uri(): payload }));
    let claims = vec((claim, prop_oneof![2 => any_json(), 1 => event]), 0..3);
    holds("a_signed_token_counts_only_with_the_right_claims", Cost::Little, &claims, |changes| {
        let mut claims: Value = right.clone();
        for (name, value) in &changes {
            claims[*name] = value.clone();
        }
        let verified = received(&keys, &bench.world.google.sign(&claims));
        assert!(verified.is_some() || claims != right, "what is right counts");
        let Some(verified) = verified else { return };
        assert!(claims["iss"].as_str().is_some_and(|issuer| issuer.contains("accounts.google.com")));
        assert!(claims["iat"].is_i64() && claims["jti"].as_str().is_some_and(|id| !id.is_empty()));
        assert_eq!(verified.events.len(), claims["events"].as_object().unwrap().len());
        for event in &verified.events {
            assert!(event.user.is_some() || !event.kind.has_effect(), "{claims}");
        }
    });
}
