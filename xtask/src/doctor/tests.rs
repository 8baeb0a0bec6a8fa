//! Doctor against an account with Postern in it: each planted defect has its finding, and no line
//! ever tells a secret.

mod aws;
mod planted;
mod unknown;
mod versions;

use std::sync::{Arc, Mutex, MutexGuard};

use axum::Router;
use harness::google::{Decision, Endpoint, Failure, Times};
use harness::stack::{GOOGLE_CLIENT_SECRET, SEALING_KEYS_SECRET};
use harness::world::{ANN, Call};
use harness::{Options, Stack};
use insta::assert_snapshot;
use postern_rules::secret::SessionToken;
use serde_json::{Value, json};
use tokio::net::TcpListener;

use self::aws::{Aws, PAGE};
use super::target::Target;
use super::{examine, template};
use crate::account::Account;

/// What stands in the output for the address of the API, whose port differs from run to run.
const API: &str = "https://api.example.com";
/// Nothing that says "planted" may stand in the output.
const KEY: &str = "planted-key-0123456789abcdefghijklmnopqrstuv";
const WRONG_CLIENT_SECRET: &str = "GOCSPX-planted-and-wrong";

/// A healthy deployment, in which a test plants a defect; it ends with the test's runtime.
#[derive(Clone)]
struct Scene {
    url: String,
    stack: Stack,
    aws: Arc<Mutex<Aws>>,
    session: Option<String>,
}

impl Scene {
    async fn new() -> Self {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
        let url = format!("http://localhost:{}", listener.local_addr().unwrap().port());
        let options =
            Options { public_url: url.clone(), allowed_origins: PAGE.to_owned(), ..Options::default() };
        let stack = Stack::start(options).await;
        let aws = Arc::new(Mutex::new(Aws::new(&url, &stack)));
        let scene = Self { url, stack, aws, session: None };
        scene.put_keyring(&json!({ "primary": "k1", "k1": KEY }));
        let router = Router::new().fallback(aws::answer).with_state(scene.clone());
        #[expect(clippy::disallowed_methods, reason = "the fake AWS runs beside the test")]
        tokio::spawn(async move { axum::serve(listener, router).await });
        scene.be_as_the_template_says().await;
        scene
    }

    async fn be_as_the_template_says(&self) {
        let target = self.target().await;
        let templates = template::read(target.deployment.as_ref().unwrap()).await;
        self.aws().be_as(&templates.ok().unwrap());
    }

    async fn target(&self) -> Target {
        let mut target =
            Target::of_stack(&Account::of_a_test(&self.url).await, "postern", None).await.unwrap();
        target.session = self.session.as_deref().map(SessionToken::new);
        target
    }

