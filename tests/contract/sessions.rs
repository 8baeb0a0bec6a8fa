//! The sessions table: reading a session with its credential, a session's lifetime, and states that
//! are spent once.

use std::time::Duration;

use futures_util::future::join_all;
use postern::app::App;
use postern::outside::dynamodb::Spending;
use postern_rules::error::Invitation;
use postern_rules::flow::{Beginning, Channel, Delivery, Flow, ReturnTo, Verified};
use postern_rules::secret::State;
use postern_rules::session::{Seed, Session};
use serde_json::{Value, json};

use crate::back_end::BackEnd;
use crate::given::{ann, connected, in_a_while, session};

const TABLE: &str = "SESSIONS_TABLE";

/// One flow, verified again for each call.
struct SignIn {
    flow: Flow,
    state: State,
}

impl SignIn {
    fn begin(app: &App) -> Self {
        let beginning = Beginning {
            delivery: Delivery::Session(ReturnTo::default_of(&app.config.allowed_origins)),
            channel: Channel::Redirect,
            invitation: Invitation::default(),
        };
        let (flow, state) = Flow::begin(&beginning, "client", app.clock.now());
        Self { flow, state }
    }

    fn verified(&self, app: &App) -> Verified {
        self.flow.clone().verify(&self.state, false, app.clock.now()).unwrap_or_else(|_| unreachable!())
    }
}

#[tokio::test]
async fn session_and_credential_are_found_each_for_itself_and_both_together() {
    let back_end = BackEnd::with_tables().await;
    let app = back_end.environment();
    let session = session(&app);
    let look =
        async || app.store.session_and_credential(&session.digest, &ann(), in_a_while()).await.unwrap();

    assert_eq!(look().await, (None, None));
    app.store.begin_session(&session).await.unwrap();
    assert_eq!(look().await, (Some(session.clone()), None));
    let credential = connected(&app).await;
    assert_eq!(look().await, (Some(session.clone()), Some(credential.clone())));
    app.store.end_session(&session.digest).await.unwrap();
    assert_eq!(look().await, (None, Some(credential)));
}

#[tokio::test]
async fn a_session_that_has_ended_ends_again_without_complaint() {
    let back_end = BackEnd::with_tables().await;
    let app = back_end.environment();
    let session = session(&app);
    app.store.begin_session(&session).await.unwrap();
    for _ in 0..2 {
        app.store.end_session(&session.digest).await.unwrap();
    }
    let (found, _) = app.store.session_and_credential(&session.digest, &ann(), in_a_while()).await.unwrap();
    assert_eq!(found, None);
}

#[tokio::test]
async fn a_session_in_use_is_written_so_and_in_nothing_else() {
    let back_end = BackEnd::with_tables().await;
    let app = back_end.environment();
    let session = session(&app);
    app.store.begin_session(&session).await.unwrap();
    back_end.clock.advance(Duration::from_hours(2));
    app.store.touch_session(&session).await.unwrap();
    let (found, _) = app.store.session_and_credential(&session.digest, &ann(), in_a_while()).await.unwrap();
    assert_eq!(found, Some(Session { last_used_at: app.clock.now(), ..session }));
}

#[tokio::test]
async fn a_late_attempt_to_begin_a_session_changes_nothing() {
    let back_end = BackEnd::with_tables().await;
    let app = back_end.environment();
    let session = session(&app);
    app.store.begin_session(&session).await.unwrap();
    back_end.clock.advance(Duration::from_hours(2));
    app.store.touch_session(&session).await.unwrap();
    app.store.begin_session(&session).await.unwrap();
    let (found, _) = app.store.session_and_credential(&session.digest, &ann(), in_a_while()).await.unwrap();
    assert_eq!(found, Some(Session { last_used_at: app.clock.now(), ..session }));
}

#[tokio::test]
async fn a_session_that_has_ended_is_not_brought_back_by_its_use() {
    let back_end = BackEnd::with_tables().await;
    let app = back_end.environment();
    let session = session(&app);
    app.store.begin_session(&session).await.unwrap();
    app.store.end_session(&session.digest).await.unwrap();
    app.store.touch_session(&session).await.unwrap();
    assert_eq!(back_end.item(TABLE, &format!("session#{}", session.digest)).await, Value::Null);
}

