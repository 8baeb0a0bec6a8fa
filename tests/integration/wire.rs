//! What each outbound client sends, and how it handles bad answers, tested without the functions.

use std::time::Duration;

use futures_util::future::join_all;
use harness::google::{Endpoint, Failure};
use harness::world::{ANN, GOOGLE_CLIENT, KEYRING, World};
use harness::{Fault, Times};
use postern::clock::Deadline;
use postern::outside::dynamodb::StoreError;
use postern::outside::google::Trouble;
use postern::outside::google::gmail::{Gathering, GmailError, ListQuery};
use postern::outside::google::identity::UserInfoError;
use postern::outside::google::oauth::{Refusal, TokenError};
use postern::outside::http::Failure as Outbound;
use postern_rules::secret::{AccessToken, RefreshToken};
use postern_rules::user::UserId;
use serde_json::json;

fn in_a_while() -> Deadline {
    Deadline::after(Duration::from_millis(900))
}

/// A world with a live access and refresh token of Ann's, as Google gave them.
async fn with_tokens() -> (World, AccessToken, RefreshToken) {
    let world = World::expired().await;
    world.lists().await;
    let refresh = &world.google.calls_to(Endpoint::Token)[0];
    let refresh_token = RefreshToken::new(refresh.form_value("refresh_token").unwrap());
    let list = &world.google.calls_to(Endpoint::MessagesList)[0];
    let access_token = AccessToken::new(list.bearer().unwrap());
    world.forget_calls();
    (world, access_token, refresh_token)
}

#[tokio::test]
async fn a_refresh_sends_what_rfc_6749_section_6_says_and_nothing_else() {
    let (world, _, refresh_token) = with_tokens().await;
    let client = world.app.secrets.google_client().await.unwrap();
    let tokens = world.app.google.refresh(&client, &refresh_token, in_a_while()).await.unwrap();
    assert!(tokens.access_token.expose().starts_with("ya29."));
    assert_eq!(tokens.expires_in, Some(Duration::from_secs(3599)));
    let call = &world.google.calls_to(Endpoint::Token)[0];
    assert_eq!((call.method.as_str(), call.path.as_str(), call.query.len()), ("POST", "/token", 0));
    assert_eq!(call.header("content-type"), Some("application/x-www-form-urlencoded"));
    assert_eq!(call.header("authorization"), None);
    let mut names: Vec<String> = call.form().into_iter().map(|(name, _)| name).collect();
    names.sort();
    assert_eq!(names, ["client_id", "client_secret", "grant_type", "refresh_token"]);
}

#[tokio::test]
async fn the_token_endpoints_errors_keep_their_class_and_nothing_else() {
    let (world, _, refresh_token) = with_tokens().await;
    let client = world.app.secrets.google_client().await.unwrap();
    for (failure, refusal) in [
        (Failure::InvalidGrant, Refusal::InvalidGrant),
        (Failure::InvalidRapt, Refusal::ReauthenticationRequired),
        (Failure::InvalidClient, Refusal::ClientRefused),
        (Failure::AdminPolicyEnforced, Refusal::BlockedByAdmin),
    ] {
        world.google.fail_refresh(failure, 1);
        let error = world.app.google.refresh(&client, &refresh_token, in_a_while()).await.unwrap_err();
        assert!(matches!(error, TokenError::Refused(found) if found == refusal), "{error:?}");
    }
}

#[tokio::test]
async fn f51_a_slow_or_dripping_answer_ends_with_the_deadline() {
    let (world, access_token, refresh_token) = with_tokens().await;
    let client = world.app.secrets.google_client().await.unwrap();
    let forever = Duration::from_secs(20);
    for failure in [Failure::Slow(forever), Failure::Drip(forever)] {
        world.google.fail_refresh(failure.clone(), 1);
        let error = world.app.google.refresh(&client, &refresh_token, in_a_while()).await.unwrap_err();
        assert!(matches!(error, TokenError::Trouble(Trouble::Unanswered(Outbound::TimedOut))), "{error:?}");
        world.google.fail(Endpoint::MessagesList, failure, 1);
        let error = world
            .app
            .google
            .list_messages(&access_token, &ListQuery::default(), in_a_while())
            .await
            .unwrap_err();
        assert!(matches!(error, GmailError::Trouble(Trouble::Unanswered(Outbound::TimedOut))), "{error:?}");
    }
}

