//! Deployments against an AWS that has what a test puts there, and the fake Google. The submodule
//! has two clients in the secret.

mod two_clients;

use std::fs::Permissions;
use std::os::unix::fs::PermissionsExt;

use axum::Router;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode, Uri};
use clap::Parser;
use harness::google::{Endpoint, Failure, Google, Times};
use postern::clock::Clock;
use serde_json::json;
use tokio::net::TcpListener;

use super::plan::Plan;
use super::{client_file, confirm, left_behind, release, remaining};
use crate::account::Account;
use crate::commands::{Command, CommandLine, DeployOptions};
use crate::stack::Outputs;
use crate::web_client::{ClientText, WebClient};

const CLIENT: &str = "640512773041-p0sternfakeclient.apps.googleusercontent.com";
const CALLBACK: &str = "https://api.example.com/oauth/callback";
const NEW: &str = "--parameter AllowedOrigins=https://a.example";
/// The parameters of a stack that is Postern's.
const OURS: &[(&str, &str)] =
    &[("AllowedOrigins", "https://a.example"), ("Architecture", "x86_64"), ("GoogleClientSecretId", "mine")];
/// The same with the scopes that it asks for.
const ASKING: &[(&str, &str)] = &[
    ("AllowedOrigins", "https://a.example"),
    ("GmailScopes", "https://www.googleapis.com/auth/gmail.readonly"),
    ("GoogleClientSecretId", "mine"),
];

/// What an account holds.
#[derive(Clone, Default)]
struct Aws {
    stack: Option<(&'static str, &'static [(&'static str, &'static str)])>,
    secret: Option<String>,
    hides_secrets: bool,
    refuses_writes: bool,
    table: Option<&'static str>,
    keyring_of: Option<&'static str>,
    /// What the stack's function `connections` answers; Lambda refuses to invoke it without one.
    counted: Option<serde_json::Value>,
    has_administrators: bool,
    /// The items of the credentials table; without them the stack names no tables.
    scanned: Option<serde_json::Value>,
    /// How many items DynamoDB says that the credentials table has.
    items: u64,
}

impl Aws {
    async fn start(&self) -> Account {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let router = Router::new().fallback(answer).with_state(self.clone());
        #[expect(clippy::disallowed_methods, reason = "the fake AWS runs beside the test")]
        tokio::spawn(async move { axum::serve(listener, router).await });
        Account::of_a_test(&url).await
    }

    async fn plan(&self, line: &str) -> Result<Plan, String> {
        Plan::make(&options(line), &self.start().await).await
    }

    async fn refusal(&self, line: &str) -> String {
        self.plan(line).await.err().unwrap()
    }
}

