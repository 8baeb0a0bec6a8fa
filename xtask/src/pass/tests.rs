//! Whole passes against the local back ends: killed and resumed, throttled, with a keyring that is
//! not theirs, and counted.

mod journals;
mod measured;
mod moving;
mod policies;
mod scene;
mod together;

use std::cell::Cell;
use std::future::poll_fn;
use std::task::Poll;

use harness::stack::{CREDENTIALS_TABLE, SEALING_KEYS_SECRET};
use harness::world::{ANN, World};
use harness::{Fault, Stack};
use postern::app::App;
use postern::clock::Clock;
use postern::grant::reseal::Fate;
use postern::outside::dynamodb::{Described, Reading};
use postern_rules::user::UserId;
use serde_json::{Value, json};

use self::scene::*;
use super::journal::{Journal, Work};
use super::report::{Report, check_keyring};
use super::reseal::Sealing;
use super::*;

#[tokio::test]
async fn f113_a_pass_that_is_killed_twice_goes_on_and_counts_every_item_once() {
    const COUNT: usize = 2_000;
    let scene = Scene::new(COUNT).await;
    let mut told_before = 0;
    // Each time, some segments are behind their first page of 250.
    for at in [COUNT * 3 / 4, COUNT / 4] {
        let told = Cell::new(0);
        let pass = scene.pass(FAST).await;
        // Looked at whenever the pass goes on. The future is dropped where it stands, as if the process
        // had died.
        let enough = poll_fn(|_| if told.get() < at { Poll::Pending } else { Poll::Ready(()) });
        tokio::select! {
            biased;
            () = enough => {}
            _ = scene.reseal(&pass, |count| told.set(count)) => panic!("it is complete already"),
        }
        told_before += told.get();
        assert!(scene.sealed_with("k2") < COUNT);
    }
    let pass = scene.pass(FAST).await;
    let told = scene.reseal(&pass, |_| {}).await.unwrap();
    assert!(told.len() < COUNT, "what was noted as done is not read again");
    assert!(told.len() + told_before >= COUNT, "{}", told.len());
    assert_eq!(scene.sealed_with("k2"), COUNT);
    let (resealed, current) = (count(&pass, "resealed"), count(&pass, "current"));
    // What a death left sealed and not noted is found in order the next time.
    assert_eq!(resealed + current, COUNT as u64);
    assert_eq!((count(&pass, "key k2"), count(&pass, "key k1")), (COUNT as u64, 0));
    assert_eq!(pass.journal.borrow().items(), COUNT as u64);
    assert!(!scene.journal().exists(), "nothing is left to remember");

    let pass = scene.pass(FAST).await;
    scene.reseal(&pass, |_| {}).await.unwrap();
    assert_eq!(count(&pass, "current"), COUNT as u64);
    let report = Report::of(Fate::Resealed, &pass.journal.borrow()).outcomes();
    assert_eq!(report, "2000 items: 2000 current, 0 resealed", "the word for which the operator waits");
}

#[tokio::test]
async fn f113_throttling_slows_a_pass_down_and_stops_it_with_a_clear_word_when_it_does_not_end() {
    let scene = Scene::new(200).await;
    scene.stack.dynamodb.fail("UpdateItem", Fault::THROTTLED, 20);
    scene.stack.dynamodb.fail("Scan", Fault::THROTTLED, 4);
    let pass = scene.pass(FAST).await;
    scene.reseal(&pass, |_| {}).await.unwrap();
    assert_eq!(scene.sealed_with("k2"), 200);
    drop(pass);

    let scene = Scene::new(200).await;
    scene.stack.dynamodb.fail("UpdateItem", Fault::THROTTLED, 100_000);
    let pass = scene.pass(Settings { patience: Duration::from_millis(1500), ..FAST }).await;
    let stopped = scene.reseal(&pass, |_| {}).await.unwrap_err();
    assert!(stopped.contains("ThrottlingException") && stopped.contains("--per-second"), "{stopped}");
    drop(pass);
    scene.stack.dynamodb.clear_faults();
    let pass = scene.pass(FAST).await;
    scene.reseal(&pass, |_| {}).await.unwrap();
    assert_eq!(scene.sealed_with("k2"), 200);
    drop(pass);

    scene.stack.dynamodb.fail("Scan", Fault::DENIED, 100_000);
    let pass = scene.pass(FAST).await;
    let refused = scene.reseal(&pass, |_| {}).await.unwrap_err();
    assert!(refused.contains("CREDENTIALS_TABLE"), "a missing right is not waited for: {refused}");
}

