//! The alarms and the dashboard use metrics that are written, and each alarm is in the runbook.

use std::collections::BTreeSet;

use postern::telemetry::metrics::published;
use serde_json::{Value, json};

use super::resources;

/// The metrics that AWS writes for an HTTP API, a function and a queue.
const OF_AWS: [(&str, &str, &[&str]); 3] = [
    ("AWS/ApiGateway", "ApiId", &["4xx", "5xx", "Count", "IntegrationLatency", "Latency"]),
    (
        "AWS/Lambda",
        "FunctionName",
        &["ConcurrentExecutions", "Duration", "Errors", "Invocations", "IteratorAge", "Throttles"],
    ),
    ("AWS/SQS", "QueueName", &["ApproximateNumberOfMessagesVisible"]),
];
const OWN: &str = "Postern/${Name}";

fn assert_is_written(namespace: &str, metric: &str, dimensions: &[&str]) {
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

/// The names of the metrics that are counted from the access log.
fn filtered() -> BTreeSet<String> {
    let template = harness::template::monitoring();
    let filters = resources(&template, "AWS::Logs::MetricFilter");
    let transformations = filters.flat_map(|(_, filter)| filter["MetricTransformations"].as_array().unwrap());
    transformations
        .map(|transformation| {
            assert_eq!(transformation["MetricNamespace"], json!({"Fn::Sub": OWN}));
            transformation["MetricName"].as_str().unwrap().to_owned()
        })
        .collect()
}

fn alarms(template: &Value) -> Vec<(&String, &Value)> {
    resources(template, "AWS::CloudWatch::Alarm").collect()
}

fn widgets(template: &Value) -> Vec<Value> {
    let body = &template["Resources"]["Dashboard"]["Properties"]["DashboardBody"]["Fn::Sub"];
    let mut text = body[0].as_str().unwrap().to_owned();
    // With everything that is optional.
    for (row, choice) in body[1].as_object().unwrap() {
        let widgets = choice["Fn::If"][1]["Fn::Sub"].as_str().unwrap();
        text = text.replace(&format!("${{{row}}}"), widgets);
    }
    let body: Value = serde_json::from_str(&text).unwrap();
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
        // Nothing is written while nobody calls, but the schedule calls events each hour.
        let expected = if name == "EventsStoppedAlarm" { "breaching" } else { "notBreaching" };
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
    let template = harness::template::monitoring();
    let runbook = include_str!("../../../docs/deploy.md");
    let anchors: BTreeSet<String> = runbook
        .lines()
        .filter_map(|line| line.strip_prefix("### "))
        .map(|heading| heading.to_lowercase().replace(' ', "-"))
        .collect();
    for (name, alarm) in alarms(&template) {
        let description = alarm["AlarmDescription"].as_str().unwrap();
        let anchor = description.split_once("(docs/deploy.md#").and_then(|(_, rest)| rest.strip_suffix(')'));
        assert!(anchors.contains(anchor.unwrap()), "{name}: {description}");
    }
}

#[test]
fn the_dashboard_shows_metrics_that_are_written() {
    let mut shown = BTreeSet::new();
    for widget in widgets(&harness::template::monitoring()) {
        for line in widget["properties"]["metrics"].as_array().into_iter().flatten() {
            let (namespace, metric, dimensions) = match line[0]["expression"].as_str() {
                Some(expression) => searched(expression),
                None => named(line),
            };
            let dimensions: Vec<&str> = dimensions.iter().map(String::as_str).collect();
            assert_is_written(&namespace, &metric, &dimensions);
            shown.insert(metric);
        }
    }
    for (metric, _) in published() {
        assert!(shown.contains(metric), "the dashboard does not show {metric}");
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

/// The same of `SEARCH('{"Postern/x",Reason} MetricName="Unauthorized"', 'Sum', 300)`.
fn searched(expression: &str) -> (String, String, Vec<String>) {
    let (schema, rest) = expression.strip_prefix("SEARCH('{\"").unwrap().split_once("} ").unwrap();
    let (namespace, dimensions) = schema.split_once('"').unwrap();
    let metric = rest.strip_prefix("MetricName=\"").unwrap().split('"').next().unwrap();
    let dimensions = dimensions.split(',').filter(|name| !name.is_empty()).map(str::to_owned).collect();
    (namespace.to_owned(), metric.to_owned(), dimensions)
}

#[test]
fn the_dashboard_shows_every_alarm_and_its_widgets_do_not_overlap() {
    let template = harness::template::monitoring();
    let widgets = widgets(&template);
    let shown: BTreeSet<String> = widgets
        .iter()
        .flat_map(|widget| widget["properties"]["alarms"].as_array().into_iter().flatten())
        .map(|arn| arn.as_str().unwrap().to_owned())
        .collect();
    let all: BTreeSet<String> =
        alarms(&template).iter().map(|(name, _)| format!("${{{name}.Arn}}")).collect();
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
fn the_stack_inside_gets_exactly_what_it_asks_for() {
    let inner = harness::template::monitoring();
    let outer = harness::template::read();
    let given = &outer["Resources"]["Monitoring"]["Properties"];
    assert_eq!(given["TemplateURL"], "infra/monitoring.yaml");
    let names = |parameters: &Value| -> BTreeSet<String> {
        parameters.as_object().unwrap().keys().cloned().collect()
    };
    assert_eq!(names(&given["Parameters"]), names(&inner["Parameters"]));
    // The namespace is the functions' own.
    assert_eq!(given["Parameters"]["Name"], json!({"Ref": "AWS::StackName"}));
}
