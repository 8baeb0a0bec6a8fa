//! Google's `client_secrets.json` with what the functions do not read of it: the list of redirect URIs. And where Google's
//! console shows the client. Pure.

use postern_rules::google_client::GoogleClient;
use postern_rules::secret::Secret;
use serde::Deserialize;

/// Where Google's console shows the OAuth clients.
pub(crate) const CONSOLE: &str = "https://console.cloud.google.com/auth/clients";

/// How every client ID of Google's ends. Anything else is not printed: it may be the secret, in the wrong place.
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
    web: Option<Listed>,
}

#[derive(Deserialize)]
struct Listed {
    #[serde(default)]
    redirect_uris: Vec<String>,
}

impl WebClient {
    /// Reads what Google's console downloads. Only what the functions read can be wrong with it: a list of another form is
    /// as good as none.
    pub(crate) fn parse(text: ClientText) -> Result<Self, &'static str> {
        let google = GoogleClient::parse(text.expose())?;
        let download = serde_json::from_str::<Download>(text.expose()).ok();
        let redirect_uris = download.and_then(|download| download.web).map(|web| web.redirect_uris);
        Ok(Self { google, text, redirect_uris: redirect_uris.unwrap_or_default() })
    }

    /// Whether the client ID has the form of Google's, and may be printed.
    pub(crate) fn has_an_id_of_googles(&self) -> bool {
        let is_printable = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte);
        self.google.client_id.ends_with(CLIENT_ID_END) && self.google.client_id.bytes().all(is_printable)
    }

    /// Likewise for `deploy`, which prints the client ID. What is wrong is the end of a sentence that begins with "this is
    /// a file" or "this is a secret".
    pub(crate) fn of_googles(text: ClientText) -> Result<Self, String> {
        let client = Self::parse(text).map_err(end_of_sentence)?;
        if client.has_an_id_of_googles() {
            Ok(client)
        } else {
            Err(format!("whose client_id is not one of Google's, which end with {CLIENT_ID_END}"))
        }
    }

    /// Whether Google would send the browser there, as far as this list knows. Google compares letter by letter.
    pub(crate) fn lists(&self, callback: &str) -> bool {
        self.redirect_uris.iter().any(|uri| uri == callback)
    }

    /// The number of the project in Google's console, which every client ID begins with.
    pub(crate) fn project(&self) -> Option<&str> {
        let (number, _) = self.google.client_id.split_once('-')?;
        (!number.is_empty() && number.bytes().all(|byte| byte.is_ascii_digit())).then_some(number)
    }

    /// Whether the functions would do the same with either.
    pub(crate) fn means_the_same_as(&self, other: &Self) -> bool {
        self.google.is_same_as(&other.google)
            && self.google.authorization_endpoint == other.google.authorization_endpoint
            && self.google.token_endpoint == other.google.token_endpoint
    }
}

fn end_of_sentence(sentence: &str) -> String {
    format!("that cannot be used ({})", sentence.trim_end_matches('.'))
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    /// A download of a web client with these redirect URIs. "planted" is what must never be seen.
    pub(crate) fn downloaded(id: &str, secret: &str, redirect_uris: &[&str]) -> WebClient {
        let text = serde_json::json!({ "web": {
            "client_id": id, "client_secret": format!("GOCSPX-planted-{secret}"), "redirect_uris": redirect_uris,
        }});
        WebClient::parse(ClientText::new(text.to_string())).unwrap()
    }

    #[test]
    fn a_list_names_an_address_letter_by_letter() {
        let client = downloaded("1-a", "s", &["https://api.example.com/oauth/callback"]);
        assert!(client.lists("https://api.example.com/oauth/callback"));
        for other in ["https://api.example.com/oauth/callback/", "https://API.example.com/oauth/callback", ""]
        {
            assert!(!client.lists(other), "{other}");
        }
        for without_a_list in [
            r#"{"client_id":"1-a","client_secret":"s"}"#,
            r#"{"web":{"client_id":"1-a","client_secret":"s","redirect_uris":"planted"}}"#,
        ] {
            let client = WebClient::parse(ClientText::new(without_a_list)).unwrap();
            assert_eq!(client.redirect_uris, Vec::<String>::new());
        }
    }

    #[test]
    fn the_project_is_the_number_before_the_dash() {
        for (id, number) in [
            ("123456-abc.apps.googleusercontent.com", Some("123456")),
            ("abc-123.apps.googleusercontent.com", None),
            ("-abc", None),
            ("123456", None),
        ] {
            assert_eq!(downloaded(id, "s", &[]).project(), number, "{id}");
        }
    }

    #[test]
    fn anything_else_is_refused_with_the_end_of_a_sentence() {
        for (text, end) in [
            (
                r#"{"installed":{"client_id":"planted","client_secret":"planted"}}"#,
                "of an \"installed\" client;",
            ),
            ("planted", "that is not Google's client_secrets.json"),
            (r#"{"web":{"client_id":"planted"}}"#, "that is not Google's client_secrets.json"),
            ("{}", "without \"web\""),
            (
                r#"{"web":{"client_id":"","client_secret":"planted"}}"#,
                "whose client_id or client_secret is empty",
            ),
            (
                r#"{"web":{"client_id":"GOCSPX-planted","client_secret":"1.apps.googleusercontent.com"}}"#,
                "whose client_id is not one of Google's",
            ),
            (
                r#"{"web":{"client_id":"planted \u001b.apps.googleusercontent.com","client_secret":"b"}}"#,
                "whose client_id is not one of Google's",
            ),
            (
                r#"{"web":{"client_id":"a","client_secret":"planted","token_uri":"http://planted"}}"#,
                "whose auth_uri or token_uri is not https",
            ),
        ] {
            let problem = WebClient::of_googles(ClientText::new(text)).unwrap_err();
            assert!(problem.starts_with(end) && !problem.contains("planted"), "{problem}");
        }
    }
}
