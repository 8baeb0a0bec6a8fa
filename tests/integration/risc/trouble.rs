//! When another system fails, Google delivers again, and nothing is lost. tests/faults tries each
//! point of a delivery.

use std::time::Duration;

use harness::world::{ANN, Call, World};
use harness::{Fault, Times};
use postern_rules::security_event::Kind;

use super::{SETTLED, left};

#[tokio::test]
async fn f78_without_dynamodb_the_answer_is_503_and_the_next_delivery_does_the_rest() {
    for operation in ["PutItem", "GetItem", "UpdateItem"] {
        let world = World::signed_in().await;
        world.advance(SETTLED);
        let token = world.google.sign(&world.google.security_event(Kind::AccountDisabled, ANN));
        let call = Call::security_event(&token);
        world.dynamodb.fail(operation, Fault::BROKEN, Times::UntilCleared);
        let answer = world.send_within(Duration::from_millis(700), &call).await;
        assert_eq!(answer.problem(), (503, "storage_unavailable"), "{operation}");
        assert_eq!(left(&world).await, (true, true), "{operation}");
        world.dynamodb.end_faults().await;
        assert_eq!(world.send(&call).await.status, 202, "{operation}");
        assert_eq!(left(&world).await, (false, false), "{operation}");
        assert_eq!(world.security_events().len(), 1);
    }
}

#[tokio::test]
async fn f78_a_table_that_the_function_may_not_use_is_the_operators_and_is_delivered_again() {
    let world = World::signed_in().await;
    let token = world.google.sign(&world.google.security_event(Kind::AccountDisabled, ANN));
    for operation in ["PutItem", "GetItem", "UpdateItem"] {
        world.dynamodb.fail(operation, Fault::DENIED, 1);
        let answer = world.send(&Call::security_event(&token)).await;
        assert_eq!(answer.problem(), (503, "config_error"), "{operation}");
    }
    assert_eq!(world.send(&Call::security_event(&token)).await.status, 202);
}

#[tokio::test]
async fn f78_without_the_secrets_nobody_knows_whom_a_token_is_for() {
    let mut world = World::signed_in().await;
    world.cold_start();
    let token = world.google.sign(&world.google.security_event(Kind::AccountDisabled, ANN));
    for operation in ["BatchGetSecretValue", "GetSecretValue"] {
        world.secrets.fail(operation, Fault::BROKEN, Times::UntilCleared);
    }
    let answer = world.send(&Call::security_event(&token)).await;
    assert_eq!(answer.problem(), (503, "secrets_unavailable"));
    assert_eq!(world.dynamodb_calls(), Vec::<String>::new());
    world.secrets.end_faults().await;
    assert_eq!(world.send(&Call::security_event(&token)).await.status, 202);
}

#[tokio::test]
async fn f110_an_item_that_this_version_cannot_read_is_delivered_again() {
    let world = World::signed_in().await;
    world.advance(SETTLED);
    let before = world.edit(ANN, |item| item["schema"]["N"] = "2".into());
    let token = world.google.sign(&world.google.security_event(Kind::AccountDisabled, ANN));
    let answer = world.send(&Call::security_event(&token)).await;
    assert_eq!(answer.problem(), (503, "credential_unreadable"));
    world.put(before);
    assert_eq!(world.send(&Call::security_event(&token)).await.status, 202);
    assert_eq!(left(&world).await, (false, false));
}
