//! The world of one test: the local back ends, one execution environment, one browser, and what they saw. What must hold
//! after every test is asserted here, when the world ends.
#![expect(
    clippy::unwrap_used,
    clippy::missing_panics_doc,
    reason = "a test that finds nothing where something must be has failed"
)]

use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex, Once};
use std::time::Duration;

use postern::app::{App, NotConfigured};
use postern::clock::{Clock, Deadline, ManualClock};
use postern::door::{Invocation, respond};
use postern::telemetry::metrics::Sink;
use postern_rules::config::MetricsNames;
use postern_rules::time::Timestamp;
use serde_json::{Value, json};
use tracing_subscriber::fmt::writer::MakeWriterExt;

use crate::google::{Consent, Decision, Endpoint};
use crate::jar::Jar;
use crate::metrics::{self, Metrics};
use crate::stack::{CREDENTIALS_TABLE, GOOGLE_CLIENT_SECRET, SEALING_KEYS_SECRET, SESSIONS_TABLE};
use crate::{Options, Stack};

/// The front end's origin.
pub const ORIGIN: &str = "https://app.example.com";
/// The person with a large mailbox.
pub const ANN: &str = "ann@example.com";
/// Another person.
pub const BEN: &str = "ben@example.com";
/// The present, when a test begins.
pub const START: Timestamp = Timestamp::from_seconds(1_793_500_000);

/// Everything that was logged by any test of this process, at TRACE.
static LOG: Mutex<Vec<u8>> = Mutex::new(Vec::new());
static LOG_STARTED: Once = Once::new();

struct LogWriter;

impl io::Write for LogWriter {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        LOG.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// One request, as the test says it; everything else comes from a recorded event.
#[derive(Clone, Debug)]
pub struct Call {
    /// The method.
    pub method: String,
    /// The path.
    pub path: String,
    /// The raw query.
    pub query: String,
    /// The headers, besides those of the recorded event.
    pub headers: Vec<(String, String)>,
    /// The cookies, as `name=value`.
    pub cookies: Vec<String>,
    /// The body.
    pub body: Option<String>,
}

impl Call {
    /// A GET; of the list, as a script of a page of the API's own origin makes it.
    pub fn get(path: &str, query: &str) -> Self {
        let fetched: &[_] = if path == "/messages" {
            &[("sec-fetch-site", "same-origin"), ("sec-fetch-mode", "cors"), ("sec-fetch-dest", "empty")]
        } else {
            &[]
        };
        let headers = fetched.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
        Self {
            method: "GET".to_owned(),
            path: path.to_owned(),
            query: query.to_owned(),
            headers: headers.collect(),
            cookies: Vec::new(),
            body: None,
        }
    }

    /// A POST as a page of the front end makes it.
    pub fn post(path: &str, body: &Value) -> Self {
        let call = Self { method: "POST".to_owned(), body: Some(body.to_string()), ..Self::get(path, "") };
        call.header("content-type", "application/json")
            .header("x-requested-with", "XmlHttpRequest")
            .header("origin", ORIGIN)
    }

    /// The same call with another method.
    #[must_use]
    pub fn method(mut self, method: &str) -> Self {
        method.clone_into(&mut self.method);
        self
    }

    /// Adds a header, or replaces it.
    #[must_use]
    pub fn header(mut self, name: &str, value: &str) -> Self {
        self.headers.retain(|(known, _)| known != name);
        self.headers.push((name.to_owned(), value.to_owned()));
        self
    }

    /// The same call without a header.
    #[must_use]
    pub fn without_header(mut self, name: &str) -> Self {
        self.headers.retain(|(known, _)| known != name);
        self
    }

    /// Adds a cookie, as `name=value`.
    #[must_use]
    pub fn cookie(mut self, cookie: &str) -> Self {
        self.cookies.push(cookie.to_owned());
        self
    }

