//! The process dies while it lists messages with an expired access token.

use super::{Points, Trouble, assert_works_or_asks, enumerate, is_alive_past_the_lease, trouble};
use crate::behind::{Behind, LIST};

async fn killed_in_a_refresh(behind: &mut Behind, trouble: &Trouble, points: &mut Points) -> bool {
    let at = format!("killed at {points} with {}", trouble.name);
    behind.world.advance(3600);
    behind.world.forget_calls();
    let before = behind.stored_refresh_token().await;
    trouble.arrange(&behind.world.stack);
    let answer = points.kill(behind, &behind.list(), trouble.budget).await;
    behind.recover().await;

    let is_alive = is_alive_past_the_lease(behind, trouble, before.as_deref(), &at).await;
    let after = behind.world.messages(LIST).await;
    assert!(!is_alive || after.status == 200, "{at}: the grant is alive, and yet {after:?}");
    assert_works_or_asks(behind, after, &at).await;
    points.go_on(answer.as_ref())
}

#[tokio::test]
async fn f24_to_f35_f70_killed_anywhere_in_a_refresh_with_any_fault_of_googles_the_credential_survives() {
    let mut troubles = trouble::of_the_token_endpoint(true);
    troubles.extend(trouble::of_omission());
    troubles.extend(trouble::of_gmail());
    enumerate("refresh, Google's faults", troubles, 350, killed_in_a_refresh).await;
}

#[tokio::test]
async fn f31_f33_f70_killed_anywhere_in_a_refresh_that_rotates_with_any_fault_the_credential_survives() {
    enumerate("refresh with rotation", trouble::of_rotation(), 300, killed_in_a_refresh).await;
}

#[tokio::test]
async fn f53_to_f60_f70_killed_anywhere_in_a_refresh_with_any_fault_of_awss_the_credential_survives() {
    let mut troubles = vec![trouble::none()];
    troubles.extend(trouble::of_dynamodb(&["BatchGetItem", "UpdateItem"]));
    troubles.extend(trouble::of_burial());
    troubles.extend(trouble::of_secrets());
    enumerate("refresh, AWS's faults", troubles, 300, killed_in_a_refresh).await;
}
