//! Herds: many requests for one user, or many users at once, cause no more calls than they must.

use std::time::Duration;

use futures_util::future::join_all;
use harness::Fault;
use harness::google::{Endpoint, Failure, Times};
use harness::world::{ANN, START, World, invoke};
use postern_rules::credential::{
    Credential, Freshness, LEAST_LIFE, Status, StoredAccessToken, StoredRefreshToken,
};
use postern_rules::scopes::Scopes;
use postern_rules::secret::Sealed;
use postern_rules::time::Timestamp;
use postern_rules::user::UserId;
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use tokio::time::{Instant, sleep};

/// How long each call to DynamoDB takes.
const DYNAMODB: Duration = Duration::from_millis(4);
/// The environments begin within this time, in milliseconds.
const ARRIVAL: u64 = 20;

/// Raises this process's limit of open files if necessary: an environment has three connections, and
/// both ends of each are in this process.
fn allow_open_files() {
    const NEEDED: u64 = 8_000;
    let limit = getrlimit(Resource::Nofile);
    if limit.current.is_some_and(|current| current < NEEDED) {
        let raised = Rlimit { current: Some(NEEDED), ..limit };
        setrlimit(Resource::Nofile, raised).expect("the hard limit of open files is 8,000 or more");
    }
}

/// Many environments list at once with one expired token, while Google takes this long for a
/// refresh. Returns how long each environment took, sorted, and how many reads of the item they made
/// together while they waited.
///
/// The speed of this machine does not count, for time moves only while nothing is left to do.
async fn herd(environments: u64, google: Duration) -> (Vec<Duration>, usize) {
    allow_open_files();
    let world = World::expired().await;
    for operation in ["BatchGetItem", "GetItem", "UpdateItem"] {
        world.dynamodb.fail(operation, Fault::Delay(DYNAMODB), Times::UntilCleared);
    }
    world.google.fail(Endpoint::Token, Failure::Slow(google), Times::UntilCleared);
    let version = || world.credential(ANN)["version"]["N"].as_str().unwrap().parse::<u64>().unwrap();
    let before = version();
    let apps: Vec<_> = (0..environments).map(|number| (number, world.environment(&[]))).collect();
    let call = world.list().event().to_string();
    let mut took = join_all(apps.iter().map(async |(number, app)| {
        sleep(Duration::from_millis(number % ARRIVAL)).await;
        let began = Instant::now();
        let answer = invoke(Ok(app), &call, Duration::from_secs(8)).await;
        assert_eq!(answer.status, 200, "{answer:?}");
        began.elapsed()
    }))
    .await;
    took.sort();
    assert_eq!(world.refreshes(), 1);
    assert_eq!(version(), before + 2, "one lease and one token were written");
    let reads = world.dynamodb.calls_of("GetItem").len();
    (took, reads)
}

/// Asserts the bound on how long the others wait: as long as the refresh takes until it is stored,
/// then the rest of a pause, and one read.
#[track_caller]
fn assert_bound(took: &[Duration], google: Duration) {
    let stored = google + 3 * DYNAMODB;
    let rest_of_pause = Duration::from_millis(400).min(Duration::from_millis(100) + stored * 2 / 3);
    // Timers fire at whole milliseconds.
    let slack = Duration::from_millis(15);
    let bound = stored + rest_of_pause + DYNAMODB + slack;
    assert!(took.iter().all(|took| *took <= bound), "{google:?}: {:?} of {bound:?}", took.last());
}

#[tokio::test]
async fn f32_of_a_thousand_environments_one_refreshes_and_the_others_wait_hardly_longer() {
    let google = Duration::from_millis(200);
    let (took, reads) = herd(1_000, google).await;
    assert_bound(&took, google);
    assert!(reads <= 3 * 999, "{reads} reads");
}

