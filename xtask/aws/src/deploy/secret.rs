//! The secret with Google's client in Secrets Manager: looked at, made, or given a new version. Its value goes from memory
//! into the request's body alone.

use aws_sdk_secretsmanager::Client;
use aws_sdk_secretsmanager::config::http::HttpResponse;
use aws_sdk_secretsmanager::error::{ProvideErrorMetadata, SdkError};
use postern::outside::http::aws::describe;
use postern_rules::random;

use super::decision::{Step, Stored};
use super::way_back::{Change, Place, WayBack};
use crate::account::Account;
use crate::web_client::{ClientText, WebClient};

const NOT_FOUND: &str = "ResourceNotFoundException";

/// The secret of one name.
pub(crate) struct GoogleSecret<'a> {
    client: Client,
    /// As the functions are told it.
    pub(crate) name: &'a str,
}

impl<'a> GoogleSecret<'a> {
    /// The secret that the functions of this account will read.
    pub(crate) fn new(account: &Account, name: &'a str) -> Self {
        Self { client: Client::new(&account.config), name }
    }

    /// What is there now.
    pub(crate) async fn look(&self) -> Result<Stored, String> {
        match self.client.describe_secret().secret_id(self.name).send().await {
            Ok(description) if description.deleted_date().is_some() => {
                return Err(format!(
                    "the secret {0} is marked for deletion; take that back with `aws secretsmanager restore-secret \
                     --secret-id {0}`, or choose another name with --parameter GoogleClientSecretId=NAME",
                    self.name
                ));
            }
            Ok(_) => {}
            Err(error) if error.code() == Some(NOT_FOUND) => return Ok(Stored::Missing),
            Err(error) => return Err(self.failed("described", &describe(&error))),
        }
        match self.client.get_secret_value().secret_id(self.name).send().await {
            Ok(answer) => Ok(match answer.secret_string {
                Some(text) => {
                    WebClient::of_googles(ClientText::new(text)).map_or_else(Stored::Unusable, Stored::Client)
                }
                None => Stored::Unusable("that is not text".to_owned()),
            }),
            Err(error) => match error.code() {
                // A secret that was made without a value.
                Some(NOT_FOUND) => Ok(Stored::Unusable("without a value".to_owned())),
                Some("AccessDeniedException") => Ok(Stored::Hidden),
                _ => Err(self.failed("read", &describe(&error))),
            },
        }
    }

    /// Carries out what was decided, and says to `way_back` how far it came.
    pub(crate) async fn carry_out(
        &self,
        step: &Step,
        value: &WebClient,
        key: Option<&str>,
        (way_back, place): (&WayBack, Place<'_>),
    ) -> Result<(), String> {
        let (outcome, what) = match step {
            Step::Keep => return Ok(()),
            Step::Create => {
                let request =
                    self.client.create_secret().name(self.name).set_kms_key_id(key.map(str::to_owned));
                let request = request
                    .description("Google's web client of Postern, as downloaded from Google's console.")
                    .secret_string(value.text.expose());
                way_back.begin(&Change::Made, place);
                (request.send().await.map(drop).map_err(|error| NotDone::of(&error)), "made")
            }
            Step::Replace(_) => {
                // Chosen here, so that it is known however this ends. It becomes the version's id, and makes a repetition by
                // the SDK the same request.
                let new = version_id(random::bytes());
                let request = self.client.put_secret_value().secret_id(self.name).client_request_token(&new);
                let request = request.secret_string(value.text.expose());
                way_back.begin(&Change::Replaced { previous: self.current_version().await?, new }, place);
                (request.send().await.map(drop).map_err(|error| NotDone::of(&error)), "given a new version")
            }
        };
        match outcome {
            Ok(()) => way_back.done(),
            Err(NotDone { is_certain: true, .. }) => way_back.forget(),
            Err(_) => {}
        }
        outcome.map_err(|not_done| self.failed(what, &not_done.problem))
    }

    async fn current_version(&self) -> Result<Option<String>, String> {
        let description = self.client.describe_secret().secret_id(self.name).send().await;
        let description = description.map_err(|error| self.failed("described", &describe(&error)))?;
        let stages = description.version_ids_to_stages.unwrap_or_default();
        let is_current = |stages: &Vec<String>| stages.iter().any(|stage| stage == "AWSCURRENT");
        Ok(stages.into_iter().find_map(|(id, stages)| is_current(&stages).then_some(id)))
    }

    fn failed(&self, what: &str, problem: &str) -> String {
        format!("the secret {} cannot be {what}: Secrets Manager says {problem}", self.name)
    }
}

/// A change that failed.
struct NotDone {
    problem: String,
    /// Secrets Manager refused it; anything else may have been carried out.
    is_certain: bool,
}

impl NotDone {
    fn of<E: ProvideErrorMetadata>(error: &SdkError<E, HttpResponse>) -> Self {
        let is_certain = error.raw_response().is_some_and(|answer| answer.status().is_client_error());
        Self { problem: describe(error), is_certain }
    }
}

/// A UUID (RFC 9562 section 5.4) of random bytes, as Secrets Manager asks for.
fn version_id(bytes: [u8; 16]) -> String {
    let number = u128::from_be_bytes(bytes) & !(0xf << 76) & !(0x3 << 62) | 0x4 << 76 | 0x2 << 62;
    let mut text = format!("{number:032x}");
    for place in [20, 16, 12, 8] {
        text.insert(place, '-');
    }
    text
}

#[cfg(test)]
mod tests {
    use aws_config::retry::RetryConfig;
    use aws_config::{BehaviorVersion, Region, SdkConfig};
    use aws_credential_types::Credentials;
    use aws_credential_types::provider::SharedCredentialsProvider;
    use axum::Router;
    use axum::http::{HeaderMap, StatusCode};
    use serde_json::{Value, json};
    use tokio::net::TcpListener;

