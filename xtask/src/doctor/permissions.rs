//! What the functions' roles may do, by IAM's policy simulator: everything that template.yaml
//! grants, and nothing dangerous beside it. The simulator knows the policies of the role, not those
//! of a secret, a key or the organisation.

use std::collections::BTreeSet;

use aws_sdk_iam::types::PolicyEvaluationDecisionType::Allowed;
use aws_sdk_iam::types::{ContextEntry, ContextKeyTypeEnum};
use postern_template::roles::{Grant, grants};

use super::finding::{DEPLOY_AGAIN, Finding, Refusal, or_good};
use super::functions::Function;
use super::target::{Deployment, Target};
use crate::stack::Stack;

/// What a role must not be able to do unless the template grants it: what reads or writes items and
/// secrets, changes or copies what holds them, or runs other code. It takes no wildcards.
const DANGEROUS: [(&str, &str); 7] = [
    (
        "dynamodb",
        "GetItem BatchGetItem ConditionCheckItem Query Scan PutItem UpdateItem DeleteItem BatchWriteItem \
         PartiQLSelect PartiQLInsert PartiQLUpdate PartiQLDelete UpdateTable DeleteTable UpdateTimeToLive \
         UpdateContinuousBackups CreateBackup ExportTableToPointInTime RestoreTableToPointInTime \
         EnableKinesisStreamingDestination PutResourcePolicy DeleteResourcePolicy GetRecords",
    ),
    (
        "secretsmanager",
        "GetSecretValue PutSecretValue UpdateSecret UpdateSecretVersionStage RotateSecret DeleteSecret \
         RestoreSecret ReplicateSecretToRegions PutResourcePolicy DeleteResourcePolicy",
    ),
    (
        "kms",
        "Encrypt ReEncryptFrom ReEncryptTo GenerateDataKey GenerateDataKeyWithoutPlaintext CreateGrant \
         RevokeGrant PutKeyPolicy DisableKey ScheduleKeyDeletion DisableKeyRotation",
    ),
    ("lambda", "InvokeFunction UpdateFunctionCode UpdateFunctionConfiguration"),
    ("iam", "PassRole"),
    ("events", "PutEvents"),
    ("sqs", "SendMessage ReceiveMessage DeleteMessage PurgeQueue"),
];

/// A secret of another application. No such secret exists, and its name is not the application's.
const FOREIGN_SECRET: &str = "secret:doctor/of-another-application-AAAAAA";

/// What the template's statements call some of the resources.
const GOOGLE_CLIENT: &str = "arn:${AWS::Partition}:secretsmanager:${AWS::Region}:${AWS::AccountId}:secret:${GoogleClientSecretId}-??????";
const EVENT_BUS: &str =
    "arn:${AWS::Partition}:events:${AWS::Region}:${AWS::AccountId}:event-bus/${EventBusName}";
const INDEX: &str = "${CredentialsTable.Arn}/index/by_status";
const STREAM: &str = "${CredentialsTable.Arn}/stream/*";

/// A resource that a role may be able to use.
#[derive(PartialEq)]
struct Resource {
    /// Its name for people.
    on: String,
    arn: String,
    /// What the template calls it in a statement, if it may grant something there.
    name: Option<String>,
    /// The service through which a key is used.
    through: Option<&'static str>,
}

impl Resource {
    fn new(on: impl Into<String>, arn: impl Into<String>, name: Option<&str>) -> Self {
        Self { on: on.into(), arn: arn.into(), name: name.map(str::to_owned), through: None }
    }

    fn key(arn: &str, service: &'static str) -> Self {
        let on = format!("the key {arn} through {service}");
        Self { through: Some(service), ..Self::new(on, arn, Some("KmsKeyArn")) }
    }

    /// Whether the template's statement is about this resource.
    fn is_of(&self, grant: &Grant) -> bool {
        self.name.as_ref().is_some_and(|name| grant.resource == *name)
            && self.through.is_none_or(|service| grant.is_through(service))
    }
}

