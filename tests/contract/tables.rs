//! The tables themselves: a missing one, and the time to live from the template.

use postern::outside::dynamodb::{Store, StoreError};
use postern_rules::credential::Status;
use postern_rules::session::Session;
use serde_json::json;

use crate::back_end::BackEnd;
use crate::given::{ann, grant, in_a_while, session};

async fn describe_time_to_live(back_end: &BackEnd, variable: &str) -> serde_json::Value {
    let request = json!({ "TableName": back_end.name(variable) });
    back_end.dynamodb("DescribeTimeToLive", &request).await["TimeToLiveDescription"].take()
}

#[tokio::test]
async fn the_sessions_table_deletes_by_the_attribute_that_the_template_names() {
    let back_end = BackEnd::with_tables().await;
    let description = describe_time_to_live(&back_end, "SESSIONS_TABLE").await;
    assert_eq!(description, json!({ "AttributeName": "expires_at", "TimeToLiveStatus": "ENABLED" }));
}

#[tokio::test]
async fn nothing_deletes_a_credential_by_itself() {
    let back_end = BackEnd::with_tables().await;
    let description = describe_time_to_live(&back_end, "CREDENTIALS_TABLE").await;
    assert_eq!(description["TimeToLiveStatus"], "DISABLED");
}

/// Every kind of call that the store makes, in turn.
async fn refusals(store: &Store, session: &Session) -> Vec<(&'static str, Option<StoreError>)> {
    vec![
        ("PutItem", store.begin_session(session).await.err()),
        ("DeleteItem", store.end_session(&session.digest).await.err()),
        ("UpdateItem, session", store.touch_session(session).await.err()),
        ("UpdateItem, code", store.redeem_code("digest", "session").await.err()),
        ("GetItem, code", store.code("digest").await.err()),
        ("GetItem", store.credential(&ann()).await.err()),
        ("Query", store.connections(Status::Active, None, 5).await.err()),
        ("UpdateItem, credential", store.store_grant(&ann(), &grant(session.began_at), None).await.err()),
        ("BatchGetItem", store.session_and_credential(&session.digest, &ann(), in_a_while()).await.err()),
    ]
}

#[tokio::test]
async fn a_call_to_a_table_that_is_missing_is_refused() {
    let back_end = BackEnd::empty().await;
    let app = back_end.environment();
    let session = session(&app);
    for (call, error) in refusals(&app.store, &session).await {
        assert!(matches!(error, Some(StoreError::Refused { .. })), "{call}: {error:?}");
    }
}

#[tokio::test]
async fn one_missing_table_of_two_is_enough_to_refuse_an_attendance() {
    let back_end = BackEnd::with_tables().await;
    for variable in ["CREDENTIALS_TABLE", "SESSIONS_TABLE"] {
        let app = back_end.environment_with(variable, "NoSuchTable");
        let error = app.store.session_and_credential("digest", &ann(), in_a_while()).await.err();
        assert!(matches!(error, Some(StoreError::Refused { .. })), "{variable}: {error:?}");
    }
}
