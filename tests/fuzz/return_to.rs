//! `return_to`: for any value, the browser goes to Google and then to an allowed origin, or
//! nowhere.

use std::fmt::Write as _;

use harness::world::{Call, parameter};
use postern::app::App;
use postern_rules::config::Origins;
use postern_rules::flow::ReturnTo;
use postern_rules::seal::Purpose;
use postern_rules::secret::Sealed;
use proptest::collection::vec;
use proptest::prelude::{BoxedStrategy, Strategy};
use proptest::prop_oneof;
use proptest::sample::select;
use serde_json::Value;

use crate::bench::{Bench, refusal, text_of};
use crate::input::{change, percent_encoded, text};
use crate::property::{Cost, holds};

/// The allowed origins, as the configuration lists them.
const ALLOWED: &str = "https://app.example.com,http://localhost:9100";
/// The corpus has at least this many values.
const LEAST_VALUES: usize = 500;

/// Parts of URLs, good and bad, to combine in every order.
const PARTS: [&str; 44] = [
    "https",
    "http",
    "javascript",
    ":",
    "://",
    "//",
    "/",
    "\\",
    ":/",
    ":///",
    "app.example.com",
    "localhost:9100",
    "localhost",
    "evil.example",
    "127.0.0.1",
    "[::1]",
    "@",
    "user:x@",
    ":443",
    ":9100",
    ":",
    ".",
    "..",
    "/../",
    "?",
    "?a=b",
    "#",
    "#x",
    "%2f",
    "%5c",
    "%00",
    "%252f",
    "\t",
    "\n",
    "\r\n",
    "\0",
    " ",
    "\u{ff0e}",
    "\u{3002}",
    "\u{ad}",
    "\u{200b}",
    "xn--",
    "auth_error=x&",
    "x",
];

fn origins() -> Origins {
    Origins::parse(ALLOWED).unwrap()
}

fn return_to() -> BoxedStrategy<String> {
    let good = || prop_oneof!["https://app\\.example\\.com", "http://localhost:9100"];
    prop_oneof![
        2 => vec(select(&PARTS[..]), 0..9).prop_map(|parts| parts.concat()),
        2 => (good(), text()).prop_map(|(origin, rest)| format!("{origin}{rest}")),
        3 => (good(), "[/?#][!-~]{0,40}").prop_map(|(origin, rest)| format!("{origin}{rest}")),
        1 => (good(), "/\\?([!-~]{0,20}&)?auth_error=[!-~]{0,20}").prop_map(|(origin, rest)| format!("{origin}{rest}")),
        2 => (good(), vec(change(), 1..3))
            .prop_map(|(origin, changes)| changes.iter().fold(format!("{origin}/x"), |url, change| change.apply(&url))),
        1 => text(),
    ]
    .boxed()
}

/// Asserts that this URL leads a browser to one of the allowed origins.
fn assert_is_allowed(url: &str) {
    assert!(ALLOWED.split(',').any(|origin| url.starts_with(&format!("{origin}/"))), "{url}");
    let parsed = url::Url::parse(url).unwrap();
    assert!(origins().contain(&parsed.origin().ascii_serialization()), "{url}");
    assert!(parsed.username().is_empty() && parsed.password().is_none(), "{url}");
    assert!(url.bytes().all(|byte| byte.is_ascii_graphic()), "{url}");
}

fn call(value: &[u8]) -> Call {
    Call::get("/auth/start", &format!("return_to={}", percent_encoded(value)))
}

/// An execution environment with two allowed origins, as in the development of a front end.
fn environment(bench: &Bench) -> App {
    bench.world.environment(&[("ALLOWED_ORIGINS", ALLOWED)])
}

/// The `return_to` inside a flow's cookie.
fn sealed_return_to(bench: &Bench, answer: &harness::world::Answer) -> String {
    let state = parameter(answer.location(), "state").unwrap();
    let suffix = &state[..6];
    let sealed = Sealed::from_text(answer.set_cookie(&format!("__Host-flow-{suffix}")).unwrap());
    let keyring = bench.wait(bench.world.app.secrets.keyring()).unwrap();
    let opened = keyring.open(Purpose::Flow, &[suffix], &sealed).unwrap();
    let flow: Value = serde_json::from_slice(&opened).unwrap();
    text_of(&flow, "r").unwrap().to_owned()
}

