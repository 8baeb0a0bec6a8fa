//! The process dies while it hands an expired access token out to a back end, by user ID or for a
//! receipt.

use harness::world::{ANN, ORIGIN, Told, invoke_direct};
use postern::grant::receipt;
use postern_rules::user::UserId;
use serde_json::{Value, json};

use super::{Points, Trouble, assert_changed_for_a_reason, assert_works_or_asks, enumerate, trouble};
use crate::behind::{Behind, LIST};

/// Seconds; longer than a lease lasts.
const PAST_THE_LEASE: u64 = 10;

/// What another process tells the same back end afterwards.
async fn ask(behind: &Behind, payload: &Value) -> Told {
    behind.world.invoke_direct("access-token", payload).await
}

/// Whether a token was handed out. Remembers it, so that it must not be logged.
fn has_token(behind: &Behind, told: &Told) -> bool {
    let token = told.answer["access_token"].as_str();
    token.inspect(|token| behind.world.plant(token)).is_some()
}

/// Kills the call with this payload. The user's access then works, or the user is asked for consent.
async fn killed_with(
    behind: &mut Behind,
    payload: &Value,
    trouble: &Trouble,
    points: &mut Points,
) -> (Option<Told>, String) {
    let at = format!("killed at {points} with {}", trouble.name);
    behind.world.forget_calls();
    let before = behind.stored_refresh_token().await;
    trouble.arrange(&behind.world.stack);
    let text = payload.to_string();
    let answer = points
        .kill_in(behind, async |app| invoke_direct(Ok(app), "access-token", &text, trouble.budget).await)
        .await;
    behind.recover().await;

    assert_changed_for_a_reason(behind, trouble, before.as_deref(), &at).await;
    let is_alive = match &behind.stored_refresh_token().await {
        Some(token) => behind.is_alive(token).await,
        None => false,
    };
    behind.world.advance(PAST_THE_LEASE);
    let by_id = ask(behind, &json!({"user_id": behind.world.sub(ANN)})).await;
    let is_handed_out = has_token(behind, &by_id);
    assert!(is_handed_out || by_id.reason() == "revoked_or_expired", "{at}: {by_id:?}");
    assert!(!is_alive || is_handed_out, "{at}: the grant is alive, and yet {by_id:?}");
    (answer, at)
}

async fn killed_by_user_id(behind: &mut Behind, trouble: &Trouble, points: &mut Points) -> bool {
    behind.world.advance(3600);
    let payload = json!({"user_id": behind.world.sub(ANN)});
    let (answer, at) = killed_with(behind, &payload, trouble, points).await;
    // The front end finds the same.
    let listed = behind.world.messages(LIST).await;
    assert_works_or_asks(behind, listed, &at).await;
    points.go_on(answer.as_ref())
}

async fn killed_with_a_receipt(behind: &mut Behind, trouble: &Trouble, points: &mut Points) -> bool {
    behind.world.advance(3600);
    let ann = UserId::parse(&behind.world.sub(ANN)).unwrap();
    let app = &behind.world.app;
    let credential = app.store.credential(&ann).await.unwrap().unwrap();
    let receipt = receipt::issue(app, &credential, Some(ORIGIN)).await.unwrap().unwrap();
    behind.world.plant(receipt.expose());
    let payload = json!({"receipt": receipt.expose()});
    let (answer, at) = killed_with(behind, &payload, trouble, points).await;
    let mut handed_out = answer.iter().filter(|told| has_token(behind, told)).count();
    for _ in 0..2 {
        let again = ask(behind, &payload).await;
        let is_handed_out = has_token(behind, &again);
        assert!(is_handed_out || again.problem() == (400, "invalid_receipt"), "{at}: {again:?}");
        handed_out += usize::from(is_handed_out);
    }
    assert!(handed_out <= 1, "{at}: one receipt brought {handed_out} tokens");
    points.go_on(answer.as_ref())
}

#[tokio::test]
async fn f100_f24_to_f35_f70_killed_anywhere_in_a_hand_out_with_any_fault_of_googles_the_credential_survives()
{
    let mut troubles = trouble::of_the_token_endpoint(true);
    troubles.extend(trouble::of_rotation());
    enumerate("hand-out, Google's faults", troubles, 500, killed_by_user_id).await;
}

#[tokio::test]
async fn f100_f53_to_f60_f70_killed_anywhere_in_a_hand_out_with_any_fault_of_awss_the_credential_survives() {
    let mut troubles = vec![trouble::none()];
    troubles.extend(trouble::of_dynamodb(&["GetItem", "UpdateItem"]));
    troubles.extend(trouble::of_burial());
    troubles.extend(trouble::of_secrets());
    enumerate("hand-out, AWS's faults", troubles, 300, killed_by_user_id).await;
}

#[tokio::test]
async fn f100_f102_killed_anywhere_while_a_receipt_is_traded_with_any_fault_it_brings_one_token_at_most() {
    let mut troubles = vec![trouble::none()];
    troubles.extend(trouble::of_dynamodb(&["GetItem", "PutItem", "UpdateItem"]));
    enumerate("hand-out for a receipt", troubles, 300, killed_with_a_receipt).await;
}
