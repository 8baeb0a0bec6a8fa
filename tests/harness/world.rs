//! The world of one test: the local back ends, one execution environment and one browser.
#![expect(
    clippy::unwrap_used,
    clippy::missing_panics_doc,
    reason = "a test that finds nothing where something must be has failed"
)]

mod answer;
mod browser;
mod call;
mod direct;
mod documented;
mod events;
mod front_end;
mod imports;
mod invariants;
mod log;
mod passes;
mod storage;
mod sweep;

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use postern::app::{App, NotConfigured};
use postern::clock::{Clock, ManualClock};
use postern_rules::time::Timestamp;
use serde_json::{Value, json};

pub use self::answer::{Answer, invoke};
pub use self::call::Call;
pub use self::direct::{Told, invoke_direct};
pub use self::events::{Stream, hour, invoke_events, kinds};
pub use self::front_end::{FrontEnd, form};
pub use self::imports::{Import, import_line};
use self::invariants::Witness;
pub use self::log::metrics_names;
pub use self::passes::{all_items, copy_all, follow_ends, reseal_all};
pub use self::storage::{OTHER_CLIENT, is_sealed_with};
pub use self::sweep::{QUARTERS, invoke_sweep, quarter};
use crate::dynamodb::DynamoDb;
use crate::google::{Endpoint, Google};
use crate::jar::Jar;
use crate::metrics::Metrics;
use crate::secrets_manager::SecretsManager;
pub use crate::stack::{GOOGLE_CLIENT_SECRET as GOOGLE_CLIENT, SEALING_KEYS_SECRET as KEYRING};
use crate::{Options, Stack};

/// The front end's origin.
pub const ORIGIN: &str = "https://app.example.com";
/// The redirect URI.
pub const REDIRECT_URI: &str = "https://api.example.com/oauth/callback";
/// The person with a large mailbox.
pub const ANN: &str = "ann@example.com";
/// Another person.
pub const BEN: &str = "ben@example.com";
/// The time when a test begins.
pub const START: Timestamp = Timestamp::from_seconds(1_793_500_000);
/// The time that a request has unless a test says otherwise.
pub const BUDGET: Duration = Duration::from_secs(8);
/// A well-formed state that belongs to no flow.
pub const FORGED_STATE: &str = "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA";
/// Allows listing and searching. The default of the tests.
pub const READONLY: &str = "https://www.googleapis.com/auth/gmail.readonly";
/// Allows more than `READONLY`.
pub const MODIFY: &str = "https://www.googleapis.com/auth/gmail.modify";
/// Allows listing, but not searching.
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

/// An execution environment: the parts of one process.
pub fn environment(variables: &BTreeMap<String, String>, clock: &ManualClock) -> Result<App, NotConfigured> {
    App::new(|name| variables.get(name).cloned(), Clock::Manual(clock.clone()), Some(log::metrics()))
}

