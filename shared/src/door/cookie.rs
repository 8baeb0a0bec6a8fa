//! Cookies: names are compared exactly (RFC 6265bis section 5.4), and every protection is set.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use postern_rules::error::Error;
use postern_rules::flow::is_cookie_suffix;

/// The cookie with the session token of a sign-in that ended here, in the browser's own window.
pub const SESSION: &str = "__Host-session";
/// The cookie with the session token that a page of another site redeemed a code for. A browser keeps
/// it in that site's partition (CHIPS), so another site that embeds this API does not share it. It
/// has a name of its own so that neither cookie replaces or doubles the other.
pub const PARTITIONED_SESSION: &str = "__Host-session-p";
/// Both. Where both come along, the first decides.
pub(super) const SESSIONS: [&str; 2] = [PARTITIONED_SESSION, SESSION];
/// Prefix of the flow cookies' names.
pub(super) const FLOW_PREFIX: &str = "__Host-flow-";

/// Limits on a request's cookies. This API's own stay below 7 KiB: two sessions; four flows of at
/// most 1.4 KiB, mostly `return_to` or a code request; two small offers. API Gateway accepts 10,240
/// bytes of headers.
const COUNT_LIMIT: usize = 100;
const LENGTH_LIMIT: usize = 8 * 1024;

/// A request's cookies, in order.
#[derive(Default)]
pub struct Cookies(Vec<(String, String)>);

impl Cookies {
    /// Reads `name=value` pairs without unquoting. Skips pairs with control or non-ASCII
    /// characters.
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

    /// The cookie with this name. Two are ambiguous: a neighbouring host may have set one (A30).
    pub fn one(&self, name: &str) -> Result<Option<&str>, Error> {
        let mut values = self.0.iter().filter(|(known, _)| known == name).map(|(_, value)| value.as_str());
        let first = values.next();
        if values.next().is_some() { Err(Error::AmbiguousCookie) } else { Ok(first) }
    }

    /// The flow cookies: the suffix of each name, and the value.
    pub fn flows(&self) -> impl Iterator<Item = (&str, &str)> {
        let flows =
            self.0.iter().filter_map(|(name, value)| Some((name.strip_prefix(FLOW_PREFIX)?, value.as_str())));
        flows.filter(|(suffix, _)| is_cookie_suffix(suffix))
    }

    /// Whether any cookie belongs to this API.
    pub(super) fn has_ours(&self) -> bool {
        self.0.iter().any(|(name, _)| SESSIONS.contains(&name.as_str()) || name.starts_with(FLOW_PREFIX))
    }
}

/// The cookies to set on the response, whether a reply, an error or a timeout.
#[derive(Default)]
pub(super) struct Outgoing(Mutex<Vec<(String, String, Duration)>>);

impl Outgoing {
    /// Sets a cookie, replacing an earlier value.
    pub(super) fn set(&self, name: &str, value: &str, lifetime: Duration) {
        let mut cookies = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        cookies.retain(|(known, ..)| known != name);
        cookies.push((name.to_owned(), value.to_owned(), lifetime));
    }

    /// The cookies with this prefix that the browser holds after this response; those it sets come
    /// last.
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

    /// The `Set-Cookie` values: only for this host, over TLS, without script access, and withheld
    /// from cross-site requests except top-level navigation such as Google's redirect. The
    /// partitioned one is sent with the requests of the one site that it was set for.
    pub(super) fn headers(&self) -> Vec<String> {
        let cookies = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let set_cookie = |(name, value, lifetime): &(String, String, Duration)| {
            let sent = if name == PARTITIONED_SESSION { "None; Partitioned" } else { "Lax" };
            format!(
                "{name}={value}; Max-Age={}; Path=/; Secure; HttpOnly; SameSite={sent}",
                lifetime.as_secs()
            )
        };
        cookies.iter().map(set_cookie).collect()
    }
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
