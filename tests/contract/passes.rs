//! What passes over the whole table read and write, and the ends that are remembered.

use std::time::Duration;

use postern::app::App;
use postern::outside::dynamodb::{Copying, Incoming, Policy, Reading, Resealed, Segment, Stored, Swap};
use postern_rules::credential::Credential;
use postern_rules::user::UserId;

use crate::back_end::BackEnd;
use crate::given::{ann, connected, done, grant, in_a_while, refresh_token, stored};

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

/// An item to be put, with new texts.
fn incoming<'a>(item: &'a Stored, credential: &Credential, marks: [&str; 2]) -> Incoming<'a> {
    let marks = marks.map(str::to_owned).into();
    Incoming { item, connected_at: credential.connected_at, tokens: texts(), marks }
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
    let copy = async |policy| {
        let incoming = incoming(&item, &credential, ["one", "two"]);
        app.store.copy(&incoming, (policy, "elsewhere")).await.unwrap()
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

#[tokio::test]
async fn of_several_copies_all_are_put_or_none_is() {
    let back_end = BackEnd::with_tables().await;
    let app = back_end.environment();
    let users = ["1", "2", "3"];
    for user in users {
        let user = UserId::parse(user).unwrap();
        done(app.store.store_grant(&user, &grant(app.clock.now()), None).await.unwrap());
    }
    let mut items = scanned(&app, Reading::All).await;
    items.sort_by_key(|item| item.user_id().map(str::to_owned));
    let connected_at = items[0].credential().unwrap().connected_at;
    let copy = async || {
        let marks = [["a of 1", "b of 1"], ["a of 2", "b of 2"], ["a of 3", "b of 3"]];
        let incoming = items.iter().zip(marks).map(|(item, marks)| {
            let credential = item.credential().unwrap();
            incoming(item, &credential, marks)
        });
        let incoming: Vec<Incoming<'_>> = incoming.collect();
        app.store.copy_together(&incoming, (Policy::Live, "elsewhere")).await.unwrap()
    };
    let count = async || scanned(&app, Reading::All).await.len();
    back_end.delete_item(TABLE, "1").await;
    back_end.delete_item(TABLE, "3").await;
    assert!(!copy().await, "the second is there");
    assert_eq!(count().await, 1);
    back_end.delete_item(TABLE, "2").await;
    app.store.remember_end("b of 3", connected_at).await.unwrap();
    assert!(!copy().await, "the third has ended");
    assert_eq!(count().await, 0);
    back_end.delete_item("SESSIONS_TABLE", "ended#b of 3").await;
    assert!(copy().await);
    assert_eq!(count().await, 3);
    assert!(!copy().await, "all are there");
}

#[tokio::test]
async fn more_than_one_transaction_takes_is_not_put_together() {
    let back_end = BackEnd::with_tables().await;
    let app = back_end.environment();
    let credential = connected(&app).await;
    let [item] = scanned(&app, Reading::All).await.try_into().unwrap();
    back_end.delete_item(TABLE, ann().as_str()).await;
    let many = || {
        let mut incoming = incoming(&item, &credential, ["one", "two"]);
        incoming.marks.extend((0..50).map(|number| number.to_string()));
        incoming
    };
    assert!(!app.store.copy_together(&[many(), many()], (Policy::Live, "elsewhere")).await.unwrap());
    assert_eq!(app.store.copy(&many(), (Policy::Live, "elsewhere")).await.unwrap(), Copying::Done);
}
