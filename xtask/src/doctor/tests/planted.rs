//! Defects, and the sentence that each is found with.

use aws_sdk_dynamodb::types::{
    AttributeDefinition, BillingMode, KeySchemaElement, KeyType, ScalarAttributeType, TimeToLiveSpecification,
};
use harness::google::{Endpoint, Failure, Times};
use harness::stack::SESSIONS_TABLE;

use super::*;

const AS_DOWNLOADED: &str = "put the client_secrets.json of a client of the type Web application into it, as Google's \
                             console downloads it";

#[tokio::test]
async fn a_wrong_client_secret_is_found() {
    let scene = Scene::new().await;
    scene.put_client(|file| file["web"]["client_secret"] = json!(WRONG_CLIENT_SECRET));
    assert_eq!(
        scene.wrongs().await,
        [format!(
            "wrong  Google refuses the client secret in the secret postern/google-client: put the current \
             client_secrets.json of the client {CLIENT} into it; a secret that is lost is made anew at {CONSOLE}"
        )]
    );
}

#[tokio::test]
async fn a_missing_redirect_uri_is_found() {
    let scene = Scene::new().await;
    let callback = scene.callback();
    scene.stack.google.unregister(&callback);
    assert_eq!(
        scene.wrongs().await,
        [format!(
            "wrong  Google does not know the redirect URI {callback}: register {callback} under Authorized redirect URIs \
             of the web client {CLIENT} at {CONSOLE}"
        )]
    );
}

#[tokio::test]
async fn a_disabled_gmail_api_is_found() {
    let mut scene = Scene::new().await;
    scene.sign_in().await;
    scene.stack.google.fail(Endpoint::MessagesList, Failure::ServiceDisabled, Times::UntilCleared);
    assert_eq!(
        scene.wrongs().await,
        ["wrong  the Gmail API is not enabled in the Google Cloud project: enable it at \
          https://console.developers.google.com/apis/api/gmail.googleapis.com/overview?project=640512773041, and wait \
          some minutes"]
    );
}

#[tokio::test]
async fn what_google_says_of_the_client_is_found_whatever_it_is() {
    for (error, description, said) in [
        (
            "invalid_client",
            "The OAuth client was not found.",
            format!("Google does not know the client {CLIENT}: "),
        ),
        (
            "deleted_client",
            "The OAuth client was deleted.",
            format!("the client {CLIENT} was deleted at Google: "),
        ),
        ("disabled_client", "", format!("the client {CLIENT} is disabled at Google: ")),
        ("unauthorized_client", "", format!("the client {CLIENT} may not redeem authorization codes: ")),
    ] {
        let scene = Scene::new().await;
        let failure =
            Failure::OAuth { status: 401, error: error.to_owned(), description: description.to_owned() };
        scene.stack.google.fail(Endpoint::Token, failure, Times::UntilCleared);
        let wrongs = scene.wrongs().await;
        assert!(
            matches!(wrongs.as_slice(), [line] if line.starts_with(&format!("wrong  {said}"))),
            "{wrongs:?}"
        );
    }
}

#[tokio::test]
async fn two_ways_of_finding_the_same_are_one_line() {
    let scene = Scene::new().await;
    scene.stack.google.unregister(&scene.callback());
    let failure = Failure::OAuth {
        status: 400,
        error: "redirect_uri_mismatch".to_owned(),
        description: "Bad Request".to_owned(),
    };
    scene.stack.google.fail(Endpoint::Token, failure, Times::UntilCleared);
    assert_eq!(scene.wrongs().await.len(), 1);
}

#[tokio::test]
async fn a_client_of_another_type_is_found_here_and_through_the_door() {
    let scene = Scene::new().await;
    scene.put_client(|file| *file = json!({ "installed": file["web"] }));
    let problem = "GOOGLE_CLIENT_SECRET_ID names a secret of an \"installed\" client; create an OAuth client of the type \
                   Web application";
    let api = &scene.api.url;
    assert_eq!(
        scene.wrongs().await,
        [
            format!("wrong  Google's client in the secret postern/google-client: {problem}: {AS_DOWNLOADED}"),
            format!(
                "wrong  GET {api}/auth/start answers config_error ({problem}): mend that variable or what it names; the \
                 functions read secrets anew within five minutes"
            ),
        ]
    );
}

