//! The operators' policies: no star where a name would do, and small enough for IAM. What each
//! command calls is compared in the command's own tests.

use harness::template::policies::actions;
use serde_json::Value;

use super::resources;

/// IAM counts the characters of a managed policy without white space.
const LARGEST: usize = 6144;

/// A text of the template with long names in place of what is not known here.
fn filled(value: &Value) -> Value {
    match value {
        Value::Object(members) => match members.iter().next().filter(|_| members.len() == 1) {
            Some((name, choice)) if name == "Fn::If" => filled(&choice[1]),
            Some((name, text)) if name == "Fn::Sub" => {
                let text = text.as_str().unwrap().split("${").map(|part| match part.split_once('}') {
                    Some((_, rest)) => format!("123456789012{rest}"),
                    None => part.to_owned(),
                });
                text.collect::<String>().into()
            }
            Some((name, _)) if name == "Ref" || name == "Fn::GetAtt" => "n".repeat(80).into(),
            _ => members.iter().map(|(name, value)| (name.clone(), filled(value))).collect(),
        },
        Value::Array(items) => items.iter().map(filled).collect(),
        other => other.clone(),
    }
}

#[test]
fn no_policy_allows_what_it_does_not_name() {
    let template = harness::template::policies();
    let mut count = 0;
    for (name, policy) in resources(&template, "AWS::IAM::ManagedPolicy") {
        count += 1;
        for action in actions(&template, name) {
            assert!(!action.contains('*'), "{name} allows {action}");
        }
        let document = filled(&policy["PolicyDocument"]).to_string();
        assert!(document.len() <= LARGEST, "{name} has {} characters", document.len());
        for statement in policy["PolicyDocument"]["Statement"].as_array().unwrap() {
            assert!(statement["NotAction"].is_null() && statement["NotResource"].is_null(), "{name}");
        }
    }
    assert!(count > 10, "only {count} policies");
}

#[test]
fn whoever_deploys_makes_roles_only_inside_the_boundary_and_deletes_no_credentials() {
    let template = harness::template::policies();
    assert_eq!(
        actions(&template, "DeployPolicy").iter().filter(|action| action.starts_with("iam:")).count(),
        1
    );
    let statements = &template["Resources"]["FunctionsPolicy"]["Properties"]["PolicyDocument"]["Statement"];
    let makes_roles = |statement: &&Value| statement["Action"].to_string().contains("iam:PutRolePolicy");
    let statement = statements.as_array().unwrap().iter().find(makes_roles).unwrap();
    let condition = &statement["Condition"]["Fn::If"];
    assert_eq!(condition[0], "HasPermissionsBoundary");
    assert_eq!(condition[1]["StringEquals"]["iam:PermissionsBoundary"]["Ref"], "PermissionsBoundary");
    for policy in ["FunctionsPolicy", "DataPolicy", "SurroundingsPolicy"] {
        let document = &template["Resources"][policy]["Properties"]["PolicyDocument"]["Statement"];
        let deletes = |statement: &&Value| statement["Action"].to_string().contains("dynamodb:DeleteTable");
        for statement in document.as_array().unwrap().iter().filter(deletes) {
            let table = statement["Resource"]["Fn::Sub"].as_str().unwrap();
            assert!(table.ends_with("table/${StackName}-SessionsTable-*"), "{table}");
        }
    }
}

#[test]
fn each_type_of_the_templates_is_one_that_the_deployment_role_may_make() {
    let template = harness::template::policies();
    let policies = ["FunctionsPolicy", "DataPolicy", "SurroundingsPolicy", "CanaryPolicy"];
    let allowed: Vec<String> = policies.into_iter().flat_map(|policy| actions(&template, policy)).collect();
    let templates = [
        harness::template::read(),
        harness::template::monitoring(),
        harness::template::objectives(),
        harness::template::rollout(),
        harness::template::backup(),
    ];
    let makes = |kind: &str| match kind {
        api if api.starts_with("AWS::ApiGatewayV2::") => "apigateway:POST",
        "AWS::Backup::BackupPlan" => "backup:CreateBackupPlan",
        "AWS::Backup::BackupSelection" => "backup:CreateBackupSelection",
        "AWS::Backup::BackupVault" => "backup:CreateBackupVault",
        "AWS::CloudFormation::Stack" => "cloudformation:CreateStack",
        "AWS::CloudWatch::Alarm" => "cloudwatch:PutMetricAlarm",
        "AWS::CloudWatch::CompositeAlarm" => "cloudwatch:PutCompositeAlarm",
        "AWS::CloudWatch::Dashboard" => "cloudwatch:PutDashboard",
        "AWS::CodeDeploy::Application" => "codedeploy:CreateApplication",
        "AWS::CodeDeploy::DeploymentGroup" => "codedeploy:CreateDeploymentGroup",
        "AWS::DynamoDB::Table" => "dynamodb:CreateTable",
        "AWS::Events::Rule" => "events:PutRule",
        "AWS::IAM::Role" => "iam:CreateRole",
        "AWS::Lambda::Alias" => "lambda:CreateAlias",
        "AWS::Lambda::EventInvokeConfig" => "lambda:PutFunctionEventInvokeConfig",
        "AWS::Lambda::EventSourceMapping" => "lambda:CreateEventSourceMapping",
        "AWS::Lambda::Permission" => "lambda:AddPermission",
        "AWS::Lambda::Version" => "lambda:PublishVersion",
        "AWS::Logs::LogGroup" => "logs:CreateLogGroup",
        "AWS::Logs::MetricFilter" => "logs:PutMetricFilter",
        "AWS::Route53::RecordSet" => "route53:ChangeResourceRecordSets",
        "AWS::S3::Bucket" => "s3:CreateBucket",
        "AWS::SQS::Queue" => "sqs:CreateQueue",
        "AWS::SecretsManager::Secret" => "secretsmanager:CreateSecret",
        "AWS::Serverless::Function" => "lambda:CreateFunction",
        "AWS::Synthetics::Canary" => "synthetics:CreateCanary",
        other => panic!("which action makes {other}?"),
    };
    for resource in templates.iter().flat_map(|template| template["Resources"].as_object().unwrap().values())
    {
        let kind = resource["Type"].as_str().unwrap();
        assert!(allowed.iter().any(|action| action == makes(kind)), "{kind}");
    }
}
