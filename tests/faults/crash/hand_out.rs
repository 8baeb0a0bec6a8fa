//! The process dies while it hands an expired access token out to a back end. receipt.rs has the
//! trade of a receipt before that.

use harness::world::{ANN, invoke_direct};
use serde_json::json;

use super::{Points, Trouble, assert_works_or_asks, enumerate, is_alive_past_the_lease, trouble};
use crate::behind::{Behind, LIST};

async fn killed_in_a_hand_out(behind: &mut Behind, trouble: &Trouble, points: &mut Points) -> bool {
    let at = format!("killed at {points} with {}", trouble.name);
    behind.world.advance(3600);
    behind.world.forget_calls();
    let before = behind.stored_refresh_token().await;
    let payload = json!({"user_id": behind.world.sub(ANN)});
    trouble.arrange(&behind.world.stack);
    let text = payload.to_string();
    let asking = async |app: &_| invoke_direct(Ok(app), "access-token", &text, trouble.budget).await;
    let answer = points.kill_in(behind, asking).await;
    behind.recover().await;

    let is_alive = is_alive_past_the_lease(behind, trouble, before.as_deref(), &at).await;
    let after = behind.world.invoke_direct("access-token", &payload).await;
    for token in answer.iter().chain([&after]).filter_map(|told| told.answer["access_token"].as_str()) {
        behind.world.plant(token);
    }
    let is_handed_out = after.answer["access_token"].is_string();
    assert!(is_handed_out || after.reason() == "revoked_or_expired", "{at}: {after:?}");
    assert!(!is_alive || is_handed_out, "{at}: the grant is alive, and yet {after:?}");
    // The front end finds the same.
    let listed = behind.world.messages(LIST).await;
    assert_works_or_asks(behind, listed, &at).await;
    points.go_on(answer.as_ref())
}

#[tokio::test]
async fn f100_f24_to_f35_f70_killed_anywhere_in_a_hand_out_with_any_fault_of_googles_the_credential_survives()
{
    let mut troubles = trouble::of_the_token_endpoint(true);
    troubles.extend(trouble::of_rotation());
    enumerate("hand-out, Google's faults", troubles, 500, killed_in_a_hand_out).await;
}

#[tokio::test]
async fn f100_f53_to_f60_f70_killed_anywhere_in_a_hand_out_with_any_fault_of_awss_the_credential_survives() {
    let mut troubles = vec![trouble::none()];
    troubles.extend(trouble::of_dynamodb(&["GetItem", "UpdateItem"]));
    troubles.extend(trouble::of_burial());
    troubles.extend(trouble::of_secrets());
    enumerate("hand-out, AWS's faults", troubles, 300, killed_in_a_hand_out).await;
}
