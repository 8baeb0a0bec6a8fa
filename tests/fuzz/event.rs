//! The raw event: any JSON, any text, and recorded events with parts removed, retyped or made
//! hostile.

use harness::world::parameter;
use proptest::collection::vec;
use proptest::prelude::{Just, Strategy, any};
use proptest::prop_oneof;
use proptest::sample::{Index, select};
use serde_json::{Value, json};

use crate::bench::{Bench, refusal};
use crate::input::{Change, change, header, json as any_json, text};
use crate::property::{Cost, holds};

/// The recorded events: one for each function, and the one in API Gateway's documentation.
const RECORDED: [&str; 4] = [
    include_str!("../fixtures/events/api_gateway_http_api_v2.json"),
    include_str!("../fixtures/events/cargo_lambda_watch_auth_start.json"),
    include_str!("../fixtures/events/cargo_lambda_watch_messages.json"),
    include_str!("../fixtures/events/cargo_lambda_watch_oauth_callback_post.json"),
];
const PATHS: [&str; 5] = [
    "/auth/start",
    "/oauth/callback",
    "/messages",
    "/messages/18c",
    "/.well-known/oauth-authorization-server",
];
const METHODS: [&str; 7] = ["GET", "GET", "GET", "POST", "POST", "HEAD", "PUT"];

/// What happens to one part of an event.
#[derive(Clone, Debug)]
enum Damage {
    Removed,
    Replaced(Value),
}

fn recorded() -> impl Strategy<Value = Value> {
    (select(&RECORDED[..]), select(&PATHS[..]), select(&METHODS[..])).prop_map(|(text, path, method)| {
        let mut event: Value = serde_json::from_str(text).unwrap();
        event["rawPath"] = json!(path);
        event["requestContext"]["http"]["method"] = json!(method);
        event
    })
}

fn damage() -> impl Strategy<Value = Damage> {
    prop_oneof![
        1 => Just(Damage::Removed),
        2 => text().prop_map(|text| Damage::Replaced(Value::from(text))),
        1 => any_json().prop_map(Damage::Replaced),
        1 => vec(text(), 0..4).prop_map(|texts| Damage::Replaced(Value::from(texts))),
    ]
}

fn damaged() -> impl Strategy<Value = Value> {
    (recorded(), vec(header(), 0..3), vec((any::<Index>(), damage()), 0..3)).prop_map(
        |(mut event, headers, damages)| {
            for (name, value) in headers {
                event["headers"][name] = json!(value);
            }
            for (index, damage) in damages {
                let mut places = Vec::new();
                collect_places(&event, "", &mut places);
                strike(&mut event, &places[index.index(places.len())], damage);
            }
            event
        },
    )
}

/// The JSON pointers of everything below `value`.
fn collect_places(value: &Value, place: &str, places: &mut Vec<String>) {
    places.push(place.to_owned());
    match value {
        Value::Object(members) => {
            for (name, member) in members {
                let name = name.replace('~', "~0").replace('/', "~1");
                collect_places(member, &format!("{place}/{name}"), places);
            }
        }
        Value::Array(items) => {
            for (number, item) in items.iter().enumerate() {
                collect_places(item, &format!("{place}/{number}"), places);
            }
        }
        _ => {}
    }
}

fn strike(event: &mut Value, place: &str, damage: Damage) {
    match damage {
        Damage::Replaced(value) => {
            if let Some(found) = event.pointer_mut(place) {
                *found = value;
            }
        }
        Damage::Removed => {
            let (parent, name) = place.rsplit_once('/').unwrap_or_default();
            let name = name.replace("~1", "/").replace("~0", "~");
            match event.pointer_mut(parent) {
                Some(Value::Object(members)) => {
                    members.remove(&name);
                }
                Some(Value::Array(items)) if name.parse::<usize>().is_ok_and(|at| at < items.len()) => {
                    items.remove(name.parse().unwrap());
                }
                _ => {}
            }
        }
    }
}