async fn answer(State(aws): State<Aws>, uri: Uri, headers: HeaderMap, body: String) -> (StatusCode, String) {
    if uri.path() == "/2015-03-31/functions/count-them/invocations" {
        let refused = || (StatusCode::FORBIDDEN, json!({ "__type": "AccessDeniedException" }).to_string());
        return aws.counted.map_or_else(refused, |counted| (StatusCode::OK, counted.to_string()));
    }
    let Some(target) = headers.get("x-amz-target") else { return answer_in_xml(&aws, &body) };
    let keyring = json!({
        "ARN": "arn:keyring",
        "Tags": [{ "Key": "aws:cloudformation:stack-name", "Value": aws.keyring_of }],
    });
    let found = match (target.to_str().unwrap().rsplit('.').next().unwrap(), &aws.secret) {
        ("Scan", _) => {
            let is_first = body.contains(r#""Segment":0"#);
            let items = aws.scanned.filter(|_| is_first).unwrap_or_else(|| json!([]));
            Ok(json!({ "Items": items, "Count": 0, "ScannedCount": 0 }))
        }
        ("DescribeTable", _) => Ok(json!({ "Table": { "ItemCount": aws.items } })),
        ("ListTables", _) => Ok(json!({ "TableNames": aws.table.as_slice() })),
        ("ListSecrets", _) => Ok(json!({ "SecretList": [keyring] })),
        ("PutSecretValue" | "CreateSecret", _) if aws.refuses_writes => Err("AccessDeniedException"),
        ("GetSecretValue", Some(_)) if aws.hides_secrets => Err("AccessDeniedException"),
        ("PutSecretValue", Some(_)) | ("CreateSecret", None) => Ok(json!({ "VersionId": "v2" })),
        ("GetSecretValue", Some(text)) => Ok(json!({ "SecretString": text })),
        ("DescribeSecret", Some(_)) => {
            Ok(json!({ "VersionIdsToStages": { "v1": ["AWSPREVIOUS"], "v2": ["AWSCURRENT"] } }))
        }
        _ => Err("ResourceNotFoundException"),
    };
    let refused = |code| (StatusCode::BAD_REQUEST, json!({ "__type": code }).to_string());
    found.map_or_else(refused, |found| (StatusCode::OK, found.to_string()))
}

fn answer_in_xml(aws: &Aws, body: &str) -> (StatusCode, String) {
    if body.contains("Action=GetCallerIdentity") {
        let identity = "<Account>1234</Account><Arn>arn:ann</Arn>";
        return (
            StatusCode::OK,
            wrapped(&["GetCallerIdentityResponse", "GetCallerIdentityResult"], identity),
        );
    }
    let Some((status, parameters)) = aws.stack else {
        let error = "<Code>ValidationError</Code><Message>Stack does not exist</Message>";
        return (StatusCode::BAD_REQUEST, wrapped(&["ErrorResponse", "Error"], error));
    };
    let pair = |(name, value): &(&str, &str)| {
        let pair = format!("<ParameterKey>{name}</ParameterKey><ParameterValue>{value}</ParameterValue>");
        wrapped(&["member"], &pair)
    };
    let parameters: String = parameters.iter().map(pair).collect();
    let output = "<OutputKey>ConnectionsFunction</OutputKey><OutputValue>count-them</OutputValue>";
    let mut outputs = if aws.has_administrators { wrapped(&["member"], output) } else { String::new() };
    for name in ["CredentialsTableName", "SessionsTableName", "GoogleClientSecret", "SealingKeysSecretArn"] {
        if aws.scanned.is_some() {
            let output = format!("<OutputKey>{name}</OutputKey><OutputValue>{name}</OutputValue>");
            outputs += &wrapped(&["member"], &output);
        }
    }
    let stack = format!(
        "<StackName>postern</StackName><CreationTime>2026-01-01T00:00:00Z</CreationTime><StackStatus>{status}</StackStatus>\
         <Parameters>{parameters}</Parameters><Outputs>{outputs}</Outputs><Tags><member><Key>cost center</Key><Value>mail</Value></member></Tags>"
    );
    let around = ["DescribeStacksResponse", "DescribeStacksResult", "Stacks", "member"];
    (StatusCode::OK, wrapped(&around, &stack))
}

/// XML elements around `inside`, the first of them outermost.
fn wrapped(elements: &[&str], inside: &str) -> String {
    elements.iter().rev().fold(inside.to_owned(), |inside, name| format!("<{name}>{inside}</{name}>"))
}

fn options(line: &str) -> DeployOptions {
    let words = ["xtask", "deploy"].into_iter().chain(line.split_whitespace());
    let Command::Deploy(options) = CommandLine::parse_from(words).command else { panic!("{line}") };
    options
}

/// A file that only its owner may read, as an option.
fn saved(name: &str, content: &str) -> String {
    let path = crate::processes::root().join("target").join(format!("deploy-test-{name}.json"));
    std::fs::write(&path, content).unwrap();
    std::fs::set_permissions(&path, Permissions::from_mode(0o600)).unwrap();
    format!("--client-secret {}", path.display())
}

async fn google() -> (Google, String) {
    let google = Google::start_anywhere(Clock::System).await;
    let file = google.client_secrets(&[CALLBACK]);
    (google, file)
}

fn of_another_client(file: &str) -> String {
    file.replace(CLIENT, "1-other.apps.googleusercontent.com")
}

#[tokio::test]
async fn a_first_deployment_is_shown_before_it_is_done() {
    let (google, file) = google().await;
    let plan = Aws::default().plan(&format!("{NEW} {}", saved("first", &file))).await.unwrap();
    let expected = format!(
        "  account    1234 (arn:ann)
  place      --region us-east-1
  stack      postern: create
  secret     postern/google-client: create, with the file as its value
  client     {CLIENT}
  parameter  AllowedOrigins=https://a.example
  parameter  Architecture=arm64
"
    );
    assert_eq!(plan.to_string(), expected);
    assert_eq!(google.calls_to(Endpoint::Token).len(), 1);
    let left = remaining::steps(&plan, &Outputs::from([("CallbackUrl", "https://b.example")])).join("\n");
    assert!(left.starts_with("Register https://b.example\nas an authorized redirect URI of 6405"), "{left}");
    let left = remaining::steps(&plan, &Outputs::from([("CallbackUrl", CALLBACK)])).join("\n");
    assert!(
        left.starts_with("Enable") && left.ends_with("--stack-name postern --region us-east-1"),
        "{left}"
    );
}

#[tokio::test]
async fn a_stack_that_would_lose_its_users_is_created_only_when_told_to_start_empty() {
    let aws = Aws { secret: Some(google().await.1), ..Aws::default() };
    let table = "postern-CredentialsTable-1A";
    for (aws, part) in [
        (Aws { stack: Some(("REVIEW_IN_PROGRESS", &[])), ..aws.clone() }, "execute it first"),
        (Aws { table: Some(table), ..aws.clone() }, table),
        (Aws { keyring_of: Some("postern"), ..aws.clone() }, "the keyring arn:keyring"),
    ] {
        let problem = aws.refusal(NEW).await;
        assert!(problem.contains(part) && problem.ends_with("give --start-empty"), "{problem}");
        assert!(aws.plan(&format!("--start-empty {NEW}")).await.is_ok(), "{part}");
    }
    let of_another = Aws { table: Some("mail-CredentialsTable-1A"), keyring_of: Some("mail"), ..aws };
    assert!(of_another.plan(NEW).await.is_ok());

    let failed = Aws { table: Some(table), ..Aws::default() };
    let account = failed.start().await;
    let said = left_behind::after_a_failure(&account, "postern", false).await;
    assert!(said.contains("left the table postern-CredentialsTable-1A, which nobody has used"), "{said}");
    // What was there before holds the tokens of an earlier stack's users.
    let said = left_behind::after_a_failure(&account, "postern", true).await;
    assert!(said.contains("an earlier stack's, with its users' tokens"), "{said}");
    assert!(!said.contains("nobody has used"), "{said}");
}

#[tokio::test]
async fn what_cannot_be_deployed_is_refused_before_anything_changes() {
    for (status, parameters, line, part) in [
        ("ROLLBACK_COMPLETE", OURS, "", "delete-stack --stack-name postern"),
        ("UPDATE_ROLLBACK_FAILED", OURS, "", "continue-update-rollback"),
        ("UPDATE_IN_PROGRESS", OURS, "", "wait until"),
        ("CREATE_COMPLETE", &[("KmsKeyArn", "")], "", "it is not Postern"),
        ("CREATE_COMPLETE", OURS, "", "there is no secret mine in Secrets Manager yet; give --client-secret"),
        // A stack that began with infra/import.yaml comes as far as that.
        ("IMPORT_COMPLETE", &[("KmsKeyArn", "")], NEW, "there is no secret postern/google-client"),
        ("CREATE_COMPLETE", OURS, "--parameter AllowedOrigin=a", "no parameter \"AllowedOrigin\""),
    ] {
        let problem = Aws { stack: Some((status, parameters)), ..Aws::default() }.refusal(line).await;
        assert!(problem.contains(part), "{problem}");
    }
    assert!(Aws::default().refusal("").await.contains("--parameter AllowedOrigins=https://app.example.com"));
    let stored = Aws { secret: Some("planted".to_owned()), ..Aws::default() }.refusal(NEW).await;
    assert!(stored.contains("cannot be used") && !stored.contains("planted"), "{stored}");
}

#[tokio::test]
async fn another_client_is_stored_only_when_the_caller_says_so() {
    let (_google, file) = google().await;
    let with_file = saved("another", &file);
    let moved = "--parameter GoogleClientSecretId=other";
    for (secret, hides_secrets, line, change) in [
        (file.replace(CALLBACK, "https://b.example"), false, with_file.as_str(), ""),
        ("not a client".to_owned(), false, &with_file, ""),
        (of_another_client(&file), false, &with_file, "another OAuth client replaces 1-other"),
        (file.clone(), true, &with_file, "may not read the OAuth client"),
        (file.clone(), false, moved, ""),
        (file.clone(), true, moved, "may not read the OAuth client"),
    ] {
        let stack = Some(("UPDATE_COMPLETE", OURS));
        let aws = Aws { stack, secret: Some(secret), hides_secrets, ..Aws::default() };
        let plan = aws.plan(line).await.unwrap();
        let found = plan.client_change.as_deref();
        assert!(
            found.is_some() != change.is_empty() && found.unwrap_or_default().contains(change),
            "{found:?}"
        );
        assert_eq!(confirm(&options("--yes"), found).is_err(), found.is_some());
        assert_eq!(confirm(&options("--yes --change-client"), found), Ok(()));
        assert!(!plan.to_string().contains("GOCSPX"), "{plan}");
    }
}

#[tokio::test]
async fn the_client_is_written_only_if_it_is_new_and_the_way_back_is_said() {
    let (google, file) = google().await;
    let line = format!("--profile team {NEW} {}", saved("written", &file));
    let longer = google.client_secrets(&[CALLBACK, "https://b.example/oauth/callback"]);
    for (secret, refuses_writes, words) in [
        (Some(file.clone()), false, ""),
        (Some(longer), false, ""),
        (None, false, "The secret postern/google-client was created"),
        (None, true, "cannot be created"),
        (Some("{}".to_owned()), true, "list-secret-version-ids --secret-id postern/google-client"),
        (
            Some(of_another_client(&file)),
            false,
            "--move-to-version-id v1 --remove-from-version-id v2 --region us-east-1 --profile team",
        ),
    ] {
        let account = Aws { secret, refuses_writes, ..Aws::default() }.start().await;
        let plan = Plan::make(&options(&line), &account).await.unwrap();
        let outcome = plan.store_client(&account).await;
        assert_eq!(outcome.is_err(), refuses_writes, "{words}");
        let said = outcome.unwrap_or_else(Some).unwrap_or_default();
        assert!(said.contains(words) && said.is_empty() == words.is_empty(), "{said}");
        assert!(!said.contains("GOCSPX"), "{said}");
    }
}

#[tokio::test]
async fn without_administrators_whom_a_change_asks_again_is_counted_in_the_table() {
    let item = |user: &str, status: &str| {
        let text = |text: &str| json!({ "S": text });
        json!({
            "user_id": text(user), "status": text(status), "client_id": text(CLIENT),
            "scopes": text("openid email https://www.googleapis.com/auth/gmail.readonly"),
            "connected_at": { "N": "1793000000" }, "updated_at": { "N": "1793000000" },
        })
    };
    let modify = "--parameter GmailScopes=https://www.googleapis.com/auth/gmail.modify";
    let scanned = json!([item("1", "active"), item("2", "active"), item("3", "revoked")]);
    for (scanned, items, words) in [
        (Some(scanned.clone()), 3, "This change asks 2 of 2 connected users again."),
        (Some(scanned), 1_000_001, "was not counted: the table has 1000001 items; `cargo xtask count`"),
        (None, 0, "was not counted: the stack has no output CredentialsTableName"),
    ] {
        let (stack, secret) = (Some(("UPDATE_COMPLETE", ASKING)), Some(google().await.1));
        let aws = Aws { stack, secret, scanned, items, ..Aws::default() };
        assert!(!aws.plan("").await.unwrap().to_string().contains("asks"));
        let plan = aws.plan(modify).await.unwrap().to_string();
        assert!(plan.contains(words), "{plan}");
    }
}

#[tokio::test]
async fn a_plan_says_whom_a_change_of_scopes_asks_again_or_why_it_could_not_count() {
    let readonly = "https://www.googleapis.com/auth/gmail.readonly";
    let counted = json!({ "asked_again": 0, "after": null, "counts": [
        { "status": "active", "client_id": CLIENT, "scopes": ["openid", "email", readonly], "connections": 1200 },
        { "status": "revoked", "client_id": CLIENT, "scopes": ["openid", "email", readonly], "connections": 7 },
    ] });
    let modify = "--parameter GmailScopes=https://www.googleapis.com/auth/gmail.modify";
    for (counted, words) in [
        (Some(counted), "This change asks 1,200 of 1,200 connected users again."),
        (None, "was not counted: Lambda does not invoke count-them: "),
    ] {
        let is_refused = counted.is_none();
        let stack = Some(("UPDATE_COMPLETE", ASKING));
        let secret = Some(google().await.1);
        let aws = Aws { stack, secret, counted, has_administrators: true, ..Aws::default() };
        let plan = aws.plan(modify).await.unwrap().to_string();
        assert!(plan.contains(words) && plan.contains("AccessDenied") == is_refused, "{plan}");
    }
}

#[tokio::test]
async fn sam_keeps_the_stacks_tags_and_gets_what_the_caller_adds() {
    let aws =
        Aws { stack: Some(("UPDATE_COMPLETE", OURS)), secret: Some(google().await.1), ..Aws::default() };
    let plan = aws.plan("").await.unwrap();
    let words = |line: &str| release::deploy(&options(line), &plan).join(" ");
    let rest =
        "--config-env cargo-xtask-deploy --region us-east-1 --parameter-overrides Architecture=\"x86_64\"";
    let expected = "deploy --stack-name postern --no-confirm-changeset --no-fail-on-empty-changeset --resolve-s3 \
                    --capabilities CAPABILITY_IAM CAPABILITY_AUTO_EXPAND --tags \"cost center\"=\"mail\"";
    assert_eq!(words(""), format!("{expected} {rest}"));
    let more = words("-- --tags a=b --role-arn arn:role --s3-bucket own");
    assert!(more.starts_with("deploy --tags a=b --role-arn arn:role --s3-bucket own --stack-name"), "{more}");
    assert!(!more.contains("cost center") && !more.contains("--resolve-s3"), "{more}");
    assert_eq!(release::refused(&options("-- --role-arn arn:role").sam), None);
    assert_eq!(release::refused(&options("-- --region=eu-west-1").sam), Some("--region"));
    assert_eq!(release::refused(&options("-- -tother.yaml").sam), Some("-t"));
    assert_eq!(release::refused(&options("-- --tags a=b").sam), None);
}

#[tokio::test]
async fn a_client_that_google_refuses_is_refused_and_what_google_does_not_say_is_a_warning() {
    for (error, refusal) in [
        ("invalid_client", Some("refuses the client secret")),
        ("deleted_client", Some("has deleted the client")),
        ("disabled_client", Some("has disabled the client")),
        ("unauthorized_client", Some("no authorization codes")),
        ("planted", None),
    ] {
        let (google, file) = google().await;
        let failure = Failure::OAuth { status: 401, error: error.to_owned(), description: String::new() };
        google.fail(Endpoint::Token, failure, Times::UntilCleared);
        let said = client_file::ask_google(&WebClient::parse(ClientText::new(file)).unwrap()).await;
        assert_eq!(said.is_err(), refusal.is_some(), "{said:?}");
        let words = said.unwrap_or_else(Some).unwrap();
        assert!(words.contains(refusal.unwrap_or("does not say")) && !words.contains("planted"), "{words}");
    }
}

#[test]
fn a_file_that_is_not_a_web_client_is_named_without_its_content() {
    let of =
        |kind: &str, id: &str| json!({ kind: { "client_id": id, "client_secret": "planted" } }).to_string();
    for (content, part) in [
        (of("installed", "planted"), "Web application"),
        // It may be the secret in the wrong place.
        (of("web", "GOCSPX-planted"), "client_id"),
        (of("web", "planted \u{1b}.apps.googleusercontent.com"), "client_id"),
        (of("web", "1.apps.example.com"), "client_id"),
        ("planted".to_owned(), "is not Google's client_secrets.json"),
        ("planted".repeat(10_000), "too large"),
    ] {
        let path = options(&saved("refused", &content)).client_secret.unwrap();
        let problem = client_file::read(&path).unwrap_err();
        assert!(problem.contains(part) && problem.contains("refused.json"), "{problem}");
        assert!(!problem.contains("planted"), "{problem}");
        assert_eq!(client_file::warning(&path), None);
    }
}

#[tokio::test]
async fn each_deployment_of_a_stack_with_versions_has_a_name_of_its_own() {
    let named = async |parameters: &'static [(&'static str, &'static str)], line: &str| {
        let aws = Aws {
            stack: Some(("UPDATE_COMPLETE", parameters)),
            secret: Some(google().await.1),
            ..Aws::default()
        };
        let plan = aws.plan(line).await?;
        Ok::<_, String>(plan.parameters.get("DeploymentId").cloned())
    };
    let with_versions: &[_] =
        &[("AllowedOrigins", "https://a.example"), ("DeploymentId", "one"), ("GoogleClientSecretId", "mine")];
    // Without versions there is none, until somebody asks for them.
    assert_eq!(named(OURS, "").await, Ok(None));
    for (stack, line) in [(with_versions, ""), (OURS, "--parameter Rollout=AllAtOnce")] {
        let name = named(stack, line).await.unwrap().unwrap();
        assert!(name.len() == 16 && name.starts_with("20") && name.ends_with('Z'), "{name}");
    }
    assert_eq!(named(with_versions, "--parameter DeploymentId=two").await, Ok(Some("two".to_owned())));
    assert_eq!(named(with_versions, "--parameter DeploymentId=").await, Ok(Some(String::new())));
    let problem = named(with_versions, "--parameter DeploymentId=one").await.unwrap_err();
    assert!(problem.contains("no request would reach this one"), "{problem}");
}
