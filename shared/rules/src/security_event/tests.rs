//! What is accepted, and what an event concerns.

use ring::rand::SystemRandom;
use ring::rsa::PublicKeyComponents;
use ring::signature::{RSA_PKCS1_SHA256, RsaKeyPair};
use serde_json::{Value, json};

use super::*;
use crate::credential::StoredAccessToken;
use crate::credential::tests::{NOW, credential};
use crate::secret::Sealed;

const KEY: &[u8] = include_bytes!("../../../../tests/harness/fixtures/fake_google_signing_key.der");

fn pair() -> RsaKeyPair {
    RsaKeyPair::from_pkcs8(KEY).unwrap()
}

fn encoded(part: &Value) -> String {
    URL_SAFE_NO_PAD.encode(part.to_string())
}

#[expect(clippy::disallowed_methods, reason = "ring takes its own source of randomness")]
fn signed(header: &Value, claims: &Value) -> String {
    let (pair, token) = (pair(), format!("{}.{}", encoded(header), encoded(claims)));
    let mut signature = vec![0; pair.public().modulus_len()];
    pair.sign(&RSA_PKCS1_SHA256, &SystemRandom::new(), token.as_bytes(), &mut signature).unwrap();
    format!("{token}.{}", URL_SAFE_NO_PAD.encode(signature))
}

fn keys() -> Keys {
    let public = PublicKeyComponents::<Vec<u8>>::from(pair().public());
    let (n, e) = (URL_SAFE_NO_PAD.encode(public.n), URL_SAFE_NO_PAD.encode(public.e));
    let set = json!({"keys": [
        {"kty": "EC", "kid": "a", "crv": "P-256", "x": "x", "y": "y"},
        {"kty": "RSA", "kid": "b", "alg": "RS512", "n": n, "e": e},
        {"kty": "RSA", "kid": "k", "alg": "RS256", "use": "sig", "n": n, "e": e},
    ]});
    Keys::parse(set.to_string().as_bytes()).unwrap()
}

fn header() -> Value {
    json!({"alg": "RS256", "kid": "k", "typ": "JWT"})
}

/// As in Google's guide.
fn claims() -> Value {
    json!({
        "iss": "https://accounts.google.com/",
        "aud": "123456789-abcedfgh.apps.googleusercontent.com",
        "iat": 1_508_184_845,
        "jti": "756E69717565206964656E746966696572",
        "events": {
            "https://schemas.openid.net/secevent/risc/event-type/account-disabled": {
                "subject": {
                    "subject_type": "iss-sub",
                    "iss": "https://accounts.google.com/",
                    "sub": "7375626A656374"
                },
                "reason": "hijacking"
            }
        }
    })
}

fn received(token: &str) -> Result<Verified, &'static str> {
    let unverified = Unverified::parse(token.as_bytes()).map_err(|error| error.delivery_error())?;
    let key = keys().get(unverified.key_id()).cloned().ok_or("invalid_key")?;
    unverified.verify(&key).map_err(|error| error.delivery_error())
}

fn with(name: &str, value: Value) -> String {
    let mut claims = claims();
    claims[name] = value;
    signed(&header(), &claims)
}

#[test]
fn the_example_of_googles_guide_is_understood() {
    let verified = received(&signed(&header(), &claims())).unwrap();
    assert_eq!(verified.audiences, ["123456789-abcedfgh.apps.googleusercontent.com"]);
    assert_eq!(verified.digest.len(), 64);
    let [event] = &verified.events[..] else { panic!("one event") };
    assert_eq!((event.kind, event.reason), (Kind::AccountDisabled, Some("hijacking")));
    assert_eq!(event.user.as_ref().map(UserId::as_str), Some("7375626A656374"));
    assert_eq!(event.at.seconds(), 1_508_184_845);
}

#[test]
fn a74_an_expired_token_and_each_form_of_googles_issuer_are_accepted() {
    assert!(received(&with("exp", json!(1_508_184_846))).is_ok());
    for issuer in ["https://accounts.google.com/", "https://accounts.google.com", "accounts.google.com"] {
        assert!(received(&with("iss", json!(issuer))).is_ok(), "{issuer}");
    }
    assert_eq!(received(&with("aud", json!(["a", "b"]))).unwrap().audiences, ["a", "b"]);
}