/// One line for each function, or one for each thing that is wrong with its role.
pub(super) async fn examine(target: &Target, functions: &[Function]) -> Vec<Finding> {
    let Some(deployment) = &target.deployment else { return Vec::new() };
    let template = postern_template::read();
    let (keys, mut findings) = keys(target, deployment).await;
    for function in functions {
        let is_traced = deployment.stack.parameters.get("Tracing").is_some_and(|tracing| tracing == "Active");
        let mut grants = grants(&template, &function.logical_id);
        grants.retain(|grant| is_traced || grant.condition.as_deref() != Some("IsTraced"));
        let mut found = Vec::new();
        for resource in resources(target, &deployment.stack, function, functions).iter().chain(&keys) {
            match simulate(deployment, function, resource, &grants).await {
                Ok(more) => found.extend(more),
                Err(finding) => {
                    // The next question would fail as well.
                    found.push(finding);
                    break;
                }
            }
        }
        let name = &function.name;
        let good =
            format!("the role of {name} allows what the template grants, and nothing dangerous beside it");
        findings.extend(or_good(found, good));
    }
    findings
}

fn resources(target: &Target, stack: &Stack, function: &Function, functions: &[Function]) -> Vec<Resource> {
    let own = |service: &str, resource: &str| {
        let part = |index: usize| function.arn.split(':').nth(index).unwrap_or_default();
        format!("arn:{}:{service}:{}:{}:{resource}", part(1), part(3), part(4))
    };
    let table = |table: &str, name: &str| {
        Resource::new(table, own("dynamodb", &format!("table/{table}")), Some(name))
    };
    let secret = |secret: &str, name: &str| {
        // Secrets Manager appends six characters to a name.
        let of_name = own("secretsmanager", &format!("secret:{secret}-AAAAAA"));
        Resource::new(secret, if secret.starts_with("arn:") { secret } else { &of_name }, Some(name))
    };
    let group = &function.log_group;
    let stream = own("logs", &format!("log-group:{group}:log-stream:any"));
    let log = format!("{}Log.Arn", function.logical_id);
    let credentials = &target.credentials_table;
    let mut resources = vec![
        table(credentials, "CredentialsTable.Arn"),
        table(&target.sessions_table, "SessionsTable.Arn"),
        secret(&target.sealing_keys, "SealingKeys.Id"),
        secret(&target.google_client, GOOGLE_CLIENT),
        Resource::new("a secret of another application", own("secretsmanager", FOREIGN_SECRET), None),
        Resource::new(format!("its log group {group}"), stream, Some(log.as_str())),
        Resource::new("its own role", &function.role, None),
    ];
    if has_index(functions) {
        resources.push(table(&format!("{credentials}/index/by_status"), INDEX));
    }
    if let Some(bus) = stack.parameters.get("EventBusName").filter(|bus| !bus.is_empty()) {
        let url = stack.outputs.get("EventsDeadLettersUrl").unwrap_or_default();
        let queue = url.rsplit('/').next().unwrap_or_default();
        let bus_arn = own("events", &format!("event-bus/{bus}"));
        resources.extend([
            table(&format!("{credentials}/stream/any"), STREAM),
            Resource::new(format!("the event bus {bus}"), bus_arn, Some(EVENT_BUS)),
            Resource::new(format!("the queue {queue}"), own("sqs", queue), Some("EventsDeadLetters.Arn")),
        ]);
    }
    let to_invoke =
        |other: &Function| Resource::new(format!("the function {}", other.name), &other.arn, None);
    resources.extend(functions.iter().map(to_invoke));
    resources.push(Resource::new("any resource", "*", Some("*")));
    resources
}

/// The functions that the index is for.
fn has_index(functions: &[Function]) -> bool {
    functions.iter().any(|function| ["connections", "events"].contains(&function.name.as_str()))
}

