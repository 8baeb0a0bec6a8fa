//! Redirect URIs of native and server-rendered applications, each listed whole (RFC 8252, RFC 9700
//! section 2.1).

use url::{Url, form_urlencoded};

/// In bytes.
pub(crate) const RETURN_URI_LIMIT: usize = 512;
/// What an answer adds to the address.
const ANSWER: [&str; 5] = ["code", "error", "error_code", "iss", "state"];
/// How a redirect URI of a native application on this machine begins (RFC 8252 section 7.3).
const LOOPBACK: [&str; 3] = ["http://127.0.0.1", "http://[::1]", "http://localhost"];

/// The redirect URIs besides those of the allowed origins.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ReturnUris(Vec<String>);

impl ReturnUris {
    /// Parses a comma-separated list of whole URIs: https, a private scheme with a dot in it, or
    /// http of a loopback host.
    pub fn parse(list: &str) -> Option<Self> {
        let uris: Vec<String> = list.split(',').map(|entry| entry.trim().to_owned()).collect();
        uris.iter().all(|uri| is_return_uri(uri)).then_some(Self(uris))
    }

    /// Whether the list has a URI of `origin`, as browsers serialize it: then no other address of that
    /// origin gets a code.
    pub fn restrict(&self, origin: &str) -> bool {
        let origin_of = |uri: &str| Url::parse(uri).map(|url| url.origin().ascii_serialization());
        self.0.iter().any(|listed| origin_of(listed).is_ok_and(|listed| listed == origin))
    }

    /// Whether the list has `uri`, byte for byte. The port of a loopback host may be any: a native
    /// application gets it from its system when it starts to listen (RFC 8252 section 7.3).
    pub fn contain(&self, uri: &str) -> bool {
        self.0.iter().any(|listed| listed == uri || without_port(uri).is_some_and(|uri| uri == *listed))
    }
}

/// Whether the address has a parameter of an answer itself: the answer would make two of it.
pub(crate) fn resembles_answer(uri: &str) -> bool {
    let query = uri.split_once('?').map_or("", |(_, query)| query);
    form_urlencoded::parse(query.as_bytes()).any(|(name, _)| ANSWER.contains(&name.as_ref()))
}

/// A loopback URI without its port, if it has one.
fn without_port(uri: &str) -> Option<String> {
    let (host, rest) = LOOPBACK.iter().find_map(|host| Some((*host, uri.strip_prefix(host)?)))?;
    let rest = rest.strip_prefix(':')?;
    let (port, tail) = rest.split_at(rest.find('/')?);
    port.parse::<u16>().ok()?;
    port.bytes().all(|byte| byte.is_ascii_digit()).then(|| format!("{host}{tail}"))
}

/// Whether an entry is safe, and written as a URL parser would write it, so that comparing texts
/// compares addresses.
fn is_return_uri(text: &str) -> bool {
    let Ok(url) = Url::parse(text) else { return false };
    let is_plain = text.len() <= RETURN_URI_LIMIT
        && text.bytes().all(|byte| byte.is_ascii_graphic() && !b"\\\"<>".contains(&byte))
        && url.as_str() == text
        && url.fragment().is_none()
        && url.username().is_empty()
        && url.password().is_none()
        && !resembles_answer(text);
    is_plain
        && match url.scheme() {
            "https" => true,
            "http" => {
                url.port().is_none()
                    && LOOPBACK
                        .iter()
                        .any(|host| text.strip_prefix(host).is_some_and(|rest| rest.starts_with('/')))
            }
            // A reversed domain name, as RFC 8252 section 7.1 asks: `javascript:` has no dot.
            scheme => scheme.contains('.'),
        }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_listed_address_matches_as_a_whole() {
        let list = "https://example.com/callback?from=mail, com.example.app:/callback,http://127.0.0.1/callback,http://[::1]/x";
        let uris = ReturnUris::parse(list).unwrap();
        for listed in [
            "https://example.com/callback?from=mail",
            "com.example.app:/callback",
            "http://127.0.0.1/callback",
            "http://127.0.0.1:51004/callback",
            "http://[::1]:1/x",
        ] {
            assert!(uris.contain(listed), "{listed}");
        }
        for other in [
            "https://example.com/callback",
            "https://example.com/callback?from=mail&x=1",
            "https://example.com:443/callback?from=mail",
            "com.example.app:/callback/",
            "http://127.0.0.1:51004/other",
            "http://127.0.0.1:+1/callback",
            "http://127.0.0.1:99999/callback",
            "http://127.0.0.1:/callback",
            "http://127.0.0.1:1@evil.example/callback",
            "http://127.0.0.1.evil.example/callback",
            "http://localhost:1/callback",
            "",
        ] {
            assert!(!uris.contain(other), "{other}");
        }
        assert!(!ReturnUris::default().contain(""));
    }

    #[test]
    fn an_origin_is_restricted_by_its_own_addresses_alone() {
        let list = "https://example.com:8443/callback,com.example.app:/callback,http://127.0.0.1/callback";
        let uris = ReturnUris::parse(list).unwrap();
        for restricted in ["https://example.com:8443", "http://127.0.0.1"] {
            assert!(uris.restrict(restricted), "{restricted}");
        }
        for free in ["https://example.com", "https://app.example.com:8443", "http://127.0.0.1:9100"] {
            assert!(!uris.restrict(free), "{free}");
        }
    }

    #[test]
    fn b69_an_address_that_no_code_may_go_to_cannot_be_listed() {
        for list in [
            "https://example.com",
            "https://EXAMPLE.com/",
            "https://user@example.com/",
            "https://example.com/#x",
            "https://example.com/a/../b",
            "https://example.com:443/",
            "https://example.com/?code=planted",
            "https://example.com/?a=1&%73tate=planted",
            "com.example.app:/callback?iss=planted",
            "https://example.com/,",
            "http://example.com/callback",
            "http://127.0.0.1",
            "http://127.0.0.1:8080/callback",
            "http://localhost.example.com/",
            "http://user@127.0.0.1/",
            "javascript:alert(1)",
            "data:text/html,x",
            "file:///etc/passwd",
            "myapp:/callback",
            "com.example.app:/call back",
            "/callback",
            "*",
        ] {
            assert!(ReturnUris::parse(list).is_none(), "{list}");
        }
    }
}
