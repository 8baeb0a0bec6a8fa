//! What each function's role allows: exactly the calls that the function makes here, and what
//! Lambda, X-Ray and a KMS key need in addition. Only the template lists the actions; nothing here
//! repeats them.

mod without_a_route;

use std::collections::BTreeSet;

use harness::google::Decision;
use harness::template::roles;
use harness::world::{ANN, Call, FrontEnd, KEYRING, World, parameter};
use postern_rules::security_event::Kind;
use serde_json::{Value, json};

use super::resources;

/// An action, and the resource as the template refers to it.
type Calls = BTreeSet<(String, String)>;

/// Google's secret has a name that the stack's parameter chooses.
const GOOGLE_CLIENT: &str = "arn:${AWS::Partition}:secretsmanager:${AWS::Region}:${AWS::AccountId}:secret:${GoogleClientSecretId}-??????";

const EVENT_BUS: &str =
    "arn:${AWS::Partition}:events:${AWS::Region}:${AWS::AccountId}:event-bus/${EventBusName}";
/// What Lambda does in the name of `events`: it reads the stream, and says what it gave up.
const OF_THE_MAPPING: [(&str, &str); 5] = [
    ("dynamodb:DescribeStream", "${CredentialsTable.Arn}/stream/*"),
    ("dynamodb:GetRecords", "${CredentialsTable.Arn}/stream/*"),
    ("dynamodb:GetShardIterator", "${CredentialsTable.Arn}/stream/*"),
    ("dynamodb:ListStreams", "${CredentialsTable.Arn}/stream/*"),
    ("sqs:SendMessage", "EventsDeadLetters.Arn"),
];

/// Takes the calls that were made since the last time, and begins a new process.
fn take_calls(world: &mut World) -> Calls {
    let mut calls = Calls::new();
    for call in world.stack.dynamodb.calls() {
        let tables = match &call.body["RequestItems"] {
            Value::Object(tables) => tables.keys().cloned().collect(),
            _ => vec![call.body["TableName"].as_str().unwrap().to_owned()],
        };
        calls.extend(tables.iter().map(|table| {
            let resource = match call.body["IndexName"].as_str() {
                Some(index) => format!("${{{table}.Arn}}/index/{index}"),
                None => format!("{table}.Arn"),
            };
            (format!("dynamodb:{}", call.operation), resource)
        }));
    }
    for call in world.secrets.calls() {
        if call.operation == "BatchGetSecretValue" {
            calls.insert(("secretsmanager:BatchGetSecretValue".to_owned(), "*".to_owned()));
        }
    }
    for secret in world.secrets_read() {
        let secret = if secret == KEYRING { "SealingKeys.Id" } else { GOOGLE_CLIENT };
        calls.insert(("secretsmanager:GetSecretValue".to_owned(), secret.to_owned()));
    }
    world.forget_calls();
    world.cold_start();
    calls
}

