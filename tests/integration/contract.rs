//! One contract in four places: the functions, the template, the OpenAPI document and the local router say the same.

use std::collections::BTreeSet;

use serde_json::Value;
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
