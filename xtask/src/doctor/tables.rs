//! The two tables: their keys, the expiry of sessions, and the recovery of the users' tokens.

use aws_sdk_dynamodb::types::{
    KeyType, PointInTimeRecoveryStatus, ScalarAttributeType, TableDescription, TableStatus, TimeToLiveStatus,
};

use super::finding::{Finding, PUT_BACK, Refusal, or_good};
use super::target::Target;

/// The attribute by which DynamoDB deletes sessions and spent states.
const EXPIRY: &str = "expires_at";

/// One line for each table, or one for each thing that is wrong with it.
pub(super) async fn examine(target: &Target) -> Vec<Finding> {
    let (credentials, sessions) = (&target.credentials_table, &target.sessions_table);
    let (of_credentials, of_sessions) = tokio::join!(
        table(target, credentials, "user_id", "with the users' tokens"),
        table(target, sessions, "id", "with the sessions"),
    );
    [of_credentials, of_sessions].concat()
}

async fn table(target: &Target, name: &str, key: &str, contents: &str) -> Vec<Finding> {
    let table = match describe(target, name).await {
        Ok(table) => table,
        Err(finding) => return vec![finding],
    };
    let mut findings = usable(&table, name, key);
    if name == target.sessions_table {
        findings.extend(expiry(target, name).await);
    } else if target.deployment.is_some() {
        // The local tables live in memory.
        findings.extend(recovery(target, name).await);
    }
    or_good(findings, format!("the table {name} {contents}"))
}

async fn describe(target: &Target, name: &str) -> Result<TableDescription, Finding> {
    let what = format!("the table {name}");
    let answer = target.dynamodb.describe_table().table_name(name).send().await;
    let answer = answer.map_err(|error| {
        let absent = Finding::wrong(format!("{what} does not exist"), PUT_BACK);
        Refusal::of("dynamodb:DescribeTable", &error).unless_absent(&what, absent)
    })?;
    answer.table.ok_or_else(|| Finding::unknown(what, "DynamoDB did not describe it; try again"))
}

/// Whatever keeps the functions from reading and writing items.
fn usable(table: &TableDescription, name: &str, key: &str) -> Vec<Finding> {
    let mut findings = Vec::new();
    // A table serves while it is updated.
    if !matches!(table.table_status(), Some(TableStatus::Active | TableStatus::Updating)) {
        let why = "DynamoDB is creating or deleting it; try again when that is done";
        findings.push(Finding::unknown(format!("whether the table {name} can be used"), why));
    }
    let is_key = matches!(table.key_schema(), [only] if only.attribute_name() == key && *only.key_type() == KeyType::Hash);
    let is_text = table.attribute_definitions().iter().any(|attribute| {
        attribute.attribute_name() == key && *attribute.attribute_type() == ScalarAttributeType::S
    });
    if !(is_key && is_text) {
        findings.push(Finding::wrong(
            format!("the key of the table {name} is not exactly {key} (S)"),
            "a key cannot be changed: deploy with a new table",
        ));
    }
    findings
}

async fn expiry(target: &Target, name: &str) -> Option<Finding> {
    let answer = match target.dynamodb.describe_time_to_live().table_name(name).send().await {
        Ok(answer) => answer,
        Err(error) => {
            let what = format!("whether the table {name} deletes old items");
            return Some(Refusal::of("dynamodb:DescribeTimeToLive", &error).unknown(what));
        }
    };
    let is_on = answer.time_to_live_description().is_some_and(|description| {
        let status = description.time_to_live_status();
        description.attribute_name() == Some(EXPIRY)
            && matches!(status, Some(TimeToLiveStatus::Enabled | TimeToLiveStatus::Enabling))
    });
    let off = Finding::wrong(
        format!("the table {name} never deletes old sessions: {EXPIRY} is not its time to live"),
        format!(
            "`aws dynamodb update-time-to-live --table-name {name} --time-to-live-specification \
             Enabled=true,AttributeName={EXPIRY}`"
        ),
    );
    (!is_on).then_some(off)
}

async fn recovery(target: &Target, name: &str) -> Option<Finding> {
    let answer = match target.dynamodb.describe_continuous_backups().table_name(name).send().await {
        Ok(answer) => answer,
        Err(error) => {
            let what = format!("whether the table {name} can be restored");
            return Some(Refusal::of("dynamodb:DescribeContinuousBackups", &error).unknown(what));
        }
    };
    let backups = answer.continuous_backups_description();
    let recovery = backups.and_then(|backups| backups.point_in_time_recovery_description());
    let status = recovery.and_then(|recovery| recovery.point_in_time_recovery_status());
    let off = Finding::wrong(
        format!("the table {name} with the users' tokens cannot be restored to a point in time"),
        format!(
            "`aws dynamodb update-continuous-backups --table-name {name} \
             --point-in-time-recovery-specification PointInTimeRecoveryEnabled=true`"
        ),
    );
    (status != Some(&PointInTimeRecoveryStatus::Enabled)).then_some(off)
}
