//! What the functions' roles may do, by IAM's policy simulator: everything that template.yaml
//! grants, and nothing dangerous beside it. The simulator knows the policies of the role, not those
//! of a secret, a key or the organisation.

mod keys;

use std::collections::BTreeSet;

use aws_sdk_iam::types::PolicyEvaluationDecisionType::Allowed;
use aws_sdk_iam::types::{ContextEntry, ContextKeyTypeEnum, EvaluationResult};
use postern_template::roles::{Grant, grants};

use super::finding::{DEPLOY_AGAIN, Finding};
use super::functions::Function;
use super::refusal::Refusal;
use super::target::{Deployment, Target};

/// What a role must not be able to do unless the template grants it: what reads or writes items and
/// secrets, changes or copies what holds them, or runs other code. It takes no wildcards.
const DANGEROUS: [(&str, &str); 5] = [
    (
        "dynamodb",
        "GetItem BatchGetItem ConditionCheckItem Query Scan PutItem UpdateItem DeleteItem BatchWriteItem \
         PartiQLSelect PartiQLInsert PartiQLUpdate PartiQLDelete UpdateTable DeleteTable UpdateTimeToLive \
         UpdateContinuousBackups CreateBackup ExportTableToPointInTime RestoreTableToPointInTime \
         EnableKinesisStreamingDestination PutResourcePolicy DeleteResourcePolicy",
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
];

/// A secret of another application. No such secret exists, and its name is not the application's.
const FOREIGN_SECRET: &str = "secret:doctor/of-another-application-AAAAAA";

/// A resource that a role may be able to use.
struct Resource {
    /// Its name for people.
    on: String,
    arn: String,
    /// What the template calls it, if the template may grant something there.
    name: Option<String>,
    /// The service through which a key is used.
    through: Option<&'static str>,
}

impl Resource {
    fn new(on: impl Into<String>, arn: String, name: Option<&str>) -> Self {
        Self { on: on.into(), arn, name: name.map(str::to_owned), through: None }
    }

    /// Whether the template's statement is about this resource.
    fn is_of(&self, grant: &Grant) -> bool {
        self.name.as_ref().is_some_and(|name| grant.resource.contains(name))
            && self.through.is_none_or(|service| grant.is_through(service))
    }
}

/// One line for each function, or one for each thing that is wrong with its role.
pub(super) async fn examine(target: &Target, functions: &[Function]) -> Vec<Finding> {
    let Some(deployment) = &target.deployment else { return Vec::new() };
    let template = postern_template::read();
    let (keys, mut findings) = keys::of_the_owner(target, deployment).await;
    for function in functions {
        let grants = grants(&template, &function.logical_id);
        let mut found = Vec::new();
        for resource in resources(target, deployment, function, functions, &keys) {
            match simulate(deployment, function, &resource, &grants).await {
                Ok(more) => found.extend(more),
                Err(finding) => {
                    // The next question would fail as well.
                    found.push(finding);
                    break;
                }
            }
        }
        if found.is_empty() {
            found.push(Finding::good(format!(
                "the role of {} allows what the template grants, and nothing dangerous beside it",
                function.name
            )));
        }
        findings.extend(found);
    }
    findings
}

fn resources(
    target: &Target,
    deployment: &Deployment,
    function: &Function,
    functions: &[Function],
    keys: &[keys::Key],
) -> Vec<Resource> {
    let own = |service: &str, resource: &str| {
        let part = |index: usize| function.arn.split(':').nth(index).unwrap_or_default();
        format!("arn:{}:{service}:{}:{}:{resource}", part(1), part(3), part(4))
    };
    let table =
        |table: &str, name| Resource::new(table, own("dynamodb", &format!("table/{table}")), Some(name));
    // Secrets Manager appends six characters to a name.
    let secret = |secret: &str, name| {
        let arn = || own("secretsmanager", &format!("secret:{secret}-AAAAAA"));
        let is_arn = secret.starts_with("arn:");
        Resource::new(secret, if is_arn { secret.to_owned() } else { arn() }, Some(name))
    };
    let (group, log) = (&function.log_group, format!("{}Log", function.logical_id));
    let stream = own("logs", &format!("log-group:{group}:log-stream:any"));
    let mut resources = vec![
        table(&target.credentials_table, "CredentialsTable"),
        table(&target.sessions_table, "SessionsTable"),
        secret(&target.sealing_keys, "SealingKeys"),
        secret(&target.google_client, "GoogleClientSecretId"),
        Resource::new("a secret of another application", own("secretsmanager", FOREIGN_SECRET), None),
        Resource::new(format!("its log group {group}"), stream, Some(&log)),
        Resource::new("its own role", function.role.clone(), None),
    ];
    let on = |function: &Function| format!("the function {}", function.name);
    resources.extend(functions.iter().map(|other| Resource::new(on(other), other.arn.clone(), None)));
    resources.extend(keys.iter().map(|key| {
        let on = format!("the key {} through {}", key.arn, key.service);
        Resource { through: Some(key.service), ..Resource::new(on, key.arn.clone(), Some("KmsKeyArn")) }
    }));
    if deployment.parameters.get("Tracing").is_some_and(|tracing| tracing == "Active") {
        resources.push(Resource::new("X-Ray", "*".to_owned(), Some("*")));
    }
    resources
}

fn dangerous(service: &str) -> impl Iterator<Item = String> {
    let actions = DANGEROUS.iter().filter(move |(known, _)| *known == service);
    actions.flat_map(|(service, names)| names.split_whitespace().map(move |name| format!("{service}:{name}")))
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
    let mut actions = needed.clone();
    actions.extend(dangerous(resource.arn.split(':').nth(2).unwrap_or_default()));
    // The template lets a role use a key only through the services that it names.
    let region = function.arn.split(':').nth(3).unwrap_or_default();
    let through = resource.through.map(|service| {
        let entry = ContextEntry::builder().context_key_name("kms:ViaService");
        let entry = entry.context_key_type(ContextKeyTypeEnum::String);
        vec![entry.context_key_values(format!("{service}.{region}.amazonaws.com")).build()]
    });
    let answer = deployment
        .iam
        .simulate_principal_policy()
        .set_context_entries(through)
        .policy_source_arn(&function.role)
        .set_action_names(Some(actions.iter().cloned().collect()))
        .resource_arns(&resource.arn)
        .send()
        .await
        .map_err(|error| match Refusal::of(&error) {
            Refusal::Absent => Finding::wrong(format!("the role of {name} does not exist"), DEPLOY_AGAIN),
            refusal => {
                refusal.unknown(format!("what the role of {name} allows"), "iam:SimulatePrincipalPolicy")
            }
        })?;
    let is_allowed = |action: &str| {
        let mut results = answer.evaluation_results().iter();
        let result = results.find(|result| result.eval_action_name() == action);
        result.map(EvaluationResult::eval_decision).map(|decision| *decision == Allowed)
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
