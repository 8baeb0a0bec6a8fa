//! Parses Google's `client_secrets.json`, as downloaded from Google's console: of one OAuth client,
//! or of two while one replaces the other.

use std::sync::Arc;

use serde::Deserialize;
use serde_json::value::RawValue;
use subtle::ConstantTimeEq;
use zeroize::Zeroizing;

use crate::config::safe_url;
use crate::secret::ClientSecret;

const AUTHORIZATION_ENDPOINT: &str = "https://accounts.google.com/o/oauth2/v2/auth";
const TOKEN_ENDPOINT: &str = "https://oauth2.googleapis.com/token";
/// The endpoint in Google's downloads, which predates PKCE and today's parameter names.
const OLD_AUTHORIZATION_ENDPOINT: &str = "https://accounts.google.com/o/oauth2/auth";

/// An OAuth client of the deployment.
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
    /// Whether another client replaces it: it refreshes the grants that it has, and gets no new
    /// ones.
    pub is_outgoing: bool,
}

/// The deployment's OAuth clients: one, or two during a change.
#[derive(Debug)]
pub struct GoogleClients {
    /// The client that users consent to.
    pub coming: Arc<GoogleClient>,
    /// The client that it replaces.
    pub outgoing: Option<Arc<GoogleClient>>,
}

#[derive(Deserialize)]
struct Wire {
    client_id: String,
    client_secret: Zeroizing<String>,
    auth_uri: Option<String>,
    token_uri: Option<String>,
}

#[derive(Deserialize)]
struct Download<'a> {
    web: Option<Wire>,
    installed: Option<serde::de::IgnoredAny>,
    #[serde(borrow)]
    outgoing: Option<&'a RawValue>,
}

impl GoogleClients {
    /// Parses one client as [`GoogleClient::parse`] does, and the one that it replaces in its
    /// member `outgoing`, if there is one. Both have the endpoints of the first: those in an old
    /// download may be old. The error is a sentence for the operator.
    pub fn parse(text: &str) -> Result<Self, &'static str> {
        let (coming, outgoing) = GoogleClient::and_outgoing(text)?;
        let outgoing = outgoing.map(|outgoing| {
            let outgoing = GoogleClient::parse(outgoing.get())
                .map_err(|_| "The secret's \"outgoing\" is not the client_secrets.json of a web client.")?;
            if outgoing.client_id == coming.client_id {
                return Err(
                    "The secret's \"outgoing\" has the same client_id as its \"web\". Store the client before it there.",
                );
            }
            Ok(Arc::new(GoogleClient {
                authorization_endpoint: coming.authorization_endpoint.clone(),
                token_endpoint: coming.token_endpoint.clone(),
                is_outgoing: true,
                ..outgoing
            }))
        });
        let outgoing = outgoing.transpose()?;
        Ok(Self { coming: Arc::new(coming), outgoing })
    }

    /// The client with this ID.
    pub fn of(&self, client_id: &str) -> Option<&Arc<GoogleClient>> {
        self.iter().find(|client| client.client_id == client_id)
    }

    /// The client for a grant of the client `client_id`: that one, or else the one to consent to.
    pub fn for_grant_of(&self, client_id: &str) -> &Arc<GoogleClient> {
        self.of(client_id).unwrap_or(&self.coming)
    }

    /// The clients, first the one that users consent to.
    pub fn iter(&self) -> impl Iterator<Item = &Arc<GoogleClient>> {
        std::iter::once(&self.coming).chain(&self.outgoing)
    }
}

impl GoogleClient {
    /// Parses `{"web": {...}}` as downloaded, or a bare `{"client_id", "client_secret"}`, which
    /// uses Google's endpoints. The error is a sentence for the operator.
    pub fn parse(text: &str) -> Result<Self, &'static str> {
        Self::and_outgoing(text).map(|(client, _)| client)
    }

    /// The client, and the JSON of the one that it replaces.
    fn and_outgoing(text: &str) -> Result<(Self, Option<&RawValue>), &'static str> {
        let download: Download<'_> =
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
        let client = Self {
            client_id: wire.client_id,
            client_secret,
            authorization_endpoint,
            token_endpoint,
            is_outgoing: false,
        };
        Ok((client, download.outgoing))
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
            let sentence = GoogleClients::parse(text).unwrap_err();
            assert!(sentence.contains(part), "{sentence}");
        }
    }

    #[test]
    fn a_secret_may_hold_the_client_that_another_replaces_and_both_have_the_endpoints_of_the_first() {
        let text = r#"{"web":{"client_id":"new","client_secret":"b"},
            "outgoing":{"web":{"client_id":"old","client_secret":"planted","token_uri":"https://old.example/token"}}}"#;
        let clients = GoogleClients::parse(text).unwrap();
        let [new, old] = ["new", "old"].map(|id| clients.of(id).unwrap());
        assert_eq!((new.is_outgoing, old.is_outgoing), (false, true));
        assert_eq!(old.token_endpoint, new.token_endpoint);
        assert_eq!(old.client_secret.expose(), "planted");
        assert!(clients.of("neither").is_none() && !format!("{clients:?}").contains("planted"));
        assert_eq!(["old", "neither"].map(|id| &*clients.for_grant_of(id).client_id), ["old", "new"]);
        for alone in ["", r#","outgoing":null"#] {
            let text = format!(r#"{{"client_id":"new","client_secret":"b"{alone}}}"#);
            assert!(GoogleClients::parse(&text).unwrap().outgoing.is_none(), "{text}");
        }
    }

    #[test]
    fn b83_an_outgoing_client_that_is_none_or_the_same_makes_the_secret_unusable() {
        for (outgoing, part) in [
            (r#""old""#, "not the client_secrets.json"),
            ("{}", "not the client_secrets.json"),
            (r#"{"installed":{"client_id":"old","client_secret":"b"}}"#, "not the client_secrets.json"),
            (r#"{"web":{"client_id":"old"}}"#, "not the client_secrets.json"),
            (r#"{"web":{"client_id":"old","client_secret":""}}"#, "not the client_secrets.json"),
            (r#"{"web":{"client_id":"new","client_secret":"other"}}"#, "the same client_id"),
        ] {
            let text =
                format!(r#"{{"web":{{"client_id":"new","client_secret":"b"}},"outgoing":{outgoing}}}"#);
            let sentence = GoogleClients::parse(&text).unwrap_err();
            assert!(sentence.contains(part), "{sentence}");
        }
    }
}
