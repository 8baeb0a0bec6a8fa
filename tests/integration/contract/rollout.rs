//! Versions, aliases and gradual deployments: with DeploymentId everybody calls a function through
//! its alias, and what moves requests between versions looks at the new ones.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use super::{OPTIONAL, called, folder, resources};

/// Each function with its folder, and the condition of what belongs to its versions.
fn functions(template: &Value) -> Vec<(String, String, String)> {
    let functions = resources(template, "AWS::Serverless::Function");
    let with_condition = functions.map(|(name, _)| {
        let folder = folder(template, name);
        let is_optional = OPTIONAL.iter().any(|(optional, _)| *optional == folder);
        let condition = if is_optional { format!("{name}HasVersions") } else { "HasVersions".to_owned() };
        (name.clone(), folder, condition)
    });
    with_condition.collect()
}

#[test]
fn with_a_deployment_id_each_function_has_a_version_and_an_alias_for_it() {
    let template = harness::template::read();
    let conditions = &template["Conditions"];
    assert_eq!(
        conditions["HasVersions"],
        json!({"Fn::Not": [{"Fn::Equals": [{"Ref": "DeploymentId"}, ""]}]})
    );
    for (function, folder, condition) in functions(&template) {
        if let Some((_, option)) = OPTIONAL.iter().find(|(optional, _)| *optional == folder) {
            let both = json!({"Fn::And": [{"Condition": "HasVersions"}, {"Condition": option}]});
            assert_eq!(conditions[&condition], both, "{function}");
        }
        let version = &template["Resources"][format!("{function}Version")];
        // CloudFormation publishes another version when the description is another, and keeps the
        // earlier ones.
        let of_version = json!({"FunctionName": {"Ref": function}, "Description": {"Ref": "DeploymentId"}});
        assert_eq!((&version["Type"], &version["Properties"]), (&json!("AWS::Lambda::Version"), &of_version));
        assert_eq!(version["UpdateReplacePolicy"], "Retain", "{function}");
        let alias = &template["Resources"][format!("{function}Alias")];
        let of_alias = json!({
            "FunctionName": {"Ref": function},
            "Name": "live",
            "FunctionVersion": {"Fn::GetAtt": format!("{function}Version.Version")},
            "Description": {"Fn::If": ["IsGradual", {"Fn::GetAtt": "RolloutStack.Outputs.Description"}, {"Ref": "AWS::NoValue"}]},
        });
        assert_eq!((&alias["Type"], &alias["Properties"]), (&json!("AWS::Lambda::Alias"), &of_alias));
        let update = json!({"CodeDeployLambdaAliasUpdate": {
            "ApplicationName": {"Ref": "AWS::StackName"},
            "DeploymentGroupName": folder,
        }});
        let update = json!({"Fn::If": ["IsGradual", update, {"Ref": "AWS::NoValue"}]});
        assert_eq!(alias["UpdatePolicy"], update, "{function}");
        for resource in [version, alias] {
            assert_eq!(resource["Condition"], condition, "{function}");
        }
    }
    // Lambda publishes no version of a function that did not change, and CloudFormation fails then.
    let variables = &template["Globals"]["Function"]["Environment"]["Variables"];
    assert_eq!(variables["DEPLOYMENT_ID"]["Fn::If"][1], json!({"Ref": "DeploymentId"}));
}

#[test]
fn whoever_calls_a_function_calls_its_alias() {
    let template = harness::template::read();
    let kinds =
        ["AWS::Lambda::Permission", "AWS::Lambda::EventSourceMapping", "AWS::ApiGatewayV2::Integration"];
    for (name, properties) in kinds.into_iter().flat_map(|kind| resources(&template, kind)) {
        let reference = properties.get("FunctionName").unwrap_or_else(|| &properties["IntegrationUri"]);
        assert!(!called(reference).is_empty(), "{name}");
    }
    for function in ["AccessToken", "Connections"] {
        let output = &template["Outputs"][format!("{function}Function")]["Value"];
        assert_eq!(called(output), function, "whoever invokes it directly takes the name from here");
        // The function's own setting counts only for calls without the alias.
        let invokes = &template["Resources"][format!("{function}AliasInvokes")];
        let once = json!({"FunctionName": {"Ref": function}, "Qualifier": "live", "MaximumRetryAttempts": 0});
        assert_eq!(invokes["Properties"], once);
    }
    let sweep = json!({
        "FunctionName": {"Ref": "Sweep"},
        "Qualifier": "live",
        "MaximumRetryAttempts": 0,
        "MaximumEventAgeInSeconds": 900,
    });
    assert_eq!(template["Resources"]["SweepAliasInvokes"]["Properties"], sweep);
    // API Gateway is let in before it calls.
    for (name, integration) in resources(&template, "AWS::ApiGatewayV2::Integration") {
        let function = called(&integration["IntegrationUri"]);
        let of_api = resources(&template, "AWS::Lambda::Permission");
        let of_function = of_api.filter(|(_, permission)| called(&permission["FunctionName"]) == function);
        let permissions: BTreeSet<&str> = of_function.map(|(name, _)| name.as_str()).collect();
        let order = template["Resources"][name]["DependsOn"].as_array().unwrap().iter();
        assert_eq!(order.map(|name| name.as_str().unwrap()).collect::<BTreeSet<_>>(), permissions, "{name}");
    }
}

