//! What doctor cannot tell it does not call wrong, and one missing answer hides no other.

use super::aws::element;
use super::*;
use crate::commands::Ports;

#[tokio::test]
async fn gmail_without_a_session_that_is_valid() {
    let mut scene = Scene::new().await;
    let gmail = async |scene: &Scene| lines("?      whether the Gmail", &scene.output().await);
    assert_snapshot!(gmail(&scene).await, @"?      whether the Gmail API is enabled: the last hour of list-messages's log does not tell; set POSTERN_SESSION_TOKEN to the value of the cookie __Host-session after a sign-in, and try again");
    scene.session = Some("v1.k1.not-a-session.planted".to_owned());
    assert_snapshot!(gmail(&scene).await, @"?      whether the Gmail API is enabled: the session in POSTERN_SESSION_TOKEN has ended; set POSTERN_SESSION_TOKEN to the value of the cookie __Host-session after a sign-in, and try again");
    scene.sign_in().await;
    scene.stack.google.revoke_grant("ann@example.com");
    scene.stack.google.expire_all_access_tokens();
    assert_snapshot!(gmail(&scene).await, @"?      whether the Gmail API is enabled: the user of POSTERN_SESSION_TOKEN has to authorize again; do so, and try again");
}

#[tokio::test]
async fn what_the_caller_may_not_see() {
    let scene = Scene::new().await;
    let refused = json!({ "__type": "AccessDeniedException" });
    let target = scene.target().await;
    for call in
        ["DescribeTable", "GetSecretValue", "DescribeSecret", "FilterLogEvents", "/functions/auth-start/"]
    {
        scene.answer(call, 400, &refused);
    }
    let refused = element("ErrorResponse Error Code", "AccessDenied");
    for call in ["RolePolic", "DetectStackDrift"] {
        scene.answer(call, 403, &refused);
    }
    for call in ["/policy", "/v2/apis/", "Scan"] {
        scene.answer(call, 403, &json!({ "__type": "AccessDeniedException" }));
    }
    assert_snapshot!(lines("?", &scene.output_for(&target).await), @"
    ?      the function auth-start: you may not call lambda:GetFunctionConfiguration; try again with a role that may
    ?      what differs from the template: you may not call cloudformation:DetectStackDrift; try again with a role that may
    ?      what differs from the template: you may not call cloudformation:DetectStackDrift; try again with a role that may
    ?      the routes of the API: you may not call apigateway:GET; try again with a role that may
    ?      who may invoke access-token: you may not call lambda:GetPolicy; try again with a role that may
    ?      who may invoke auth-start: you may not call lambda:GetPolicy; try again with a role that may
    ?      who may invoke auth-token: you may not call lambda:GetPolicy; try again with a role that may
    ?      who may invoke connection: you may not call lambda:GetPolicy; try again with a role that may
    ?      who may invoke connections: you may not call lambda:GetPolicy; try again with a role that may
    ?      who may invoke events: you may not call lambda:GetPolicy; try again with a role that may
    ?      who may invoke get-message: you may not call lambda:GetPolicy; try again with a role that may
    ?      who may invoke list-messages: you may not call lambda:GetPolicy; try again with a role that may
    ?      who may invoke oauth-callback: you may not call lambda:GetPolicy; try again with a role that may
    ?      who may invoke risc: you may not call lambda:GetPolicy; try again with a role that may
    ?      who may invoke server-metadata: you may not call lambda:GetPolicy; try again with a role that may
    ?      who may invoke sign-out: you may not call lambda:GetPolicy; try again with a role that may
    ?      who may invoke sweep: you may not call lambda:GetPolicy; try again with a role that may
    ?      what the role of access-token allows: you may not call iam:ListRolePolicies; try again with a role that may
    ?      what the role of auth-start allows: you may not call iam:ListRolePolicies; try again with a role that may
    ?      what the role of auth-token allows: you may not call iam:ListRolePolicies; try again with a role that may
    ?      what the role of connection allows: you may not call iam:ListRolePolicies; try again with a role that may
    ?      what the role of connections allows: you may not call iam:ListRolePolicies; try again with a role that may
    ?      what the role of events allows: you may not call iam:ListRolePolicies; try again with a role that may
    ?      what the role of get-message allows: you may not call iam:ListRolePolicies; try again with a role that may
    ?      what the role of list-messages allows: you may not call iam:ListRolePolicies; try again with a role that may
    ?      what the role of oauth-callback allows: you may not call iam:ListRolePolicies; try again with a role that may
    ?      what the role of risc allows: you may not call iam:ListRolePolicies; try again with a role that may
    ?      what the role of server-metadata allows: you may not call iam:ListRolePolicies; try again with a role that may
    ?      what the role of sign-out allows: you may not call iam:ListRolePolicies; try again with a role that may
    ?      what the role of sweep allows: you may not call iam:ListRolePolicies; try again with a role that may
    ?      whether somebody hears of the alarms: no AlarmTopicArn is set, so they tell nobody
    ?      the log of access-token: you may not call logs:FilterLogEvents; try again with a role that may
    ?      the log of auth-token: you may not call logs:FilterLogEvents; try again with a role that may
    ?      the log of connection: you may not call logs:FilterLogEvents; try again with a role that may
    ?      the log of connections: you may not call logs:FilterLogEvents; try again with a role that may
    ?      the log of events: you may not call logs:FilterLogEvents; try again with a role that may
    ?      the log of get-message: you may not call logs:FilterLogEvents; try again with a role that may
    ?      the log of list-messages: you may not call logs:FilterLogEvents; try again with a role that may
    ?      the log of oauth-callback: you may not call logs:FilterLogEvents; try again with a role that may
    ?      the log of risc: you may not call logs:FilterLogEvents; try again with a role that may
    ?      the log of server-metadata: you may not call logs:FilterLogEvents; try again with a role that may
    ?      the log of sign-out: you may not call logs:FilterLogEvents; try again with a role that may
    ?      the log of sweep: you may not call logs:FilterLogEvents; try again with a role that may
    ?      the secret with Google's client, postern/google-client: you may not call secretsmanager:GetSecretValue; try again with a role that may
    ?      the secret with the keyring, postern/sealing-keys: you may not call secretsmanager:GetSecretValue; try again with a role that may
    ?      whether the keyring opens the stored tokens: there is no usable keyring; fix its secret first
    ?      the table CredentialsTable: you may not call dynamodb:DescribeTable; try again with a role that may
    ?      the table SessionsTable: you may not call dynamodb:DescribeTable; try again with a role that may
    ?      whether Google accepts the client: there is no usable client to ask with; fix its secret first
    ?      whether the Gmail API is enabled: set POSTERN_SESSION_TOKEN to the value of the cookie __Host-session after a sign-in, and try again
    ");
}

#[tokio::test]
async fn google_in_trouble() {
    for failure in [
        Failure::Status(503),
        Failure::NotJson,
        Failure::ResetAfterReading,
        Failure::OAuth { status: 400, error: "planted <b>words</b>".to_owned(), description: String::new() },
        Failure::Redirect("https://planted.example/signin/oauth/error".to_owned()),
    ] {
        let scene = Scene::new().await;
        scene.stack.google.fail(Endpoint::Token, failure.clone(), Times::UntilCleared);
        let output = scene.output().await;
        assert!(output.contains("?      whether Google accepts the client secret"), "{failure:?}: {output}");
        assert_eq!(lines("wrong", &output), "", "{failure:?}");
    }
}

#[tokio::test]
async fn cors_and_sign_in_when_api_gateway_refuses_requests() {
    let scene = Scene::new().await;
    scene.answer("/auth/start", 429, &json!({ "message": "Too Many Requests" }));
    for preflight in [|_: &_| (403, ""), |_: &_| (404, ""), |_: &_| (503, ""), |_: &_| (429, "")] {
        scene.aws().preflight = preflight;
        assert_eq!(scene.wrong().await, "");
    }
    let output = scene.output().await;
    assert_snapshot!([lines("?      GET", &output), lines("?      CORS", &output)].join("\n"), @"
    ?      GET https://api.example.com/auth/start: API Gateway or Lambda refuses requests now (429); try again in a minute
    ?      CORS for http://localhost:9100: the API answered 429; try again
    ?      CORS for other origins: the API answered 429; try again
    ");
}

#[tokio::test]
async fn a_deployed_api_that_is_not_reached() {
    let scene = Scene::new().await;
    let url = "http://localhost:1";
    scene.aws().outputs.insert("ApiUrl".to_owned(), url.to_owned());
    let output = scene.output().await;
    assert_snapshot!(lines("wrong", &output), @"
    wrong  GET http://localhost:1/auth/start reaches no server: point that name to the API (its DNS record and its certificate), or deploy without DomainName and PublicUrl
    wrong  GET http://localhost:1/messages reaches no server: point that name to the API (its DNS record and its certificate), or deploy without DomainName and PublicUrl
    wrong  GET http://localhost:1/oauth/callback reaches no server: point that name to the API (its DNS record and its certificate), or deploy without DomainName and PublicUrl
    ");
    assert_eq!(output.matches("good ").count(), 37, "{output}");
}

#[tokio::test]
async fn a_local_stack_without_what_only_a_deployment_has() {
    let scene = Scene::new().await;
    let port = |url: &str| url.rsplit(':').next().unwrap().parse().unwrap();
    let (dynamodb, secrets) = (scene.stack.dynamodb.url(), scene.stack.secrets.url());
    let (api, dynamodb, secrets) = (port(&scene.url), port(&dynamodb), port(&secrets));
    let ports = Ports { api, dynamodb, secrets, ..Ports::DEFAULT };
    assert_snapshot!(scene.output_for(&Target::local(ports).await.unwrap()).await, @"
    good   GET https://api.example.com/auth/start starts a sign-in that returns to https://api.example.com/oauth/callback
    good   GET https://api.example.com/messages answers 401 not_signed_in to somebody without a session
    good   GET https://api.example.com/oauth/callback answers 400 invalid_request to somebody without a session
    good   CORS for http://localhost:9100
    good   CORS for other origins: refused
    good   Google's client in postern/google-client: 640512773041-p0sternfakeclient.apps.googleusercontent.com
    good   the keyring in postern/sealing-keys
    good   the keyring has the keys of all 0 users
    good   the table CredentialsTable with the users' tokens
    good   the table SessionsTable with the sessions
    good   Google accepts the client secret in postern/google-client
    ?      whether Google knows the redirect URI https://api.example.com/oauth/callback: the stored client_secrets.json lists it; compare it with the Authorized redirect URIs of the web client 640512773041-p0sternfakeclient.apps.googleusercontent.com at https://console.cloud.google.com/auth/clients
    ?      whether the Gmail API is enabled: set POSTERN_SESSION_TOKEN to the value of the cookie __Host-session after a sign-in, and try again
    ");
    let not_started = Target::local(Ports { dynamodb: 1, ..ports }).await;
    assert_snapshot!(not_started.err().unwrap(), @"nothing listens on port 1; start `cargo xtask dev`, or set its port with --dynamodb-port");
}

#[tokio::test]
async fn a_log_that_hides_errors_or_is_too_long() {
    let scene = Scene::new().await;
    scene.change("auth-start", |function| function["LoggingConfig"]["ApplicationLogLevel"] = json!("FATAL"));
    let endless = |events: &Value| json!({ "events": events, "nextToken": "more" });
    scene.answer("FilterLogEvents", 200, &endless(&json!([])));
    assert_snapshot!(lines("?      the log", &scene.output().await), @r#"
    ?      the log of access-token: the part of its last hour that doctor read has no error; read the rest with `aws logs tail /postern/postern/access-token --since 1h --filter-pattern '{ ($.level = "ERROR") || ($.type = "platform.report" && $.record.status != "success") || ($.type = "platform.initReport" && $.record.status != "success") }'`
    ?      the log of auth-start: the LogLevel FATAL hides errors; deploy with ERROR or a lower level
    ?      the log of auth-token: the part of its last hour that doctor read has no error; read the rest with `aws logs tail /postern/postern/auth-token --since 1h --filter-pattern '{ ($.level = "ERROR") || ($.type = "platform.report" && $.record.status != "success") || ($.type = "platform.initReport" && $.record.status != "success") }'`
    ?      the log of connection: the part of its last hour that doctor read has no error; read the rest with `aws logs tail /postern/postern/connection --since 1h --filter-pattern '{ ($.level = "ERROR") || ($.type = "platform.report" && $.record.status != "success") || ($.type = "platform.initReport" && $.record.status != "success") }'`
    ?      the log of connections: the part of its last hour that doctor read has no error; read the rest with `aws logs tail /postern/postern/connections --since 1h --filter-pattern '{ ($.level = "ERROR") || ($.type = "platform.report" && $.record.status != "success") || ($.type = "platform.initReport" && $.record.status != "success") }'`
    ?      the log of events: the part of its last hour that doctor read has no error; read the rest with `aws logs tail /postern/postern/events --since 1h --filter-pattern '{ ($.level = "ERROR") || ($.type = "platform.report" && $.record.status != "success") || ($.type = "platform.initReport" && $.record.status != "success") }'`
    ?      the log of get-message: the part of its last hour that doctor read has no error; read the rest with `aws logs tail /postern/postern/get-message --since 1h --filter-pattern '{ ($.level = "ERROR") || ($.type = "platform.report" && $.record.status != "success") || ($.type = "platform.initReport" && $.record.status != "success") }'`
    ?      the log of list-messages: the part of its last hour that doctor read has no error; read the rest with `aws logs tail /postern/postern/list-messages --since 1h --filter-pattern '{ ($.level = "ERROR") || ($.type = "platform.report" && $.record.status != "success") || ($.type = "platform.initReport" && $.record.status != "success") }'`
    ?      the log of oauth-callback: the part of its last hour that doctor read has no error; read the rest with `aws logs tail /postern/postern/oauth-callback --since 1h --filter-pattern '{ ($.level = "ERROR") || ($.type = "platform.report" && $.record.status != "success") || ($.type = "platform.initReport" && $.record.status != "success") }'`
    ?      the log of risc: the part of its last hour that doctor read has no error; read the rest with `aws logs tail /postern/postern/risc --since 1h --filter-pattern '{ ($.level = "ERROR") || ($.type = "platform.report" && $.record.status != "success") || ($.type = "platform.initReport" && $.record.status != "success") }'`
    ?      the log of server-metadata: the part of its last hour that doctor read has no error; read the rest with `aws logs tail /postern/postern/server-metadata --since 1h --filter-pattern '{ ($.level = "ERROR") || ($.type = "platform.report" && $.record.status != "success") || ($.type = "platform.initReport" && $.record.status != "success") }'`
    ?      the log of sign-out: the part of its last hour that doctor read has no error; read the rest with `aws logs tail /postern/postern/sign-out --since 1h --filter-pattern '{ ($.level = "ERROR") || ($.type = "platform.report" && $.record.status != "success") || ($.type = "platform.initReport" && $.record.status != "success") }'`
    ?      the log of sweep: the part of its last hour that doctor read has no error; read the rest with `aws logs tail /postern/postern/sweep --since 1h --filter-pattern '{ ($.level = "ERROR") || ($.type = "platform.report" && $.record.status != "success") || ($.type = "platform.initReport" && $.record.status != "success") }'`
    "#);
    let line = json!({ "level": "ERROR", "code": "credential_unreadable" }).to_string();
    let event = json!({ "timestamp": 1_793_500_000_000_i64, "message": line });
    scene.answer("FilterLogEvents list-messages", 200, &endless(&json!([event])));
    assert_snapshot!(scene.wrong().await, @"wrong  list-messages logged at least 20 times in the last hour: credential_unreadable; the last that doctor read at 2026-11-01T02:26:40Z: see docs/deploy.md#seal-failures, unless it was fixed since");
}
