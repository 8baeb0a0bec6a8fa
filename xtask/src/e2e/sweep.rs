//! The sweep, invoked as its schedule would.

use aws_sdk_lambda::primitives::Blob;
use serde_json::json;

use super::deployment::Deployment;
use crate::account::Called;
use crate::visit::{expect, say};

/// A run reads its part of the table, with the rights of its role.
pub(super) async fn reads_its_part(deployment: &Deployment<'_>) -> Result<(), String> {
    let lambda = aws_sdk_lambda::Client::new(&deployment.cloud.account.config);
    let event = json!({
        "source": "aws.events",
        "detail-type": "Scheduled Event",
        "time": "2026-11-26T00:15:00Z",
    });
    let run = lambda.invoke().function_name(deployment.outputs.get("SweepFunction")?);
    let answer = run.payload(Blob::new(event.to_string())).send().await.or_say("the sweep is not invoked")?;
    let told = String::from_utf8_lossy(answer.payload().map(Blob::as_ref).unwrap_or_default()).into_owned();
    expect(answer.function_error().is_none() && told == "{}", &format!("the sweep succeeds: {told}"))?;
    say("a run of the sweep reads its part of the table");
    Ok(())
}
