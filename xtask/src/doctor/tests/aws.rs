//! An AWS account with Postern in it, on one port: API Gateway in front of the functions, and of
//! other services the calls that doctor makes. DynamoDB and Secrets Manager are those of the
//! harness. What the services say of the stack's resources is made from the template.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use axum::extract::State;
use axum::http::{HeaderMap, Method, Response, Uri};
use harness::Stack;
use harness::world::{Answer, Call, invoke};
use postern::app::App;
use postern::clock::Clock;
use postern_template::roles;
use serde_json::{Value, json};
use tokio::runtime::Handle;

use super::Scene;
use crate::doctor::target::http_client;
use crate::doctor::template::Template;

/// The front end.
pub(super) const PAGE: &str = "http://localhost:9100";
/// The event bus.
const BUS: &str = "mail";
const BACK_END: &str = "arn:aws:iam::123456789012:role/back-end";
/// How a function's ARN begins.
const LAMBDA: &str = "arn:aws:lambda:us-east-1:123456789012:function:";
/// The stack inside.
const MONITORING: &str = "monitoring";

/// What the account holds; a test changes it.
pub(super) struct Aws {
    pub(super) parameters: BTreeMap<&'static str, String>,
    pub(super) outputs: BTreeMap<String, String>,
    /// The templates as CloudFormation returns them, by the names of their stacks.
    pub(super) templates: BTreeMap<&'static str, Value>,
    /// What Lambda says of each function.
    pub(super) functions: BTreeMap<String, Value>,
    /// What API Gateway answers a preflight request from an origin: status and allowed origin.
    pub(super) preflight: fn(&str) -> (u16, &str),
    /// Words of calls that are answered so; the last that fits.
    pub(super) answers: Vec<(String, u16, String)>,
    /// The permissions that the calls so far need.
    pub(super) actions: BTreeSet<String>,
}

impl Aws {
    pub(super) fn new(url: &str, back_ends: &Stack) -> Self {
        let mut variables = back_ends.environment();
        // Lambda sets these itself, and its answers do not show them.
        variables.retain(|name, _| !name.starts_with("AWS_") || name.starts_with("AWS_ENDPOINT_"));
        // SAM makes functions of Lambda out of its own.
        let mut template = postern_template::read();
        for resource in template["Resources"].as_object_mut().unwrap().values_mut() {
            if resource["Type"] == "AWS::Serverless::Function" {
                resource["Type"] = json!("AWS::Lambda::Function");
            }
        }
        let outputs = [
            ("ApiUrl", url),
            ("CallbackUrl", &format!("{url}/oauth/callback")),
            ("CredentialsTableName", "CredentialsTable"),
            ("SessionsTableName", "SessionsTable"),
            ("GoogleClientSecret", "postern/google-client"),
            ("SealingKeysSecretArn", "postern/sealing-keys"),
        ];
        let describe = |(_, name): (String, String)| {
            let description = json!({
                "FunctionName": name,
                "LoggingConfig": { "LogGroup": format!("/postern/postern/{name}") },
                "Environment": { "Variables": variables },
            });
            (name, description)
        };
        Self {
            parameters: BTreeMap::from([
                ("AdministratorRoleArns", BACK_END.to_owned()),
                ("AllowedOrigins", PAGE.to_owned()),
                ("BackEndRoleArns", BACK_END.to_owned()),
                ("EventBusName", BUS.to_owned()),
            ]),
            outputs: outputs.map(|(name, value)| (name.to_owned(), value.to_owned())).into(),
            functions: roles::functions(&postern_template::read()).into_iter().map(describe).collect(),
            templates: BTreeMap::from([("postern", template), (MONITORING, postern_template::monitoring())]),
            preflight: |origin| (204, if origin == PAGE { origin } else { "" }),
            answers: Vec::new(),
            actions: BTreeSet::new(),
        }
    }

    /// Whether each function has a version and an alias.
    fn has_versions(&self) -> bool {
        self.parameters.contains_key("DeploymentId")
    }

