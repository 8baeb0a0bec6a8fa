//! Addresses in the configuration: URLs that are safe to use, front-end origins and the public URL.

use url::{Host, Url};

/// The front-end origins that may call, be returned to and post (RFC 6454): compared whole, never in part.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Origins(Vec<String>);

impl Origins {
    /// Whether `origin`, exactly as a browser writes it, is in the list.
    pub fn contain(&self, origin: &str) -> bool {
        self.0.iter().any(|allowed| allowed == origin)
    }

    /// The first origin, where the browser goes when nothing else was asked for.
    pub fn first(&self) -> &str {
        &self.0[0]
    }

    /// Reads a comma-separated list; every entry must be an origin as browsers write it.
    pub fn parse(list: &str) -> Option<Self> {
        let origins: Vec<String> = list.split(',').map(|entry| entry.trim().to_owned()).collect();
        origins.iter().all(|origin| is_origin(origin)).then_some(Self(origins))
    }
}

/// The base URL of this API as browsers see it, without a trailing slash.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PublicUrl(String);

impl PublicUrl {
    /// Takes an https URL (http for a loopback host) without query, fragment or user.
    pub fn parse(text: &str) -> Option<Self> {
        let url = safe_url(text)?;
        let plain = url.query().is_none() && url.fragment().is_none();
        plain.then(|| Self(url.as_str().trim_end_matches('/').to_owned()))
    }

    /// The URL of `path` (which begins with a slash) under this base.
    pub fn join(&self, path: &str) -> String {
        format!("{}{path}", self.0)
    }

    /// The path that the base itself has; empty for none.
    pub fn path_prefix(&self) -> &str {
        let after_scheme = self.0.find("://").map_or(0, |index| index + 3);
        self.0[after_scheme..].find('/').map_or("", |index| &self.0[after_scheme + index..])
    }
}

/// An https URL, or http for a loopback host, without a user.
pub fn safe_url(text: &str) -> Option<Url> {
    let url = Url::parse(text).ok()?;
    let anonymous = url.username().is_empty() && url.password().is_none();
    let safe = match url.scheme() {
        "https" => url.host().is_some(),
        "http" => is_loopback(&url),
        _ => false,
    };
    (safe && anonymous).then_some(url)
}

fn is_loopback(url: &Url) -> bool {
    match url.host() {
        Some(Host::Domain(name)) => name == "localhost",
        Some(Host::Ipv4(address)) => address == std::net::Ipv4Addr::LOCALHOST,
        Some(Host::Ipv6(address)) => address == std::net::Ipv6Addr::LOCALHOST,
        None => false,
    }
}

fn is_origin(text: &str) -> bool {
    safe_url(text).is_some_and(|url| url.origin().ascii_serialization() == text)
}
