//! The sessions table: receipts that were used.

use std::time::Duration;

use futures_util::future::join_all;
use postern::app::App;
use postern_rules::random;
use serde_json::json;

use crate::back_end::BackEnd;

const TABLE: &str = "SESSIONS_TABLE";

/// Spends the receipt with this digest as `attempt`, and says whether that was the first time.
async fn spend(app: &App, digest: &str, attempt: &str) -> bool {
    let until = app.clock.now().plus(Duration::from_hours(1));
    app.store.spend_receipt(digest, attempt, until).await.unwrap()
}

#[tokio::test]
async fn a_receipt_is_spent_once_and_the_same_write_again_is_no_second_time() {
    let back_end = BackEnd::with_tables().await;
    let (one, other) = (back_end.environment(), back_end.environment());
    let digest = random::token();
    assert!(spend(&one, &digest, "first").await);
    // As the SDK repeats a write whose answer was lost.
    assert!(spend(&one, &digest, "first").await);
    assert!(!spend(&one, &digest, "second").await);
    assert!(!spend(&other, &digest, "third").await);
    assert!(spend(&other, &random::token(), "third").await, "another receipt");
}

#[tokio::test]
async fn a_refused_attempt_leaves_the_row_of_the_first() {
    let back_end = BackEnd::with_tables().await;
    let app = back_end.environment();
    let digest = random::token();
    spend(&app, &digest, "first").await;
    let row = back_end.item(TABLE, &format!("receipt#{digest}")).await;
    back_end.clock.advance(Duration::from_mins(1));
    spend(&app, &digest, "second").await;
    assert_eq!(back_end.item(TABLE, &format!("receipt#{digest}")).await, row);
}

#[tokio::test]
async fn a_used_receipts_row_names_nobody_and_says_when_it_may_be_deleted() {
    let back_end = BackEnd::with_tables().await;
    let app = back_end.environment();
    let digest = random::token();
    spend(&app, &digest, "first").await;
    let until = app.clock.now().plus(Duration::from_hours(1)).seconds();
    let expected = json!({
        "id": {"S": format!("receipt#{digest}")},
        "schema": {"N": "1"},
        "write_id": {"S": "first"},
        "expires_at": {"N": until.to_string()},
    });
    assert_eq!(back_end.item(TABLE, &format!("receipt#{digest}")).await, expected);
}

#[tokio::test]
async fn of_ten_requests_with_the_same_receipt_at_the_same_time_one_is_first() {
    let back_end = BackEnd::with_tables().await;
    let environments: Vec<App> = std::iter::repeat_with(|| back_end.environment()).take(10).collect();
    let digest = random::token();
    let outcomes =
        join_all(environments.iter().map(async |app| spend(app, &digest, &random::identifier()).await));
    assert_eq!(outcomes.await.into_iter().filter(|first| *first).count(), 1);
}