#[test]
fn a74_a_token_that_google_did_not_sign_with_rs256_is_refused() {
    let claims = claims();
    let with_header = |header: Value| received(&signed(&header, &claims)).map(|_| ());
    for algorithm in ["none", "HS256", "RS512", "PS256", "ES256", "rs256", ""] {
        let refused = with_header(json!({"alg": algorithm, "kid": "k"}));
        assert_eq!(refused, Err("authentication_failed"), "{algorithm}");
    }
    let critical = json!({"alg": "RS256", "kid": "k", "crit": ["b64"], "b64": false});
    assert_eq!(with_header(critical), Err("authentication_failed"));
    for id in ["a", "b", "other"] {
        assert_eq!(with_header(json!({"alg": "RS256", "kid": id})), Err("invalid_key"), "{id}");
    }
    let token = signed(&header(), &claims);
    let (signed_part, signature) = token.rsplit_once('.').unwrap();
    let mut other = claims.clone();
    other["jti"] = json!("other");
    let forged = format!("{}.{}.{signature}", encoded(&header()), encoded(&other));
    assert_eq!(received(&forged).map(|_| ()), Err("authentication_failed"));
    assert_eq!(received(&format!("{signed_part}.")).map(|_| ()), Err("authentication_failed"));
    let short = &signature[..4];
    assert_eq!(received(&format!("{signed_part}.{short}")).map(|_| ()), Err("authentication_failed"));
}

#[test]
fn a74_another_issuer_is_refused() {
    for issuer in ["https://evil.example", "https://accounts.google.com//", "http://accounts.google.com", ""]
    {
        assert_eq!(received(&with("iss", json!(issuer))).map(|_| ()), Err("invalid_issuer"), "{issuer}");
    }
}