    fn aws(&self) -> MutexGuard<'_, Aws> {
        self.aws.lock().unwrap()
    }

    /// From now on answers every call so that has all of these words in its target, path and body.
    fn answer(&self, call: &str, status: u16, body: &impl ToString) {
        self.aws().answers.push((call.to_owned(), status, body.to_string()));
    }

    /// Stores the client's file with a change.
    fn put_client(&self, change: impl FnOnce(&mut Value)) {
        let mut file: Value = serde_json::from_str(&self.stack.google.client_secrets(&[])).unwrap();
        change(&mut file);
        self.stack.secrets.put(GOOGLE_CLIENT_SECRET, &file.to_string());
    }

    fn put_keyring(&self, keyring: &Value) {
        self.stack.secrets.put(SEALING_KEYS_SECRET, &keyring.to_string());
    }

    /// Google answers the token request with an error.
    fn refuse(&self, error: &str, description: &str) {
        let [error, description] = [error, description].map(str::to_owned);
        let failure = Failure::OAuth { status: 401, error, description };
        self.stack.google.fail(Endpoint::Token, failure, Times::UntilCleared);
    }

    /// Changes what Lambda says of a function.
    fn change(&self, function: &str, change: impl FnOnce(&mut Value)) {
        change(self.aws().functions.get_mut(function).unwrap());
    }

    /// Changes a variable of a function.
    fn set(&self, function: &str, variable: &str, value: &str) {
        self.change(function, |function| function["Environment"]["Variables"][variable] = json!(value));
    }

    /// Writes lines into the log of list-messages, a second after each other, the last one first.
    fn log(&self, lines: impl IntoIterator<Item = Value>) {
        let events = lines
            .into_iter()
            .zip(1_793_500_000..)
            .map(|(line, second)| json!({ "timestamp": second * 1000_i64, "message": line.to_string() }));
        let mut events: Vec<Value> = events.collect();
        events.reverse();
        self.answer("FilterLogEvents list-messages", 200, &json!({ "events": events }));
    }

    /// Connects a mailbox as a script does, and keeps the session.
    async fn sign_in(&mut self) {
        let started = self.call(Call::start_json()).await;
        let cookie = started.cookies[0].split(';').next().unwrap();
        let consent = self.stack.google.consent(&started.authorization_url(), Decision::allow(ANN)).await;
        let body = json!({ "code": consent.code().unwrap(), "state": consent.parameter("state").unwrap() });
        let callback = Call::post("/oauth/callback", &body).header("origin", PAGE).cookie(cookie);
        self.session = self.call(callback).await.json()["session_token"].as_str().map(str::to_owned);
        assert!(self.session.is_some());
    }

    /// All that doctor prints; no secret is in it.
    async fn output(&self) -> String {
        self.output_for(&self.target().await).await
    }

    async fn output_for(&self, target: &Target) -> String {
        let report = examine(target).await;
        let lines: Vec<String> = report.findings.iter().map(|(_, finding)| finding.to_string()).collect();
        let output = lines.join("\n").replace(&self.url, API);
        for secret in [self.stack.google.client_secret()].iter().chain(&self.session) {
            assert!(!output.contains(secret), "a line tells a secret");
        }
        assert!(!output.contains("planted") && output.lines().count() == lines.len(), "{output}");
        output
    }

    /// What is wrong.
    async fn wrong(&self) -> String {
        lines("wrong", &self.output().await)
    }
}

/// What AWS answers when a resource does not exist.
fn absent() -> Value {
    json!({ "__type": "ResourceNotFoundException" })
}

/// The lines that begin so.
fn lines(word: &str, output: &str) -> String {
    let lines: Vec<&str> = output.lines().filter(|line| line.starts_with(word)).collect();
    lines.join("\n")
}

