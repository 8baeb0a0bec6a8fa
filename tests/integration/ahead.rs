//! Connections that are opened during init, before the first request needs them: also those that a
//! freeze of the process left half-made.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use harness::proxy::{Gate, Mode, Proxy};
use harness::world::{World, until};
use postern::app::{Ahead, App};
use tokio::time::Instant;

use crate::tls::{acceptor, answer_once, authority};

const ALL: [Ahead; 3] = [Ahead::Secrets, Ahead::DynamoDb, Ahead::Gmail];
/// A connection that is older than this is not used.
const NEW_FOR: Duration = Duration::from_secs(2);

/// A world with a proxy before DynamoDB and one before Google, and a process that has begun its
/// init.
async fn begun() -> (World, Proxy, Proxy, App) {
    let world = World::signed_in().await;
    let dynamodb = Proxy::before(&world.dynamodb.url(), &Gate::default()).await;
    let google = Proxy::before(world.google.url(), &Gate::default()).await;
    let app =
        world.environment(&[("AWS_ENDPOINT_URL_DYNAMODB", &dynamodb.url()), ("GMAIL_URL", &google.url())]);
    app.prepare(&ALL).await;
    until(|| dynamodb.connections() == 1 && google.connections() == 1).await;
    (world, dynamodb, google, app)
}

#[tokio::test]
async fn the_first_request_uses_the_connections_and_secrets_of_init() {
    let (world, dynamodb, google, app) = begun().await;
    let secrets_read = world.secrets_read();
    for _ in 0..3 {
        assert_eq!(world.send_to(&app, &world.list()).await.status, 200);
        // Once in use, nothing is opened ahead again.
        app.prepare(&ALL).await;
    }
    assert_eq!((dynamodb.connections(), google.connections()), (1, 1));
    assert_eq!(world.secrets_read(), secrets_read);
}

#[tokio::test]
async fn init_sends_no_request_but_the_one_for_the_secrets() {
    let world = World::signed_in().await;
    world.forget_calls();
    world.environment(&[]).prepare(&ALL).await;
    assert_eq!(world.dynamodb_calls(), Vec::<String>::new());
    assert_eq!(world.google_calls(), []);
    assert_eq!(world.secrets.calls().len(), 1);
}

#[tokio::test]
async fn a_connection_from_before_a_freeze_is_not_used() {
    let (world, dynamodb, google, app) = begun().await;
    tokio::time::sleep(NEW_FOR).await;
    for proxy in [&dynamodb, &google] {
        proxy.let_connections_go_stale();
    }
    world.metrics();
    assert_eq!(world.send_to(&app, &world.list()).await.status, 200);
    let attempts = [("DynamoDbTime".to_owned(), 1), ("GmailTime".to_owned(), 1)];
    assert_eq!(world.metrics().timed(), attempts.into(), "no call had to be repeated");
    assert_eq!((dynamodb.connections(), google.connections()), (2, 2));
}

#[tokio::test]
async fn a_back_end_that_could_not_be_reached_during_init_is_asked_again() {
    let world = World::signed_in().await;
    let google = Proxy::before(world.google.url(), &Gate::default()).await;
    google.set(Mode::Cut).await;
    let app = world.environment(&[("GMAIL_URL", &google.url())]);
    app.prepare(&ALL).await;
    // The attempt has failed by now.
    tokio::time::sleep(Duration::from_millis(100)).await;
    google.set(Mode::Pass).await;
    assert_eq!(world.send_to(&app, &world.list()).await.status, 200);
    assert_eq!(google.connections(), 1);
}

/// What becomes of the connection that a process has half-made when it is frozen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum HalfMade {
    /// The server gave it up.
    Closed,
    /// The server, or a router on the way, has forgotten it. Nobody answers.
    Forgotten,
}

#[tokio::test]
async fn a_connection_that_a_freeze_left_half_made_is_replaced() {
    let ours = authority();
    let roots = std::env::temp_dir().join(format!("postern-ahead-{}.pem", std::process::id()));
    std::fs::write(&roots, ours.pem()).unwrap();
    let world = World::signed_in().await;
    for (half_made, frozen_for, limit) in [
        (HalfMade::Closed, Duration::from_millis(100), Duration::from_millis(900)),
        (HalfMade::Closed, NEW_FOR, Duration::from_millis(900)),
        // The connection's own deadline is one second. Then the call is repeated at once.
        (HalfMade::Forgotten, Duration::from_millis(100), Duration::from_millis(1900)),
        (HalfMade::Forgotten, NEW_FOR, Duration::from_millis(900)),
    ] {
        let acceptor = acceptor(&ours, "localhost", 3600);
        let listener = tokio::net::TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
        let url = format!("https://localhost:{}", listener.local_addr().unwrap().port());
        let connections = Arc::new(AtomicUsize::new(0));
        let counter = Arc::clone(&connections);
        #[expect(clippy::disallowed_methods, reason = "the server runs beside the test")]
        tokio::spawn(async move {
            let mut forgotten = Vec::new();
            while let Ok((stream, _)) = listener.accept().await {
                match (counter.fetch_add(1, Ordering::SeqCst), half_made) {
                    (0, HalfMade::Closed) => {}
                    (0, HalfMade::Forgotten) => forgotten.push(stream),
                    _ => answer_once(&acceptor, stream).await,
                }
            }
        });
        let extra = ("EXTRA_ROOT_CERTIFICATES", roots.to_str().unwrap());
        let app = world.environment(&[("GMAIL_URL", &url), extra]);
        app.prepare(&[Ahead::Secrets, Ahead::Gmail]).await;
        until(|| connections.load(Ordering::SeqCst) == 1).await;
        tokio::time::sleep(frozen_for).await;
        let began = Instant::now();
        let answer = world.send_to(&app, &world.list()).await;
        let took = began.elapsed();
        assert_eq!(answer.status, 200, "{half_made:?} {frozen_for:?}: {answer:?}");
        assert!(took < limit, "{half_made:?} {frozen_for:?}: {took:?}");
        assert_eq!(connections.load(Ordering::SeqCst), 2, "{half_made:?} {frozen_for:?}");
    }
    std::fs::remove_file(roots).unwrap();
}

#[tokio::test]
async fn the_connection_for_a_refresh_is_opened_while_the_lease_is_taken() {
    let world = World::expired().await;
    let google = Proxy::before(world.google.url(), &Gate::default()).await;
    world.store_client_with("token_uri", &format!("{}/token", google.url()));
    let app = world.environment(&[]);
    app.prepare(&ALL).await;
    world.dynamodb.fail("UpdateItem", harness::Fault::Delay(Duration::from_millis(700)), 1);
    let listing = world.list();
    let listing = world.send_to(&app, &listing);
    tokio::pin!(listing);
    tokio::select! {
        () = until(|| google.connections() == 1) => {}
        answer = &mut listing => panic!("answered too early: {answer:?}"),
    }
    assert_eq!(world.refreshes(), 0, "the lease is not taken yet");
    assert_eq!(listing.await.status, 200);
    assert_eq!((world.refreshes(), google.connections()), (1, 1));
}
