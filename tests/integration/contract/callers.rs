//! Who may invoke each function: API Gateway for its routes, the roles that a parameter lists, and
//! for the events a schedule and the stream.

use std::collections::BTreeSet;

use regex_lite::Regex;
use serde_json::{Value, json};

use super::{OPTIONAL, called, folder, resources, served};

/// The permissions of functions, with their names and conditions, whose principal is of this kind.
fn permissions<'a>(
    template: &'a Value,
    is_meant: impl Fn(&Value) -> bool + 'a,
) -> impl Iterator<Item = (&'a String, &'a Value)> {
    resources(template, "AWS::Lambda::Permission").filter(move |(name, permission)| {
        assert_eq!(permission["Action"], "lambda:InvokeFunction", "{name}");
        is_meant(&permission["Principal"])
    })
}

#[test]
fn a71_each_function_may_be_called_by_its_own_routes_of_this_api_alone() {
    let template = harness::template::read();
    let of_api = permissions(&template, |principal| *principal == "apigateway.amazonaws.com");
    let routes = of_api.map(|(_, permission)| {
        let source = permission["SourceArn"]["Fn::Sub"].as_str().unwrap();
        let api = "arn:${AWS::Partition}:execute-api:${AWS::Region}:${AWS::AccountId}:${Api}/*/";
        let (method, path) = source.strip_prefix(api).unwrap().split_once('/').unwrap();
        let function = folder(&template, called(&permission["FunctionName"]));
        (function, method.to_owned(), format!("/{path}"))
    });
    // In an ARN a star stands for an ID.
    let served =
        served().into_iter().map(|(function, method, path)| (function, method, path.replace("{id}", "*")));
    assert_eq!(routes.collect::<BTreeSet<_>>(), served.collect());
}

/// A direct function, its parameter, and its condition.
const DIRECT: [(&str, &str, &str); 2] = [
    ("AccessToken", "BackEndRoleArns", "HasBackEnds"),
    ("Connections", "AdministratorRoleArns", "HasAdministrators"),
];

#[test]
fn a71_a_direct_function_may_be_called_by_the_listed_roles_alone() {
    let template = harness::template::read();
    for (function, parameter, condition) in DIRECT {
        let of_function = permissions(&template, Value::is_object);
        let of_function: Vec<_> =
            of_function.filter(|(_, permission)| called(&permission["FunctionName"]) == function).collect();
        assert_eq!(of_function.len(), 5, "{function}");
        for count in 1..=5 {
            let listed: Vec<String> =
                (1..=count).map(|number| format!("arn:aws:iam::123456789012:role/{number}")).collect();
            let named: BTreeSet<String> = of_function
                .iter()
                .map(|(name, permission)| {
                    assert_eq!(template["Resources"][name.as_str()]["Condition"], condition, "{name}");
                    // Nothing but the function, the action and the principal.
                    assert_eq!(permission.as_object().unwrap().len(), 3, "{name}");
                    selected(&permission["Principal"], parameter, &listed.join(","))
                })
                .collect();
            assert_eq!(named, listed.into_iter().collect(), "{function} with {count} roles");
        }
    }
}

/// What `!Select [index, !Split [",", !Sub text]]` gives for a value of the parameter.
fn selected(principal: &Value, parameter: &str, value: &str) -> String {
    let choice = &principal["Fn::Select"];
    let split = &choice[1]["Fn::Split"];
    assert_eq!(split[0], ",");
    let text = split[1]["Fn::Sub"].as_str().unwrap().replace(&format!("${{{parameter}}}"), value);
    let index = usize::try_from(choice[0].as_u64().unwrap()).unwrap();
    text.split(',').nth(index).unwrap().to_owned()
}

#[test]
fn a71_the_lists_of_roles_take_whole_arns_of_roles_and_nothing_wider() {
    let template = harness::template::read();
    let role = |name: &str| format!("arn:aws:iam::123456789012:role/{name}");
    let many = |count: usize| vec![role("worker"); count].join(",");
    for (_, parameter, _) in DIRECT {
        let pattern = template["Parameters"][parameter]["AllowedPattern"].as_str().unwrap();
        let pattern = Regex::new(pattern).unwrap();
        let path = role("aws-reserved/sso.amazonaws.com/AWSReservedSSO_Admin_0123456789abcdef");
        for list in
            ["", &role("worker"), &path, &many(5), &format!("{path},arn:aws-cn:iam::210987654321:role/a=b")]
        {
            assert!(pattern.is_match(list), "{list}");
        }
        for list in [
            "*",
            "123456789012",
            "arn:aws:iam::123456789012:root",
            "arn:aws:iam::123456789012:user/ann",
            "arn:aws:iam::123456789012:role/*",
            "arn:aws:sts::123456789012:assumed-role/worker/session",
            "lambda.amazonaws.com",
            &many(6),
            &(many(1) + ","),
            &format!("{}, {}", role("a"), role("b")),
            &format!("{}\n", role("a")),
        ] {
            assert!(!pattern.is_match(list), "{list:?}");
        }
    }
}