#[tokio::test]
async fn a_healthy_deployment_is_good_line_by_line_and_stays_as_it_is() {
    let mut scene = Scene::new().await;
    scene.sign_in().await;
    scene.stack.dynamodb.forget_calls();
    assert_snapshot!(scene.output().await, @"
    good   the functions access-token, auth-start, auth-token, connection, connections, events, get-message, list-messages, oauth-callback, risc, server-metadata, sign-out, sweep
    good   the properties that CloudFormation compares are those of the template
    good   each route of the API leads to its function
    good   each function may be invoked by whom the template permits
    good   the role of access-token allows what the template grants, and no more
    good   the role of auth-start allows what the template grants, and no more
    good   the role of auth-token allows what the template grants, and no more
    good   the role of connection allows what the template grants, and no more
    good   the role of connections allows what the template grants, and no more
    good   the role of events allows what the template grants, and no more
    good   the role of get-message allows what the template grants, and no more
    good   the role of list-messages allows what the template grants, and no more
    good   the role of oauth-callback allows what the template grants, and no more
    good   the role of risc allows what the template grants, and no more
    good   the role of server-metadata allows what the template grants, and no more
    good   the role of sign-out allows what the template grants, and no more
    good   the role of sweep allows what the template grants, and no more
    good   the 40 alarms exist and are silent
    ?      whether somebody hears of the alarms: no AlarmTopicArn is set, so they tell nobody
    good   the log of access-token has no error in the last hour
    good   the log of auth-start has no error in the last hour
    good   the log of auth-token has no error in the last hour
    good   the log of connection has no error in the last hour
    good   the log of connections has no error in the last hour
    good   the log of events has no error in the last hour
    good   the log of get-message has no error in the last hour
    good   the log of list-messages has no error in the last hour
    good   the log of oauth-callback has no error in the last hour
    good   the log of risc has no error in the last hour
    good   the log of server-metadata has no error in the last hour
    good   the log of sign-out has no error in the last hour
    good   the log of sweep has no error in the last hour
    good   GET https://api.example.com/auth/start starts a sign-in that returns to https://api.example.com/oauth/callback
    good   GET https://api.example.com/messages answers 401 not_signed_in to somebody without a session
    good   GET https://api.example.com/oauth/callback answers 400 invalid_request to somebody without a session
    good   CORS for http://localhost:9100
    good   CORS for other origins: refused
    good   Google's client in postern/google-client: 640512773041-p0sternfakeclient.apps.googleusercontent.com
    good   the keyring in postern/sealing-keys
    good   the keyring has the keys of all 1 users
    good   the table CredentialsTable with the users' tokens
    good   the table SessionsTable with the sessions
    good   Google accepts the client secret in postern/google-client
    ?      whether Google knows the redirect URI https://api.example.com/oauth/callback: the stored client_secrets.json lists it; compare it with the Authorized redirect URIs of the web client 640512773041-p0sternfakeclient.apps.googleusercontent.com at https://console.cloud.google.com/auth/clients
    good   the Gmail API lists messages
    ");
    let is_read = |name: &str| name.starts_with("Describe") || ["BatchGetItem", "Scan"].contains(&name);
    assert!(scene.stack.dynamodb.calls().iter().all(|call| is_read(&call.operation)));
}

#[tokio::test]
async fn what_is_optional_is_not_missed_in_a_stack_without_it() {
    let scene = Scene::new().await;
    for template in scene.aws().templates.values_mut() {
        let resources = template["Resources"].as_object_mut().unwrap();
        resources.retain(|_, resource| resource["Condition"].is_null());
    }
    let output = scene.output().await;
    // The fake API still has the route that an option added.
    let unasked =
        "wrong  the API has 1 routes that the template does not have: delete them, unless you want them";
    assert_eq!(lines("wrong", &output), unasked);
    for name in ["access-token", "connections", "events", "risc", "sweep"] {
        assert!(!output.contains(name), "{output}");
    }
}

#[tokio::test]
async fn the_exit_status_tells_a_dead_api_from_a_defect() {
    let scene = Scene::new().await;
    let code = async || examine(&scene.target().await).await.exit_code();
    assert_eq!(code().await, 0);
    scene.put_client(|file| file["web"]["client_secret"] = json!(WRONG_CLIENT_SECRET));
    assert_eq!(code().await, 1);
    for status in [200, 403, 404, 429, 500] {
        scene.answer("/messages", status, &json!({ "message": "planted" }));
        assert_eq!(code().await, 2, "{status}");
    }
}

#[tokio::test]
async fn a_pipeline_gets_the_same_as_json() {
    let scene = Scene::new().await;
    scene.put_client(|file| file["web"]["client_secret"] = json!(WRONG_CLIENT_SECRET));
    let mut document = examine(&scene.target().await).await.json();
    let findings = document["findings"].take();
    assert_eq!(document["exit_code"], 1);
    let of = |check: &str| findings.as_array().unwrap().iter().filter(|one| one["check"] == check).count();
    assert_eq!((of("google"), of("api"), of("roles")), (2, 3, 13));
    let wrong = findings.as_array().unwrap().iter().find(|one| one["state"] == "wrong").unwrap();
    assert_snapshot!(wrong.to_string(), @r#"{"check":"google","fix":"store the current client_secrets.json of the client 640512773041-p0sternfakeclient.apps.googleusercontent.com; https://console.cloud.google.com/auth/clients makes a new secret if yours is lost","state":"wrong","what":"Google refuses the client secret in postern/google-client"}"#);
    assert!(!findings.to_string().contains("planted"));
}
