//! The objectives: what counts as a failure, when an alarm rings and when not, computed from the
//! template's own expressions, periods and thresholds. docs/objectives.md has the results.

mod counting;
mod filter_pattern;
mod metric_math;

use std::collections::BTreeSet;

use serde_json::{Value, json};

use super::monitoring::assert_is_written;
use super::resources;

/// The pairs of windows of each objective: the longer one, the shorter one, and the burn rate.
const WINDOWS: [(&str, &str, f64); 2] = [("1Hour", "5Minutes", 14.4), ("6Hours", "30Minutes", 6.0)];
/// Of 30 days.
const MINUTES: f64 = 30.0 * 24.0 * 60.0;

fn alarm<'a>(template: &'a Value, name: &str) -> &'a Value {
    &template["Resources"][format!("{name}Alarm")]["Properties"]
}

/// What a parameter of template.yaml is unless somebody chooses.
fn default(parameter: &str) -> f64 {
    let value = &harness::template::read()["Parameters"][parameter]["Default"];
    value.as_f64().unwrap_or_else(|| panic!("{parameter} is no number"))
}

/// The template, with what its expressions use of the parameters' defaults.
fn with_defaults() -> Value {
    let mut text = harness::template::objectives().to_string();
    for parameter in ["LeastFailures", "SignInObjective", "ListingObjective"] {
        text = text.replace(&format!("${{{parameter}}}"), &default(parameter).to_string());
    }
    serde_json::from_str(&text).unwrap()
}

/// The expression that an alarm looks at.
fn expression(alarm: &Value) -> &str {
    let mut metrics = alarm["Metrics"].as_array().unwrap().iter();
    let watched = metrics.find(|line| line["ReturnData"] == true).unwrap();
    watched["Expression"]["Fn::Sub"].as_str().unwrap()
}

/// The minutes of an alarm's one window.
fn minutes(alarm: &Value) -> u32 {
    assert_eq!((&alarm["EvaluationPeriods"], &alarm["DatapointsToAlarm"]), (&json!(1), &json!(1)));
    let metrics = alarm["Metrics"].as_array().into_iter().flatten();
    let periods = metrics.filter_map(|line| line["MetricStat"]["Period"].as_u64());
    let periods: Vec<u64> = periods.chain(alarm["Period"].as_u64()).collect();
    assert!(periods.iter().all(|period| *period == periods[0]), "one alarm, one period");
    u32::try_from(periods[0] / 60).unwrap()
}

/// Whether an alarm on a share rings when `failed` requests, this share of all in its window,
/// failed.
fn rings(alarm: &Value, failed: f64, share: f64) -> bool {
    let value = metric_math::value(expression(alarm), &|name| match name {
        "failed" => failed,
        "share" => share,
        other => panic!("{other} is no metric of the alarm"),
    });
    assert_eq!(alarm["ComparisonOperator"], "GreaterThanOrEqualToThreshold");
    value >= alarm["Threshold"].as_f64().unwrap()
}

/// After how many minutes users-hurt rings if from now on this share of ten requests a minute
/// fails.
fn rings_after(template: &Value, objective: &str, share: f64) -> Option<u32> {
    (1..=24 * 60).find(|now| {
        WINDOWS.iter().any(|(long, short, _)| {
            [long, short].iter().all(|window| {
                let alarm = alarm(template, &format!("{objective}{window}"));
                let length = minutes(alarm);
                let (failing, length) = (f64::from(length.min(*now)), f64::from(length));
                rings(alarm, 10.0 * share * failing, share * failing / length)
            })
        })
    })
}

#[test]
fn each_alarm_of_the_objectives_looks_at_metrics_that_are_written() {
    let template = harness::template::objectives();
    for (name, alarm) in resources(&template, "AWS::CloudWatch::Alarm") {
        let of_math = alarm["Metrics"].as_array().into_iter().flatten();
        let of_math = of_math.map(|line| &line["MetricStat"]["Metric"]);
        for metric in of_math.chain([alarm]).filter(|metric| metric["MetricName"].is_string()) {
            let namespace = metric["Namespace"]["Fn::Sub"].as_str().or(metric["Namespace"].as_str()).unwrap();
            let dimensions = metric["Dimensions"].as_array().into_iter().flatten();
            let dimensions: Vec<&str> =
                dimensions.map(|dimension| dimension["Name"].as_str().unwrap()).collect();
            assert_is_written(namespace, metric["MetricName"].as_str().unwrap(), &dimensions);
        }
        // Without a run the canary says nothing; without a request nobody is hurt.
        let expected = if name == "CanaryAlarm" { "missing" } else { "notBreaching" };
        assert_eq!(alarm["TreatMissingData"], expected, "{name}");
    }
}