#[test]
fn events_and_sweep_are_called_by_their_schedules_and_the_stream_alone() {
    let template = harness::template::read();
    let of_others = permissions(&template, |principal| {
        *principal != "apigateway.amazonaws.com" && !principal.is_object()
    });
    let of_others: Vec<&Value> = of_others.map(|(_, permission)| permission).collect();
    // The sweep counts quarters of an hour from midnight.
    let scheduled = [("Events", "rate(1 hour)"), ("Sweep", "cron(0/15 * * * ? *)")];
    let of_schedules = scheduled.map(|(function, _)| {
        json!({
            "FunctionName": {"Fn::If": ["HasVersions", {"Ref": format!("{function}Alias")}, {"Ref": function}]},
            "Action": "lambda:InvokeFunction",
            "Principal": "events.amazonaws.com",
            "SourceArn": {"Fn::GetAtt": format!("{function}Schedule.Arn")},
        })
    });
    assert_eq!(of_others, of_schedules.each_ref());
    for (function, schedule) in scheduled {
        let rule = &template["Resources"][format!("{function}Schedule")]["Properties"];
        assert_eq!(rule["ScheduleExpression"], schedule);
        let targets = rule["Targets"].as_array().unwrap();
        assert_eq!((targets.len(), &targets[0]["Id"]), (1, &json!(function.to_lowercase())));
        assert_eq!(called(&targets[0]["Arn"]), function);
    }
    let mappings: Vec<_> = resources(&template, "AWS::Lambda::EventSourceMapping").collect();
    assert_eq!(mappings.len(), 1);
    assert_eq!(called(&mappings[0].1["FunctionName"]), "Events");
    assert_eq!(mappings[0].1["EventSourceArn"], json!({"Fn::GetAtt": "CredentialsTable.StreamArn"}));
}

#[test]
fn no_event_is_lost_without_a_message_about_it() {
    let template = harness::template::read();
    let mapping = &template["Resources"]["EventsMapping"]["Properties"];
    assert_eq!(mapping["StartingPosition"], "TRIM_HORIZON");
    assert_eq!(mapping["FunctionResponseTypes"], json!(["ReportBatchItemFailures"]));
    assert_eq!(mapping["BisectBatchOnFunctionError"], true);
    assert_eq!(mapping["MaximumRetryAttempts"], -1);
    // The stream forgets a record after 24 hours, and what it has forgotten goes to no queue.
    assert!(mapping["MaximumRecordAgeInSeconds"].as_u64().unwrap() < 24 * 3600);
    assert!(mapping["FilterCriteria"].is_null());
    let queue = json!({"OnFailure": {"Destination": {"Fn::GetAtt": "EventsDeadLetters.Arn"}}});
    assert_eq!(mapping["DestinationConfig"], queue);
    let queue = &template["Resources"]["EventsDeadLetters"]["Properties"];
    assert_eq!(queue["SqsManagedSseEnabled"], true);
    assert_eq!(queue["MessageRetentionPeriod"], 14 * 24 * 3600);
}

#[test]
fn an_optional_function_is_there_only_if_it_was_asked_for_and_a_direct_one_repeats_no_call() {
    let template = harness::template::read();
    for (name, function) in resources(&template, "AWS::Serverless::Function") {
        let folder = folder(&template, name);
        let optional = OPTIONAL.iter().find(|(optional, _)| *optional == folder);
        let condition = optional.map_or(Value::Null, |(_, condition)| json!(condition));
        for resource in [name, &format!("{name}Log"), &format!("{name}Role")] {
            assert_eq!(template["Resources"][resource]["Condition"], condition, "{resource}");
        }
        assert_eq!(template["Outputs"][format!("{name}Function")]["Condition"], condition, "{name}");
        for part in ["Integration", "Route", "Permission"].map(|part| format!("{name}{part}")) {
            let resource = &template["Resources"][&part];
            assert!(resource.is_null() || resource["Condition"] == condition, "{part}");
        }
        if DIRECT.iter().any(|(direct, ..)| direct == name) {
            assert_eq!(function["EventInvokeConfig"], json!({"MaximumRetryAttempts": 0}), "{name}");
        }
    }
}

#[test]
fn f103_a_stack_with_events_has_a_rule_on_their_bus_that_matches_and_does_nothing() {
    let template = harness::template::read();
    let mut rules = resources(&template, "AWS::Events::Rule");
    let (_, rule) = rules.find(|(name, _)| *name == "EventBusExists").unwrap();
    assert_eq!(rule["EventBusName"], json!({"Ref": "EventBusName"}));
    assert_eq!((&rule["State"], &rule["Targets"]), (&json!("DISABLED"), &Value::Null));
    assert_eq!(template["Resources"]["EventBusExists"]["Condition"], "HasEvents");
}

#[test]
fn f116_no_two_runs_of_the_sweep_overlap() {
    let template = harness::template::read();
    let sweep = &template["Resources"]["Sweep"]["Properties"];
    // The schedule comes each 900 seconds.
    assert!(sweep["Timeout"].as_u64().unwrap() < 900);
    let never_again = json!({"MaximumRetryAttempts": 0, "MaximumEventAgeInSeconds": 900});
    assert_eq!(sweep["EventInvokeConfig"], never_again);
}
