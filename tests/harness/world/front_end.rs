//! A front end that asks for a one-time code and redeems it, in the browser of a world or elsewhere.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use form_urlencoded::Serializer;
use ring::digest::{SHA256, digest};

use super::{Answer, Call, ORIGIN, World, parameter};
use crate::google::Decision;

/// A front end's authorization request, and what it remembers of it.
#[derive(Clone, Debug)]
pub struct FrontEnd {
    /// Where the answer goes.
    pub redirect_uri: String,
    /// Its name for itself.
    pub client_id: String,
    /// Its own state.
    pub state: String,
    /// Its PKCE verifier.
    pub verifier: String,
    /// `query` or `fragment`.
    pub mode: String,
}

impl Default for FrontEnd {
    fn default() -> Self {
        Self {
            redirect_uri: format!("{ORIGIN}/mail?tab=inbox"),
            client_id: "web".to_owned(),
            state: "the-state-of-the-page".to_owned(),
            verifier: "a-planted-verifier-of-the-page-with-43-characters".to_owned(),
            mode: "query".to_owned(),
        }
    }
}

impl FrontEnd {
    /// One whose answer goes to this address.
    pub fn at(redirect_uri: &str) -> Self {
        Self { redirect_uri: redirect_uri.to_owned(), ..Self::default() }
    }

    /// The parameters of `GET /auth/start`.
    pub fn parameters(&self) -> Vec<(&'static str, String)> {
        let challenge = URL_SAFE_NO_PAD.encode(digest(&SHA256, self.verifier.as_bytes()));
        vec![
            ("response_type", "code".to_owned()),
            ("client_id", self.client_id.clone()),
            ("redirect_uri", self.redirect_uri.clone()),
            ("state", self.state.clone()),
            ("code_challenge", challenge),
            ("code_challenge_method", "S256".to_owned()),
            ("response_mode", self.mode.clone()),
        ]
    }

    /// The query of `GET /auth/start`.
    pub fn query(&self) -> String {
        encoded(&self.parameters())
    }

    /// The query with one parameter changed, or removed.
    pub fn query_with(&self, name: &str, value: Option<&str>) -> String {
        encoded(&changed(self.parameters(), name, value))
    }

    /// The fields of `POST /auth/token`.
    pub fn fields(&self, code: &str) -> Vec<(&'static str, String)> {
        vec![
            ("grant_type", "authorization_code".to_owned()),
            ("code", code.to_owned()),
            ("code_verifier", self.verifier.clone()),
            ("redirect_uri", self.redirect_uri.clone()),
            ("client_id", self.client_id.clone()),
        ]
    }

    /// The token request of a page of the front end.
    pub fn redeems(&self, code: &str) -> Call {
        form(&encoded(&self.fields(code)))
    }

    /// The same with one field changed, or removed.
    pub fn redeems_with(&self, code: &str, name: &str, value: Option<&str>) -> Call {
        form(&encoded(&changed(self.fields(code), name, value)))
    }

    /// The token request of a page that wants its session in a cookie.
    pub fn redeems_for_cookie(&self, code: &str) -> Call {
        let mut fields = self.fields(code);
        fields.push(("session", "cookie".to_owned()));
        form(&encoded(&fields))
    }
}

/// A form as a page of the front end posts it to `/auth/token`.
pub fn form(body: &str) -> Call {
    let call = Call { method: "POST".to_owned(), ..Call::get("/auth/token", "") };
    call.body(body).header("content-type", "application/x-www-form-urlencoded").header("origin", ORIGIN)
}

fn encoded(pairs: &[(&'static str, String)]) -> String {
    Serializer::new(String::new()).extend_pairs(pairs).finish()
}

fn changed(
    mut pairs: Vec<(&'static str, String)>,
    name: &str,
    value: Option<&str>,
) -> Vec<(&'static str, String)> {
    match value {
        Some(value) => {
            let pair = pairs.iter_mut().find(|(known, _)| *known == name).expect("it is a known one");
            value.clone_into(&mut pair.1);
        }
        None => pairs.retain(|(known, _)| *known != name),
    }
    pairs
}

impl World {
    /// Begins a sign-in that ends in a code. Returns Google's URL.
    pub async fn start_for_code(&mut self, front_end: &FrontEnd) -> String {
        self.plant(&front_end.verifier);
        self.start(&front_end.query()).await
    }

    /// A whole sign-in that ends in a code. Returns the answer of the callback; it may have failed.
    pub async fn attempt_for_code(&mut self, front_end: &FrontEnd, account: &str) -> Answer {
        let url = self.start_for_code(front_end).await;
        let query = self.consent(&url, Decision::allow(account)).await;
        self.callback(&query).await
    }

    /// A whole sign-in that ends in a code, which it returns.
    pub async fn code(&mut self, front_end: &FrontEnd, account: &str) -> String {
        let answer = self.attempt_for_code(front_end, account).await;
        assert_eq!(answer.status, 303, "{answer:?}");
        let location =
            answer.location().replace('#', if answer.location().contains('?') { "&" } else { "?" });
        let code = parameter(&location, "code").unwrap_or_else(|| panic!("there is no code: {answer:?}"));
        self.plant(&code);
        code
    }

    /// A whole sign-in of a front end that ends in a bearer token, which it returns.
    pub async fn bearer_token(&mut self, account: &str) -> String {
        let front_end = FrontEnd::default();
        let code = self.code(&front_end, account).await;
        let answer = self.browse(front_end.redeems(&code)).await;
        assert_eq!(answer.status, 200, "{answer:?}");
        let token = answer.json()["access_token"].as_str().unwrap().to_owned();
        self.plant(&token);
        token
    }
}
