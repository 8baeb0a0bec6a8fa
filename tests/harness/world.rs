//! The world of one test: the local back ends, one execution environment and one browser.
#![expect(
    clippy::unwrap_used,
    clippy::missing_panics_doc,
    reason = "a test that finds nothing where something must be has failed"
)]

mod answer;
mod browser;
mod call;
mod invariants;
mod log;
mod storage;

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use postern::app::{App, NotConfigured};
use postern::clock::{Clock, ManualClock};
use postern_rules::time::Timestamp;
use serde_json::{Value, json};

pub use self::answer::{Answer, invoke};
pub use self::call::Call;
use self::invariants::Witness;
pub use self::log::metrics_names;
pub use self::storage::{OTHER_CLIENT, is_sealed_with};
use crate::dynamodb::DynamoDb;
use crate::google::{Endpoint, Google};
use crate::jar::Jar;
use crate::metrics::Metrics;
use crate::secrets_manager::SecretsManager;
pub use crate::stack::{GOOGLE_CLIENT_SECRET as GOOGLE_CLIENT, SEALING_KEYS_SECRET as KEYRING};
use crate::{Options, Stack};

/// The front end's origin.
pub const ORIGIN: &str = "https://app.example.com";
/// Where Google sends browsers back to.
pub const REDIRECT_URI: &str = "https://api.example.com/oauth/callback";
/// The person with a large mailbox.
pub const ANN: &str = "ann@example.com";
/// Another person.
pub const BEN: &str = "ben@example.com";
/// The present, when a test begins.
pub const START: Timestamp = Timestamp::from_seconds(1_793_500_000);
/// The time that a request usually has.
pub const BUDGET: Duration = Duration::from_secs(8);
/// A state that no flow has.
pub const FORGED_STATE: &str = "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA";
/// Lists and searches; what is asked for when a test says nothing else.
pub const READONLY: &str = "https://www.googleapis.com/auth/gmail.readonly";
/// More than `READONLY`.
pub const MODIFY: &str = "https://www.googleapis.com/auth/gmail.modify";
/// Lists, and does not search.
pub const METADATA: &str = "https://www.googleapis.com/auth/gmail.metadata";
/// The key of the keyring.
const KEY: &str = "planted-keyring-0123456789abcdefghijklmnop";

/// A parameter of a URL.
pub fn parameter(url: &str, name: &str) -> Option<String> {
    let url = url::Url::parse(url).unwrap();
    url.query_pairs().find(|(known, _)| known == name).map(|(_, value)| value.into_owned())
}

/// The code and the state in the query of a callback.
pub fn code_and_state(query: &str) -> (String, String) {
    let url = format!("https://x/?{query}");
    (parameter(&url, "code").unwrap(), parameter(&url, "state").unwrap())
}

/// Whether an authorization URL forces Google's consent page.
pub fn forces_consent(url: &str) -> bool {
    parameter(url, "prompt").as_deref() == Some("consent")
}

/// An execution environment: one process's parts.
pub fn environment(variables: &BTreeMap<String, String>, clock: &ManualClock) -> Result<App, NotConfigured> {
    App::new(|name| variables.get(name).cloned(), Clock::Manual(clock.clone()), Some(log::metrics()))
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
    /// Google, as in the stack.
    pub google: Google,
    /// DynamoDB, as in the stack.
    pub dynamodb: DynamoDb,
    /// Secrets Manager, as in the stack.
    pub secrets: SecretsManager,
    /// The time of everything.
    pub clock: ManualClock,
    /// The environment variables.
    pub variables: BTreeMap<String, String>,
    /// The execution environment.
    pub app: App,
    /// The browser's cookies.
    pub jar: Jar,
    under_way: AtomicU32,
    witness: Witness,
}

impl World {
    /// A new world at [`START`].
    pub async fn new() -> Self {
        let witness = Witness { log_began: log::start(), ..Witness::default() };
        // Those of a world before this one are not of this one.
        Metrics::take();
        let clock = ManualClock::starting_at(START);
        let stack = Stack::start(Options { clock: Clock::Manual(clock.clone()), ..Options::default() }).await;
        stack.secrets.put(KEYRING, &json!({ "primary": "k1", "k1": KEY }).to_string());
        let variables = stack.environment();
        let app = environment(&variables, &clock).unwrap();
        let (google, dynamodb, secrets) =
            (stack.google.clone(), stack.dynamodb.clone(), stack.secrets.clone());
        let (jar, under_way) = (Jar::default(), AtomicU32::new(0));
        Self { stack, google, dynamodb, secrets, clock, variables, app, jar, under_way, witness }
    }

    /// A world where Ann is signed in; the calls and metrics of that are forgotten.
    pub async fn signed_in() -> Self {
        let mut world = Self::new().await;
        world.sign_in(ANN).await;
        world.forget_calls();
        world.metrics();
        world
    }

    /// The same once Ann's access token has ended.
    pub async fn expired() -> Self {
        let world = Self::signed_in().await;
        world.advance(3600);
        world
    }

    /// The same three minutes before it ends: it is used, and the next one is got.
    pub async fn ageing() -> Self {
        let world = Self::signed_in().await;
        world.advance(3400);
        world
    }

    /// Ann is signed in, and Ben in another browser, whose list is given.
    pub async fn with_ben() -> (Self, Call) {
        let mut world = Self::new().await;
        world.sign_in(BEN).await;
        let bens = world.list();
        world.jar.clear();
        world.sign_in(ANN).await;
        world.forget_calls();
        (world, bens)
    }

