//! The credentials table: what a sign-in writes, and what happens when two overlap.

use futures_util::future::join_all;
use postern::app::App;
use postern::outside::dynamodb::{Grant, Written};
use postern_rules::credential::Status;
use serde_json::{Value, json};

use crate::back_end::BackEnd;
use crate::given::{ann, connected, done, grant, overtaken, refresh_token, stored};

const TABLE: &str = "CREDENTIALS_TABLE";

#[tokio::test]
async fn where_nothing_was_stored_nothing_is_found() {
    let back_end = BackEnd::with_tables().await;
    assert_eq!(stored(&back_end.environment()).await, None);
}

#[tokio::test]
async fn a_first_sign_in_stores_all_that_it_brought_as_version_one() {
    let back_end = BackEnd::with_tables().await;
    let app = back_end.environment();
    let grant = grant(app.clock.now());
    let credential = done(app.store.store_grant(&ann(), &grant, None).await.unwrap());

    assert_eq!(stored(&app).await.as_ref(), Some(&credential));
    assert_eq!((credential.version, credential.status), (1, Status::Active));
    assert_eq!(credential.refresh_token, grant.refresh_token);
    assert_eq!(credential.access_token, grant.access_token);
    assert_eq!(credential.email, grant.email);
    assert_eq!((&credential.client_id, &credential.scopes), (&grant.client_id, &grant.scopes));
    assert_eq!((credential.connected_at, credential.lease), (app.clock.now(), None));

    let item = back_end.item(TABLE, ann().as_str()).await;
    assert_eq!(item["schema"], json!({ "N": "1" }));
    assert_eq!(item["version"], json!({ "N": "1" }));
    assert_eq!(item["status"], json!({ "S": "active" }));
    assert_eq!(item["connected_at"], json!({ "N": app.clock.now().seconds().to_string() }));
    assert!(item["write_id"]["S"].is_string());
    assert_eq!(item["lease_holder"], Value::Null);
}

#[tokio::test]
async fn a_second_first_sign_in_is_overtaken_and_learns_what_the_other_stored() {
    let back_end = BackEnd::with_tables().await;
    let app = back_end.environment();
    let first = connected(&app).await;
    let second = app.store.store_grant(&ann(), &grant(app.clock.now()), None).await.unwrap();
    assert_eq!(overtaken(second).as_ref(), Some(&first));
    assert_eq!(stored(&app).await, Some(first));
}

#[tokio::test]
async fn of_two_writers_that_read_the_same_version_the_second_learns_what_the_first_wrote() {
    let back_end = BackEnd::with_tables().await;
    let (one, other) = (back_end.environment(), back_end.environment());
    let read = connected(&one).await;
    let won = done(one.store.store_grant(&ann(), &grant(one.clock.now()), Some(&read)).await.unwrap());
    assert_eq!(won.version, 2);
    let lost = other.store.store_grant(&ann(), &grant(other.clock.now()), Some(&read)).await.unwrap();
    assert_eq!(overtaken(lost).as_ref(), Some(&won));
    assert_eq!(stored(&other).await, Some(won));
}

#[tokio::test]
async fn of_ten_first_sign_ins_at_the_same_time_one_is_carried_out() {
    let back_end = BackEnd::with_tables().await;
    let environments: Vec<App> = std::iter::repeat_with(|| back_end.environment()).take(10).collect();
    let grants: Vec<Grant> = environments.iter().map(|app| grant(app.clock.now())).collect();
    let user = ann();
    let writes = environments
        .iter()
        .zip(&grants)
        .map(async |(app, grant)| app.store.store_grant(&user, grant, None).await);
    let (mut carried_out, mut found) = (Vec::new(), Vec::new());
    for written in join_all(writes).await {
        match written.unwrap() {
            Written::Done(credential) => carried_out.push(*credential),
            Written::Overtaken(current) => found.push(*current.unwrap()),
        }
    }
    assert_eq!((carried_out.len(), found.len()), (1, 9));
    assert!(found.iter().all(|current| *current == carried_out[0]));
    assert_eq!(stored(&environments[0]).await.as_ref(), carried_out.first());
}

#[tokio::test]
async fn a_sign_in_without_a_refresh_token_leaves_the_stored_one_as_it_is() {
    let back_end = BackEnd::with_tables().await;
    let app = back_end.environment();
    let first = connected(&app).await;
    let before = back_end.item(TABLE, ann().as_str()).await;
    let grant = Grant { email: None, refresh_token: None, access_token: None, ..grant(app.clock.now()) };
    let second = done(app.store.store_grant(&ann(), &grant, Some(&first)).await.unwrap());

    assert_eq!(stored(&app).await.as_ref(), Some(&second));
    assert_eq!((&second.refresh_token, &second.email), (&first.refresh_token, &first.email));
    let after = back_end.item(TABLE, ann().as_str()).await;
    for untouched in
        ["refresh_token", "refresh_token_id", "email", "connected_at", "era", "sessions_valid_from"]
    {
        assert!(before[untouched].is_object(), "{untouched}");
        assert_eq!(after[untouched], before[untouched], "{untouched}");
    }
    for kept in ["access_token", "access_token_expires_at", "access_token_obtained_at"] {
        assert!(before[kept].is_object(), "{kept}");
        assert_eq!(after[kept], before[kept], "the grant goes on: {kept}");
    }
    assert_ne!(after["write_id"], before["write_id"]);
}

#[tokio::test]
async fn a_refresh_token_without_an_end_replaces_one_with_an_end_and_takes_the_end_away() {
    let back_end = BackEnd::with_tables().await;
    let app = back_end.environment();
    let mut limited = grant(app.clock.now());
    limited.refresh_token.as_mut().unwrap().expires_at = Some(app.clock.now());
    let first = done(app.store.store_grant(&ann(), &limited, None).await.unwrap());
    assert_eq!(stored(&app).await.as_ref(), Some(&first));

    let unlimited = Grant { refresh_token: Some(refresh_token()), access_token: None, ..limited };
    let second = done(app.store.store_grant(&ann(), &unlimited, Some(&first)).await.unwrap());
    assert_eq!(second.access_token, None, "that of the grant before it is gone");
    assert_eq!(stored(&app).await, Some(second));
    assert_eq!(back_end.item(TABLE, ann().as_str()).await["refresh_token_expires_at"], Value::Null);
}

#[tokio::test]
async fn a_write_over_a_credential_that_is_gone_finds_nothing_and_creates_nothing() {
    let back_end = BackEnd::with_tables().await;
    let app = back_end.environment();
    let read = connected(&app).await;
    back_end.delete_item(TABLE, ann().as_str()).await;
    let written = app.store.store_grant(&ann(), &grant(app.clock.now()), Some(&read)).await.unwrap();
    assert_eq!(overtaken(written), None);
    assert_eq!(stored(&app).await, None);
}