#[tokio::test]
async fn a_state_is_spent_once_and_a_second_request_learns_the_first_ones_session_seed() {
    let back_end = BackEnd::with_tables().await;
    let (one, other) = (back_end.environment(), back_end.environment());
    let sign_in = SignIn::begin(&one);
    let seed = Seed::new();
    let first = one.store.spend_state(sign_in.verified(&one), &seed, "1").await.unwrap();
    assert!(matches!(first, Spending::First(_)));
    let again = other.store.spend_state(sign_in.verified(&other), &Seed::new(), "2").await.unwrap();
    let Spending::Again { session_seed } = again else { panic!("the state was spent twice") };
    assert_eq!(session_seed, Some(seed.digest()));
    let another = SignIn::begin(&one);
    let first = one.store.spend_state(another.verified(&one), &Seed::new(), "3").await.unwrap();
    assert!(matches!(first, Spending::First(_)));
}

#[tokio::test]
async fn of_ten_requests_with_the_same_state_at_the_same_time_one_is_first() {
    let back_end = BackEnd::with_tables().await;
    let environments: Vec<App> = std::iter::repeat_with(|| back_end.environment()).take(10).collect();
    let sign_in = SignIn::begin(&environments[0]);
    let seeds: Vec<Seed> = std::iter::repeat_with(Seed::new).take(10).collect();
    let spend = async |(app, seed): (&App, &Seed)| {
        app.store.spend_state(sign_in.verified(app), seed, &seed.digest()).await
    };
    let outcomes = join_all(environments.iter().zip(&seeds).map(spend)).await;
    let place = outcomes.iter().position(|outcome| matches!(outcome, Ok(Spending::First(_)))).unwrap();
    for (index, outcome) in outcomes.into_iter().enumerate() {
        match outcome.unwrap() {
            Spending::First(_) => assert_eq!(index, place),
            Spending::Again { session_seed } => assert_eq!(session_seed, Some(seeds[place].digest())),
        }
    }
}

#[tokio::test]
async fn an_attempt_that_gave_up_is_taken_over_by_one_request_that_knows_it() {
    let back_end = BackEnd::with_tables().await;
    let app = back_end.environment();
    let sign_in = SignIn::begin(&app);
    let spend = async |given_up: &[&str], seed: &Seed, attempt: &str| {
        let flow =
            given_up.iter().fold(sign_in.flow.clone(), |flow, given_up| flow.with_unanswered(given_up));
        let flow = flow.verify(&sign_in.state, false, app.clock.now()).unwrap_or_else(|_| unreachable!());
        app.store.spend_state(flow, seed, attempt).await.unwrap()
    };
    assert!(matches!(spend(&[], &Seed::new(), "first").await, Spending::First(_)));
    assert!(matches!(spend(&["other"], &Seed::new(), "second").await, Spending::Again { .. }));
    let seed = Seed::new();
    assert!(matches!(spend(&["first", "lost"], &seed, "third").await, Spending::First(_)));
    for given_up in [&[][..], &["first"], &["first", "lost"]] {
        let again = spend(given_up, &Seed::new(), "fourth").await;
        let Spending::Again { session_seed } = again else {
            panic!("the state was spent twice: {given_up:?}")
        };
        assert_eq!(session_seed, Some(seed.digest()));
    }
}

#[tokio::test]
async fn every_row_says_in_seconds_when_it_may_be_deleted() {
    let back_end = BackEnd::with_tables().await;
    let app = back_end.environment();
    let session = session(&app);
    app.store.begin_session(&session).await.unwrap();
    let row = back_end.item(TABLE, &format!("session#{}", session.digest)).await;
    assert_eq!(row["expires_at"], json!({ "N": session.expires_at().seconds().to_string() }));

    let sign_in = SignIn::begin(&app);
    let flow = sign_in.verified(&app);
    let (digest, end) = (flow.state_digest(), flow.flow().expires_at().plus(Duration::from_hours(1)));
    app.store.spend_state(flow, &Seed::new(), "1").await.unwrap();
    let row = back_end.item(TABLE, &format!("flow#{digest}")).await;
    assert_eq!(row["expires_at"], json!({ "N": end.seconds().to_string() }));
}
