//! The query string on each route: values in every valid encoding, and broken encodings.

use harness::world::Call;
use proptest::collection::vec;
use proptest::prelude::{BoxedStrategy, Just, Strategy, any};
use proptest::prop_oneof;
use proptest::sample::{Index, select};

use crate::bench::{Bench, refusal};
use crate::input::{percent_encoded, text};
use crate::property::{Cost, holds};

const PATHS: [&str; 3] = ["/auth/start", "/oauth/callback", "/messages"];

/// The parameters that a function reads, those of Google that none reads, and similar names.
const NAMES: [&str; 24] = [
    "return_to",
    "login_hint",
    "code",
    "state",
    "error",
    "iss",
    "scope",
    "q",
    "labelIds",
    "maxResults",
    "pageToken",
    "includeSpamTrash",
    "all",
    "userId",
    "access_token",
    "alt",
    "redirect_uri",
    "client_id",
    "prompt",
    "Code",
    "code[]",
    "q ",
    "",
    "__proto__",
];

/// What must not be in a query: broken triplets, bytes that are no UTF-8, characters that must be
/// encoded.
const BROKEN: [&str; 18] = [
    "%",
    "%4",
    "%zz",
    "%g0",
    "%0g",
    "%%",
    "%\u{31}",
    "%ff",
    "%c0%af",
    "%ed%a0%80",
    "%f5%80%80%80",
    "%80",
    "\"",
    "<",
    ">",
    "#",
    " ",
    "é",
];

fn name() -> BoxedStrategy<String> {
    prop_oneof![6 => select(&NAMES[..]).prop_map(str::to_owned), 1 => text()].boxed()
}

/// A value that such a parameter may have, or any other.
fn value() -> BoxedStrategy<String> {
    prop_oneof![
        3 => text(),
        1 => (0..1000_u32).prop_map(|number| number.to_string()),
        1 => select(vec!["true", "false", "INBOX", "https://app.example.com/x", "ann@example.com", "access_denied"])
            .prop_map(str::to_owned),
        1 => "[A-Za-z0-9_-]{43}",
    ]
    .boxed()
}

/// One pair: encoded entirely, as in a form, or only where it must be.
fn pair() -> BoxedStrategy<String> {
    let form = |text: &str| form_urlencoded::byte_serialize(text.as_bytes()).collect::<String>();
    (name(), value(), any::<bool>())
        .prop_map(move |(name, value, whole)| {
            let encode = |text: &str| if whole { percent_encoded(text.as_bytes()) } else { form(text) };
            format!("{}={}", encode(&name), encode(&value))
        })
        .boxed()
}

fn query() -> BoxedStrategy<String> {
    vec(pair(), 0..5).prop_map(|pairs| pairs.join("&")).boxed()
}

#[test]
fn no_query_is_our_fault_and_no_valid_encoding_is_called_broken() {
    let bench = Bench::new();
    let name = "no_query_is_our_fault_and_no_valid_encoding_is_called_broken";
    holds(name, Cost::Little, &(select(&PATHS[..]), query()), |(path, query)| {
        let answer = bench.send(&Call::get(path, &query));
        assert!(answer.status < 500, "{answer:?}");
        assert!(!answer.body.contains("malformed_encoding"), "{answer:?}");
        if answer.status == 302 {
            assert_eq!(path, "/auth/start");
            assert!(answer.location().starts_with(bench.world.google.url()), "{answer:?}");
        } else {
            refusal(&answer);
        }
        bench.assert_nothing_was_stored_or_read();
    });
}

#[test]
fn a_query_of_a_signed_in_user_lists_or_is_refused_as_theirs() {
    let bench = Bench::signed_in();
    let before = bench.world.kept(harness::world::ANN);
    let name = "a_query_of_a_signed_in_user_lists_or_is_refused_as_theirs";
    holds(name, Cost::Sockets, &query(), |query| {
        let answer = bench.send(&bench.world.with_cookies(Call::get("/messages", &query)));
        assert!([200, 400, 414].contains(&answer.status), "{answer:?}");
        assert_eq!(bench.world.kept(harness::world::ANN), before);
    });
}

#[test]
fn a_broken_encoding_is_refused_on_every_route_before_anything_else() {
    let bench = Bench::signed_in();
    let broken = prop_oneof![
        3 => select(&BROKEN[..]).prop_map(str::to_owned),
        1 => any::<char>().prop_filter("visible ASCII", |one| !one.is_ascii_graphic()).prop_map(String::from),
    ];
    let short = vec("[a-zA-Z0-9%2541]{0,8}".prop_map(|text| percent_encoded(text.as_bytes())), 0..6);
    let strategy = (select(&PATHS[..]), short, name(), broken, any::<Index>(), Just(()));
    let name = "a_broken_encoding_is_refused_on_every_route_before_anything_else";
    holds(name, Cost::Little, &strategy, |(path, mut pairs, name, broken, index, ())| {
        let name = percent_encoded(name.chars().take(20).collect::<String>().as_bytes());
        pairs.insert(index.index(pairs.len() + 1), format!("{name}={broken}"));
        let call = bench.world.with_cookies(Call::get(path, &pairs.join("&")));
        assert_eq!(refusal(&bench.send(&call)), "malformed_encoding");
        bench.assert_nothing_was_stored_or_read();
    });
}

#[test]
fn any_text_as_a_query_gets_an_answer() {
    let bench = Bench::new();
    let strategy = (select(&PATHS[..]), text());
    holds("any_text_as_a_query_gets_an_answer", Cost::Little, &strategy, |(path, query)| {
        let answer = bench.send(&Call::get(path, &query));
        assert!(answer.status < 500, "{answer:?}");
        bench.assert_nothing_was_stored_or_read();
    });
}
