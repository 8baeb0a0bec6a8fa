//! Whether a filter pattern of CloudWatch Logs matches a line of JSON: comparisons of members with
//! texts, in which a star stands for anything, with `&&`, `||` and parentheses.

use std::iter::Peekable;
use std::vec::IntoIter;

use regex_lite::Regex;
use serde_json::Value;

type Tokens = Peekable<IntoIter<String>>;

/// Whether `pattern` matches.
pub(super) fn matches(pattern: &str, line: &Value) -> bool {
    let token = Regex::new(r#"\$\.\w+|"[^"]*"|&&|\|\||!=|[={}()]"#).unwrap();
    let tokens: Vec<String> = token.find_iter(pattern).map(|found| found.as_str().to_owned()).collect();
    let mut tokens = tokens.into_iter().peekable();
    assert_eq!(tokens.next().unwrap(), "{");
    let is_match = any(&mut tokens, line);
    assert_eq!((tokens.next().as_deref(), tokens.next()), (Some("}"), None), "{pattern}");
    is_match
}

fn any(tokens: &mut Tokens, line: &Value) -> bool {
    let mut is_match = all(tokens, line);
    while tokens.next_if(|token| token == "||").is_some() {
        is_match |= all(tokens, line);
    }
    is_match
}

fn all(tokens: &mut Tokens, line: &Value) -> bool {
    let mut is_match = one(tokens, line);
    while tokens.next_if(|token| token == "&&").is_some() {
        is_match &= one(tokens, line);
    }
    is_match
}

fn one(tokens: &mut Tokens, line: &Value) -> bool {
    let first = tokens.next().unwrap();
    if first == "(" {
        let is_match = any(tokens, line);
        assert_eq!(tokens.next().unwrap(), ")");
        return is_match;
    }
    let found = line[first.strip_prefix("$.").unwrap()].as_str();
    let operator = tokens.next().unwrap();
    let wanted = tokens.next().unwrap().trim_matches('"').to_owned();
    let is_like = |text: &str| match wanted.split_once('*') {
        Some((start, end)) => text.starts_with(start) && text.ends_with(end),
        None => text == wanted,
    };
    // A member that is not there matches nothing.
    found.is_some_and(|text| is_like(text) == (operator == "="))
}