#[test]
fn a_return_to_is_refused_or_leads_to_an_allowed_origin() {
    let bench = Bench::new();
    let app = environment(&bench);
    let name = "a_return_to_is_refused_or_leads_to_an_allowed_origin";
    holds(name, Cost::Little, &return_to(), |value| {
        let answer = bench.send_to(&app, &call(value.as_bytes()));
        if answer.status == 302 {
            assert!(answer.location().starts_with(bench.world.google.url()), "{answer:?}");
            assert_is_allowed(&sealed_return_to(&bench, &answer));
        } else {
            let code = refusal(&answer);
            let expected = if value.len() <= 512 {
                vec!["invalid_return_to"]
            } else {
                vec!["invalid_return_to", "too_many_parameters", "uri_too_long"]
            };
            assert!(expected.contains(&code.as_str()), "{code}");
            assert!(answer.cookies.is_empty());
        }
        bench.assert_nothing_was_stored_or_read();
    });
}

#[test]
fn what_is_accepted_stays_on_its_origin_with_an_error_too() {
    let origins = origins();
    let name = "what_is_accepted_stays_on_its_origin_with_an_error_too";
    holds(name, Cost::Nothing, &return_to(), |value| {
        let Ok(accepted) = ReturnTo::parse(&value, &origins) else { return };
        assert_is_allowed(accepted.as_str());
        assert_is_allowed(&accepted.with_auth_error("state_used"));
        let origin = ALLOWED.split(',').find(|origin| value.starts_with(origin)).unwrap();
        assert!(accepted.as_str().starts_with(origin), "it is the origin that was asked for");
    });
}

#[test]
fn what_is_accepted_at_the_start_is_accepted_again_at_the_callback() {
    let origins = origins();
    // Every visible character except the backslash, up to the greatest accepted length.
    let good = "(https://app\\.example\\.com|http://localhost:9100)/(\\?auth_error=x&)?[!-\\[\\]-~]{0,488}";
    let strategy = prop_oneof![return_to(), good];
    let name = "what_is_accepted_at_the_start_is_accepted_again_at_the_callback";
    holds(name, Cost::Nothing, &strategy, |value| {
        let Ok(accepted) = ReturnTo::parse(&value, &origins) else { return };
        let again = ReturnTo::parse(accepted.as_str(), &origins);
        assert!(again.is_ok_and(|again| again == accepted), "{}", accepted.as_str());
    });
}

/// The bytes that a line of the corpus stands for.
fn unescaped(line: &str) -> Vec<u8> {
    let mut bytes = Vec::new();
    let mut rest = line;
    while let Some(character) = rest.chars().next() {
        if let Some(after) = rest.strip_prefix("\\\\") {
            bytes.push(b'\\');
            rest = after;
        } else if let Some(after) = rest.strip_prefix("\\x") {
            bytes.push(u8::from_str_radix(&after[..2], 16).unwrap());
            rest = &after[2..];
        } else if let Some(after) = rest.strip_prefix("\\u{") {
            let (number, after) = after.split_once('}').unwrap();
            let character = char::from_u32(u32::from_str_radix(number, 16).unwrap()).unwrap();
            bytes.extend_from_slice(character.encode_utf8(&mut [0; 4]).as_bytes());
            rest = after;
        } else {
            assert!(character.is_ascii() && character != '\\', "{line}: only ASCII stands for itself");
            bytes.extend_from_slice(&rest.as_bytes()[..1]);
            rest = &rest[1..];
        }
    }
    bytes
}

#[test]
fn a19_to_a23_and_b54_no_value_of_the_corpus_is_accepted() {
    let bench = Bench::new();
    let app = environment(&bench);
    for good in ALLOWED.split(',') {
        let answer = bench.send_to(&app, &call(format!("{good}/x").as_bytes()));
        assert_eq!((answer.status, answer.cookies.len()), (302, 1), "{good} is allowed");
    }
    let mut values = std::collections::BTreeSet::new();
    let mut accepted = String::new();
    for line in include_str!("../fixtures/hostile_return_to.txt").lines() {
        if line.is_empty() || line.starts_with("# ") {
            continue;
        }
        let value = unescaped(line);
        let answer = bench.send_to(&app, &call(&value));
        let expected =
            if std::str::from_utf8(&value).is_ok() { "invalid_return_to" } else { "malformed_encoding" };
        if (answer.status, answer.cookies.len()) != (400, 0) || answer.code() != expected {
            writeln!(accepted, "{line}").unwrap();
        }
        assert!(values.insert(value), "{line} is there twice");
    }
    assert_eq!(accepted, "", "these are accepted");
    assert!(values.len() >= LEAST_VALUES, "{} values", values.len());
    bench.assert_nothing_was_stored_or_read();
}
