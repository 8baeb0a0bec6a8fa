//! An AWS account with Postern in it, on one port: API Gateway in front of the functions, and of
//! CloudFormation, Lambda, IAM, STS and CloudWatch Logs the calls that doctor makes. DynamoDB and
//! Secrets Manager are those of the harness.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use axum::Router;
use axum::body::{Body, Bytes, to_bytes};
use axum::extract::{Request, State};
use axum::http::request::Parts;
use axum::http::{HeaderMap, Response};
use harness::Stack;
use harness::world::{Answer, Call, invoke};
use postern::app::App;
use postern::clock::Clock;
use serde_json::{Value, json};
use tokio::net::TcpListener;

use crate::doctor::target::http_client;

/// The front end.
pub(super) const PAGE: &str = "http://localhost:9100";
/// What the template calls a resource, and what its ARN contains.
const RESOURCES: [(&str, &str); 7] = [
    ("CredentialsTable", "table/CredentialsTable"),
    ("SessionsTable", "table/SessionsTable"),
    ("SealingKeys", "postern/sealing-keys"),
    ("GoogleClientSecretId", "postern/google-client"),
    ("Log.Arn", "log-group:/postern/postern/"),
    ("KmsKeyArn", ":key/"),
    ("*", "*"),
];

/// What API Gateway answers a preflight request from an origin: status and allowed origin.
pub(super) type Preflight = fn(&str) -> (u16, &str);

/// The account; it ends with the test's runtime.
#[derive(Clone)]
pub(super) struct Aws {
    pub(super) url: String,
    dynamodb: String,
    secrets: String,
    account: Arc<Mutex<Account>>,
}

