//! The process dies while it sweeps the quarter of an hour of a user whose grant nobody uses.

use harness::world::{ANN, invoke_direct, invoke_sweep, quarter};
use serde_json::json;

use super::{Points, Trouble, assert_changed_for_a_reason, enumerate, is_alive_past_the_lease, trouble};
use crate::behind::Behind;

const MONTH: u64 = 30 * 24 * 3600;

async fn killed_in_a_sweep(behind: &mut Behind, trouble: &Trouble, points: &mut Points) -> bool {
    let at = format!("killed at {points} with {}", trouble.name);
    let variables = [("SWEEP_UNUSED_DAYS", "30"), ("SWEEP_REFRESHES_PER_SECOND", "1000")];
    behind.world.variables.extend(variables.map(|(name, value)| (name.to_owned(), value.to_owned())));
    behind.world.advance(MONTH);
    let number = behind.world.quarter_of(ANN).await;
    behind.world.forget_calls();
    let before = behind.stored_refresh_token().await;
    let payload = quarter(number, behind.world.app.clock.now()).to_string();
    trouble.arrange(&behind.world.stack);
    let sweeping = async |app: &_| invoke_sweep(Ok(app), &payload, trouble.budget).await;
    let answer = points.kill_in(behind, sweeping).await;
    behind.recover().await;

    let is_alive = is_alive_past_the_lease(behind, trouble, before.as_deref(), &at).await;
    // The next day's run ends what this one began.
    behind.world.advance(24 * 3600);
    let app = behind.world.sweeper();
    let payload = quarter(number, behind.world.app.clock.now()).to_string();
    assert_eq!(invoke_sweep(Ok(&app), &payload, harness::world::BUDGET).await, Ok(json!({})), "{at}");
    assert_changed_for_a_reason(behind, trouble, before.as_deref(), &at).await;
    let asked = json!({ "user_id": behind.world.sub(ANN) }).to_string();
    let told = invoke_direct(Ok(&behind.world.app), "access-token", &asked, harness::world::BUDGET).await;
    let is_handed_out = told.answer["access_token"].as_str().map(str::to_owned);
    if let Some(token) = &is_handed_out {
        behind.world.plant(token);
    } else {
        assert!(!is_alive, "{at}: the grant is alive, and yet {told:?}");
        assert_eq!(told.reason(), "revoked_or_expired", "{at}");
        let query = behind.world.consented_again(ANN).await;
        behind.world.callback(&query).await.session();
    }
    points.go_on(answer.as_ref())
}

#[tokio::test]
async fn f116_f24_to_f35_f70_killed_anywhere_in_a_sweep_with_any_fault_of_googles_the_credential_survives() {
    let mut troubles = trouble::of_the_token_endpoint(true);
    troubles.extend(trouble::of_rotation());
    enumerate("sweep, Google's faults", troubles, 400, killed_in_a_sweep).await;
}

#[tokio::test]
async fn f116_f53_to_f60_f70_killed_anywhere_in_a_sweep_with_any_fault_of_awss_the_credential_survives() {
    let mut troubles = vec![trouble::none()];
    troubles.extend(trouble::of_dynamodb(&["Scan", "UpdateItem"]));
    troubles.extend(trouble::of_burial());
    troubles.extend(trouble::of_secrets());
    enumerate("sweep, AWS's faults", troubles, 250, killed_in_a_sweep).await;
}