    /// Says of the resources what the templates say.
    pub(super) fn be_as(&mut self, templates: &[Template]) {
        self.answers.clear();
        if self.has_versions() {
            // Nobody may call a function without its alias.
            let absent = json!({ "__type": "ResourceNotFoundException" }).to_string();
            self.answers.push(("/functions/ /policy".to_owned(), 404, absent));
            self.answers.push((
                "/aliases/live".to_owned(),
                200,
                json!({ "FunctionVersion": "7" }).to_string(),
            ));
        }
        let mut say = |words: &str, body: String| self.answers.push((words.to_owned(), 200, body));
        let xml = |call: &str, content: &str| element(&format!("{call}Response {call}Result"), content);
        say("DescribeTable CredentialsTable", table("user_id").to_string());
        say("DescribeContinuousBackups", recovery("ENABLED").to_string());
        say("DetectStackDrift", xml("DetectStackDrift", &element("StackDriftDetectionId", "1")));
        let complete = element("DetectionStatus", "DETECTION_COMPLETE");
        say("DriftDetectionStatus", xml("DescribeStackDriftDetectionStatus", &complete));
        say("DescribeStackResourceDrifts", drifts("", "", "", &[]));
        say("ListAttachedRolePolicies", xml("ListAttachedRolePolicies", ""));
        say("/event-source-mappings/", json!({ "State": "Enabled" }).to_string());
        say("/concurrency", "{}".to_owned());
        let stack = &templates[0];
        for role in stack.resources("AWS::IAM::Role") {
            let document = role.properties["Policies"][0]["PolicyDocument"].to_string();
            let encoded: String = url::form_urlencoded::byte_serialize(document.as_bytes()).collect();
            let policy = element("PolicyDocument", &encoded.replace('+', "%20"))
                + &element("RoleName", "role")
                + &element("PolicyName", "only");
            let name = role.physical_id;
            say(
                &format!("Action=ListRolePolicies RoleName={name}&"),
                xml("ListRolePolicies", &element("PolicyNames member", "only")),
            );
            say(&format!("Action=GetRolePolicy RoleName={name}&"), xml("GetRolePolicy", &policy));
        }
        let items = |kind: &str, item: fn(&Value, &str) -> Value| {
            let items = stack.resources(kind).into_iter();
            json!({ "items": items.map(|one| item(&one.properties, &one.physical_id)).collect::<Value>() })
                .to_string()
        };
        say(
            "/v2/apis/Api/routes",
            items(
                "AWS::ApiGatewayV2::Route",
                |route, _| json!({ "routeKey": route["RouteKey"], "target": route["Target"] }),
            ),
        );
        say(
            "/v2/apis/Api/integrations",
            items(
                "AWS::ApiGatewayV2::Integration",
                |integration, id| json!({ "integrationId": id, "integrationUri": integration["IntegrationUri"] }),
            ),
        );
        let mut statements: BTreeMap<String, Vec<Value>> = BTreeMap::new();
        for permission in stack.resources("AWS::Lambda::Permission") {
            let (who, source) = (&permission.properties["Principal"], &permission.properties["SourceArn"]);
            let kind = if source.is_null() { "AWS" } else { "Service" };
            let mut statement = json!({ "Effect": "Allow", "Principal": { kind: who } });
            if !source.is_null() {
                statement["Condition"] = json!({ "ArnLike": { "AWS:SourceArn": source } });
            }
            let function = permission.properties["FunctionName"].as_str().unwrap();
            let function = function.trim_start_matches(LAMBDA).to_owned();
            statements.entry(function).or_default().push(statement);
        }
        for (function, statements) in statements {
            let policy = json!({ "Statement": statements }).to_string();
            let (function, alias) = function.split_once(':').unwrap_or((&function, ""));
            let words = format!("/functions/{function}/policy {alias}");
            say(&words, json!({ "Policy": policy }).to_string());
        }
        let mut alarms = Vec::new();
        for alarm in templates[1].resources("AWS::CloudWatch::Alarm") {
            alarms.push(json!({ "AlarmName": alarm.physical_id, "StateValue": "OK" }));
        }
        self.answers.push(("DescribeAlarms".to_owned(), 200, json!({ "MetricAlarms": alarms }).to_string()));
    }

