//! The sessions table: one-time codes.

use futures_util::future::join_all;
use postern::app::App;
use postern::outside::dynamodb::Redemption;
use postern_rules::code::{self, Issued};
use postern_rules::flow::{AnswerTo, CodeRequest, RedirectUri, ResponseMode};
use postern_rules::pkce::Challenge;
use serde_json::json;

use crate::back_end::BackEnd;
use crate::given::connected;

/// A code for Ann, stored.
async fn issued(app: &App) -> Issued {
    let config = &app.config;
    let redirect_uri = config.allowed_origins.first();
    let redirect_uri =
        RedirectUri::parse(redirect_uri, &config.allowed_origins, &config.allowed_return_uris).unwrap();
    let answer_to = AnswerTo { redirect_uri, state: None, mode: ResponseMode::Query };
    let challenge = Challenge::parse(&"A".repeat(43)).unwrap();
    let request = CodeRequest::of_parts(answer_to, "web".to_owned(), challenge).unwrap();
    let issued = Issued::to(&request, &code::new(), &connected(app).await, app.clock.now());
    app.store.issue_code(&issued).await.unwrap();
    issued
}

#[tokio::test]
async fn a_code_is_found_as_it_was_stored_and_another_is_not() {
    let back_end = BackEnd::with_tables().await;
    let app = back_end.environment();
    let issued = issued(&app).await;
    assert_eq!(app.store.code(&issued.digest).await.unwrap(), Some(issued.clone()));
    assert_eq!(app.store.code("another").await.unwrap(), None);
    let row = back_end.item("SESSIONS_TABLE", &format!("code#{}", issued.digest)).await;
    // A minute in which it serves, and an hour in which a second attempt is recognised.
    assert_eq!(row["expires_at"], json!({"N": (issued.issued_at.seconds() + 3660).to_string()}));
}

#[tokio::test]
async fn a_code_is_redeemed_once_and_a_second_request_learns_the_first_ones_session() {
    let back_end = BackEnd::with_tables().await;
    let app = back_end.environment();
    let issued = issued(&app).await;
    let redeem = async |session: &str| app.store.redeem_code(&issued.digest, session).await.unwrap();
    assert!(matches!(redeem("one").await, Redemption::First));
    // The same write again, as the SDK repeats it.
    assert!(matches!(redeem("one").await, Redemption::First));
    let Redemption::Again(Some(first)) = redeem("two").await else { panic!("the code was redeemed twice") };
    assert_eq!(first, "one");
    let stored = app.store.code(&issued.digest).await.unwrap();
    assert_eq!(stored, Some(Issued { redeemed_for: Some("one".to_owned()), ..issued }));
    assert!(matches!(app.store.redeem_code("gone", "three").await.unwrap(), Redemption::Again(None)));
    assert_eq!(app.store.code("gone").await.unwrap(), None);
}

#[tokio::test]
async fn a_late_attempt_to_store_a_code_does_not_make_it_redeemable_again() {
    let back_end = BackEnd::with_tables().await;
    let app = back_end.environment();
    let issued = issued(&app).await;
    app.store.redeem_code(&issued.digest, "one").await.unwrap();
    app.store.issue_code(&issued).await.unwrap();
    let Redemption::Again(Some(first)) = app.store.redeem_code(&issued.digest, "two").await.unwrap() else {
        panic!("the code was redeemed twice")
    };
    assert_eq!(first, "one");
}

#[tokio::test]
async fn of_ten_requests_that_redeem_a_code_at_the_same_time_one_is_first() {
    let back_end = BackEnd::with_tables().await;
    let environments: Vec<App> = std::iter::repeat_with(|| back_end.environment()).take(10).collect();
    let issued = issued(&environments[0]).await;
    let redeem = async |(app, number): (&App, usize)| {
        app.store.redeem_code(&issued.digest, &number.to_string()).await.unwrap()
    };
    let outcomes = join_all(environments.iter().zip(0..).map(redeem)).await;
    let place = outcomes.iter().position(|outcome| matches!(outcome, Redemption::First)).unwrap();
    for (number, outcome) in outcomes.into_iter().enumerate() {
        match outcome {
            Redemption::First => assert_eq!(number, place),
            Redemption::Again(first) => assert_eq!(first, Some(place.to_string())),
        }
    }
}
