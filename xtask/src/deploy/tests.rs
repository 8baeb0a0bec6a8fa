//! Deployments against an AWS that has what a test puts there, and the fake Google.

use std::path::PathBuf;

use axum::Router;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use clap::Parser;
use harness::google::{Endpoint, Failure, Google, Times};
use postern::clock::Clock;
use serde_json::{Value, json};
use tokio::net::TcpListener;

use super::plan::Plan;
use super::{client_file, confirm, left_behind, release, remaining};
use crate::account::Account;
use crate::commands::{Command, CommandLine, DeployOptions};
use crate::stack::Outputs;
use crate::web_client::{ClientText, WebClient};

const CLIENT: &str = "640512773041-p0sternfakeclient.apps.googleusercontent.com";
const CALLBACK: &str = "https://api.example.com/oauth/callback";
/// The parameters of a stack that is Postern's.
const OURS: [(&str, &str); 2] = [("AllowedOrigins", "https://a.example"), ("GoogleClientSecretId", "mine")];

/// What an account holds.
#[derive(Clone, Default)]
struct Aws {
    stack: Option<(&'static str, Vec<(&'static str, &'static str)>)>,
    secret: Option<String>,
    hides_secrets: bool,
    refuses_writes: bool,
    tables: Vec<&'static str>,
    keyring_of: Option<&'static str>,
}

impl Aws {
    async fn start(self) -> Account {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let router = Router::new().fallback(answer).with_state(self);
        tokio::spawn(async move { axum::serve(listener, router).await });
        Account::at(&url)
    }

    async fn plan(self, line: &str) -> Result<Plan, String> {
        Plan::make(&options(line), &self.start().await).await
    }
}

async fn answer(State(aws): State<Aws>, headers: HeaderMap, body: String) -> (StatusCode, String) {
    let not_found = || (StatusCode::BAD_REQUEST, json!({ "__type": "ResourceNotFoundException" }));
    let action = headers.get("x-amz-target").map_or(body.as_str(), |target| target.to_str().unwrap());
    let name = action.rsplit('.').next().unwrap();
    let (status, answer) = match (name, &aws.secret) {
        ("ListTables", _) => (StatusCode::OK, json!({ "TableNames": aws.tables })),
        ("ListSecrets", _) => {
            let keyrings = aws.keyring_of.into_iter().map(|stack| {
                let tags = json!([{ "Key": "aws:cloudformation:stack-name", "Value": stack }]);
                json!({ "ARN": "arn:keyring", "Tags": tags })
            });
            (StatusCode::OK, json!({ "SecretList": keyrings.collect::<Vec<_>>() }))
        }
        ("PutSecretValue" | "CreateSecret", _) if aws.refuses_writes => {
            (StatusCode::BAD_REQUEST, json!({ "__type": "AccessDeniedException" }))
        }
        ("PutSecretValue", Some(_)) | ("CreateSecret", None) => {
            (StatusCode::OK, json!({ "VersionId": "v2" }))
        }
        ("GetSecretValue", Some(_)) if aws.hides_secrets => {
            (StatusCode::BAD_REQUEST, json!({ "__type": "AccessDeniedException" }))
        }
        ("GetSecretValue", Some(text)) => (StatusCode::OK, json!({ "SecretString": text })),
        ("DescribeSecret", Some(_)) => {
            (StatusCode::OK, json!({ "VersionIdsToStages": { "v1": ["AWSPREVIOUS"], "v2": ["AWSCURRENT"] } }))
        }
        (name, _) if name.contains("Secret") => not_found(),
        _ => return xml(&aws, action),
    };
    (status, answer.to_string())
}

fn xml(aws: &Aws, body: &str) -> (StatusCode, String) {
    if body.contains("Action=GetCallerIdentity") {
        let identity =
            "<GetCallerIdentityResult><Account>1234</Account><Arn>arn:ann</Arn></GetCallerIdentityResult>";
        return (
            StatusCode::OK,
            format!("<GetCallerIdentityResponse>{identity}</GetCallerIdentityResponse>"),
        );
    }
    let Some((status, parameters)) = &aws.stack else {
        let error = "<Error><Code>ValidationError</Code><Message>Stack does not exist</Message></Error>";
        return (StatusCode::BAD_REQUEST, format!("<ErrorResponse>{error}</ErrorResponse>"));
    };
    let parameters = parameters.iter().map(|(key, value)| {
        let pair = format!("<ParameterKey>{key}</ParameterKey><ParameterValue>{value}</ParameterValue>");
        format!("<member>{pair}</member>")
    });
    let parameters: String = parameters.collect();
    let tags = "<member><Key>cost center</Key><Value>mail</Value></member>";
    let stack = format!(
        "<StackName>postern</StackName><CreationTime>2026-01-01T00:00:00Z</CreationTime><StackStatus>{status}</StackStatus>\
         <Parameters>{parameters}</Parameters><Tags>{tags}</Tags>"
    );
    let stacks =
        format!("<DescribeStacksResult><Stacks><member>{stack}</member></Stacks></DescribeStacksResult>");
    (StatusCode::OK, format!("<DescribeStacksResponse>{stacks}</DescribeStacksResponse>"))
}

fn options(line: &str) -> DeployOptions {
    let words = ["xtask", "deploy"].into_iter().chain(line.split_whitespace());
    let Command::Deploy(options) = CommandLine::parse_from(words).command else { panic!("{line}") };
    options
}

/// A file of this test's own for its owner only, and `--client-secret` with it.
fn saved(name: &str, content: &str) -> String {
    use std::os::unix::fs::PermissionsExt;
    let path: PathBuf = crate::processes::root().join("target").join(format!("deploy-test-{name}.json"));
    std::fs::write(&path, content).unwrap();
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o600)).unwrap();
    format!("--client-secret {}", path.display())
}

