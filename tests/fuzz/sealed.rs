//! Sealed texts and session tokens: a sealed text opens in its own place, and nothing else opens
//! anywhere.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use postern_rules::seal::{Keyring, Purpose};
use postern_rules::secret::Sealed;
use postern_rules::session::{Named, PresentedToken, Seed};
use postern_rules::user::UserId;
use proptest::collection::vec;
use proptest::prelude::{BoxedStrategy, Just, Strategy, any};
use proptest::prop_oneof;

use crate::input::{change, text};
use crate::property::{Cost, holds};

const KEYS: &str =
    r#"{"primary":"k1","k1":"0123456789abcdef0123456789abcdef","k2":"fedcba9876543210fedcba9876543210"}"#;

fn keyring() -> Keyring {
    Keyring::parse(KEYS).unwrap()
}

fn purpose() -> impl Strategy<Value = Purpose> + Clone {
    prop_oneof![Just(Purpose::Flow), Just(Purpose::Receipt), Just(Purpose::Session), Just(Purpose::Token)]
}

fn place() -> BoxedStrategy<Vec<String>> {
    vec(prop_oneof!["[a-z]{0,4}", text().prop_map(|text| text.chars().take(40).collect())], 0..4).boxed()
}

fn as_strs(place: &[String]) -> Vec<&str> {
    place.iter().map(String::as_str).collect()
}

#[test]
fn what_was_sealed_opens_in_its_place_and_nowhere_else() {
    let keyring = keyring();
    let elsewhere = (purpose(), place());
    let strategy = (vec(any::<u8>(), 0..200), purpose(), place(), elsewhere);
    let name = "what_was_sealed_opens_in_its_place_and_nowhere_else";
    holds(name, Cost::Nothing, &strategy, |(plaintext, purpose, place, elsewhere)| {
        let sealed = keyring.seal(purpose, &as_strs(&place), &plaintext);
        let opened = keyring.open(purpose, &as_strs(&place), &sealed).unwrap();
        assert_eq!(opened.as_slice(), plaintext);
        let (other_purpose, other_place) = elsewhere;
        let opened = keyring.open(other_purpose, &as_strs(&other_place), &sealed);
        assert_eq!(opened.is_ok(), (other_purpose, &other_place) == (purpose, &place));
    });
}

#[test]
fn a_sealed_text_that_was_changed_does_not_open() {
    let keyring = keyring();
    let strategy = (vec(any::<u8>(), 0..60), purpose(), vec(change(), 1..3));
    let name = "a_sealed_text_that_was_changed_does_not_open";
    holds(name, Cost::Nothing, &strategy, |(plaintext, purpose, changes)| {
        let sealed = keyring.seal(purpose, &["place"], &plaintext);
        let changed = changes.iter().fold(sealed.as_str().to_owned(), |text, change| change.apply(&text));
        if changed != sealed.as_str() {
            assert!(keyring.open(purpose, &["place"], &Sealed::from_text(changed)).is_err());
        }
    });
}

#[test]
fn a_flipped_bit_of_what_is_sealed_is_noticed() {
    let keyring = keyring();
    let strategy = (vec(any::<u8>(), 0..60), any::<usize>(), 0..8_u32);
    let name = "a_flipped_bit_of_what_is_sealed_is_noticed";
    holds(name, Cost::Nothing, &strategy, |(plaintext, place, bit)| {
        let sealed = keyring.seal(Purpose::Token, &[], &plaintext);
        let body = sealed.as_str().strip_prefix("v2.k1.").unwrap();
        let mut bytes = URL_SAFE_NO_PAD.decode(body).unwrap();
        let place = place % bytes.len();
        bytes[place] ^= 1 << bit;
        let flipped = Sealed::from_text(format!("v2.k1.{}", URL_SAFE_NO_PAD.encode(bytes)));
        assert!(keyring.open(Purpose::Token, &[], &flipped).is_err());
    });
}

#[test]
fn any_text_is_no_sealed_text() {
    let keyring = keyring();
    let encoded = || vec(any::<u8>(), 0..80).prop_map(|bytes| URL_SAFE_NO_PAD.encode(bytes));
    let candidate = prop_oneof![
        text(),
        text().prop_map(|text| format!("v1.{text}")),
        text().prop_map(|text| format!("v1.k1.{text}")),
        encoded().prop_map(|body| format!("v1.k1.{body}")),
        encoded().prop_map(|body| format!("v2.k1.{body}")),
        (text(), encoded()).prop_map(|(key, body)| format!("v1.{key}.{body}")),
    ];
    holds("any_text_is_no_sealed_text", Cost::Nothing, &(candidate, purpose()), |(text, purpose)| {
        assert!(keyring.open(purpose, &[], &Sealed::from_text(text)).is_err());
    });
}

#[test]
fn a_session_token_that_was_changed_names_no_session() {
    let user = UserId::parse("110169484474386276334").unwrap();
    let name = "a_session_token_that_was_changed_names_no_session";
    holds(name, Cost::Nothing, &vec(change(), 1..3), |changes| {
        let seed = Seed::new();
        let token = seed.token(&user);
        let own = PresentedToken::parse(token.expose()).unwrap();
        assert_eq!(own.seed_digest, seed.digest());
        let changed = changes.iter().fold(token.expose().to_owned(), |text, change| change.apply(&text));
        if changed == token.expose() {
            return;
        }
        if let Some(presented) = PresentedToken::parse(&changed) {
            assert_ne!(presented.digest, own.digest, "the row of the session is not found");
        }
    });
}

#[test]
fn any_text_as_a_session_token_names_a_user_in_clear_or_nobody() {
    let keyring = keyring();
    holds("any_text_as_a_session_token_names_a_user_in_clear_or_nobody", Cost::Nothing, &text(), |text| {
        match PresentedToken::parse(&text).map(|presented| presented.named) {
            Some(Named::Sealed(sealed)) => assert!(keyring.open(Purpose::Session, &[], &sealed).is_err()),
            Some(Named::User(_)) => assert!(text.starts_with("v2."), "only this form names a user in clear"),
            None => {}
        }
    });
}
