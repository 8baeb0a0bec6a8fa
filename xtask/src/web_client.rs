//! Google's `client_secrets.json` with the list of redirect URIs, which the functions do not read,
//! and the client that it replaces.

use std::collections::BTreeMap;
use std::sync::Arc;

use postern_rules::google_client::{GoogleClient, GoogleClients};
use postern_rules::secret::Secret;
use serde::Deserialize;
use serde_json::value::RawValue;

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
#[derive(Clone, Debug)]
pub(crate) struct WebClient {
    /// What the functions use.
    pub(crate) google: Arc<GoogleClient>,
    /// The client that it replaces.
    pub(crate) outgoing: Option<Box<WebClient>>,
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

/// The member with the client that another replaces.
const OUTGOING: &str = "outgoing";
const NOT_JSON: &str = "The client is not a JSON object.";

/// The members of the JSON object.
fn members(text: &ClientText) -> Result<BTreeMap<String, &RawValue>, &'static str> {
    serde_json::from_str(text.expose()).map_err(|_| NOT_JSON)
}

impl WebClient {
    /// Reads what Google's console downloads. A list of another form is as good as none: only what
    /// the functions read can be wrong.
    pub(crate) fn parse(text: ClientText) -> Result<Self, &'static str> {
        let google = GoogleClients::parse(text.expose())?.coming;
        let listed = serde_json::from_str(text.expose())
            .map_or_else(|_| Vec::new(), |Download { web }| web.redirect_uris);
        let outgoing = members(&text)?.remove(OUTGOING).map(RawValue::get).filter(|json| *json != "null");
        let outgoing = outgoing.map(|json| Self::parse(ClientText::new(json)));
        let outgoing = outgoing.transpose()?.map(Box::new);
        Ok(Self { google, outgoing, text, redirect_uris: listed })
    }

    /// The same client as the one that replaces `outgoing`, or none.
    pub(crate) fn replacing(&self, outgoing: Option<&Self>) -> Result<Self, &'static str> {
        let mut members = members(&self.text)?;
        members.remove(OUTGOING);
        let alone = outgoing.map(|outgoing| outgoing.replacing(None)).transpose()?;
        if let Some(outgoing) = &alone {
            let json = serde_json::from_str(outgoing.text.expose()).map_err(|_| NOT_JSON)?;
            members.insert(OUTGOING.to_owned(), json);
        }
        // Large enough from the start, as in `client_file`.
        let length = alone.as_ref().map_or(0, |outgoing| outgoing.text.expose().len());
        let mut text = Vec::with_capacity(self.text.expose().len() + length + 100);
        serde_json::to_writer(&mut text, &members).map_err(|_| NOT_JSON)?;
        Self::parse(ClientText::new(String::from_utf8(text).map_err(|_| NOT_JSON)?))
    }

    /// The IDs of the clients that serve: this one and the one that it replaces.
    pub(crate) fn ids(&self) -> impl Iterator<Item = &str> {
        std::iter::once(self).chain(self.outgoing.as_deref()).map(|client| client.google.client_id.as_str())
    }

    /// Whether the client IDs have the form of Google's, and may be printed.
    pub(crate) fn has_an_id_of_googles(&self) -> bool {
        let is_printable = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte);
        self.ids().all(|id| id.ends_with(CLIENT_ID_END) && id.bytes().all(is_printable))
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

    /// Whether this says something of the client itself that `other` does not. A shorter list is an
    /// older download, and no reason to forget what a newer one said.
    pub(crate) fn adds_to(&self, other: &Self) -> bool {
        !self.google.is_same_as(&other.google)
            || self.google.authorization_endpoint != other.google.authorization_endpoint
            || self.google.token_endpoint != other.google.token_endpoint
            || self.redirect_uris.iter().any(|uri| !other.lists(uri))
    }
}
