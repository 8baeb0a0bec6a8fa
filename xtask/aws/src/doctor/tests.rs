//! Doctor against the local back ends and the functions themselves: what is planted is found with the right sentence, and
//! no line ever tells a secret.

mod api;
mod cloud;
mod configured;
mod deployed;
mod planted;
mod unclear;

use api::Api;
use harness::google::{Consent, Decision};
use harness::stack::{GOOGLE_CLIENT_SECRET, SEALING_KEYS_SECRET};
use harness::{Options, Stack};
use postern_rules::secret::SessionToken;
use serde_json::{Value, json};
use tokio::net::TcpListener;

use super::target::Target;
use super::{Finding, examine};
use crate::web_client::CONSOLE;

const PAGE: &str = "http://localhost:9100";
const CLIENT: &str = "640512773041-p0sternfakeclient.apps.googleusercontent.com";
/// Stand in every keyring and every client that a test puts.
const KEY: &str = "planted-key-0123456789abcdefghijklmnopqrstuv";
const WRONG_CLIENT_SECRET: &str = "GOCSPX-planted-and-wrong";

/// The local stack with the functions behind a port.
struct Scene {
    stack: Stack,
    api: Api,
    session: Option<String>,
}

impl Scene {
    async fn new() -> Self {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
        let url = format!("http://localhost:{}", listener.local_addr().unwrap().port());
        let options =
            Options { public_url: url.clone(), allowed_origins: PAGE.to_owned(), ..Options::default() };
        let stack = Stack::start(options).await;
        stack.secrets.put(SEALING_KEYS_SECRET, &json!({ "primary": "k1", "k1": KEY }).to_string());
        let api = Api::serve(listener, url, &stack.environment(), PAGE);
        Self { stack, api, session: None }
    }

    fn callback(&self) -> String {
        format!("{}/oauth/callback", self.api.url)
    }

    fn target(&self) -> Target {
        let (dynamodb, secrets) = (self.stack.dynamodb.url(), self.stack.secrets.url());
        let target = Target::at(&self.api.url, PAGE.to_owned(), &dynamodb, &secrets).unwrap();
        match &self.session {
            Some(session) => target.with_session(SessionToken::new(session.as_str())),
            None => target,
        }
    }

    /// Puts the client's file with its fields changed.
    fn put_client(&self, change: impl FnOnce(&mut Value)) {
        let mut file: Value = serde_json::from_str(&self.stack.google.client_secrets(&[])).unwrap();
        change(&mut file);
        self.stack.secrets.put(GOOGLE_CLIENT_SECRET, &file.to_string());
    }

    /// Connects a mailbox as a script does, and keeps the session.
    async fn sign_in(&mut self) {
        let (cookie, url) = self.api.start().await;
        let consent = self.stack.google.consent(&url, Decision::allow("ann@example.com")).await;
        assert!(matches!(consent, Consent::Redirect(_)), "{consent:?}");
        let (code, state) = (consent.code().unwrap(), consent.parameter("state").unwrap());
        self.session = Some(self.api.finish(&cookie, &code, &state).await);
    }

    /// Every line; none of them tells a secret.
    async fn lines(&self) -> Vec<String> {
        self.lines_of(&self.target()).await
    }

    async fn lines_of(&self, target: &Target) -> Vec<String> {
        let findings: Vec<Finding> = examine(target).await;
        let lines: Vec<String> = findings.iter().map(ToString::to_string).collect();
        let google = self.stack.google.client_secret();
        for line in &lines {
            for secret in [KEY, WRONG_CLIENT_SECRET, &google].into_iter().chain(self.session.as_deref()) {
                assert!(!line.contains(secret), "a line tells a secret");
            }
            assert!(!line.contains('\n') && !format!("{findings:?}").contains(KEY), "{line}");
        }
        lines
    }

    /// The lines that say that something is wrong.
    async fn wrongs(&self) -> Vec<String> {
        self.lines().await.into_iter().filter(|line| line.starts_with("wrong ")).collect()
    }
}

#[tokio::test]
async fn a_healthy_stack_is_good_line_by_line() {
    let mut scene = Scene::new().await;
    scene.sign_in().await;
    let (api, callback) = (&scene.api.url, scene.callback());
    assert_eq!(
        scene.lines().await,
        [
            format!("good   Google's client in the secret postern/google-client: {CLIENT}"),
            "good   the keyring in the secret postern/sealing-keys".to_owned(),
            "good   the table CredentialsTable of the users' tokens".to_owned(),
            "good   the table SessionsTable of the sessions".to_owned(),
            format!("good   GET {api}/auth/start begins a sign-in"),
            format!("good   CORS for {PAGE}"),
            "good   Google accepts the client secret in the secret postern/google-client".to_owned(),
            format!("good   Google knows the redirect URI {callback}"),
            "good   the Gmail API lists messages".to_owned(),
        ]
    );
}

#[tokio::test]
async fn asking_with_a_fresh_session_writes_nothing() {
    let mut scene = Scene::new().await;
    scene.sign_in().await;
    scene.stack.dynamodb.forget_calls();
    scene.lines().await;
    let calls = scene.stack.dynamodb.calls().into_iter().map(|call| call.operation);
    let writes = calls.filter(|operation| !operation.starts_with("Describe") && operation != "BatchGetItem");
    assert_eq!(writes.collect::<Vec<_>>(), Vec::<String>::new());
}