#[tokio::test]
async fn a63_a_redirect_is_not_followed() {
    let (world, _, refresh_token) = with_tokens().await;
    let client = world.app.secrets.google_client().await.unwrap();
    let elsewhere = format!("{}/oauth2/v3/userinfo", world.google.url());
    world.google.fail_refresh(Failure::Redirect(elsewhere), 1);
    let error = world.app.google.refresh(&client, &refresh_token, in_a_while()).await.unwrap_err();
    assert!(matches!(error, TokenError::Trouble(Trouble::Malformed { .. })), "{error:?}");
    assert!(world.google.calls_to(Endpoint::UserInfo).is_empty());
}

#[tokio::test]
async fn gmail_is_asked_for_the_token_owners_mailbox_with_a_bearer_token() {
    let (world, access_token, _) = with_tokens().await;
    let query = ListQuery { max_results: Some(3), ..ListQuery::default() };
    let page = world.app.google.list_messages(&access_token, &query, in_a_while()).await.unwrap();
    assert_eq!(page.messages.len(), 3);
    let call = &world.google.calls_to(Endpoint::MessagesList)[0];
    assert_eq!((call.method.as_str(), call.path.as_str()), ("GET", "/gmail/v1/users/me/messages"));
    assert_eq!(call.bearer(), Some(access_token.expose()));
    let names: Vec<&str> = call.query.iter().map(|(name, _)| name.as_str()).collect();
    assert_eq!(names, ["prettyPrint", "maxResults"]);
}

#[tokio::test]
async fn gmail_is_asked_for_many_messages_in_one_multipart_request() {
    let (world, access_token, _) = with_tokens().await;
    let ids = ["0000000000000000", "0000000000000001"];
    let mut gathering = Gathering::of(ids);
    world.app.google.gather(&access_token, &mut gathering, in_a_while()).await.unwrap();
    let outcomes = gathering.finish(|error| panic!("{error}")).unwrap();
    assert!(outcomes.is_empty(), "neither exists");
    let call = &world.google.calls_to(Endpoint::Batch)[0];
    assert_eq!((call.method.as_str(), call.path.as_str()), ("POST", "/batch/gmail/v1"));
    assert_eq!(call.bearer(), Some(access_token.expose()));
    assert_eq!(call.header("content-type"), Some("multipart/mixed; boundary=part_of_a_batch"));
    let query =
        "prettyPrint=false&format=metadata&metadataHeaders=From&metadataHeaders=To&metadataHeaders=Subject";
    let part = |number: usize| {
        format!(
            "--part_of_a_batch\r\nContent-Type: application/http\r\nContent-ID: <{number}>\r\n\r\n\
             GET /gmail/v1/users/me/messages/{}?{query}\r\n\r\n",
            ids[number]
        )
    };
    assert_eq!(call.body, part(0) + &part(1) + "--part_of_a_batch--\r\n");
}

#[tokio::test]
async fn userinfo_says_who_the_user_is_or_refuses() {
    let (world, access_token, _) = with_tokens().await;
    let identity = world.app.google.user_info(&access_token, in_a_while()).await.unwrap();
    assert_eq!(identity.user.as_str(), world.sub(ANN));
    let call = &world.google.calls_to(Endpoint::UserInfo)[0];
    assert_eq!(call.bearer(), Some(access_token.expose()));
    let wrong = AccessToken::new("ya29.wrong-planted-token");
    world.plant(wrong.expose());
    let error = world.app.google.user_info(&wrong, in_a_while()).await.unwrap_err();
    assert!(matches!(error, UserInfoError::Refused(401)), "{error:?}");
    world.google.fail(Endpoint::UserInfo, Failure::NotJson, 1);
    let error = world.app.google.user_info(&access_token, in_a_while()).await.unwrap_err();
    assert!(matches!(error, UserInfoError::Trouble(Trouble::Malformed { .. })), "{error:?}");
}

#[tokio::test]
async fn userinfo_of_the_guides_version_is_read_too() {
    let (world, access_token, _) = with_tokens().await;
    let older =
        world.environment(&[("GOOGLE_USERINFO_URL", &format!("{}/oauth2/v2/userinfo", world.google.url()))]);
    let identity = older.google.user_info(&access_token, in_a_while()).await.unwrap();
    assert_eq!(identity.user.as_str(), world.sub(ANN));
}

