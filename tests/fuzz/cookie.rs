//! Cookies, in the event's list and in a header: only the session token itself opens the mailbox,
//! only a flow's own cookie completes the flow, and no cookie causes a 5xx.

use harness::world::{Call, parameter};
use proptest::collection::vec;
use proptest::prelude::{BoxedStrategy, Strategy, any};
use proptest::prop_oneof;
use proptest::sample::select;

use crate::bench::{Bench, refusal};
use crate::input::{Change, change, text};
use crate::property::{Cost, holds};

const NAMES: [&str; 14] = [
    "__Host-session",
    "__Host-flow-AAAAAA",
    "__Host-flow-",
    "__Host-flow",
    "__HoSt-session",
    "__host-session",
    "\u{2000}__Host-session",
    " __Host-session",
    "__Host-session ",
    "__Secure-session",
    "$Version",
    "session",
    "",
    "a",
];

/// API Gateway splits a `Cookie` header at this character, so no name contains it.
const SEPARATOR: char = ';';

/// A cookie's value: any text, or an altered real token.
#[derive(Clone, Debug)]
enum Value {
    Text(String),
    Altered(Vec<Change>),
    Quoted,
    Twice,
}

fn name() -> BoxedStrategy<String> {
    prop_oneof![
        6 => select(&NAMES[..]).prop_map(str::to_owned),
        1 => "[A-Za-z0-9_-]{0,12}".prop_map(|rest| format!("__Host-flow-{rest}")),
        1 => text().prop_map(|rest| format!("__Host-flow-{rest}")),
        1 => text(),
    ]
    .boxed()
}

fn value() -> BoxedStrategy<Value> {
    prop_oneof![
        3 => text().prop_map(Value::Text),
        3 => vec(change(), 1..3).prop_map(Value::Altered),
        1 => proptest::prelude::Just(Value::Quoted),
        1 => proptest::prelude::Just(Value::Twice),
    ]
    .boxed()
}

/// The cookies as `name=value`, none of which is `token` itself.
fn cookies(pairs: &[(String, Value)], token: &str) -> Vec<String> {
    let line = |(name, value): &(String, Value)| {
        let value = match value {
            Value::Text(text) => text.clone(),
            Value::Altered(changes) => {
                changes.iter().fold(token.to_owned(), |text, change| change.apply(&text))
            }
            Value::Quoted => format!("\"{token}\""),
            Value::Twice => format!("{token}{token}"),
        };
        let blank = |character| character == ' ' || character == '\t';
        // A token that is only padded, or followed by the header's separator, is still the token.
        let is_token = value.split(SEPARATOR).next().unwrap_or_default().trim_matches(blank) == token;
        let name = name.replace(SEPARATOR, "");
        format!("{name}={}", if is_token { "" } else { &value })
    };
    pairs.iter().map(line).collect()
}

fn with_cookies(call: Call, cookies: &[String], as_header: bool) -> Call {
    if as_header {
        call.header("cookie", &cookies.join("; "))
    } else {
        cookies.iter().fold(call, |call, cookie| call.cookie(cookie))
    }
}

#[test]
fn no_cookie_but_the_session_token_itself_opens_the_mailbox() {
    let bench = Bench::signed_in();
    let token = bench.world.session();
    let strategy = (vec((name(), value()), 0..4), any::<bool>());
    let name = "no_cookie_but_the_session_token_itself_opens_the_mailbox";
    holds(name, Cost::Little, &strategy, |(pairs, as_header)| {
        let call = with_cookies(Call::list(""), &cookies(&pairs, &token), as_header);
        let code = refusal(&bench.send(&call));
        let expected = ["unauthenticated", "ambiguous_cookie", "headers_too_large", "invalid_request"];
        assert!(expected.contains(&code.as_str()), "{code}");
    });
    let own = Call::list("").session(&token);
    assert_eq!(bench.send(&own).status, 200, "the token itself does");
}

#[test]
fn no_cookie_but_the_flows_own_ends_a_flow() {
    let bench = Bench::new();
    let started = bench.send(&Call::get("/auth/start", ""));
    let state = parameter(started.location(), "state").unwrap();
    let cookie_name = format!("__Host-flow-{}", &state[..6]);
    let sealed = started.set_cookie(&cookie_name).unwrap();
    let own_name = cookie_name.clone();
    let name = prop_oneof![2 => name(), 3 => select(vec![own_name])];
    let strategy = (vec((name, value()), 0..4), any::<bool>(), any::<bool>());
    let name = "no_cookie_but_the_flows_own_ends_a_flow";
    holds(name, Cost::Little, &strategy, |(pairs, as_header, denied)| {
        let query = if denied { "error=access_denied" } else { "code=x" };
        let call = Call::get("/oauth/callback", &format!("{query}&state={state}"));
        let code = refusal(&bench.send(&with_cookies(call, &cookies(&pairs, sealed), as_header)));
        let expected = ["state_mismatch", "ambiguous_cookie", "headers_too_large", "invalid_request"];
        assert!(expected.contains(&code.as_str()), "{code}");
        bench.assert_nothing_was_stored_or_read();
    });
}

#[test]
fn a_sign_in_begins_whatever_cookies_the_browser_has() {
    let bench = Bench::new();
    let token = bench.send(&Call::get("/auth/start", "")).cookies[0].clone();
    let strategy = (vec((name(), value()), 0..6), any::<bool>());
    let name = "a_sign_in_begins_whatever_cookies_the_browser_has";
    holds(name, Cost::Little, &strategy, |(pairs, as_header)| {
        let cookies = cookies(&pairs, &token);
        let answer = bench.send(&with_cookies(Call::get("/auth/start", ""), &cookies, as_header));
        if answer.status != 302 {
            let code = refusal(&answer);
            assert!(["headers_too_large", "invalid_request"].contains(&code.as_str()), "{code}");
        }
        bench.assert_nothing_was_stored_or_read();
    });
}

#[test]
fn a_cookie_is_removed_only_by_a_name_that_this_api_gives() {
    let bench = Bench::new();
    let rest = text().prop_map(|rest| rest.replace('=', ""));
    let name = "a_cookie_is_removed_only_by_a_name_that_this_api_gives";
    holds(name, Cost::Little, &rest, |rest| {
        let answer = bench.send(&Call::get("/auth/start", "").cookie(&format!("__Host-flow-{rest}=x")));
        for cookie in &answer.cookies {
            let suffix = cookie.strip_prefix("__Host-flow-").unwrap().split_once('=').unwrap().0;
            let is_ours = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_';
            assert!(suffix.len() == 6 && suffix.bytes().all(is_ours), "{cookie}");
        }
    });
}
