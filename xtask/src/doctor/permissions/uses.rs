//! What each function does with each resource, by the template; and what it must not be able to do there. IAM's simulator
//! takes no wildcards, so the actions stand here one by one.

use super::keys::Keys;
use crate::doctor::functions::{AUTH_START, Facts, Function, LIST_MESSAGES, OAUTH_CALLBACK};
use crate::doctor::target::Names;

pub(super) const DECRYPT: &str = "kms:Decrypt";

/// What can be done with items, and what changes a table or carries its items away.
const ON_TABLES: [&str; 23] = [
    "dynamodb:GetItem",
    "dynamodb:BatchGetItem",
    "dynamodb:ConditionCheckItem",
    "dynamodb:Query",
    "dynamodb:Scan",
    "dynamodb:PutItem",
    "dynamodb:UpdateItem",
    "dynamodb:DeleteItem",
    "dynamodb:BatchWriteItem",
    "dynamodb:PartiQLSelect",
    "dynamodb:PartiQLInsert",
    "dynamodb:PartiQLUpdate",
    "dynamodb:PartiQLDelete",
    "dynamodb:UpdateTable",
    "dynamodb:DeleteTable",
    "dynamodb:UpdateTimeToLive",
    "dynamodb:UpdateContinuousBackups",
    "dynamodb:CreateBackup",
    "dynamodb:ExportTableToPointInTime",
    "dynamodb:RestoreTableToPointInTime",
    "dynamodb:EnableKinesisStreamingDestination",
    "dynamodb:PutResourcePolicy",
    "dynamodb:DeleteResourcePolicy",
];
const WRITE_SECRET: [&str; 9] = [
    "secretsmanager:PutSecretValue",
    "secretsmanager:UpdateSecret",
    "secretsmanager:UpdateSecretVersionStage",
    "secretsmanager:RotateSecret",
    "secretsmanager:DeleteSecret",
    "secretsmanager:RestoreSecret",
    "secretsmanager:ReplicateSecretToRegions",
    "secretsmanager:PutResourcePolicy",
    "secretsmanager:DeleteResourcePolicy",
];
const READ_SECRET: &str = "secretsmanager:GetSecretValue";
const WRITE_LOG: [&str; 2] = ["logs:CreateLogStream", "logs:PutLogEvents"];
const ON_FUNCTIONS: [&str; 3] =
    ["lambda:InvokeFunction", "lambda:UpdateFunctionCode", "lambda:UpdateFunctionConfiguration"];
/// All but reading with a key and about it.
const ON_KEYS: [&str; 11] = [
    "kms:Encrypt",
    "kms:ReEncryptFrom",
    "kms:ReEncryptTo",
    "kms:GenerateDataKey",
    "kms:GenerateDataKeyWithoutPlaintext",
    "kms:CreateGrant",
    "kms:RevokeGrant",
    "kms:PutKeyPolicy",
    "kms:DisableKey",
    "kms:ScheduleKeyDeletion",
    "kms:DisableKeyRotation",
];
/// It is there in no account of Postern's own, and its name is not the application's.
const FOREIGN_SECRET: &str = "secret:doctor/of-somebody-else-AAAAAA";

/// What a function does with one resource, and what it must not be able to do.
#[derive(Default)]
pub(super) struct Use {
    /// The resource, for people.
    pub(super) on: String,
    pub(super) arn: String,
    /// The service through which a key is used.
    pub(super) via: Option<&'static str>,
    pub(super) needed: Vec<&'static str>,
    pub(super) never: Vec<&'static str>,
}

/// Each resource of a function, and those of others.
pub(super) fn uses(
    name: &str,
    facts: &Facts,
    names: &Names,
    functions: &[Function],
    keys: &Keys,
) -> Vec<Use> {
    let mut uses: Vec<Use> = tables(name, facts, names).into();
    uses.extend(secrets(facts, names));
    uses.push(Use {
        on: format!("its log group {}", facts.log_group),
        arn: resource(&facts.arn, "logs", &format!("log-group:{}:log-stream:any", facts.log_group)),
        needed: WRITE_LOG.to_vec(),
        ..Use::default()
    });
    let known = functions.iter().filter_map(|function| Some((function.name, function.facts.as_ref().ok()?)));
    uses.extend(known.map(|(other, facts)| Use {
        on: format!("the function {other}"),
        arn: facts.arn.clone(),
        never: ON_FUNCTIONS.to_vec(),
        ..Use::default()
    }));
    uses.push(Use {
        on: "its own role".to_owned(),
        arn: facts.role.clone(),
        never: vec!["iam:PassRole"],
        ..Use::default()
    });
    uses.extend(keys.of_secrets.iter().map(|key| decryption(key, "Secrets Manager", "secretsmanager")));
    // It opens no table.
    if name != AUTH_START {
        uses.extend(keys.of_tables.iter().map(|key| decryption(key, "DynamoDB", "dynamodb")));
    }
    uses
}

fn tables(function: &str, facts: &Facts, names: &Names) -> [Use; 2] {
    let (credentials, sessions): (&[_], &[_]) = match function {
        OAUTH_CALLBACK => {
            (&["dynamodb:GetItem", "dynamodb:UpdateItem"], &["dynamodb:PutItem", "dynamodb:DeleteItem"])
        }
        LIST_MESSAGES => (
            &["dynamodb:BatchGetItem", "dynamodb:GetItem", "dynamodb:UpdateItem"],
            &["dynamodb:BatchGetItem", "dynamodb:UpdateItem"],
        ),
        _ => (&[], &[]),
    };
    let table = |name: &String, needed: &[&'static str]| Use {
        on: name.clone(),
        arn: resource(&facts.arn, "dynamodb", &format!("table/{name}")),
        needed: needed.to_vec(),
        never: ON_TABLES.into_iter().filter(|action| !needed.contains(action)).collect(),
        ..Use::default()
    };
    [table(&names.credentials_table, credentials), table(&names.sessions_table, sessions)]
}

fn secrets(facts: &Facts, names: &Names) -> [Use; 3] {
    let own = |secret: &String| Use {
        on: secret.clone(),
        arn: secret_arn(&facts.arn, secret, names),
        needed: vec![READ_SECRET],
        never: WRITE_SECRET.to_vec(),
        ..Use::default()
    };
    let foreign = Use {
        on: "a secret that is not Postern's".to_owned(),
        arn: resource(&facts.arn, "secretsmanager", FOREIGN_SECRET),
        never: vec![READ_SECRET],
        ..Use::default()
    };
    [own(&names.google_client), own(&names.sealing_keys), foreign]
}

fn decryption(key: &str, service: &str, via: &'static str) -> Use {
    Use {
        on: format!("the key {key} for {service}"),
        arn: key.to_owned(),
        via: Some(via),
        needed: vec![DECRYPT],
        never: ON_KEYS.to_vec(),
    }
}

/// A resource of the account and region that the function is in.
fn resource(function_arn: &str, service: &str, resource: &str) -> String {
    let part = |index: usize| function_arn.split(':').nth(index).unwrap_or_default();
    format!("arn:{}:{service}:{}:{}:{resource}", part(1), part(3), part(4))
}

/// What the template writes into the policies: the stack's own secret as its output names it, and Google's by its name
/// and six characters that Secrets Manager chose.
fn secret_arn(function_arn: &str, secret: &str, names: &Names) -> String {
    if secret.starts_with("arn:") || secret == names.sealing_keys {
        return secret.to_owned();
    }
    resource(function_arn, "secretsmanager", &format!("secret:{secret}-AAAAAA"))
}