#[tokio::test]
async fn a_client_id_that_may_be_a_secret_is_not_printed() {
    let scene = Scene::new().await;
    scene.put_client(|file| {
        let id = file["web"]["client_id"].take();
        file["web"]["client_id"] = file["web"]["client_secret"].take();
        file["web"]["client_secret"] = id;
    });
    let wrongs = scene.wrongs().await;
    assert_eq!(
        wrongs,
        ["wrong  the client_id in the secret postern/google-client is not one of Google's: put Google's \
          client_secrets.json into it as downloaded; a client ID ends with .apps.googleusercontent.com"]
    );
}

#[tokio::test]
async fn a_keyring_that_seals_nothing_is_found() {
    for (keyring, problem) in [
        (json!({ "primary": "k1", "k1": "short" }), "a key of the keyring has fewer than 32 characters"),
        (json!({ "primary": "k2", "k1": KEY }), "the keyring's \"primary\" names no key in it"),
        (json!([KEY]), "the keyring is not a JSON object of strings"),
    ] {
        let scene = Scene::new().await;
        scene.stack.secrets.put(SEALING_KEYS_SECRET, &keyring.to_string());
        let wrongs = scene.wrongs().await;
        assert!(
            wrongs[0].starts_with(&format!("wrong  the secret postern/sealing-keys: {problem}: put ")),
            "{wrongs:?}"
        );
        assert!(
            wrongs[1].contains("/auth/start answers config_error (SEALING_KEYS_SECRET_ID names"),
            "{wrongs:?}"
        );
        assert_eq!(wrongs.len(), 2);
    }
}

#[tokio::test]
async fn a_secret_that_is_gone_or_going_is_found() {
    let scene = Scene::new().await;
    scene.stack.secrets.remove(GOOGLE_CLIENT_SECRET);
    scene.stack.secrets.mark_for_deletion(SEALING_KEYS_SECRET);
    let wrongs = scene.wrongs().await;
    assert!(
        wrongs[0].starts_with(
            "wrong  the secret with Google's client, postern/google-client, is not there: make it"
        )
    );
    assert_eq!(
        wrongs[1],
        "wrong  the secret with the keyring, postern/sealing-keys, is marked for deletion: restore it with `aws \
         secretsmanager restore-secret --secret-id postern/sealing-keys`"
    );
}

#[tokio::test]
async fn sessions_that_are_kept_for_ever_are_found() {
    let scene = Scene::new().await;
    let off = TimeToLiveSpecification::builder().enabled(false).attribute_name("expires_at").build().unwrap();
    let request = scene.target().dynamodb.update_time_to_live().table_name(SESSIONS_TABLE);
    request.time_to_live_specification(off).send().await.unwrap();
    assert_eq!(
        scene.wrongs().await,
        [
            "wrong  the table SessionsTable keeps old sessions for ever, for its time to live is not expires_at: `aws \
          dynamodb update-time-to-live --table-name SessionsTable --time-to-live-specification \
          Enabled=true,AttributeName=expires_at`"
        ]
    );
}

#[tokio::test]
async fn a_table_that_is_gone_or_has_another_key_is_found() {
    let scene = Scene::new().await;
    let dynamodb = scene.target().dynamodb;
    dynamodb.delete_table().table_name("CredentialsTable").send().await.unwrap();
    assert_eq!(
        scene.wrongs().await,
        ["wrong  the table CredentialsTable is not there: deploy the template again"]
    );
    let key = KeySchemaElement::builder().attribute_name("email").key_type(KeyType::Hash).build().unwrap();
    let attribute =
        AttributeDefinition::builder().attribute_name("email").attribute_type(ScalarAttributeType::S);
    let request =
        dynamodb.create_table().table_name("CredentialsTable").billing_mode(BillingMode::PayPerRequest);
    let request = request.key_schema(key).attribute_definitions(attribute.build().unwrap());
    request.send().await.unwrap();
    assert_eq!(
        scene.wrongs().await,
        [
            "wrong  the key of the table CredentialsTable is not user_id (S) alone: a key cannot be changed: deploy the \
          template again with a new table"
        ]
    );
}

#[tokio::test]
async fn a_front_end_that_may_not_call_is_found() {
    let scene = Scene::new().await;
    let (dynamodb, secrets) = (scene.stack.dynamodb.url(), scene.stack.secrets.url());
    let other = "https://other.example.com".to_owned();
    let target = Target::at(&scene.api.url, other, &dynamodb, &secrets).unwrap();
    let expected = "wrong  the API does not let pages of https://other.example.com send GET /messages: deploy the template \
                    again with this origin in AllowedOrigins";
    assert!(scene.lines_of(&target).await.contains(&expected.to_owned()));
}
