//! An AWS account with Postern in it, on one port: API Gateway in front of the functions, and of
//! CloudFormation, Lambda, IAM, STS and CloudWatch Logs the calls that doctor makes. DynamoDB and
//! Secrets Manager are those of the harness.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::LazyLock;
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

/// The front end.
pub(super) const PAGE: &str = "http://localhost:9100";
/// The event bus.
const BUS: &str = "mail";
/// What the template calls a resource, and what its ARN contains; the first is meant.
const RESOURCES: [(&str, &str); 11] = [
    ("${CredentialsTable.Arn}/index/by_status", "/index/by_status"),
    ("${CredentialsTable.Arn}/stream/*", "/stream/"),
    ("CredentialsTable.Arn", "table/CredentialsTable"),
    ("SessionsTable.Arn", "table/SessionsTable"),
    ("SealingKeys.Id", "postern/sealing-keys"),
    (
        "arn:${AWS::Partition}:secretsmanager:${AWS::Region}:${AWS::AccountId}:secret:${GoogleClientSecretId}-??????",
        "postern/google-client",
    ),
    (
        "arn:${AWS::Partition}:events:${AWS::Region}:${AWS::AccountId}:event-bus/${EventBusName}",
        ":event-bus/mail",
    ),
    ("EventsDeadLetters.Arn", ":given-up"),
    ("KmsKeyArn", ":key/"),
    ("*", "*"),
    ("Log.Arn", "log-group:/postern/postern/"),
];

/// Read once: IAM's simulator needs it for each of some hundred questions.
static TEMPLATE: LazyLock<Value> = LazyLock::new(postern_template::read);

