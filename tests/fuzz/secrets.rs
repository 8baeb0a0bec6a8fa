//! The two secrets as an operator may store them: an accepted value is safe to use, and no error
//! repeats it.

use postern_rules::google_client::{GoogleClient, GoogleClients};
use postern_rules::seal::{Keyring, Purpose};
use proptest::collection::vec;
use proptest::prelude::{BoxedStrategy, Just, Strategy};
use proptest::prop_oneof;
use serde_json::{Value, json};

use crate::bench::text_of;
use crate::input::{Change, change, json as any_json, text};
use crate::property::{Cost, holds};

/// The text of a JSON object, possibly with repeated names and with changes.
fn object(member: BoxedStrategy<(String, Value)>) -> BoxedStrategy<String> {
    let changes = prop_oneof![3 => Just(Vec::new()), 1 => vec(change(), 1..3)];
    (vec(member, 0..5), changes)
        .prop_map(|(members, changes): (Vec<(String, Value)>, Vec<Change>)| {
            let members: Vec<String> =
                members.iter().map(|(name, value)| format!("{}:{value}", json!(name))).collect();
            changes.iter().fold(format!("{{{}}}", members.join(",")), |text, change| change.apply(&text))
        })
        .boxed()
}

fn keyring_text() -> BoxedStrategy<String> {
    let id = || prop_oneof![4 => "k[12]", 1 => text()];
    let key = prop_oneof![4 => "[!-~]{28,64}", 1 => text()];
    let member = prop_oneof![
        2 => id().prop_map(|id| ("primary".to_owned(), json!(id))),
        4 => (id(), key).prop_map(|(id, key)| (id, json!(key))),
        1 => (id(), any_json()),
    ];
    prop_oneof![4 => object(member.boxed()), 1 => text()].boxed()
}

#[test]
fn a_keyring_is_taken_only_with_a_primary_and_long_keys() {
    let name = "a_keyring_is_taken_only_with_a_primary_and_long_keys";
    holds(name, Cost::Little, &keyring_text(), |text| match Keyring::parse(&text) {
        Ok(keyring) => {
            let said: Value = serde_json::from_str(&text).unwrap();
            let members = said.as_object().unwrap();
            let primary = text_of(&said, "primary").unwrap();
            assert!(members.contains_key(primary) && primary != "primary");
            for (_, key) in members.iter().filter(|(id, _)| *id != "primary") {
                assert!(key.as_str().unwrap().chars().count() >= 32, "{text}");
            }
            let sealed = keyring.seal(Purpose::Token, &[], b"text");
            assert!(sealed.as_str().starts_with(&format!("v2.{primary}.")));
            assert!(keyring.open(Purpose::Token, &[], &sealed).is_ok());
            assert_no_repetition(&format!("{keyring:?}"), members.iter().filter(|(_, key)| *key != primary));
        }
        Err(error) => assert!(!format!("{error} {error:?}").contains(&text) || text.len() < 8),
    });
}

fn client_text() -> BoxedStrategy<String> {
    let uri = || {
        prop_oneof![
            3 => Just("https://oauth2.googleapis.com/token".to_owned()),
            1 => Just("http://localhost:9100/token".to_owned()),
            1 => "(https?|ftp|file|javascript)://[a-z0-9.:@\\[\\]]{0,20}(/[!-~]{0,10})?",
            1 => text(),
        ]
    };
    let word = || prop_oneof![4 => "[!-~]{1,40}".prop_map(Value::from), 1 => text().prop_map(Value::from), 1 => any_json()];
    let member = prop_oneof![
        3 => word().prop_map(|id| ("client_id".to_owned(), id)),
        3 => word().prop_map(|secret| ("client_secret".to_owned(), secret)),
        1 => uri().prop_map(|uri| ("auth_uri".to_owned(), json!(uri))),
        1 => uri().prop_map(|uri| ("token_uri".to_owned(), json!(uri))),
        1 => (text(), any_json()),
    ];
    let bare = || object(member.clone().boxed());
    let outgoing = prop_oneof![3 => bare(), 3 => bare().prop_map(|client| format!("{{\"web\":{client}}}")), 1 => Just("null".to_owned())];
    prop_oneof![
        3 => bare(),
        3 => (bare(), outgoing).prop_map(|(coming, outgoing)| format!("{{\"web\":{coming},\"outgoing\":{outgoing}}}")),
        3 => bare().prop_map(|client| format!("{{\"web\":{client}}}")),
        1 => bare().prop_map(|client| format!("{{\"installed\":{client}}}")),
        1 => text(),
    ]
    .boxed()
}

#[test]
fn a_client_is_taken_only_with_an_id_a_secret_and_safe_endpoints() {
    let name = "a_client_is_taken_only_with_an_id_a_secret_and_safe_endpoints";
    holds(name, Cost::Nothing, &client_text(), |text| match GoogleClients::parse(&text) {
        Ok(clients) => {
            clients.iter().for_each(|client| assert_usable(client));
            let says_two = serde_json::from_str::<Value>(&text).unwrap()["outgoing"].is_object();
            assert_eq!(clients.outgoing.is_some(), says_two, "{text}");
            if let Some(outgoing) = &clients.outgoing {
                assert!(outgoing.is_outgoing && outgoing.client_id != clients.coming.client_id);
                assert_eq!(outgoing.token_endpoint, clients.coming.token_endpoint);
            }
        }
        Err(error) => assert!(!format!("{error} {error:?}").contains(&text) || text.len() < 8),
    });
}

fn assert_usable(client: &GoogleClient) {
    assert!(!client.client_id.is_empty() && !client.client_secret.expose().is_empty());
    for endpoint in [&client.authorization_endpoint, &client.token_endpoint] {
        let url = url::Url::parse(endpoint).unwrap();
        let is_local = matches!(url.host_str(), Some("localhost" | "127.0.0.1" | "[::1]"));
        assert!(url.scheme() == "https" || (url.scheme() == "http" && is_local), "{endpoint}");
        assert!(url.username().is_empty() && url.password().is_none(), "{endpoint}");
    }
    let secret = json!(client.client_secret.expose());
    let shown = format!("{client:?}");
    let is_elsewhere = client.client_id.contains(client.client_secret.expose());
    assert!(is_elsewhere || !shown.contains(secret.as_str().unwrap()) || secret.as_str().unwrap().len() < 12);
}

fn assert_no_repetition<'a>(shown: &str, members: impl Iterator<Item = (&'a String, &'a Value)>) {
    for (_, key) in members {
        assert!(key.as_str().is_none_or(|key| key.len() < 8 || !shown.contains(key)), "{shown}");
    }
}
