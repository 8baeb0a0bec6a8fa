//! What the functions' roles may do, by IAM's policy simulator: everything that template.yaml grants,
//! and nothing dangerous beside it. The simulator knows the policies of the role, not those of a
//! secret, a key or the organisation.

mod keys;

use aws_sdk_iam::types::PolicyEvaluationDecisionType::Allowed;
use aws_sdk_iam::types::{ContextEntry, ContextKeyTypeEnum, EvaluationResult};
use postern_template::roles::{Grant, grants};

use super::finding::{DEPLOY_AGAIN, Finding};
use super::functions::Function;
use super::refusal::Refusal;
use super::target::{Deployment, Target};

/// What a role must not be able to do unless the template grants it: what reads or writes items and
/// secrets, changes or copies what holds them, or runs other code. The simulator takes no wildcards.
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

/// A resource, and what a role needs there or must never be able to do.
struct Subject {
    /// The resource, for people.
    on: String,
    arn: String,
    /// The service through which a key is used.
    through: Option<&'static str>,
    needed: Vec<String>,
    never: Vec<String>,
}

/// One line for each function, or one for each thing that is wrong with its role.
pub(super) async fn examine(target: &Target, functions: &[Function]) -> Vec<Finding> {
    let Some(deployment) = target.deployment() else { return Vec::new() };
    let template = postern_template::read();
    let (keys, mut findings) = keys::of_the_owner(target, deployment).await;
    for function in functions {
        let grants = grants(&template, &function.logical_id);
        let mut found = Vec::new();
        for subject in subjects(target, deployment, function, functions, &grants, &keys) {
            match simulate(deployment, function, &subject).await {
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

fn subjects(
    target: &Target,
    deployment: &Deployment,
    function: &Function,
    functions: &[Function],
    grants: &[Grant],
    keys: &[keys::Key],
) -> Vec<Subject> {
    let names = &target.names;
    let own = |service: &str, resource: &str| {
        let part = |index: usize| function.arn.split(':').nth(index).unwrap_or_default();
        format!("arn:{}:{service}:{}:{}:{resource}", part(1), part(3), part(4))
    };
    let table = |name: &str| (name.to_owned(), own("dynamodb", &format!("table/{name}")));
    // Secrets Manager appends six characters to a name.
    let secret = |secret: &String| {
        let is_arn = secret.starts_with("arn:");
        let arn = || own("secretsmanager", &format!("secret:{secret}-AAAAAA"));
        (secret.clone(), if is_arn { secret.clone() } else { arn() })
    };
    let foreign_secret =
        ("a secret of another application".to_owned(), own("secretsmanager", FOREIGN_SECRET));
    let group = &function.log_group;
    let log = (format!("its log group {group}"), own("logs", &format!("log-group:{group}:log-stream:any")));
    let own_log = format!("{}Log", function.logical_id);
    // Each with the template's name for it, if the template may grant something there.
    let mut resources = vec![
        (table(&names.credentials_table), Some("CredentialsTable"), None),
        (table(&names.sessions_table), Some("SessionsTable"), None),
        (secret(&names.sealing_keys), Some("SealingKeys"), None),
        (secret(&names.google_client), Some("GoogleClientSecretId"), None),
        (foreign_secret, None, None),
        (log, Some(own_log.as_str()), None),
        (("its own role".to_owned(), function.role.clone()), None, None),
    ];
    resources.extend(functions.iter().map(|other| {
        let on = format!("the function {}", other.name);
        ((on, other.arn.clone()), None, None)
    }));
    resources.extend(keys.iter().map(|key| {
        let on = format!("the key {} through {}", key.arn, key.service);
        ((on, key.arn.clone()), Some("KmsKeyArn"), Some(key.service))
    }));
    if deployment.parameters.get("Tracing").is_some_and(|tracing| tracing == "Active") {
        resources.push((("X-Ray".to_owned(), "*".to_owned()), Some("*"), None));
    }
    let subject = |((on, arn), name, through): ((String, String), Option<&str>, Option<&'static str>)| {
        let here = grants.iter().filter(|grant| name.is_some_and(|name| grant.resource.contains(name)));
        let here = here.filter(|grant| through.is_none_or(|service| grant.is_through(service)));
        let needed: Vec<String> = here.map(|grant| grant.action.clone()).collect();
        let service = arn.split(':').nth(2).unwrap_or_default();
        let never = dangerous(service).filter(|action| !needed.contains(action)).collect();
        Subject { on, arn, through, needed, never }
    };
    resources.into_iter().map(subject).collect()
}

fn dangerous(service: &str) -> impl Iterator<Item = String> {
    let actions = DANGEROUS.iter().filter(move |(known, _)| *known == service);
    actions.flat_map(|(service, names)| names.split_whitespace().map(move |name| format!("{service}:{name}")))
}

async fn simulate(
    deployment: &Deployment,
    function: &Function,
    subject: &Subject,
) -> Result<Vec<Finding>, Finding> {
    let (name, on) = (&function.name, &subject.on);
    let actions = subject.needed.iter().chain(&subject.never).cloned();
    let answer = deployment
        .iam
        .simulate_principal_policy()
        .set_context_entries(through(function, subject.through))
        .policy_source_arn(&function.role)
        .set_action_names(Some(actions.collect()))
        .resource_arns(&subject.arn)
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
    let needed = subject.needed.iter().map(|action| (action, true));
    let never = subject.never.iter().map(|action| (action, false));
    let finding = |(action, is_needed): (&String, bool)| match (is_allowed(action), is_needed) {
        (Some(true), true) | (Some(false), false) => None,
        (Some(false), true) => Some(Finding::wrong(
            format!("the role of {name} does not allow {action} on {on}"),
            match subject.through {
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
    Ok(needed.chain(never).filter_map(finding).collect())
}

/// The template lets a role use a key only through the services that it names.
fn through(function: &Function, service: Option<&str>) -> Option<Vec<ContextEntry>> {
    let service = service?;
    let region = function.arn.split(':').nth(3).unwrap_or_default();
    let entry = ContextEntry::builder()
        .context_key_name("kms:ViaService")
        .context_key_values(format!("{service}.{region}.amazonaws.com"))
        .context_key_type(ContextKeyTypeEnum::String);
    Some(vec![entry.build()])
}
