//! The credentials table: the index of connections by their status.

use postern::app::App;
use postern::outside::dynamodb::{Listed, Page};
use postern_rules::credential::Status;
use postern_rules::user::UserId;
use serde_json::json;

use crate::back_end::BackEnd;
use crate::given::{connected, done, grant, in_a_while};

/// Connects these users.
async fn connect(app: &App, users: &[&str]) {
    for user in users {
        let user = UserId::parse(user).unwrap();
        done(app.store.store_grant(&user, &grant(app.clock.now()), None).await.unwrap());
    }
}

/// A page of the connections in use.
async fn page(app: &App, after: Option<&str>, limit: u16) -> Page {
    app.store.connections(Status::Active, after, limit).await.unwrap()
}

fn ids(page: &Page) -> Vec<&str> {
    page.listed.iter().map(|listed| listed.user.as_str()).collect()
}

#[tokio::test]
async fn connections_are_listed_page_by_page_in_the_order_of_their_users() {
    let back_end = BackEnd::with_tables().await;
    let app = back_end.environment();
    connect(&app, &["3", "1", "2", "20"]).await;
    let first = page(&app, None, 2).await;
    assert_eq!(ids(&first), ["1", "2"]);
    let second = page(&app, first.after.as_deref(), 2).await;
    assert_eq!(ids(&second), ["20", "3"]);
    // DynamoDB may say only with an empty page that there are no more.
    if let Some(after) = &second.after {
        let third = page(&app, Some(after), 2).await;
        assert!(third.listed.is_empty() && third.after.is_none());
    }
}

#[tokio::test]
async fn a_page_begins_behind_any_user_and_after_the_last_there_is_none() {
    let back_end = BackEnd::with_tables().await;
    let app = back_end.environment();
    connect(&app, &["1", "3"]).await;
    assert_eq!(ids(&page(&app, Some("2"), 5).await), ["3"]);
    assert_eq!(ids(&page(&app, Some("4"), 5).await), [""; 0]);
}

#[tokio::test]
async fn an_entry_holds_what_an_administrator_may_know() {
    let back_end = BackEnd::with_tables().await;
    let app = back_end.environment();
    let stored = connected(&app).await;
    let listed = page(&app, None, 5).await.listed;
    let expected = Listed {
        user: stored.user,
        email: stored.email,
        status: Status::Active,
        client_id: stored.client_id,
        scopes: stored.scopes,
        connected_at: stored.connected_at,
        refresh_token_id: stored.refresh_token.map(|token| token.id),
        ends_at: None,
        end_noticed_for: None,
    };
    assert_eq!(listed, [expected]);
}

#[tokio::test]
async fn a_connection_is_listed_by_its_status_of_today_and_no_longer_by_the_one_before() {
    let back_end = BackEnd::with_tables().await;
    let app = back_end.environment();
    let connected = connected(&app).await;
    let marked = app.store.mark_disconnecting(&connected, in_a_while()).await.unwrap().unwrap();
    let of = async |status| app.store.connections(status, None, 5).await.unwrap().listed.len();
    assert_eq!([of(Status::Active).await, of(Status::Disconnecting).await], [0, 1]);
    app.store.delete_credential(&marked).await.unwrap();
    assert_eq!([of(Status::Revoked).await, of(Status::Disconnecting).await], [0, 0]);
}

/// An active entry of which nothing else is stored.
async fn put_unreadable(back_end: &BackEnd, user: &str) {
    let item = json!({ "user_id": { "S": user }, "status": { "S": "active" } });
    let request = json!({ "TableName": back_end.name("CREDENTIALS_TABLE"), "Item": item });
    back_end.dynamodb("PutItem", &request).await;
}

#[tokio::test]
async fn an_entry_that_cannot_be_read_hides_no_other() {
    let back_end = BackEnd::with_tables().await;
    let app = back_end.environment();
    connect(&app, &["1", "3"]).await;
    put_unreadable(&back_end, "2").await;
    assert_eq!(ids(&page(&app, None, 5).await), ["1", "3"]);
}

#[tokio::test]
async fn a_page_that_ends_with_an_entry_that_cannot_be_read_has_a_next_one() {
    let back_end = BackEnd::with_tables().await;
    let app = back_end.environment();
    connect(&app, &["1", "3"]).await;
    put_unreadable(&back_end, "2 or so").await;
    let first = page(&app, None, 2).await;
    assert_eq!(ids(&first), ["1"]);
    assert_eq!(ids(&page(&app, first.after.as_deref(), 2).await), ["3"]);
}