async fn google() -> (Google, String) {
    let google = Google::start_anywhere(Clock::System).await;
    let file = google.client_secrets(&[CALLBACK]);
    (google, file)
}

/// The same file with another client's ID, which Google is not asked about.
fn of_another_client(file: &str) -> String {
    file.replace(CLIENT, "1-other.apps.googleusercontent.com")
}

#[tokio::test]
async fn a_first_deployment_is_shown_before_it_is_done() {
    let (google, file) = google().await;
    let line = format!("--parameter AllowedOrigins=https://a.example {}", saved("first", &file));
    let plan = Aws::default().plan(&line).await.unwrap();
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
    let left = remaining::steps(&plan, &Outputs::from([("CallbackUrl", "https://b.example/oauth/callback")]));
    assert!(
        left[0]
            .starts_with("Register https://b.example/oauth/callback\nas an authorized redirect URI of 6405")
    );
    let left = remaining::steps(&plan, &Outputs::from([("CallbackUrl", CALLBACK)])).join("\n");
    assert!(
        left.starts_with("Enable the Gmail API") && left.ends_with("--stack-name postern --region us-east-1")
    );
}

#[tokio::test]
async fn a_stack_that_would_lose_its_users_is_created_only_when_told_to_start_empty() {
    let secret = Some(google().await.1);
    for (aws, part) in [
        (Aws { stack: Some(("REVIEW_IN_PROGRESS", vec![])), ..Aws::default() }, "Coming back"),
        (
            Aws { tables: vec!["postern-CredentialsTable-1A"], ..Aws::default() },
            "postern-CredentialsTable-1A",
        ),
        (Aws { keyring_of: Some("postern"), ..Aws::default() }, "the keyring arn:keyring"),
    ] {
        let aws = Aws { secret: secret.clone(), ..aws };
        let line = "--parameter AllowedOrigins=https://a.example";
        let problem = aws.clone().plan(line).await.err().unwrap();
        assert!(problem.contains(part) && problem.ends_with("give --start-empty"), "{problem}");
        let plan = aws.plan(&format!("--start-empty {line}")).await.unwrap();
        assert!(plan.to_string().contains("postern: create"));
    }
    let of_others =
        Aws { tables: vec!["mail-CredentialsTable-1A"], keyring_of: Some("mail"), secret, ..Aws::default() };
    assert!(of_others.plan("--parameter AllowedOrigins=https://a.example").await.is_ok());
}

