//! A user of a front end: signs in at the fake Google, lists mail, is asked to authorize again.

use serde_json::{Value, json};
use url::form_urlencoded;

use crate::browser::{Answer, Browser};
use crate::google::{Consent, Decision, Google};

/// A PKCE verifier and its challenge (RFC 7636 appendix B).
const VERIFIER: &str = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk";
const CHALLENGE: &str = "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM";
/// An account of the fake Google.
pub const ACCOUNT: &str = "ann@example.com";

/// One person, one browser, one mailbox.
pub struct Visit<'a> {
    /// Where it connects the mailbox.
    pub google: &'a Google,
    api: String,
    page: String,
    browser: Browser,
    account: String,
}

/// A page of messages.
#[derive(Debug)]
pub struct Listed {
    /// The ids of the messages, in order.
    pub ids: Vec<String>,
    /// Where the next page is.
    pub next: Option<String>,
}

impl<'a> Visit<'a> {
    /// A person with `browser` on the front end at the origin `page`, which calls the API at the
    /// base URL `api`.
    pub fn new(google: &'a Google, api: &str, page: &str, browser: Browser, account: &str) -> Self {
        let [api, page, account] = [api, page, account].map(str::to_owned);
        Self { google, api, page, browser, account }
    }

    /// Goes to `/auth/start`; gives the authorization URL that the answer leads to.
    pub async fn start(&mut self) -> Result<String, String> {
        let return_to = format!("{}/", self.page);
        let query = form([("return_to", return_to.as_str())]);
        let answer = self.browser.get(&format!("{}/auth/start?{query}", self.api)).await?;
        expect_status(&answer, 302, "GET /auth/start")?;
        expect(answer.sets_cookie("__Host-flow-"), "GET /auth/start sets the flow cookie")?;
        Ok(answer.location().ok_or("GET /auth/start has no Location")?.to_owned())
    }

    /// Allows everything on Google's page and follows the redirect back.
    pub async fn connect(&mut self, authorization_url: &str) -> Result<(), String> {
        let answer = self.consent(authorization_url).await?;
        let location = answer.location().unwrap_or("");
        let is_home = location.starts_with(&self.page) && !location.contains("auth_error");
        expect(is_home, &format!("the callback leads back to the page, not to {location:?}"))?;
        expect(answer.sets_cookie("__Host-session="), "the callback sets the session cookie")
    }

    async fn consent(&mut self, authorization_url: &str) -> Result<Answer, String> {
        let consent = self.google.consent(authorization_url, Decision::allow(&self.account)).await;
        let back = match consent {
            Consent::Redirect(back) => back,
            Consent::ErrorPage(code) => return Err(format!("Google shows its error page: {code}")),
        };
        let answer = self.browser.get(&back).await?;
        expect_status(&answer, 303, "the callback")?;
        Ok(answer)
    }

    /// Signs in as an OAuth library does, by what the API says of itself (RFC 8414), and redeems the
    /// code for the cookie of the page's own site.
    pub(crate) async fn sign_in_with_code(&mut self) -> Result<(), String> {
        let described = format!("{}/.well-known/oauth-authorization-server", self.api);
        let described = self.browser.get(&described).await?;
        expect_status(&described, 200, "the authorization server's metadata")?;
        let endpoint =
            |name: &str| described.body[name].as_str().ok_or(format!("the metadata has no {name}"));
        let page = self.page.clone();
        let client = [("client_id", "check"), ("redirect_uri", page.as_str())];
        let query = form(client.into_iter().chain([
            ("response_type", "code"),
            ("state", "state"),
            ("code_challenge", CHALLENGE),
            ("code_challenge_method", "S256"),
        ]));
        let started = self.browser.get(&format!("{}?{query}", endpoint("authorization_endpoint")?)).await?;
        expect_status(&started, 302, "the authorization endpoint")?;
        let answer = self.consent(started.location().ok_or("it has no Location")?).await?;
        let location = answer.location().unwrap_or("");
        let (landed, query) = location.split_once('?').unwrap_or_default();
        let answers = |name: &str| {
            let mut pairs = form_urlencoded::parse(query.as_bytes());
            pairs.find(|(known, _)| known == name).map(|(_, value)| value.into_owned())
        };
        let is_ours = landed == page && answers("state").as_deref() == Some("state");
        expect(is_ours && answers("iss").as_deref() == Some(endpoint("issuer")?), "the answer is for us")?;
        let code = answers("code").ok_or("the callback gives no code")?;
        let proof = [("grant_type", "authorization_code"), ("code", &code), ("code_verifier", VERIFIER)];
        let body = form(client.into_iter().chain(proof).chain([("session", "cookie")]));
        let redeemed = self.browser.submit(endpoint("token_endpoint")?, &page, body).await?;
        expect_status(&redeemed, 200, "the token endpoint")?;
        expect(redeemed.sets_cookie("__Host-session-p="), "the token endpoint sets the session cookie")
    }

