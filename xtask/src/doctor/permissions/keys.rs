//! The KMS keys that the account's owner encrypts the secrets and tables with. AWS's own keys need
//! no permission.

use super::super::finding::Finding;
use super::super::refusal::Refusal;
use super::super::target::{Deployment, Target};

/// A key, and the service that uses it.
#[derive(PartialEq)]
pub(super) struct Key {
    pub(super) arn: String,
    pub(super) service: &'static str,
}

/// Each key once, and a finding for each that could not be determined.
pub(super) async fn of_the_owner(target: &Target, deployment: &Deployment) -> (Vec<Key>, Vec<Finding>) {
    let (mut keys, mut findings) = (Vec::new(), Vec::new());
    let mut add = |arn: String, service| {
        let key = Key { arn, service };
        if !keys.contains(&key) {
            keys.push(key);
        }
    };
    // What does not exist is reported where the secret or table itself is checked.
    for secret in [&target.google_client, &target.sealing_keys] {
        let answer = target.secrets.describe_secret().secret_id(secret).send().await;
        match answer.map(|answer| answer.kms_key_id.unwrap_or_default()).map_err(|error| Refusal::of(&error))
        {
            Ok(key) if key.starts_with("arn:") => add(key, "secretsmanager"),
            Ok(key) if key.is_empty() || key == "alias/aws/secretsmanager" => {}
            Ok(_) => findings.push(Finding::unknown(
                format!("whether the functions may use the key of the secret {secret}"),
                "the secret names its key by an alias; name it by its ARN",
            )),
            Err(Refusal::Absent) => {}
            Err(refusal) => {
                let what = format!("whether a key of your own encrypts the secret {secret}");
                findings.push(refusal.unknown(what, "secretsmanager:DescribeSecret"));
            }
        }
    }
    // A table's description does not tell whether a key is the owner's or AWS's: it is the owner's
    // if the stack was given one.
    let Some(given) = deployment.parameters.get("KmsKeyArn").filter(|key| !key.is_empty()) else {
        return (keys, findings);
    };
    for table in [&target.credentials_table, &target.sessions_table] {
        let answer = target.dynamodb.describe_table().table_name(table).send().await;
        match answer.map_err(|error| Refusal::of(&error)) {
            Ok(answer) => {
                let encryption = answer.table().and_then(|table| table.sse_description());
                let key = encryption.and_then(|encryption| encryption.kms_master_key_arn());
                add(key.unwrap_or(given).to_owned(), "dynamodb");
            }
            Err(Refusal::Absent) => {}
            Err(refusal) => {
                let what = format!("which key encrypts the table {table}");
                findings.push(refusal.unknown(what, "dynamodb:DescribeTable"));
            }
        }
    }
    (keys, findings)
}