#[tokio::test]
async fn what_cannot_be_deployed_is_refused_before_anything_changes() {
    let ours = OURS.to_vec();
    for (status, parameters, line, part) in [
        ("ROLLBACK_COMPLETE", &ours, "", "delete-stack --stack-name postern"),
        ("UPDATE_ROLLBACK_FAILED", &ours, "", "continue-update-rollback"),
        ("UPDATE_IN_PROGRESS", &ours, "", "wait until"),
        ("CREATE_COMPLETE", &vec![("KmsKeyArn", "")], "", "it is not Postern"),
        (
            "CREATE_COMPLETE",
            &ours,
            "",
            "there is no secret mine in Secrets Manager yet; give --client-secret",
        ),
        ("CREATE_COMPLETE", &ours, "--parameter AllowedOrigin=a", "no parameter \"AllowedOrigin\""),
        ("CREATE_COMPLETE", &ours, "--parameter AllowedOrigins", "not NAME=VALUE"),
    ] {
        let aws = Aws { stack: Some((status, parameters.clone())), ..Aws::default() };
        let problem = aws.plan(line).await.err().unwrap();
        assert!(problem.contains(part), "{problem}");
    }
    let problem = Aws::default().plan("").await.err().unwrap();
    assert!(problem.contains("--parameter AllowedOrigins=https://app.example.com"), "{problem}");
    let imported = Aws { stack: Some(("IMPORT_COMPLETE", vec![("KmsKeyArn", "")])), ..Aws::default() };
    let problem = imported.plan("").await.err().unwrap();
    assert!(problem.contains("there is no secret postern/google-client"), "{problem}");
}

#[tokio::test]
async fn another_client_is_stored_only_when_the_caller_says_so() {
    let (_google, file) = google().await;
    let other = of_another_client(&file);
    let stack = Some(("UPDATE_COMPLETE", OURS.to_vec()));
    let line = format!("--yes {}", saved("another", &file));
    for (secret, hides_secrets, change) in [
        (file.clone(), false, None),
        (file.replace(CALLBACK, "https://b.example"), false, None),
        ("not a client".to_owned(), false, None),
        (other, false, Some("another OAuth client replaces 1-other")),
        (file, true, Some("may not read the OAuth client")),
    ] {
        let aws = Aws { stack: stack.clone(), secret: Some(secret), hides_secrets, ..Aws::default() };
        let plan = aws.plan(&line).await.unwrap();
        let found = plan.client_change.as_deref();
        assert_eq!(found.is_some(), change.is_some(), "{found:?}");
        assert!(found.unwrap_or_default().contains(change.unwrap_or_default()), "{found:?}");
        assert_eq!(confirm(&options(&line), found).is_err(), change.is_some());
        assert_eq!(confirm(&options(&format!("{line} --change-client")), found), Ok(()));
        assert!(!plan.to_string().contains("GOCSPX"), "{plan}");
    }
}

#[tokio::test]
async fn a_stack_that_moves_to_a_secret_that_may_hold_another_client_needs_a_yes() {
    let secret = Some(google().await.1);
    let stack = Some(("UPDATE_COMPLETE", OURS.to_vec()));
    let line = "--parameter GoogleClientSecretId=other";
    let aws = Aws { stack, secret, ..Aws::default() };
    assert_eq!(aws.clone().plan(line).await.unwrap().client_change, None);
    let plan = Aws { hides_secrets: true, ..aws }.plan(line).await.unwrap();
    assert!(plan.client_change.is_some());
}

#[tokio::test]
async fn the_client_is_written_only_if_it_is_new_and_the_way_back_is_said() {
    let (google, file) = google().await;
    let line =
        format!("--profile team --parameter AllowedOrigins=https://a.example {}", saved("written", &file));
    let aws = |secret: Option<&str>| Aws { secret: secret.map(str::to_owned), ..Aws::default() };
    let longer = google.client_secrets(&[CALLBACK, "https://b.example/oauth/callback"]);
    for (aws, words) in [
        (aws(Some(&file)), Ok(None)),
        (aws(Some(&longer)), Ok(None)),
        (aws(None), Ok(Some("The secret postern/google-client was created"))),
        (
            aws(Some(&of_another_client(&file))),
            Ok(Some("--move-to-version-id v1 --remove-from-version-id v2 --region us-east-1 --profile team")),
        ),
        (Aws { refuses_writes: true, ..aws(None) }, Err("cannot be created")),
        (
            Aws { refuses_writes: true, ..aws(Some("{}")) },
            Err("list-secret-version-ids --secret-id postern/google-client"),
        ),
    ] {
        let account = aws.start().await;
        let plan = Plan::make(&options(&line), &account).await.unwrap();
        let said = plan.store_client(&account).await;
        let contains = match (&said, words) {
            (Ok(None), Ok(None)) => true,
            (Ok(Some(said)), Ok(Some(words))) | (Err(said), Err(words)) => said.contains(words),
            _ => false,
        };
        assert!(contains && !format!("{said:?}").contains("GOCSPX"), "{said:?} {words:?}");
    }
}

