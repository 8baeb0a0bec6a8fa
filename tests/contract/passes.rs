//! What passes over the whole table read and write, and the ends that are remembered.

use std::time::Duration;

use postern::app::App;
use postern::outside::dynamodb::{Copy, Copying, Policy, Reading, Resealed, Segment, Stored, Swap};
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

/// A copy of an item with new texts.
fn copy_of<'a>(item: &'a Stored, credential: &Credential, marks: [&str; 2]) -> Copy<'a> {
    let marks = marks.map(str::to_owned).into();
    Copy { item, connected_at: credential.connected_at, tokens: texts(), marks }
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
        let copy = copy_of(&item, &credential, ["one", "two"]);
        app.store.copy(&[copy], (policy, "elsewhere")).await.unwrap()[0]
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
async fn of_several_copies_only_those_whose_own_conditions_refuse_them_are_left_out() {
    let back_end = BackEnd::with_tables().await;
    let app = back_end.environment();
    for user in ["1", "2", "3", "4", "5"] {
        let user = UserId::parse(user).unwrap();
        done(app.store.store_grant(&user, &grant(app.clock.now()), None).await.unwrap());
    }
    let mut items = scanned(&app, Reading::All).await;
    items.sort_by_key(|item| item.user_id().map(str::to_owned));
    let credentials: Vec<Credential> = items.iter().map(|item| item.credential().unwrap()).collect();
    for user in ["1", "2", "4", "5"] {
        back_end.delete_item(TABLE, user).await;
    }
    app.store.remember_end("b of 2", credentials[1].connected_at).await.unwrap();
    app.store.remember_end("a of 5", credentials[4].connected_at).await.unwrap();
    let marks: Vec<_> = (1..=5).map(|user| [format!("a of {user}"), format!("b of {user}")]).collect();
    let copies: Vec<Copy<'_>> = (0..5)
        .map(|index| copy_of(&items[index], &credentials[index], marks[index].each_ref().map(String::as_str)))
        .collect();
    let copyings = app.store.copy(&copies, (Policy::Live, "elsewhere")).await.unwrap();
    let [done, there, ended] = [Copying::Done, Copying::There, Copying::Ended];
    assert_eq!(copyings, [done, ended, there, done, ended]);
    let put = scanned(&app, Reading::CopiesOf("elsewhere".to_owned())).await;
    let mut put: Vec<_> = put.iter().map(|item| item.user_id().unwrap()).collect();
    put.sort_unstable();
    assert_eq!(put, ["1", "4"]);
    let again = app.store.copy(&copies, (Policy::Live, "elsewhere")).await.unwrap();
    assert_eq!(again, [there, ended, there, there, ended], "nothing is left to put");
}
