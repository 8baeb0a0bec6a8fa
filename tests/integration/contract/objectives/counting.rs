//! What the metric filters count, with lines that the functions write and with lines of the access
//! log as the template defines it.

use std::collections::BTreeSet;

use harness::Fault;
use harness::google::Decision;
use harness::world::{ANN, World};
use postern_rules::error::Fault as Blame;
use regex_lite::Regex;
use serde_json::{Value, json};

use super::filter_pattern::matches;
use crate::contract::resources;
use crate::documents::every_condition;

/// The values that the filters over `log_group` make of a line, as metric and value.
fn counted(log_group: &str, line: &Value) -> Vec<String> {
    let template = harness::template::objectives();
    let filters = resources(&template, "AWS::Logs::MetricFilter");
    let filters = filters.filter(|(_, filter)| filter["LogGroupName"] == json!({ "Ref": log_group }));
    filters
        .filter(|(_, filter)| matches(filter["FilterPattern"].as_str().unwrap(), line))
        .map(|(_, filter)| {
            let transformation = &filter["MetricTransformations"][0];
            let text = |name: &str| transformation[name].as_str().unwrap().to_owned();
            format!("{} {}", text("MetricName"), text("MetricValue"))
        })
        .collect()
}

/// What is counted of the lines that a callback has just written.
fn counted_of_a_callback(world: &World) -> Vec<String> {
    world.metrics().0.iter().flat_map(|line| counted("OauthCallbackLogGroup", line)).collect()
}

/// A line of the access log.
fn line(values: &[(&str, &str)]) -> Value {
    let template = harness::template::read();
    let format = &template["Resources"]["Stage"]["Properties"]["AccessLogSettings"]["Format"];
    let mut text = format.as_str().unwrap().to_owned();
    for (name, value) in values {
        assert!(text.contains(&format!("\"$context.{name}\"")), "{name} is not logged");
        text = text.replace(&format!("\"$context.{name}\""), &format!("\"{value}\""));
    }
    // What API Gateway does not know is a dash.
    let text = Regex::new(r"\$context\.[A-Za-z.]+").unwrap().replace_all(&text, "-").into_owned();
    serde_json::from_str(&text).unwrap()
}

fn answered(route: &str, status: &str) -> Vec<String> {
    let values = [("routeKey", route), ("status", status), ("integration.status", "200")];
    counted("AccessLogGroup", &line(&values))
}

fn refused(route: &str) -> Vec<String> {
    counted("AccessLogGroup", &line(&[("routeKey", route), ("status", "429")]))
}

fn ended(route: &str) -> Vec<String> {
    let error = "The Lambda function returned an error";
    let values = [("routeKey", route), ("status", "500"), ("integration.status", "502")];
    counted("AccessLogGroup", &line(&[&values[..], &[("integration.error", error)]].concat()))
}

const NOTHING: Vec<String> = Vec::new();

#[tokio::test]
async fn a_sign_in_counts_once_and_what_the_user_caused_not_at_all() {
    let mut world = World::new().await;
    world.sign_in(ANN).await;
    assert_eq!(counted_of_a_callback(&world), ["SignInFailures 0"]);
    let url = world.start("").await;
    let query = world.consent(&url, Decision::Deny { account: ANN.to_owned() }).await;
    world.callback(&query).await;
    assert_eq!(counted_of_a_callback(&world), NOTHING);
    let query = world.consented(ANN).await;
    world.dynamodb.fail("UpdateItem", Fault::BROKEN, 100);
    world.callback(&query).await;
    assert_eq!(counted_of_a_callback(&world), ["SignInFailures 1"]);
}

#[test]
fn each_error_of_a_sign_in_that_is_not_the_users_counts_as_a_failure() {
    // These belong to Gmail and to stored credentials, which a callback neither asks nor needs.
    let others = ["quota_exhausted", "rate_limited", "reauthorization_required"];
    let codes: BTreeSet<&str> = every_condition().iter().map(|error| error.facts().code).collect();
    for code in codes {
        let is_of = |blame: fn(Blame) -> bool| {
            every_condition().iter().any(|error| error.facts().code == code && blame(error.facts().fault))
        };
        let is_failure = is_of(|blame| blame != Blame::Caller) && !others.contains(&code);
        let line = json!({ "SignIns": 1, "SignInOutcome": code });
        assert_eq!(counted("OauthCallbackLogGroup", &line).len(), usize::from(is_failure), "{code}");
    }
}

#[test]
fn a_sign_in_that_got_no_answer_of_a_function_counts_as_a_failure() {
    let failure = ["SignInFailures 1"];
    assert_eq!(answered("GET /auth/start", "503"), failure);
    assert_eq!(answered("GET /auth/start", "302"), NOTHING);
    assert_eq!(answered("GET /auth/start", "400"), NOTHING);
    for route in ["GET /auth/start", "GET /oauth/callback", "POST /oauth/callback"] {
        assert_eq!(refused(route), failure, "{route}");
        assert_eq!(ended(route), failure, "{route}");
    }
    // The function has counted it.
    assert_eq!(answered("GET /oauth/callback", "503"), NOTHING);
    assert_eq!(answered("GET /oauth/callback", "303"), NOTHING);
}

#[test]
fn a_listing_counts_as_served_or_failed_and_a_callers_error_as_neither() {
    assert_eq!(answered("GET /messages", "200"), ["ListingFailures 0"]);
    for status in ["500", "502", "503", "504"] {
        assert_eq!(answered("GET /messages", status), ["ListingFailures 1"]);
    }
    assert_eq!(refused("GET /messages"), ["ListingFailures 1"]);
    assert_eq!(ended("GET /messages"), ["ListingFailures 1"]);
    // Of the function: Gmail takes no more for this mailbox now.
    for status in ["400", "401", "403", "429"] {
        assert_eq!(answered("GET /messages", status), NOTHING, "{status}");
    }
    assert_eq!(answered("GET /messages/{id}", "503"), NOTHING);
}

#[test]
fn the_cost_is_that_of_all_functions() {
    let template = harness::template::read();
    let given = &template["Resources"]["ObjectivesStack"]["Properties"]["Parameters"]["FunctionNames"];
    assert_eq!(given["Fn::Join"][0], r#"\" OR \""#, "it stands in a text of JSON");
    let named: BTreeSet<String> =
        given["Fn::Join"][1].as_array().unwrap().iter().map(Value::to_string).collect();
    let all = template["Resources"].as_object().unwrap().iter();
    let all = all.filter(|(_, resource)| resource["Type"] == "AWS::Serverless::Function");
    let expected: BTreeSet<String> = all
        .map(|(name, function)| {
            let name = json!({ "Ref": name });
            let always = function["Condition"].is_null();
            let or_none = || json!({"Fn::If": [function["Condition"], name, {"Ref": "AWS::NoValue"}]});
            if always { name.to_string() } else { or_none().to_string() }
        })
        .collect();
    assert_eq!(named, expected);
}