#[tokio::test]
async fn sam_keeps_the_stacks_tags_and_gets_what_the_caller_adds() {
    let secret = Some(google().await.1);
    let words = async |line: &str| {
        let stack = Some(("UPDATE_COMPLETE", [OURS.to_vec(), vec![("Architecture", "x86_64")]].concat()));
        let plan = Aws { stack, secret: secret.clone(), ..Aws::default() }.plan(line).await.unwrap();
        (release::build(&plan).join(" "), release::deploy(&options(line), &plan).join(" "))
    };
    let both =
        "--config-env cargo-xtask-deploy --region us-east-1 --parameter-overrides Architecture=\"x86_64\"";
    let (build, deploy) = words("").await;
    assert_eq!(build, format!("build --beta-features {both}"));
    assert_eq!(
        deploy,
        format!(
            "deploy --stack-name postern --no-confirm-changeset --no-fail-on-empty-changeset --resolve-s3 --capabilities \
             CAPABILITY_IAM CAPABILITY_AUTO_EXPAND --tags \"cost center\"=\"mail\" {both}"
        )
    );
    let (_, deploy) = words("-- --tags a=b --role-arn arn:role --s3-bucket own").await;
    assert!(
        deploy.starts_with("deploy --tags a=b --role-arn arn:role --s3-bucket own --stack-name postern"),
        "{deploy}"
    );
    assert!(!deploy.contains("cost center") && !deploy.contains("--resolve-s3"), "{deploy}");
    for refused in ["--stack-name other", "--parameter-overrides A=b", "--region=eu-west-1", "--guided"] {
        assert!(release::check(&options(&format!("-- {refused}")).sam).is_err(), "{refused}");
    }
}

#[tokio::test]
async fn a_failed_creation_is_said_with_what_it_left() {
    let aws = Aws { tables: vec!["postern-CredentialsTable-1A"], ..Aws::default() };
    let said = left_behind::after_a_failure(&aws.start().await, "postern").await;
    assert!(said.contains("left the table postern-CredentialsTable-1A"), "{said}");
    let said = left_behind::after_a_failure(&Aws::default().start().await, "postern").await;
    assert!(said.contains("left no table and no keyring"), "{said}");
}

#[tokio::test]
async fn a_client_that_google_refuses_is_refused_and_what_google_does_not_say_is_a_warning() {
    let oauth =
        |error: &str| Failure::OAuth { status: 401, error: error.to_owned(), description: String::new() };
    for (failure, refusal) in [
        (oauth("invalid_client"), Some("refuses the client secret")),
        (oauth("deleted_client"), Some("has deleted the client")),
        (oauth("disabled_client"), Some("has disabled the client")),
        (oauth("unauthorized_client"), Some("no authorization codes")),
        (oauth("planted"), None),
        (Failure::Status(503), None),
    ] {
        let (google, file) = google().await;
        google.fail(Endpoint::Token, failure, Times::UntilCleared);
        let client = WebClient::parse(ClientText::new(file)).unwrap();
        let said = client_file::ask_google(&client).await;
        assert_eq!(said.is_err(), refusal.is_some(), "{said:?}");
        let words = said.unwrap_or_else(Some).unwrap();
        assert!(words.contains(refusal.unwrap_or("does not say")) && !words.contains("planted"), "{words}");
    }
}

#[test]
fn a_file_that_is_not_a_web_client_is_named_without_its_content() {
    for (name, content, part) in [
        (
            "installed",
            json!({ "installed": { "client_id": "planted", "client_secret": "planted" } }),
            "Web application",
        ),
        ("words", Value::from("planted"), "is a file that is not Google's client_secrets.json"),
        ("large", Value::from("planted".repeat(10_000)), "too large"),
    ] {
        let path = options(&saved(name, &content.to_string())).client_secret.unwrap();
        let problem = client_file::read(&path).unwrap_err();
        assert!(problem.contains(part) && !problem.contains("planted"), "{problem}");
        assert_eq!(client_file::warning(&path), None);
    }
}
