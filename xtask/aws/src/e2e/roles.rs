//! Each function's role, with real calls under its own credentials: what it must not do is denied.

use aws_config::SdkConfig;
use aws_credential_types::Credentials;
use aws_sdk_dynamodb::types::{AttributeValue, DeleteRequest, KeysAndAttributes, WriteRequest};
use aws_smithy_runtime_api::client::result::SdkError;
use aws_smithy_runtime_api::http::Response;
use aws_smithy_types::error::metadata::ProvideErrorMetadata;
use postern::outside::http::aws::describe;
use xtask::visit::expect;

use super::cloud::{Cloud, FOREIGN_SECRET, GOOGLE_CLIENT_SECRET};
use super::deployment::{Deployment, STACK};
use super::say;

/// The functions by the outputs that name them, and what each may do with the two tables.
const FUNCTIONS: [(&str, &[&str], &[&str]); 3] = [
    ("AuthStartFunction", &[], &[]),
    ("OauthCallbackFunction", &["GetItem", "UpdateItem"], &["PutItem", "DeleteItem"]),
    ("ListMessagesFunction", &["BatchGetItem", "GetItem", "UpdateItem"], &["BatchGetItem", "UpdateItem"]),
];
/// Everything that is tried on each table.
const ACTIONS: [&str; 9] = [
    "GetItem",
    "BatchGetItem",
    "PutItem",
    "UpdateItem",
    "DeleteItem",
    "Query",
    "Scan",
    "BatchWriteItem",
    "DeleteTable",
];

/// Goes through all roles.
pub(super) async fn are_refused_what_they_must_not_do(
    cloud: &Cloud,
    deployment: &Deployment,
) -> Result<(), String> {
    for (output, on_credentials, on_sessions) in FUNCTIONS {
        let config = become_role_of(output, cloud, deployment).await?;
        let mut denied = 0;
        let tables =
            [("CredentialsTableName", "user_id", on_credentials), ("SessionsTableName", "id", on_sessions)];
        for (table, key, allowed) in tables {
            let table = deployment.outputs.get(table)?;
            for action in ACTIONS {
                let is_denied = on_table(&config, action, table, key).await?;
                let expected = !allowed.contains(&action);
                expect(
                    is_denied == expected,
                    &format!(
                        "the role of {output} is {} {action} on {table}",
                        if expected { "denied" } else { "allowed" }
                    ),
                )?;
                denied += usize::from(is_denied);
            }
        }
        denied += with_secrets(&config, output, deployment).await?;
        denied += with_the_rest(&config, output, deployment).await?;
        say(&format!("the role of {output} may do what it must, and is denied {denied} other calls"));
    }
    Ok(())
}

/// Lets the account's owner take the role, which only Lambda may otherwise, and gives the clients' configuration.
async fn become_role_of(output: &str, cloud: &Cloud, deployment: &Deployment) -> Result<SdkConfig, String> {
    let role = deployment.role_of(output, cloud).await?;
    let name = role.rsplit('/').next().unwrap_or_default();
    let trust = serde_json::json!({
        "Version": "2012-10-17",
        "Statement": [{"Effect": "Allow", "Principal": {"AWS": "*"}, "Action": "sts:AssumeRole"}],
    });
    aws_sdk_iam::Client::new(&cloud.account.config)
        .update_assume_role_policy()
        .role_name(name)
        .policy_document(trust.to_string())
        .send()
        .await
        .map_err(|error| format!("{role} does not trust the test: {}", describe(&error)))?;
    let assumed = aws_sdk_sts::Client::new(&cloud.account.config)
        .assume_role()
        .role_arn(&role)
        .role_session_name("permissions-under-test")
        .send()
        .await
        .map_err(|error| format!("{role} cannot be assumed: {}", describe(&error)))?;
    let given = assumed.credentials().ok_or("STS gives no credentials")?;
    let credentials = Credentials::new(
        given.access_key_id(),
        given.secret_access_key(),
        Some(given.session_token().to_owned()),
        None,
        "role",
    );
    cloud.as_somebody(credentials).await
}