/// Waits until a condition holds. Fails the test after ten seconds.
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
    /// The stack's Google.
    pub google: Google,
    /// The stack's DynamoDB.
    pub dynamodb: DynamoDb,
    /// The stack's Secrets Manager.
    pub secrets: SecretsManager,
    /// The clock of the functions and the back ends.
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
    /// A new world at [`START`]. From here on, time moves only while nothing is left to do.
    pub async fn new() -> Self {
        crate::time::pause();
        let witness = Witness { log_began: log::start(), ..Witness::default() };
        // An earlier world in this thread may have left some.
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

    /// A world where Ann is signed in. The calls and metrics of her sign-in are forgotten.
    pub async fn signed_in() -> Self {
        let mut world = Self::new().await;
        world.sign_in(ANN).await;
        world.forget_calls();
        world.metrics();
        world
    }

    /// The same after Ann's access token has expired.
    pub async fn expired() -> Self {
        let world = Self::signed_in().await;
        world.advance(3600);
        world
    }

    /// The same shortly before it expires: a request still uses it and refreshes it ahead of time.
    pub async fn ageing() -> Self {
        let world = Self::signed_in().await;
        world.advance(3400);
        world
    }

    /// A world where Ann is signed in, and Ben in another browser. Also returns Ben's call to list
    /// messages.
    pub async fn with_ben() -> (Self, Call) {
        let mut world = Self::new().await;
        world.sign_in(BEN).await;
        let bens = world.list();
        world.jar.clear();
        world.sign_in(ANN).await;
        world.forget_calls();
        (world, bens)
    }

    /// Another execution environment for the same back ends, with these variables changed.
    pub fn environment(&self, changes: &[(&str, &str)]) -> App {
        let mut variables = self.variables.clone();
        variables.extend(changes.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())));
        environment(&variables, &self.clock).unwrap()
    }

    /// Replaces this world's environment by one with other variables. Returns the previous one.
    pub fn configure(&mut self, changes: &[(&str, &str)]) -> App {
        let configured = self.environment(changes);
        std::mem::replace(&mut self.app, configured)
    }

    /// The answer of a process that has an invalid value for `variable`, or none. Panics if it is
    /// valid.
    pub async fn misconfigured(&self, variable: &str, value: Option<&str>) -> Answer {
        let mut variables = self.variables.clone();
        variables.remove(variable);
        variables.extend(value.map(|value| (variable.to_owned(), value.to_owned())));
        let Err(error) = environment(&variables, &self.clock) else {
            panic!("{variable}={value:?} is taken")
        };
        invoke(Err(&error), &Call::list("").event().to_string(), BUDGET).await
    }

    /// Starts a new process, which has nothing cached.
    pub fn cold_start(&mut self) {
        self.app = self.environment(&[]);
    }

    /// Sends a call unchanged.
    pub async fn send(&self, call: &Call) -> Answer {
        self.send_event(&call.event().to_string()).await
    }

    /// Sends an event unchanged.
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

    /// Sends a call with this much time.
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

    /// The secrets that were read since the last [`World::forget_calls`].
    pub fn secrets_read(&self) -> Vec<String> {
        let calls = self.secrets.calls().into_iter();
        let ids = calls.flat_map(|call| match &call.body["SecretIdList"] {
            Value::Array(ids) => ids.clone(),
            _ => vec![call.body["SecretId"].clone()],
        });
        ids.map(|id| id.as_str().unwrap_or_default().to_owned()).collect()
    }

    /// The calls to Google since the last [`World::forget_calls`], without its authorization page.
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

    /// Asserts that neither DynamoDB nor Google was called. Secrets may have been read.
    #[track_caller]
    pub fn assert_untouched(&self) {
        assert_eq!(self.dynamodb_calls(), Vec::<String>::new());
        assert_eq!(self.google_calls(), Vec::new());
    }

    /// Notes that the test itself, in Google's place, answered with this user's name.
    pub fn google_named(&self, sub: &str) {
        self.witness.named.lock().unwrap().insert(sub.to_owned());
    }

    /// The metrics since the last call. Asserts that no line identifies a user.
    pub fn metrics(&self) -> Metrics {
        let metrics = Metrics::take();
        let mut people = vec![self.sub(ANN), self.sub(BEN)];
        let stored = self.dynamodb.scan(crate::stack::CREDENTIALS_TABLE);
        people.extend(stored.iter().filter_map(|item| item["user_id"]["S"].as_str()).map(str::to_owned));
        // Some tests have a user with a one-digit ID, which would be found in every number.
        people.retain(|user| user.len() > 8);
        for line in metrics.0.iter().map(Value::to_string) {
            assert!(!line.contains('@') && !line.contains("http"), "an address is in the metrics: {line}");
            assert!(!people.iter().any(|user| line.contains(user)), "a user is in the metrics: {line}");
        }
        metrics
    }

    /// Whether a word is in the log of this process.
    pub fn logged(&self, word: &str) -> bool {
        log::since(0).contains(word)
    }

    /// Remembers a secret that must never be logged.
    pub fn plant(&self, secret: &str) {
        self.witness.secrets.lock().unwrap().insert(secret.to_owned());
    }

    fn note_what_google_saw(&self) {
        self.google.calls().iter().for_each(|call| self.witness.saw(call));
    }
}