    /// The event: the recorded one, with what this call says put in.
    pub fn event(&self) -> Value {
        let mut event: Value =
            serde_json::from_str(include_str!("../fixtures/events/api_gateway_http_api_v2.json")).unwrap();
        event["rawPath"] = json!(self.path);
        event["rawQueryString"] = json!(self.query);
        event["requestContext"]["http"]["method"] = json!(self.method);
        event["requestContext"]["http"]["path"] = json!(self.path);
        event["queryStringParameters"] = Value::Null;
        event["cookies"] = if self.cookies.is_empty() { Value::Null } else { json!(self.cookies) };
        for (name, value) in &self.headers {
            event["headers"][name] = json!(value);
        }
        if let Some(body) = &self.body {
            event["body"] = json!(body);
        }
        event
    }
}

/// What a function answered.
#[derive(Clone, Debug)]
pub struct Answer {
    /// The status.
    pub status: i64,
    /// The headers.
    pub headers: BTreeMap<String, String>,
    /// The `Set-Cookie` values.
    pub cookies: Vec<String>,
    /// The body.
    pub body: String,
}

impl Answer {
    /// The body, which must be JSON.
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap_or_else(|_| panic!("the body is JSON: {self:?}"))
    }

    /// The problem document's code.
    pub fn code(&self) -> String {
        self.json()["code"].as_str().unwrap_or_default().to_owned()
    }

    /// The status, and whether a browser's page came instead of a document.
    pub fn code_or_page(&self) -> (i64, bool) {
        (self.status, self.headers["content-type"].starts_with("text/html"))
    }

    /// The `Location` header; empty for none.
    pub fn location(&self) -> &str {
        self.headers.get("location").map(String::as_str).unwrap_or_default()
    }

    /// The value of a cookie that this answer sets.
    pub fn set_cookie(&self, name: &str) -> Option<&str> {
        let prefix = format!("{name}=");
        self.cookies
            .iter()
            .find_map(|cookie| cookie.strip_prefix(&prefix)?.split(';').next())
            .filter(|value| !value.is_empty())
    }
}

/// A parameter of a URL.
pub fn parameter(url: &str, name: &str) -> Option<String> {
    let url = url::Url::parse(url).unwrap();
    url.query_pairs().find(|(known, _)| known == name).map(|(_, value)| value.into_owned())
}

/// An execution environment: one process's parts.
pub fn environment(variables: &BTreeMap<String, String>, clock: &ManualClock) -> Result<App, NotConfigured> {
    // The metrics stand in the log too: what must not be in the one must not be in the other.
    let metrics = Sink::new(metrics_names(), (|| LogWriter).and(|| metrics::Writer));
    App::new(|name| variables.get(name).cloned(), Clock::Manual(clock.clone()), Some(metrics))
}

/// What a test's metrics are written under.
pub fn metrics_names() -> MetricsNames {
    MetricsNames {
        namespace: metrics::NAMESPACE.to_owned(),
        function_name: metrics::FUNCTION_NAME.to_owned(),
    }
}