    /// Reads the newest message: in the list and by itself. Gives its subject.
    pub(crate) async fn read_newest(&mut self) -> Result<String, String> {
        let list = self.fetch_messages(&[("format", "metadata"), ("maxResults", "3")]).await?;
        expect_status(&list, 200, "GET /messages with metadata")?;
        let listed = &list.body["messages"][0];
        let id = listed["id"].as_str().ok_or("the list has no message")?;
        let message = self.browser.fetch(&format!("{}/messages/{id}", self.api), &self.page).await?;
        expect_status(&message, 200, "GET /messages/{id}")?;
        expect(&message.body == listed, "a message by itself is as in the list")?;
        Ok(listed["subject"].as_str().ok_or("the message has no subject")?.to_owned())
    }

    /// Lists a page of the mailbox.
    pub async fn list(&mut self, query: &[(&str, &str)]) -> Result<Listed, String> {
        let answer = self.fetch_messages(query).await?;
        expect_status(&answer, 200, "GET /messages")?;
        let messages = answer.body["messages"].as_array().ok_or("GET /messages has no messages")?;
        let ids: Vec<String> =
            messages.iter().filter_map(|message| message["id"].as_str()).map(str::to_owned).collect();
        expect(!ids.is_empty() && ids.len() == messages.len(), "every message has an id")?;
        Ok(Listed { ids, next: answer.body["nextPageToken"].as_str().map(str::to_owned) })
    }

    /// Lists, and is answered 401 for `expected`; gives the authorization URL of that answer.
    pub async fn is_asked_to_authorize_again(&mut self, expected: &str) -> Result<String, String> {
        let answer = self.fetch_messages(&[]).await?;
        expect_status(&answer, 401, "GET /messages")?;
        let reason = &answer.body["reason"];
        expect(reason == expected, &format!("the reason is {expected}, not {reason}"))?;
        expect(answer.body["start_url"].is_string(), "the problem names the start_url")?;
        match &answer.body["authorization_url"] {
            Value::String(url) => Ok(url.clone()),
            _ => Err("the problem has no authorization_url".to_owned()),
        }
    }

    /// Asks where the user stands, and is told `status` and `reason`.
    pub(crate) async fn stands(&mut self, status: &str, reason: Option<&str>) -> Result<(), String> {
        let answer = self.browser.fetch(&format!("{}/connection", self.api), &self.page).await?;
        expect_status(&answer, 200, "GET /connection")?;
        let (told, why) = (&answer.body["status"], &answer.body["reason"]);
        expect(told == status && why.as_str() == reason, &format!("the user is {status}, not {told}, {why}"))
    }

    /// The receipt that the page may hand to its own back end.
    pub async fn receipt(&mut self) -> Result<String, String> {
        let answer = self.browser.fetch(&format!("{}/connection", self.api), &self.page).await?;
        expect_status(&answer, 200, "GET /connection")?;
        Ok(answer.body["receipt"].as_str().ok_or("GET /connection has no receipt")?.to_owned())
    }

    /// Signs out.
    pub(crate) async fn sign_out(&mut self) -> Result<(), String> {
        let (url, body) = (format!("{}/auth/sign-out", self.api), json!({}));
        let answer = self.browser.change("POST", &url, &self.page, Some(&body)).await?;
        expect_status(&answer, 204, "POST /auth/sign-out")
    }

    /// Ends the connection.
    pub(crate) async fn disconnect(&mut self) -> Result<(), String> {
        let answer =
            self.browser.change("DELETE", &format!("{}/connection", self.api), &self.page, None).await?;
        expect_status(&answer, 204, "DELETE /connection")
    }

    /// Fetches `/messages`, whatever the answer.
    pub async fn fetch_messages(&mut self, query: &[(&str, &str)]) -> Result<Answer, String> {
        let query = form(query.iter().copied());
        self.browser.fetch(&format!("{}/messages?{query}", self.api), &self.page).await
    }
}

fn form<'a>(pairs: impl IntoIterator<Item = (&'a str, &'a str)>) -> String {
    form_urlencoded::Serializer::new(String::new()).extend_pairs(pairs).finish()
}

/// Prints that a step succeeded.
#[expect(clippy::print_stdout, reason = "the commands that check a stack say each step")]
pub fn say(step: &str) {
    println!("ok  {step}");
}

/// Fails with a sentence if something is not so.
pub fn expect(is_so: bool, what: &str) -> Result<(), String> {
    if is_so { Ok(()) } else { Err(format!("this is not so: {what}")) }
}

/// Refuses another status than the expected one.
pub fn expect_status(answer: &Answer, status: u16, what: &str) -> Result<(), String> {
    let (got, body) = (answer.status, &answer.body);
    if got == status { Ok(()) } else { Err(format!("{what} answers {got}, not {status}: {body}")) }
}
