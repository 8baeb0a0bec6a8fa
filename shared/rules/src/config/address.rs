//! Addresses in the configuration: safe URLs, front-end origins and the public URL.

use url::{Host, Url};

/// The allowed front-end origins (RFC 6454), compared as whole strings.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Origins(Vec<String>);

impl Origins {
    /// Whether the list has `origin`, as browsers serialize it.
    pub fn contain(&self, origin: &str) -> bool {
        self.0.iter().any(|allowed| allowed == origin)
    }

    /// The listed origin of the page with this URL, or with this value of `Origin`.
    pub fn of_page(&self, page: &str) -> Option<&str> {
        let origin = Url::parse(page).ok()?.origin().ascii_serialization();
        self.0.iter().map(String::as_str).find(|allowed| *allowed == origin)
    }

    /// The first origin: the default for redirects.
    pub fn first(&self) -> &str {
        &self.0[0]
    }

    /// Parses a comma-separated list. Every entry must be an origin as browsers serialize it.
    pub fn parse(list: &str) -> Option<Self> {
        let origins: Vec<String> = list.split(',').map(|entry| entry.trim().to_owned()).collect();
        origins.iter().all(|origin| is_origin(origin)).then_some(Self(origins))
    }
}

/// The base URL of this API as browsers see it, without a trailing slash.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PublicUrl(String);

impl PublicUrl {
    /// Parses an https URL (http for loopback hosts) without query, fragment or user info.
    pub fn parse(text: &str) -> Option<Self> {
        let url = safe_url(text)?;
        let plain = url.query().is_none() && url.fragment().is_none();
        plain.then(|| Self(url.as_str().trim_end_matches('/').to_owned()))
    }

    /// The URL of `path`, which starts with a slash.
    pub fn join(&self, path: &str) -> String {
        format!("{}{path}", self.0)
    }

    /// The path of the base URL, without a trailing slash; empty if it has none.
    pub fn path_prefix(&self) -> &str {
        let after_scheme = self.0.find("://").map_or(0, |index| index + 3);
        self.0[after_scheme..].find('/').map_or("", |index| &self.0[after_scheme + index..])
    }
}

/// Parses an https URL (http for loopback hosts) without user info.
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
