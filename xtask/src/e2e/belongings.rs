//! What an operator owns and passes to the stack: a KMS key, an SNS topic, a hosted zone and a
//! certificate.

use std::time::Duration;

use aws_sdk_cloudformation::client::Waiters;

use super::cloud::Cloud;
use crate::account::Called;
use crate::stack::{Outputs, Stack};

const STACK: &str = "belongings";
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

/// Creates them; each output has the name of the parameter that it is for.
pub(super) async fn of_an_operator(cloud: &Cloud) -> Result<Outputs, String> {
    let cloudformation = aws_sdk_cloudformation::Client::new(&cloud.account.config);
    let creation = cloudformation.create_stack().stack_name(STACK).template_body(TEMPLATE).send().await;
    creation.or_say("the operator's resources are not created")?;
    let made = cloudformation.wait_until_stack_create_complete().stack_name(STACK).wait(CREATION).await;
    made.map_err(|_| "the operator's resources do not exist after a minute".to_owned())?;
    Ok(Stack::require(&cloud.account, STACK).await?.outputs)
}
