//! `cargo xtask dev --check`: one mailbox, connected, listed, lost and connected again, over HTTP through
//! `cargo lambda watch`.

use harness::google::{Consent, Decision};
use serde_json::Value;
use url::form_urlencoded;

use crate::browser::{Answer, Browser};
use crate::dev::Local;

const ACCOUNT: &str = "ann@example.com";

/// Goes through the flow and says each step; the first that fails ends it.
pub(crate) async fn run(local: &Local) -> Result<(), String> {
    let mut visit = Visit { local, browser: Browser::new()? };

    let authorization_url = visit.start().await?;
    say("GET /auth/start sends the browser to Google and sets the flow cookie");
    visit.connect(&authorization_url).await?;
    say("the callback sends the browser back to the page and sets the session cookie");

    let first = visit.list(&[]).await?;
    say(&format!("GET /messages lists {} messages", first.ids.len()));
    let unread = visit.list(&[("q", "is:unread")]).await?;
    expect(unread.ids != first.ids, "a search gives other messages than no search")?;
    say(&format!("a search for unread messages lists {}", unread.ids.len()));
    let token = first.next.as_deref().ok_or("the first page does not name a next one")?;
    let second = visit.list(&[("pageToken", token)]).await?;
    expect(second.ids.iter().all(|id| !first.ids.contains(id)), "the next page has other messages")?;
    say(&format!("the next page lists {} more", second.ids.len()));

    local.stack.google.revoke_grant(ACCOUNT);
    local.stack.google.expire_access_tokens(ACCOUNT);
    let authorization_url = visit.is_asked_to_authorize_again().await?;
    say("after the grant is revoked, GET /messages answers 401 revoked_or_expired with Google's URL");
    visit.connect(&authorization_url).await?;
    say("that URL leads to the consent page and back");
    let again = visit.list(&[]).await?;
    expect(again.ids == first.ids, "the list is the same as before")?;
    say(&format!("GET /messages lists {} messages again", again.ids.len()));
    Ok(())
}

/// A person in front of the page.
struct Visit<'a> {
    local: &'a Local,
    browser: Browser,
}

/// A page of messages.
struct Listed {
    ids: Vec<String>,
    next: Option<String>,
}

impl Visit<'_> {
    async fn start(&mut self) -> Result<String, String> {
        let return_to = format!("{}/", self.local.page);
        let query =
            form_urlencoded::Serializer::new(String::new()).append_pair("return_to", &return_to).finish();
        let answer = self.browser.get(&format!("{}/auth/start?{query}", self.local.api)).await?;
        expect_status(&answer, 302, "GET /auth/start")?;
        expect(answer.sets_cookie("__Host-flow-"), "GET /auth/start sets the flow cookie")?;
        Ok(answer.location().ok_or("GET /auth/start has no Location")?.to_owned())
    }

    /// Allows everything on Google's page and follows the redirect back.
    async fn connect(&mut self, authorization_url: &str) -> Result<(), String> {
        let consent = self.local.stack.google.consent(authorization_url, Decision::allow(ACCOUNT)).await;
        let back = match consent {
            Consent::Redirect(back) => back,
            Consent::ErrorPage(code) => return Err(format!("Google shows its error page: {code}")),
        };
        let answer = self.browser.get(&back).await?;
        expect_status(&answer, 303, "the callback")?;
        let location = answer.location().unwrap_or("");
        let is_home = location.starts_with(&self.local.page) && !location.contains("auth_error");
        expect(is_home, &format!("the callback leads back to the page, not to {location:?}"))?;
        expect(answer.sets_cookie("__Host-session="), "the callback sets the session cookie")
    }

    async fn list(&mut self, query: &[(&str, &str)]) -> Result<Listed, String> {
        let answer = self.fetch_messages(query).await?;
        expect_status(&answer, 200, "GET /messages")?;
        let messages = answer.body["messages"].as_array().ok_or("GET /messages has no messages")?;
        let ids: Vec<String> =
            messages.iter().filter_map(|message| message["id"].as_str()).map(str::to_owned).collect();
        expect(!ids.is_empty() && ids.len() == messages.len(), "every message has an id")?;
        Ok(Listed { ids, next: answer.body["nextPageToken"].as_str().map(str::to_owned) })
    }

    async fn is_asked_to_authorize_again(&mut self) -> Result<String, String> {
        let answer = self.fetch_messages(&[]).await?;
        expect_status(&answer, 401, "GET /messages with a revoked grant")?;
        let reason = &answer.body["reason"];
        expect(reason == "revoked_or_expired", &format!("the reason is revoked_or_expired, not {reason}"))?;
        expect(answer.body["start_url"].is_string(), "the problem names the start_url")?;
        match &answer.body["authorization_url"] {
            Value::String(url) => Ok(url.clone()),
            _ => Err("the problem has no authorization_url".to_owned()),
        }
    }

    async fn fetch_messages(&mut self, query: &[(&str, &str)]) -> Result<Answer, String> {
        let query = form_urlencoded::Serializer::new(String::new()).extend_pairs(query).finish();
        self.browser.fetch(&format!("{}/messages?{query}", self.local.api), &self.local.page).await
    }
}

fn say(step: &str) {
    println!("ok  {step}");
}

fn expect(is_so: bool, what: &str) -> Result<(), String> {
    if is_so { Ok(()) } else { Err(format!("this is not so: {what}")) }
}

fn expect_status(answer: &Answer, status: u16, what: &str) -> Result<(), String> {
    let (got, body) = (answer.status, &answer.body);
    if got == status { Ok(()) } else { Err(format!("{what} answers {got}, not {status}: {body}")) }
}
