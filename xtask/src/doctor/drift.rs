//! What differs from the template, by CloudFormation's drift detection: every property that the
//! template sets, also the functions' variables. What it does not see, other checks read.

use std::time::Duration;

use aws_sdk_cloudformation::Client;
use aws_sdk_cloudformation::types::{
    DifferenceType, StackDriftDetectionStatus, StackResourceDrift, StackResourceDriftStatus,
};
use tokio::time::{Instant, sleep};

use super::finding::{Finding, PUT_BACK, Refusal, or_good};
use super::target::Deployment;
use super::template::Template;

const WHAT: &str = "what differs from the template";
const PATIENCE: Duration = Duration::from_mins(5);
const PAUSE: Duration = Duration::from_secs(2);

/// What other checks read, because CloudFormation sees only what the template sets: a policy, route
/// or alarm action that somebody added is more than that. Types, and where their properties begin.
const READ_ELSEWHERE: [(&str, &str); 10] = [
    ("AWS::ApiGatewayV2::Integration", "/IntegrationUri"),
    ("AWS::ApiGatewayV2::Route", "/Target"),
    ("AWS::CloudWatch::Alarm", "/AlarmActions"),
    ("AWS::CloudWatch::CompositeAlarm", "/AlarmActions"),
    ("AWS::DynamoDB::Table", "/PointInTimeRecoverySpecification"),
    ("AWS::DynamoDB::Table", "/TimeToLiveSpecification"),
    ("AWS::IAM::Role", "/Policies"),
    ("AWS::IAM::Role", "/ManagedPolicyArns"),
    ("AWS::Lambda::Alias", "/FunctionVersion"),
    ("AWS::Lambda::Permission", "/"),
];
/// Types whose absence other checks report.
const MISSED_ELSEWHERE: [&str; 8] = [
    "AWS::ApiGatewayV2::Route",
    "AWS::CloudWatch::Alarm",
    "AWS::CloudWatch::CompositeAlarm",
    "AWS::DynamoDB::Table",
    "AWS::IAM::Role",
    "AWS::Lambda::Alias",
    "AWS::Lambda::Function",
    "AWS::Lambda::Permission",
];

/// One line for each resource that differs.
pub(super) async fn examine(deployment: &Deployment, templates: &[Template]) -> Vec<Finding> {
    let client = Client::new(&deployment.config);
    let detections = templates.iter().map(|template| detect(&client, &template.stack_id));
    let mut findings = Vec::new();
    for found in futures_util::future::join_all(detections).await {
        match found {
            Ok((drifts, not_compared)) => {
                findings.extend(drifts.iter().filter_map(line).chain(not_compared));
            }
            Err(finding) => findings.push(finding),
        }
    }
    or_good(findings, "the properties that CloudFormation compares are those of the template")
}

/// What differs, and that not everything could be compared.
async fn detect(client: &Client, stack: &str) -> Result<(Vec<StackResourceDrift>, Option<Finding>), Finding> {
    let began = client.detect_stack_drift().stack_name(stack).send().await;
    let began =
        began.map_err(|error| Refusal::of("cloudformation:DetectStackDrift", &error).unknown(WHAT))?;
    let id = began.stack_drift_detection_id().unwrap_or_default();
    let since = Instant::now();
    let not_compared = loop {
        let answer = client.describe_stack_drift_detection_status().stack_drift_detection_id(id).send().await;
        let answer = answer.map_err(|error| {
            Refusal::of("cloudformation:DescribeStackDriftDetectionStatus", &error).unknown(WHAT)
        })?;
        match answer.detection_status() {
            Some(StackDriftDetectionStatus::DetectionComplete) => break None,
            Some(StackDriftDetectionStatus::DetectionFailed) => {
                let why = "CloudFormation could not compare every resource; you may not read all of them";
                break Some(Finding::unknown(WHAT, why));
            }
            _ if since.elapsed() > PATIENCE => {
                return Err(Finding::unknown(WHAT, "CloudFormation is still comparing; try again"));
            }
            _ => sleep(PAUSE).await,
        }
    };
    let drifts = client.describe_stack_resource_drifts().stack_name(stack);
    let drifts = drifts
        .stack_resource_drift_status_filters(StackResourceDriftStatus::Modified)
        .stack_resource_drift_status_filters(StackResourceDriftStatus::Deleted);
    let mut pages = drifts.into_paginator().send();
    let mut found = Vec::new();
    while let Some(page) = pages.next().await {
        let page = page.map_err(|error| {
            Refusal::of("cloudformation:DescribeStackResourceDrifts", &error).unknown(WHAT)
        })?;
        found.extend(page.stack_resource_drifts.unwrap_or_default());
    }
    Ok((found, not_compared))
}

fn line(drift: &StackResourceDrift) -> Option<Finding> {
    let (name, kind) = (drift.logical_resource_id().unwrap_or("a resource"), drift.resource_type()?);
    if drift.stack_resource_drift_status() == Some(&StackResourceDriftStatus::Deleted) {
        let is_new = !MISSED_ELSEWHERE.contains(&kind);
        return is_new.then(|| Finding::wrong(format!("{name} ({kind}) does not exist"), PUT_BACK));
    }
    let differences = drift.property_differences().iter().filter_map(|difference| {
        // Somebody may have added a property, and chosen its name. Its value may be a secret.
        let path = difference.property_path()?;
        let path: String = path.chars().filter(char::is_ascii_graphic).take(100).collect();
        let how = match difference.difference_type()? {
            DifferenceType::Add => "added",
            DifferenceType::Remove => "removed",
            _ => "changed",
        };
        let is_elsewhere = READ_ELSEWHERE.iter().any(|(of, begins)| *of == kind && path.starts_with(begins));
        (!is_elsewhere).then(|| format!("{path} {how}"))
    });
    let differences: Vec<String> = differences.collect();
    let what = format!("{name} ({kind}) is not what the template says: {}", differences.join(", "));
    (!differences.is_empty()).then(|| Finding::wrong(what, PUT_BACK))
}