/// The KMS keys that the account's owner encrypts the secrets and tables with, each once, and a
/// finding for each that could not be determined. AWS's own keys need no permission, and what does
/// not exist is reported where the secret or table itself is checked.
async fn keys(target: &Target, deployment: &Deployment) -> (Vec<Resource>, Vec<Finding>) {
    let (mut keys, mut findings) = (Vec::new(), Vec::new());
    let refused = |refusal: Refusal, what: String| (!refusal.is_absent).then(|| refusal.unknown(what));
    for secret in [&target.google_client, &target.sealing_keys] {
        let answer = target.secrets.describe_secret().secret_id(secret).send().await;
        match answer.map(|answer| answer.kms_key_id.unwrap_or_default()) {
            Ok(key) if key.starts_with("arn:") => keys.push(Resource::key(&key, "secretsmanager")),
            Ok(key) if key.is_empty() || key == "alias/aws/secretsmanager" => {}
            Ok(_) => findings.push(Finding::unknown(
                format!("whether the functions may use the key of the secret {secret}"),
                "the secret names its key by an alias; name it by its ARN",
            )),
            Err(error) => findings.extend(refused(
                Refusal::of("secretsmanager:DescribeSecret", &error),
                format!("whether a key of your own encrypts the secret {secret}"),
            )),
        }
    }
    // A table's description does not tell whether a key is the owner's or AWS's: it is the owner's
    // if the stack was given one.
    let given = deployment.stack.parameters.get("KmsKeyArn").map_or("", String::as_str);
    let tables = [&target.credentials_table, &target.sessions_table];
    for table in tables.into_iter().filter(|_| !given.is_empty()) {
        match target.dynamodb.describe_table().table_name(table).send().await {
            Ok(answer) => {
                let encryption = answer.table().and_then(|table| table.sse_description());
                let key = encryption.and_then(|encryption| encryption.kms_master_key_arn());
                keys.push(Resource::key(key.unwrap_or(given), "dynamodb"));
            }
            Err(error) => findings.extend(refused(
                Refusal::of("dynamodb:DescribeTable", &error),
                format!("which key encrypts the table {table}"),
            )),
        }
    }
    keys.dedup();
    (keys, findings)
}

async fn simulate(
    deployment: &Deployment,
    function: &Function,
    resource: &Resource,
    grants: &[Grant],
) -> Result<Vec<Finding>, Finding> {
    let (name, on) = (&function.name, &resource.on);
    let granted = grants.iter().filter(|grant| resource.is_of(grant));
    let needed: BTreeSet<String> = granted.map(|grant| grant.action.clone()).collect();
    let service = resource.arn.split(':').nth(2);
    let dangerous = DANGEROUS.iter().filter(|(known, _)| Some(*known) == service);
    let dangerous = dangerous.flat_map(|(service, names)| {
        names.split_whitespace().map(move |action| format!("{service}:{action}"))
    });
    let actions: BTreeSet<String> = needed.iter().cloned().chain(dangerous).collect();
    // The template lets a role use a key only through the services that it names.
    let region = function.arn.split(':').nth(3).unwrap_or_default();
    let through = resource.through.map(|service| {
        let entry = ContextEntry::builder().context_key_name("kms:ViaService");
        let entry = entry.context_key_type(ContextKeyTypeEnum::String);
        vec![entry.context_key_values(format!("{service}.{region}.amazonaws.com")).build()]
    });
    let iam = aws_sdk_iam::Client::new(&deployment.config);
    let question = iam.simulate_principal_policy().policy_source_arn(&function.role);
    let question = question.resource_arns(&resource.arn).set_context_entries(through);
    let question = question.set_action_names(Some(actions.iter().cloned().collect()));
    let answer = question.send().await.map_err(|error| {
        let absent = Finding::wrong(format!("the role of {name} does not exist"), DEPLOY_AGAIN);
        let what = format!("what the role of {name} allows");
        Refusal::of("iam:SimulatePrincipalPolicy", &error).unless_absent(what, absent)
    })?;
    let is_allowed = |action: &str| {
        let mut results = answer.evaluation_results().iter();
        Some(*results.find(|result| result.eval_action_name() == action)?.eval_decision() == Allowed)
    };
    let finding = |action: &String| match (is_allowed(action), needed.contains(action)) {
        (Some(true), true) | (Some(false), false) => None,
        (Some(false), true) => Some(Finding::wrong(
            format!("the role of {name} does not allow {action} on {on}"),
            match resource.through {
                Some(_) => "deploy the template again with this key as KmsKeyArn",
                None => "deploy the template again, or restore the statement in the role's policy",
            },
        )),
        (Some(true), false) => Some(Finding::wrong(
            format!("the role of {name} allows {action} on {on}, which the template does not grant"),
            "deploy the template again, or remove the statement from the role's policies",
        )),
        (None, _) => Some(Finding::unknown(
            format!("whether the role of {name} allows {action} on {on}"),
            "IAM's simulator did not tell; try again",
        )),
    };
    Ok(actions.iter().filter_map(finding).collect())
}
