//! Each defect, and the lines that it is found with.

use postern_rules::error::Error;

use super::aws::{drifts, element, recovery, table};
use super::*;

type Plant = fn(&Scene);

/// Plants each defect in a healthy deployment, and gives what doctor calls wrong there.
async fn found<const COUNT: usize>(defects: [(&str, Plant); COUNT]) -> String {
    let mut found = Vec::new();
    for (defect, plant) in defects {
        let scene = Scene::new().await;
        plant(&scene);
        found.push(format!("{defect}: {}", scene.wrong().await));
    }
    found.join("\n")
}

#[tokio::test]
async fn a_defect_of_the_secrets_is_found() {
    let defects = found([
        ("no client", |scene| scene.stack.secrets.remove(GOOGLE_CLIENT_SECRET)),
        ("a client of another type", |scene| {
            scene.put_client(|file| *file = json!({ "installed": file["web"] }));
        }),
        ("a wrong client secret", |scene| {
            scene.put_client(|file| file["web"]["client_secret"] = json!(WRONG_CLIENT_SECRET));
        }),
        ("a client ID that may be the secret", |scene| {
            scene.put_client(|file| {
                let id = file["web"]["client_id"].take();
                file["web"]["client_id"] = file["web"]["client_secret"].take();
                file["web"]["client_secret"] = id;
            });
            // The function would put the ID into a URL, and the harness lets no secret into an
            // answer.
            let code = "reauthorization_required";
            let problem = format!("urn:postern:problem:{code}");
            scene.answer(
                "/messages",
                401,
                &json!({ "type": problem, "code": code, "reason": "not_signed_in" }),
            );
        }),
        ("a keyring that goes away", |scene| scene.stack.secrets.mark_for_deletion(SEALING_KEYS_SECRET)),
        ("a keyring with a short key", |scene| scene.put_keyring(&json!({ "primary": "k1", "k1": "short" }))),
        ("a keyring without its key", |scene| scene.put_keyring(&json!({ "primary": "k2", "k1": KEY }))),
        ("no keyring", |scene| scene.put_keyring(&json!([KEY]))),
        ("bytes", |scene| scene.answer("GetSecretValue", 200, &json!({ "SecretBinary": "AAAA" }))),
    ]);
    assert_snapshot!(defects.await, @r#"
    no client: wrong  GET https://api.example.com/auth/start answers 503 config_error (GOOGLE_CLIENT_SECRET_ID): correct that variable or what it names; the functions notice a changed secret within five minutes
    wrong  GET https://api.example.com/messages answers 503 config_error (GOOGLE_CLIENT_SECRET_ID): correct that variable or what it names; the functions notice a changed secret within five minutes
    wrong  the secret with Google's client, postern/google-client, does not exist: create it under this name (docs/deploy.md says how), or deploy with the name that it has
    a client of another type: wrong  GET https://api.example.com/auth/start answers 503 config_error (GOOGLE_CLIENT_SECRET_ID): correct that variable or what it names; the functions notice a changed secret within five minutes
    wrong  GET https://api.example.com/messages answers 503 config_error (GOOGLE_CLIENT_SECRET_ID): correct that variable or what it names; the functions notice a changed secret within five minutes
    wrong  the client in postern/google-client is not usable (The secret has an "installed" client. Create an OAuth client of type Web application): store the client_secrets.json of a web client, as Google's console downloads it
    a wrong client secret: wrong  Google refuses the client secret in postern/google-client: store the current client_secrets.json of the client 640512773041-p0sternfakeclient.apps.googleusercontent.com; https://console.cloud.google.com/auth/clients makes a new secret if yours is lost
    a client ID that may be the secret: wrong  the client in postern/google-client is not usable (Its client_id is not one of Google's): store the client_secrets.json of a web client, as Google's console downloads it
    a keyring that goes away: wrong  GET https://api.example.com/auth/start answers 503 config_error (SEALING_KEYS_SECRET_ID): correct that variable or what it names; the functions notice a changed secret within five minutes
    wrong  GET https://api.example.com/messages answers 503 config_error (SEALING_KEYS_SECRET_ID): correct that variable or what it names; the functions notice a changed secret within five minutes
    wrong  the secret with the keyring, postern/sealing-keys, is marked for deletion: `aws secretsmanager restore-secret --secret-id postern/sealing-keys`
    a keyring with a short key: wrong  GET https://api.example.com/auth/start answers 503 config_error (SEALING_KEYS_SECRET_ID): correct that variable or what it names; the functions notice a changed secret within five minutes
    wrong  GET https://api.example.com/messages answers 503 config_error (SEALING_KEYS_SECRET_ID): correct that variable or what it names; the functions notice a changed secret within five minutes
    wrong  the keyring in postern/sealing-keys: a key of the keyring has fewer than 32 characters: store {"primary":"k1","k1":"<at least 32 random characters>"}, and keep every key that has sealed anything
    a keyring without its key: wrong  GET https://api.example.com/auth/start answers 503 config_error (SEALING_KEYS_SECRET_ID): correct that variable or what it names; the functions notice a changed secret within five minutes
    wrong  GET https://api.example.com/messages answers 503 config_error (SEALING_KEYS_SECRET_ID): correct that variable or what it names; the functions notice a changed secret within five minutes
    wrong  the keyring in postern/sealing-keys: the keyring's "primary" names no key in it: store {"primary":"k1","k1":"<at least 32 random characters>"}, and keep every key that has sealed anything
    no keyring: wrong  GET https://api.example.com/auth/start answers 503 config_error (SEALING_KEYS_SECRET_ID): correct that variable or what it names; the functions notice a changed secret within five minutes
    wrong  GET https://api.example.com/messages answers 503 config_error (SEALING_KEYS_SECRET_ID): correct that variable or what it names; the functions notice a changed secret within five minutes
    wrong  the keyring in postern/sealing-keys: the keyring is not a JSON object of strings: store {"primary":"k1","k1":"<at least 32 random characters>"}, and keep every key that has sealed anything
    bytes: wrong  the secret with Google's client, postern/google-client, holds bytes instead of text: store its value as a secret string
    wrong  the secret with the keyring, postern/sealing-keys, holds bytes instead of text: store its value as a secret string
    "#);
}

#[tokio::test]
async fn a_client_that_google_refuses_is_found() {
    let defects = found([
        ("unknown", |scene| scene.refuse("invalid_client", "The OAuth client was not found.")),
        ("deleted", |scene| scene.refuse("deleted_client", "The OAuth client was deleted.")),
        ("disabled", |scene| scene.refuse("disabled_client", "")),
        ("of another type", |scene| scene.refuse("unauthorized_client", "")),
        ("without the redirect URI", |scene| scene.refuse("redirect_uri_mismatch", "Bad Request")),
    ]);
    assert_snapshot!(defects.await, @"
    unknown: wrong  Google does not know the client 640512773041-p0sternfakeclient.apps.googleusercontent.com: store the client_secrets.json of an existing web client in postern/google-client (https://console.cloud.google.com/auth/clients)
    deleted: wrong  the client 640512773041-p0sternfakeclient.apps.googleusercontent.com was deleted at Google: restore it within 30 days at https://console.cloud.google.com/auth/clients, or store another web client in postern/google-client
    disabled: wrong  the client 640512773041-p0sternfakeclient.apps.googleusercontent.com is disabled at Google: find the reason at https://console.cloud.google.com/auth/clients, or store another web client in postern/google-client
    of another type: wrong  the client 640512773041-p0sternfakeclient.apps.googleusercontent.com may not redeem authorization codes: store a client of the type Web application in postern/google-client (https://console.cloud.google.com/auth/clients)
    without the redirect URI: wrong  Google does not know the redirect URI https://api.example.com/oauth/callback: add it to the Authorized redirect URIs of the web client 640512773041-p0sternfakeclient.apps.googleusercontent.com at https://console.cloud.google.com/auth/clients
    ");
}

#[tokio::test]
async fn a_disabled_gmail_api_is_found_with_a_session_and_without() {
    let mut scene = Scene::new().await;
    scene.sign_in().await;
    scene.stack.google.fail(Endpoint::MessagesList, Failure::ServiceDisabled, Times::UntilCleared);
    assert_snapshot!(scene.wrong().await, @"wrong  the Gmail API is not enabled in the Google Cloud project: enable it at https://console.developers.google.com/apis/api/gmail.googleapis.com/overview?project=640512773041, and wait a few minutes");
    scene.session = None;
    let facts = Error::GmailNotEnabled.facts();
    scene.log([json!({ "level": "ERROR", "code": facts.code, "detail": facts.detail })]);
    assert_snapshot!(scene.wrong().await, @"wrong  the Gmail API is not enabled in the Google Cloud project (list-messages saw it at 2026-11-01T02:26:40Z): enable it at https://console.developers.google.com/apis/api/gmail.googleapis.com/overview?project=640512773041, and wait a few minutes");
}

#[tokio::test]
async fn a_defect_of_the_stack_is_found() {
    let defects = found([
        ("tokens that nothing protects from loss", |scene| {
            scene.answer("DescribeContinuousBackups", 200, &recovery("DISABLED"));
        }),
        ("a table with another key", |scene| {
            scene.answer("DescribeTable CredentialsTable", 200, &table("email"));
        }),
        ("no table", |scene| scene.answer("DescribeTable SessionsTable", 400, &absent())),
        ("sessions that are never deleted", |scene| {
            let off = json!({ "TimeToLiveDescription": { "TimeToLiveStatus": "DISABLED" } });
            scene.answer("DescribeTimeToLive", 200, &off);
        }),
        ("no function", |scene| scene.answer("/functions/list-messages/", 404, &absent())),
        ("a function that failed", |scene| {
            scene.change("auth-start", |function| function["LastUpdateStatus"] = json!("Failed"));
        }),
        ("a missing variable", |scene| scene.set("auth-start", "SESSIONS_TABLE", "")),
        ("another address", |scene| scene.set("auth-start", "PUBLIC_URL", "https://elsewhere.example.com")),
    ]);
    assert_snapshot!(defects.await, @"
    tokens that nothing protects from loss: wrong  the table CredentialsTable with the users' tokens cannot be restored to a point in time: `aws dynamodb update-continuous-backups --table-name CredentialsTable --point-in-time-recovery-specification PointInTimeRecoveryEnabled=true`
    a table with another key: wrong  the key of the table CredentialsTable is not exactly user_id (S): a key cannot be changed: deploy with a new table
    no table: wrong  the table SessionsTable does not exist: put it back (docs/deploy.md#put-back-what-differs)
    sessions that are never deleted: wrong  the table SessionsTable never deletes old sessions: expires_at is not its time to live: `aws dynamodb update-time-to-live --table-name SessionsTable --time-to-live-specification Enabled=true,AttributeName=expires_at`
    no function: wrong  the function list-messages does not exist: put it back (docs/deploy.md#put-back-what-differs)
    wrong  apigateway.amazonaws.com may not invoke list-messages for Api/*/GET/messages: put it back (docs/deploy.md#put-back-what-differs)
    a function that failed: wrong  Lambda failed to create or update the function auth-start: deploy the template again
    a missing variable: wrong  GET https://api.example.com/auth/start answers 503 config_error (SESSIONS_TABLE): correct that variable or what it names; the functions notice a changed secret within five minutes
    another address: wrong  GET https://api.example.com/auth/start starts a sign-in that does not return to https://api.example.com/oauth/callback: deploy with the DomainName or PublicUrl that browsers use
    ");
}

#[tokio::test]
async fn a_defect_of_the_api_is_found() {
    let defects = found([
        ("another program", |scene| scene.answer("/auth/start", 200, &json!({ "planted": true }))),
        ("an address that is off", |scene| {
            scene.answer("/auth/start", 403, &json!({ "message": "Forbidden" }));
        }),
        ("no route", |scene| scene.answer("/auth/start", 404, &json!({ "message": "Not Found" }))),
        ("a function that does not start", |scene| {
            scene.answer("/auth/start", 500, &json!({ "message": "planted" }));
        }),
        ("an unusable variable", |scene| {
            let problem = "urn:postern:problem:config_error";
            let body = json!({ "type": problem, "code": "config_error", "variable": "ALLOWED_ORIGINS" });
            scene.answer("/auth/start", 503, &body);
        }),
        ("a problem of another program", |scene| {
            let body = json!({ "type": "planted", "code": "config_error", "variable": "PLANTED" });
            scene.answer("/auth/start", 503, &body);
        }),
        ("words of another program", |scene| {
            let body = json!({ "type": "urn:postern:problem:<planted>", "code": "<planted>" });
            scene.answer("/auth/start", 503, &body);
        }),
        ("a front end that may not call", |scene| scene.aws().preflight = |_| (204, "")),
        ("an API open to all", |scene| scene.aws().preflight = |_| (204, "*")),
        ("an API open to all that refuses", |scene| scene.aws().preflight = |_| (403, "*")),
        ("an API open to each", |scene| scene.aws().preflight = |origin| (204, origin)),
        ("an API open to frames", |scene| scene.aws().preflight = |_| (204, "null")),
    ]);
    assert_snapshot!(defects.await, @"
    another program: wrong  GET https://api.example.com/auth/start answers 200, and not as auth-start would: find out which program answers at this address, and point the name to the API
    an address that is off: wrong  GET https://api.example.com/auth/start is forbidden by API Gateway (403): deploy with DomainName or PublicUrl, or with DefaultEndpoint on
    no route: wrong  GET https://api.example.com/auth/start is not a route of the API (404): put it back (docs/deploy.md#put-back-what-differs)
    a function that does not start: wrong  GET https://api.example.com/auth/start answers 500, and not by auth-start: read the log of auth-start: it may not be invoked, did not start, or was ended
    an unusable variable: wrong  GET https://api.example.com/auth/start answers 503 config_error (ALLOWED_ORIGINS): correct that variable or what it names; the functions notice a changed secret within five minutes
    a problem of another program: wrong  GET https://api.example.com/auth/start answers 503, and not by auth-start: read the log of auth-start: it may not be invoked, did not start, or was ended
    words of another program: wrong  GET https://api.example.com/auth/start answers 503, and not by auth-start: read the log of auth-start: it may not be invoked, did not start, or was ended
    a front end that may not call: wrong  the API does not let pages of http://localhost:9100 call GET /messages: deploy with this origin in AllowedOrigins
    an API open to all: wrong  the API lets pages of any origin read its answers: put it back (docs/deploy.md#put-back-what-differs)
    an API open to all that refuses: wrong  the API lets pages of any origin read its answers: put it back (docs/deploy.md#put-back-what-differs)
    an API open to each: wrong  the API lets pages of any origin read its answers: put it back (docs/deploy.md#put-back-what-differs)
    an API open to frames: wrong  the API lets pages of any origin read its answers: put it back (docs/deploy.md#put-back-what-differs)
    ");
}

#[tokio::test]
async fn what_cloudformation_sees_is_named_without_its_values() {
    let drift = |scene: &Scene, logical_id, kind, status, differences: &[(&str, &str)]| {
        scene.answer(
            "DescribeStackResourceDrifts stack%2Fpostern%2F",
            200,
            &drifts(logical_id, kind, status, differences),
        );
    };
    let scene = Scene::new().await;
    let mut found = Vec::new();
    for (logical_id, kind, status, differences) in [
        (
            "Stage",
            "AWS::ApiGatewayV2::Stage",
            "MODIFIED",
            &[("/DefaultRouteSettings/ThrottlingRateLimit", "NOT_EQUAL")][..],
        ),
        ("Api", "AWS::ApiGatewayV2::Api", "MODIFIED", &[("/CorsConfiguration/AllowOrigins/0", "REMOVE")]),
        (
            "AuthStart",
            "AWS::Lambda::Function",
            "MODIFIED",
            &[("/Architectures/0", "NOT_EQUAL"), ("/Environment/Variables/X\u{202e}", "ADD")],
        ),
        ("DomainMapping", "AWS::ApiGatewayV2::ApiMapping", "DELETED", &[]),
        // Other checks say these.
        ("SignOutRole", "AWS::IAM::Role", "MODIFIED", &[("/Policies/1", "ADD")]),
        ("ListRoute", "AWS::ApiGatewayV2::Route", "DELETED", &[]),
    ] {
        drift(&scene, logical_id, kind, status, differences);
        found.push(scene.wrong().await);
    }
    assert_snapshot!(found.join("\n"), @"
    wrong  Stage (AWS::ApiGatewayV2::Stage) is not what the template says: /DefaultRouteSettings/ThrottlingRateLimit changed: put it back (docs/deploy.md#put-back-what-differs)
    wrong  Api (AWS::ApiGatewayV2::Api) is not what the template says: /CorsConfiguration/AllowOrigins/0 removed: put it back (docs/deploy.md#put-back-what-differs)
    wrong  AuthStart (AWS::Lambda::Function) is not what the template says: /Architectures/0 changed, /Environment/Variables/X added: put it back (docs/deploy.md#put-back-what-differs)
    wrong  DomainMapping (AWS::ApiGatewayV2::ApiMapping) does not exist: put it back (docs/deploy.md#put-back-what-differs)
    ");
}

#[tokio::test]
async fn a_composite_alarm_is_one_like_the_others() {
    let scene = Scene::new().await;
    let composite = json!({ "Type": "AWS::CloudWatch::CompositeAlarm", "Properties": {} });
    scene.aws().templates.get_mut("postern").unwrap()["Resources"]["Whole"] = composite;
    let ringing = json!({ "CompositeAlarms": [{ "AlarmName": "Whole", "StateValue": "ALARM", "ActionsEnabled": true }] });
    scene.answer("DescribeAlarms", 200, &ringing);
    assert!(scene.wrong().await.contains("the alarm Whole is ringing"));
}

#[tokio::test]
async fn what_a_log_reports_is_counted_in_our_own_words() {
    let defects = found([
        ("no log group", |scene| scene.answer("FilterLogEvents list-messages", 400, &absent())),
        ("errors", |scene| {
            let mut lines = vec![
                json!({ "level": "ERROR", "code": "config_error", "variable": "ALLOWED_ORIGINS", "detail": "planted" }),
                json!({ "level": "ERROR", "code": "config_error", "variable": "planted <b>" }),
                // Whatever other fields hold, an error is one.
                json!({ "level": "ERROR", "code": 7, "record": "text", "type": [] }),
                json!({ "level": "WARN", "code": "storage_unavailable" }),
                json!("START RequestId: 1"),
            ];
            for line in "code=quota_exhausted code=internal event=panic code=credential_unreadable \
                         code=credential_unreadable code=reauthorization_required event=seal_integrity \
                         event=seal_key_gone event=rotated_token_lost code=<planted> event=<planted> \
                         report=timeout report=error initReport=timeout initReport=failure report=success \
                         runtimeDone=timeout"
                .split(' ')
            {
                let (field, value) = line.split_once('=').unwrap();
                lines.push(match field {
                    "code" | "event" => json!({ "level": "ERROR", field: value }),
                    kind => json!({ "type": format!("platform.{kind}"), "record": { "status": value } }),
                });
            }
            scene.log(lines);
        }),
    ]);
    let defects = defects.await;
    let runbook = include_str!("../../../../docs/deploy.md").to_lowercase();
    for link in defects.split("docs/deploy.md#").skip(1) {
        let heading = link.split([',', ')']).next().unwrap().replace('-', " ");
        assert!(runbook.contains(&format!("\n### {heading}\n")), "{heading}");
    }
    assert_snapshot!(defects, @"
    no log group: wrong  the log group /postern/postern/list-messages does not exist, so list-messages loses its log and metrics: put it back (docs/deploy.md#put-back-what-differs)
    errors: wrong  list-messages logged once in the last hour: a start that failed; the last at 2026-11-01T02:26:59Z: see docs/deploy.md#errors, unless it was fixed since
    wrong  list-messages logged once in the last hour: a start that timed out; the last at 2026-11-01T02:26:58Z: see docs/deploy.md#errors, unless it was fixed since
    wrong  list-messages logged 3 times in the last hour: an error without a code; the last at 2026-11-01T02:26:55Z: see docs/deploy.md#operator-errors, unless it was fixed since
    wrong  list-messages logged once in the last hour: an invocation that failed; the last at 2026-11-01T02:26:57Z: see docs/deploy.md#errors, unless it was fixed since
    wrong  list-messages logged once in the last hour: an invocation that timed out; the last at 2026-11-01T02:26:56Z: see docs/deploy.md#errors, unless it was fixed since
    wrong  list-messages logged once in the last hour: config_error; the last at 2026-11-01T02:26:41Z: see docs/deploy.md#operator-errors, unless it was fixed since
    wrong  list-messages logged once in the last hour: config_error (ALLOWED_ORIGINS); the last at 2026-11-01T02:26:40Z: see docs/deploy.md#operator-errors, unless it was fixed since
    wrong  list-messages logged 2 times in the last hour: credential_unreadable; the last at 2026-11-01T02:26:49Z: see docs/deploy.md#seal-failures, unless it was fixed since
    wrong  list-messages logged once in the last hour: internal; the last at 2026-11-01T02:26:46Z: see docs/deploy.md#operator-errors, unless it was fixed since
    wrong  list-messages logged once in the last hour: panic; the last at 2026-11-01T02:26:47Z: see docs/deploy.md#operator-errors, unless it was fixed since
    wrong  list-messages logged once in the last hour: quota_exhausted; the last at 2026-11-01T02:26:45Z: see docs/deploy.md#operator-errors, unless it was fixed since
    wrong  list-messages logged once in the last hour: reauthorization_required; the last at 2026-11-01T02:26:50Z: see docs/deploy.md#seal-failures, unless it was fixed since
    wrong  list-messages logged once in the last hour: rotated_token_lost; the last at 2026-11-01T02:26:53Z: see docs/deploy.md#tokens-not-stored, unless it was fixed since
    wrong  list-messages logged once in the last hour: seal_integrity; the last at 2026-11-01T02:26:51Z: see docs/deploy.md#seal-failures, unless it was fixed since
    wrong  list-messages logged once in the last hour: seal_key_gone; the last at 2026-11-01T02:26:52Z: see docs/deploy.md#seal-failures, unless it was fixed since
    ");
}

#[tokio::test]
async fn a_stack_that_is_elsewhere_is_missed_by_region_and_account() {
    let scene = Scene::new().await;
    let error =
        element("Code", "ValidationError") + &element("Message", "Stack with id postern does not exist");
    scene.answer("DescribeStacks", 400, &element("ErrorResponse Error", &error));
    let account = Account::of_a_test(&scene.url).await;
    let problem = async || Target::of_stack(&account, "postern", None).await.err().unwrap();
    scene.answer("GetCallerIdentity", 403, &"");
    assert_snapshot!(problem().await, @r#"there is no stack "postern" in region us-east-1 of this account; say with --stack-name, --region and --profile where it is"#);
    let identity = element("GetCallerIdentityResponse GetCallerIdentityResult Account", "123456789012");
    scene.answer("GetCallerIdentity", 200, &identity);
    assert_snapshot!(problem().await, @r#"there is no stack "postern" in region us-east-1 of account 123456789012; say with --stack-name, --region and --profile where it is"#);
}
