//! Hostile input that the properties share: texts, JSON values, headers, percent-encoding.

use proptest::collection::vec;
use proptest::prelude::{BoxedStrategy, Just, Strategy, any};
use proptest::prop_oneof;
use proptest::sample::select;
use serde_json::Value;

/// Texts that are known to break software.
const HOSTILE: &[&str] = &[
    "",
    " ",
    "\0",
    "\t",
    "\r\n",
    "a\r\nSet-Cookie: x=y",
    "%",
    "%4",
    "%zz",
    "%00",
    "%2500",
    "%c0%af",
    "\u{7f}",
    "\u{a0}",
    "\u{202e}",
    "\u{feff}",
    "\u{fffd}",
    "\u{2028}",
    "\u{10ffff}",
    "é",
    "e\u{301}",
    "\u{ff0e}",
    "💩",
    "\"",
    "'",
    "\\",
    "\\\"",
    "<script>alert(1)</script>",
    "\"><svg/onload=x>",
    "../../etc/passwd",
    "//evil.example",
    "https://evil.example",
    "https://app.example.com",
    "https://app.example.com@evil.example",
    "null",
    "undefined",
    "true",
    "-1",
    "0",
    "1e999",
    "18446744073709551616",
    "9223372036854775807",
    "{}",
    "[]",
    "{\"a\":1}",
    ";",
    ",",
    "=",
    "&",
    "?",
    "#",
    "a=b; c=d",
    "__Host-session=x",
    "Bearer x",
    "Bearer a, Bearer b",
    "v1.k1.AAAA",
    "v1.k1.AAAA.BBBB",
    "application/json",
    "text/html",
    "text/html;q=nan, */*;q=inf",
    "prefetch",
    "2.0",
    "/messages",
    "/auth/start",
    "/oauth/callback",
    "$default",
    "GET",
    "POST",
    "invalid_grant",
];

/// Names of headers that are read, or that something in front may read.
const HEADERS: &[&str] = &[
    "accept",
    "authorization",
    "content-encoding",
    "content-length",
    "content-type",
    "cookie",
    "forwarded",
    "host",
    "origin",
    "purpose",
    "referer",
    "sec-fetch-dest",
    "sec-fetch-mode",
    "sec-fetch-site",
    "sec-purpose",
    "transfer-encoding",
    "x-forwarded-for",
    "x-forwarded-host",
    "x-forwarded-proto",
    "x-http-method-override",
    "x-requested-with",
];

/// Any text: random, hostile, both together, or one repeated.
pub(crate) fn text() -> BoxedStrategy<String> {
    prop_oneof![
        3 => any::<String>(),
        3 => "[ -~]{0,60}",
        3 => vec(any::<char>(), 0..30).prop_map(String::from_iter),
        4 => select(HOSTILE).prop_map(str::to_owned),
        3 => vec(prop_oneof![select(HOSTILE).prop_map(str::to_owned), "[ -~]{0,8}"], 0..5)
            .prop_map(|parts| parts.concat()),
        1 => (select(HOSTILE), 1..20_000_usize)
            .prop_map(|(part, length)| part.repeat(length / part.len().max(1))),
    ]
    .boxed()
}

/// Any JSON value of moderate size, with hostile texts and names.
pub(crate) fn json() -> BoxedStrategy<Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<u64>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        text().prop_map(Value::from),
    ];
    leaf.prop_recursive(4, 24, 6, |inner| {
        prop_oneof![
            vec(inner.clone(), 0..6).prop_map(Value::from),
            vec((text(), inner), 0..6).prop_map(|members| Value::Object(members.into_iter().collect())),
        ]
    })
    .boxed()
}

/// A header that is read somewhere, with any text as its value.
pub(crate) fn header() -> BoxedStrategy<(String, String)> {
    (select(HEADERS).prop_map(str::to_owned), text()).boxed()
}

/// A change to a text.
#[derive(Clone, Debug)]
pub(crate) enum Change {
    /// Replaces the character at this place.
    Replace(usize, char),
    /// Inserts a character at this place.
    Insert(usize, char),
    /// Removes the character at this place.
    Remove(usize),
    /// Truncates the text here.
    Cut(usize),
    /// Appends to the text.
    Append(String),
}

impl Change {
    /// The changed text. It may be the same by chance.
    pub(crate) fn apply(&self, text: &str) -> String {
        let mut characters: Vec<char> = text.chars().collect();
        let length = characters.len();
        match self {
            Self::Replace(place, character) if length > 0 => characters[place % length] = *character,
            Self::Insert(place, character) => characters.insert(place % (length + 1), *character),
            Self::Remove(place) if length > 0 => {
                characters.remove(place % length);
            }
            Self::Cut(place) => characters.truncate(place % (length + 1)),
            Self::Append(more) => characters.extend(more.chars()),
            Self::Replace(..) | Self::Remove(_) => {}
        }
        characters.into_iter().collect()
    }
}

/// Any change. Most new characters are ones that may occur in such a text.
pub(crate) fn change() -> BoxedStrategy<Change> {
    let likely: Vec<char> = ('A'..='Z').chain('a'..='z').chain('0'..='9').chain(['-', '_', '.']).collect();
    let character = || prop_oneof![6 => select(likely.clone()), 1 => any::<char>()];
    prop_oneof![
        4 => (any::<usize>(), character()).prop_map(|(place, new)| Change::Replace(place, new)),
        1 => (any::<usize>(), character()).prop_map(|(place, new)| Change::Insert(place, new)),
        1 => any::<usize>().prop_map(Change::Remove),
        1 => any::<usize>().prop_map(Change::Cut),
        1 => text().prop_map(Change::Append),
    ]
    .boxed()
}

/// Percent-encodes every byte that is not a letter or a digit.
pub(crate) fn percent_encoded(bytes: &[u8]) -> String {
    let encode = |byte: &u8| {
        if byte.is_ascii_alphanumeric() { char::from(*byte).to_string() } else { format!("%{byte:02X}") }
    };
    bytes.iter().map(encode).collect()
}
