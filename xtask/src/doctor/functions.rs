//! The deployed functions, as Lambda describes them. Their environment variables are usable and
//! those of the stack, and equal in every function unless the template gives one its own.

use std::collections::BTreeMap;

use aws_sdk_lambda::types::{ApplicationLogLevel, LastUpdateStatus, LoggingConfig, State};
use postern::door::authorization::CALLBACK_PATH;
use postern_rules::config::{Config, VARIABLES};
use postern_template::roles;

use super::finding::{DEPLOY_AGAIN, Finding, Refusal, or_good};
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

/// Asks Lambda for each function of the template; one that is optional is there if the stack says
/// so. On this machine there is no Lambda to ask.
pub(super) async fn examine(target: &Target) -> (Vec<Function>, Vec<Finding>) {
    let (mut functions, mut findings) = (Vec::new(), Vec::new());
    let Some(deployment) = &target.deployment else { return (functions, findings) };
    let template = postern_template::read();
    for (logical_id, name) in roles::functions(&template) {
        let is_there = deployment.stack.outputs.get(&output_of(&logical_id)).is_ok();
        if roles::is_optional(&template, &logical_id) && !is_there {
            continue;
        }
        match function(deployment, logical_id, name).await {
            Ok(function) => functions.push(function),
            Err(finding) => findings.push(finding),
        }
    }
    findings.extend(compare(target, &functions));
    (functions, findings)
}

fn output_of(logical_id: &str) -> String {
    format!("{logical_id}Function")
}

async fn function(deployment: &Deployment, logical_id: String, name: String) -> Result<Function, Finding> {
    let what = format!("the configuration of {name}");
    let id = deployment
        .stack
        .outputs
        .get(&output_of(&logical_id))
        .map_err(|problem| Finding::unknown(&what, problem))?;
    let lambda = aws_sdk_lambda::Client::new(&deployment.config);
    let answer = lambda.get_function_configuration().function_name(id).send().await;
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

/// One line for all functions, or one for each thing that is wrong.
fn compare(target: &Target, functions: &[Function]) -> Vec<Finding> {
    let template = postern_template::read();
    let own = |function: &Function| roles::own_variables(&template, &function.logical_id);
    let Some(first) = functions.iter().find(|function| own(function).is_empty()) else { return Vec::new() };
    let mut wrong = Vec::new();
    for function in functions {
        let name = &function.name;
        if function.has_failed {
            wrong.push(format!("Lambda failed to create or update the function {name}"));
        }
        match Config::read(|variable| function.variables.get(variable).cloned()) {
            Ok(config) => wrong.extend(
                foreign(target, &config)
                    .map(|variable| format!("{variable} of {name} is not the one in the stack's outputs")),
            ),
            Err(error) => {
                let error = error.to_string();
                let error = error.trim_end_matches('.');
                wrong.push(format!("the configuration of {name} is not usable ({error})"));
            }
        }
    }
    for other in functions {
        let own = own(other);
        let differs =
            |name: &&str| first.variables.get(*name) != other.variables.get(*name) && !own.contains(name);
        let differing = VARIABLES.iter().map(|variable| variable.name).filter(differs);
        wrong.extend(
            differing.map(|variable| format!("{variable} differs in {} and {}", first.name, other.name)),
        );
    }
    let names: Vec<&str> = functions.iter().map(|function| function.name.as_str()).collect();
    let wrong = wrong.into_iter().map(|what| Finding::wrong(what, DEPLOY_AGAIN)).collect();
    or_good(wrong, format!("the configuration of {}", names.join(", ")))
}

/// The variables with which a function uses something that is not the stack's.
fn foreign(target: &Target, config: &Config) -> impl Iterator<Item = &'static str> {
    let callback = config.public_url.as_ref().map(|url| url.join(CALLBACK_PATH));
    let pairs = [
        ("CREDENTIALS_TABLE", config.credentials_table == target.credentials_table),
        ("SESSIONS_TABLE", config.sessions_table == target.sessions_table),
        ("GOOGLE_CLIENT_SECRET_ID", config.google_client_secret_id == target.google_client),
        ("SEALING_KEYS_SECRET_ID", config.sealing_keys_secret_id == target.sealing_keys),
        ("PUBLIC_URL", callback.is_none_or(|callback| callback == target.callback)),
    ];
    pairs.into_iter().filter(|(_, is_of_stack)| !is_of_stack).map(|(variable, _)| variable)
}
