//! What the later runs of a move read and write: all that was copied is looked at again.

use harness::world::BEN;
use postern::outside::dynamodb::Policy;
use tokio::time::Instant;

use super::super::reseal::{Copying, TakingBack};
use super::*;

#[tokio::test]
async fn what_a_filter_leaves_out_takes_a_tenth_of_the_time() {
    let scene = Scene::new(400).await;
    let later = scene.app.clock.now().plus(Duration::from_hours(1));
    let journal = Journal::in_memory(scene.app.clock.now());
    let settings = Settings { per_second: 200, ..FAST };
    let pass = Pass::new(&scene.app, Reading::Since(later), settings, journal);
    let began = Instant::now();
    pass.run(&Sealing { app: &scene.app }, &mut |_| panic!("nothing is so new")).await.unwrap();
    assert!(began.elapsed() < Duration::from_millis(1500), "{:?}", began.elapsed());
}

#[tokio::test]
async fn what_is_there_already_is_found_many_at_once_and_nothing_is_written() {
    let (world, _) = World::with_ben().await;
    let to = world.another_table("new", &[]);
    let copying = Copying { from: &world.app, to: &to, policy: Policy::Live };
    let taking_back = TakingBack { from: &world.app, to: &to };
    let journal = || Journal::in_memory(to.clock.now());
    let copy = async || {
        Pass::new(&world.app, Reading::All, ONE_SEGMENT, journal()).run(&copying, &mut |_| Ok(())).await
    };
    let copies = || Reading::CopiesOf(CREDENTIALS_TABLE.to_owned());
    let take_back =
        async || Pass::new(&to, copies(), ONE_SEGMENT, journal()).run(&taking_back, &mut |_| Ok(())).await;
    let calls = |operation: &str| world.dynamodb.calls_of(operation).len();

    copy().await.unwrap();
    assert_eq!(calls("TransactWriteItems"), 1);
    world.forget_calls();
    copy().await.unwrap();
    take_back().await.unwrap();
    assert_eq!(["TransactWriteItems", "GetItem", "DeleteItem"].map(calls), [0, 0, 0]);
    assert!(calls("BatchGetItem") <= 4, "one for each page that holds somebody");
    assert_eq!(world.dynamodb.scan("new").len(), 2);

    world.disconnect(BEN);
    take_back().await.unwrap();
    let left = world.dynamodb.scan("new");
    assert_eq!(left.len(), 1);
    assert_eq!(left[0]["user_id"]["S"], world.sub(ANN));

    // DynamoDB may leave keys unprocessed.
    world.dynamodb.fail("BatchGetItem", Fault::Unprocessed, 1);
    copy().await.unwrap();
    assert_eq!(world.dynamodb.scan("new").len(), 1);
}
