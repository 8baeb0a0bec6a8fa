//! What the functions' roles may do, asked of IAM's simulator: each call that a function makes, and those that none may
//! make. The simulator knows the policies of the role, not those of a secret, a key or the organisation.

mod keys;
mod uses;

use aws_sdk_iam::types::PolicyEvaluationDecisionType::Allowed;
use aws_sdk_iam::types::{ContextEntry, ContextKeyTypeEnum, EvaluationResult};

use self::keys::Keys;
use self::uses::{DECRYPT, Use, uses};
use super::finding::Finding;
use super::functions::{Facts, Function};
use super::refusal::Refusal;
use super::target::{Deployment, Target};

const RESTORE: &str = "deploy the template again, or restore the statement in the role's policy";
const DEPLOY_WITH_KEY: &str = "deploy the template again with this key as KmsKeyArn";

/// One line for each function, or one for each thing that is wrong with its role.
pub(super) async fn examine(target: &Target, functions: &[Function]) -> Vec<Finding> {
    let Some(deployment) = target.deployment() else { return Vec::new() };
    let (keys, mut findings) = Keys::find(target, deployment).await;
    for function in functions {
        // What is not known of a function was said where its configuration was.
        let Ok(facts) = &function.facts else { continue };
        let mut found = Vec::new();
        for used in uses(function.name, facts, &target.names, functions, &keys) {
            match simulated(deployment, function.name, facts, &used).await {
                Ok(more) => found.extend(more),
                Err(finding) => {
                    // The next question would be answered alike.
                    found.push(finding);
                    break;
                }
            }
        }
        if found.is_empty() {
            found.push(Finding::good(format!(
                "the role of {} may do what it needs, and none of the other actions that were asked about",
                function.name
            )));
        }
        findings.extend(found);
    }
    findings
}

async fn simulated(
    deployment: &Deployment,
    function: &str,
    facts: &Facts,
    used: &Use,
) -> Result<Vec<Finding>, Finding> {
    let actions = used.needed.iter().chain(&used.never).map(|action| (*action).to_owned());
    let answer = deployment
        .iam
        .simulate_principal_policy()
        .set_context_entries(through(facts, used.via))
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
    let is_allowed = |action: &str| {
        let mut results = answer.evaluation_results().iter();
        let result = results.find(|result| result.eval_action_name() == action);
        result.map(EvaluationResult::eval_decision).map(|decision| *decision == Allowed)
    };
    let needed = used.needed.iter().map(|action| (*action, true));
    let never = used.never.iter().map(|action| (*action, false));
    let mut findings = Vec::new();
    for (action, is_needed) in needed.chain(never) {
        let on = &used.on;
        match (is_allowed(action), is_needed) {
            (Some(true), true) | (Some(false), false) => {}
            (Some(false), true) => findings.push(Finding::wrong(
                format!("the role of {function} may not {action} on {on}"),
                if action == DECRYPT { DEPLOY_WITH_KEY } else { RESTORE },
            )),
            (Some(true), false) => findings.push(Finding::wrong(
                format!("the role of {function} may {action} on {on}, which it never does"),
                "deploy the template again, or take the statement out of the role's policies",
            )),
            (None, _) => findings.push(Finding::untold(
                format!("whether the role of {function} may {action} on {on}"),
                "IAM's simulator did not say; ask again",
            )),
        }
    }
    Ok(findings)
}

/// The template lets a role use a key through Secrets Manager and DynamoDB alone.
fn through(facts: &Facts, service: Option<&str>) -> Option<Vec<ContextEntry>> {
    let service = service?;
    let region = facts.arn.split(':').nth(3).unwrap_or_default();
    let entry = ContextEntry::builder()
        .context_key_name("kms:ViaService")
        .context_key_values(format!("{service}.{region}.amazonaws.com"))
        .context_key_type(ContextKeyTypeEnum::String);
    Some(vec![entry.build()])
}
