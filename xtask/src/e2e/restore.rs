//! The runbook's drill: a table is restored after one user was erased and another one's item was
//! lost.

use aws_sdk_dynamodb::types::AttributeValue;
use aws_sdk_lambda::primitives::Blob;
use serde_json::{Value, json};

use super::deployment::{Deployment, ERASED, xtask};
use crate::account::Called;
use crate::processes::Processes;
use crate::visit::{expect, say};

/// The restored table.
const RESTORED: &str = "postern-restored";
/// A user who never ended a connection, and whose item is lost.
const LOST: &str = "cleo@example.org";

/// Goes through the drill.
pub(super) async fn brings_back_no_erased_user(
    deployment: &Deployment<'_>,
    processes: &mut Processes,
) -> Result<(), String> {
    let Deployment { cloud, outputs, .. } = deployment;
    for account in [LOST, ERASED] {
        deployment.sign_in(account).await?;
    }
    let user = |account: &str| {
        let account = cloud.google.account(account).ok_or("the account is unknown")?;
        Ok::<_, String>(account.sub)
    };
    let (lost, erased) = (user(LOST)?, user(ERASED)?);
    let tables = aws_sdk_dynamodb::Client::new(&cloud.account.config);
    let table = outputs.get("CredentialsTableName")?;
    let key = |user: &str| AttributeValue::S(user.to_owned());
    let item = async |user: &str| {
        let read = tables.get_item().table_name(table).key("user_id", key(user)).consistent_read(true);
        Ok::<_, String>(read.send().await.or_say("an item cannot be read")?.item)
    };
    let before = item(&lost).await?.ok_or("the user is connected")?;

    let restore = tables.restore_table_to_point_in_time().source_table_name(table);
    let restore = restore.target_table_name(RESTORED).use_latest_restorable_time(true).send().await;
    restore.or_say("the table is not restored")?;
    let erasure = json!({"action": "erase", "user_id": erased}).to_string();
    let lambda = aws_sdk_lambda::Client::new(&cloud.account.config);
    let erasure =
        lambda.invoke().function_name(outputs.get("ConnectionsFunction")?).payload(Blob::new(erasure));
    let answer = erasure.send().await.or_say("the user is not erased")?;
    let answer: Value = serde_json::from_slice(answer.payload().map(Blob::as_ref).unwrap_or_default())
        .map_err(|error| format!("the answer to the erasure is no JSON: {error}"))?;
    expect(answer["erased"] == true, &format!("the user is erased: {answer}"))?;
    let deletion = tables.delete_item().table_name(table).key("user_id", key(&lost)).send().await;
    deletion.or_say("the item is not deleted")?;

    xtask(&["restore", "--from", RESTORED, "--yes"], cloud, processes).await?;
    expect(item(&erased).await?.is_none(), "the erased user stays erased")?;
    let after = item(&lost).await?.ok_or("the lost item is not back")?;
    let name = "refresh_token_id";
    expect(after.get(name) == before.get(name), "the lost item is back with its refresh token")?;
    expect(after.get("era") != before.get("era"), "sessions of that time are over")?;
    deployment.sign_in(LOST).await?.list(&[]).await?;
    let now = item(&lost).await?.ok_or("the user is connected")?;
    expect(now.get(name) == before.get(name), "and signs in without a new consent")?;
    let deletion = tables.delete_table().table_name(RESTORED).send().await;
    deletion.or_say("the restored table is not deleted")?;
    say("after a restore an erased user stays erased, and a lost item is back, without a new consent");
    Ok(())
}
