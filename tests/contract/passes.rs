//! What passes over the whole table read and write, and the ends that are remembered.

use std::time::Duration;

use postern::app::App;
use postern::outside::dynamodb::{Copying, Policy, Reading, Resealed, Segment, Stored, Swap};
use postern_rules::credential::Credential;

use crate::back_end::BackEnd;
use crate::given::{ann, connected, done, in_a_while, refresh_token, stored};

const TABLE: &str = "CREDENTIALS_TABLE";

/// The items of the table, in two segments.
async fn scanned(app: &App, reading: Reading) -> Vec<Stored> {
    let mut items = Vec::new();
    for number in 0..2 {
        let batch = app.store.scan(Segment { number, of: 2 }, None, 10, &reading).await.unwrap();
        assert_eq!(batch.after, None);
        items.extend(batch.items);
    }
    items
}

/// New texts of both tokens.
fn texts() -> Resealed {
    let text = || Some(refresh_token().sealed);
    Resealed { refresh_token: text(), access_token: text(), set_aside: None }
}

#[tokio::test]
async fn an_end_is_remembered_and_the_latest_stays() {
    let back_end = BackEnd::with_tables().await;
    let app = back_end.environment();
    let now = app.clock.now();
    for (seconds, after) in [(0, 0), (60, 60), (30, 60)] {
        app.store.remember_end("mark", now.plus(Duration::from_secs(seconds))).await.unwrap();
        let row = back_end.item("SESSIONS_TABLE", "ended#mark").await;
        let ended_at = now.seconds() + after;
        assert_eq!(row["ended_at"]["N"], ended_at.to_string());
        assert_eq!(row["expires_at"]["N"], (ended_at + 36 * 86_400).to_string());
    }
}

#[tokio::test]
async fn new_texts_are_exchanged_for_exactly_those_that_were_read_and_nothing_else_changes() {
    let back_end = BackEnd::with_tables().await;
    let app = back_end.environment();
    let read = connected(&app).await;
    let leased = done(app.store.take_lease(&read, app.clock.now()).await.unwrap());
    let Swap::Overtaken(Some(found)) = app.store.reseal(&read, &texts()).await.unwrap() else { panic!() };
    assert_eq!(found.credential().unwrap(), leased);
    let new = texts();
    assert!(matches!(app.store.reseal(&leased, &new).await.unwrap(), Swap::Done));
    let after = stored(&app).await.unwrap();
    assert_eq!(after.refresh_token.as_ref().unwrap().sealed, new.refresh_token.clone().unwrap());
    let (refresh_token, access_token) = (leased.refresh_token.clone(), leased.access_token.clone());
    assert_eq!(Credential { refresh_token, access_token, ..after.clone() }, leased);
    // Whoever read the item before it can still write, and cannot exchange the texts again.
    let Swap::Overtaken(Some(_)) = app.store.reseal(&leased, &texts()).await.unwrap() else { panic!() };
    done(app.store.release_lease(&leased, None).await.unwrap());
    back_end.delete_item(TABLE, ann().as_str()).await;
    assert!(matches!(app.store.reseal(&after, &texts()).await.unwrap(), Swap::Overtaken(None)));
}

#[tokio::test]
async fn a_copy_is_put_once_over_nothing_newer_and_never_over_an_end() {
    let back_end = BackEnd::with_tables().await;
    let app = back_end.environment();
    let credential = connected(&app).await;
    let [item] = scanned(&app, Reading::All).await.try_into().unwrap();
    let marks = ["one", "two"].map(str::to_owned).into();
    let copy = async |policy| {
        app.store.copy(&item, &credential, &texts(), &marks, (policy, "elsewhere")).await.unwrap()
    };
    let copies = async || scanned(&app, Reading::CopiesOf("elsewhere".to_owned())).await;
    assert_eq!(copy(Policy::Past).await, Copying::There, "the item itself is there");
    back_end.delete_item(TABLE, ann().as_str()).await;
    assert_eq!(copy(Policy::Past).await, Copying::Done);
    assert_eq!(copy(Policy::Past).await, Copying::There);
    let restored = stored(&app).await.unwrap();
    assert_ne!(restored.era, credential.era);
    assert!(copies().await.is_empty(), "no end elsewhere takes back what was restored");
    back_end.delete_item(TABLE, ann().as_str()).await;
    assert_eq!(copy(Policy::Live).await, Copying::Done);
    assert_eq!(scanned(&app, Reading::CopiesOf("another".to_owned())).await.len(), 0);
    assert_eq!(scanned(&app, Reading::Counted).await[0].keys().into_iter().collect::<Vec<_>>(), ["k1"]);
    let later = app.clock.now().plus(Duration::from_secs(1));
    assert_eq!(scanned(&app, Reading::Since(later)).await.len(), 0);

    let [unused] = copies().await.try_into().unwrap();
    assert!(unused.keeps_out(&item));
    let found = app.store.of_the_same_users(std::slice::from_ref(&item)).await.unwrap();
    assert_eq!(found[ann().as_str()].keys(), unused.keys());
    let used = stored(&app).await.unwrap();
    app.store.end_all_sessions(&used, in_a_while()).await.unwrap();
    assert_eq!(copies().await.len(), 0, "it was written");
    app.store.delete_copy(&unused).await.unwrap();
    assert!(stored(&app).await.is_some(), "and is not taken back");

    back_end.delete_item(TABLE, ann().as_str()).await;
    app.store.remember_end("two", credential.connected_at).await.unwrap();
    assert_eq!(copy(Policy::Live).await, Copying::Ended);
    assert_eq!(stored(&app).await, None);
}