#[test]
fn each_new_version_is_watched_by_its_own_alarm_and_few_others() {
    let (template, rollout) = (harness::template::read(), harness::template::rollout());
    let given = &template["Resources"]["RolloutStack"]["Properties"]["Parameters"];
    let application = json!({"ApplicationName": {"Ref": "Name"}, "ComputePlatform": "Lambda"});
    assert_eq!(rollout["Resources"]["Application"]["Properties"], application);
    for (function, folder, _) in functions(&template) {
        let option = OPTIONAL.iter().find(|(optional, _)| *optional == folder);
        let condition = option.map_or(Value::Null, |_| json!(format!("Has{function}")));
        let resource = |name: &str| &rollout["Resources"][format!("{function}{name}")];
        let group = &resource("Group")["Properties"];
        assert_eq!(group["DeploymentGroupName"], folder);
        assert_eq!(group["DeploymentConfigName"], json!({"Fn::Sub": "CodeDeployDefault.Lambda${Rollout}"}));
        assert_eq!(group["AutoRollbackConfiguration"]["Enabled"], true);
        // CodeDeploy takes ten at most.
        let alarms = [&format!("{function}ErrorsAlarm"), "ServerErrorsAlarm", "OperatorErrorsAlarm"];
        let alarms = alarms.map(|alarm| json!({"Name": {"Ref": alarm}}));
        assert_eq!(group["AlarmConfiguration"], json!({"Enabled": true, "Alarms": alarms}), "{function}");
        let alarm = &resource("ErrorsAlarm")["Properties"];
        let of_version = json!([
            {"Name": "FunctionName", "Value": {"Ref": format!("{function}Function")}},
            {"Name": "Resource", "Value": {"Fn::Sub": format!("${{{function}Function}}:live")}},
            {"Name": "ExecutedVersion", "Value": {"Ref": format!("{function}Version")}},
        ]);
        assert_eq!(alarm["Dimensions"], of_version);
        assert_eq!((&alarm["Namespace"], &alarm["MetricName"]), (&json!("AWS/Lambda"), &json!("Errors")));
        for resource in [resource("Group"), resource("ErrorsAlarm")] {
            assert_eq!(resource["Condition"], condition, "{function}");
        }
        let version = json!({"Fn::GetAtt": format!("{function}Version.Version")});
        let version = match option {
            Some((_, condition)) => json!({"Fn::If": [condition, version, {"Ref": "AWS::NoValue"}]}),
            None => version,
        };
        assert_eq!(given[format!("{function}Version")], version);
    }
    for (name, alarm) in resources(&rollout, "AWS::CloudWatch::Alarm") {
        // The shortest rollout takes five minutes. Only CodeDeploy looks.
        assert_eq!((&alarm["Period"], &alarm["EvaluationPeriods"]), (&json!(60), &json!(1)), "{name}");
        assert_eq!(alarm["TreatMissingData"], "notBreaching", "{name}");
        assert!(alarm["AlarmActions"].is_null(), "{name}");
    }
}

#[test]
fn a_gradual_rollout_is_one_that_codedeploy_knows_and_needs_versions() {
    let template = harness::template::read();
    let parameter = &template["Parameters"]["Rollout"];
    let choices: BTreeSet<&str> = parameter["AllowedValues"]
        .as_array()
        .unwrap()
        .iter()
        .map(|choice| choice.as_str().unwrap())
        .collect();
    // CodeDeploy's predefined configurations for Lambda.
    let canary = [5, 10, 15, 30].map(|minutes| format!("Canary10Percent{minutes}Minutes"));
    let linear =
        ["1Minute", "2Minutes", "3Minutes", "10Minutes"].map(|every| format!("Linear10PercentEvery{every}"));
    let known = canary.into_iter().chain(linear).chain(["AllAtOnce".to_owned()]);
    assert_eq!(choices.into_iter().map(str::to_owned).collect::<BTreeSet<_>>(), known.collect());
    assert_eq!(parameter["Default"], "AllAtOnce");
    let is_not_all_at_once = json!({"Fn::Not": [{"Fn::Equals": [{"Ref": "Rollout"}, "AllAtOnce"]}]});
    let is_gradual = json!({"Fn::And": [{"Condition": "HasVersions"}, is_not_all_at_once]});
    assert_eq!(template["Conditions"]["IsGradual"], is_gradual);
    let rule = &template["Rules"]["ARolloutIsOfVersions"];
    assert_eq!(rule["RuleCondition"], is_not_all_at_once);
    assert_eq!(rule["Assertions"][0]["Assert"], template["Conditions"]["HasVersions"]);
}