#[tokio::test]
async fn dynamodb_is_read_consistently_and_its_failures_are_told_apart() {
    let world = World::new().await;
    let user = UserId::parse("1").unwrap();
    assert!(world.app.store.credential(&user).await.unwrap().is_none());
    let body = &world.dynamodb.calls_of("GetItem")[0].body;
    assert_eq!(
        (body["ConsistentRead"].as_bool(), body["Key"]["user_id"]["S"].as_str()),
        (Some(true), Some("1"))
    );
    world.dynamodb.fail("GetItem", Fault::MISSING, 1);
    assert!(matches!(world.app.store.credential(&user).await, Err(StoreError::Refused { .. })));
    world.dynamodb.fail("GetItem", Fault::THROTTLED, 3);
    assert!(matches!(world.app.store.credential(&user).await, Err(StoreError::Unavailable(_))));
    world.dynamodb.fail("GetItem", Fault::CallLost, 1);
    assert!(world.app.store.credential(&user).await.unwrap().is_none(), "a lost call is repeated");
    world.dynamodb.fail("GetItem", Fault::Delay(Duration::from_secs(5)), 3);
    let began = tokio::time::Instant::now();
    assert!(matches!(world.app.store.credential(&user).await, Err(StoreError::Unavailable(_))));
    assert!(began.elapsed() <= Duration::from_millis(2510), "the operation has a deadline");
}

#[tokio::test]
async fn secrets_are_read_by_name_and_stage() {
    let world = World::new().await;
    world.app.secrets.keyring().await.unwrap();
    let call = &world.secrets.calls()[0];
    assert_eq!(call.operation, "BatchGetSecretValue");
    assert_eq!(call.body["SecretIdList"], json!([KEYRING, GOOGLE_CLIENT]));
    world.advance(300);
    world.forget_calls();
    for operation in ["BatchGetSecretValue", "GetSecretValue"] {
        world.secrets.fail(operation, Fault::DENIED, 1);
    }
    let error = world.environment(&[]).secrets.google_client().await.unwrap_err();
    assert!(error.to_string().starts_with("GOOGLE_CLIENT_SECRET_ID"), "{error}");
    let calls = world.secrets.calls();
    assert_eq!(calls[1].body, json!({"SecretId": GOOGLE_CLIENT, "VersionStage": "AWSCURRENT"}));
    let fresh = world.environment(&[]);
    world.secrets.fail("BatchGetSecretValue", Fault::Delay(Duration::from_secs(5)), 3);
    let began = tokio::time::Instant::now();
    assert!(fresh.secrets.google_client().await.is_err());
    assert!(began.elapsed() <= Duration::from_millis(2510), "the operation has a deadline");
    assert!(fresh.secrets.google_client().await.is_ok());
}

#[tokio::test]
async fn the_retries_that_one_environment_used_up_are_there_for_the_next() {
    let mut world = World::signed_in().await;
    world.dynamodb.fail("BatchGetItem", Fault::BROKEN, Times::UntilCleared);
    let lists = join_all((0..40).map(|_| world.messages(""))).await;
    assert!(lists.iter().all(|answer| answer.status == 503), "{lists:?}");
    world.dynamodb.end_faults().await;
    world.cold_start();
    world.dynamodb.fail("BatchGetItem", Fault::BROKEN, 2);
    assert_eq!(world.messages("").await.status, 200);
}

#[tokio::test]
async fn while_reading_both_secrets_at_once_is_throttled_they_are_read_one_by_one() {
    let mut world = World::signed_in().await;
    world.cold_start();
    world.secrets.fail("BatchGetSecretValue", Fault::THROTTLED, 100);
    assert_eq!(world.messages("").await.status, 200);
    world.secrets.end_faults().await;
    world.cold_start();
    world.forget_calls();
    assert_eq!(world.messages("").await.status, 200);
    let operations: Vec<_> = world.secrets.calls().iter().map(|call| call.operation.clone()).collect();
    assert_eq!(operations, ["BatchGetSecretValue"]);
}

#[tokio::test]
async fn a62_an_answer_that_cannot_be_read_is_not_told_to_the_log() {
    let mut world = World::signed_in().await;
    world.cold_start();
    for operation in ["BatchGetSecretValue", "GetSecretValue"] {
        if operation == "GetSecretValue" {
            world.secrets.fail("BatchGetSecretValue", Fault::DENIED, 1);
        }
        world.secrets.fail(operation, Fault::AnswerCut, 4);
        let answer = world.messages("").await;
        assert_eq!(answer.status, 503, "{operation}: {answer:?}");
        world.secrets.end_faults().await;
    }
    world.dynamodb.fail("BatchGetItem", Fault::AnswerCut, 4);
    assert_eq!(world.messages("").await.code(), "storage_unavailable");
}
