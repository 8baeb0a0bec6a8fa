//! What could not be told is said so, and hides nothing else.

use harness::Fault;
use harness::google::{Endpoint, Failure, Times};

use super::*;
use crate::doctor::tables;

async fn untold(scene: &Scene) -> Vec<String> {
    scene.lines().await.into_iter().filter(|line| line.starts_with("? ")).collect()
}

const NO_SESSION: &str = "?      whether the Gmail API is enabled: set POSTERN_SESSION_TOKEN to the value of the cookie \
                          __Host-session after a sign-in, and ask again";

#[tokio::test]
async fn without_a_session_gmail_is_not_judged() {
    let scene = Scene::new().await;
    assert_eq!(untold(&scene).await, [NO_SESSION]);
}

#[tokio::test]
async fn a_session_that_is_over_is_no_defect() {
    let mut scene = Scene::new().await;
    scene.session = Some("v1.k1.not-a-session.planted".to_owned());
    assert_eq!(
        untold(&scene).await,
        ["?      whether the Gmail API is enabled: the session in POSTERN_SESSION_TOKEN is over; set \
          POSTERN_SESSION_TOKEN to the value of the cookie __Host-session after a sign-in, and ask again"]
    );
    scene.sign_in().await;
    scene.stack.google.revoke_grant("ann@example.com");
    scene.stack.google.expire_all_access_tokens();
    assert_eq!(
        untold(&scene).await,
        [
            "?      whether the Gmail API is enabled: the user of POSTERN_SESSION_TOKEN has to authorize again; do so, and \
          ask again"
        ]
    );
}

#[tokio::test]
async fn what_the_caller_may_not_see_is_not_wrong() {
    let scene = Scene::new().await;
    let refusal = Fault::Refusal { status: 400, exception: "AccessDeniedException" };
    scene.stack.dynamodb.fail("DescribeTable", refusal.clone(), 2);
    scene.stack.secrets.fail("GetSecretValue", refusal, 2);
    let lines = scene.lines().await;
    assert!(lines.iter().all(|line| !line.starts_with("wrong ")), "{lines:?}");
    for (what, action) in [
        ("the table CredentialsTable", "dynamodb:DescribeTable"),
        ("the secret with the keyring, postern/sealing-keys", "secretsmanager:GetSecretValue"),
    ] {
        let expected = format!("?      {what}: you may not {action}; ask again with a role that may");
        assert!(lines.contains(&expected), "{lines:?}");
    }
}

#[tokio::test]
async fn google_in_trouble_is_not_a_defect_of_the_deployment() {
    for failure in [
        Failure::Status(503),
        Failure::NotJson,
        Failure::ResetAfterReading,
        Failure::OAuth { status: 400, error: "planted <b>words</b>".to_owned(), description: String::new() },
        Failure::Redirect("https://planted.example/signin/oauth/error".to_owned()),
    ] {
        let scene = Scene::new().await;
        scene.stack.google.fail(Endpoint::Token, failure.clone(), Times::UntilCleared);
        scene.stack.google.fail(Endpoint::Authorize, failure.clone(), Times::UntilCleared);
        let lines = untold(&scene).await;
        assert_eq!(lines.len(), 3, "{failure:?}: {lines:?}");
        assert!(
            lines[0].starts_with("?      whether Google accepts the client secret in the secret"),
            "{lines:?}"
        );
        assert!(lines[1].starts_with("?      whether Google knows the redirect URI"), "{lines:?}");
        assert!(lines[1].contains("client_secrets.json lists it"), "{lines:?}");
        assert!(lines.iter().all(|line| !line.contains("planted")), "{lines:?}");
        assert_eq!(scene.wrongs().await, Vec::<String>::new());
    }
}

#[tokio::test]
async fn an_api_that_is_not_there_hides_nothing_else() {
    let scene = Scene::new().await;
    let (dynamodb, secrets) = (scene.stack.dynamodb.url(), scene.stack.secrets.url());
    let nowhere = "http://localhost:1";
    scene.stack.google.client_secrets(&["http://localhost:1/oauth/callback"]);
    let target = Target::at(nowhere, PAGE.to_owned(), &dynamodb, &secrets).unwrap();
    let lines = scene.lines_of(&target).await;
    assert_eq!(
        lines.iter().filter(|line| line.starts_with("wrong ")).collect::<Vec<_>>(),
        [
            "wrong  GET http://localhost:1/auth/start reaches nobody: start `cargo xtask dev`, or say with --api-port where \
          it listens"
        ]
    );
    assert_eq!(lines.iter().filter(|line| line.starts_with("good ")).count(), 6, "{lines:?}");
    let cors = "?      CORS for http://localhost:9100: the API gave no answer (no connection); start `cargo xtask dev`, or \
                say with --api-port where it listens";
    assert!(lines.contains(&cors.to_owned()), "{lines:?}");
}

#[tokio::test]
async fn local_back_ends_that_are_not_there_name_the_option_with_their_port() {
    let scene = Scene::new().await;
    let nowhere = "http://127.0.0.1:1";
    let target = Target::at(&scene.api.url, PAGE.to_owned(), nowhere, nowhere).unwrap();
    let lines = scene.lines_of(&target).await;
    for (what, action, option) in [
        (
            "the secret with Google's client, postern/google-client",
            "secretsmanager:GetSecretValue",
            "--secrets-port",
        ),
        (
            "the secret with the keyring, postern/sealing-keys",
            "secretsmanager:GetSecretValue",
            "--secrets-port",
        ),
        ("the table CredentialsTable", "dynamodb:DescribeTable", "--dynamodb-port"),
        ("the table SessionsTable", "dynamodb:DescribeTable", "--dynamodb-port"),
    ] {
        let expected = format!(
            "?      {what}: {action}: no connection, or one that broke; start `cargo xtask dev`, or say with {option} where \
             it listens"
        );
        assert!(lines.contains(&expected), "{lines:?}");
    }
}

#[tokio::test]
async fn a_deployed_back_end_that_is_not_there_names_no_option() {
    let nowhere = "http://localhost:1";
    let found = tables::examine(&cloud::deployed(nowhere, &[])).await;
    let again = "dynamodb:DescribeTable: no connection, or one that broke; ask again";
    assert_eq!(found[0].to_string(), format!("?      the table CredentialsTable: {again}"));
}
