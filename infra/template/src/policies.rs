//! What infra/policies.yaml lets operators do: the one list of their actions.

use std::collections::BTreeSet;

use serde_json::Value;

use crate::roles::each;

/// The actions that a policy allows on what its statements name, with everything optional; without
/// the statements `DriftDetection...`, which are for CloudFormation.
///
/// # Panics
/// When the template has no such policy, or a statement of it denies something.
pub fn actions(template: &Value, policy: &str) -> BTreeSet<String> {
    let document = &template["Resources"][policy]["Properties"]["PolicyDocument"];
    let statements = document["Statement"].as_array().expect("the policy has statements");
    let statements = statements.iter().map(|statement| match statement["Fn::If"].as_array() {
        Some(choice) => &choice[1],
        None => statement,
    });
    let mut actions = BTreeSet::new();
    let is_of_the_caller = |statement: &&Value| {
        !statement["Sid"].as_str().is_some_and(|name| name.starts_with("DriftDetection"))
    };
    for statement in statements.filter(is_of_the_caller) {
        assert_eq!(statement["Effect"], "Allow", "{policy}");
        actions.extend(each(&statement["Action"]).into_iter().filter_map(Value::as_str).map(str::to_owned));
    }
    actions
}
