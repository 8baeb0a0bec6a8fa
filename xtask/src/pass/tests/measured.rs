//! Moves many credentials into a new table under a new keyring while users list their messages:
//! how long that takes, and that no request fails. docs/performance.md says how to run it.

use std::time::Instant;

use futures_util::stream::{StreamExt, iter};
use harness::google::Endpoint;
use harness::stack::SESSIONS_TABLE;
use harness::wire::{DYNAMODB, ask};
use harness::world::{BUDGET, Call, import_line, invoke};
use harness::{Options, template};
use postern::outside::dynamodb::Policy;
use postern_rules::session::{Seed, Session};

use super::super::reseal::Copying;
use super::*;

/// Names the URL of DynamoDB Local.
const ENDPOINT_VARIABLE: &str = "POSTERN_MEASURED_DYNAMODB";
/// Says how many credentials there are; a hundred thousand if it is not set.
const COUNT_VARIABLE: &str = "POSTERN_MEASURED_CREDENTIALS";
/// As fast as it goes, and else as the command does it by default.
const UNBOUNDED: Settings =
    Settings { per_second: 100_000, concurrency: 32, segments: SEGMENTS, patience: Duration::from_mins(1) };
/// The users who keep listing.
const USERS: usize = 100;
/// Their access tokens are refreshed in their last minute, so there is always a refresh.
const LIFE: Duration = Duration::from_secs(75);
/// The most items that one call writes.
const BATCH: usize = 25;

#[expect(clippy::disallowed_methods, reason = "a variable of this measurement, which no function reads")]
fn variable(name: &str) -> Option<String> {
    std::env::var(name).ok()
}

/// The seconds of processor time that this process has used.
fn processor_time() -> f64 {
    let stat = std::fs::read_to_string("/proc/self/stat").unwrap();
    let ticks = stat.rsplit(')').next().unwrap().split_whitespace();
    let ticks: u32 = ticks.skip(11).take(2).map(|ticks| ticks.parse::<u32>().unwrap()).sum();
    f64::from(ticks) / 100.0
}

/// Google, Secrets Manager, and tables of this run's own in DynamoDB Local.
struct Place {
    stack: Stack,
    dynamodb: String,
    run: String,
}

impl Place {
    /// With credentials under the keyring `k1`, and an empty table beside theirs.
    async fn with_credentials(count: usize) -> Self {
        let dynamodb = variable(ENDPOINT_VARIABLE).expect("the variable names DynamoDB Local");
        let stack = Stack::start(Options::default()).await;
        let old = json!({ "primary": "k1", "k1": OLD });
        stack.secrets.put(SEALING_KEYS_SECRET, &old.to_string());
        stack.secrets.put("new-keyring", &json!({ "primary": "k1", "k1": NEW }).to_string());
        let place = Self { stack, dynamodb, run: random::identifier() };
        for mut table in template::tables() {
            // Without options, the template's tables have no index.
            table.indexes = Value::Null;
            table.attribute_definitions = json!([{
                "AttributeName": table.key_schema[0]["AttributeName"], "AttributeType": "S"
            }]);
            place.ask("CreateTable", &table.create(&place.table(&table.name))).await;
            if table.name == CREDENTIALS_TABLE {
                place.ask("CreateTable", &table.create(&place.table("new"))).await;
            }
        }
        let (old, table) = (keyring(&old), place.table(CREDENTIALS_TABLE));
        let put = async |first: usize| {
            let batch = first..count.min(first + BATCH);
            let puts = batch.map(|number| json!({ "PutRequest": { "Item": credential(&old, number) } }));
            let request = json!({ "RequestItems": { &table: puts.collect::<Value>() } });
            let answer = place.ask("BatchWriteItem", &request).await;
            assert_eq!(answer["UnprocessedItems"], json!({}));
        };
        iter((0..count).step_by(BATCH)).map(put).buffer_unordered(4).collect::<()>().await;
        place
    }

    async fn ask(&self, operation: &str, body: &Value) -> Value {
        let (status, answer) = ask(&self.dynamodb, &DYNAMODB, operation, body).await;
        assert_eq!(status, 200, "{operation}: {answer}");
        answer
    }

    /// The name of one of this run's tables.
    fn table(&self, name: &str) -> String {
        format!("{name}-{}", self.run)
    }

    fn environment(&self, changes: &[(&str, &str)]) -> App {
        let [credentials, sessions] = [CREDENTIALS_TABLE, SESSIONS_TABLE].map(|name| self.table(name));
        let here = [
            ("CREDENTIALS_TABLE", credentials.as_str()),
            ("SESSIONS_TABLE", &sessions),
            ("AWS_ENDPOINT_URL_DYNAMODB", &self.dynamodb),
        ];
        let mut variables = self.stack.environment();
        let all = here.iter().chain(changes);
        variables.extend(all.map(|(name, value)| ((*name).to_owned(), (*value).to_owned())));
        let app = App::new(|name| variables.get(name).cloned(), Clock::System, None);
        app.unwrap_or_else(|problem| panic!("{}", problem.error))
    }

