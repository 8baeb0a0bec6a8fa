//! One contract in four places: the functions, the template, the OpenAPI document and the local router say the same.

use std::collections::BTreeSet;

use serde_json::{Value, json};
use shared::gateway::Route;

/// Each function, under the name of its folder.
const FUNCTIONS: [(&str, Route); 3] = [
    ("auth-start", auth_start::ROUTE),
    ("list-messages", list_messages::ROUTE),
    ("oauth-callback", oauth_callback::ROUTE),
];

/// `(function, method, path)` for each route of the functions' own.
fn served() -> BTreeSet<(String, String, String)> {
    let routes = FUNCTIONS.iter().flat_map(|(name, route)| {
        route.methods.split(", ").map(|method| ((*name).to_owned(), method.to_owned(), route.path.to_owned()))
    });
    routes.collect()
}

#[test]
fn the_template_has_exactly_the_routes_of_the_functions() {
    let template = harness::template::read();
    let mut routes = BTreeSet::new();
    for resource in template["Resources"].as_object().unwrap().values() {
        let folder =
            resource["Properties"]["CodeUri"].as_str().and_then(|folder| folder.strip_prefix("functions/"));
        for event in
            resource["Properties"]["Events"].as_object().into_iter().flat_map(serde_json::Map::values)
        {
            let text = |name: &str| event["Properties"][name].as_str().unwrap().to_owned();
            assert_eq!(text("PayloadFormatVersion"), "2.0");
            routes.insert((folder.unwrap().to_owned(), text("Method"), text("Path")));
        }
    }
    assert_eq!(routes, served());
}

#[test]
fn the_folders_are_the_functions() {
    let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../functions");
    let entries =
        std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap());
    let functions: BTreeSet<String> = FUNCTIONS.iter().map(|(name, _)| (*name).to_owned()).collect();
    assert_eq!(entries.collect::<BTreeSet<_>>(), functions);
}

#[test]
fn the_openapi_document_has_exactly_the_routes_of_the_functions() {
    let document: Value = serde_norway::from_str(include_str!("../../openapi.yaml")).unwrap();
    let mut operations = BTreeSet::new();
    for (path, item) in document["paths"].as_object().unwrap() {
        for method in item
            .as_object()
            .unwrap()
            .keys()
            .filter(|key| ["get", "post", "put", "delete"].contains(&key.as_str()))
        {
            operations.insert((method.to_uppercase(), path.clone()));
        }
    }
    let served: BTreeSet<_> = served().into_iter().map(|(_, method, path)| (method, path)).collect();
    assert_eq!(operations, served);
}

#[test]
fn the_local_router_gives_each_function_its_production_path() {
    let workspace = include_str!("../../Cargo.toml");
    let router = workspace.split("[workspace.metadata.lambda.watch.router]").nth(1).unwrap();
    let lines: BTreeSet<&str> = router.lines().filter(|line| line.contains('=')).collect();
    let expected: Vec<String> =
        FUNCTIONS.iter().map(|(name, route)| format!("\"{}\" = \"{name}\"", route.path)).collect();
    assert_eq!(lines, expected.iter().map(String::as_str).collect());
}

#[test]
fn a72_the_apis_own_address_can_be_switched_off() {
    let template = harness::template::read();
    let switch = json!({"Fn::If": ["HasNoDefaultEndpoint", true, false]});
    assert_eq!(template["Resources"]["Api"]["Properties"]["DisableExecuteApiEndpoint"], switch);
    let condition = json!({"Fn::Equals": [{"Ref": "DefaultEndpoint"}, "off"]});
    assert_eq!(template["Conditions"]["HasNoDefaultEndpoint"], condition);
}

#[test]
fn a52_a73_a_throttle_over_all_environments_stands_in_front() {
    let template = harness::template::read();
    let throttle = &template["Resources"]["Api"]["Properties"]["DefaultRouteSettings"];
    assert!(throttle["ThrottlingBurstLimit"].as_u64().is_some_and(|limit| limit > 0));
    assert!(throttle["ThrottlingRateLimit"].as_u64().is_some_and(|limit| limit > 0));
}

#[test]
fn a77_the_template_carries_names_of_secrets_and_no_secret() {
    let template = harness::template::read();
    let parameters = template["Parameters"].as_object().unwrap();
    assert!(
        parameters.values().all(|parameter| parameter.get("NoEcho").is_none()),
        "a secret as a parameter"
    );
    let names: Vec<&String> = parameters.keys().collect();
    let plain = [
        "AllowedOrigins",
        "Architecture",
        "DefaultEndpoint",
        "GmailScopes",
        "GoogleClientSecretId",
        "LogLevel",
        "PublicUrl",
    ];
    assert_eq!(names, plain);
    let variables = json!({
        "CREDENTIALS_TABLE": {"Ref": "CredentialsTable"},
        "SESSIONS_TABLE": {"Ref": "SessionsTable"},
        "GOOGLE_CLIENT_SECRET_ID": {"Ref": "GoogleClientSecretId"},
        "SEALING_KEYS_SECRET_ID": {"Ref": "SealingKeys"},
        "PUBLIC_URL": {"Fn::If": ["HasPublicUrl", {"Ref": "PublicUrl"}, {"Ref": "AWS::NoValue"}]},
        "ALLOWED_ORIGINS": {"Fn::Join": [",", {"Ref": "AllowedOrigins"}]},
        "GMAIL_SCOPES": {"Ref": "GmailScopes"},
    });
    assert_eq!(template["Globals"]["Function"]["Environment"], json!({ "Variables": variables }));
    for (name, resource) in template["Resources"].as_object().unwrap() {
        let properties = &resource["Properties"];
        assert!(properties["Environment"].is_null(), "{name} has variables of its own");
        assert!(properties["SecretString"].is_null(), "{name} is a secret that is written down");
    }
    // CloudFormation would put the secret itself where such a reference stands.
    assert!(!template.to_string().contains("{{resolve:"));
}
