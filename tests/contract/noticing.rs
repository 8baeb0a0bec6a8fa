//! The credentials table: the mark of a grant whose near end was noticed.

use serde_json::json;

use crate::back_end::BackEnd;
use crate::given::{ann, connected, in_a_while};

#[tokio::test]
async fn a_grant_is_marked_once_and_its_version_grows_once() {
    let back_end = BackEnd::with_tables().await;
    let app = back_end.environment();
    let stored = connected(&app).await;
    let token = stored.refresh_token.unwrap().id;
    app.store.notice_end(&ann(), &token).await.unwrap();
    let marked = back_end.item("CREDENTIALS_TABLE", ann().as_str()).await;
    assert_eq!((&marked["end_noticed_for"]["S"], &marked["version"]["N"]), (&json!(token), &json!("2")));
    app.store.notice_end(&ann(), &token).await.unwrap();
    assert_eq!(back_end.item("CREDENTIALS_TABLE", ann().as_str()).await, marked);
}

#[tokio::test]
async fn neither_another_token_nor_a_connection_that_ends_nor_no_item_is_marked() {
    let back_end = BackEnd::with_tables().await;
    let app = back_end.environment();
    app.store.notice_end(&ann(), "a token").await.unwrap();
    assert!(back_end.item("CREDENTIALS_TABLE", ann().as_str()).await.is_null());
    let stored = connected(&app).await;
    app.store.notice_end(&ann(), "another token").await.unwrap();
    let token = stored.refresh_token.clone().unwrap().id;
    app.store.mark_disconnecting(&stored, in_a_while()).await.unwrap();
    app.store.notice_end(&ann(), &token).await.unwrap();
    let item = back_end.item("CREDENTIALS_TABLE", ann().as_str()).await;
    assert!(item.get("end_noticed_for").is_none(), "{item}");
}
