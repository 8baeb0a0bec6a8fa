//! The deployed functions, as Lambda describes them: whether they are there and may run.

use aws_sdk_lambda::types::{ApplicationLogLevel, LastUpdateStatus, LoggingConfig, State};
use serde_json::Value;

use super::aliases;
use super::finding::{Finding, PUT_BACK, Refusal, or_good};
use super::target::Deployment;
use super::template::{Resource, Template};

/// A function.
pub(super) struct Function {
    /// Its folder.
    pub(super) name: String,
    pub(super) log_group: String,
    /// Lambda drops every line below `FATAL`, a level that the functions do not use.
    pub(super) hides_errors: bool,
}

/// Asks Lambda for each function that the stack has.
pub(super) async fn examine(
    deployment: &Deployment,
    templates: &[Template],
) -> (Vec<Function>, Vec<Finding>) {
    let (mut functions, mut findings) = (Vec::new(), Vec::new());
    for function in templates.iter().flat_map(|template| template.resources("AWS::Lambda::Function")) {
        let name = function.name("");
        match examine_one(deployment, &function, &name).await {
            Ok((function, wrong)) => {
                functions.push(function);
                findings.extend(wrong);
            }
            Err(finding) => findings.push(finding),
        }
    }
    findings.extend(mappings(deployment, templates).await);
    findings.extend(aliases::examine(deployment, templates).await);
    let names: Vec<&str> = functions.iter().map(|function| function.name.as_str()).collect();
    let good = format!("the functions {}", names.join(", "));
    (functions, or_good(findings, good))
}

async fn examine_one(
    deployment: &Deployment,
    function: &Resource,
    name: &str,
) -> Result<(Function, Vec<Finding>), Finding> {
    let (what, id) = (format!("the function {name}"), &function.physical_id);
    let lambda = aws_sdk_lambda::Client::new(&deployment.config);
    let answer = lambda.get_function_configuration().function_name(id).send().await;
    let answer = answer.map_err(|error| {
        let absent = Finding::wrong(format!("{what} does not exist"), PUT_BACK);
        Refusal::of("lambda:GetFunctionConfiguration", &error).unless_absent(&what, absent)
    })?;
    let mut wrong = Vec::new();
    if answer.state() == Some(&State::Failed)
        || answer.last_update_status() == Some(&LastUpdateStatus::Failed)
    {
        let what = format!("Lambda failed to create or update the function {name}");
        wrong.push(Finding::wrong(what, "deploy the template again"));
    }
    match lambda.get_function_concurrency().function_name(id).send().await {
        Ok(answer) => {
            let meant = &function.properties["ReservedConcurrentExecutions"];
            wrong.extend(concurrency(name, answer.reserved_concurrent_executions(), meant));
        }
        Err(error) => {
            let what = format!("the concurrency of {name}");
            wrong.push(Refusal::of("lambda:GetFunctionConcurrency", &error).unknown(what));
        }
    }
    // Lambda chooses a group if none is configured.
    let logging = answer.logging_config();
    let log_group = logging
        .and_then(|config| config.log_group())
        .map_or_else(|| format!("/aws/lambda/{}", answer.function_name().unwrap_or(id)), str::to_owned);
    let level = logging.and_then(LoggingConfig::application_log_level);
    let hides_errors = level == Some(&ApplicationLogLevel::Fatal);
    Ok((Function { name: name.to_owned(), log_group, hides_errors }, wrong))
}

/// CloudFormation compares a reservation only if the template has one.
fn concurrency(name: &str, reserved: Option<i32>, meant: &Value) -> Option<Finding> {
    let what = match reserved {
        Some(0) => format!("Lambda refuses every request to {name}: its reserved concurrency is 0"),
        Some(reserved) if meant.is_null() => {
            format!("the reserved concurrency of {name} is {reserved}, and the template reserves none")
        }
        _ => return None,
    };
    Some(Finding::wrong(what, PUT_BACK))
}

/// The template does not say that a mapping is on, so CloudFormation does not see that it is off.
async fn mappings(deployment: &Deployment, templates: &[Template]) -> Vec<Finding> {
    let lambda = aws_sdk_lambda::Client::new(&deployment.config);
    let mut findings = Vec::new();
    for mapping in templates.iter().flat_map(|template| template.resources("AWS::Lambda::EventSourceMapping"))
    {
        let (name, id) = (&mapping.logical_id, &mapping.physical_id);
        match lambda.get_event_source_mapping().uuid(id).send().await {
            Ok(answer)
                if matches!(answer.state(), Some("Enabled" | "Enabling" | "Updating" | "Creating")) => {}
            Ok(_) => findings.push(Finding::wrong(
                format!("{name} is off, so its function gets no records of the stream"),
                format!("`aws lambda update-event-source-mapping --uuid {id} --enabled`"),
            )),
            Err(error) => {
                let absent = Finding::wrong(format!("{name} does not exist"), PUT_BACK);
                let refusal = Refusal::of("lambda:GetEventSourceMapping", &error);
                findings.push(refusal.unless_absent(format!("whether {name} is on"), absent));
            }
        }
    }
    findings
}
