//! Where the browser returns after a flow: a URL of an allowed origin, never repaired.

use url::Url;

use crate::config::Origins;
use crate::error::Error;

const RETURN_TO_LIMIT: usize = 512;
/// The parameter that tells the front end why a sign-in failed.
const AUTH_ERROR: &str = "auth_error";

/// Where the browser returns after a flow: a URL of an allowed origin.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReturnTo(Url);

impl ReturnTo {
    /// Parses an absolute URL of at most 512 characters whose origin is allowed.
    pub fn parse(text: &str, allowed: &Origins) -> Result<Self, Error> {
        if text.len() > RETURN_TO_LIMIT {
            return Err(Error::InvalidReturnTo);
        }
        let url = without_auth_error(of_allowed_origin(text, allowed).ok_or(Error::InvalidReturnTo)?);
        // Percent-encoding by the parser can lengthen the URL.
        if url.as_str().len() > RETURN_TO_LIMIT {
            return Err(Error::InvalidReturnTo);
        }
        Ok(Self(url))
    }

    /// The root URL of the first allowed origin.
    ///
    /// # Panics
    ///
    /// Never: the configuration parsed each origin as a URL.
    pub fn default_of(allowed: &Origins) -> Self {
        Self(Url::parse(allowed.first()).expect("an origin of the configuration is a URL"))
    }

    /// The root URL of `page`'s origin if that is allowed, else of the first allowed origin.
    pub fn home_of(page: Option<&str>, allowed: &Origins) -> Self {
        page.and_then(|page| allowed.of_page(page))
            .and_then(|origin| Self::parse(origin, allowed).ok())
            .unwrap_or_else(|| Self::default_of(allowed))
    }

    /// The URL.
    pub fn as_str(&self) -> &str {
        self.0.as_str()
    }

    /// The URL with `auth_error=<code>`.
    pub fn with_auth_error(&self, code: &str) -> String {
        let mut url = self.0.clone();
        url.query_pairs_mut().append_pair(AUTH_ERROR, code);
        url.into()
    }
}

/// Parses an absolute URL whose origin is allowed, and written as it is parsed.
pub(super) fn of_allowed_origin(text: &str, allowed: &Origins) -> Option<Url> {
    let is_plain = text.bytes().all(|byte| byte.is_ascii_graphic() && byte != b'\\');
    let (scheme, rest) = text.split_once("://")?;
    let authority = rest.split(['/', '?', '#']).next().unwrap_or_default();
    let url = Url::parse(text).ok()?;
    let origin = url.origin().ascii_serialization();
    let is_allowed = format!("{scheme}://{authority}") == origin && allowed.contain(&origin);
    (is_plain && is_allowed).then_some(url)
}

/// A page may send its own URL as `return_to`, with the error of the last attempt: remove it.
fn without_auth_error(mut url: Url) -> Url {
    let kept: Vec<(String, String)> = url
        .query_pairs()
        .filter(|(name, _)| name != AUTH_ERROR)
        .map(|(name, value)| (name.into(), value.into()))
        .collect();
    if kept.len() == url.query_pairs().count() {
        return url;
    }
    url.set_query(None);
    if !kept.is_empty() {
        url.query_pairs_mut().extend_pairs(kept);
    }
    url
}

#[cfg(test)]
mod tests {
    use super::*;

    fn allowed() -> Origins {
        Origins::parse("https://app.example.com,http://localhost:9100").unwrap()
    }

    #[test]
    fn a_return_to_of_an_allowed_origin_is_kept_as_it_is() {
        for text in [
            "https://app.example.com/",
            "https://app.example.com/inbox?tab=1#top",
            "http://localhost:9100/%2f%2fevil",
        ] {
            assert_eq!(ReturnTo::parse(text, &allowed()).unwrap().as_str(), text);
        }
    }

    #[test]
    fn a19_to_a23_and_b54_any_other_return_to_is_refused() {
        let long = format!("https://app.example.com/{}", "x".repeat(500));
        for text in [
            "https://evil.com",
            "//evil",
            "/\\evil",
            "/%09/evil",
            "/ /evil",
            "/./\\evil",
            "\\/evil",
            "/%5cevil",
            "///evil",
            "/%2f%2fevil",
            "/",
            "",
            "https://app.example.com@evil.com",
            "https://evil.com#@app.example.com",
            "http:evil",
            "http://0330.072.0326.0316",
            "https://app.example.com\u{ff0e}evil.com",
            "https://app.example.com.evil.com",
            "https://evil-app.example.com",
            "https://appXexample.com",
            "https://app.example.com:443@evil.com/",
            "https://app.example.com:8443/",
            "http://app.example.com/",
            "https:app.example.com",
            "https:/app.example.com/",
            "https:///app.example.com/",
            "https://app.example.com\\@evil.com",
            "https://app.example.com/\\evil",
            "HTTPS://app.example.com/",
            "https://APP.example.com/",
            "https://user@app.example.com/",
            "https://app.example.com./",
            "javascript:alert(1)",
            "data:text/html,x",
            "vbscript:x",
            "blob:https://app.example.com/x",
            " https://app.example.com/",
            "https://app.example.com/ x",
            "https://app.example.com/\r\nX:y",
            "https://app.example.com/\u{202e}",
            "javascript://app.example.com/%0aalert(1)",
            &long,
        ] {
            assert!(matches!(ReturnTo::parse(text, &allowed()), Err(Error::InvalidReturnTo)), "{text:?}");
        }
    }

    #[test]
    fn a_failure_is_told_once_in_the_return_url() {
        let return_to =
            ReturnTo::parse("https://app.example.com/a?x=1&auth_error=state_used#frag", &allowed()).unwrap();
        assert_eq!(
            return_to.with_auth_error("consent_denied"),
            "https://app.example.com/a?x=1&auth_error=consent_denied#frag"
        );
    }
}