#[tokio::test]
async fn f32_however_long_google_takes_those_who_wait_read_seldom_and_wait_little_longer() {
    for (google, most_reads) in [(40, 1), (200, 3), (1000, 6), (2500, 11)] {
        let google = Duration::from_millis(google);
        let (took, reads) = herd(50, google).await;
        assert_bound(&took, google);
        assert!(reads <= most_reads * 49, "{google:?}: {reads} reads");
    }
}

#[tokio::test]
async fn f94_ten_environments_of_one_user_that_poll_at_once_refresh_ahead_once() {
    let world = World::signed_in().await;
    let apps: Vec<_> = (0..10).map(|_| world.environment(&[])).collect();
    let call = world.list();
    world.advance(44 * 60);
    for minute in 44..57 {
        for answer in join_all(apps.iter().map(|app| world.send_to(app, &call))).await {
            assert_eq!(answer.status, 200);
        }
        assert!(minute > 44 || world.refreshes() == 0, "earlier than fifteen minutes before the end");
        world.advance(60);
    }
    assert_eq!(world.refreshes(), 1);
}

/// How many of 10,000 users refresh in each second, if all got a token in the first second and each
/// polls once a minute at a second of its own.
fn refreshes_by_second(hours: usize) -> Vec<usize> {
    let mut random = fastrand::Rng::with_seed(94);
    let mut counts = vec![0; hours * 3600];
    for user in 0..10_000 {
        let mut poll = random.usize(0..60);
        let mut credential = with_token(user, START, &mut random);
        while let Some(count) = counts.get_mut(poll) {
            let now = START.plus(Duration::from_secs(poll as u64));
            match credential.freshness(LEAST_LIFE, now) {
                Freshness::Fresh => poll += 60,
                Freshness::Ageing => {
                    *count += 1;
                    credential = with_token(user, now, &mut random);
                    // No token ages sooner, so the polls until then are left out.
                    poll += 44 * 60;
                }
                Freshness::Expired => panic!("a user who polls once a minute finds an expired token"),
            }
        }
    }
    counts
}

/// A user's credential with an access token of an hour, sealed with a random nonce.
fn with_token(user: usize, now: Timestamp, random: &mut fastrand::Rng) -> Credential {
    let sealed = |random: &mut fastrand::Rng| Sealed::from_text(format!("v2.k1.{:032x}", random.u128(..)));
    Credential {
        user: UserId::parse(&user.to_string()).unwrap(),
        email: None,
        client_id: "client".to_owned(),
        scopes: Scopes::default_needed(),
        status: Status::Active,
        refresh_token: Some(StoredRefreshToken {
            sealed: sealed(random),
            id: "id".to_owned(),
            expires_at: None,
        }),
        dead_token_id: None,
        set_aside: None,
        access_token: Some(StoredAccessToken {
            sealed: sealed(random),
            expires_at: now.plus(Duration::from_secs(3599)),
            obtained_at: now,
        }),
        lease: None,
        setback: None,
        version: 1,
        updated_at: Some(START),
        sign_in_asked_at: None,
        refreshed_at: None,
        connected_at: START,
        era: None,
        sessions_valid_from: START,
    }
}

#[test]
fn f94_ten_thousand_users_who_connected_in_one_second_refresh_evenly_ever_after() {
    // Without a moment for each token this is 10,000 in one minute of each hour.
    let most_per_minute = [1100, 1050, 850, 750, 700, 620, 560, 520];
    let seconds = refreshes_by_second(most_per_minute.len());
    for (hour, (seconds, most)) in seconds.chunks(3600).zip(most_per_minute).enumerate() {
        let busiest_minute = seconds.chunks(60).map(|minute| minute.iter().sum::<usize>()).max().unwrap();
        assert!(busiest_minute <= most, "hour {hour}: {busiest_minute} in one minute");
        let busiest_second = seconds.iter().max().unwrap();
        assert!(*busiest_second <= 40, "hour {hour}: {busiest_second} in one second");
    }
    // The price: a token lives 50 minutes on average instead of 55.
    let refreshes: usize = seconds.iter().sum();
    assert!(refreshes <= 8 * 10_000 * 60 / 50, "{refreshes} refreshes in eight hours");
}