    /// What CloudFormation says of a stack.
    fn cloudformation(&self, action: &str, stack: &str) -> String {
        let name = if stack.contains(MONITORING) { MONITORING } else { "postern" };
        let content = match action {
            "DescribeStacks" => {
                let pair = |kind: &str, name: &str, value: &str| {
                    let pair =
                        element(&format!("{kind}Key"), name) + &element(&format!("{kind}Value"), value);
                    element("member", &pair)
                };
                let all = self.templates[name]["Parameters"].as_object().unwrap();
                let parameters = all.iter().map(|(name, parameter)| {
                    let default = parameter["Default"].as_str().unwrap_or_default();
                    pair(
                        "Parameter",
                        name,
                        self.parameters.get(name.as_str()).map_or(default, String::as_str),
                    )
                });
                let outputs = self.outputs.iter().map(|(name, value)| pair("Output", name, value));
                let id = format!("arn:aws:cloudformation:us-east-1:123456789012:stack/{name}/id");
                let stack = element("StackId", &id)
                    + &element("Parameters", &parameters.collect::<String>())
                    + &element("Outputs", &outputs.collect::<String>());
                element("Stacks member", &stack)
            }
            "GetTemplate" => {
                let text = self.templates[name].to_string();
                element("TemplateBody", &text.replace('&', "&amp;").replace('<', "&lt;"))
            }
            _ => {
                let all = &self.templates[name]["Resources"];
                let folder = |name: &str| all[name]["Properties"]["CodeUri"].as_str();
                let resource = |(logical_id, resource): (&String, &Value)| {
                    let of = resource["Properties"]["FunctionName"]["Ref"].as_str().and_then(folder);
                    let of = of.unwrap_or_default().trim_start_matches("functions/");
                    let physical_id = match (folder(logical_id), resource["Type"].as_str().unwrap()) {
                        (Some(folder), _) => folder.trim_start_matches("functions/").to_owned(),
                        (None, "AWS::Lambda::Version") => format!("{LAMBDA}{of}:7"),
                        (None, "AWS::Lambda::Alias") => format!("{LAMBDA}{of}:live"),
                        (None, _) => match logical_id.as_str() {
                            "SealingKeys" => "postern/sealing-keys".to_owned(),
                            "Monitoring" => MONITORING.to_owned(),
                            name => name.to_owned(),
                        },
                    };
                    let names = element("LogicalResourceId", logical_id)
                        + &element("PhysicalResourceId", &physical_id);
                    element("member", &names)
                };
                let is_held = |(name, resource): &(&String, &Value)| match resource["Type"].as_str().unwrap()
                {
                    "AWS::CloudFormation::Stack" => *name == "Monitoring",
                    "AWS::Lambda::Alias" | "AWS::Lambda::Version" => self.has_versions(),
                    _ => true,
                };
                let held = all.as_object().unwrap().iter().filter(is_held).map(resource);
                element("StackResourceSummaries", &held.collect::<String>())
            }
        };
        element(&format!("{action}Response {action}Result"), &content)
    }
}

/// What CloudFormation says of a resource that differs from its template in these properties.
pub(super) fn drifts(logical_id: &str, kind: &str, status: &str, differences: &[(&str, &str)]) -> String {
    let difference = |(path, how): &(&str, &str)| {
        let difference = element("PropertyPath", path)
            + &element("ExpectedValue", "planted")
            + &element("ActualValue", "planted")
            + &element("DifferenceType", how);
        element("member", &difference)
    };
    let drift = element("LogicalResourceId", logical_id)
        + &element("ResourceType", kind)
        + &element("StackId", "stack")
        + &element("Timestamp", "2026-11-01T02:26:40Z")
        + &element("StackResourceDriftStatus", status)
        + &element("PropertyDifferences", &differences.iter().map(difference).collect::<String>());
    let drift = if logical_id.is_empty() { String::new() } else { element("member", &drift) };
    let result = "DescribeStackResourceDriftsResponse DescribeStackResourceDriftsResult StackResourceDrifts";
    element(result, &drift)
}

impl Scene {
    /// Invokes a function as API Gateway does, in a new execution environment.
    pub(super) async fn call(&self, call: Call) -> Answer {
        let name = match call.path.as_str() {
            "/auth/start" => "auth-start",
            "/messages" => "list-messages",
            _ => "oauth-callback",
        };
        let variables = self.aws().functions[name]["Environment"]["Variables"].clone();
        let runtime = Handle::current();
        #[expect(
            clippy::disallowed_methods,
            reason = "the future of a function does not move between threads"
        )]
        let invocation = tokio::task::spawn_blocking(move || {
            let set_by_lambda = |name: &str| {
                (name.starts_with("AWS_") && !name.starts_with("AWS_ENDPOINT_")).then_some("us-east-1")
            };
            let look_up = |name: &str| variables[name].as_str().or_else(|| set_by_lambda(name));
            runtime.block_on(async {
                let app = App::new(|name| look_up(name).map(str::to_owned), Clock::System, None);
                invoke(app.as_ref(), &call.event().to_string(), Duration::from_secs(8)).await
            })
        });
        invocation.await.unwrap()
    }

    /// API Gateway answers preflight requests itself and passes on the others.
    async fn api(&self, method: Method, uri: Uri, headers: HeaderMap) -> Response<String> {
        if method == Method::OPTIONS {
            let (status, allowed) = (self.aws().preflight)(header(&headers, "origin"));
            let preflight = Response::builder()
                .status(status)
                .header("access-control-allow-credentials", "true")
                .header("access-control-allow-methods", "GET,POST,DELETE")
                .header("access-control-allow-headers", "authorization,content-type,x-requested-with")
                .header("access-control-allow-origin", allowed);
            return preflight.body(String::new()).unwrap();
        }
        let mut call = Call::get(uri.path(), uri.query().unwrap_or_default());
        for (name, value) in &headers {
            call = call.header(name.as_str(), value.to_str().unwrap());
        }
        let answer = self.call(call).await;
        reply(u16::try_from(answer.status).unwrap(), answer.body)
    }
}

