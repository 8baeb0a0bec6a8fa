//! Where the answer of a sign-in goes that ends in a code: an address of a front end, kept byte for
//! byte.

use serde::{Deserialize, Serialize};
use url::Url;
use url::form_urlencoded::Serializer;

use super::return_to::of_allowed_origin;
use crate::config::{Origins, RETURN_URI_LIMIT, ReturnUris, resembles_answer};
use crate::error::Error;

/// A redirect URI (RFC 6749 section 3.1.2) as the front end wrote it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct RedirectUri(String);

impl RedirectUri {
    /// Parses one of the allowed return URIs, or a URL of an allowed origin of which the list has
    /// none: at most 512 visible ASCII characters, without a fragment (RFC 6749 section 3.1.2).
    pub fn parse(text: &str, origins: &Origins, uris: &ReturnUris) -> Result<Self, Error> {
        let is_well_formed = text.len() <= RETURN_URI_LIMIT
            && text.bytes().all(|byte| byte.is_ascii_graphic() && !b"#\\\"<>".contains(&byte))
            && !resembles_answer(text);
        let is_free = |url: Url| !uris.restrict(&url.origin().ascii_serialization());
        let is_allowed = uris.contain(text) || of_allowed_origin(text, origins).is_some_and(is_free);
        if is_well_formed && is_allowed { Ok(Self(text.to_owned())) } else { Err(Error::InvalidRedirectUri) }
    }

    /// The same address, if it is allowed by today's lists too.
    pub(super) fn still_allowed(&self, origins: &Origins, uris: &ReturnUris) -> Result<Self, Error> {
        Self::parse(&self.0, origins, uris)
    }

    /// The address as the front end wrote it.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The address with these parameters after its own query, or in the fragment.
    pub(super) fn with(&self, mode: ResponseMode, parameters: &[(&str, &str)]) -> String {
        let separator = match mode {
            ResponseMode::Fragment => '#',
            ResponseMode::Query if self.0.contains('?') => '&',
            ResponseMode::Query => '?',
        };
        let added = Serializer::new(String::new()).extend_pairs(parameters).finish();
        format!("{}{separator}{added}", self.0)
    }
}

/// Where in the address the answer stands (OAuth 2.0 Multiple Response Type Encoding Practices
/// section 2.1).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum ResponseMode {
    /// After the address's own query.
    #[default]
    #[serde(rename = "q")]
    Query,
    /// In the fragment, which no server and no `Referer` sees.
    #[serde(rename = "f")]
    Fragment,
}

impl ResponseMode {
    /// Parses a `response_mode`.
    pub fn parse(text: &str) -> Result<Self, Error> {
        match text {
            "query" => Ok(Self::Query),
            "fragment" => Ok(Self::Fragment),
            _ => Err(Error::InvalidRequest("response_mode must be query or fragment.")),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> Result<RedirectUri, Error> {
        let origins = Origins::parse("https://app.example.com").unwrap();
        let uris = ReturnUris::parse("com.example.app:/callback,http://127.0.0.1/callback").unwrap();
        RedirectUri::parse(text, &origins, &uris)
    }

    #[test]
    fn an_address_of_a_listed_origin_or_a_listed_one_is_kept_byte_for_byte() {
        for text in [
            "https://app.example.com",
            "https://app.example.com/mail?tab=1&x=%2f%41",
            "com.example.app:/callback",
            "http://127.0.0.1:51004/callback",
        ] {
            assert_eq!(parse(text).unwrap().as_str(), text);
        }
    }

    #[test]
    fn a91_any_other_address_gets_no_code() {
        let long = format!("https://app.example.com/{}", "x".repeat(500));
        for text in [
            "",
            "/",
            "https://evil.example/",
            "https://app.example.com.evil.example/",
            "https://app.example.com@evil.example/",
            "https://app.example.com:8443/",
            "https://APP.example.com/",
            "https://app.example.com/#x",
            "https://app.example.com/\\evil.example",
            "https://app.example.com/ x",
            "https://app.example.com/\r\nX: y",
            "https://app.example.com/?code=planted",
            "https://app.example.com/?a=1&%73tate=planted",
            "com.example.app:/callback/other",
            "com.example.app.evil:/callback",
            "http://127.0.0.1:51004/other",
            "http://localhost/callback",
            "javascript:alert(1)",
            &long,
        ] {
            assert!(matches!(parse(text), Err(Error::InvalidRedirectUri)), "{text:?}");
        }
    }

    #[test]
    fn an_answer_stands_after_the_own_query_or_in_the_fragment() {
        let answer = [("code", "a-b"), ("state", "x&y=1 #\"")];
        let encoded = "code=a-b&state=x%26y%3D1+%23%22";
        let with = |text, mode| parse(text).unwrap().with(mode, &answer);
        let plain = "https://app.example.com/mail";
        assert_eq!(with(plain, ResponseMode::Query), format!("{plain}?{encoded}"));
        assert_eq!(with(plain, ResponseMode::Fragment), format!("{plain}#{encoded}"));
        let asked = "https://app.example.com/?tab=1";
        assert_eq!(with(asked, ResponseMode::Query), format!("{asked}&{encoded}"));
        assert_eq!(with(asked, ResponseMode::Fragment), format!("{asked}#{encoded}"));
        let native = "com.example.app:/callback";
        assert_eq!(with(native, ResponseMode::Query), format!("{native}?{encoded}"));
    }
}
