//! Three items are copied in one transaction; if it is refused, each alone.

use harness::Times;
use postern::outside::dynamodb::Policy;
use postern_rules::seal::Keyring;
use tokio::time::Instant;

use super::super::reseal::Copying;
use super::*;

/// A table with credentials under a keyring of its own, beside that of a world.
async fn beside(count: usize) -> (World, App, Keyring) {
    let world = World::new().await;
    let old = json!({ "primary": "k1", "k1": OLD });
    world.secrets.put("old", &old.to_string());
    let from = world.another_table("old", &[("SEALING_KEYS_SECRET_ID", "old")]);
    let old = keyring(&old);
    (0..count).for_each(|number| world.dynamodb.put("old", credential(&old, number)));
    world.forget_calls();
    (world, from, old)
}

/// What a pass has counted and told, after it copied everything.
async fn copied(world: &World, from: &App, per_second: u32) -> Result<(Vec<Told>, [u64; 3]), String> {
    let settings = Settings { per_second, ..ONE_SEGMENT };
    let pass = Pass::new(from, Reading::All, settings, Journal::in_memory(from.clock.now()));
    let mut all = Vec::new();
    let mut tell = |told: &Told| {
        all.push(told.clone());
        Ok(())
    };
    pass.run(&Copying { from, to: &world.app, policy: Policy::Live }, &mut tell).await?;
    let counts = ["copied", "ended", "broken"].map(|name| count(&pass, name));
    Ok((all, counts))
}

fn transactions(world: &World) -> usize {
    world.dynamodb.calls_of("TransactWriteItems").len()
}

#[tokio::test]
async fn three_items_share_a_transaction_and_each_takes_a_turn() {
    let (world, from, _) = beside(100).await;
    let began = Instant::now();
    let (told, counts) = copied(&world, &from, 250).await.unwrap();
    assert_eq!((told.len(), counts), (100, [100, 0, 0]));
    assert_eq!((transactions(&world), world.dynamodb.scan(CREDENTIALS_TABLE).len()), (34, 100));
    let elapsed = began.elapsed();
    // The last begins after the turns of 99, and some turns are of what is read.
    assert!((Duration::from_millis(390)..Duration::from_millis(600)).contains(&elapsed), "{elapsed:?}");
    let (told, _) = copied(&world, &from, 250).await.unwrap();
    assert_eq!(told, vec![Told::counted("there"); 100], "what is there is told too");
    assert_eq!(transactions(&world), 34);
}

#[tokio::test]
async fn an_item_that_does_not_open_is_left_out_of_the_transaction_and_told_by_its_own_pseudonym() {
    let (world, from, old) = beside(3).await;
    let broken = UserId::parse("100000001").unwrap();
    let mut item = credential(&keyring(&json!({ "primary": "k1", "k1": NEW })), 1);
    item["access_token"] = credential(&old, 1)["access_token"].take();
    world.dynamodb.put("old", item);
    let (told, counts) = copied(&world, &from, 100_000).await.unwrap();
    assert_eq!((counts, transactions(&world)), ([2, 0, 1], 1));
    let keyring = world.app.secrets.keyring().await.unwrap();
    let lines: Vec<&Told> = told.iter().filter(|told| told.line.is_some()).collect();
    let [told] = lines[..] else { panic!("{lines:?}") };
    assert_eq!(told.counts, ["broken"]);
    assert!(told.line.as_ref().unwrap().contains(&keyring.pseudonym(&broken)), "{told:?}");
}

#[tokio::test]
async fn an_item_that_is_refused_keeps_no_other_out_and_the_second_attempts_take_turns_too() {
    let (world, from, old) = beside(3).await;
    let gone = UserId::parse("100000001").unwrap();
    let mark = old.ended_marks(&gone).into_iter().next().unwrap();
    world.app.store.remember_end(&mark, world.app.clock.now()).await.unwrap();
    world.forget_calls();
    let began = Instant::now();
    let (told, counts) = copied(&world, &from, 10).await.unwrap();
    assert_eq!((told.len(), counts), (3, [2, 1, 0]));
    assert_eq!(transactions(&world), 4, "together, and each alone");
    assert!(began.elapsed() >= Duration::from_millis(600), "{:?}", began.elapsed());
    let there = world.dynamodb.scan(CREDENTIALS_TABLE);
    assert!(there.iter().all(|item| item["user_id"]["S"] != gone.as_str()), "{there:?}");
}

#[tokio::test]
async fn f113_a_transaction_whose_answer_is_lost_or_that_is_throttled_puts_and_tells_each_item_once() {
    for (fault, times) in [(Fault::AnswerLost, 1), (Fault::CallLost, 1), (Fault::THROTTLED, 8)] {
        let (world, from, _) = beside(3).await;
        world.dynamodb.fail("TransactWriteItems", fault, times);
        let (told, counts) = copied(&world, &from, 100_000).await.unwrap();
        assert_eq!((told.len(), counts), (3, [3, 0, 0]));
        assert_eq!(world.dynamodb.scan(CREDENTIALS_TABLE).len(), 3);
    }
}

#[tokio::test]
async fn f113_a_transaction_that_meets_another_write_is_made_for_each_item_and_then_again() {
    let (world, from, _) = beside(3).await;
    world.dynamodb.fail("TransactWriteItems", Fault::Conflict, 2);
    let (told, counts) = copied(&world, &from, 100_000).await.unwrap();
    assert_eq!((told.len(), counts), (3, [3, 0, 0]));
    assert_eq!(transactions(&world), 5, "together, the first item alone twice, and the others");
    assert_eq!(world.dynamodb.scan(CREDENTIALS_TABLE).len(), 3);
}

#[tokio::test]
async fn f113_a_copy_that_never_succeeds_stops_the_pass_with_a_clear_word() {
    for fault in [Fault::THROTTLED, Fault::Conflict] {
        let (world, from, _) = beside(3).await;
        world.dynamodb.fail("TransactWriteItems", fault, Times::UntilCleared);
        let words = copied(&world, &from, 100_000).await.unwrap_err();
        assert!(words.contains("goes on from there"), "{words}");
    }
}
