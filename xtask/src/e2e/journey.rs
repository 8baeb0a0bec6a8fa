//! What operators change while users are connected: the scopes, and everything optional.

use std::time::Duration;

use aws_sdk_cloudformation::client::Waiters;

use super::cloud::Cloud;
use super::deployment::Deployment;
use crate::account::Called;
use crate::processes::Processes;
use crate::stack::{Outputs, Stack};
use crate::visit::{ACCOUNT, expect, say};

/// The scopes after the change.
const MORE_SCOPES: &str =
    "https://www.googleapis.com/auth/gmail.readonly https://www.googleapis.com/auth/gmail.labels";
/// What an operator owns and passes to the stack: a KMS key, an SNS topic, a hosted zone and a
/// certificate. Each output has the name of the parameter that it is for.
const BELONGINGS: &str = "belongings";
const CREATION: Duration = Duration::from_mins(1);
const TEMPLATE: &str = r#"{
  "Resources": {
    "Key": {"Type": "AWS::KMS::Key", "Properties": {"KeyPolicy": {"Version": "2012-10-17", "Statement": [
      {"Effect": "Allow", "Principal": {"AWS": {"Fn::Sub": "arn:aws:iam::${AWS::AccountId}:root"}}, "Action": "kms:*", "Resource": "*"}]}}},
    "Topic": {"Type": "AWS::SNS::Topic"},
    "Zone": {"Type": "AWS::Route53::HostedZone", "Properties": {"Name": "example.com"}},
    "Certificate": {"Type": "AWS::CertificateManager::Certificate", "Properties": {"DomainName": "mail.example.com"}}
  },
  "Outputs": {
    "KmsKeyArn": {"Value": {"Fn::GetAtt": ["Key", "Arn"]}},
    "AlarmTopicArn": {"Value": {"Ref": "Topic"}},
    "HostedZoneId": {"Value": {"Ref": "Zone"}},
    "CertificateArn": {"Value": {"Ref": "Certificate"}}
  }
}"#;
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
) -> Result<(), String> {
    let belongings = belongings(deployment.cloud).await?;
    let chosen = [
        ("DomainName", DOMAIN),
        ("LogRetention", "30"),
        ("RequestRateLimit", "150"),
        ("ReservedConcurrency", "20"),
        ("Tracing", "Active"),
    ];
    let changes: Vec<(&str, &str)> = chosen.into_iter().chain(belongings.iter()).collect();
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
    Ok(())
}

/// Creates the belongings.
async fn belongings(cloud: &Cloud) -> Result<Outputs, String> {
    let cloudformation = aws_sdk_cloudformation::Client::new(&cloud.account.config);
    let creation = cloudformation.create_stack().stack_name(BELONGINGS).template_body(TEMPLATE).send().await;
    creation.or_say("the operator's resources are not created")?;
    let made = cloudformation.wait_until_stack_create_complete().stack_name(BELONGINGS).wait(CREATION).await;
    made.map_err(|_| "the operator's resources do not exist after a minute".to_owned())?;
    Ok(Stack::require(&cloud.account, BELONGINGS).await?.outputs)
}
