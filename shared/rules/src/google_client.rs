//! Parses Google's `client_secrets.json`, as downloaded from Google's console.

use serde::Deserialize;
use subtle::ConstantTimeEq;
use zeroize::Zeroizing;

use crate::config::safe_url;
use crate::secret::ClientSecret;

const AUTHORIZATION_ENDPOINT: &str = "https://accounts.google.com/o/oauth2/v2/auth";
const TOKEN_ENDPOINT: &str = "https://oauth2.googleapis.com/token";
/// The endpoint in Google's downloads, which predates PKCE and today's parameter names.
const OLD_AUTHORIZATION_ENDPOINT: &str = "https://accounts.google.com/o/oauth2/auth";

/// The deployment's OAuth client.
#[derive(Debug)]
pub struct GoogleClient {
    /// The client ID.
    pub client_id: String,
    /// The client secret.
    pub client_secret: ClientSecret,
    /// Google's authorization endpoint.
    pub authorization_endpoint: String,
    /// Google's token endpoint.
    pub token_endpoint: String,
}

#[derive(Deserialize)]
struct Wire {
    client_id: String,
    client_secret: Zeroizing<String>,
    auth_uri: Option<String>,
    token_uri: Option<String>,
}

#[derive(Deserialize)]
struct Download {
    web: Option<Wire>,
    installed: Option<serde::de::IgnoredAny>,
}

impl GoogleClient {
    /// Parses `{"web": {...}}` as downloaded, or a bare `{"client_id", "client_secret"}`, which
    /// uses Google's endpoints. The error is a sentence for the operator.
    pub fn parse(text: &str) -> Result<Self, &'static str> {
        let download: Download =
            serde_json::from_str(text).map_err(|_| "The secret is not Google's client_secrets.json.")?;
        if download.installed.is_some() {
            return Err(
                "The secret has an \"installed\" client. Create an OAuth client of type Web application.",
            );
        }
        let wire = match download.web {
            Some(wire) => wire,
            None => serde_json::from_str(text).map_err(|_| {
                "The secret has no \"web\", \"client_id\" or \"client_secret\". Store client_secrets.json as downloaded."
            })?,
        };
        if wire.client_id.is_empty() || wire.client_secret.is_empty() {
            return Err("The secret's client_id or client_secret is empty.");
        }
        let authorization_endpoint = wire
            .auth_uri
            .filter(|uri| uri != OLD_AUTHORIZATION_ENDPOINT)
            .unwrap_or_else(|| AUTHORIZATION_ENDPOINT.to_owned());
        let token_endpoint = wire.token_uri.unwrap_or_else(|| TOKEN_ENDPOINT.to_owned());
        if safe_url(&authorization_endpoint).is_none() || safe_url(&token_endpoint).is_none() {
            return Err("The secret's auth_uri or token_uri is not https.");
        }
        let client_secret = ClientSecret::new(wire.client_secret.as_str());
        Ok(Self { client_id: wire.client_id, client_secret, authorization_endpoint, token_endpoint })
    }

    /// Whether both have the same ID and secret.
    pub fn is_same_as(&self, other: &Self) -> bool {
        let same_secret =
            self.client_secret.expose().as_bytes().ct_eq(other.client_secret.expose().as_bytes());
        self.client_id == other.client_id && bool::from(same_secret)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_download_of_googles_console_is_read_as_it_is() {
        let client = GoogleClient::parse(
            r#"{"web":{"client_id":"1-a.apps.googleusercontent.com","project_id":"p",
                "auth_uri":"https://accounts.google.com/o/oauth2/auth","token_uri":"https://oauth2.googleapis.com/token",
                "auth_provider_x509_cert_url":"https://www.googleapis.com/oauth2/v1/certs",
                "client_secret":"GOCSPX-planted","redirect_uris":["https://api.example.com/oauth/callback"]}}"#,
        )
        .unwrap();
        assert_eq!(client.client_id, "1-a.apps.googleusercontent.com");
        assert_eq!(client.authorization_endpoint, "https://accounts.google.com/o/oauth2/v2/auth");
        assert!(!format!("{client:?}").contains("planted"));
    }

    #[test]
    fn a_bare_client_has_googles_own_endpoints() {
        let client = GoogleClient::parse(r#"{"client_id":"a","client_secret":"b"}"#).unwrap();
        assert_eq!(client.token_endpoint, "https://oauth2.googleapis.com/token");
    }

    #[test]
    fn any_other_secret_is_refused_with_a_sentence_that_says_why() {
        for (text, part) in [
            (r#"{"installed":{"client_id":"a","client_secret":"b"}}"#, "Web application"),
            ("", "client_secrets.json"),
            ("{}", "as downloaded"),
            (r#"{"web":{"client_id":"","client_secret":"b"}}"#, "empty"),
            (r#"{"web":{"client_id":"a","client_secret":"b","token_uri":"http://evil.example"}}"#, "https"),
        ] {
            let sentence = GoogleClient::parse(text).unwrap_err();
            assert!(sentence.contains(part), "{sentence}");
        }
    }
}