/// Answers an event in an environment, by the function that its path belongs to.
pub async fn invoke(app: Result<&App, &NotConfigured>, event: &str, budget: Duration) -> Answer {
    let path = serde_json::from_str::<Value>(event)
        .ok()
        .and_then(|event| event["rawPath"].as_str().map(str::to_owned));
    let invocation = Invocation { request_id: "request-1".to_owned(), deadline: Deadline::after(budget) };
    let answer = match path.as_deref() {
        Some(path) if path.contains("auth") && path.contains("start") => {
            respond(app, auth_start::ROUTE, auth_start::handle, event, invocation).await
        }
        Some(path) if path.contains("callback") => {
            respond(app, oauth_callback::ROUTE, oauth_callback::handle, event, invocation).await
        }
        _ => respond(app, list_messages::ROUTE, list_messages::handle, event, invocation).await,
    };
    // As the runtime sends it.
    let wire = serde_json::to_value(&answer).unwrap();
    let headers = wire["headers"].as_object().unwrap().iter();
    let answer = Answer {
        status: wire["statusCode"].as_i64().unwrap(),
        headers: headers.map(|(name, value)| (name.clone(), value.as_str().unwrap().to_owned())).collect(),
        cookies: serde_json::from_value(wire["cookies"].clone()).unwrap(),
        body: wire["body"].as_str().unwrap_or_default().to_owned(),
    };
    // I1: no input makes a defect of ours. I2: no token or secret of Google's is in any answer.
    assert_ne!(answer.status, 500, "{answer:?}");
    for told in answer.headers.values().chain([&answer.body]).chain(&answer.cookies) {
        for never in ["ya29.", "1//0", "GOCSPX-", "planted-keyring"] {
            assert!(!told.contains(never), "I2: an answer tells a secret");
        }
    }
    // I3, and the other headers of every answer.
    assert_eq!(answer.headers["cache-control"], "no-store");
    assert_eq!(answer.headers["x-content-type-options"], "nosniff");
    assert_eq!(answer.headers["x-frame-options"], "DENY");
    assert_eq!(answer.headers["referrer-policy"], "no-referrer");
    assert!(answer.headers["content-security-policy"].contains("frame-ancestors 'none'"));
    assert!(answer.headers.keys().all(|name| !name.starts_with("access-control-")));
    answer
}

