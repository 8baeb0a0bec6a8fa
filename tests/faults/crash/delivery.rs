//! The process dies while it acts on a security event of Google's. Google's next delivery completes
//! what began, and none after that has an effect.

use harness::google::{Failure, Times};
use harness::world::{ANN, Call};
use postern_rules::security_event::Kind;

use super::{Points, Trouble, enumerate, trouble};
use crate::behind::Behind;

async fn killed_in_a_delivery(behind: &mut Behind, trouble: &Trouble, points: &mut Points) -> bool {
    let at = format!("killed at {points} with {}", trouble.name);
    behind.world.jar.clear();
    behind.world.sign_in(ANN).await;
    let list = behind.list();
    // Older than what the event tells of, which may have happened five minutes earlier.
    behind.world.advance(300);
    let google = behind.world.stack.google.clone();
    let call = Call::security_event(&google.sign(&google.security_event(Kind::AccountDisabled, ANN)));
    trouble.arrange(&behind.world.stack);
    let answer = points.kill(behind, &call, trouble.budget).await;
    behind.recover().await;

    let status = answer.as_ref().map_or(503, |answer| answer.status);
    assert!([202, 503].contains(&status), "{at}: {answer:?}");
    if status == 503 {
        let again = behind.world.send(&call).await;
        assert_eq!(again.status, 202, "{at}: {again:?}");
    }
    assert_eq!(behind.world.credential(ANN)["status"]["S"], "revoked", "{at}");
    assert_eq!(behind.world.send(&list).await.reason(), "session_expired", "{at}");

    // In the same second, for the clock stands still.
    google.revoke_grant(ANN);
    behind.world.jar.clear();
    behind.world.sign_in(ANN).await;
    let new = behind.world.credential(ANN);
    assert_eq!(behind.world.send(&call).await.status, 202, "{at}");
    assert_eq!(behind.world.credential(ANN), new, "{at}: the event had a second effect");
    points.go_on(answer.as_ref())
}

#[tokio::test]
async fn f110_a75_killed_anywhere_in_a_delivery_with_any_fault_the_next_one_completes_it_and_counts_once() {
    let mut troubles = vec![trouble::none()];
    troubles.extend(trouble::of_dynamodb(&["GetItem", "PutItem", "UpdateItem"]));
    troubles.extend(trouble::of_secrets());
    troubles.push(trouble::of_keys(Failure::Status(503), Times::Next(1)));
    troubles.push(trouble::of_keys(Failure::LoseAnswer, Times::Next(1)));
    enumerate("delivery of a security event", troubles, 200, killed_in_a_delivery).await;
}