    use super::super::decision::Reason;
    use super::*;
    use crate::account::http_client;
    use crate::web_client::tests::downloaded;

    /// Secrets Manager with one secret, that answers a change with this status.
    async fn account(status: u16) -> Account {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let answer = move |headers: HeaderMap, body: String| async move {
            let body: Value = serde_json::from_str(&body).unwrap();
            if headers["x-amz-target"] == "secretsmanager.DescribeSecret" {
                let stages = json!({ "v0": ["AWSPREVIOUS"], "v1": ["AWSCURRENT"] });
                return (StatusCode::OK, json!({ "VersionIdsToStages": stages }).to_string());
            }
            assert!(body["SecretString"].as_str().unwrap().contains("planted"));
            let refusal = json!({ "__type": "AccessDeniedException" }).to_string();
            (StatusCode::from_u16(status).unwrap(), if status == 200 { "{}".to_owned() } else { refusal })
        };
        #[expect(clippy::disallowed_methods, reason = "it runs beside the command")]
        tokio::spawn(async move { axum::serve(listener, Router::new().fallback(answer)).await });
        let config = SdkConfig::builder()
            .behavior_version(BehaviorVersion::latest())
            .region(Region::from_static("us-east-1"))
            .credentials_provider(SharedCredentialsProvider::new(Credentials::new(
                "a", "b", None, None, "test",
            )))
            .http_client(http_client().unwrap())
            .retry_config(RetryConfig::disabled())
            .endpoint_url(url)
            .build();
        Account { config }
    }

    async fn left_behind(step: Step, status: u16) -> (bool, String) {
        let account = account(status).await;
        let way_back = WayBack::default();
        let place = Place { secret: "name", region: "us-east-1", profile: None };
        let outcome = GoogleSecret::new(&account, "name")
            .carry_out(&step, &downloaded("1-a", "s", &[]), None, (&way_back, place))
            .await;
        (outcome.is_ok(), way_back.after(String::new()))
    }

    #[tokio::test]
    async fn what_was_written_can_be_taken_back_and_what_was_refused_need_not() {
        for (step, status, is_done, part) in [
            (Step::Replace(Reason::NewSecret), 200, true, "has its new value already"),
            (
                Step::Replace(Reason::NewSecret),
                200,
                true,
                "--move-to-version-id v1 --remove-from-version-id ",
            ),
            (Step::Replace(Reason::NewSecret), 500, false, "may have its new value already"),
            (Step::Replace(Reason::NewSecret), 400, false, ""),
            (Step::Create, 200, true, "was newly made"),
            (Step::Create, 500, false, "may have been newly made"),
            (Step::Create, 400, false, ""),
            (Step::Keep, 200, true, ""),
        ] {
            let shown = format!("{step:?} {status}");
            let (outcome, words) = left_behind(step, status).await;
            assert_eq!(outcome, is_done, "{shown}");
            assert!(words.contains(part) && words.is_empty() == part.is_empty(), "{shown}: {words}");
            assert!(!words.contains("planted"), "{words}");
        }
    }

    #[test]
    fn a_version_has_a_random_uuid() {
        assert_eq!(version_id([0xff; 16]), "ffffffff-ffff-4fff-bfff-ffffffffffff");
        assert_eq!(version_id([0; 16]), "00000000-0000-4000-8000-000000000000");
    }
}