/// What the account holds; a test changes it.
pub(super) struct Aws {
    pub(super) parameters: BTreeMap<&'static str, String>,
    pub(super) outputs: BTreeMap<String, String>,
    /// What Lambda says of each function.
    pub(super) functions: BTreeMap<String, Value>,
    /// Role, action, part of the resource's ARN, and what IAM's simulator says in place of the
    /// template: allowed, denied, or nothing.
    pub(super) policies: Vec<(&'static str, &'static str, &'static str, Option<bool>)>,
    /// Roles and actions that the simulator was asked about.
    pub(super) asked: BTreeSet<(String, String)>,
    /// What API Gateway answers a preflight request from an origin: status and allowed origin.
    pub(super) preflight: fn(&str) -> (u16, &str),
    /// Words of calls that are answered so.
    pub(super) answers: Vec<(&'static str, u16, String)>,
}

impl Aws {
    pub(super) fn new(url: &str, back_ends: &Stack) -> Self {
        let mut variables = back_ends.environment();
        // Lambda sets these itself, and its answers do not show them.
        variables.retain(|name, _| !name.starts_with("AWS_") || name.starts_with("AWS_ENDPOINT_"));
        let functions = roles::functions(&TEMPLATE);
        let outputs = [
            ("ApiUrl", url),
            ("CallbackUrl", &format!("{url}/oauth/callback")),
            ("CredentialsTableName", "CredentialsTable"),
            ("SessionsTableName", "SessionsTable"),
            ("GoogleClientSecret", "postern/google-client"),
            ("SealingKeysSecretArn", "postern/sealing-keys"),
            ("EventsDeadLettersUrl", "https://sqs.us-east-1.amazonaws.com/123456789012/given-up"),
        ];
        let outputs = outputs.map(|(name, value)| (name.to_owned(), value.to_owned()));
        let of_functions = functions.iter().map(|(id, name)| (format!("{id}Function"), name.clone()));
        let describe = |(id, name): &(String, String)| {
            let mut variables = variables.clone();
            for variable in roles::own_variables(&TEMPLATE, id) {
                let value = match variable {
                    "PUBLIC_URL" => url,
                    "EVENT_BUS_NAME" => BUS,
                    "EVENTS_CARRY_EMAIL" => "off",
                    _ => "of its own",
                };
                variables.insert(variable.to_owned(), value.to_owned());
            }
            let description = json!({
                "FunctionName": name,
                "FunctionArn": format!("arn:aws:lambda:us-east-1:123456789012:function:{name}"),
                "Role": format!("arn:aws:iam::123456789012:role/{name}"),
                "LoggingConfig": { "LogGroup": format!("/postern/postern/{name}") },
                "Environment": { "Variables": variables },
            });
            (name.clone(), description)
        };
        Self {
            parameters: BTreeMap::from([("EventBusName", BUS.to_owned())]),
            outputs: outputs.into_iter().chain(of_functions).collect(),
            functions: functions.iter().map(describe).collect(),
            policies: Vec::new(),
            asked: BTreeSet::new(),
            preflight: |origin| (204, if origin == PAGE { origin } else { "" }),
            answers: vec![
                ("DescribeTable CredentialsTable", 200, table("user_id", true).to_string()),
                ("DescribeContinuousBackups", 200, recovery("ENABLED").to_string()),
            ],
        }
    }

    fn stack(&self) -> String {
        let pair = |kind: &str, name: &str, value: &str| {
            let pair = element(&format!("{kind}Key"), name) + &element(&format!("{kind}Value"), value);
            element("member", &pair)
        };
        let parameters = self.parameters.iter().map(|(name, value)| pair("Parameter", name, value));
        let outputs = self.outputs.iter().map(|(name, value)| pair("Output", name, value));
        let stack = element("Parameters", &parameters.collect::<String>())
            + &element("Outputs", &outputs.collect::<String>());
        element("DescribeStacksResponse DescribeStacksResult Stacks member", &stack)
    }

    /// IAM's simulator: what the template grants, unless the test says otherwise.
    fn simulate(&mut self, form: &BTreeMap<String, String>) -> String {
        let field = |name: &str| form.get(name).map_or("", String::as_str);
        let role = field("PolicySourceArn").rsplit('/').next().unwrap();
        let arn = field("ResourceArns.member.1");
        let through = field("ContextEntries.member.1.ContextKeyValues.member.1");
        let (service, _) = through.split_once('.').unwrap_or_default();
        let functions = roles::functions(&TEMPLATE);
        let (logical_id, _) = functions.iter().find(|(_, folder)| folder == role).unwrap();
        let mut grants = roles::grants(&TEMPLATE, logical_id);
        let meant = RESOURCES.iter().find(|(_, part)| arn.contains(part));
        grants.retain(|grant| {
            meant.is_some_and(|(name, _)| {
                grant.resource == *name || grant.resource.ends_with("Log.Arn") && *name == "Log.Arn"
            }) && (service.is_empty() || grant.is_through(service))
        });
        let mut results = String::new();
        for (_, action) in form.iter().filter(|(name, _)| name.starts_with("ActionNames.member.")) {
            self.asked.insert((role.to_owned(), action.clone()));
            // What belongs to a table is meant by its own name alone.
            let is_meant = |part: &str| arn.contains(part) && (part.contains('/') || !arn.contains("Table/"));
            let changed = self.policies.iter().find(|(of, known, part, _)| {
                role.contains(of)
                    && action == known
                    && (part.is_empty() || is_meant(part) || through.starts_with(part))
            });
            let granted = Some(grants.iter().any(|grant| grant.action == *action));
            if let Some(is_allowed) = changed.map_or(granted, |(.., decision)| *decision) {
                let decision = if is_allowed { "allowed" } else { "implicitDeny" };
                let result = element("EvalActionName", action) + &element("EvalDecision", decision);
                results += &element("member", &result);
            }
        }
        element("SimulatePrincipalPolicyResponse SimulatePrincipalPolicyResult EvaluationResults", &results)
    }
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
    let call = format!("{target} {} {body}", uri.path());
    let answers = scene.aws().answers.clone();
    let is_meant = |words: &str| words.split(' ').all(|word| call.contains(word));
    if let Some((_, status, text)) = answers.into_iter().rev().find(|(words, ..)| is_meant(words)) {
        return reply(status, text);
    }
    match (target.split('.').next().unwrap(), form.get("Action").map_or("", String::as_str)) {
        // The first page is empty, and so is the second.
        ("Logs_20140328", _) if call.contains("nextToken") => reply(200, "{}"),
        ("Logs_20140328", _) => reply(200, json!({ "nextToken": "more" }).to_string()),
        ("DynamoDB_20120810", _) => forward(&scene.stack.dynamodb.url(), headers, body).await,
        ("secretsmanager", _) => forward(&scene.stack.secrets.url(), headers, body).await,
        (_, "DescribeStacks") => reply(200, scene.aws().stack()),
        (_, "SimulatePrincipalPolicy") => reply(200, scene.aws().simulate(&form)),
        _ => match uri.path().strip_prefix("/2015-03-31/functions/") {
            Some(path) => {
                reply(200, scene.aws().functions[path.trim_end_matches("/configuration")].to_string())
            }
            None => scene.api(method, uri, headers).await,
        },
    }
}

/// What DynamoDB says of a table with this key.
pub(super) fn table(key: &str, is_protected: bool) -> Value {
    json!({ "Table": {
        "TableStatus": "ACTIVE",
        "KeySchema": [{ "AttributeName": key, "KeyType": "HASH" }],
        "AttributeDefinitions": [{ "AttributeName": key, "AttributeType": "S" }],
        "DeletionProtectionEnabled": is_protected,
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