#[tokio::test]
async fn b84_a_keyring_that_opens_nothing_stops_the_pass_and_one_bad_item_is_named_by_its_pseudonym() {
    let scene = Scene::new(300).await;
    let keyring_text = json!({ "primary": "k2", "k1": NEW, "k2": NEW }).to_string();
    for _ in 0..2 {
        scene.stack.secrets.put(SEALING_KEYS_SECRET, &keyring_text);
    }
    let stopped = scene.reseal(&scene.pass(FAST).await, |_| {}).await.unwrap_err();
    assert!(stopped.contains("Is it the right one"), "{stopped}");
    assert_eq!(scene.sealed_with("k1"), 300, "nothing was changed");

    let scene = Scene::new(30).await;
    let mut bad = scene.stack.dynamodb.scan(CREDENTIALS_TABLE).remove(0);
    bad["refresh_token"] = json!({ "S": "v2.k1.AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA" });
    scene.stack.dynamodb.put(CREDENTIALS_TABLE, bad.clone());
    let pass = scene.pass(FAST).await;
    let told = scene.reseal(&pass, |_| {}).await.unwrap();
    let lines: Vec<&String> = told.iter().filter_map(|told| told.line.as_ref()).collect();
    let user = UserId::parse(bad["user_id"]["S"].as_str().unwrap()).unwrap();
    let ring = keyring(&json!({ "primary": "k2", "k1": OLD, "k2": NEW }));
    let expected = format!(
        "user {}: its refresh_token does not open: the sealed text does not open here",
        ring.pseudonym(&user)
    );
    assert_eq!(lines, [&expected]);
    let journal = pass.journal.borrow();
    let report = Report::of(Fate::Resealed, &journal);
    assert_eq!(report.outcomes(), "30 items: 30 resealed");
    assert_eq!(report.key_lines(&ring), ["key k1 seals 1 items", "key k2 (the primary key) seals 30 items"]);
    assert_eq!(report.json(&ring)["keys"], json!({ "k1": 1, "k2": 30 }));
}

#[tokio::test]
async fn b84_items_that_do_not_open_stop_no_run_for_ever() {
    let told = |fate: Fate| Told::counted(fate.as_str());
    let run = |counts: &[(&str, u64)], more: &str, fates: &[(Fate, usize)]| {
        let counts = counts.iter().map(|(name, count)| ((*name).to_owned(), *count)).collect();
        let mut check = check_keyring(&counts, &options(more));
        fates.iter().try_for_each(|(fate, times)| (0..*times).try_for_each(|_| check(&told(*fate))))
    };
    let words = run(&[], "", &[(Fate::Ended, 30), (Fate::There, 30), (Fate::Broken, 20)]).unwrap_err();
    assert!(words.contains("--leave-broken"), "{words}");
    for (counts, more, fates) in [
        (vec![], "", vec![(Fate::Broken, 19)]),
        (vec![], "", vec![(Fate::Copied, 1), (Fate::Broken, 100)]),
        (vec![("resealed", 1)], "", vec![(Fate::Broken, 100)]),
        (vec![], "--leave-broken", vec![(Fate::Broken, 100)]),
    ] {
        run(&counts, more, &fates).unwrap();
    }
}

#[tokio::test]
async fn no_more_items_are_read_and_written_in_a_second_than_allowed() {
    let scene = Scene::new(40).await;
    let began = tokio::time::Instant::now();
    let pass = scene.pass(Settings { per_second: 100, ..FAST }).await;
    scene.reseal(&pass, |_| {}).await.unwrap();
    assert!(began.elapsed() >= Duration::from_millis(350), "{:?}", began.elapsed());
    let calls = scene.stack.dynamodb.calls();
    let limit = calls.iter().find_map(|call| call.body["Limit"].as_i64());
    assert_eq!(limit, Some(25), "a page is a second's work of all segments");
}

#[tokio::test]
async fn a_count_tells_status_client_scopes_key_and_age() {
    let world = World::signed_in().await;
    world.advance(10 * 24 * 3600);
    world.rotate_keyring();
    let put = |user: &str, change: &dyn Fn(&mut Value)| {
        let mut item = world.credential(ANN);
        item["user_id"] = json!({ "S": user });
        change(&mut item);
        world.put(item);
    };
    put("2", &|item| {
        item["status"] = json!({ "S": "revoked" });
        let item = item.as_object_mut().unwrap();
        item.retain(|name, _| !["refresh_token", "access_token"].contains(&name.as_str()));
    });
    put("3", &|item| drop(item.as_object_mut().unwrap().remove("status")));
    let counted = count::counted(&world.environment(&[]), FAST).await.unwrap();
    let entries = counted["counts"].as_array().unwrap();
    assert_eq!((entries.len(), &counted["unreadable"]), (2, &json!(1)));
    let active = entries.iter().find(|entry| entry["status"] == "active").unwrap();
    assert_eq!((&active["key"], &active["last_written"]), (&json!("k1"), &json!("7-29 days")));
    assert_eq!((&active["connections"], &active["client_id"]), (&json!(1), &json!(world.google.client_id())));
    assert!(active["scopes"].as_array().unwrap().contains(&json!("openid")));
    let projection = &world.dynamodb.calls_of("Scan")[0].body["ExpressionAttributeNames"];
    assert!(!projection.to_string().contains("access_token"), "{projection}");
    world.dynamodb.delete(CREDENTIALS_TABLE, "user_id", "3");
}

#[test]
fn a116_a_table_that_is_older_than_ends_are_remembered_is_refused() {
    let options = restore_options("");
    let now = Timestamp::from_seconds(1_793_500_000);
    let ask = |days: i64| {
        let restored_to = Some(Timestamp::from_seconds(now.seconds() - days * 86_400));
        restore::question(&options, &Described { id: None, items: 7, restored_to }, now)
    };
    let asked = ask(35).unwrap();
    assert!(asked.starts_with("Restore the 7 items of old, as it was at 2026-"), "{asked}");
    assert!(asked.ends_with("into mail?"), "{asked}");
    assert!(ask(36).unwrap_err().contains("would come back"));
    let unknown = Described { id: None, items: 7, restored_to: None };
    let unknown = restore::question(&options, &unknown, now).unwrap();
    assert!(unknown.contains("does not say of what time"), "{unknown}");
}
