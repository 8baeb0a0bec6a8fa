//! The credentials table when sessions and connections end: eras, the mark of a disconnect, the
//! deletion.

use postern::app::App;
use postern_rules::credential::{Credential, Status};
use serde_json::Value;

use crate::back_end::BackEnd;
use crate::given::{ann, connected, done, grant, in_a_while, overtaken, refresh_token, stored};

const TABLE: &str = "CREDENTIALS_TABLE";

async fn marked(app: &App) -> Credential {
    let credential = connected(app).await;
    app.store.mark_disconnecting(&credential, in_a_while()).await.unwrap().unwrap()
}

#[tokio::test]
async fn a_new_era_is_all_that_signing_out_everywhere_changes() {
    let back_end = BackEnd::with_tables().await;
    let app = back_end.environment();
    let before = connected(&app).await;
    app.store.end_all_sessions(&before, in_a_while()).await.unwrap();
    let after = stored(&app).await.unwrap();
    assert!(before.era.is_some() && after.era.is_some());
    assert_ne!(after.era, before.era);
    assert_eq!(after.sessions_valid_from, app.clock.now(), "for versions that know no eras");
    let (era, version) = (before.era.clone(), before.version);
    let sessions_valid_from = before.sessions_valid_from;
    assert_eq!(Credential { era, version, sessions_valid_from, ..after.clone() }, before);
    // One that read the credential before finds its sessions over, and brings nothing back.
    app.store.end_all_sessions(&before, in_a_while()).await.unwrap();
    assert_eq!(stored(&app).await, Some(after));
    back_end.delete_item(TABLE, ann().as_str()).await;
    app.store.end_all_sessions(&before, in_a_while()).await.unwrap();
    assert_eq!(stored(&app).await, None);
}

#[tokio::test]
async fn a_mark_keeps_what_is_to_be_revoked_and_takes_away_what_serves() {
    let back_end = BackEnd::with_tables().await;
    let app = back_end.environment();
    let read = connected(&app).await;
    let leased = done(app.store.take_lease(&read, app.clock.now()).await.unwrap());
    // The mark is carried out over what another request wrote meanwhile.
    let marked = app.store.mark_disconnecting(&read, in_a_while()).await.unwrap().unwrap();
    assert_eq!(stored(&app).await.as_ref(), Some(&marked));
    assert_eq!((marked.status, marked.version), (Status::Disconnecting, leased.version + 1));
    assert_eq!((&marked.refresh_token, &marked.era), (&read.refresh_token, &read.era));
    assert_eq!((&marked.access_token, &marked.lease), (&None, &None));
    // Again it changes nothing.
    let again = app.store.mark_disconnecting(&read, in_a_while()).await.unwrap();
    assert_eq!((again.as_ref(), stored(&app).await), (Some(&marked), Some(marked.clone())));
    back_end.delete_item(TABLE, ann().as_str()).await;
    assert_eq!(app.store.mark_disconnecting(&read, in_a_while()).await.unwrap(), None);
    assert_eq!(stored(&app).await, None);
}

#[tokio::test]
async fn f34_a_refresh_that_began_before_a_mark_stores_nothing_over_it() {
    let back_end = BackEnd::with_tables().await;
    let app = back_end.environment();
    let leased = {
        let read = connected(&app).await;
        done(app.store.take_lease(&read, app.clock.now()).await.unwrap())
    };
    let marked = app.store.mark_disconnecting(&leased, in_a_while()).await.unwrap();
    let rotated = refresh_token();
    for refresh_token in [None, Some(&rotated)] {
        let written = app.store.store_refreshed(&leased, None, refresh_token).await.unwrap();
        assert_eq!(overtaken(written), marked);
    }
    assert_eq!(overtaken(app.store.release_lease(&leased, None).await.unwrap()), marked);
    let token = leased.refresh_token.clone().unwrap();
    assert_eq!(overtaken(app.store.bury(&leased, &token).await.unwrap()), marked);
    assert_eq!(stored(&app).await, marked);
}

#[tokio::test]
async fn a_sign_in_over_a_mark_is_a_new_connection_of_a_new_era() {
    let back_end = BackEnd::with_tables().await;
    let app = back_end.environment();
    let marked = marked(&app).await;
    back_end.clock.advance(std::time::Duration::from_mins(1));
    let new = done(app.store.store_grant(&ann(), &grant(app.clock.now()), Some(&marked)).await.unwrap());
    assert_eq!(new.status, Status::Active);
    assert_ne!(new.era, marked.era);
    assert_eq!(new.connected_at, app.clock.now());
    // The disconnect comes too late, and sees what stands.
    assert_eq!(app.store.delete_credential(&marked).await.unwrap(), Some(new.clone()));
    assert_eq!(stored(&app).await, Some(new));
}

#[tokio::test]
async fn a_deletion_deletes_what_was_read_once_and_again_without_complaint() {
    let back_end = BackEnd::with_tables().await;
    let app = back_end.environment();
    let marked = marked(&app).await;
    for _ in 0..2 {
        assert_eq!(app.store.delete_credential(&marked).await.unwrap(), None);
        assert_eq!(back_end.item(TABLE, ann().as_str()).await, Value::Null);
    }
}

/// Ann's credential, and that of a new connection after it was deleted, with the same version.
async fn reconnected(app: &App) -> (Credential, Credential) {
    let old = connected(app).await;
    assert_eq!(app.store.delete_credential(&old).await.unwrap(), None);
    let new = connected(app).await;
    assert_eq!(new.version, old.version);
    assert_ne!(new.era, old.era);
    (old, new)
}

#[tokio::test]
async fn what_was_read_before_a_deletion_is_not_taken_for_the_new_item_of_the_same_version() {
    let back_end = BackEnd::with_tables().await;
    let app = back_end.environment();
    let (old, new) = reconnected(&app).await;
    assert_eq!(overtaken(app.store.release_lease(&old, None).await.unwrap()), Some(new.clone()));
    let granted = app.store.store_grant(&ann(), &grant(app.clock.now()), Some(&old)).await.unwrap();
    assert_eq!(overtaken(granted), Some(new.clone()));
    assert_eq!(app.store.delete_credential(&old).await.unwrap(), Some(new.clone()));
    // An item of an earlier version has no era.
    let of_before = Credential { era: None, ..old };
    assert_eq!(overtaken(app.store.release_lease(&of_before, None).await.unwrap()), Some(new.clone()));
    assert_eq!(app.store.delete_credential(&of_before).await.unwrap(), Some(new.clone()));
    assert_eq!(stored(&app).await, Some(new));
}

#[tokio::test]
async fn what_ends_a_connection_or_its_sessions_leaves_a_newer_connection_alone() {
    let back_end = BackEnd::with_tables().await;
    let app = back_end.environment();
    let (old, new) = reconnected(&app).await;
    assert_eq!(app.store.mark_disconnecting(&old, in_a_while()).await.unwrap(), Some(new.clone()));
    app.store.end_all_sessions(&old, in_a_while()).await.unwrap();
    assert_eq!(stored(&app).await, Some(new));
}