#[test]
fn b65_what_is_no_token_or_lacks_a_claim_is_refused() {
    let token = signed(&header(), &claims());
    let padded = format!("{}.{}=.{}", encoded(&header()), encoded(&claims()), "c2ln");
    let array = URL_SAFE_NO_PAD.encode(r#"["RS256","k",null]"#);
    for text in [
        String::new(),
        "token".to_owned(),
        "a.b".to_owned(),
        "..".to_owned(),
        "a.b.c.d".to_owned(),
        format!("{token}\n"),
        format!(" {token}"),
        format!("{token} {token}"),
        format!("{token}.{token}"),
        format!("\"{token}\""),
        format!("{array}.{}.c2ln", encoded(&claims())),
        padded,
        signed(&json!({"alg": "RS256"}), &claims()),
        signed(&json!({"alg": "RS256", "kid": ""}), &claims()),
        signed(&json!({"alg": "RS256", "kid": "k".repeat(513)}), &claims()),
        signed(&json!("RS256"), &claims()),
        signed(&header(), &json!([])),
        with("pad", json!("x".repeat(8 * 1024))),
    ] {
        assert_eq!(received(&text).map(|_| ()), Err("invalid_request"), "{text:.60}");
    }
    let events: serde_json::Map<String, Value> = (0..9).map(|n| (n.to_string(), json!({}))).collect();
    for (name, value) in [
        ("iss", json!(null)),
        ("aud", json!(null)),
        ("aud", json!([])),
        ("aud", json!(1)),
        ("aud", json!(vec!["a"; 9])),
        ("iat", json!(null)),
        ("iat", json!("yesterday")),
        ("iat", json!(1.5)),
        ("jti", json!(null)),
        ("jti", json!("")),
        ("jti", json!(7)),
        ("jti", json!("x".repeat(513))),
        ("events", json!(null)),
        ("events", json!([])),
        ("events", json!({})),
        ("events", events.into()),
    ] {
        assert_eq!(
            received(&with(name, value.clone())).map(|_| ()),
            Err("invalid_request"),
            "{name} {value}"
        );
    }
}

#[test]
fn b65_an_event_must_name_a_user_of_googles() {
    let named = |kind: Kind, payload: Value| received(&with("events", json!({kind.uri(): payload})));
    let subject = |sub: Value, iss: Value| json!({"subject": {"sub": sub, "iss": iss}});
    for kind in Kind::KNOWN {
        let google = json!("accounts.google.com");
        assert!(named(kind, subject(json!("1"), google.clone())).is_ok(), "{kind:?}");
        assert!(
            named(kind, json!({"subject": {"sub": "1", "email": "ann@example.com"}})).is_ok(),
            "{kind:?}"
        );
        for payload in [
            json!([]),
            json!("1"),
            json!({"subject": "1"}),
            subject(json!(1), google.clone()),
            subject(json!(""), google.clone()),
            subject(json!("a b"), google.clone()),
            subject(json!("x".repeat(256)), google),
            subject(json!("1"), json!("https://evil.example")),
        ] {
            let refused = named(kind, payload.clone());
            assert_eq!(refused.map(|_| ()), Err("invalid_request"), "{kind:?} {payload}");
        }
    }
    let nobody = |kind| named(kind, json!({})).map(|verified| verified.events[0].user.clone());
    for kind in [Kind::TokenRevoked, Kind::Verification] {
        assert_eq!(nobody(kind), Ok(None), "{kind:?}");
    }
    for kind in [Kind::SessionsRevoked, Kind::TokensRevoked, Kind::AccountDisabled, Kind::AccountEnabled] {
        assert_eq!(nobody(kind), Err("invalid_request"), "{kind:?}");
    }
}

#[test]
fn b65_an_unknown_type_is_no_error_whatever_it_says() {
    for payload in [json!({}), json!([1]), json!("text"), json!({"subject": 7})] {
        let token = with("events", json!({"https://schemas.example/event-type/new": payload}));
        let verified = received(&token).unwrap();
        assert_eq!((verified.events[0].kind, &verified.events[0].user), (Kind::Unknown, &None));
    }
}

#[test]
fn a_verification_tells_the_fingerprint_of_its_state_and_not_the_state() {
    let token = with("events", json!({Kind::Verification.uri(): {"state": "planted"}}));
    let state = received(&token).unwrap().events[0].state.clone().unwrap();
    assert_eq!(state, fingerprint("planted"));
    assert!(state.len() == 16 && !state.contains("planted"));
}

#[test]
fn each_type_has_a_word_and_a_uri_of_its_own() {
    for kind in Kind::KNOWN {
        assert_eq!(Kind::named(kind.uri()), kind);
        assert!(Kind::KNOWN.iter().all(|other| *other == kind || other.word() != kind.word()));
    }
    assert_eq!(Kind::named(""), Kind::Unknown);
    let requested: Vec<_> = Kind::requested().collect();
    assert_eq!(requested.len(), 6);
    assert!(!requested.contains(&Kind::TokenRevoked.uri()));
}

#[test]
fn a_key_set_without_a_usable_key_is_none() {
    for set in ["", "[]", "{}", r#"{"keys":[]}"#, r#"{"keys":[{"kty":"RSA","kid":"k"}]}"#, r#"{"keys":{}}"#] {
        assert!(Keys::parse(set.as_bytes()).is_none(), "{set}");
    }
    assert!(keys().get("a").is_none() && keys().get("b").is_none() && keys().get("k").is_some());
}

/// What an event of this type, this many seconds after `NOW`, ends of a credential: grant,
/// sessions.
fn ends(kind: Kind, seconds: i64, credential: &Credential) -> (bool, bool) {
    let at = Timestamp::from_seconds(NOW.seconds() + seconds);
    let event = Event { kind, user: None, reason: None, state: None, at };
    let audiences = [credential.client_id.clone()];
    (event.ends_grant(credential, &audiences), event.ends_sessions(credential))
}

#[test]
fn each_type_ends_what_the_catalogue_says() {
    for (kind, expected) in [
        (Kind::SessionsRevoked, (false, true)),
        (Kind::TokensRevoked, (true, false)),
        (Kind::TokenRevoked, (true, false)),
        (Kind::AccountDisabled, (true, true)),
        (Kind::AccountEnabled, (false, false)),
        (Kind::CredentialChangeRequired, (false, false)),
        (Kind::Verification, (false, false)),
        (Kind::Unknown, (false, false)),
    ] {
        assert_eq!(ends(kind, 300, &credential()), expected, "{kind:?}");
        assert_eq!(kind.has_effect(), expected != (false, false), "{kind:?}");
    }
}

#[test]
fn a113_what_is_newer_than_the_event_stays() {
    assert_eq!(ends(Kind::AccountDisabled, -1, &credential()), (false, false), "connected since");
    let obtained_at = |seconds| {
        let obtained_at = Timestamp::from_seconds(NOW.seconds() + seconds);
        let sealed = Sealed::from_text("sealed");
        let token = StoredAccessToken { sealed, expires_at: obtained_at, obtained_at };
        Credential { access_token: Some(token), ..credential() }
    };
    // Google has issued a token since, so the grant is another one or lives.
    assert_eq!(ends(Kind::TokensRevoked, 360, &obtained_at(61)), (false, false));
    assert_eq!(ends(Kind::TokensRevoked, 360, &obtained_at(60)), (true, false));
    // A first sign-in allows for clocks that are behind.
    let sessions_valid_from = Timestamp::from_seconds(NOW.seconds() - 300);
    let first = Credential { sessions_valid_from, ..credential() };
    assert_eq!(ends(Kind::SessionsRevoked, -1, &first), (false, false), "connected since");
    let later = Timestamp::from_seconds(NOW.seconds() + 301);
    let signed_out = Credential { sessions_valid_from: later, ..credential() };
    assert_eq!(ends(Kind::AccountDisabled, 300, &signed_out), (true, false), "signed out since");
    for status in [Status::Revoked, Status::Disconnecting] {
        let credential = Credential { status, ..credential() };
        assert_eq!(ends(Kind::AccountDisabled, 0, &credential), (false, true), "{status:?}");
    }
}

#[test]
fn a113_an_event_for_one_client_leaves_the_grant_of_another() {
    let others = ["another.apps.googleusercontent.com".to_owned()];
    let at = Timestamp::from_seconds(NOW.seconds() + 3600);
    for (kind, expected) in
        [(Kind::TokensRevoked, false), (Kind::TokenRevoked, false), (Kind::AccountDisabled, true)]
    {
        let event = Event { kind, user: None, reason: None, state: None, at };
        assert_eq!(event.ends_grant(&credential(), &others), expected, "{kind:?}");
    }
}
