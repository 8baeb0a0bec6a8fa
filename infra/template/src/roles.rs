//! What template.yaml lets each function do: the one list of the roles' actions.

use serde_json::Value;

/// An action that a role allows on a resource.
#[derive(Clone, Debug)]
pub struct Grant {
    /// Such as `dynamodb:GetItem`.
    pub action: String,
    /// The resource as the template writes it: `CredentialsTable.Arn`, `KmsKeyArn`, a pattern of
    /// ARNs, or `*`.
    pub resource: String,
    /// The template's condition under which the statement is there.
    pub condition: Option<String>,
    /// The `Condition` of the statement itself; null for none.
    pub requirement: Value,
}

/// The logical ID of each function, with the name of its folder.
///
/// # Panics
/// When a function of the template is not in a folder of `functions/`.
pub fn functions(template: &Value) -> Vec<(String, String)> {
    let resources = template["Resources"].as_object().into_iter().flatten();
    let functions = resources.filter(|(_, resource)| resource["Type"] == "AWS::Serverless::Function");
    functions
        .map(|(logical_id, resource)| {
            let code = resource["Properties"]["CodeUri"].as_str().unwrap_or_default();
            let folder = code.strip_prefix("functions/").expect("a function has a folder of functions/");
            (logical_id.clone(), folder.to_owned())
        })
        .collect()
}

/// Each action that the role of the function `logical_id` allows, once for each resource.
///
/// # Panics
/// When a statement of the role denies something, for nobody here expects that.
pub fn grants(template: &Value, logical_id: &str) -> Vec<Grant> {
    let role = &template["Resources"][format!("{logical_id}Role")]["Properties"];
    let policies = role["Policies"].as_array().into_iter().flatten();
    let statements = policies.flat_map(|policy| each(&policy["PolicyDocument"]["Statement"]));
    let mut grants = Vec::new();
    for statement in statements {
        // `!If [condition, statement, !Ref AWS::NoValue]`
        let (condition, statement) = match statement["Fn::If"].as_array() {
            Some(choice) => (choice[0].as_str().map(str::to_owned), &choice[1]),
            None => (None, statement),
        };
        assert_eq!(statement["Effect"], "Allow", "{logical_id}");
        for action in each(&statement["Action"]) {
            for resource in each(&statement["Resource"]) {
                grants.push(Grant {
                    action: reference(action).to_owned(),
                    resource: reference(resource).to_owned(),
                    condition: condition.clone(),
                    requirement: statement["Condition"].clone(),
                });
            }
        }
    }
    grants
}

/// One value or a list of them; none for null.
pub(crate) fn each(value: &Value) -> Vec<&Value> {
    match value {
        Value::Array(list) => list.iter().collect(),
        Value::Null => Vec::new(),
        one => vec![one],
    }
}

/// The name that a reference has in the template, or the text itself.
fn reference(value: &Value) -> &str {
    let name = ["Ref", "Fn::GetAtt", "Fn::Sub"].iter().find_map(|kind| value.get(kind));
    name.unwrap_or(value).as_str().unwrap_or_default()
}
