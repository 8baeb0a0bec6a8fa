//! What the functions' roles may do, asked of IAM's simulator: each call that a function makes, and those that none may
//! make. The simulator knows the policies of the role, not those of a secret or of the organisation.

use aws_sdk_iam::types::PolicyEvaluationDecisionType::Allowed;
use aws_sdk_iam::types::{ContextEntry, ContextKeyTypeEnum, EvaluationResult};

use super::finding::Finding;
use super::functions::{AUTH_START, Facts, Function, LIST_MESSAGES, OAUTH_CALLBACK};
use super::refusal::Refusal;
use super::target::{Deployment, Names, Target};

/// Reading or writing many items, and what changes a table.
const NEVER_ON_TABLES: [&str; 5] = [
    "dynamodb:Scan",
    "dynamodb:Query",
    "dynamodb:BatchWriteItem",
    "dynamodb:UpdateTable",
    "dynamodb:DeleteTable",
];
/// It opens no table, so it may not even read from one.
const NEVER_BY_AUTH_START: [&str; 7] = [
    "dynamodb:GetItem",
    "dynamodb:BatchGetItem",
    "dynamodb:PutItem",
    "dynamodb:UpdateItem",
    "dynamodb:DeleteItem",
    "dynamodb:Scan",
    "dynamodb:Query",
];
const NEVER_ON_SECRETS: [&str; 3] =
    ["secretsmanager:PutSecretValue", "secretsmanager:UpdateSecret", "secretsmanager:DeleteSecret"];
const READ_SECRET: [&str; 1] = ["secretsmanager:GetSecretValue"];
const WRITE_LOG: [&str; 2] = ["logs:CreateLogStream", "logs:PutLogEvents"];
const DECRYPT: &str = "kms:Decrypt";

const RESTORE: &str = "deploy the template again, or restore the statement in the role's policy";
const DEPLOY_WITH_KEY: &str = "deploy the template again with this key as KmsKeyArn";

/// What a function does with one resource, and what it must not be able to do.
struct Use<'a> {
    /// The resource, for people.
    on: String,
    arn: String,
    needed: &'a [&'a str],
    never: &'a [&'a str],
}

/// One line for each function, or one for each thing that is wrong with its role.
pub(super) async fn examine(target: &Target, functions: &[Function]) -> Vec<Finding> {
    let Some(deployment) = target.deployment() else { return Vec::new() };
    let (keys, mut findings) = keys_of_secrets(target).await;
    for function in functions {
        // What is not known of a function was said where its configuration was.
        let Ok(facts) = &function.facts else { continue };
        let mut found = Vec::new();
        for used in uses(function.name, facts, &target.names, &keys) {
            match simulated(deployment, function.name, facts, &used).await {
                Ok(more) => found.extend(more),
                Err(finding) => {
                    // The next question would be answered alike.
                    found = vec![finding];
                    break;
                }
            }
        }
        if found.is_empty() {
            found.push(Finding::good(format!(
                "the role of {} may do what it needs, and no more",
                function.name
            )));
        }
        findings.extend(found);
    }
    findings
}

/// Each resource of a function.
fn uses<'a>(function: &str, facts: &Facts, names: &Names, keys: &[String]) -> Vec<Use<'a>> {
    let (credentials, sessions): (&[&str], &[&str]) = match function {
        OAUTH_CALLBACK => {
            (&["dynamodb:GetItem", "dynamodb:UpdateItem"], &["dynamodb:PutItem", "dynamodb:DeleteItem"])
        }
        LIST_MESSAGES => (
            &["dynamodb:BatchGetItem", "dynamodb:GetItem", "dynamodb:UpdateItem"],
            &["dynamodb:BatchGetItem", "dynamodb:UpdateItem"],
        ),
        _ => (&[], &[]),
    };
    let never: &[&str] = if function == AUTH_START { &NEVER_BY_AUTH_START } else { &NEVER_ON_TABLES };
    let table = |name: &str| resource(&facts.arn, "dynamodb", &format!("table/{name}"));
    let mut uses = vec![
        Use {
            on: names.credentials_table.clone(),
            arn: table(&names.credentials_table),
            needed: credentials,
            never,
        },
        Use { on: names.sessions_table.clone(), arn: table(&names.sessions_table), needed: sessions, never },
    ];
    for secret in [&names.google_client, &names.sealing_keys] {
        uses.push(Use {
            on: secret.clone(),
            arn: secret_arn(&facts.arn, secret, names),
            needed: &READ_SECRET,
            never: &NEVER_ON_SECRETS,
        });
    }
    let stream = resource(&facts.arn, "logs", &format!("log-group:{}:log-stream:any", facts.log_group));
    uses.push(Use {
        on: format!("its log group {}", facts.log_group),
        arn: stream,
        needed: &WRITE_LOG,
        never: &[],
    });
    let decrypts =
        keys.iter().map(|key| Use { on: key.clone(), arn: key.clone(), needed: &[DECRYPT], never: &[] });
    uses.extend(decrypts);
    uses
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

async fn simulated(
    deployment: &Deployment,
    function: &str,
    facts: &Facts,
    used: &Use<'_>,
) -> Result<Vec<Finding>, Finding> {
    let actions = used.needed.iter().chain(used.never).map(|action| (*action).to_owned());
    // The template lets a role use the key through Secrets Manager and DynamoDB alone.
    let region = facts.arn.split(':').nth(3).unwrap_or_default();
    let via = ContextEntry::builder()
        .context_key_name("kms:ViaService")
        .context_key_values(format!("secretsmanager.{region}.amazonaws.com"))
        .context_key_type(ContextKeyTypeEnum::String)
        .build();
    let answer = deployment
        .iam
        .simulate_principal_policy()
        .context_entries(via)
        .policy_source_arn(&facts.role)
        .set_action_names(Some(actions.collect()))
        .resource_arns(&used.arn)
        .send()
        .await
        .map_err(|error| match Refusal::of(&error) {
            Refusal::Absent => {
                Finding::wrong(format!("the role of {function} is not there"), "deploy the template again")
            }
            refusal => {
                refusal.untold(format!("what the role of {function} may do"), "iam:SimulatePrincipalPolicy")
            }
        })?;
    let decision = |action: &str| {
        let results = answer.evaluation_results().iter();
        results
            .filter(|result| result.eval_action_name() == action)
            .map(EvaluationResult::eval_decision)
            .next()
    };
    let mut findings = Vec::new();
    for action in used.needed {
        match decision(action) {
            Some(Allowed) => {}
            Some(_) => findings.push(Finding::wrong(
                format!("the role of {function} may not {action} on {}", used.on),
                if *action == DECRYPT { DEPLOY_WITH_KEY } else { RESTORE },
            )),
            None => {
                let what = format!("whether the role of {function} may {action} on {}", used.on);
                findings.push(Finding::untold(what, "IAM's simulator did not say; ask again"));
            }
        }
    }
    for action in used.never.iter().filter(|action| decision(action) == Some(&Allowed)) {
        findings.push(Finding::wrong(
            format!("the role of {function} may {action} on {}, which it never does", used.on),
            "deploy the template again, or take the statement out of the role's policies",
        ));
    }
    Ok(findings)
}

/// The keys of the account's owner that seal the secrets; with Secrets Manager's own key nobody needs a permission. Of a
/// table's key only its owner can tell whether it is theirs, so it is not looked at.
async fn keys_of_secrets(target: &Target) -> (Vec<String>, Vec<Finding>) {
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
