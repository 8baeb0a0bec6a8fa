//! The process dies during a callback, of a user who has a credential and of one who has none.

use harness::stack::CREDENTIALS_TABLE;
use harness::world::ANN;

use super::{Points, Trouble, assert_changed_for_a_reason, assert_works_or_asks, enumerate, trouble};
use crate::behind::{Behind, LIST};

async fn killed_in_a_callback(behind: &mut Behind, trouble: &Trouble, points: &mut Points) -> bool {
    let at = format!("killed at {points} with {}", trouble.name);
    behind.world.advance(3600);
    let before = behind.stored_refresh_token().await;
    let callback = behind.consented().await;
    behind.world.forget_calls();
    trouble.arrange(&behind.world.stack);
    let answer = points.kill(behind, &callback, trouble.budget).await;
    behind.recover().await;

    assert_changed_for_a_reason(behind, trouble, before.as_deref(), &at).await;
    let stored = behind.stored_refresh_token().await;
    assert!(before.is_none() || stored.is_some(), "{at}: the refresh token is lost");
    if let Some(token) = &stored {
        assert!(behind.is_alive(token).await, "{at}: what is stored does not work");
    }
    let sub = behind.world.sub(ANN);
    assert!(behind.world.sessions().iter().all(|row| row["user_id"]["S"] == sub.as_str()), "{at}: I7");

    // The user reloads the page that did not arrive.
    if let Some(answer) = &answer {
        behind.world.keep_cookies(answer);
    } else {
        let exchanges = behind.world.exchanges();
        let reloaded = behind.world.send(&callback).await;
        assert!(reloaded.status < 500, "{at}: {reloaded:?}");
        assert!(exchanges == 0 || behind.world.exchanges() == exchanges, "{at}: I5");
        behind.world.keep_cookies(&reloaded);
    }
    let list = behind.world.messages(LIST).await;
    assert_works_or_asks(behind, list, &at).await;
    points.go_on(answer.as_ref())
}

/// The same for a user who has no credential.
async fn killed_in_a_first_callback(behind: &mut Behind, trouble: &Trouble, points: &mut Points) -> bool {
    behind.world.stack.dynamodb.delete(CREDENTIALS_TABLE, "user_id", &behind.world.sub(ANN));
    behind.world.jar.clear();
    killed_in_a_callback(behind, trouble, points).await
}

/// The same while another OAuth client replaces the one that the stored grant belongs to.
async fn killed_in_a_callback_of_the_coming_client(
    behind: &mut Behind,
    trouble: &Trouble,
    points: &mut Points,
) -> bool {
    let its_client = behind.world.credential(ANN)["client_id"]["S"].as_str().unwrap().to_owned();
    behind.replace_client(&its_client);
    killed_in_a_callback(behind, trouble, points).await
}

fn of_google() -> Vec<Trouble> {
    let mut troubles = trouble::of_the_token_endpoint(false);
    troubles.extend(trouble::of_omission());
    troubles
}

fn of_aws() -> Vec<Trouble> {
    let mut troubles = vec![trouble::none()];
    troubles.extend(trouble::of_dynamodb(&["PutItem", "GetItem", "UpdateItem"]));
    troubles.extend(trouble::of_secrets());
    troubles
}

#[tokio::test]
async fn killed_anywhere_in_a_callback_with_any_fault_of_googles_the_old_credential_survives() {
    enumerate("callback of a known user, Google's faults", of_google(), 200, killed_in_a_callback).await;
}

#[tokio::test]
async fn killed_anywhere_in_a_callback_with_any_fault_of_awss_the_old_credential_survives() {
    enumerate("callback of a known user, AWS's faults", of_aws(), 300, killed_in_a_callback).await;
}

#[tokio::test]
async fn f111_killed_anywhere_in_a_callback_that_moves_its_user_the_old_credential_survives() {
    let pair = killed_in_a_callback_of_the_coming_client;
    enumerate("callback of the coming client, Google's faults", of_google(), 200, pair).await;
    enumerate("callback of the coming client, AWS's faults", of_aws(), 300, pair).await;
}

#[tokio::test]
async fn f08_f09_f19_to_f21_killed_anywhere_in_a_first_callback_with_any_fault_of_googles_the_user_can_go_on()
{
    enumerate("callback of a new user, Google's faults", of_google(), 200, killed_in_a_first_callback).await;
}

#[tokio::test]
async fn f16_to_f21_f53_killed_anywhere_in_a_first_callback_with_any_fault_of_awss_the_user_can_go_on() {
    enumerate("callback of a new user, AWS's faults", of_aws(), 300, killed_in_a_first_callback).await;
}