/// The calls of each function during the lifetime of a session and a credential: sign-in, use,
/// refresh, a second sign-in in the same browser, a code and its redemption, a grant that ends,
/// signing out everywhere, and a disconnect.
async fn observed() -> [(&'static str, Calls); 13] {
    let mut world = World::new().await;
    let (mut start, mut callback, mut list) = (Calls::new(), Calls::new(), Calls::new());
    let (mut token, mut get, mut metadata) = (Calls::new(), Calls::new(), Calls::new());
    for _ in 0..2 {
        let url = world.start("").await;
        start.extend(take_calls(&mut world));
        let query = world.consent(&url, Decision::allow(ANN)).await;
        assert_eq!(world.callback(&query).await.status, 303);
        callback.extend(take_calls(&mut world));
        world.advance(2 * 3600);
        let listed = world.messages("").await;
        assert_eq!(listed.status, 200);
        list.extend(take_calls(&mut world));
        world.advance(2 * 3600);
        let id = listed.json()["messages"][0]["id"].as_str().unwrap().to_owned();
        assert_eq!(world.message(&id, "").await.status, 200);
        get.extend(take_calls(&mut world));
        assert_eq!(world.send(&Call::get(server_metadata::ROUTE.path, "")).await.status, 200);
        metadata.extend(take_calls(&mut world));
    }
    let front_end = FrontEnd::default();
    let url = world.start_for_code(&front_end).await;
    start.extend(take_calls(&mut world));
    let query = world.consent(&url, Decision::allow(ANN)).await;
    let code = parameter(world.callback(&query).await.location(), "code").unwrap();
    callback.extend(take_calls(&mut world));
    assert_eq!(world.browse(front_end.redeems_for_cookie(&code)).await.status, 200);
    token.extend(take_calls(&mut world));
    world.stack.google.revoke_grant(ANN);
    world.advance(2 * 3600);
    assert_eq!(world.messages("").await.status, 401);
    list.extend(take_calls(&mut world));
    world.advance(2 * 3600);
    assert_eq!(world.message("1", "").await.status, 401);
    get.extend(take_calls(&mut world));
    assert_eq!(world.browse(Call::sign_out(true)).await.status, 204);
    assert_eq!(world.browse(Call::sign_out(true)).await.status, 401);
    let sign_out = take_calls(&mut world);
    world.sign_in(ANN).await;
    take_calls(&mut world);
    world.connection().await;
    assert_eq!(world.browse(Call::disconnect()).await.status, 204);
    let connection = take_calls(&mut world);
    [
        ("AuthStart", start),
        ("AuthToken", token),
        ("OauthCallback", callback),
        ("ListMessages", list),
        ("GetMessage", get),
        ("ServerMetadata", metadata),
        ("SignOut", sign_out),
        ("Connection", connection),
        ("AccessToken", without_a_route::access_token().await),
        ("Connections", without_a_route::connections().await),
        ("Events", without_a_route::events().await),
        ("Risc", risc().await),
        ("Sweep", without_a_route::sweep().await),
    ]
}

/// The calls of `risc` for an event that ends the grant and the sessions.
async fn risc() -> Calls {
    let mut world = World::signed_in().await;
    let token = world.google.sign(&world.google.security_event(Kind::AccountDisabled, ANN));
    take_calls(&mut world);
    assert_eq!(world.send(&Call::security_event(&token)).await.status, 202);
    take_calls(&mut world)
}

#[tokio::test]
async fn each_role_allows_exactly_what_its_function_calls() {
    let template = harness::template::read();
    for (function, mut needed) in observed().await {
        let uses = |service: &str| needed.iter().any(|(action, _)| action.starts_with(service));
        let (uses_tables, uses_secrets) = (uses("dynamodb:"), uses("secretsmanager:"));
        let log = format!("{function}Log.Arn");
        let besides = [
            ("logs:CreateLogStream", log.as_str()),
            ("logs:PutLogEvents", log.as_str()),
            // If the operator has a KMS key, DynamoDB describes it on behalf of the caller.
            ("kms:Decrypt", "KmsKeyArn"),
            ("kms:DescribeKey", "KmsKeyArn"),
            // These two actions do not support resource-level permissions.
            ("xray:PutTelemetryRecords", "*"),
            ("xray:PutTraceSegments", "*"),
        ];
        let of_mapping: &[_] = if function == "Events" { &OF_THE_MAPPING } else { &[] };
        let besides =
            besides.into_iter().chain(of_mapping.iter().copied()).filter(|(action, _)| match *action {
                "kms:Decrypt" => uses_secrets || uses_tables,
                "kms:DescribeKey" => uses_tables,
                _ => true,
            });
        needed.extend(besides.map(|(action, resource)| (action.to_owned(), resource.to_owned())));
        let grants = roles::grants(&template, function);
        let granted: Calls =
            grants.iter().map(|grant| (grant.action.clone(), grant.resource.clone())).collect();
        assert_eq!(granted, needed, "{function}");

        let services = [("secretsmanager", uses_secrets), ("dynamodb", uses_tables)];
        let services = services
            .into_iter()
            .filter_map(|(service, is_used)| is_used.then_some(service))
            .map(|service| json!({"Fn::Sub": format!("{service}.${{AWS::Region}}.amazonaws.com")}));
        let through = json!({"StringEquals": {"kms:ViaService": services.collect::<Vec<_>>()}});
        // Whoever ends a connection writes no other row of the sessions table.
        let remembers = ["Connection", "Connections"].contains(&function);
        let ends = json!({"ForAllValues:StringLike": {"dynamodb:LeadingKeys": ["ended#*"]}});
        for grant in grants {
            let writes_ends = grant.action == "dynamodb:UpdateItem" && grant.resource == "SessionsTable.Arn";
            let expected = match grant.action.split_once(':').unwrap().0 {
                "kms" => (Some("HasKmsKey"), &through),
                "dynamodb" if remembers && writes_ends => (None, &ends),
                "xray" => (Some("IsTraced"), &Value::Null),
                _ => (None, &Value::Null),
            };
            assert_eq!((grant.condition.as_deref(), &grant.requirement), expected, "{}", grant.action);
        }
    }
}

#[test]
fn each_function_has_a_role_of_its_own_and_writes_to_a_log_of_its_own() {
    let template = harness::template::read();
    let mut expected = BTreeSet::new();
    for (function, properties) in resources(&template, "AWS::Serverless::Function") {
        // Without a role SAM creates one, and that role may write to every log of the account.
        assert_eq!(properties["Role"], json!({"Fn::GetAtt": format!("{function}Role.Arn")}));
        assert_eq!(properties["LoggingConfig"], json!({"LogGroup": {"Ref": format!("{function}Log")}}));
        assert!(properties["Policies"].is_null(), "{function}");
        expected.insert(format!("{function}Role"));
    }
    let roles = resources(&template, "AWS::IAM::Role").map(|(name, role)| {
        assert!(role["ManagedPolicyArns"].is_null(), "{name} has policies that are not in the template");
        name.clone()
    });
    assert_eq!(roles.collect::<BTreeSet<_>>(), expected);
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
