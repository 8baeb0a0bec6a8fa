//! The deployed functions, as Lambda describes them.

use std::collections::BTreeMap;

use aws_sdk_lambda::types::{ApplicationLogLevel, LastUpdateStatus, LoggingConfig, State};

use super::finding::{DEPLOY_AGAIN, Finding, Refusal};
use super::target::{Deployment, Target};

/// A function.
pub(super) struct Function {
    /// Its folder.
    pub(super) name: String,
    /// Its name in the template.
    pub(super) logical_id: String,
    pub(super) arn: String,
    /// The ARN of its role.
    pub(super) role: String,
    pub(super) log_group: String,
    /// Lambda drops every line below `FATAL`, a level that the functions do not use.
    pub(super) hides_errors: bool,
    pub(super) variables: BTreeMap<String, String>,
    pub(super) has_failed: bool,
}

/// Asks Lambda for each function of the template; a finding stands for each that it does not
/// describe. On this machine there is no Lambda to ask.
pub(super) async fn read(target: &Target) -> (Vec<Function>, Vec<Finding>) {
    let (mut functions, mut findings) = (Vec::new(), Vec::new());
    let Some(deployment) = &target.deployment else { return (functions, findings) };
    for (logical_id, name) in postern_template::roles::functions(&postern_template::read()) {
        match function(deployment, logical_id, name).await {
            Ok(function) => functions.push(function),
            Err(finding) => findings.push(finding),
        }
    }
    (functions, findings)
}

async fn function(deployment: &Deployment, logical_id: String, name: String) -> Result<Function, Finding> {
    let what = format!("the configuration of {name}");
    let output = format!("{logical_id}Function");
    let id = deployment.outputs.get(&output).map_err(|problem| Finding::unknown(&what, problem))?;
    let answer = deployment.lambda.get_function_configuration().function_name(id).send().await;
    let answer = answer.map_err(|error| {
        let absent = Finding::wrong(format!("the function {name} does not exist"), DEPLOY_AGAIN);
        Refusal::of("lambda:GetFunctionConfiguration", &error).unless_absent(&what, absent)
    })?;
    let (Some(arn), Some(role)) = (answer.function_arn(), answer.role()) else {
        return Err(Finding::unknown(&what, "Lambda's answer names no role; try again"));
    };
    // Lambda chooses a group if none is configured.
    let logging = answer.logging_config();
    let log_group = logging
        .and_then(|config| config.log_group())
        .map_or_else(|| format!("/aws/lambda/{}", answer.function_name().unwrap_or(id)), str::to_owned);
    let variables = answer.environment().and_then(|environment| environment.variables());
    let level = logging.and_then(LoggingConfig::application_log_level);
    Ok(Function {
        arn: arn.to_owned(),
        role: role.to_owned(),
        log_group,
        hides_errors: level == Some(&ApplicationLogLevel::Fatal),
        variables: variables.cloned().unwrap_or_default().into_iter().collect(),
        has_failed: answer.state() == Some(&State::Failed)
            || answer.last_update_status() == Some(&LastUpdateStatus::Failed),
        name,
        logical_id,
    })
}
