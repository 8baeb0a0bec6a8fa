//! What each function may do: exactly the calls it makes, on its own tables, secrets and log.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use super::resources;

const KEYRING: &str = "SealingKeys.Id";
const GOOGLE_CLIENT: &str = "arn:${AWS::Partition}:secretsmanager:${AWS::Region}:${AWS::AccountId}:secret:${GoogleClientSecretId}-??????";
const CREDENTIALS: &str = "CredentialsTable.Arn";
const SESSIONS: &str = "SessionsTable.Arn";

/// What a function may do besides what each may.
const GRANTS: [(&str, &[(&str, &str)]); 3] = [
    ("AuthStart", &[]),
    (
        "ListMessages",
        &[
            ("dynamodb:BatchGetItem", CREDENTIALS),
            ("dynamodb:BatchGetItem", SESSIONS),
            ("dynamodb:GetItem", CREDENTIALS),
            ("dynamodb:UpdateItem", CREDENTIALS),
            ("dynamodb:UpdateItem", SESSIONS),
            ("kms:DescribeKey", "KmsKeyArn"),
        ],
    ),
    (
        "OauthCallback",
        &[
            ("dynamodb:GetItem", CREDENTIALS),
            ("dynamodb:UpdateItem", CREDENTIALS),
            ("dynamodb:DeleteItem", SESSIONS),
            ("dynamodb:PutItem", SESSIONS),
            ("kms:DescribeKey", "KmsKeyArn"),
        ],
    ),
];

/// One value or a list of them.
fn each(value: &Value) -> Vec<&Value> {
    value.as_array().map_or_else(|| vec![value], |list| list.iter().collect())
}

/// What a reference leads to, or the text itself.
fn name(value: &Value) -> String {
    let reference = ["Ref", "Fn::GetAtt", "Fn::Sub"].iter().find_map(|kind| value.get(kind));
    reference.unwrap_or(value).as_str().unwrap().to_owned()
}

/// The statements of a role, each with the condition of the template under which it stands.
fn statements(role: &Value) -> Vec<(Option<&str>, &Value)> {
    let policies = role["Policies"].as_array().unwrap();
    let statements =
        policies.iter().flat_map(|policy| policy["PolicyDocument"]["Statement"].as_array().unwrap());
    statements
        .map(|statement| match statement["Fn::If"].as_array() {
            None => (None, statement),
            Some(choice) => {
                assert_eq!(choice[2], json!({"Ref": "AWS::NoValue"}));
                (choice[0].as_str(), &choice[1])
            }
        })
        .collect()
}

fn granted(role: &Value) -> BTreeSet<(String, String)> {
    let mut granted = BTreeSet::new();
    for (condition, statement) in statements(role) {
        assert_eq!(statement["Effect"], "Allow");
        for action in each(&statement["Action"]).into_iter().map(name) {
            // A key is used only if there is one, and through the services that hold what it encrypts.
            let expected = match action.split_once(':').unwrap().0 {
                "kms" => Some("HasKmsKey"),
                "xray" => Some("IsTraced"),
                _ => None,
            };
            assert_eq!(condition, expected, "{action}");
            granted.extend(
                each(&statement["Resource"]).into_iter().map(|resource| (action.clone(), name(resource))),
            );
        }
    }
    granted
}

#[test]
fn each_function_may_do_exactly_what_it_does() {
    let template = harness::template::read();
    for (function, grants) in GRANTS {
        let log = format!("{function}Log.Arn");
        let common = [
            ("logs:CreateLogStream", log.as_str()),
            ("logs:PutLogEvents", log.as_str()),
            ("secretsmanager:GetSecretValue", KEYRING),
            ("secretsmanager:GetSecretValue", GOOGLE_CLIENT),
            ("kms:Decrypt", "KmsKeyArn"),
            ("xray:PutTelemetryRecords", "*"),
            ("xray:PutTraceSegments", "*"),
        ];
        let expected =
            common.iter().chain(grants).map(|(action, on)| ((*action).to_owned(), (*on).to_owned()));
        let role = &template["Resources"][format!("{function}Role")]["Properties"];
        assert_eq!(granted(role), expected.collect(), "{function}");
        assert!(role["ManagedPolicyArns"].is_null(), "{function} has policies that are not in the template");
    }
}

#[test]
fn each_function_has_a_role_of_its_own_and_writes_to_a_log_of_its_own() {
    let template = harness::template::read();
    let mut roles = BTreeSet::new();
    for (function, properties) in resources(&template, "AWS::Serverless::Function") {
        // SAM makes a role only for a function that names none, and that role may write to every log of the account.
        assert_eq!(properties["Role"], json!({"Fn::GetAtt": format!("{function}Role.Arn")}));
        assert_eq!(properties["LoggingConfig"], json!({"LogGroup": {"Ref": format!("{function}Log")}}));
        assert!(properties["Policies"].is_null(), "{function}");
        roles.insert(format!("{function}Role"));
    }
    assert_eq!(
        resources(&template, "AWS::IAM::Role").map(|(name, _)| name.clone()).collect::<BTreeSet<_>>(),
        roles
    );
    assert_eq!(roles.len(), GRANTS.len());
}

#[test]
fn each_role_has_the_permissions_boundary_of_the_account_if_there_is_one() {
    let template = harness::template::read();
    let has_boundary = json!({"Fn::Not": [{"Fn::Equals": [{"Ref": "PermissionsBoundary"}, ""]}]});
    assert_eq!(template["Conditions"]["HasPermissionsBoundary"], has_boundary);
    let boundary = json!({"Fn::If": ["HasPermissionsBoundary", {"Ref": "PermissionsBoundary"}, {"Ref": "AWS::NoValue"}]});
    for (name, role) in resources(&template, "AWS::IAM::Role") {
        assert_eq!(role["PermissionsBoundary"], boundary, "{name}");
    }
    assert!(resources(&harness::template::monitoring(), "AWS::IAM::Role").next().is_none());
}

#[test]
fn nobody_may_read_a_whole_table_or_do_everything() {
    let template = harness::template::read();
    for (role, properties) in resources(&template, "AWS::IAM::Role") {
        for (action, resource) in granted(properties) {
            assert!(!action.contains('*'), "{role}: {action}");
            for forbidden in ["Scan", "Query", "BatchWriteItem"] {
                assert!(!action.ends_with(forbidden), "{role}: {action}");
            }
            // X-Ray's actions know no resources.
            assert!(resource != "*" || action.starts_with("xray:"), "{role}: {action} on everything");
        }
    }
}

#[test]
fn a_key_of_the_operators_is_used_through_secrets_manager_and_dynamodb_alone() {
    let template = harness::template::read();
    for (function, grants) in GRANTS {
        let role = &template["Resources"][format!("{function}Role")]["Properties"];
        let (_, statement) =
            statements(role).into_iter().find(|(condition, _)| *condition == Some("HasKmsKey")).unwrap();
        let services: &[&str] =
            if grants.is_empty() { &["secretsmanager"] } else { &["secretsmanager", "dynamodb"] };
        let services: Vec<Value> = services
            .iter()
            .map(|service| json!({"Fn::Sub": format!("{service}.${{AWS::Region}}.amazonaws.com")}))
            .collect();
        assert_eq!(
            statement["Condition"],
            json!({"StringEquals": {"kms:ViaService": services}}),
            "{function}"
        );
    }
}
