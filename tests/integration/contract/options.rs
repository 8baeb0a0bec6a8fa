//! What is optional is not there unless it was asked for: with every option off, a stack is exactly
//! what without_options.txt records.

use std::fmt::Write as _;

use ring::digest::{SHA256, digest};
use serde_json::{Value, json};

/// The conditions that only an option makes true, of both templates.
const OPTIONS: [&str; 25] = [
    "AccessTokenHasVersions",
    "ConnectionsHasVersions",
    "EventsHasVersions",
    "HasAccessToken",
    "HasAdministrators",
    "HasBackEnds",
    "HasBackups",
    "HasConnections",
    "HasCrossAccountProtection",
    "HasEdge",
    "HasEvents",
    "HasIndex",
    "HasObjectives",
    "HasOriginSecret",
    "HasOriginTruststore",
    "HasRisc",
    "HasSweep",
    "HasVersions",
    "IsGradual",
    "RiscHasVersions",
    "SignInRateIs10",
    "SignInRateIs50",
    "SignInRateIs100",
    "SignInRateIs250",
    "SweepHasVersions",
];

/// Whether a condition holds with the defaults of the parameters.
fn holds(template: &Value, condition: &Value) -> bool {
    let (function, operand) = condition.as_object().unwrap().iter().next().unwrap();
    let operands = || operand.as_array().unwrap().iter();
    let value = |one: &Value| match one["Ref"].as_str() {
        Some(parameter) => template["Parameters"][parameter]["Default"].clone(),
        None => one.clone(),
    };
    match function.as_str() {
        "Condition" => holds(template, &template["Conditions"][operand.as_str().unwrap()]),
        "Fn::Not" => !holds(template, &operand[0]),
        "Fn::And" => operands().all(|one| holds(template, one)),
        "Fn::Or" => operands().any(|one| holds(template, one)),
        "Fn::Equals" => value(&operand[0]) == value(&operand[1]),
        other => panic!("{other} is no condition"),
    }
}

/// The value without what options add to it; `None` for what is not there then.
fn without_options(value: &Value) -> Option<Value> {
    match value {
        Value::Object(members) => {
            if let Some(choice) = members.get("Fn::If").filter(|choice| is_option(&choice[0])) {
                let otherwise = &choice[2];
                return (*otherwise != json!({"Ref": "AWS::NoValue"})).then(|| without_options(otherwise))?;
            }
            let rest = members.iter().map(|(name, value)| Some((name.clone(), without_options(value)?)));
            Some(filled(rest.flatten().collect()))
        }
        Value::Array(items) => Some(items.iter().filter_map(without_options).collect()),
        other => Some(other.clone()),
    }
}

fn is_option(condition: &Value) -> bool {
    OPTIONS.iter().any(|option| condition == option)
}

/// `!Sub [text, values]` with values that are known is `!Sub text`; of JSON, only what it means
/// counts.
fn filled(value: Value) -> Value {
    let substitution = &value["Fn::Sub"];
    let Some(text) = substitution[0].as_str().or(substitution.as_str()) else { return value };
    let mut text = text.to_owned();
    for (name, value) in substitution[1].as_object().into_iter().flatten() {
        text = text.replace(&format!("${{{name}}}"), value.as_str().unwrap());
    }
    json!({"Fn::Sub": serde_json::from_str::<Value>(&text).map_or(text, |json| json.to_string())})
}

/// A line for each resource and output of a template: its name and a digest.
fn recorded(title: &str, template: &Value) -> String {
    let mut lines = String::new();
    for (name, condition) in template["Conditions"].as_object().unwrap() {
        let is_off = !OPTIONS.contains(&name.as_str()) || !holds(template, condition);
        assert!(is_off, "{name} holds although no option was asked for");
    }
    for section in ["Globals", "Resources", "Outputs"] {
        for (name, part) in template[section].as_object().into_iter().flatten() {
            if !is_option(&part["Condition"]) {
                let mut part = without_options(part).unwrap();
                // Words for tools such as checkov, and an order; no properties of the resource.
                for attribute in ["Metadata", "DependsOn"] {
                    part.as_object_mut().unwrap().remove(attribute);
                }
                let digest = digest(&SHA256, part.to_string().as_bytes());
                write!(lines, "{title} {section} {name} ").unwrap();
                digest.as_ref()[..6].iter().for_each(|byte| write!(lines, "{byte:02x}").unwrap());
                writeln!(lines).unwrap();
            }
        }
    }
    lines
}

#[test]
fn with_every_option_off_the_stack_is_what_it_was_before_there_were_options() {
    let now = recorded("template", &harness::template::read())
        + &recorded("monitoring", &harness::template::monitoring());
    let before: Vec<&str> = include_str!("without_options.txt").lines().collect();
    let changed = now.lines().filter(|line| !before.contains(line));
    let gone = before.iter().filter(|line| !now.lines().any(|now| now == **line));
    let lines: Vec<String> =
        changed.map(|line| format!("+{line}")).chain(gone.map(|line| format!("-{line}"))).collect();
    let advice = "Every stack changes with these. If that is meant, put the lines into without_options.txt:";
    assert!(lines.is_empty(), "{advice}\n{}", lines.join("\n"));
}

#[test]
fn without_administrators_and_events_the_table_has_neither_index_nor_stream() {
    let template = harness::template::read();
    let table = without_options(&template["Resources"]["CredentialsTable"]["Properties"]).unwrap();
    assert!(table["GlobalSecondaryIndexes"].is_null() && table["StreamSpecification"].is_null());
    // DynamoDB refuses the definition of an attribute that no key uses.
    let key = json!([{"AttributeName": "user_id", "AttributeType": "S"}]);
    assert_eq!(table["AttributeDefinitions"], key);
}

#[test]
fn the_stack_inside_learns_of_an_option_only_if_it_is_on() {
    let outer = harness::template::read();
    let inner = harness::template::monitoring();
    let given = outer["Resources"]["Monitoring"]["Properties"]["Parameters"].as_object().unwrap();
    for (name, value) in given.iter().filter(|(_, value)| is_option(&value["Fn::If"][0])) {
        assert_eq!(without_options(value), None, "{name}");
        assert_eq!(inner["Parameters"][name]["Default"], "", "{name}");
    }
}
