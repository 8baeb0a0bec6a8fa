//! Secrets Manager's answers on the wire. Its fake is this project's own, so these tests check more
//! of it than the functions use.

use serde_json::{Value, json};

use crate::back_end::BackEnd;

const SECRET: &str = "SEALING_KEYS_SECRET_ID";

#[tokio::test]
async fn a_value_comes_with_the_names_of_its_secret_and_of_its_version() {
    let back_end = BackEnd::empty().await;
    let arn = back_end.create_secret(SECRET, "one").await;
    back_end.rotate_secret(SECRET, "two").await;
    let name = back_end.name(SECRET);
    let read = async |body: Value| back_end.ask_secrets_manager("GetSecretValue", &body).await;

    let (status, current) = read(json!({ "SecretId": name })).await;
    assert_eq!((status, &current["SecretString"]), (200, &json!("two")));
    assert_eq!((&current["ARN"], &current["Name"]), (&json!(arn), &json!(name)));
    assert_eq!(current["VersionStages"], json!(["AWSCURRENT"]));
    assert!(current["CreatedDate"].is_number() && current["VersionId"].is_string(), "{current}");

    let (_, previous) = read(json!({ "SecretId": name, "VersionStage": "AWSPREVIOUS" })).await;
    assert_eq!(
        (&previous["SecretString"], &previous["VersionStages"]),
        (&json!("one"), &json!(["AWSPREVIOUS"]))
    );
    let by_version = json!({ "SecretId": name, "VersionId": previous["VersionId"] });
    assert_eq!(read(by_version).await.1["SecretString"], "one");

    let (_, description) = back_end.ask_secrets_manager("DescribeSecret", &json!({ "SecretId": arn })).await;
    let stages = json!({
        current["VersionId"].as_str().unwrap(): ["AWSCURRENT"],
        previous["VersionId"].as_str().unwrap(): ["AWSPREVIOUS"],
    });
    assert_eq!((&description["Name"], &description["VersionIdsToStages"]), (&json!(name), &stages));
}

#[tokio::test]
async fn a_third_value_leaves_the_first_one_without_a_stage() {
    let back_end = BackEnd::empty().await;
    back_end.create_secret(SECRET, "one").await;
    for value in ["two", "three"] {
        back_end.rotate_secret(SECRET, value).await;
    }
    let request = json!({ "SecretId": back_end.name(SECRET) });
    let (_, description) = back_end.ask_secrets_manager("DescribeSecret", &request).await;
    let stages: Vec<&Value> = description["VersionIdsToStages"].as_object().unwrap().values().collect();
    assert!(
        stages.contains(&&json!(["AWSCURRENT"])) && stages.contains(&&json!(["AWSPREVIOUS"])),
        "{stages:?}"
    );
    assert_eq!(stages.len(), 2, "{stages:?}");
}

#[tokio::test]
async fn what_cannot_be_read_is_refused_with_a_400_that_names_the_exception() {
    let back_end = BackEnd::empty().await;
    back_end.create_secret(SECRET, "one").await;
    back_end.create_secret("GOOGLE_CLIENT_SECRET_ID", "one").await;
    back_end.delete_secret("GOOGLE_CLIENT_SECRET_ID").await;
    let (name, doomed) = (back_end.name(SECRET), back_end.name("GOOGLE_CLIENT_SECRET_ID"));
    let unknown = "00000000-0000-4000-8000-000000000000";
    for (request, exception) in [
        (json!({ "SecretId": format!("{name}-missing") }), "ResourceNotFoundException"),
        (json!({ "SecretId": name, "VersionStage": "AWSPREVIOUS" }), "ResourceNotFoundException"),
        (json!({ "SecretId": name, "VersionId": unknown }), "ResourceNotFoundException"),
        (json!({ "SecretId": doomed }), "InvalidRequestException"),
    ] {
        let (status, answer) = back_end.ask_secrets_manager("GetSecretValue", &request).await;
        let named = answer["__type"].as_str().and_then(|name| name.rsplit('#').next());
        assert_eq!((status, named), (400, Some(exception)), "{request}: {answer}");
    }
    let (_, description) =
        back_end.ask_secrets_manager("DescribeSecret", &json!({ "SecretId": doomed })).await;
    assert!(description["DeletedDate"].is_number(), "{description}");
}

#[tokio::test]
async fn a_batch_gives_what_it_found_and_lists_what_it_did_not() {
    let back_end = BackEnd::empty().await;
    back_end.create_secret(SECRET, "one").await;
    let (name, missing) = (back_end.name(SECRET), back_end.name("GOOGLE_CLIENT_SECRET_ID"));
    let request = json!({ "SecretIdList": [name, missing] });
    let (status, answer) = back_end.ask_secrets_manager("BatchGetSecretValue", &request).await;
    assert_eq!((status, answer["SecretValues"].as_array().unwrap().len()), (200, 1));
    assert_eq!(answer["SecretValues"][0]["SecretString"], "one");
    let error = &answer["Errors"][0];
    assert_eq!(
        (&error["SecretId"], &error["ErrorCode"]),
        (&json!(missing), &json!("ResourceNotFoundException"))
    );
}