#[test]
fn a_damaged_event_is_never_our_fault_and_leaves_no_trace() {
    let bench = Bench::new();
    holds("a_damaged_event_is_never_our_fault_and_leaves_no_trace", Cost::Little, &damaged(), |event| {
        let answer = bench.send_event(&event.to_string());
        assert!(answer.status < 500, "{answer:?}");
        assert!(!answer.begins_session(), "{answer:?}");
        if !answer.location().is_empty() {
            assert!(answer.location().starts_with(bench.world.google.url()), "{answer:?}");
            let redirect_uri = parameter(answer.location(), "redirect_uri").unwrap();
            assert_eq!(redirect_uri, "https://api.example.com/oauth/callback");
        }
        bench.assert_nothing_was_stored_or_read();
    });
}

#[test]
fn json_that_is_no_event_is_refused() {
    let bench = Bench::new();
    let with_path = (any_json(), select(&PATHS[..])).prop_map(|(mut value, path)| {
        if let Value::Object(members) = &mut value {
            members.insert("rawPath".to_owned(), json!(path));
        }
        value
    });
    holds("json_that_is_no_event_is_refused", Cost::Little, &with_path, |value| {
        assert_eq!(refusal(&bench.send_event(&value.to_string())), "invalid_request");
    });
    bench.assert_nothing_was_stored_or_read();
}

#[test]
fn text_that_is_no_json_is_refused() {
    let bench = Bench::new();
    let not_json = text().prop_filter("JSON", |text| serde_json::from_str::<Value>(text).is_err());
    holds("text_that_is_no_json_is_refused", Cost::Little, &not_json, |text| {
        assert_eq!(refusal(&bench.send_event(&text)), "invalid_request");
    });
    bench.assert_nothing_was_stored_or_read();
}

#[test]
fn an_event_whose_text_was_altered_gets_an_answer() {
    let bench = Bench::new();
    let altered = (recorded(), vec(change(), 1..4)).prop_map(|(event, changes): (Value, Vec<Change>)| {
        changes.iter().fold(event.to_string(), |text, change| change.apply(&text))
    });
    holds("an_event_whose_text_was_altered_gets_an_answer", Cost::Little, &altered, |event| {
        let answer = bench.send_event(&event);
        assert!(answer.status < 500, "{answer:?}");
        bench.assert_nothing_was_stored_or_read();
    });
}

#[test]
fn without_a_configured_address_only_the_events_own_domain_is_named() {
    let bench = Bench::new();
    let app = bench.world.environment(&[("PUBLIC_URL", "")]);
    let domain = prop_oneof![Just(Value::Null), "[A-Za-z]{1,5}(\\.[a-z]{1,5}){0,3}".prop_map(Value::from),];
    let stage =
        prop_oneof![Just(Value::Null), Just(json!("$default")), "[A-Za-z0-9_-]{1,8}".prop_map(Value::from),];
    let name = "without_a_configured_address_only_the_events_own_domain_is_named";
    holds(name, Cost::Little, &(domain, stage), |(domain, stage)| {
        let mut call = harness::world::Call::get("/auth/start", "").event();
        call["requestContext"]["domainName"] = domain.clone();
        call["requestContext"]["stage"] = stage;
        bench.world.advance(1);
        let answer = bench.wait(harness::world::invoke(
            Ok(&app),
            &call.to_string(),
            std::time::Duration::from_secs(8),
        ));
        if answer.status == 302 {
            let redirect_uri = parameter(answer.location(), "redirect_uri").unwrap();
            let host = url::Url::parse(&redirect_uri).unwrap().host_str().unwrap().to_owned();
            assert_eq!(Some(host.as_str()), domain.as_str().map(str::to_lowercase).as_deref());
        } else {
            assert_eq!(answer.problem(), (503, "config_error"));
        }
    });
}