#[test]
fn users_hurt_rings_for_both_windows_of_an_objective_at_once() {
    let template = harness::template::objectives();
    let rule = &template["Resources"]["UsersHurtAlarm"]["Properties"]["AlarmRule"]["Fn::Sub"];
    let terms: BTreeSet<&str> = rule[0].as_str().unwrap().split(" OR ").collect();
    let mut expected: BTreeSet<String> =
        [r#"ALARM("${Name}-token-deaths")${NobodySignedIn}${CanaryFails}"#.to_owned()].into();
    for objective in ["SignIn", "Listing", "ListingTime"] {
        for (long, short, _) in WINDOWS {
            let names = [long, short].map(|window| format!(r#"ALARM("${{{objective}{window}Alarm}}")"#));
            expected.insert(format!("({} AND {})", names[0], names[1]));
        }
    }
    assert_eq!(terms, expected.iter().map(String::as_str).collect());
    for (name, condition, alarm) in [
        ("NobodySignedIn", "HasExpectedSignIns", "NobodySignedInAlarm"),
        ("CanaryFails", "HasCanary", "CanaryAlarm"),
    ] {
        let term = json!({"Fn::Sub": format!(r#" OR ALARM("${{{alarm}}}")"#)});
        assert_eq!(rule[1][name], json!({"Fn::If": [condition, term, ""]}));
        assert_eq!(template["Resources"][alarm]["Condition"], condition);
    }
    // It looks at an alarm of the other stack, which must be there first.
    let monitoring = harness::template::monitoring();
    let name = &monitoring["Resources"]["TokenDeathsAlarm"]["Properties"]["AlarmName"];
    assert_eq!(name["Fn::Sub"], "${Name}-token-deaths");
    assert_eq!(harness::template::read()["Resources"]["ObjectivesStack"]["DependsOn"], "Monitoring");
}

#[test]
fn only_users_hurt_tells_the_paging_topic_and_its_parts_tell_nobody() {
    let template = harness::template::objectives();
    let none = json!({"Ref": "AWS::NoValue"});
    let topic = json!({"Fn::If": ["HasTopic", [{"Ref": "AlarmTopicArn"}], none]});
    let paging = json!({"Fn::If": ["HasPagingTopic", [{"Ref": "PagingTopicArn"}], topic]});
    for (name, resource) in template["Resources"].as_object().unwrap() {
        let expected = match name.as_str() {
            "UsersHurtAlarm" => &paging,
            "NobodySignedInAlarm" | "CanaryAlarm" => &topic,
            _ => &Value::Null,
        };
        for actions in ["AlarmActions", "OKActions"] {
            assert_eq!(&resource["Properties"][actions], expected, "{name}");
        }
    }
}

#[test]
fn the_document_says_when_a_share_of_failures_rings_and_what_it_has_cost_by_then() {
    let template = with_defaults();
    let document = include_str!("../../../docs/objectives.md");
    let budget = |objective: f64| MINUTES * (100.0 - objective) / 100.0;
    for (objective, parameter) in [("SignIn", "SignInObjective"), ("Listing", "ListingObjective")] {
        for percent in [100.0, 50.0, 20.0, 11.0, 7.0, 5.0, 2.0] {
            let share = percent / 100.0;
            let (when, spent) = match rings_after(&template, objective, share) {
                Some(minutes) => (
                    format!("{minutes} minutes"),
                    format!("{:.1} %", 100.0 * f64::from(minutes) * share / budget(default(parameter))),
                ),
                None => ("never".to_owned(), "-".to_owned()),
            };
            let row = format!("| {} % | {percent} % | {when} | {spent} |", default(parameter));
            assert!(document.contains(&row), "the document lacks {row}");
        }
    }
}

#[test]
fn a_few_failures_ring_nothing_however_large_their_share_is() {
    let template = with_defaults();
    for objective in ["SignIn", "Listing"] {
        for (long, short, _) in WINDOWS {
            let long = alarm(&template, &format!("{objective}{long}"));
            // Everything failed, in a night in which hardly anybody came.
            for failed in 0..5 {
                assert!(!rings(long, f64::from(failed), 1.0), "{objective}: {failed} failures ring");
            }
            assert!(rings(long, 5.0, 1.0), "{objective}: five failures of five ring");
            assert!(rings(alarm(&template, &format!("{objective}{short}")), 1.0, 1.0));
            // Five of a thousand are within the budget.
            assert!(!rings(long, 5.0, 0.005));
        }
    }
}

#[test]
fn the_alarms_of_an_objective_have_the_windows_and_rates_of_their_names() {
    let template = harness::template::objectives();
    for (long, short, burn) in WINDOWS {
        for objective in ["SignIn", "Listing", "ListingTime"] {
            let [long, short] = [long, short].map(|window| alarm(&template, &format!("{objective}{window}")));
            // A twelfth.
            assert_eq!(minutes(long), 12 * minutes(short));
            for alarm in [long, short] {
                let description = alarm["AlarmDescription"].as_str().unwrap();
                assert!(description.contains(&format!(" {burn} times as fast ")), "{description}");
                if objective != "ListingTime" {
                    assert_eq!(alarm["Threshold"], burn);
                }
            }
        }
    }
}

#[test]
fn slow_listings_ring_when_they_spend_the_budget_of_one_percent_as_fast_as_failures_would() {
    let template = with_defaults();
    for (long, short, burn) in WINDOWS {
        let [long, short] = [long, short].map(|window| alarm(&template, &format!("ListingTime{window}")));
        // More than this share is slower than a time exactly if the percentile is above that time.
        let percentile = json!(format!("p{}", 100.0 - burn));
        assert_eq!(short["ExtendedStatistic"], percentile);
        assert_eq!(long["Metrics"][1]["MetricStat"]["Stat"], percentile);
        for alarm in [long, short] {
            assert_eq!(alarm["Threshold"], json!({"Ref": "ListingTime"}));
            assert_eq!(alarm["ComparisonOperator"], "GreaterThanThreshold");
        }
        let time = |requests: f64| {
            metric_math::value(expression(long), &|name| if name == "requests" { requests } else { 5000.0 })
        };
        // So few requests that this share of them is less than five.
        let enough = 5.0 / (burn / 100.0);
        assert_eq!((time(enough - 1.0), time(enough + 1.0)), (0.0, 5000.0));
    }
}

#[test]
fn nobody_signed_in_rings_in_the_expected_hours_of_the_expected_days_alone() {
    let template = harness::template::objectives();
    let alarm = alarm(&template, "NobodySignedIn");
    let watched = &alarm["Metrics"][0]["Expression"]["Fn::Sub"];
    assert_eq!(watched[1], json!({"LastDay": {"Fn::If": ["IsWeekdays", "5", "7"]}}));
    assert_eq!(alarm["Metrics"][1]["Expression"], "FILL(signins, 0)");
    let rings = |last_day: u8, day: u8, hour: u8, connected: f64| {
        let text = watched[0].as_str().unwrap().replace("${LastDay}", &last_day.to_string());
        let text = text.replace("${SignInsExpectedFrom}", "8").replace("${SignInsExpectedUntil}", "18");
        let value = metric_math::value(&text, &|name| match name {
            "DAY" => day.into(),
            "HOUR" => hour.into(),
            _ => connected,
        });
        assert_eq!(
            (&alarm["ComparisonOperator"], &alarm["Threshold"]),
            (&json!("LessThanThreshold"), &json!(1))
        );
        value < 1.0
    };
    let hours = |last_day: u8, day: u8| -> Vec<u8> {
        (0..24).filter(|hour| rings(last_day, day, *hour, 0.0)).collect()
    };
    // An hour that begins within 16:00 and 16:59 is over before 18:00.
    let expected: Vec<u8> = (8..17).collect();
    assert_eq!(hours(5, 1), expected, "on a Monday");
    assert_eq!(hours(5, 5), expected, "on a Friday");
    assert_eq!(hours(5, 6), Vec::<u8>::new(), "on a Saturday");
    assert_eq!(hours(7, 7), expected, "on a Sunday, if sign-ins are expected daily");
    assert!(!rings(5, 1, 12, 1.0), "somebody signed in");
    assert_eq!(alarm["EvaluationPeriods"], json!({"Ref": "SignInsExpectedWithin"}));
    assert_eq!(alarm["DatapointsToAlarm"], alarm["EvaluationPeriods"]);
    assert_eq!(alarm["Metrics"][2]["MetricStat"]["Period"], 3600);
}
