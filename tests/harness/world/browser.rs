//! What a person does in the browser of a world, including at Google's page.

use std::panic::Location;

use serde_json::{Value, json};

use super::{Answer, Call, REDIRECT_URI, World, code_and_state, forces_consent};
use crate::google::{Consent, Decision};

impl World {
    /// Sends a call with the browser's cookies and keeps the cookies of the answer.
    pub async fn browse(&mut self, call: Call) -> Answer {
        let call = self.with_cookies(call);
        let answer = self.send(&call).await;
        self.keep_cookies(&answer);
        answer
    }

    /// The call with the browser's cookies.
    pub fn with_cookies(&self, mut call: Call) -> Call {
        call.cookies.extend(self.jar.pairs());
        call
    }

    /// Stores the cookies that an answer sets, as a browser does.
    pub fn keep_cookies(&mut self, answer: &Answer) {
        for cookie in &answer.cookies {
            let (name, rest) = cookie.split_once('=').unwrap();
            let is_partitioned = name == "__Host-session-p";
            let sent = if is_partitioned { "SameSite=None; Partitioned" } else { "SameSite=Lax" };
            for attribute in ["Path=/", "Secure", "HttpOnly", sent] {
                assert!(cookie.contains(attribute), "{cookie}");
            }
            let value = rest.split(';').next().unwrap();
            assert!(name.starts_with("__Host-") && !cookie.contains("Domain"), "{cookie}");
            if value.is_empty() {
                self.jar.remove(name);
            } else {
                self.plant(value);
                self.jar.set(name, value);
            }
        }
    }

    /// The browser's session token.
    pub fn session(&self) -> String {
        self.jar["__Host-session"].clone()
    }

    /// Begins a sign-in. Returns Google's URL.
    pub async fn start(&mut self, query: &str) -> String {
        let answer = self.browse(Call::get("/auth/start", query)).await;
        assert_eq!(answer.status, 302, "{answer:?}");
        answer.authorization_url()
    }

    /// Begins a sign-in that a page finishes with a POST. Returns Google's URL.
    pub async fn start_json(&mut self) -> String {
        self.browse(Call::start_json()).await.authorization_url()
    }

    /// The person decides at Google's page. Returns the query of the callback.
    pub async fn consent(&self, authorization_url: &str, decision: Decision) -> String {
        let consent = self.google.consent(authorization_url, decision).await;
        let Consent::Redirect(location) = &consent else { panic!("Google shows an error page: {consent:?}") };
        [consent.code(), consent.parameter("state")].iter().flatten().for_each(|secret| self.plant(secret));
        location.strip_prefix(&format!("{REDIRECT_URI}?")).expect("it is the callback").to_owned()
    }

    /// Begins a sign-in, and the person agrees to everything. Returns the query of the callback.
    pub async fn consented(&mut self, account: &str) -> String {
        let url = self.start("").await;
        self.consent(&url, Decision::allow(account)).await
    }

    /// The same through Google's forced consent page, which brings a refresh token.
    pub async fn consented_again(&mut self, account: &str) -> String {
        let url = self.start("").await;
        self.consent(&format!("{url}&prompt=consent"), Decision::allow(account)).await
    }

    /// The person decides, and the page posts what Google sent.
    pub async fn post_of(&self, authorization_url: &str, decision: Decision) -> Call {
        let (code, state) = code_and_state(&self.consent(authorization_url, decision).await);
        Call::post("/oauth/callback", &json!({"code": code, "state": state}))
    }

    /// A whole sign-in of a page that posts the code. It may fail.
    pub async fn post(&mut self, decision: Decision) -> Answer {
        let url = self.start_json().await;
        let call = self.post_of(&url, decision).await;
        self.browse(call).await
    }

    /// The callback with the browser's cookies.
    pub fn callback_of(&self, query: &str) -> Call {
        self.with_cookies(Call::get("/oauth/callback", query))
    }

    /// Ends a sign-in.
    pub async fn callback(&mut self, query: &str) -> Answer {
        self.browse(Call::get("/oauth/callback", query)).await
    }

    /// The person agrees to everything and comes back from Google.
    pub async fn come_back(&mut self, authorization_url: &str, account: &str) -> Answer {
        let query = self.consent(authorization_url, Decision::allow(account)).await;
        self.callback(&query).await
    }

    /// A whole sign-in of a person who agrees to everything. It may fail.
    pub async fn attempt(&mut self, account: &str) -> Answer {
        let query = self.consented(account).await;
        self.callback(&query).await
    }

    /// A whole sign-in of a person who agrees to everything. It must succeed.
    pub async fn sign_in(&mut self, account: &str) -> Answer {
        let answer = self.attempt(account).await;
        assert_eq!(answer.status, 303, "{answer:?}");
        answer.session();
        answer
    }

    /// After a 401 the person authorizes again through its URL. If Google sends no refresh token
    /// and none is stored, the callback leads to the consent page, and the person authorizes once
    /// more.
    pub async fn authorize_again(&mut self, answer: &Answer, account: &str) -> Answer {
        self.keep_cookies(answer);
        let answer = self.come_back(&answer.authorization_url(), account).await;
        if !answer.location().starts_with(self.google.url()) {
            return answer;
        }
        assert!(forces_consent(answer.location()), "{answer:?}");
        self.come_back(answer.location(), account).await
    }

    /// What `GET /connection` says to the browser.
    pub async fn connection(&self) -> Value {
        let answer = self.send(&self.with_cookies(Call::connection())).await;
        assert_eq!(answer.status, 200, "{answer:?}");
        assert!(answer.cookies.is_empty(), "no flow begins: {answer:?}");
        let told = answer.json();
        told["receipt"].as_str().into_iter().for_each(|receipt| self.plant(receipt));
        told
    }

    /// A call to list messages, with the browser's cookies.
    pub fn list(&self) -> Call {
        self.with_cookies(Call::list(""))
    }

    /// Lists messages with the browser's cookies.
    pub async fn messages(&self, query: &str) -> Answer {
        self.send(&self.with_cookies(Call::list(query))).await
    }

    /// Gets a message with the browser's cookies.
    pub async fn message(&self, id: &str, query: &str) -> Answer {
        self.send(&self.with_cookies(Call::get(&format!("/messages/{id}"), query))).await
    }

    /// Asserts that listing messages works.
    #[track_caller]
    pub fn lists(&self) -> impl Future<Output = Answer> {
        let caller = Location::caller();
        async move {
            let answer = self.messages("").await;
            assert_eq!(answer.status, 200, "{caller}: {answer:?}");
            answer
        }
    }
}