/// What a test changes.
pub(super) struct Account {
    /// The stack's parameters and outputs: `Parameter` or `Output` and the name, with the value.
    pub(super) stack: BTreeMap<(&'static str, String), String>,
    /// What Lambda says of each function.
    pub(super) functions: BTreeMap<String, Value>,
    /// Role, action, part of the resource's ARN, and what IAM's simulator says in place of the
    /// template: allowed, denied, or nothing.
    pub(super) policies: Vec<(&'static str, &'static str, &'static str, Option<bool>)>,
    /// Roles and actions that the simulator was asked about.
    pub(super) asked: BTreeSet<(String, String)>,
    pub(super) preflight: Preflight,
    /// Words of calls that are answered so.
    answers: Vec<(&'static str, u16, String)>,
}

impl Aws {
    pub(super) fn serve(listener: TcpListener, url: String, back_ends: &Stack) -> Self {
        let mut variables = back_ends.environment();
        // Lambda sets these itself, and its answers do not show them.
        variables.retain(|name, _| !name.starts_with("AWS_") || name.starts_with("AWS_ENDPOINT_"));
        let functions = postern_template::roles::functions(&postern_template::read());
        let outputs = [
            ("ApiUrl", url.clone()),
            ("CallbackUrl", format!("{url}/oauth/callback")),
            ("CredentialsTableName", "CredentialsTable".to_owned()),
            ("SessionsTableName", "SessionsTable".to_owned()),
            ("GoogleClientSecret", "postern/google-client".to_owned()),
            ("SealingKeysSecretArn", "postern/sealing-keys".to_owned()),
        ];
        let outputs = outputs.map(|(name, value)| (name.to_owned(), value)).into_iter();
        let of_functions = functions.iter().map(|(id, name)| (format!("{id}Function"), name.clone()));
        let stack = outputs.chain(of_functions).map(|(name, value)| (("Output", name), value)).collect();
        let functions = functions.into_iter().map(|(_, name)| {
            let description = json!({
                "FunctionName": name,
                "FunctionArn": format!("arn:aws:lambda:us-east-1:123456789012:function:{name}"),
                "Role": format!("arn:aws:iam::123456789012:role/{name}"),
                "LoggingConfig": { "LogGroup": format!("/postern/postern/{name}") },
                "Environment": { "Variables": variables },
            });
            (name, description)
        });
        let account = Account {
            stack,
            functions: functions.collect(),
            policies: Vec::new(),
            asked: BTreeSet::new(),
            preflight: |origin| (204, if origin == PAGE { origin } else { "" }),
            answers: Vec::new(),
        };
        let (dynamodb, secrets) = (back_ends.dynamodb.url(), back_ends.secrets.url());
        let aws = Self { url, dynamodb, secrets, account: Arc::new(Mutex::new(account)) };
        aws.answer("DescribeTable CredentialsTable", 200, &table("user_id", true));
        aws.answer("DescribeContinuousBackups", 200, &recovery("ENABLED"));
        let router = Router::new().fallback(answer).with_state(aws.clone());
        tokio::spawn(async move { axum::serve(listener, router).await });
        aws
    }

    pub(super) fn account(&self) -> MutexGuard<'_, Account> {
        self.account.lock().unwrap()
    }

    /// From now on answers every call so that has all of these words in its target, path and body.
    pub(super) fn answer(&self, call: &'static str, status: u16, body: &impl ToString) {
        self.account().answers.insert(0, (call, status, body.to_string()));
    }

    /// Invokes a function as API Gateway does, in a new execution environment.
    pub(super) async fn call(&self, call: Call) -> Answer {
        let name = match call.path.as_str() {
            "/auth/start" => "auth-start",
            "/messages" => "list-messages",
            _ => "oauth-callback",
        };
        let variables = self.account().functions[name]["Environment"]["Variables"].clone();
        // The future of a function does not move between threads.
        let invocation = tokio::task::spawn_blocking(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
            let set_by_lambda = |name: &str| name.starts_with("AWS_").then_some("us-east-1");
            runtime.block_on(async {
                let look_up = |name: &str| variables[name].as_str().or_else(|| set_by_lambda(name));
                let app = App::new(|name| look_up(name).map(str::to_owned), Clock::System, None);
                invoke(app.as_ref(), &call.event().to_string(), Duration::from_secs(8)).await
            })
        });
        invocation.await.unwrap()
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

async fn answer(State(aws): State<Aws>, request: Request) -> Response<Body> {
    let (head, body) = request.into_parts();
    let body = to_bytes(body, 64 * 1024).await.unwrap();
    let target = header(&head.headers, "x-amz-target");
    let form: Vec<(String, String)> = url::form_urlencoded::parse(&body).into_owned().collect();
    let action = field(&form, "Action");
    let path = head.uri.path();
    let call = format!("{target} {path} {}", String::from_utf8_lossy(&body));
    let answers = aws.account().answers.clone();
    let is_meant = |words: &str| words.split(' ').all(|word| call.contains(word));
    if let Some((_, status, text)) = answers.into_iter().find(|(words, ..)| is_meant(words)) {
        return response(status, text);
    }
    match (target.split('.').next().unwrap_or_default(), action) {
        // The first page is empty, and so is the second.
        ("Logs_20140328", _) if call.contains("nextToken") => response(200, "{}".to_owned()),
        ("Logs_20140328", _) => response(200, json!({ "nextToken": "more" }).to_string()),
        ("DynamoDB_20120810", _) => forward(&aws.dynamodb, &head, body).await,
        ("secretsmanager", _) => forward(&aws.secrets, &head, body).await,
        (_, "DescribeStacks") => stack(&aws.account()),
        (_, "SimulatePrincipalPolicy") => response(200, simulate(&mut aws.account(), &form)),
        _ => match path.strip_prefix("/2015-03-31/functions/") {
            Some(path) => {
                response(200, aws.account().functions[path.trim_end_matches("/configuration")].to_string())
            }
            None => api(&aws, &head).await,
        },
    }
}

async fn forward(url: &str, head: &Parts, body: Bytes) -> Response<Body> {
    let mut headers = head.headers.clone();
    headers.remove("host");
    let client = http_client().unwrap();
    let request = client.post(url).headers(headers).body(body).build().unwrap();
    let answer = postern::outside::http::send(&client, request, Duration::from_secs(5), 1024 * 1024).await;
    match answer {
        Ok(answer) => response(answer.status, String::from_utf8(answer.body.to_vec()).unwrap()),
        Err(failure) => response(502, failure.to_string()),
    }
}

fn stack(account: &Account) -> Response<Body> {
    let members = |kind: &str| -> String {
        let of_kind = account.stack.iter().filter(|((known, _), _)| *known == kind);
        let members = of_kind.map(|((_, name), value)| {
            format!("<member><{kind}Key>{name}</{kind}Key><{kind}Value>{value}</{kind}Value></member>")
        });
        format!("<{kind}s>{}</{kind}s>", members.collect::<String>())
    };
    let description = [members("Parameter"), members("Output")].concat();
    let description =
        format!("<Stacks><member><StackName>postern</StackName>{description}</member></Stacks>");
    let result = format!("<DescribeStacksResult>{description}</DescribeStacksResult>");
    response(200, format!("<DescribeStacksResponse>{result}</DescribeStacksResponse>"))
}

/// IAM's simulator: what the template grants, unless the test says otherwise.
fn simulate(account: &mut Account, form: &[(String, String)]) -> String {
    let template = postern_template::read();
    let role = field(form, "PolicySourceArn").rsplit('/').next().unwrap_or_default();
    let arn = field(form, "ResourceArns.member.1");
    let through = field(form, "ContextEntries.member.1.ContextKeyValues.member.1");
    let functions = postern_template::roles::functions(&template);
    let (logical_id, _) = functions.iter().find(|(_, folder)| folder == role).unwrap();
    let grants = postern_template::roles::grants(&template, logical_id);
    let names = |resource: &str| {
        let known = RESOURCES.iter().find(|(name, _)| resource.contains(name));
        known.is_some_and(|(_, part)| arn.contains(part))
    };
    let service = through.split('.').next().unwrap_or_default();
    let actions = form.iter().filter(|(name, _)| name.starts_with("ActionNames.member."));
    let results = actions.filter_map(|(_, action)| {
        account.asked.insert((role.to_owned(), action.clone()));
        let granted = grants.iter().any(|grant| {
            grant.action == *action
                && names(&grant.resource)
                && (service.is_empty() || grant.is_through(service))
        });
        let changed = account.policies.iter().find(|(of, known, part, _)| {
            role.contains(of) && action == known && (arn.contains(part) || through.starts_with(part))
        });
        let decision = changed.map_or(Some(granted), |(.., decision)| *decision)?;
        let decision = if decision { "allowed" } else { "implicitDeny" };
        let name = format!("<EvalActionName>{action}</EvalActionName>");
        Some(format!("<member>{name}<EvalDecision>{decision}</EvalDecision></member>"))
    });
    let results = format!("<EvaluationResults>{}</EvaluationResults>", results.collect::<String>());
    let result = format!("<SimulatePrincipalPolicyResult>{results}</SimulatePrincipalPolicyResult>");
    format!("<SimulatePrincipalPolicyResponse>{result}</SimulatePrincipalPolicyResponse>")
}

/// API Gateway answers preflight requests itself and passes on the others.
async fn api(aws: &Aws, head: &Parts) -> Response<Body> {
    let origin = header(&head.headers, "origin");
    if head.method == "OPTIONS" {
        let (status, allowed) = (aws.account().preflight)(origin);
        let preflight = Response::builder()
            .status(status)
            .header("access-control-allow-credentials", "true")
            .header("access-control-allow-methods", "GET,POST,DELETE")
            .header("access-control-allow-headers", "authorization,content-type,x-requested-with")
            .header("access-control-allow-origin", allowed);
        return preflight.body(Body::empty()).unwrap();
    }
    let mut call = Call::get(head.uri.path(), head.uri.query().unwrap_or_default());
    for (name, value) in &head.headers {
        call = call.header(name.as_str(), value.to_str().unwrap());
    }
    let answer = aws.call(call).await;
    response(u16::try_from(answer.status).unwrap(), answer.body)
}

fn response(status: u16, body: String) -> Response<Body> {
    Response::builder().status(status).body(Body::from(body)).unwrap()
}

fn header<'a>(headers: &'a HeaderMap, name: &str) -> &'a str {
    headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default()
}

fn field<'a>(form: &'a [(String, String)], name: &str) -> &'a str {
    form.iter().find(|(known, _)| known == name).map_or("", |(_, value)| value)
}
