//! The query string, or a form of the same encoding, parsed strictly: decoded once, invalid UTF-8
//! refused, nothing merged or guessed.

use postern_rules::error::Error;

const LIMIT: usize = 32;

/// A request's parameters, in order.
#[derive(Debug, Default)]
pub struct Query(Vec<(String, String)>);

impl Query {
    /// Parses `application/x-www-form-urlencoded` text, refusing what the lenient WHATWG parser
    /// repairs.
    pub fn parse(raw: &str) -> Result<Self, Error> {
        // Not allowed in a query (RFC 3986 section 3.4); API Gateway may let them through.
        if raw.bytes().any(|byte| !byte.is_ascii_graphic() || b"\"<>#".contains(&byte)) {
            return Err(Error::MalformedEncoding);
        }
        let mut pairs = Vec::new();
        for pair in raw.split('&').filter(|pair| !pair.is_empty()) {
            if pairs.len() == LIMIT {
                return Err(Error::TooManyParameters);
            }
            let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
            pairs.push((decode(name)?, decode(value)?));
        }
        Ok(Self(pairs))
    }

    /// A parameter that must not be repeated.
    pub fn one(&self, name: &str) -> Result<Option<&str>, Error> {
        let mut values = self.all(name);
        let first = values.next();
        if values.next().is_some() { Err(Error::DuplicateParameter) } else { Ok(first) }
    }

    /// The same, but an empty one counts as left out, as OAuth's endpoints must take it (RFC 6749
    /// sections 3.1 and 3.2).
    pub fn given(&self, name: &str) -> Result<Option<&str>, Error> {
        Ok(self.one(name)?.filter(|value| !value.is_empty()))
    }

    /// Whether the request is for the authorization endpoint of RFC 6749.
    pub fn asks_for_code(&self) -> bool {
        self.all("response_type").any(|value| !value.is_empty())
    }

    /// A parameter that may be repeated.
    pub fn all(&self, name: &str) -> impl Iterator<Item = &str> {
        self.0.iter().filter(move |(known, _)| known == name).map(|(_, value)| value.as_str())
    }

    /// Refuses parameters that are not in `known`.
    pub fn only(&self, known: &[&str]) -> Result<(), Error> {
        if self.0.iter().all(|(name, _)| known.contains(&name.as_str())) {
            Ok(())
        } else {
            Err(Error::UnsupportedParameter)
        }
    }
}

/// Decodes percent-encoding and `+`. Refuses broken triplets and invalid UTF-8.
fn decode(text: &str) -> Result<String, Error> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.bytes();
    while let Some(byte) = rest.next() {
        bytes.push(match byte {
            b'+' => b' ',
            b'%' => 16 * digit(rest.next())? + digit(rest.next())?,
            other => other,
        });
    }
    String::from_utf8(bytes).map_err(|_| Error::MalformedEncoding)
}

fn digit(byte: Option<u8>) -> Result<u8, Error> {
    match byte {
        Some(byte @ b'0'..=b'9') => Ok(byte - b'0'),
        Some(byte @ b'a'..=b'f') => Ok(byte - b'a' + 10),
        Some(byte @ b'A'..=b'F') => Ok(byte - b'A' + 10),
        _ => Err(Error::MalformedEncoding),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(raw: &str) -> &'static str {
        Query::parse(raw).unwrap_err().facts().code
    }

    #[test]
    fn a_value_is_decoded_once() {
        let query = Query::parse("code=4%2F0A-b&q=a+b%2B&x=%2500&y&=z&&").unwrap();
        assert_eq!(query.one("code").unwrap(), Some("4/0A-b"));
        assert_eq!(query.one("q").unwrap(), Some("a b+"));
        assert_eq!(query.one("x").unwrap(), Some("%00"));
        assert_eq!(query.one("y").unwrap(), Some(""));
        assert_eq!(query.one("z").unwrap(), None);
    }

    #[test]
    fn b03_b04_a_doubled_parameter_is_refused_even_with_the_same_value() {
        assert!(matches!(Query::parse("a=1&a=1").unwrap().one("a"), Err(Error::DuplicateParameter)));
        assert!(matches!(Query::parse("a=1&%61=2").unwrap().one("a"), Err(Error::DuplicateParameter)));
    }

    #[test]
    fn an_empty_parameter_of_oauth_counts_as_left_out_and_must_not_be_doubled_either() {
        let query = Query::parse("a=&b=x&c=&c=x&response_type=").unwrap();
        assert_eq!(query.given("a").unwrap(), None);
        assert_eq!(query.given("b").unwrap(), Some("x"));
        assert!(matches!(query.given("c"), Err(Error::DuplicateParameter)));
        assert!(!query.asks_for_code());
        assert!(Query::parse("response_type=&response_type=token").unwrap().asks_for_code());
    }

    #[test]
    fn b11_b12_a_broken_encoding_is_refused() {
        for raw in ["a=%", "a=%4", "a=%zz", "a=%ff%fe", "a=%ed%a0%80", "a=%c0%af", "%=a"] {
            assert_eq!(refused(raw), "malformed_encoding", "{raw}");
        }
    }

    #[test]
    fn b16_a_semicolon_is_data() {
        let query = Query::parse("code=x;state=y").unwrap();
        assert_eq!(query.one("code").unwrap(), Some("x;state=y"));
        assert_eq!(query.one("state").unwrap(), None);
    }

    #[test]
    fn b18_more_than_32_parameters_are_refused() {
        assert!(Query::parse(&"a=1&".repeat(32)).is_ok());
        assert_eq!(refused(&"a=1&".repeat(33)), "too_many_parameters");
    }

    #[test]
    fn b19_raw_quotes_spaces_and_control_bytes_are_refused() {
        for raw in ["a=\"", "a=<", "a=>", "a= b", "a=\0", "a=\u{1f}", "a=\u{7f}", "a=é", "a=#b"] {
            assert_eq!(refused(raw), "malformed_encoding", "{raw:?}");
        }
    }
}
