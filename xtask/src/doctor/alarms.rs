//! The alarms: they exist, tell the topic, and are silent. The topic: CloudWatch may publish to it,
//! and somebody listens.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use super::cloudwatch;
use super::finding::{Finding, PUT_BACK, Refusal, or_good};
use super::target::Deployment;
use super::template::{Template, each};

const CLOUDWATCH: &str = "cloudwatch.amazonaws.com";
const KINDS: [&str; 2] = ["AWS::CloudWatch::Alarm", "AWS::CloudWatch::CompositeAlarm"];

/// One line for the alarms and one for each topic, or one for each thing that is wrong.
pub(super) async fn examine(deployment: &Deployment, templates: &[Template]) -> Vec<Finding> {
    let kinds = |template| KINDS.into_iter().flat_map(move |kind| Template::resources(template, kind));
    let meant = templates.iter().flat_map(kinds).map(|alarm| (alarm.physical_id, alarm.properties));
    let meant: BTreeMap<String, Value> = meant.collect();
    let mut findings = alarms(deployment, &meant).await;
    let topics = meant.values().flat_map(|alarm| each(&alarm["AlarmActions"])).filter_map(Value::as_str);
    let topics: BTreeSet<&str> = topics.collect();
    if topics.is_empty() {
        let why = "no AlarmTopicArn is set, so they tell nobody";
        findings.push(Finding::unknown("whether somebody hears of the alarms", why));
    }
    for topic in topics {
        findings.extend(or_good(self::topic(deployment, topic).await, format!("the topic {topic}")));
    }
    findings
}

async fn alarms(deployment: &Deployment, meant: &BTreeMap<String, Value>) -> Vec<Finding> {
    let names: Vec<String> = meant.keys().cloned().collect();
    let live = match cloudwatch::alarms(deployment, &names).await {
        Ok(live) => live,
        Err(refusal) => return vec![refusal.unknown("the alarms")],
    };
    let (mut missing, mut mute, mut findings) = (Vec::new(), Vec::new(), Vec::new());
    for (name, meant) in meant {
        let Some(alarm) = live.iter().find(|alarm| alarm["AlarmName"] == **name) else {
            missing.push(name.as_str());
            continue;
        };
        // A part of a composite alarm: it tells nobody, and rings before anything is amiss.
        if meant["ActionsEnabled"] == false {
            continue;
        }
        let tells = |action: &Value| each(&alarm["AlarmActions"]).any(|own| own == action);
        if alarm["ActionsEnabled"] == false || !each(&meant["AlarmActions"]).all(tells) {
            mute.push(name.as_str());
        }
        if alarm["StateValue"] == "ALARM" {
            let what = format!("the alarm {name} is ringing");
            findings.push(Finding::wrong(what, "docs/deploy.md#alarms says what it means and what to do"));
        }
    }
    let count = meant.len();
    for (names, problem) in [(missing, "do not exist"), (mute, "do not tell the topic")] {
        if !names.is_empty() {
            let what = format!("{} of the {count} alarms {problem}: {}", names.len(), names.join(", "));
            findings.push(Finding::wrong(what, PUT_BACK));
        }
    }
    or_good(findings, format!("the {count} alarms exist and are silent"))
}

async fn topic(deployment: &Deployment, topic: &str) -> Vec<Finding> {
    let answer =
        aws_sdk_sns::Client::new(&deployment.config).get_topic_attributes().topic_arn(topic).send().await;
    let answer = match answer {
        Ok(answer) => answer,
        Err(error) => {
            let fix = "create it, or deploy with the ARN of another one";
            let absent = Finding::wrong(format!("the topic {topic} does not exist"), fix);
            let refusal = Refusal::of("sns:GetTopicAttributes", &error);
            return vec![refusal.unless_absent(format!("the topic {topic}"), absent)];
        }
    };
    let attribute = |name: &str| answer.attributes().and_then(|all| all.get(name)).map(String::as_str);
    let mut findings = Vec::new();
    if attribute("SubscriptionsConfirmed").is_none_or(|count| count == "0") {
        let what = format!("nobody hears of the alarms: the topic {topic} has no confirmed subscription");
        findings.push(Finding::wrong(what, "subscribe, and confirm by the link in the message"));
    }
    let policy = serde_json::from_str(attribute("Policy").unwrap_or_default()).unwrap_or_default();
    if !lets_cloudwatch(&policy, "sns:publish") {
        let fix = format!("let {CLOUDWATCH} call sns:Publish in the topic's policy");
        findings.push(Finding::wrong(format!("CloudWatch may not publish to the topic {topic}"), fix));
    }
    if let Some(key) = attribute("KmsMasterKeyId").filter(|key| !key.is_empty()) {
        findings.extend(key_of(deployment, topic, key).await);
    }
    findings
}

/// Whether CloudWatch may encrypt a message with the topic's key.
async fn key_of(deployment: &Deployment, topic: &str, key: &str) -> Option<Finding> {
    let unusable = |fix: String| {
        Finding::wrong(format!("CloudWatch may not use the key {key} of the topic {topic}"), fix)
    };
    // Its policy cannot be changed.
    if key.ends_with("alias/aws/sns") {
        return Some(unusable(
            "encrypt the topic with a key of your own that lets CloudWatch use it".to_owned(),
        ));
    }
    let what = format!("whether CloudWatch may use the key of the topic {topic}");
    let kms = aws_sdk_kms::Client::new(&deployment.config);
    // A key's policy cannot be read by its alias.
    let described = match kms.describe_key().key_id(key).send().await {
        Ok(described) => described,
        Err(error) => return Some(Refusal::of("kms:DescribeKey", &error).unknown(what)),
    };
    let id = described.key_metadata().map_or(key, |metadata| metadata.key_id());
    let policy = match kms.get_key_policy().key_id(id).policy_name("default").send().await {
        Ok(answer) => serde_json::from_str(answer.policy().unwrap_or_default()).unwrap_or_default(),
        Err(error) => return Some(Refusal::of("kms:GetKeyPolicy", &error).unknown(what)),
    };
    let is_usable =
        ["kms:decrypt", "kms:generatedatakey"].iter().all(|action| lets_cloudwatch(&policy, action));
    let fix = format!("let {CLOUDWATCH} call kms:Decrypt and kms:GenerateDataKey* in the key's policy");
    (!is_usable).then(|| unusable(fix))
}

/// Whether a statement allows CloudWatch the action, which is in lower case. Conditions are not
/// evaluated.
fn lets_cloudwatch(policy: &Value, action: &str) -> bool {
    each(&policy["Statement"]).filter(|statement| statement["Effect"] == "Allow").any(|statement| {
        let principal = &statement["Principal"];
        let is_any = *principal == "*" || each(&principal["AWS"]).any(|who| who == "*");
        let is_principal = is_any || each(&principal["Service"]).any(|who| who == CLOUDWATCH);
        let is_action = |pattern: &Value| {
            let pattern = pattern.as_str().unwrap_or_default().to_ascii_lowercase();
            match pattern.strip_suffix('*') {
                Some(begin) => action.starts_with(begin),
                None => action == pattern,
            }
        };
        is_principal && each(&statement["Action"]).any(is_action)
    })
}
