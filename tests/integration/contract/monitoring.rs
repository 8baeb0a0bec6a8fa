//! The alarms and the dashboard use metrics that are written, and each alarm is in the runbook.

use std::collections::BTreeSet;

use postern::telemetry::metrics::published;
use serde_json::{Value, json};

use super::resources;

/// The metrics that AWS writes for an HTTP API, a function, a queue, a table and a canary.
const OF_AWS: [(&str, &str, &[&str]); 5] = [
    ("AWS/ApiGateway", "ApiId", &["4xx", "5xx", "Count", "IntegrationLatency", "Latency"]),
    (
        "AWS/Lambda",
        "FunctionName",
        &["ConcurrentExecutions", "Duration", "Errors", "Invocations", "IteratorAge", "Throttles"],
    ),
    ("AWS/SQS", "QueueName", &["ApproximateNumberOfMessagesVisible"]),
    ("AWS/DynamoDB", "TableName", &["ConsumedReadCapacityUnits", "ConsumedWriteCapacityUnits"]),
    ("CloudWatchSynthetics", "CanaryName", &["SuccessPercent"]),
];
const OWN: &str = "Postern/${Name}";

pub(super) fn assert_is_written(namespace: &str, metric: &str, dimensions: &[&str]) {
    let is_written = if namespace == OWN {
        published().any(|(name, sets)| name == metric && sets.contains(&dimensions))
            || (filtered().contains(metric) && dimensions.is_empty())
    } else {
        OF_AWS.iter().any(|(of, dimension, names)| {
            *of == namespace && dimensions == [*dimension] && names.contains(&metric)
        })
    };
    assert!(is_written, "nobody writes {metric} of {namespace} by {dimensions:?}");
}

/// The names of the metrics that are counted from logs.
fn filtered() -> BTreeSet<String> {
    let templates = [harness::template::monitoring(), harness::template::objectives()];
    let filters = templates.iter().flat_map(|template| resources(template, "AWS::Logs::MetricFilter"));
    let transformations = filters.flat_map(|(_, filter)| filter["MetricTransformations"].as_array().unwrap());
    transformations
        .map(|transformation| {
            assert_eq!(transformation["MetricNamespace"], json!({"Fn::Sub": OWN}));
            transformation["MetricName"].as_str().unwrap().to_owned()
        })
        .collect()
}

/// A template's alarms, with those that look at others.
fn alarms(template: &Value) -> Vec<(&String, &Value)> {
    let kinds = ["AWS::CloudWatch::Alarm", "AWS::CloudWatch::CompositeAlarm"];
    kinds.into_iter().flat_map(|kind| resources(template, kind)).collect()
}

/// The alarms and dashboards of both templates.
fn templates() -> [Value; 2] {
    [harness::template::monitoring(), harness::template::objectives()]
}

fn widgets(template: &Value) -> Vec<Value> {
    let (_, dashboard) = resources(template, "AWS::CloudWatch::Dashboard").next().unwrap();
    let body = &dashboard["DashboardBody"]["Fn::Sub"];
    let mut text = body[0].as_str().unwrap().to_owned();
    // With everything that is optional.
    for (row, choice) in body[1].as_object().unwrap() {
        let on = &choice["Fn::If"][1];
        text = text.replace(&format!("${{{row}}}"), on["Fn::Sub"].as_str().or(on.as_str()).unwrap());
    }
    // The one value that is no text.
    let body: Value = serde_json::from_str(&text.replace(": ${ListingTime}", ": 0")).unwrap();
    body["widgets"].as_array().unwrap().clone()
}

#[test]
fn each_alarm_looks_at_a_metric_that_is_written() {
    let template = harness::template::monitoring();
    let mut metrics = BTreeSet::new();
    for (name, alarm) in alarms(&template) {
        let namespace = alarm["Namespace"]["Fn::Sub"].as_str().or(alarm["Namespace"].as_str()).unwrap();
        let metric = alarm["MetricName"].as_str().unwrap();
        let dimensions = alarm["Dimensions"].as_array().into_iter().flatten();
        let dimensions: Vec<&str> = dimensions.map(|dimension| dimension["Name"].as_str().unwrap()).collect();
        assert_is_written(namespace, metric, &dimensions);
        // Nothing is written while nobody calls, but a schedule calls these.
        let is_scheduled = ["EventsStoppedAlarm", "SweepStoppedAlarm"].contains(&name.as_str());
        let expected = if is_scheduled { "breaching" } else { "notBreaching" };
        assert_eq!(alarm["TreatMissingData"], expected, "{name}");
        let topic = json!({"Fn::If": ["HasTopic", [{"Ref": "AlarmTopicArn"}], {"Ref": "AWS::NoValue"}]});
        assert_eq!(alarm["AlarmActions"], topic, "{name}");
        assert_eq!(alarm["OKActions"], topic, "{name}");
        metrics.insert(metric);
    }
    let ours = [
        "OperatorErrors",
        "SealFailures",
        "RefreshFailures",
        "TokenDeaths",
        "TokensNotStored",
        "UnreadableRecords",
    ];
    let of_aws = ["5xx", "Throttles", "IteratorAge", "Invocations", "ApproximateNumberOfMessagesVisible"];
    for needed in ours.into_iter().chain(of_aws) {
        assert!(metrics.contains(needed), "{needed} has no alarm");
    }
}

