//! Versions of the functions: everybody calls the alias, another deployment moves it, and it goes
//! back. CodeDeploy is not there: MiniStack has none, so requests move all at once.

use aws_sdk_cloudformation::client::Waiters;
use aws_sdk_cloudformation::types::{Capability, Parameter};
use aws_sdk_lambda::primitives::Blob;
use serde_json::{Value, json};

use super::cloud::Cloud;
use super::defects::report;
use super::deployment::{Deployment, ERASED};
use super::events::Queue;
use super::python::Python;
use super::roles::assume;
use crate::account::{Account, Called};
use crate::doctor::Finding;
use crate::processes::{Processes, root};
use crate::stack::Outputs;
use crate::visit::{ACCOUNT, expect, say};

/// The stack of the operators' policies.
const POLICIES: &str = "operators-of-postern";
/// What MiniStack takes GetAlias, GetEventSourceMapping and GetFunctionConcurrency for when it asks
/// whether they are allowed.
const TAKEN_FOR: [&str; 3] =
    ["lambda:ListAliases", "lambda:ListEventSourceMappings", "lambda:PutFunctionConcurrency"];
const CREATION: std::time::Duration = std::time::Duration::from_mins(1);

/// Switches versions on, deploys again, and goes back by hand.
pub(super) async fn serve_and_go_back(
    deployment: &mut Deployment<'_>,
    belongings: &Outputs,
    processes: &mut Processes,
) -> Result<(), String> {
    let cloud = deployment.cloud;
    deployment.change(&[("DeploymentId", "one")], processes).await?;
    deployment.sign_in(ACCOUNT).await?.list(&[]).await?;
    through_the_alias_alone(deployment, belongings).await?;
    let python = Python::fetch(cloud, processes).await?;
    let queue = Queue { url: belongings.get("Queue")?, python: &python };
    let user = cloud.google.account(ERASED).ok_or("the account is unknown")?.sub;
    // The erasure of a step before; what is in the queue from now on is new.
    queue.wait_for("Gmail Disconnected", &user).await?;
    deployment.sign_in(ERASED).await?;
    queue.wait_for("Gmail Connected", &user).await?;
    say("with versions, the API, a back end and the stream call the functions through their aliases");

    let first = alias(deployment).await?;
    deployment.change(&[], processes).await?;
    let second = alias(deployment).await?;
    expect(first != second, &format!("another deployment serves another version than {first}"))?;
    expect(
        wrong(&report(&cloud.account, cloud).await?.findings).is_empty(),
        "doctor finds nothing wrong with them",
    )?;
    move_alias(deployment, &first).await?;
    deployment.sign_in(ACCOUNT).await?.list(&[]).await?;
    let found = wrong(&report(&cloud.account, cloud).await?.findings);
    let words = format!(
        "requests to list-messages go to version {first}, and the last deployment published {second}"
    );
    expect(found.len() == 1 && found[0].contains(&words), &format!("doctor finds the way back: {found:?}"))?;
    move_alias(deployment, &second).await?;
    say("an alias goes back to the version of the deployment before, and doctor says so");
    as_a_role_with_the_policy_for_doctor(cloud, belongings.get("KmsKeyArn")?).await
}

/// A listed role gets a token through the alias, and may not go around it.
async fn through_the_alias_alone(deployment: &Deployment<'_>, belongings: &Outputs) -> Result<(), String> {
    let cloud = deployment.cloud;
    let worker = assume(cloud, belongings.get("BackEndRoleArns")?).await?;
    let lambda = aws_sdk_lambda::Client::new(&Account::at(&cloud.url, worker).await?.config);
    let user = cloud.google.account(ACCOUNT).ok_or("the account is unknown")?.sub;
    let ask = async |function: &str| {
        let question = Blob::new(json!({ "user_id": user }).to_string());
        lambda.invoke().function_name(function).payload(question).send().await
    };
    let function = deployment.outputs.get("AccessTokenFunction")?;
    let (around, _) = function.rsplit_once(":live").ok_or(format!("{function} is no alias"))?;
    let answer = ask(function).await.or_say("the alias is not invoked")?;
    let answer = answer.payload().map(Blob::as_ref).unwrap_or_default();
    let answer: Value = serde_json::from_slice(answer).unwrap_or_default();
    expect(answer["access_token"].is_string(), "a back end gets a token through the alias")?;
    expect(ask(around).await.is_err(), "and not without it")
}

