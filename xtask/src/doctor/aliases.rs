//! The aliases through which requests reach the functions, if the stack has versions: where each
//! leads, and whether the version there is what was deployed.

use aws_sdk_lambda::Client;
use aws_sdk_lambda::operation::get_function_configuration::GetFunctionConfigurationOutput;

use super::finding::{Finding, PUT_BACK, Refusal};
use super::target::Deployment;
use super::template::{Resource, Template, text};

const AGAIN: &str = "deploy with another DeploymentId";

/// What is wrong or under way; nothing for a stack without versions.
pub(super) async fn examine(deployment: &Deployment, templates: &[Template]) -> Vec<Finding> {
    let client = Client::new(&deployment.config);
    let mut findings = Vec::new();
    for alias in templates.iter().flat_map(|template| template.resources("AWS::Lambda::Alias")) {
        findings.extend(examine_one(&client, &alias).await.unwrap_or_else(|finding| vec![finding]));
    }
    findings
}

async fn examine_one(client: &Client, alias: &Resource) -> Result<Vec<Finding>, Finding> {
    let name = alias.name("Alias");
    let of = |property: &str| text(&alias.properties[property]);
    let (function, meant) = (of("FunctionName"), of("FunctionVersion"));
    let what = format!("which version of {name} serves");
    let answer = client.get_alias().function_name(&function).name(of("Name")).send().await;
    let answer = answer.map_err(|error| {
        let absent = Finding::wrong(format!("the alias of {name} does not exist"), PUT_BACK);
        Refusal::of("lambda:GetAlias", &error).unless_absent(&what, absent)
    })?;
    let mut findings = Vec::new();
    let weights = answer.routing_config().and_then(|routing| routing.additional_version_weights());
    for (version, weight) in weights.into_iter().flatten() {
        let why = format!(
            "a deployment is under way: {:.0} % of its requests go to version {version}",
            weight * 100.0
        );
        findings.push(Finding::unknown(&what, why));
    }
    let serves = answer.function_version().unwrap_or_default();
    if serves != meant && findings.is_empty() {
        let what =
            format!("requests to {name} go to version {serves}, and the last deployment published {meant}");
        findings.push(Finding::wrong(what, format!("{AGAIN}, unless you went back on purpose")));
    }
    let configuration = async |qualifier: Option<&str>| {
        let question = client.get_function_configuration().function_name(&function);
        let answer = question.set_qualifier(qualifier.map(str::to_owned)).send().await;
        answer.map(identity).map_err(|error| {
            Refusal::of("lambda:GetFunctionConfiguration", &error)
                .unknown(format!("whether version {meant} of {name} is what was deployed"))
        })
    };
    if configuration(None).await? != configuration(Some(&meant)).await? {
        let what = format!("{name} was changed after its version {meant}, and no request reaches the change");
        findings.push(Finding::wrong(what, AGAIN));
    }
    Ok(findings)
}

/// What tells a version from another: all that a deployment of this template may change of it.
fn identity(answer: GetFunctionConfigurationOutput) -> impl PartialEq {
    (
        (answer.code_sha256, answer.architectures, answer.runtime, answer.handler),
        answer.environment.and_then(|environment| environment.variables),
        (answer.memory_size, answer.timeout, answer.role),
        answer.tracing_config.and_then(|tracing| tracing.mode),
        answer.logging_config,
    )
}