#[test]
fn each_alarm_has_its_place_in_the_runbook() {
    let anchors = |document: &str, text: &str| -> Vec<String> {
        let headings = text.lines().filter_map(|line| line.strip_prefix("### "));
        headings.map(|heading| format!("({document}#{})", heading.to_lowercase().replace(' ', "-"))).collect()
    };
    let mut places = anchors("docs/deploy.md", include_str!("../../../docs/deploy.md"));
    places.extend(anchors("docs/objectives.md", include_str!("../../../docs/objectives.md")));
    let more = [harness::template::rollout(), harness::template::backup()];
    for template in templates().iter().chain(&more) {
        for (name, alarm) in alarms(template) {
            let description = alarm["AlarmDescription"].as_str().unwrap();
            assert!(places.iter().any(|place| description.ends_with(place)), "{name}: {description}");
        }
    }
}

#[test]
fn the_dashboards_show_metrics_that_are_written() {
    let mut shown = BTreeSet::new();
    for widget in templates().iter().flat_map(widgets) {
        for line in widget["properties"]["metrics"].as_array().into_iter().flatten() {
            let (namespace, metric, dimensions) = match line[0]["expression"].as_str() {
                Some(expression) => match searched(expression) {
                    Some(searched) => searched,
                    None => continue,
                },
                None => named(line),
            };
            let dimensions: Vec<&str> = dimensions.iter().map(String::as_str).collect();
            assert_is_written(&namespace, &metric, &dimensions);
            shown.insert(metric);
        }
    }
    for (metric, _) in published() {
        assert!(shown.contains(metric), "no dashboard shows {metric}");
    }
    let queries = widgets(&harness::template::monitoring()).into_iter();
    let queries = queries.filter_map(|widget| widget["properties"]["query"].as_str().map(str::to_owned));
    let names_setting = |query: String| query.contains("code, variable, detail");
    assert!(queries.into_iter().any(names_setting), "the table of errors names the setting");
}

/// `["AWS/Lambda", "Errors", "FunctionName", "..."]`: namespace, metric and the dimensions' names.
fn named(line: &Value) -> (String, String, Vec<String>) {
    let words: Vec<&str> = line.as_array().unwrap().iter().filter_map(Value::as_str).collect();
    let dimensions = words[2..].iter().step_by(2).map(|word| (*word).to_owned()).collect();
    (words[0].to_owned(), words[1].to_owned(), dimensions)
}

/// The same of `SEARCH('{"Postern/x",Reason} MetricName="Unauthorized"', 'Sum', 300)`. None if the
/// expression only computes.
fn searched(expression: &str) -> Option<(String, String, Vec<String>)> {
    let (schema, rest) = expression.split_once("SEARCH('{")?.1.split_once("} ").unwrap();
    let schema = schema.replace('"', "");
    let (namespace, dimensions) = schema.split_once(',').unwrap_or((&schema, ""));
    let metric = rest.strip_prefix("MetricName=\"").unwrap().split('"').next().unwrap();
    let dimensions = dimensions.split(',').filter(|name| !name.is_empty()).map(str::to_owned).collect();
    Some((namespace.to_owned(), metric.to_owned(), dimensions))
}

#[test]
fn each_dashboard_shows_every_alarm_of_its_stack_and_its_widgets_do_not_overlap() {
    for template in templates() {
        assert_is_whole(&template);
    }
}

fn assert_is_whole(template: &Value) {
    let widgets = widgets(template);
    let shown: BTreeSet<String> = widgets
        .iter()
        .flat_map(|widget| widget["properties"]["alarms"].as_array().into_iter().flatten())
        .map(|arn| arn.as_str().unwrap().to_owned())
        .collect();
    let all: BTreeSet<String> = alarms(template).iter().map(|(name, _)| format!("${{{name}.Arn}}")).collect();
    assert_eq!(shown, all);

    let mut taken = BTreeSet::new();
    for widget in &widgets {
        let number = |name: &str| widget[name].as_u64().unwrap();
        assert!(number("x") + number("width") <= 24);
        for x in number("x")..number("x") + number("width") {
            for y in number("y")..number("y") + number("height") {
                assert!(taken.insert((x, y)), "two widgets at {x}, {y}");
            }
        }
    }
}

#[test]
fn the_stacks_inside_get_exactly_what_they_ask_for() {
    let outer = harness::template::read();
    let stacks = [
        ("Monitoring", "infra/monitoring.yaml", harness::template::monitoring()),
        ("ObjectivesStack", "infra/objectives.yaml", harness::template::objectives()),
        ("RolloutStack", "infra/rollout.yaml", harness::template::rollout()),
        ("BackupStack", "infra/backup.yaml", harness::template::backup()),
    ];
    assert_eq!(resources(&outer, "AWS::CloudFormation::Stack").count(), stacks.len());
    for (name, file, inner) in stacks {
        let given = &outer["Resources"][name]["Properties"];
        assert_eq!(given["TemplateURL"], file);
        let names = |parameters: &Value| -> BTreeSet<String> {
            parameters.as_object().unwrap().keys().cloned().collect()
        };
        assert_eq!(names(&given["Parameters"]), names(&inner["Parameters"]));
        // The namespace is the functions' own.
        assert_eq!(given["Parameters"]["Name"], json!({"Ref": "AWS::StackName"}));
    }
}
