//! One contract in four places: the functions, the template, the OpenAPI document and the local
//! router agree. The submodules check the rest of the template.

mod backup;
mod callers;
mod edge;
mod gateway;
mod monitoring;
mod objectives;
mod options;
mod policies;
mod releases;
mod roles;
mod rollout;
mod stored;

use std::collections::BTreeSet;

use postern::door::Route;
use postern_rules::config::ReturnUris;
use regex_lite::Regex;
use serde_json::{Value, json};

/// Each function, under the name of its folder.
const FUNCTIONS: [(&str, Route); 9] = [
    ("auth-start", auth_start::ROUTE),
    ("auth-token", auth_token::ROUTE),
    ("connection", connection::ROUTE),
    ("get-message", get_message::ROUTE),
    ("list-messages", list_messages::ROUTE),
    ("oauth-callback", oauth_callback::ROUTE),
    ("risc", risc::ROUTE),
    ("server-metadata", server_metadata::ROUTE),
    ("sign-out", sign_out::ROUTE),
];

/// The functions that only some stacks have, and the condition of each. Only `risc` has a route.
const OPTIONAL: [(&str, &str); 5] = [
    ("access-token", "HasBackEnds"),
    ("connections", "HasAdministrators"),
    ("events", "HasEvents"),
    ("risc", "HasCrossAccountProtection"),
    ("sweep", "HasSweep"),
];

/// `(function, method, path)` for each route in the functions' code.
fn served() -> BTreeSet<(String, String, String)> {
    let routes = FUNCTIONS.iter().flat_map(|(name, route)| {
        route.methods.split(", ").map(|method| ((*name).to_owned(), method.to_owned(), route.path.to_owned()))
    });
    routes.collect()
}

/// The function `logical_id` of the template under the name of its folder.
fn folder(template: &Value, logical_id: &str) -> String {
    let code = template["Resources"][logical_id]["Properties"]["CodeUri"].as_str().unwrap();
    code.strip_prefix("functions/").unwrap().to_owned()
}

/// The template's resources of one type.
fn resources<'a>(template: &'a Value, kind: &'a str) -> impl Iterator<Item = (&'a String, &'a Value)> {
    let resources = template["Resources"].as_object().unwrap();
    resources
        .iter()
        .filter(move |(_, resource)| resource["Type"] == kind)
        .map(|(name, resource)| (name, &resource["Properties"]))
}

/// The function that a reference leads to: through its alias if the functions have versions, and
/// else by its name or ARN.
fn called(reference: &Value) -> &str {
    let choice = reference["Fn::If"].as_array().unwrap();
    let arn = choice[2]["Fn::GetAtt"].as_str().and_then(|arn| arn.strip_suffix(".Arn"));
    let function = choice[2]["Ref"].as_str().or(arn).unwrap();
    assert_eq!(
        *choice,
        [json!("HasVersions"), json!({"Ref": format!("{function}Alias")}), choice[2].clone()]
    );
    function
}

/// `(function, method, path)` for each route of the template.
fn routed(template: &Value) -> BTreeSet<(String, String, String)> {
    let routes = resources(template, "AWS::ApiGatewayV2::Route").map(|(name, route)| {
        assert_eq!(route["ApiId"], json!({"Ref": "Api"}), "{name}");
        let (method, path) = route["RouteKey"].as_str().unwrap().split_once(' ').unwrap();
        let target = route["Target"]["Fn::Sub"].as_str().unwrap();
        let integration = target.strip_prefix("integrations/${").and_then(|rest| rest.strip_suffix('}'));
        let integration = &template["Resources"][integration.unwrap()]["Properties"];
        let function = folder(template, called(&integration["IntegrationUri"]));
        assert_eq!(integration["IntegrationType"], "AWS_PROXY");
        assert_eq!(integration["PayloadFormatVersion"], "2.0");
        (function, method.to_owned(), path.to_owned())
    });
    routes.collect()
}

