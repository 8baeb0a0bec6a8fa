//! The fake Secrets Manager, spoken to over the wire.

use std::time::Duration;

use http_body_util::{BodyExt, Full};
use hyper_util::client::legacy::Client;
use hyper_util::rt::TokioExecutor;
use postern::clock::ManualClock;
use postern_rules::time::Timestamp;

use super::*;
use crate::calls::Fault;

async fn started() -> SecretsManager {
    let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
    let clock = Clock::Manual(ManualClock::starting_at(Timestamp::from_millis(1_700_000_000_250)));
    SecretsManager::start(listener, clock).await
}

async fn ask(secrets: &SecretsManager, operation: &str, body: Value) -> Option<(u16, Value)> {
    let request = Request::post(secrets.url())
        .header("x-amz-target", format!("secretsmanager.{operation}"))
        .header("content-type", "application/x-amz-json-1.1")
        .body(Full::new(Bytes::from(body.to_string())))
        .unwrap();
    let client: Client<_, Full<Bytes>> = Client::builder(TokioExecutor::new()).build_http();
    let (head, body) = client.request(request).await.ok()?.into_parts();
    let body = body.collect().await.ok()?.to_bytes();
    Some((head.status.as_u16(), serde_json::from_slice(&body).unwrap()))
}

#[tokio::test]
async fn a_secret_is_read_by_its_name_by_its_arn_and_by_its_arn_without_the_random_end() {
    let secrets = started().await;
    let arn = secrets.put("postern/keyring", "one");
    for id in ["postern/keyring", &arn, &arn[..arn.len() - 7]] {
        let (status, body) = ask(&secrets, "GetSecretValue", json!({ "SecretId": id })).await.unwrap();
        assert_eq!((status, &body["SecretString"]), (200, &json!("one")), "{id}");
        assert_eq!(body["ARN"], json!(arn));
        assert_eq!(body["CreatedDate"], json!(1_700_000_000.25));
        assert_eq!(body["VersionStages"], json!(["AWSCURRENT"]));
    }
}

#[tokio::test]
async fn a_new_value_moves_the_stages_and_leaves_the_oldest_version_without_one() {
    let secrets = started().await;
    for value in ["one", "two", "three"] {
        secrets.put("s", value);
    }
    let read = async |stage: &str| {
        ask(&secrets, "GetSecretValue", json!({ "SecretId": "s", "VersionStage": stage })).await.unwrap().1
    };
    assert_eq!(read("AWSCURRENT").await["SecretString"], "three");
    let previous = read("AWSPREVIOUS").await;
    assert_eq!(previous["SecretString"], "two");

    let by_version = json!({ "SecretId": "s", "VersionId": previous["VersionId"] });
    assert_eq!(ask(&secrets, "GetSecretValue", by_version).await.unwrap().1, previous);

    let (_, description) = ask(&secrets, "DescribeSecret", json!({ "SecretId": "s" })).await.unwrap();
    assert_eq!(description["VersionIdsToStages"].as_object().unwrap().len(), 2);
}

#[tokio::test]
async fn what_is_not_there_is_refused_in_the_words_of_aws() {
    let secrets = started().await;
    secrets.put("s", "one");
    secrets.put("doomed", "one");
    secrets.mark_for_deletion("doomed");
    let cases = [
        (json!({ "SecretId": "other" }), "ResourceNotFoundException"),
        (json!({ "SecretId": "s", "VersionId": "nowhere" }), "ResourceNotFoundException"),
        (json!({ "SecretId": "s", "VersionStage": "AWSPREVIOUS" }), "ResourceNotFoundException"),
        (json!({ "SecretId": "doomed" }), "InvalidRequestException"),
        (json!({}), "ValidationException"),
        (json!({ "SecretId": "" }), "ValidationException"),
        (json!({ "SecretId": 1 }), "SerializationException"),
    ];
    for (body, exception) in cases {
        let (status, answer) = ask(&secrets, "GetSecretValue", body.clone()).await.unwrap();
        assert_eq!((status, &answer["__type"]), (400, &json!(exception)), "{body}");
        assert!(answer["Message"].is_string());
    }
    let (status, description) =
        ask(&secrets, "DescribeSecret", json!({ "SecretId": "doomed" })).await.unwrap();
    assert_eq!((status, description["DeletedDate"].is_number()), (200, true));
}

#[tokio::test]
async fn a_batch_answers_what_it_found_and_lists_what_it_did_not() {
    let secrets = started().await;
    secrets.put("a", "1");
    secrets.put("b", "2");
    let request = json!({ "SecretIdList": ["a", "missing", "b"] });
    let (status, body) = ask(&secrets, "BatchGetSecretValue", request).await.unwrap();
    assert_eq!(status, 200);
    let values: Vec<_> =
        body["SecretValues"].as_array().unwrap().iter().map(|one| &one["SecretString"]).collect();
    assert_eq!(values, ["1", "2"]);
    assert_eq!(body["Errors"][0]["SecretId"], "missing");
    assert_eq!(body["Errors"][0]["ErrorCode"], "ResourceNotFoundException");
}

#[tokio::test]
async fn faults_spoil_as_many_calls_as_they_were_asked_to_and_every_call_is_recorded() {
    let secrets = started().await;
    secrets.put("s", "one");
    let request = || json!({ "SecretId": "s" });
    secrets.fail("GetSecretValue", Fault::THROTTLED, 1);
    secrets.fail("GetSecretValue", Fault::CallLost, 1);
    secrets.fail("GetSecretValue", Fault::AnswerLost, 1);
    secrets.fail("GetSecretValue", Fault::Delay(Duration::from_millis(1)), 1);
    let (status, body) = ask(&secrets, "GetSecretValue", request()).await.unwrap();
    assert_eq!((status, &body["__type"]), (400, &json!("ThrottlingException")));
    assert_eq!(ask(&secrets, "GetSecretValue", request()).await, None);
    assert_eq!(ask(&secrets, "GetSecretValue", request()).await, None);
    assert_eq!(ask(&secrets, "GetSecretValue", request()).await.unwrap().0, 200);
    assert_eq!(secrets.calls_of("GetSecretValue").len(), 4);
    assert_eq!(secrets.calls()[0].body, request());
    secrets.forget_calls();
    assert!(secrets.calls().is_empty());
}