    /// Another execution environment over the same back ends, with other variables if need be.
    pub fn environment(&self, changes: &[(&str, &str)]) -> App {
        let mut variables = self.variables.clone();
        variables.extend(changes.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())));
        environment(&variables, &self.clock).unwrap()
    }

    /// The same with another configuration; gives the environment before.
    pub fn configure(&mut self, changes: &[(&str, &str)]) -> App {
        let configured = self.environment(changes);
        std::mem::replace(&mut self.app, configured)
    }

    /// What a process answers whose variable has this value, or is missing; there must be something wrong with it.
    pub async fn misconfigured(&self, variable: &str, value: Option<&str>) -> Answer {
        let mut variables = self.variables.clone();
        variables.remove(variable);
        variables.extend(value.map(|value| (variable.to_owned(), value.to_owned())));
        let Err(error) = environment(&variables, &self.clock) else {
            panic!("{variable}={value:?} is taken")
        };
        invoke(Err(&error), &Call::list("").event().to_string(), BUDGET).await
    }

    /// A process that knows nothing yet.
    pub fn cold_start(&mut self) {
        self.app = self.environment(&[]);
    }

    /// Sends a call exactly as it is.
    pub async fn send(&self, call: &Call) -> Answer {
        self.send_event(&call.event().to_string()).await
    }

    /// Sends an event exactly as it is.
    pub async fn send_event(&self, event: &str) -> Answer {
        let is_alone = self.under_way.fetch_add(1, Ordering::SeqCst) == 0;
        let before = self.outbound_calls();
        let answer = invoke(Ok(&self.app), event, BUDGET).await;
        if self.under_way.fetch_sub(1, Ordering::SeqCst) == 1 && is_alone {
            self.assert_unverified_asks_nobody(&answer, before);
        }
        answer
    }

    /// Sends a call to another environment.
    pub async fn send_to(&self, app: &App, call: &Call) -> Answer {
        invoke(Ok(app), &call.event().to_string(), BUDGET).await
    }

    /// Sends a call that has so much time.
    pub async fn send_within(&self, budget: Duration, call: &Call) -> Answer {
        invoke(Ok(&self.app), &call.event().to_string(), budget).await
    }

    /// Moves the clock forward.
    pub fn advance(&self, seconds: u64) {
        self.clock.advance(Duration::from_secs(seconds));
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
        let calls = self.google.calls_to(Endpoint::Token);
        calls.iter().filter(|call| call.form_value("grant_type").as_deref() == Some(grant_type)).count()
    }

    /// The DynamoDB operations since the last [`World::forget_calls`], in order.
    pub fn dynamodb_calls(&self) -> Vec<String> {
        self.dynamodb.calls().into_iter().map(|call| call.operation).collect()
    }

    /// The secrets that were read.
    pub fn secrets_read(&self) -> Vec<String> {
        let calls = self.secrets.calls().into_iter();
        calls.map(|call| call.body["SecretId"].as_str().unwrap_or_default().to_owned()).collect()
    }

    /// What Google was asked since the last [`World::forget_calls`], but for its authorization page.
    pub fn google_calls(&self) -> Vec<Endpoint> {
        let calls = self.google.calls().into_iter().map(|call| call.endpoint);
        calls.filter(|endpoint| *endpoint != Endpoint::Authorize).collect()
    }

    /// Forgets the calls so far, but not the secrets in them.
    pub fn forget_calls(&self) {
        self.note_what_google_saw();
        self.google.forget_calls();
        self.dynamodb.forget_calls();
        self.secrets.forget_calls();
    }

    /// Asserts that nothing was written and nobody outside was asked but for secrets.
    #[track_caller]
    pub fn assert_untouched(&self) {
        assert_eq!(self.dynamodb_calls(), Vec::<String>::new());
        assert_eq!(self.google_calls(), Vec::new());
    }

    /// Says that an answer which a test made in Google's place named this user.
    pub fn google_named(&self, sub: &str) {
        self.witness.named.lock().unwrap().insert(sub.to_owned());
    }

    /// The metrics that were written since this was asked last; no line tells who somebody is.
    pub fn metrics(&self) -> Metrics {
        let metrics = Metrics::take();
        let mut people = vec![self.sub(ANN), self.sub(BEN)];
        let stored = self.dynamodb.scan(crate::stack::CREDENTIALS_TABLE);
        people.extend(stored.iter().filter_map(|item| item["user_id"]["S"].as_str()).map(str::to_owned));
        // A test's own user of one digit would be found in every number.
        people.retain(|user| user.len() > 8);
        for line in metrics.0.iter().map(Value::to_string) {
            assert!(!line.contains('@') && !line.contains("http"), "an address is in the metrics: {line}");
            assert!(!people.iter().any(|user| line.contains(user)), "a user is in the metrics: {line}");
        }
        metrics
    }

    /// Whether a word stands in the log of this process.
    pub fn logged(&self, word: &str) -> bool {
        log::since(0).contains(word)
    }

    /// Remembers a secret that must turn up in no log.
    pub fn plant(&self, secret: &str) {
        self.witness.secrets.lock().unwrap().insert(secret.to_owned());
    }

    fn note_what_google_saw(&self) {
        self.google.calls().iter().for_each(|call| self.witness.saw(call));
    }
}
