//! What operators change while users are connected: the scopes, and everything optional.

use std::time::Duration;

use aws_sdk_cloudformation::client::Waiters;
use aws_sdk_cloudformation::types::Capability;

use super::cloud::Cloud;
use super::deployment::Deployment;
use crate::account::Called;
use crate::processes::Processes;
use crate::stack::{Outputs, Stack};
use crate::visit::{ACCOUNT, expect, say};

/// The scopes after the change.
const MORE_SCOPES: &str =
    "https://www.googleapis.com/auth/gmail.readonly https://www.googleapis.com/auth/gmail.labels";
/// What an operator owns and passes to the stack: a KMS key, an SNS topic, a hosted zone, a
/// certificate, roles and an event bus. An output for a parameter has its name. The roles have no
/// policies, a rule of the bus fills a queue, and another queue listens to the topic.
const BELONGINGS: &str = "belongings";
const CREATION: Duration = Duration::from_mins(1);
const TEMPLATE: &str = r#"{
  "Resources": {
    "Key": {"Type": "AWS::KMS::Key", "Properties": {"KeyPolicy": {"Version": "2012-10-17", "Statement": [
      {"Effect": "Allow", "Principal": {"AWS": {"Fn::Sub": "arn:aws:iam::${AWS::AccountId}:root"}}, "Action": "kms:*", "Resource": "*"},
      {"Effect": "Allow", "Principal": {"Service": "cloudwatch.amazonaws.com"}, "Action": ["kms:Decrypt", "kms:GenerateDataKey*"], "Resource": "*"}]}}},
    "Topic": {"Type": "AWS::SNS::Topic", "Properties": {"KmsMasterKeyId": {"Ref": "Key"}}},
    "Listener": {"Type": "AWS::SQS::Queue"},
    "Subscription": {"Type": "AWS::SNS::Subscription", "Properties": {"TopicArn": {"Ref": "Topic"}, "Protocol": "sqs", "Endpoint": {"Fn::GetAtt": ["Listener", "Arn"]}}},
    "Zone": {"Type": "AWS::Route53::HostedZone", "Properties": {"Name": "example.com"}},
    "Certificate": {"Type": "AWS::CertificateManager::Certificate", "Properties": {"DomainName": "mail.example.com"}},
    "Worker": {"Type": "AWS::IAM::Role", "Properties": {"AssumeRolePolicyDocument": {"Version": "2012-10-17", "Statement": [
      {"Effect": "Allow", "Principal": {"AWS": {"Ref": "AWS::AccountId"}}, "Action": "sts:AssumeRole"}]}}},
    "Administrator": {"Type": "AWS::IAM::Role", "Properties": {"AssumeRolePolicyDocument": {"Version": "2012-10-17", "Statement": [
      {"Effect": "Allow", "Principal": {"AWS": {"Ref": "AWS::AccountId"}}, "Action": "sts:AssumeRole"}]}}},
    "Stranger": {"Type": "AWS::IAM::Role", "Properties": {"AssumeRolePolicyDocument": {"Version": "2012-10-17", "Statement": [
      {"Effect": "Allow", "Principal": {"AWS": {"Ref": "AWS::AccountId"}}, "Action": "sts:AssumeRole"}]}}},
    "Bus": {"Type": "AWS::Events::EventBus", "Properties": {"Name": "mail"}},
    "Queue": {"Type": "AWS::SQS::Queue"},
    "QueuePolicy": {"Type": "AWS::SQS::QueuePolicy", "Properties": {"Queues": [{"Ref": "Queue"}], "PolicyDocument": {"Version": "2012-10-17", "Statement": [
      {"Effect": "Allow", "Principal": {"Service": "events.amazonaws.com"}, "Action": "sqs:SendMessage", "Resource": {"Fn::GetAtt": ["Queue", "Arn"]}}]}}},
    "Rule": {"Type": "AWS::Events::Rule", "Properties": {"EventBusName": {"Ref": "Bus"}, "EventPattern": {"source": ["postern"]},
      "Targets": [{"Id": "queue", "Arn": {"Fn::GetAtt": ["Queue", "Arn"]}}]}}
  },
  "Outputs": {
    "KmsKeyArn": {"Value": {"Fn::GetAtt": ["Key", "Arn"]}},
    "AlarmTopicArn": {"Value": {"Ref": "Topic"}},
    "HostedZoneId": {"Value": {"Ref": "Zone"}},
    "CertificateArn": {"Value": {"Ref": "Certificate"}},
    "BackEndRoleArns": {"Value": {"Fn::GetAtt": ["Worker", "Arn"]}},
    "AdministratorRoleArns": {"Value": {"Fn::GetAtt": ["Administrator", "Arn"]}},
    "EventBusName": {"Value": {"Ref": "Bus"}},
    "Stranger": {"Value": {"Fn::GetAtt": ["Stranger", "Arn"]}},
    "Listener": {"Value": {"Fn::GetAtt": ["Listener", "Arn"]}},
    "Queue": {"Value": {"Ref": "Queue"}}
  }
}"#;
/// The parameters that add functions, each with something of the operator's.
const OPTIONS: [&str; 3] = ["BackEndRoleArns", "AdministratorRoleArns", "EventBusName"];
/// The API's domain.
const DOMAIN: &str = "mail.example.com";

