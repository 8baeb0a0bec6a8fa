//! Computes the few expressions of metric math that the alarms use, for one moment. A comparison is
//! 1 or 0. HOUR and DAY give what they are told. Never a whole implementation.

use std::iter::Peekable;
use std::sync::LazyLock;
use std::vec::IntoIter;

use regex_lite::Regex;

type Tokens = Peekable<IntoIter<String>>;

static TOKEN: LazyLock<Regex> =
    LazyLock::new(|| Regex::new(r"[0-9.]+|[A-Za-z_][A-Za-z0-9_]*|&&|[<>]=?|[-+*/(),]").unwrap());

/// The value of `expression`, where `value_of` knows its names.
pub(super) fn value(expression: &str, value_of: &dyn Fn(&str) -> f64) -> f64 {
    let tokens: Vec<String> = TOKEN.find_iter(expression).map(|found| found.as_str().to_owned()).collect();
    let mut tokens = tokens.into_iter().peekable();
    let value = all_of(&mut tokens, value_of);
    assert_eq!(tokens.next(), None, "{expression}");
    value
}

fn all_of(tokens: &mut Tokens, value_of: &dyn Fn(&str) -> f64) -> f64 {
    let mut value = compared(tokens, value_of);
    while tokens.next_if(|token| token == "&&").is_some() {
        let right = compared(tokens, value_of);
        value = one_if(value != 0.0 && right != 0.0);
    }
    value
}

fn compared(tokens: &mut Tokens, value_of: &dyn Fn(&str) -> f64) -> f64 {
    let left = sum(tokens, value_of);
    let Some(operator) = tokens.next_if(|token| token.starts_with(['<', '>'])) else { return left };
    let right = sum(tokens, value_of);
    one_if(match operator.as_str() {
        "<" => left < right,
        "<=" => left <= right,
        ">" => left > right,
        _ => left >= right,
    })
}

fn sum(tokens: &mut Tokens, value_of: &dyn Fn(&str) -> f64) -> f64 {
    let mut value = product(tokens, value_of);
    while let Some(operator) = tokens.next_if(|token| ["+", "-"].contains(&token.as_str())) {
        let right = product(tokens, value_of);
        value += if operator == "+" { right } else { -right };
    }
    value
}

fn product(tokens: &mut Tokens, value_of: &dyn Fn(&str) -> f64) -> f64 {
    let mut value = atom(tokens, value_of);
    while let Some(operator) = tokens.next_if(|token| ["*", "/"].contains(&token.as_str())) {
        let right = atom(tokens, value_of);
        value = if operator == "*" { value * right } else { value / right };
    }
    value
}

fn atom(tokens: &mut Tokens, value_of: &dyn Fn(&str) -> f64) -> f64 {
    let token = tokens.next().unwrap();
    if let Ok(number) = token.parse() {
        return number;
    }
    if token == "(" {
        let value = all_of(tokens, value_of);
        assert_eq!(tokens.next().unwrap(), ")");
        return value;
    }
    if tokens.next_if(|token| token == "(").is_none() {
        return value_of(&token);
    }
    let mut operands = Vec::new();
    loop {
        operands.push(all_of(tokens, value_of));
        match tokens.next().unwrap().as_str() {
            "," => {}
            ")" => break,
            other => panic!("{other} in the operands of {token}"),
        }
    }
    match (token.as_str(), operands.as_slice()) {
        ("IF", [condition, yes, no]) => *if *condition == 0.0 { no } else { yes },
        ("FILL", [value, _]) => *value,
        ("HOUR" | "DAY", [_]) => value_of(&token),
        (other, _) => panic!("{other} is not known here"),
    }
}

fn one_if(is_so: bool) -> f64 {
    if is_so { 1.0 } else { 0.0 }
}
