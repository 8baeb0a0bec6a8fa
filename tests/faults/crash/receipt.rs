//! The process dies while a back end trades a receipt. A receipt gives at most one token, and a
//! page that asks for another one can always go on.

use harness::world::{ANN, Told, invoke_direct};
use serde_json::{Value, json};

use super::{Points, Trouble, enumerate, trouble};
use crate::behind::Behind;

const FUNCTION: &str = "access-token";

/// The payload that trades what Ann's page gets now.
async fn trade(behind: &Behind) -> Value {
    json!({"receipt": behind.world.connection().await["receipt"]})
}

/// Whether a token was handed out. A refusal is the one for receipts, or asks to come again.
fn is_traded(behind: &Behind, told: &Told, at: &str) -> bool {
    let problem = told.problem();
    if problem.0 == 200 {
        behind.world.plant(told.text("access_token"));
        return true;
    }
    assert!(problem == (400, "invalid_receipt") || problem.0 == 503, "{at}: {told:?}");
    false
}

async fn killed_in_a_trade(behind: &mut Behind, trouble: &Trouble, points: &mut Points) -> bool {
    let at = format!("killed at {points} with {}", trouble.name);
    let payload = trade(behind).await;
    let item = behind.world.credential(ANN);
    let used = behind.world.used_receipts().len();
    trouble.arrange(&behind.world.stack);
    let asking = async |app: &_| invoke_direct(Ok(app), FUNCTION, &payload.to_string(), trouble.budget).await;
    let told = points.kill_in(behind, asking).await;
    behind.recover().await;

    let mut traded = usize::from(told.as_ref().is_some_and(|told| is_traded(behind, told, &at)));
    // The back end asks again, whose answer did not arrive or was a 503.
    for _ in 0..2 {
        let again = behind.world.invoke_direct(FUNCTION, &payload).await;
        traded += usize::from(is_traded(behind, &again, &at));
    }
    assert!(traded <= 1, "{at}: one receipt gave {traded} tokens");
    assert!(behind.world.used_receipts().len() <= used + 1, "{at}");
    // The page gets another one.
    let another = behind.world.invoke_direct(FUNCTION, &trade(behind).await).await;
    assert!(is_traded(behind, &another, &at), "{at}: {another:?}");
    assert_eq!(behind.world.credential(ANN), item, "{at}: nothing else was written");
    points.go_on(told.as_ref())
}

#[tokio::test]
async fn a104_f102_killed_anywhere_in_a_trade_with_any_fault_of_awss_a_receipt_gives_at_most_one_token() {
    let mut troubles = vec![trouble::none()];
    troubles.extend(trouble::of_dynamodb(&["GetItem", "PutItem"]));
    troubles.extend(trouble::of_secrets());
    enumerate("trade of a receipt", troubles, 150, killed_in_a_trade).await;
}