/// Passes a call on to a service of the harness.
async fn forward(url: &str, mut headers: HeaderMap, body: String) -> Response<String> {
    headers.remove("host");
    let client = http_client().unwrap();
    let request = client.post(url).headers(headers).body(body).build().unwrap();
    let answer = postern::outside::http::send(&client, request, Duration::from_secs(5), 1024 * 1024).await;
    let answer = answer.unwrap();
    reply(answer.status, String::from_utf8(answer.body.to_vec()).unwrap())
}

/// Answers a call of AWS or of the API.
pub(super) async fn answer(
    State(scene): State<Scene>,
    method: Method,
    uri: Uri,
    headers: HeaderMap,
    body: String,
) -> Response<String> {
    let target = header(&headers, "x-amz-target").to_owned();
    let form: BTreeMap<String, String> = url::form_urlencoded::parse(body.as_bytes()).into_owned().collect();
    let call = format!("{target} {} {body}&", uri.path_and_query().unwrap());
    let action = form.get("Action").map_or_else(|| operation(&target, uri.path()), String::as_str);
    scene.aws().actions.extend(service(&headers).map(|service| format!("{service}:{action}")));
    let is_meant = |words: &str| words.split(' ').all(|word| call.contains(word));
    let known = scene.aws().answers.iter().rev().find(|(words, ..)| is_meant(words)).cloned();
    if let Some((_, status, text)) = known {
        return reply(status, text);
    }
    match (target.split('.').next().unwrap(), form.get("Action").map_or("", String::as_str)) {
        // The first page is empty, and so is the second.
        ("Logs_20140328", _) if call.contains("nextToken") => reply(200, "{}"),
        ("Logs_20140328", _) => reply(200, json!({ "nextToken": "more" }).to_string()),
        ("DynamoDB_20120810", _) => forward(&scene.stack.dynamodb.url(), headers, body).await,
        ("secretsmanager", _) => forward(&scene.stack.secrets.url(), headers, body).await,
        (_, action @ ("DescribeStacks" | "GetTemplate" | "ListStackResources")) => {
            reply(200, scene.aws().cloudformation(action, &form["StackName"]))
        }
        _ => match uri.path().strip_prefix("/2015-03-31/functions/") {
            Some(path) => {
                reply(200, scene.aws().functions[path.trim_end_matches("/configuration")].to_string())
            }
            None => scene.api(method, uri, headers).await,
        },
    }
}

/// The service that a call is signed for, as IAM calls it; none for a call of the API.
fn service(headers: &HeaderMap) -> Option<&str> {
    // Credential=<key>/<day>/<region>/<service>/aws4_request
    let scope = header(headers, "authorization").split("Credential=").nth(1)?;
    scope.split('/').nth(3).map(|service| if service == "monitoring" { "cloudwatch" } else { service })
}

/// The operation that a call in JSON names in its target, or that its path is for.
fn operation<'a>(target: &'a str, path: &str) -> &'a str {
    let paths = [
        ("/configuration", "GetFunctionConfiguration"),
        ("/concurrency", "GetFunctionConcurrency"),
        ("/policy", "GetPolicy"),
        ("/aliases/", "GetAlias"),
        ("/event-source-mappings/", "GetEventSourceMapping"),
        ("/v2/apis/", "GET"),
    ];
    let of_path = paths.iter().find(|(part, _)| path.contains(part)).map(|(_, operation)| *operation);
    of_path.unwrap_or_else(|| target.rsplit('.').next().unwrap_or_default())
}

/// What DynamoDB says of a table with this key.
pub(super) fn table(key: &str) -> Value {
    json!({ "Table": {
        "TableStatus": "ACTIVE",
        "KeySchema": [{ "AttributeName": key, "KeyType": "HASH" }],
        "AttributeDefinitions": [{ "AttributeName": key, "AttributeType": "S" }],
    } })
}

/// What DynamoDB says of the point-in-time recovery.
pub(super) fn recovery(status: &str) -> Value {
    json!({ "ContinuousBackupsDescription": {
        "ContinuousBackupsStatus": "ENABLED",
        "PointInTimeRecoveryDescription": { "PointInTimeRecoveryStatus": status },
    } })
}

/// XML: elements, each in the one before it.
pub(super) fn element(names: &str, content: &str) -> String {
    let wrap = |content: String, name: &str| format!("<{name}>{content}</{name}>");
    names.rsplit(' ').fold(content.to_owned(), wrap)
}

fn reply(status: u16, body: impl Into<String>) -> Response<String> {
    Response::builder().status(status).body(body.into()).unwrap()
}

fn header<'a>(headers: &'a HeaderMap, name: &str) -> &'a str {
    headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default()
}