    /// Users who are connected in the table of `app`, with what each sends.
    async fn connected(&self, app: &App) -> Vec<String> {
        let accounts: Vec<String> = (0..USERS).map(|number| format!("user{number}@example.net")).collect();
        let mut events = Vec::new();
        for minted in self.stack.google.mint(accounts.iter().map(String::as_str)) {
            let line = json!(minted);
            let verdict = import_line(app, &line, &[], false, Duration::from_secs(30), &|_| {}).await;
            assert_eq!(verdict.unwrap().as_str(), "imported");
            let user = UserId::parse(&minted.sub).unwrap();
            let credential = app.store.credential(&user).await.unwrap().unwrap();
            let token = Seed::new().token(&user);
            app.store.begin_session(&Session::begin(&token, &credential, app.clock.now())).await.unwrap();
            events.push(Call::list("maxResults=1").bearer(token.expose()).event().to_string());
        }
        events
    }
}

/// Copies from one table into another and prints how long that takes.
async fn timed(name: &str, [from, to]: [&App; 2], reading: Reading) {
    let (began, used) = (Instant::now(), processor_time());
    let pass = Pass::new(from, reading, UNBOUNDED, Journal::in_memory(from.clock.now()));
    let told = Cell::new(0_u32);
    let mut tell = |_: &Told| {
        told.set(told.get() + 1);
        Ok(())
    };
    pass.run(&Copying { from, to, policy: Policy::Live }, &mut tell).await.unwrap();
    let (wall, used) = (began.elapsed().as_secs_f64(), processor_time() - used);
    let told = f64::from(told.get());
    println!(
        "{name}: {told} items in {wall:.1} s, {:.0} a second, {used:.1} s of a processor, {:.2} ms an item",
        told / wall,
        used * 1000.0 / told.max(1.0)
    );
    println!("  {:?}", pass.journal.borrow().counts());
}

/// A DynamoDB that accepts everything and keeps nothing. Returns its address.
async fn nowhere() -> String {
    let listener = tokio::net::TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
    let address = listener.local_addr().unwrap();
    let router = axum::Router::new().fallback(|| async { "{}" });
    #[expect(clippy::disallowed_methods, reason = "the server runs beside the test")]
    tokio::spawn(async move { axum::serve(listener, router).await });
    format!("http://{address}")
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "takes minutes, and needs DynamoDB Local; it measures"]
async fn measured_what_the_command_itself_needs() {
    let place = Place::with_credentials(20_000).await;
    let changes =
        [("SEALING_KEYS_SECRET_ID", "new-keyring"), ("AWS_ENDPOINT_URL_DYNAMODB", &nowhere().await)];
    let [from, to] = [&[][..], &changes].map(|changes| place.environment(changes));
    timed("into a table that keeps nothing", [&from, &to], Reading::All).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "takes minutes, and needs DynamoDB Local; it measures"]
async fn measured_move_into_a_new_table_under_a_new_keyring() {
    let count = variable(COUNT_VARIABLE).map_or(100_000, |count| count.parse().unwrap());
    let place = Place::with_credentials(count).await;
    let from = place.environment(&[]);
    let new = place.table("new");
    let to = place.environment(&[("CREDENTIALS_TABLE", &new), ("SEALING_KEYS_SECRET_ID", "new-keyring")]);
    let google = &place.stack.google;
    google.access_tokens_live_for(LIFE);
    let events = place.connected(&from).await;

    let (current, is_over) = (Cell::new(&from), Cell::new(false));
    let (requests, failures) = (Cell::new(0_u64), Cell::new(0_u64));
    let load = async {
        for event in events.iter().cycle() {
            if is_over.get() {
                break;
            }
            let answer = invoke(Ok(current.get()), event, BUDGET).await;
            requests.set(requests.get() + 1);
            if answer.status != 200 {
                failures.set(failures.get() + 1);
                eprintln!("a failed request: {answer:?}");
            }
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    let moving = async {
        let began_at = Timestamp::from_seconds(from.clock.now().seconds() - 5);
        timed("first run", [&from, &to], Reading::All).await;
        let again_at = Timestamp::from_seconds(from.clock.now().seconds() - 5);
        timed("what changed meanwhile", [&from, &to], Reading::Since(began_at)).await;
        current.set(&to);
        println!("the users are in the new table now");
        timed("what changed before the switch", [&from, &to], Reading::Since(again_at)).await;
        tokio::time::sleep(Duration::from_secs(5)).await;
        is_over.set(true);
    };
    tokio::join!(load, moving);
    let refreshes = google.calls_to(Endpoint::Token).len();
    println!("{} requests meanwhile, {} failed, {refreshes} refreshes", requests.get(), failures.get());
    assert_eq!(failures.get(), 0);
    let there = to.store.described().await.unwrap().items;
    assert_eq!(usize::try_from(there).unwrap(), count + USERS);
}