#[test]
fn the_template_has_exactly_the_routes_of_the_functions() {
    let template = harness::template::read();
    assert_eq!(routed(&template), served());
    for (name, function) in resources(&template, "AWS::Serverless::Function") {
        assert!(function["Events"].is_null(), "{name} has routes that SAM makes");
    }
}

#[test]
fn the_folders_are_the_functions() {
    let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../functions");
    let entries =
        std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap());
    let functions = FUNCTIONS.iter().map(|(name, _)| *name).chain(OPTIONAL.map(|(name, _)| name));
    let functions: BTreeSet<String> = functions.map(str::to_owned).collect();
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
fn a77_the_template_carries_names_of_secrets_and_no_secret() {
    let template = harness::template::read();
    let parameters = template["Parameters"].as_object().unwrap();
    assert!(
        parameters.values().all(|parameter| parameter.get("NoEcho").is_none()),
        "a secret as a parameter"
    );
    let names: Vec<&String> = parameters.keys().collect();
    let plain = [
        "AdministratorRoleArns",
        "AlarmTopicArn",
        "AllowedDomains",
        "AllowedOrigins",
        "AllowedReturnUris",
        "Architecture",
        "BackEndRoleArns",
        "BackupDays",
        "CanaryClientId",
        "CanarySchedule",
        "CertificateArn",
        "CrossAccountProtection",
        "DefaultEndpoint",
        "DeploymentId",
        "DomainName",
        "EdgeDomainName",
        "EventBusName",
        "EventsCarryEmail",
        "FunctionMemory",
        "GmailScopes",
        "GoogleClientSecretId",
        "HostedZoneId",
        "KmsKeyArn",
        "LeastFailures",
        "ListingObjective",
        "ListingTime",
        "LogLevel",
        "LogRetention",
        "Objectives",
        "OriginSecretHashes",
        "OriginTruststoreUri",
        "PagingTopicArn",
        "PermissionsBoundary",
        "PublicUrl",
        "RequestBurstLimit",
        "RequestRateLimit",
        "ReservedConcurrency",
        "Rollout",
        "SignInObjective",
        "SignInRateLimit",
        "SignInsExpected",
        "SignInsExpectedFrom",
        "SignInsExpectedUntil",
        "SignInsExpectedWithin",
        "SweepRefreshesPerSecond",
        "SweepUnusedDays",
        "Tracing",
    ];
    assert_eq!(names, plain);
    let public_url = json!({"Fn::If": [
        "HasPublicUrl",
        {"Ref": "PublicUrl"},
        {"Fn::If": ["HasDomain", {"Fn::Sub": "https://${DomainName}"}, {"Ref": "AWS::NoValue"}]},
    ]});
    let variables = json!({
        "CREDENTIALS_TABLE": {"Ref": "CredentialsTable"},
        "SESSIONS_TABLE": {"Ref": "SessionsTable"},
        "GOOGLE_CLIENT_SECRET_ID": {"Ref": "GoogleClientSecretId"},
        "SEALING_KEYS_SECRET_ID": {"Fn::GetAtt": "SealingKeys.Id"},
        "PUBLIC_URL": public_url,
        "ALLOWED_ORIGINS": {"Fn::Join": [",", {"Ref": "AllowedOrigins"}]},
        "ALLOWED_RETURN_URIS": {"Ref": "AllowedReturnUris"},
        "ALLOWED_DOMAINS": {"Ref": "AllowedDomains"},
        "ORIGIN_SECRET_HASHES": {"Fn::If": ["HasOriginSecret", {"Ref": "OriginSecretHashes"}, {"Ref": "AWS::NoValue"}]},
        "GMAIL_SCOPES": {"Ref": "GmailScopes"},
        "METRICS_NAMESPACE": {"Fn::Sub": "Postern/${AWS::StackName}"},
        "DEPLOYMENT_ID": {"Fn::If": ["HasVersions", {"Ref": "DeploymentId"}, {"Ref": "AWS::NoValue"}]},
    });
    assert_eq!(template["Globals"]["Function"]["MemorySize"], json!({"Ref": "FunctionMemory"}));
    assert_eq!(template["Globals"]["Function"]["Environment"], json!({ "Variables": variables }));
    for (name, resource) in template["Resources"].as_object().unwrap() {
        let properties = &resource["Properties"];
        let own = properties["Environment"]["Variables"].as_object().into_iter().flatten();
        let own: Vec<&str> = own.map(|(variable, _)| variable.as_str()).collect();
        let expected: &[&str] = match name.as_str() {
            // No request tells them the address.
            "AccessToken" | "Connections" => &["PUBLIC_URL"],
            "Events" => &["EVENTS_CARRY_EMAIL", "EVENT_BUS_NAME"],
            "Sweep" => &["SWEEP_REFRESHES_PER_SECOND", "SWEEP_UNUSED_DAYS"],
            _ => &[],
        };
        assert_eq!(own, expected, "{name} has variables of its own");
        assert!(properties["MemorySize"].is_null(), "{name} has memory of its own");
        assert!(properties["SecretString"].is_null(), "{name} is a secret that is written down");
    }
    for name in ["AccessToken", "Connections"] {
        let variables = &template["Resources"][name]["Properties"]["Environment"]["Variables"];
        assert_eq!(variables["PUBLIC_URL"], template["Outputs"]["ApiUrl"]["Value"], "{name}");
    }
    // CloudFormation would replace such a reference by the secret itself.
    assert!(!template.to_string().contains("{{resolve:"));
}

