//! Each function's role, by real calls with its credentials: what template.yaml grants is allowed,
//! and everything else is denied.

use aws_config::SdkConfig;
use aws_credential_types::Credentials;
use aws_sdk_dynamodb::types::{AttributeValue, DeleteRequest, KeysAndAttributes, WriteRequest};
use aws_smithy_runtime_api::client::result::SdkError;
use aws_smithy_runtime_api::http::Response;
use aws_smithy_types::error::metadata::ProvideErrorMetadata;
use postern::outside::http::aws::describe;
use postern_template::roles;

use super::cloud::{Cloud, FOREIGN_SECRET, GOOGLE_CLIENT_SECRET};
use super::deployment::{Deployment, STACK};
use crate::account::{Account, Called};
use crate::visit::{expect, say};

/// The output with each table's name, its ARN in the template, and its key.
const TABLES: [(&str, &str, &str); 2] = [
    ("CredentialsTableName", "CredentialsTable.Arn", "user_id"),
    ("SessionsTableName", "SessionsTable.Arn", "id"),
];
/// What the template calls the index.
const INDEX: &str = "${CredentialsTable.Arn}/index/by_status";
/// A call, and whether it is denied.
type Tried = (&'static str, Result<bool, String>);

/// Tries every role.
pub(super) async fn allow_what_the_template_grants(deployment: &Deployment<'_>) -> Result<(), String> {
    let template = postern_template::read();
    for (logical_id, name) in roles::functions(&template) {
        let grants = roles::grants(&template, &logical_id);
        let config = become_role_of(&format!("{logical_id}Function"), deployment).await?;
        let mut denied = 0;
        for (output, arn, key) in TABLES {
            let table = deployment.outputs.get(output)?;
            for (action, is_denied) in try_on_table(&config, table, key).await? {
                let mut on_table = grants.iter().filter(|grant| grant.resource == arn);
                let is_granted = on_table.any(|grant| grant.action == format!("dynamodb:{action}"));
                let expected = if is_granted { "allows" } else { "denies" };
                let what = format!("the role of {name} {expected} {action} on {table}");
                expect(is_denied? != is_granted, &what)?;
                denied += usize::from(!is_granted);
            }
        }
        let index = try_on_index(&config, deployment.outputs.get("CredentialsTableName")?).await?;
        let may_query = grants.iter().any(|grant| grant.resource == INDEX);
        expect(
            index != may_query,
            &format!("whether the role of {name} allows Query on the index is {may_query}"),
        )?;
        denied += usize::from(!may_query);
        let reads_secrets = grants.iter().any(|grant| grant.action == "secretsmanager:GetSecretValue");
        denied += try_elsewhere(&config, &name, reads_secrets, deployment).await?;
        say(&format!("the role of {name} allows what the template grants, and denies {denied} other calls"));
    }
    Ok(())
}

/// Lets the account's owner assume the role, which otherwise only Lambda may, and returns the
/// configuration of clients with its credentials.
async fn become_role_of(output: &str, deployment: &Deployment<'_>) -> Result<SdkConfig, String> {
    let owner = &deployment.cloud.account.config;
    let role = deployment.role_of(output).await?;
    let name = role.rsplit('/').next().unwrap_or_default();
    let trust = serde_json::json!({
        "Version": "2012-10-17",
        "Statement": [{"Effect": "Allow", "Principal": {"AWS": "*"}, "Action": "sts:AssumeRole"}],
    });
    let iam = aws_sdk_iam::Client::new(owner);
    let update = iam.update_assume_role_policy().role_name(name).policy_document(trust.to_string());
    update.send().await.or_say("the role does not trust the test")?;
    let credentials = assume(deployment.cloud, &role).await?;
    Ok(Account::at(&deployment.cloud.url, credentials).await?.config)
}

/// Temporary credentials of a role that trusts the account.
pub(super) async fn assume(cloud: &Cloud, role: &str) -> Result<Credentials, String> {
    let assume = aws_sdk_sts::Client::new(&cloud.account.config).assume_role().role_arn(role);
    let assumed = assume.role_session_name("permissions-under-test").send().await;
    let assumed = assumed.or_say("the role cannot be assumed")?;
    let given = assumed.credentials().ok_or("STS gives no credentials")?;
    let (id, secret, token) = (given.access_key_id(), given.secret_access_key(), given.session_token());
    Ok(Credentials::new(id, secret, Some(token.to_owned()), None, "role"))
}

/// Tries each action with an item that does not exist, and the deletion of the table.
async fn try_on_table(config: &SdkConfig, table: &str, key: &str) -> Result<Vec<Tried>, String> {
    let client = aws_sdk_dynamodb::Client::new(config);
    let nobody = AttributeValue::S("nobody".to_owned());
    let keys = KeysAndAttributes::builder().keys([(key.to_owned(), nobody.clone())].into()).build();
    let batch_get = client.batch_get_item().request_items(table, keys.map_err(|error| error.to_string())?);
    let delete = DeleteRequest::builder().key(key, nobody.clone()).build();
    let delete = delete.map_err(|error| error.to_string())?;
    let delete = vec![WriteRequest::builder().delete_request(delete).build()];
    let get = client.get_item().table_name(table).key(key, nobody.clone());
    let put = client.put_item().table_name(table).item(key, nobody.clone());
    // The condition is never met, so that an allowed call changes nothing.
    let update = client.update_item().table_name(table).key(key, nobody.clone());
    let update = update.update_expression("REMOVE nothing");
    let update = update.condition_expression(format!("attribute_exists({key})"));
    let delete_item = client.delete_item().table_name(table).key(key, nobody.clone());
    let query = client.query().table_name(table).key_condition_expression(format!("{key} = :nobody"));
    let query = query.expression_attribute_values(":nobody", nobody);
    Ok(vec![
        ("GetItem", is_denied(get.send().await)),
        ("BatchGetItem", is_denied(batch_get.send().await)),
        ("PutItem", is_denied(put.send().await)),
        ("UpdateItem", is_denied(update.send().await)),
        ("DeleteItem", is_denied(delete_item.send().await)),
        ("Query", is_denied(query.send().await)),
        ("Scan", is_denied(client.scan().table_name(table).send().await)),
        ("BatchWriteItem", is_denied(client.batch_write_item().request_items(table, delete).send().await)),
        ("DeleteTable", is_denied(client.delete_table().table_name(table).send().await)),
    ])
}

/// Whether the role may not query the index.
async fn try_on_index(config: &SdkConfig, table: &str) -> Result<bool, String> {
    let query = aws_sdk_dynamodb::Client::new(config).query().table_name(table).index_name("by_status");
    let query =
        query.key_condition_expression("#status = :nobody").expression_attribute_names("#status", "status");
    let query = query.expression_attribute_values(":nobody", AttributeValue::S("nobody".to_owned()));
    is_denied(query.send().await)
}

/// A role may read both secrets or none, and do nothing else outside the tables; returns how many
/// calls are denied.
async fn try_elsewhere(
    config: &SdkConfig,
    name: &str,
    reads_secrets: bool,
    deployment: &Deployment<'_>,
) -> Result<usize, String> {
    let secrets = aws_sdk_secretsmanager::Client::new(config);
    let keyring = deployment.outputs.get("SealingKeysSecretArn")?;
    let read = |secret: &str| secrets.get_secret_value().secret_id(secret).send();
    for secret in [keyring, GOOGLE_CLIENT_SECRET] {
        let is_allowed = !is_denied(read(secret).await)?;
        let what = format!("whether the role of {name} allows reading {secret} is {reads_secrets}");
        expect(is_allowed == reads_secrets, &what)?;
    }
    let function = deployment.outputs.get("ListMessagesFunction")?;
    let lambda = aws_sdk_lambda::Client::new(config);
    let put = secrets.put_secret_value().secret_id(keyring).secret_string("{}");
    let configuration = lambda.get_function_configuration().function_name(function);
    let describe_stack = aws_sdk_cloudformation::Client::new(config).describe_stacks().stack_name(STACK);
    let logs = aws_sdk_cloudwatchlogs::Client::new(config).describe_log_groups();
    let outcomes: [Tried; 9] = [
        ("reading another secret", is_denied(read(FOREIGN_SECRET).await)),
        ("writing the keyring", is_denied(put.send().await)),
        ("deleting the keyring", is_denied(secrets.delete_secret().secret_id(keyring).send().await)),
        ("listing secrets", is_denied(secrets.list_secrets().send().await)),
        ("invoking a function", is_denied(lambda.invoke().function_name(function).send().await)),
        ("reading a function's configuration", is_denied(configuration.send().await)),
        ("listing roles", is_denied(aws_sdk_iam::Client::new(config).list_roles().send().await)),
        ("describing the stack", is_denied(describe_stack.send().await)),
        ("reading logs", is_denied(logs.send().await)),
    ];
    let count = outcomes.len() + if reads_secrets { 0 } else { 2 };
    for (what, is_denied) in outcomes {
        expect(is_denied?, &format!("the role of {name} denies {what}"))?;
    }
    Ok(count)
}

/// Whether the answer is a denial. Any other refusal means that the call was allowed.
fn is_denied<T, E: ProvideErrorMetadata>(outcome: Result<T, SdkError<E, Response>>) -> Result<bool, String> {
    match outcome {
        Ok(_) => Ok(false),
        Err(SdkError::ServiceError(refusal)) => {
            Ok(refusal.err().code().is_some_and(|code| code.starts_with("AccessDenied")))
        }
        Err(error) => Err(format!("a call of the test is not answered: {}", describe(&error))),
    }
}
