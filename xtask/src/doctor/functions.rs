//! The deployed functions, as Lambda describes them.

use std::collections::BTreeMap;

use aws_sdk_lambda::types::{ApplicationLogLevel, LastUpdateStatus, LoggingConfig, State};

use super::finding::Finding;
use super::refusal::Refusal;
use super::target::{Deployment, Place, Target};

/// Each function, and the output of the stack with its name in the account.
const FUNCTIONS: [(&str, &str); 3] = [
    (AUTH_START, "AuthStartFunction"),
    (OAUTH_CALLBACK, "OauthCallbackFunction"),
    (LIST_MESSAGES, "ListMessagesFunction"),
];
pub(super) const AUTH_START: &str = "auth-start";
pub(super) const OAUTH_CALLBACK: &str = "oauth-callback";
pub(super) const LIST_MESSAGES: &str = "list-messages";

/// A function, and what Lambda says of it; else why that is not known.
pub(super) struct Function {
    pub(super) name: &'static str,
    pub(super) facts: Result<Facts, Finding>,
}

/// What Lambda says.
pub(super) struct Facts {
    pub(super) arn: String,
    pub(super) role: String,
    pub(super) log_group: String,
    /// Lambda drops every line below `FATAL`, which nothing here is.
    pub(super) hides_errors: bool,
    pub(super) variables: BTreeMap<String, String>,
    pub(super) has_failed: bool,
}

/// Asks Lambda for each function; on this machine there are none to ask for.
pub(super) async fn read(target: &Target) -> Vec<Function> {
    let Some(deployment) = target.deployment() else { return Vec::new() };
    let mut functions = Vec::new();
    for (name, output) in FUNCTIONS {
        functions.push(Function { name, facts: facts(deployment, name, output).await });
    }
    functions
}

async fn facts(deployment: &Deployment, name: &str, output: &str) -> Result<Facts, Finding> {
    let what = format!("the configuration of {name}");
    let id = deployment.outputs.get(output).map_err(|problem| Finding::untold(&what, problem))?;
    let answer = deployment.lambda.get_function_configuration().function_name(id).send().await;
    let answer = answer.map_err(|error| match Refusal::of(&error) {
        Refusal::Absent => {
            Finding::wrong(format!("the function {name} is not there"), "deploy the template again")
        }
        refusal => refusal.untold(&what, "lambda:GetFunctionConfiguration"),
    })?;
    let (Some(arn), Some(role)) = (answer.function_arn(), answer.role()) else {
        return Err(Finding::untold(&what, "Lambda's answer names no role; ask again"));
    };
    // Lambda's own choice where nothing else is configured.
    let logging = answer.logging_config();
    let log_group = logging
        .and_then(|config| config.log_group())
        .map_or_else(|| format!("/aws/lambda/{}", answer.function_name().unwrap_or(id)), str::to_owned);
    let variables = answer.environment().and_then(|environment| environment.variables());
    Ok(Facts {
        arn: arn.to_owned(),
        role: role.to_owned(),
        log_group,
        hides_errors: logging.and_then(LoggingConfig::application_log_level)
            == Some(&ApplicationLogLevel::Fatal),
        variables: variables.cloned().unwrap_or_default().into_iter().collect(),
        has_failed: answer.state() == Some(&State::Failed)
            || answer.last_update_status() == Some(&LastUpdateStatus::Failed),
    })
}

/// The origins of the front ends, from the first function that tells them.
pub(super) fn origins(target: &Target, functions: &[Function]) -> Vec<String> {
    let configured =
        |function: &Function| function.facts.as_ref().ok()?.variables.get("ALLOWED_ORIGINS").cloned();
    let list = match &target.place {
        Place::Local { page } => Some(page.clone()),
        Place::Deployed(_) => functions.iter().find_map(configured),
    };
    let list = list.unwrap_or_default();
    list.split(',').map(str::trim).filter(|origin| !origin.is_empty()).map(str::to_owned).collect()
}