#[test]
fn b69_the_template_refuses_redirect_uris_that_the_functions_refuse() {
    let template = harness::template::read();
    let pattern = template["Parameters"]["AllowedReturnUris"]["AllowedPattern"].as_str().unwrap();
    let pattern = Regex::new(pattern).unwrap();
    for list in [
        "https://example.com/",
        "https://example.com:8443/callback?from=mail",
        "com.example.app:/callback,http://127.0.0.1/callback,http://[::1]/x,http://localhost/",
    ] {
        assert!(pattern.is_match(list) && ReturnUris::parse(list).is_some(), "{list}");
    }
    // What no pattern tells, such as a default port, is left to the functions.
    for list in [
        "https://example.com",
        "https://EXAMPLE.com/",
        "https://user@example.com/",
        "https://example.com/#x",
        "https://example.com/,",
        "https://example.com/,https://example.com",
        "http://example.com/callback",
        "http://127.0.0.1",
        "http://127.0.0.1:8080/callback",
        "http://localhost.example.com/",
        "http://user@127.0.0.1/",
        "javascript:alert(1)",
        "data:text/html,x",
        "file:///etc/passwd",
        "myapp:/callback",
        "com.example.app:/call back",
        "/callback",
        "*",
    ] {
        assert!(!pattern.is_match(list) && ReturnUris::parse(list).is_none(), "{list}");
    }
}

#[test]
fn every_parameter_is_described_named_and_in_a_group_of_the_console() {
    let template = harness::template::read();
    let interface = &template["Metadata"]["AWS::CloudFormation::Interface"];
    let groups = interface["ParameterGroups"].as_array().unwrap().iter();
    let mut grouped: Vec<&str> = groups
        .flat_map(|group| group["Parameters"].as_array().unwrap())
        .map(|name| name.as_str().unwrap())
        .collect();
    grouped.sort_unstable();
    let parameters = template["Parameters"].as_object().unwrap();
    assert_eq!(grouped, parameters.keys().collect::<Vec<_>>());
    for (name, parameter) in parameters {
        assert!(interface["ParameterLabels"][name]["default"].is_string(), "{name} has no label");
        assert!(parameter["Description"].is_string(), "{name} is not described");
        let is_bounded =
            ["AllowedPattern", "AllowedValues", "MinValue"].iter().any(|bound| !parameter[bound].is_null());
        assert!(is_bounded, "{name} takes anything");
    }
}