/// Waits until something is so; a test that waits for more than ten seconds has failed.
pub async fn until(is_so: impl Fn() -> bool) {
    let waiting = async {
        while !is_so() {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(10), waiting).await.expect("what is waited for happens");
}

/// The back ends, one execution environment and one browser.
pub struct World {
    /// The back ends.
    pub stack: Stack,
    /// The time of everything.
    pub clock: ManualClock,
    /// The environment variables.
    pub variables: BTreeMap<String, String>,
    /// The execution environment.
    pub app: App,
    /// The browser's cookies.
    pub jar: Jar,
    keyring: String,
    secrets: Arc<Mutex<Vec<String>>>,
    under_way: AtomicU32,
    /// How often each flow, by its verifier, was exchanged with an outcome.
    exchanged: Mutex<BTreeMap<String, u32>>,
    /// The users that a test, in Google's place, named in an answer of its own.
    named: Mutex<BTreeSet<String>>,
    /// Where the log stood at the beginning: what this world knows cannot be in what was logged before.
    log_began: usize,
}

impl World {
    /// A world where Ann is signed in and her access token has ended.
    pub async fn expired() -> Self {
        let mut world = Self::new().await;
        world.sign_in(ANN).await;
        world.advance(3600);
        world.forget_calls();
        world
    }

    /// A new world at [`START`].
    pub async fn new() -> Self {
        LOG_STARTED.call_once(|| {
            let subscriber = postern::telemetry::subscriber(tracing::Level::TRACE, || LogWriter);
            tracing::subscriber::set_global_default(subscriber).unwrap();
        });
        // Those of a world before this one are not of this one.
        Metrics::take();
        let clock = ManualClock::starting_at(START);
        let stack = Stack::start(Options { clock: Clock::Manual(clock.clone()), ..Options::default() }).await;
        let keyring =
            json!({"primary": "k1", "k1": "planted-keyring-0123456789abcdefghijklmnop"}).to_string();
        stack.secrets.put(SEALING_KEYS_SECRET, &keyring);
        let variables = stack.environment();
        let app = environment(&variables, &clock).unwrap();
        let log_began = LOG.lock().unwrap().len();
        Self {
            stack,
            clock,
            variables,
            app,
            jar: Jar::default(),
            keyring,
            secrets: Arc::default(),
            under_way: AtomicU32::new(0),
            exchanged: Mutex::default(),
            named: Mutex::default(),
            log_began,
        }
    }

    /// Another execution environment over the same back ends, with other variables if need be.
    pub fn environment(&self, changes: &[(&str, &str)]) -> App {
        let mut variables = self.variables.clone();
        variables.extend(changes.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())));
        environment(&variables, &self.clock).unwrap()
    }

    /// A process that knows nothing yet.
    pub fn cold_start(&mut self) {
        self.app = environment(&self.variables, &self.clock).unwrap();
    }

    /// Sends a call exactly as it is.
    pub async fn send(&self, call: &Call) -> Answer {
        self.send_event(&call.event().to_string()).await
    }

    /// Sends an event exactly as it is.
    pub async fn send_event(&self, event: &str) -> Answer {
        let (alone, before) = (self.under_way.fetch_add(1, Ordering::SeqCst) == 0, self.outbound_calls());
        let answer = invoke(Ok(&self.app), event, Duration::from_secs(8)).await;
        let alone = self.under_way.fetch_sub(1, Ordering::SeqCst) == 1 && alone;
        // I6: nobody outside is asked for a flow that does not verify.
        let unverified =
            ["state_missing", "state_mismatch", "state_expired"].map(|code| format!("\"code\":\"{code}\""));
        if alone && unverified.iter().any(|code| answer.body.contains(code)) {
            assert_eq!(self.outbound_calls(), before, "I6: {answer:?}");
        }
        answer
    }

    /// How many calls DynamoDB and Google have seen.
    fn outbound_calls(&self) -> (usize, usize) {
        (self.stack.dynamodb.calls().len(), self.google_calls().len())
    }

    /// Sends a call with the browser's cookies, and keeps those that come back.
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

    /// Takes what an answer sets into the browser's jar, as a browser does.
    pub fn keep_cookies(&mut self, answer: &Answer) {
        for cookie in &answer.cookies {
            for attribute in ["Path=/", "Secure", "HttpOnly", "SameSite=Lax"] {
                assert!(cookie.contains(attribute), "{cookie}");
            }
            let (name, rest) = cookie.split_once('=').unwrap();
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

    /// Begins a sign-in; gives Google's URL.
    pub async fn start(&mut self, query: &str) -> String {
        let answer = self.browse(Call::get("/auth/start", query)).await;
        assert_eq!(answer.status, 302, "{answer:?}");
        answer.location().to_owned()
    }

    /// The person at Google's page; gives the query of the callback.
    pub async fn consent(&self, authorization_url: &str, decision: Decision) -> String {
        let consent = self.stack.google.consent(authorization_url, decision).await;
        let Consent::Redirect(location) = &consent else { panic!("Google shows an error page: {consent:?}") };
        self.plant_all(&[consent.code(), consent.parameter("state")]);
        assert!(location.starts_with("https://api.example.com/oauth/callback?"), "{location}");
        location.split_once('?').unwrap().1.to_owned()
    }

    /// Ends a sign-in.
    pub async fn callback(&mut self, query: &str) -> Answer {
        self.browse(Call::get("/oauth/callback", query)).await
    }

    /// A whole sign-in of a person who agrees to everything.
    pub async fn sign_in(&mut self, account: &str) -> Answer {
        let url = self.start("").await;
        let query = self.consent(&url, Decision::allow(account)).await;
        let answer = self.callback(&query).await;
        assert_eq!(answer.status, 303, "{answer:?}");
        assert!(answer.set_cookie("__Host-session").is_some(), "{answer:?}");
        answer
    }

    /// A person who is told so authorizes again through the URL of the 401; and once more where the
    /// callback leads through the consent page, for Google gave no refresh token and none is
    /// stored.
    pub async fn authorize_again(&mut self, answer: &Answer, account: &str) -> Answer {
        self.keep_cookies(answer);
        let url = answer.json()["authorization_url"].as_str().unwrap().to_owned();
        let query = self.consent(&url, Decision::allow(account)).await;
        let answer = self.callback(&query).await;
        if !answer.location().starts_with(self.stack.google.url()) {
            return answer;
        }
        assert_eq!(parameter(answer.location(), "prompt").as_deref(), Some("consent"));
        let query = self.consent(answer.location(), Decision::allow(account)).await;
        self.callback(&query).await
    }

    /// Lists messages with the browser's cookies.
    pub async fn messages(&self, query: &str) -> Answer {
        self.send(&self.with_cookies(Call::get("/messages", query))).await
    }

    /// An account's `sub`.
    pub fn sub(&self, account: &str) -> String {
        self.stack.google.account(account).unwrap().sub.clone()
    }

    /// The item of the credentials table, as it is.
    pub fn credential(&self, account: &str) -> Value {
        self.stack.dynamodb.item(CREDENTIALS_TABLE, "user_id", &self.sub(account)).unwrap_or_default()
    }

    /// The rows of sessions.
    pub fn sessions(&self) -> Vec<Value> {
        let items = self.stack.dynamodb.scan(SESSIONS_TABLE).into_iter();
        items.filter(|item| item["id"]["S"].as_str().unwrap().starts_with("session#")).collect()
    }

    /// What is stored of a refresh token: byte for byte the same before and after, where it must be kept.
    pub fn kept(&self, account: &str) -> Value {
        let item = self.credential(account);
        json!([item["refresh_token"], item["refresh_token_id"], item["status"]])
    }

    /// How many refreshes Google saw since the last [`World::forget_calls`].
    pub fn refreshes(&self) -> usize {
        self.token_calls("refresh_token")
    }

    /// How many code exchanges Google saw since the last [`World::forget_calls`].
    pub fn exchanges(&self) -> usize {
        self.token_calls("authorization_code")
    }

    fn token_calls(&self, grant_type: &str) -> usize {
        let calls = self.stack.google.calls_to(Endpoint::Token);
        calls.iter().filter(|call| call.form_value("grant_type").as_deref() == Some(grant_type)).count()
    }

    /// The DynamoDB operations since the last [`World::forget_calls`], in order.
    pub fn dynamodb_calls(&self) -> Vec<String> {
        self.stack.dynamodb.calls().into_iter().map(|call| call.operation).collect()
    }

    /// The secrets that were read.
    pub fn secrets_read(&self) -> Vec<String> {
        let calls = self.stack.secrets.calls().into_iter();
        calls.map(|call| call.body["SecretId"].as_str().unwrap_or_default().to_owned()).collect()
    }

    /// What Google was asked since the last [`World::forget_calls`], but for its authorization page.
    pub fn google_calls(&self) -> Vec<Endpoint> {
        let calls = self.stack.google.calls().into_iter().map(|call| call.endpoint);
        calls.filter(|endpoint| *endpoint != Endpoint::Authorize).collect()
    }

    /// Forgets the calls so far, but not the secrets in them.
    pub fn forget_calls(&self) {
        self.plant_what_google_saw();
        self.stack.google.forget_calls();
        self.stack.dynamodb.forget_calls();
        self.stack.secrets.forget_calls();
    }

    /// Asserts that nothing was written and nobody outside was asked but for secrets.
    pub fn assert_untouched(&self) {
        assert_eq!(self.dynamodb_calls(), Vec::<String>::new());
        assert_eq!(self.google_calls(), Vec::new());
    }

    /// Moves the clock forward.
    pub fn advance(&self, seconds: u64) {
        self.clock.advance(Duration::from_secs(seconds));
    }

    /// Says that an answer which a test made in Google's place named this user.
    pub fn google_named(&self, sub: &str) {
        self.named.lock().unwrap().insert(sub.to_owned());
    }

    /// The metrics that were written since this was asked last; no line tells who somebody is.
    pub fn metrics(&self) -> Metrics {
        let metrics = Metrics::take();
        let mut people = vec![self.sub(ANN), self.sub(BEN)];
        let stored = self.stack.dynamodb.scan(CREDENTIALS_TABLE);
        people.extend(stored.iter().filter_map(|item| item["user_id"]["S"].as_str()).map(str::to_owned));
        // A test's own user of one digit would be found in every number.
        people.retain(|user| user.len() > 8);
        for line in metrics.0.iter().map(Value::to_string) {
            assert!(!line.contains('@') && !line.contains("http"), "an address is in the metrics: {line}");
            assert!(
                !people.iter().any(|user| line.contains(user.as_str())),
                "a user is in the metrics: {line}"
            );
        }
        metrics
    }

    /// Whether a word stands in the log of this process.
    pub fn logged(&self, word: &str) -> bool {
        String::from_utf8_lossy(&LOG.lock().unwrap()).contains(word)
    }

    /// Remembers a secret that must turn up in no log.
    pub fn plant(&self, secret: &str) {
        self.secrets.lock().unwrap().push(secret.to_owned());
    }

    fn plant_all(&self, secrets: &[Option<String>]) {
        secrets.iter().flatten().for_each(|secret| self.plant(secret));
    }

    fn plant_what_google_saw(&self) {
        for call in self.stack.google.calls() {
            self.plant_all(&[call.bearer().map(str::to_owned)]);
            // What Google did not process (a wrong client, a plea for patience, a page for
            // automated callers) may be sent again; nothing else (I5).
            let processed = call.status.is_none_or(|status| ![302, 401, 403, 429, 503].contains(&status));
            if processed && let Some(verifier) = call.form_value("code_verifier") {
                *self.exchanged.lock().unwrap().entry(verifier).or_default() += 1;
            }
            if call.endpoint == Endpoint::Token {
                let names = ["code", "refresh_token", "client_secret", "code_verifier"];
                self.plant_all(&names.map(|name| call.form_value(name)));
            }
        }
    }
}

/// After each test: what must hold whatever the test was about (I1, I3 and the answers' part of I2 at each answer).
impl Drop for World {
    fn drop(&mut self) {
        if std::thread::panicking() {
            return;
        }
        self.metrics();
        self.plant_what_google_saw();
        self.plant(&self.stack.google.client_secret());
        self.plant("planted-keyring-0123456789abcdefghijklmnop");
        assert!(self.keyring.contains("planted-keyring"));
        let log = String::from_utf8_lossy(&LOG.lock().unwrap()[self.log_began..]).into_owned();
        let tables: String = [CREDENTIALS_TABLE, SESSIONS_TABLE]
            .iter()
            .flat_map(|table| self.stack.dynamodb.scan(table))
            .map(|item| item.to_string())
            .collect();
        let secrets: BTreeSet<String> = self.secrets.lock().unwrap().drain(..).collect();
        for secret in secrets.iter().filter(|secret| secret.len() >= 16) {
            assert!(!log.contains(secret.as_str()), "a secret is in the log");
            assert!(!tables.contains(secret.as_str()), "a secret stands in clear in a table");
        }
        assert!(
            self.exchanged.lock().unwrap().values().all(|count| *count == 1),
            "I5: one exchange for each state"
        );
        // I7: a session belongs to an account that Google named.
        for session in self.sessions() {
            let user = session["user_id"]["S"].as_str().unwrap();
            let is_named =
                self.stack.google.account(user).is_some() || self.named.lock().unwrap().contains(user);
            assert!(is_named, "I7: {session}");
        }
        // I4: a token that is in use is there, and sealed; one that is dead is not.
        for item in self.stack.dynamodb.scan(CREDENTIALS_TABLE) {
            let has_token = item["refresh_token"]["S"]
                .as_str()
                .is_some_and(|token| token.starts_with("v2.k") || token.starts_with("v1.k"));
            assert_eq!(
                item["status"]["S"] == "active",
                has_token,
                "an active credential has a sealed refresh token"
            );
        }
    }
}

/// The name of Google's client secret, for tests that change it.
pub const GOOGLE_CLIENT: &str = GOOGLE_CLIENT_SECRET;
/// The name of the keyring, for tests that change it.
pub const KEYRING: &str = SEALING_KEYS_SECRET;
