//! Cookies: read as bytes with exact names (RFC 6265bis section 5.4), written with every protection there is.

use std::time::Duration;

use crate::error::Error;
use crate::flow::is_cookie_suffix;

/// The cookie that holds the session token.
pub const SESSION: &str = "__Host-session";
/// What the names of the flow cookies begin with.
pub const FLOW_PREFIX: &str = "__Host-flow-";

/// The most cookies and bytes of cookies of a request; this API's own stay below 1.5 KiB.
const COUNT_LIMIT: usize = 100;
const LENGTH_LIMIT: usize = 8 * 1024;

/// The cookies of a request, in their order.
#[derive(Default)]
pub struct Cookies(Vec<(String, String)>);

impl Cookies {
    /// Reads `name=value` pairs. A pair with a control or non-ASCII character is left out, and nothing is unquoted.
    pub fn parse<'a>(pairs: impl Iterator<Item = &'a str>) -> Result<Self, Error> {
        let mut cookies = Vec::new();
        let mut length = 0;
        for pair in pairs {
            length += pair.len();
            if length > LENGTH_LIMIT || cookies.len() == COUNT_LIMIT {
                return Err(Error::HeadersTooLarge);
            }
            let Some((name, value)) = pair.split_once('=') else { continue };
            let blank = |character| character == ' ' || character == '\t';
            let (name, value) = (name.trim_matches(blank), value.trim_matches(blank));
            if !name.is_empty()
                && [name, value].iter().all(|text| text.bytes().all(|byte| byte.is_ascii_graphic()))
            {
                cookies.push((name.to_owned(), value.to_owned()));
            }
        }
        Ok(Self(cookies))
    }

    /// The cookie of this name; two of them are ambiguous (A30), for a neighbour may have planted one.
    pub fn one(&self, name: &str) -> Result<Option<&str>, Error> {
        let mut values = self.0.iter().filter(|(known, _)| known == name).map(|(_, value)| value.as_str());
        let first = values.next();
        if values.next().is_some() { Err(Error::AmbiguousCookie) } else { Ok(first) }
    }

    /// The flow cookies: the rest of each name, if it is one that this API gives, and the value.
    pub fn flows(&self) -> impl Iterator<Item = (&str, &str)> {
        let flows =
            self.0.iter().filter_map(|(name, value)| Some((name.strip_prefix(FLOW_PREFIX)?, value.as_str())));
        flows.filter(|(suffix, _)| is_cookie_suffix(suffix))
    }

    /// Whether there is any cookie of this API.
    pub fn has_ours(&self) -> bool {
        self.0.iter().any(|(name, _)| name == SESSION || name.starts_with(FLOW_PREFIX))
    }
}

/// A `Set-Cookie` value: for this host alone, over TLS alone, out of reach of scripts, not sent by other sites' requests
/// except a top-level navigation (which Google's redirect is).
pub fn set(name: &str, value: &str, lifetime: Duration) -> String {
    format!("{name}={value}; Max-Age={}; Path=/; Secure; HttpOnly; SameSite=Lax", lifetime.as_secs())
}

/// A `Set-Cookie` value that removes a cookie.
pub fn clear(name: &str) -> String {
    set(name, "", Duration::ZERO)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(header: &str) -> Cookies {
        Cookies::parse(header.split(';')).unwrap()
    }

    #[test]
    fn b25_b26_b27_only_well_formed_pairs_count() {
        let cookies = parse(";;;=;a;=b; x=\u{1}; y=é; q=\"v\"; __Host-session=token ");
        assert_eq!(cookies.one(SESSION).unwrap(), Some("token"));
        assert_eq!(cookies.one("q").unwrap(), Some("\"v\""));
        assert_eq!(cookies.one("x").unwrap(), None);
        assert_eq!(cookies.one("y").unwrap(), None);
    }

    #[test]
    fn a31_a_name_that_only_looks_like_ours_is_not() {
        let cookies = parse("\u{2000}__Host-session=a; __HoSt-session=b; $Version=1; __host-session=c");
        assert_eq!(cookies.one(SESSION).unwrap(), None);
        assert!(!cookies.has_ours());
    }

    #[test]
    fn a30_b24_two_of_ours_are_ambiguous_and_two_of_others_are_not_looked_at() {
        let cookies = parse("__Host-session=a; x=1; x=2; __Host-session=a");
        assert!(matches!(cookies.one(SESSION), Err(Error::AmbiguousCookie)));
    }

    #[test]
    fn b23_a_cookie_bomb_is_refused() {
        assert!(Cookies::parse("a=b;".repeat(200).split(';')).is_err());
        assert!(Cookies::parse(std::iter::once("a".repeat(9000).as_str())).is_err());
    }
}
