//! Redirect URIs of native and server-rendered applications, each listed whole (RFC 8252, RFC 9700
//! section 2.1).

use url::Url;

/// In bytes.
pub(crate) const RETURN_URI_LIMIT: usize = 512;
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

    /// Whether the list has `uri`, byte for byte. The port of a loopback host may be any: a native
    /// application gets it from its system when it starts to listen (RFC 8252 section 7.3).
    pub fn contain(&self, uri: &str) -> bool {
        self.0.iter().any(|listed| listed == uri || without_port(uri).is_some_and(|uri| uri == *listed))
    }
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
        && url.password().is_none();
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
    fn b69_an_address_that_no_code_may_go_to_cannot_be_listed() {
        for list in [
            "https://example.com",
            "https://EXAMPLE.com/",
            "https://user@example.com/",
            "https://example.com/#x",
            "https://example.com/a/../b",
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
