//! The secret with Google's client in Secrets Manager: looked at, made, or given a new version. Its value goes from memory
//! into the request's body alone.

use aws_sdk_secretsmanager::Client;
use aws_sdk_secretsmanager::error::ProvideErrorMetadata;
use shared::outbound::aws::describe;

use super::decision::{Step, Stored};
use crate::account::Account;
use crate::web_client::{ClientText, WebClient, end_of_sentence};

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
                    let client = WebClient::parse(ClientText::new(text));
                    client.map_or_else(|error| Stored::Unusable(end_of_sentence(&error)), Stored::Client)
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

    /// Carries out what was decided. A repetition by the SDK is the same request to Secrets Manager, by its token.
    pub(crate) async fn carry_out(
        &self,
        step: &Step,
        value: &WebClient,
        key: Option<&str>,
    ) -> Result<(), String> {
        match step {
            Step::Keep => Ok(()),
            Step::Create => {
                let request =
                    self.client.create_secret().name(self.name).set_kms_key_id(key.map(str::to_owned));
                let request = request
                    .description("Google's web client of Postern, as downloaded from Google's console.")
                    .secret_string(value.text.expose());
                request.send().await.map(drop).map_err(|error| self.failed("made", &describe(&error)))
            }
            Step::Replace(_) => {
                let request = self.client.put_secret_value().secret_id(self.name);
                let request = request.secret_string(value.text.expose());
                request
                    .send()
                    .await
                    .map(drop)
                    .map_err(|error| self.failed("given a new version", &describe(&error)))
            }
        }
    }

    fn failed(&self, what: &str, problem: &str) -> String {
        format!("the secret {} cannot be {what}: Secrets Manager says {problem}", self.name)
    }
}
