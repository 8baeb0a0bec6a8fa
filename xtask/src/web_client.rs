//! Google's `client_secrets.json` with the list of redirect URIs, which the functions do not read.

use postern_rules::google_client::GoogleClient;
use postern_rules::secret::Secret;
use serde::Deserialize;

/// Where Google's console shows the OAuth clients.
pub(crate) const CONSOLE: &str = "https://console.cloud.google.com/auth/clients";

/// How every client ID of Google's ends. Anything else is not printed: it may be the secret in the
/// wrong place.
pub(crate) const CLIENT_ID_END: &str = ".apps.googleusercontent.com";

/// The kind of [`ClientText`].
pub(crate) enum Text {}
/// The JSON, which holds the client secret.
pub(crate) type ClientText = Secret<Text>;

/// A web client, as downloaded or as stored.
#[derive(Debug)]
pub(crate) struct WebClient {
    /// What the functions use.
    pub(crate) google: GoogleClient,
    /// The JSON as it was, to be stored as it was.
    pub(crate) text: ClientText,
    /// Where Google lets the browser go. The list is as old as the download.
    pub(crate) redirect_uris: Vec<String>,
}

/// The one part that is read here; the secret beside it is skipped.
#[derive(Deserialize)]
struct Download {
    web: Listed,
}

#[derive(Deserialize)]
struct Listed {
    #[serde(default)]
    redirect_uris: Vec<String>,
}

impl WebClient {
    /// Reads what Google's console downloads. A list of another form is as good as none: only what
    /// the functions read can be wrong.
    pub(crate) fn parse(text: ClientText) -> Result<Self, &'static str> {
        let google = GoogleClient::parse(text.expose())?;
        let listed = serde_json::from_str(text.expose())
            .map_or_else(|_| Vec::new(), |Download { web }| web.redirect_uris);
        Ok(Self { google, text, redirect_uris: listed })
    }

    /// Whether the client ID has the form of Google's, and may be printed.
    pub(crate) fn has_an_id_of_googles(&self) -> bool {
        let is_printable = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte);
        self.google.client_id.ends_with(CLIENT_ID_END) && self.google.client_id.bytes().all(is_printable)
    }

    /// Likewise for `deploy`, which prints the client ID. The error is a sentence without a full
    /// stop.
    pub(crate) fn of_googles(text: ClientText) -> Result<Self, &'static str> {
        let client = Self::parse(text).map_err(|sentence| sentence.trim_end_matches('.'))?;
        if client.has_an_id_of_googles() { Ok(client) } else { Err("Its client_id is not one of Google's") }
    }

    /// Whether the list has this address. Google compares letter by letter.
    pub(crate) fn lists(&self, callback: &str) -> bool {
        self.redirect_uris.iter().any(|uri| uri == callback)
    }

    /// The number of the project in Google's console, which every client ID begins with.
    pub(crate) fn project(&self) -> Option<&str> {
        let (number, _) = self.google.client_id.split_once('-')?;
        (!number.is_empty() && number.bytes().all(|byte| byte.is_ascii_digit())).then_some(number)
    }

    /// Whether this says something that `other` does not. A shorter list is an older download, and
    /// no reason to forget what a newer one said.
    pub(crate) fn adds_to(&self, other: &Self) -> bool {
        !self.google.is_same_as(&other.google)
            || self.google.authorization_endpoint != other.google.authorization_endpoint
            || self.google.token_endpoint != other.google.token_endpoint
            || self.redirect_uris.iter().any(|uri| !other.lists(uri))
    }
}