/// The stack asks for more scopes: the same session gets a 401, and consents once.
pub(super) async fn through_a_change_of_scopes(
    deployment: &mut Deployment<'_>,
    processes: &mut Processes,
) -> Result<(), String> {
    let mut visit = deployment.sign_in(ACCOUNT).await?;
    deployment.change(&[("GmailScopes", MORE_SCOPES)], processes).await?;
    let authorization_url = visit.is_asked_to_authorize_again("scopes_changed").await?;
    say("after an update of the stack with more scopes, GET /messages answers 401 scopes_changed");
    visit.connect(&authorization_url).await?;
    visit.list(&[]).await?;
    say("one consent later, the mailbox is listed");
    Ok(())
}

/// The stack gets everything that is optional: sign-ins go through the domain, with the callback
/// that the stack's output names.
pub(super) async fn with_everything_optional(
    deployment: &mut Deployment<'_>,
    processes: &mut Processes,
) -> Result<Outputs, String> {
    let belongings = belongings(deployment.cloud).await?;
    let chosen = [
        ("CrossAccountProtection", "on"),
        ("DomainName", DOMAIN),
        ("LogRetention", "30"),
        ("RequestRateLimit", "150"),
        ("ReservedConcurrency", "20"),
        ("SweepUnusedDays", "30"),
        ("Tracing", "Active"),
    ];
    let changes: Vec<(&str, &str)> =
        chosen.into_iter().chain(belongings.iter().filter(is_for_a_parameter)).collect();
    deployment.change(&changes, processes).await?;
    deployment.serve_at(&format!("https://{DOMAIN}"), DOMAIN);
    let Deployment { outputs, api, .. } = &deployment;
    expect(outputs.get("ApiUrl")? == api, "ApiUrl is the domain")?;
    let callback = format!("{api}/oauth/callback");
    expect(outputs.get("CallbackUrl")? == callback, "CallbackUrl is under the domain")?;
    deployment.sign_in(ACCOUNT).await?.list(&[]).await?;
    say(
        "after an update of the stack with a domain, zone, key, topic and more, users list through the domain",
    );
    Ok(belongings)
}

/// Takes the options away again that add functions: nothing of them is left.
pub(super) async fn with_the_options_off(
    deployment: &mut Deployment<'_>,
    processes: &mut Processes,
) -> Result<(), String> {
    // Without the topic every alarm changes: MiniStack forgets the ARN of one inside that does not.
    let empty = OPTIONS.into_iter().chain(["AlarmTopicArn", "DeploymentId"]).map(|name| (name, ""));
    let off: Vec<(&str, &str)> =
        empty.chain([("CrossAccountProtection", "off"), ("SweepUnusedDays", "0")]).collect();
    deployment.change(&off, processes).await?;
    let now = deployment.resources().await?;
    let before = &deployment.resources_at_first;
    let more: Vec<&String> = now.difference(before).filter(|name| !name.starts_with("Domain")).collect();
    let less: Vec<&String> = before.difference(&now).collect();
    expect(more.is_empty() && less.is_empty(), &format!("the stack has more, {more:?}, or less, {less:?}"))?;
    let tables = aws_sdk_dynamodb::Client::new(&deployment.cloud.account.config);
    let table =
        tables.describe_table().table_name(deployment.outputs.get("CredentialsTableName")?).send().await;
    let table = table.or_say("the table is not described")?;
    let table = table.table().ok_or("there is no table")?;
    let (indexes, stream) = (table.global_secondary_indexes(), table.stream_specification());
    let is_bare = indexes.is_empty() && stream.is_none_or(|stream| !stream.stream_enabled());
    expect(is_bare, &format!("the table has neither index nor stream: {indexes:?}, {stream:?}"))?;
    deployment.sign_in(ACCOUNT).await?.list(&[]).await?;
    say("with the options off again, the stack has the resources that it began with, and users list");
    Ok(())
}

fn is_for_a_parameter((name, _): &(&str, &str)) -> bool {
    !["Stranger", "Listener", "Queue"].contains(name)
}

/// Creates the belongings.
async fn belongings(cloud: &Cloud) -> Result<Outputs, String> {
    let cloudformation = aws_sdk_cloudformation::Client::new(&cloud.account.config);
    let creation = cloudformation.create_stack().stack_name(BELONGINGS).template_body(TEMPLATE);
    let creation = creation.capabilities(Capability::CapabilityIam).send().await;
    creation.or_say("the operator's resources are not created")?;
    let made = cloudformation.wait_until_stack_create_complete().stack_name(BELONGINGS).wait(CREATION).await;
    made.map_err(|_| "the operator's resources do not exist after a minute".to_owned())?;
    Ok(Stack::require(&cloud.account, BELONGINGS).await?.outputs)
}
