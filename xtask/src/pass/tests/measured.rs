//! Moves many credentials into a new table under a new keyring while users list their messages:
//! how long that takes, and that no request fails. Run it alone, optimised:
//!
//! `cargo test --profile as-released -p xtask --all-features --examples -- --ignored --nocapture
//! measured`

use std::cell::Cell;
use std::time::Instant;

use harness::google::Endpoint;
use harness::world::{BUDGET, Call, import_line, invoke};
use postern::outside::dynamodb::Policy;
use postern_rules::session::{Seed, Session};

use super::super::reseal::Copying;
use super::*;

/// The credentials; `POSTERN_MEASURED_CREDENTIALS` at compile time changes that.
const CREDENTIALS: &str = match option_env!("POSTERN_MEASURED_CREDENTIALS") {
    Some(count) => count,
    None => "100000",
};
/// As fast as it goes, with few calls at a time, for the emulator handles one after the other, and
/// in one segment: for each page of one of several it reads its whole table.
const UNBOUNDED: Settings =
    Settings { per_second: 100_000, concurrency: 16, segments: 1, patience: Duration::from_mins(1) };
/// The users who keep listing.
const USERS: usize = 100;
/// Their access tokens are refreshed in their last minute, so there is always a refresh.
const LIFE: Duration = Duration::from_secs(75);

/// The seconds of processor time that this process has used, with the emulator in it.
fn processor_time() -> f64 {
    let stat = std::fs::read_to_string("/proc/self/stat").unwrap();
    let ticks = stat.rsplit(')').next().unwrap().split_whitespace();
    let ticks: u32 = ticks.skip(11).take(2).map(|ticks| ticks.parse::<u32>().unwrap()).sum();
    f64::from(ticks) / 100.0
}

fn environment(stack: &Stack, changes: &[(&str, &str)]) -> App {
    let mut variables = stack.environment();
    variables.extend(changes.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())));
    let app = App::new(|name| variables.get(name).cloned(), Clock::System, None);
    app.unwrap_or_else(|problem| panic!("{}", problem.error))
}

/// Users who are connected in the table of `app`, with what each sends.
async fn connected(stack: &Stack, app: &App) -> Vec<String> {
    let accounts: Vec<String> = (0..USERS).map(|number| format!("user{number}@example.net")).collect();
    let mut events = Vec::new();
    for minted in stack.google.mint(accounts.iter().map(String::as_str)) {
        let line = json!(minted);
        let verdict = import_line(app, &line, &[], false, Duration::from_secs(30), &|_| {}).await.unwrap();
        assert_eq!(verdict.as_str(), "imported");
        let user = UserId::parse(&minted.sub).unwrap();
        let credential = app.store.credential(&user).await.unwrap().unwrap();
        let token = Seed::new().token(&user);
        app.store.begin_session(&Session::begin(&token, &credential, app.clock.now())).await.unwrap();
        events.push(Call::list("maxResults=1").bearer(token.expose()).event().to_string());
    }
    events
}

/// Copies from one table into another and prints how long that takes.
async fn timed(name: &str, stack: &Stack, [from, to]: [&App; 2], reading: Reading) {
    let (began, used) = (Instant::now(), processor_time());
    let pass = Pass::new(from, reading, UNBOUNDED, Journal::in_memory(from.clock.now()));
    let told = Cell::new(0_u64);
    let mut tell = |_: &Told| {
        told.set(told.get() + 1);
        if told.get().is_multiple_of(10_000) {
            // The emulator's record of calls would fill the memory.
            stack.dynamodb.forget_calls();
        }
        Ok(())
    };
    pass.run(&Copying { from, to, policy: Policy::Live }, &mut tell).await.unwrap();
    let (wall, used) = (began.elapsed().as_secs_f64(), processor_time() - used);
    #[expect(clippy::cast_precision_loss, reason = "a rate to read")]
    let told = told.get() as f64;
    println!(
        "{name}: {told} items in {wall:.1} s, {:.0} a second, {used:.1} s of processor time, {:.2} ms an item",
        told / wall,
        used * 1000.0 / told.max(1.0)
    );
    println!("  {:?}", pass.journal.borrow().counts());
}

/// A deployment with credentials under the keyring `k1`.
async fn with_credentials(count: usize) -> Scene {
    let scene = Scene::in_real_time(0).await;
    let old = json!({ "primary": "k1", "k1": OLD }).to_string();
    scene.stack.secrets.put(SEALING_KEYS_SECRET, &old);
    scene.stack.secrets.put("new-keyring", &json!({ "primary": "k1", "k1": NEW }).to_string());
    put_credentials(&scene.stack, CREDENTIALS_TABLE, &Keyring::parse(&old).unwrap(), 0..count);
    scene
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
#[ignore = "takes minutes; it measures"]
async fn measured_what_the_command_itself_needs() {
    let scene = with_credentials(20_000).await;
    let from = environment(&scene.stack, &[]);
    let changes =
        [("SEALING_KEYS_SECRET_ID", "new-keyring"), ("AWS_ENDPOINT_URL_DYNAMODB", &nowhere().await)];
    let to = environment(&scene.stack, &changes);
    timed("into a table that keeps nothing", &scene.stack, [&from, &to], Reading::All).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "takes minutes; it measures"]
async fn measured_move_into_a_new_table_under_a_new_keyring() {
    let count: usize = CREDENTIALS.parse().unwrap();
    let scene = with_credentials(count).await;
    let stack = &scene.stack;
    stack.dynamodb.drop_request_tokens();
    let mut tables = harness::template::tables();
    tables.retain(|table| table.name == CREDENTIALS_TABLE);
    "new".clone_into(&mut tables[0].name);
    stack.dynamodb.create_tables(&tables);
    let from = environment(stack, &[]);
    let to = environment(stack, &[("CREDENTIALS_TABLE", "new"), ("SEALING_KEYS_SECRET_ID", "new-keyring")]);
    stack.google.access_tokens_live_for(LIFE);
    let events = connected(stack, &from).await;

    let (place, is_over) = (Cell::new(&from), Cell::new(false));
    let (requests, failures) = (Cell::new(0_u64), Cell::new(0_u64));
    let load = async {
        for event in events.iter().cycle() {
            if is_over.get() {
                break;
            }
            let answer = invoke(Ok(place.get()), event, BUDGET).await;
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
        timed("first run", stack, [&from, &to], Reading::All).await;
        let again_at = Timestamp::from_seconds(from.clock.now().seconds() - 5);
        timed("what changed meanwhile", stack, [&from, &to], Reading::Since(began_at)).await;
        place.set(&to);
        println!("the users are in the new table now");
        timed("what changed before the switch", stack, [&from, &to], Reading::Since(again_at)).await;
        tokio::time::sleep(Duration::from_secs(5)).await;
        is_over.set(true);
    };
    tokio::join!(load, moving);
    let refreshes = stack.google.calls_to(Endpoint::Token).len();
    println!("{} requests meanwhile, {} failed, {refreshes} refreshes", requests.get(), failures.get());
    assert_eq!(failures.get(), 0);
    let there = to.store.described().await.unwrap().items;
    assert_eq!(usize::try_from(there).unwrap(), count + USERS);
}
