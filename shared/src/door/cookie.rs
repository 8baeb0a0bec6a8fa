//! Cookies: read as bytes with exact names (RFC 6265bis section 5.4), written with every protection there is.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use postern_rules::error::Error;
use postern_rules::flow::is_cookie_suffix;

/// The cookie that holds the session token.
pub const SESSION: &str = "__Host-session";
/// What the names of the flow cookies begin with.
pub const FLOW_PREFIX: &str = "__Host-flow-";

/// The most cookies and bytes of cookies of a request. This API's own stay below 6.5 KiB: the
/// session; three sign-ins and one that is over, of at most 1.3 KiB each, most of it `return_to`;
/// two that were offered, which return to an origin. API Gateway takes 10,240 bytes of headers.
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

/// The cookies that an answer sets, whatever the answer turns out to be: a reply, an error, or what
/// is said when the time is over.
#[derive(Default)]
pub(super) struct Outgoing(Mutex<Vec<(String, String, Duration)>>);

impl Outgoing {
    /// Sets a cookie, in place of what this answer said of it before.
    pub(super) fn set(&self, name: &str, value: &str, lifetime: Duration) {
        let mut cookies = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        cookies.retain(|(known, ..)| known != name);
        cookies.push((name.to_owned(), value.to_owned(), lifetime));
    }

    /// What a browser then holds of the cookies whose names begin so, which it had in this order;
    /// what is set anew comes last.
    pub(super) fn onto<'a>(
        &self,
        prefix: &str,
        held: impl Iterator<Item = (&'a str, &'a str)>,
    ) -> Vec<(String, String)> {
        let cookies = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let names: Vec<&str> = cookies.iter().filter_map(|(name, ..)| name.strip_prefix(prefix)).collect();
        let kept = held.filter(|(name, _)| !names.contains(name));
        let kept = kept.map(|(name, value)| (name.to_owned(), value.to_owned()));
        let set = cookies.iter().filter(|(_, value, _)| !value.is_empty());
        let set =
            set.filter_map(|(name, value, _)| Some((name.strip_prefix(prefix)?.to_owned(), value.clone())));
        kept.chain(set).collect()
    }

    /// The `Set-Cookie` values.
    pub(super) fn headers(&self) -> Vec<String> {
        let cookies = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        cookies.iter().map(|(name, value, lifetime)| set(name, value, *lifetime)).collect()
    }
}

/// A `Set-Cookie` value: for this host alone, over TLS alone, out of reach of scripts, not sent by other sites' requests
/// except a top-level navigation (which Google's redirect is).
fn set(name: &str, value: &str, lifetime: Duration) -> String {
    format!("{name}={value}; Max-Age={}; Path=/; Secure; HttpOnly; SameSite=Lax", lifetime.as_secs())
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
