//! The two tables: their keys, what deletes an item in time, and what keeps the durable one from being lost.

use aws_sdk_dynamodb::types::{
    KeyType, PointInTimeRecoveryStatus, ScalarAttributeType, TableDescription, TableStatus, TimeToLiveStatus,
};

use super::finding::Finding;
use super::refusal::Refusal;
use super::target::Target;

/// The attribute by which DynamoDB deletes sessions and spent states.
const EXPIRY: &str = "expires_at";
/// The option with the local DynamoDB's port.
const PORT: &str = "--dynamodb-port";
const DEPLOY_AGAIN: &str = "deploy the template again";

/// One line for each table, or one for each thing that is wrong with it.
pub(super) async fn examine(target: &Target) -> Vec<Finding> {
    let (credentials, sessions) = tokio::join!(credentials(target), sessions(target));
    [credentials, sessions].concat()
}

async fn credentials(target: &Target) -> Vec<Finding> {
    let name = &target.names.credentials_table;
    let table = match described(target, name).await {
        Ok(table) => table,
        Err(finding) => return vec![finding],
    };
    let mut findings = problems_of_key(&table, name, "user_id");
    // The local tables live in memory: nothing protects them.
    if target.deployment().is_some() {
        if table.deletion_protection_enabled() != Some(true) {
            findings.push(Finding::wrong(
                format!("the table {name} of the users' tokens is not protected against deletion"),
                format!("`aws dynamodb update-table --table-name {name} --deletion-protection-enabled`"),
            ));
        }
        findings.extend(recovery(target, name).await);
    }
    or_good(findings, format!("the table {name} of the users' tokens"))
}

async fn sessions(target: &Target) -> Vec<Finding> {
    let name = &target.names.sessions_table;
    let table = match described(target, name).await {
        Ok(table) => table,
        Err(finding) => return vec![finding],
    };
    let mut findings = problems_of_key(&table, name, "id");
    findings.extend(expiry(target, name).await);
    or_good(findings, format!("the table {name} of the sessions"))
}

fn or_good(findings: Vec<Finding>, what: String) -> Vec<Finding> {
    if findings.is_empty() { vec![Finding::good(what)] } else { findings }
}

async fn described(target: &Target, name: &str) -> Result<TableDescription, Finding> {
    let answer = target.dynamodb.describe_table().table_name(name).send().await;
    let answer = answer.map_err(|error| match Refusal::of(&error) {
        Refusal::Absent => Finding::wrong(format!("the table {name} is not there"), DEPLOY_AGAIN),
        refusal => {
            refusal.untold_with(&target.remedy(PORT), format!("the table {name}"), "dynamodb:DescribeTable")
        }
    })?;
    answer.table.ok_or_else(|| {
        Finding::untold(format!("the table {name}"), "DynamoDB did not describe it; ask again")
    })
}

/// What stands in the way of reading and writing items.
fn problems_of_key(table: &TableDescription, name: &str, key: &str) -> Vec<Finding> {
    let mut findings = Vec::new();
    // A table that is being changed serves all the same.
    if !matches!(table.table_status(), Some(TableStatus::Active | TableStatus::Updating)) {
        let why = "DynamoDB is making or removing it; ask again when that is done";
        findings.push(Finding::untold(format!("whether the table {name} can be used"), why));
    }
    let is_key = matches!(table.key_schema(), [only] if only.attribute_name() == key && *only.key_type() == KeyType::Hash);
    let is_text = table.attribute_definitions().iter().any(|attribute| {
        attribute.attribute_name() == key && *attribute.attribute_type() == ScalarAttributeType::S
    });
    if !(is_key && is_text) {
        findings.push(Finding::wrong(
            format!("the key of the table {name} is not {key} (S) alone"),
            "a key cannot be changed: deploy the template again with a new table",
        ));
    }
    findings
}

async fn expiry(target: &Target, name: &str) -> Option<Finding> {
    let answer = match target.dynamodb.describe_time_to_live().table_name(name).send().await {
        Ok(answer) => answer,
        Err(error) => {
            let what = format!("whether the table {name} deletes old items");
            return Some(Refusal::of(&error).untold(what, "dynamodb:DescribeTimeToLive"));
        }
    };
    let description = answer.time_to_live_description();
    let is_on = description.is_some_and(|description| {
        let status = description.time_to_live_status();
        description.attribute_name() == Some(EXPIRY)
            && matches!(status, Some(TimeToLiveStatus::Enabled | TimeToLiveStatus::Enabling))
    });
    (!is_on).then(|| {
        Finding::wrong(
            format!("the table {name} keeps old sessions for ever, for its time to live is not {EXPIRY}"),
            format!(
                "`aws dynamodb update-time-to-live --table-name {name} --time-to-live-specification \
                 Enabled=true,AttributeName={EXPIRY}`"
            ),
        )
    })
}

async fn recovery(target: &Target, name: &str) -> Option<Finding> {
    let answer = match target.dynamodb.describe_continuous_backups().table_name(name).send().await {
        Ok(answer) => answer,
        Err(error) => {
            let what = format!("whether the table {name} can be restored");
            return Some(Refusal::of(&error).untold(what, "dynamodb:DescribeContinuousBackups"));
        }
    };
    let status = answer
        .continuous_backups_description()
        .and_then(|description| description.point_in_time_recovery_description())
        .and_then(|description| description.point_in_time_recovery_status());
    (status != Some(&PointInTimeRecoveryStatus::Enabled)).then(|| {
        Finding::wrong(
            format!("the table {name} of the users' tokens cannot be restored to a point in time"),
            format!(
                "`aws dynamodb update-continuous-backups --table-name {name} \
                 --point-in-time-recovery-specification PointInTimeRecoveryEnabled=true`"
            ),
        )
    })
}
