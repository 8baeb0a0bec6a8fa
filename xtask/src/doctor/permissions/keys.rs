//! The keys of the account's owner that encrypt secrets and tables; with AWS's own keys nobody needs a permission.

use crate::doctor::finding::Finding;
use crate::doctor::refusal::Refusal;
use crate::doctor::target::{Deployment, Target};

/// The parameter of the stack with the key of the tables and the keyring.
const PARAMETER: &str = "KmsKeyArn";

/// Their ARNs, each once.
#[derive(Default)]
pub(super) struct Keys {
    pub(super) of_secrets: Vec<String>,
    pub(super) of_tables: Vec<String>,
}

impl Keys {
    /// Asks Secrets Manager and DynamoDB; what could not be told comes beside.
    pub(super) async fn find(target: &Target, deployment: &Deployment) -> (Self, Vec<Finding>) {
        let (of_secrets, mut findings) = of_secrets(target).await;
        let (of_tables, more) = of_tables(target, deployment).await;
        findings.extend(more);
        (Self { of_secrets, of_tables }, findings)
    }
}

async fn of_secrets(target: &Target) -> (Vec<String>, Vec<Finding>) {
    let (mut keys, mut findings) = (Vec::new(), Vec::new());
    for secret in [&target.names.google_client, &target.names.sealing_keys] {
        let key = match target.secrets.describe_secret().secret_id(secret).send().await {
            Ok(answer) => answer.kms_key_id,
            Err(error) => match Refusal::of(&error) {
                // Said where the secret was read.
                Refusal::Absent => None,
                refusal => {
                    let what = format!("whether a key of your own encrypts the secret {secret}");
                    findings.push(refusal.untold(what, "secretsmanager:DescribeSecret"));
                    None
                }
            },
        };
        match key {
            Some(key) if key.starts_with("arn:") && !keys.contains(&key) => keys.push(key),
            Some(key) if !key.starts_with("arn:") && key != "alias/aws/secretsmanager" => {
                let what = format!("whether the functions may use the key of the secret {secret}");
                findings
                    .push(Finding::untold(what, "the secret names its key by an alias; name it by its ARN"));
            }
            _ => {}
        }
    }
    (keys, findings)
}

/// Of a table's key only its owner can tell whether it is theirs or AWS's: it is theirs where the stack was given one.
async fn of_tables(target: &Target, deployment: &Deployment) -> (Vec<String>, Vec<Finding>) {
    let (mut keys, mut findings) = (Vec::new(), Vec::new());
    let Some(given) = deployment.parameters.get(PARAMETER).filter(|key| !key.is_empty()) else {
        return (keys, findings);
    };
    for table in [&target.names.credentials_table, &target.names.sessions_table] {
        match target.dynamodb.describe_table().table_name(table).send().await {
            Ok(answer) => {
                let encryption = answer.table().and_then(|table| table.sse_description());
                let key = encryption.and_then(|encryption| encryption.kms_master_key_arn()).unwrap_or(given);
                if !keys.iter().any(|known| known == key) {
                    keys.push(key.to_owned());
                }
            }
            Err(error) => match Refusal::of(&error) {
                // Said where the table was looked at.
                Refusal::Absent => {}
                refusal => {
                    let what = format!("which key encrypts the table {table}");
                    findings.push(refusal.untold(what, "dynamodb:DescribeTable"));
                }
            },
        }
    }
    (keys, findings)
}