/// Tries one action on one table with an item that nobody has; says whether it is denied.
async fn on_table(config: &SdkConfig, action: &str, table: &str, key: &str) -> Result<bool, String> {
    let client = aws_sdk_dynamodb::Client::new(config);
    let nobody = AttributeValue::S("nobody".to_owned());
    match action {
        "GetItem" => is_denied(client.get_item().table_name(table).key(key, nobody).send().await),
        "BatchGetItem" => {
            let keys = KeysAndAttributes::builder().keys([(key.to_owned(), nobody)].into()).build();
            let keys = keys.map_err(|error| error.to_string())?;
            is_denied(client.batch_get_item().request_items(table, keys).send().await)
        }
        "PutItem" => is_denied(client.put_item().table_name(table).item(key, nobody).send().await),
        // Conditions that cannot be met, so that what is allowed changes nothing.
        "UpdateItem" => is_denied(
            client
                .update_item()
                .table_name(table)
                .key(key, nobody)
                .update_expression("REMOVE nothing")
                .condition_expression(format!("attribute_exists({key})"))
                .send()
                .await,
        ),
        "DeleteItem" => is_denied(client.delete_item().table_name(table).key(key, nobody).send().await),
        "Query" => is_denied(
            client
                .query()
                .table_name(table)
                .key_condition_expression(format!("{key} = :nobody"))
                .expression_attribute_values(":nobody", nobody)
                .send()
                .await,
        ),
        "Scan" => is_denied(client.scan().table_name(table).send().await),
        "BatchWriteItem" => {
            let request =
                DeleteRequest::builder().key(key, nobody).build().map_err(|error| error.to_string())?;
            let request = WriteRequest::builder().delete_request(request).build();
            is_denied(client.batch_write_item().request_items(table, vec![request]).send().await)
        }
        _ => is_denied(client.delete_table().table_name(table).send().await),
    }
}

/// Both secrets may be read, and nothing else may be done with any secret; gives how many calls are denied.
async fn with_secrets(config: &SdkConfig, output: &str, deployment: &Deployment) -> Result<usize, String> {
    let client = aws_sdk_secretsmanager::Client::new(config);
    let keyring = deployment.outputs.get("SealingKeysSecretArn")?;
    for secret in [keyring, GOOGLE_CLIENT_SECRET] {
        let is_denied = is_denied(client.get_secret_value().secret_id(secret).send().await)?;
        expect(!is_denied, &format!("the role of {output} may read {secret}"))?;
    }
    let outcomes = [
        ("read another secret", is_denied(client.get_secret_value().secret_id(FOREIGN_SECRET).send().await)?),
        (
            "write the keyring",
            is_denied(client.put_secret_value().secret_id(keyring).secret_string("{}").send().await)?,
        ),
        ("delete the keyring", is_denied(client.delete_secret().secret_id(keyring).send().await)?),
        ("list secrets", is_denied(client.list_secrets().send().await)?),
    ];
    all_are_denied(output, &outcomes)
}

async fn with_the_rest(config: &SdkConfig, output: &str, deployment: &Deployment) -> Result<usize, String> {
    let function = deployment.outputs.get("ListMessagesFunction")?;
    let lambda = aws_sdk_lambda::Client::new(config);
    let outcomes = [
        ("invoke a function", is_denied(lambda.invoke().function_name(function).send().await)?),
        (
            "read a function's configuration",
            is_denied(lambda.get_function_configuration().function_name(function).send().await)?,
        ),
        ("list roles", is_denied(aws_sdk_iam::Client::new(config).list_roles().send().await)?),
        (
            "describe the stack",
            is_denied(
                aws_sdk_cloudformation::Client::new(config).describe_stacks().stack_name(STACK).send().await,
            )?,
        ),
        (
            "read logs",
            is_denied(aws_sdk_cloudwatchlogs::Client::new(config).describe_log_groups().send().await)?,
        ),
    ];
    all_are_denied(output, &outcomes)
}

fn all_are_denied(output: &str, outcomes: &[(&str, bool)]) -> Result<usize, String> {
    match outcomes.iter().find(|(_, is_denied)| !is_denied) {
        Some((what, _)) => Err(format!("the role of {output} may {what}")),
        None => Ok(outcomes.len()),
    }
}

/// Whether the answer is a denial. Any other refusal means that the call was let through; no answer means nothing.
fn is_denied<T, E: ProvideErrorMetadata>(outcome: Result<T, SdkError<E, Response>>) -> Result<bool, String> {
    match outcome {
        Ok(_) => Ok(false),
        Err(SdkError::ServiceError(refusal)) => {
            Ok(refusal.err().code().is_some_and(|code| code.starts_with("AccessDenied")))
        }
        Err(error) => Err(format!("a call of the test is not answered: {}", describe(&error))),
    }
}