/// The version that lists messages.
async fn alias(deployment: &Deployment<'_>) -> Result<String, String> {
    let lambda = aws_sdk_lambda::Client::new(&deployment.cloud.account.config);
    let alias =
        lambda.get_alias().function_name(deployment.outputs.get("ListMessagesFunction")?).name("live");
    let alias = alias.send().await.or_say("the alias is not described")?;
    alias.function_version.ok_or_else(|| "the alias leads nowhere".to_owned())
}

async fn move_alias(deployment: &Deployment<'_>, version: &str) -> Result<(), String> {
    let lambda = aws_sdk_lambda::Client::new(&deployment.cloud.account.config);
    let alias = lambda.update_alias().function_name(deployment.outputs.get("ListMessagesFunction")?);
    let moved = alias.name("live").function_version(version).send().await;
    moved.or_say("the alias does not move").map(drop)
}

/// What doctor calls wrong with the versions; the steps before leave other things changed.
fn wrong(findings: &[(&str, Finding)]) -> Vec<String> {
    let wrong = findings.iter().filter(|(_, finding)| finding.is_wrong());
    wrong.map(|(_, finding)| finding.to_string()).filter(|line| line.contains("version")).collect()
}

/// Somebody who has only this policy sees what the owner sees.
async fn as_a_role_with_the_policy_for_doctor(cloud: &Cloud, key: &str) -> Result<(), String> {
    let config = &cloud.account.config;
    let text =
        std::fs::read_to_string(root().join("infra/policies.yaml")).map_err(|error| error.to_string())?;
    let stacks = aws_sdk_cloudformation::Client::new(config);
    let key = Parameter::builder().parameter_key("KmsKeyArn").parameter_value(key).build();
    let creation = stacks.create_stack().stack_name(POLICIES).template_body(text).parameters(key);
    let creation = creation.capabilities(Capability::CapabilityIam).send().await;
    creation.or_say("the policies are not created")?;
    let made = stacks.wait_until_stack_create_complete().stack_name(POLICIES).wait(CREATION).await;
    made.map_err(|_| "the policies do not exist after a minute".to_owned())?;
    let policy = stacks.describe_stack_resource().stack_name(POLICIES).logical_resource_id("DoctorPolicy");
    let policy = policy.send().await.or_say("the policy is not described")?;
    let arn = policy.stack_resource_detail().and_then(|resource| resource.physical_resource_id());
    let iam = aws_sdk_iam::Client::new(config);
    let trust = json!({
        "Version": "2012-10-17",
        "Statement": [{"Effect": "Allow", "Principal": {"AWS": "*"}, "Action": "sts:AssumeRole"}],
    });
    let role = iam.create_role().role_name("doctor").assume_role_policy_document(trust.to_string());
    let role = role.send().await.or_say("the role is not created")?;
    let attachment = iam.attach_role_policy().role_name("doctor").set_policy_arn(arn.map(str::to_owned));
    attachment.send().await.or_say("the policy is not attached")?;
    let taken_for = json!({
        "Version": "2012-10-17",
        "Statement": [{"Effect": "Allow", "Action": TAKEN_FOR, "Resource": "*"}],
    });
    let more = iam.put_role_policy().role_name("doctor").policy_name("emulator");
    let more = more.policy_document(taken_for.to_string()).send().await;
    more.or_say("the role gets no policy for the emulator")?;
    let role = role.role().map(|role| role.arn().to_owned()).ok_or("the role has no ARN")?;
    let doctor = Account::at(&cloud.url, assume(cloud, &role).await?).await?;
    let lines = async |account: &Account| {
        let report = report(account, cloud).await?;
        Ok::<_, String>(report.findings.iter().map(|(_, finding)| finding.to_string()).collect::<Vec<_>>())
    };
    let (all, seen) = (lines(&cloud.account).await?, lines(&doctor).await?);
    let missed: Vec<&String> = all.iter().filter(|line| !seen.contains(line)).collect();
    expect(missed.is_empty(), &format!("with its policy doctor sees all but {missed:?} of {}", all.len()))?;
    say("a role with the policy for doctor, and no other, sees all that the account's owner sees");
    Ok(())
}
