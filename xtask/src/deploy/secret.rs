//! The secret with Google's client in Secrets Manager: read, created, or given a new version. Its
//! value is sent in the body of a request and nowhere else.

use aws_sdk_secretsmanager::Client;
use aws_sdk_secretsmanager::error::ProvideErrorMetadata;
use postern::outside::http::aws::describe;

use crate::account::Account;
use crate::web_client::{ClientText, WebClient};

const NOT_FOUND: &str = "ResourceNotFoundException";

/// What Secrets Manager has under a name.
#[derive(Debug)]
pub(crate) enum Stored {
    /// No secret.
    Missing,
    /// A secret that these credentials may not read; the functions have permissions of their own.
    Hidden,
    /// A secret that is not a web client, and why.
    Unusable(&'static str),
    /// A web client.
    Client(WebClient),
}

impl Stored {
    /// The client, if there is one that can be read.
    pub(crate) const fn client(&self) -> Option<&WebClient> {
        if let Self::Client(client) = self { Some(client) } else { None }
    }

    /// What to say if users consented with this client and `next` may be another. What cannot be
    /// known counts as a change.
    pub(crate) fn change_to(&self, next: Option<&WebClient>) -> Option<String> {
        match (self, next.map(|next| &next.google.client_id)) {
            (Self::Missing | Self::Unusable(_), _) => None,
            (Self::Client(client), Some(next)) if client.google.client_id == *next => None,
            (Self::Client(client), Some(_)) => Some(format!(
                "another OAuth client replaces {}, and every user must consent again",
                client.google.client_id
            )),
            (Self::Hidden, _) | (_, None) => Some(
                "these credentials may not read the OAuth client in use; if this replaces it by another, \
                 every user must consent again"
                    .to_owned(),
            ),
        }
    }
}

/// What is done with the secret.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Step {
    Keep,
    Create,
    Replace,
}

/// Writes only if the file says something that is not stored.
pub(crate) fn decide(name: &str, stored: &Stored, file: Option<&WebClient>) -> Result<Step, String> {
    let why = match (file, stored) {
        (None, Stored::Hidden | Stored::Client(_)) => return Ok(Step::Keep),
        (Some(_), Stored::Missing) => return Ok(Step::Create),
        (Some(file), Stored::Client(stored)) if !file.adds_to(stored) => return Ok(Step::Keep),
        (Some(_), _) => return Ok(Step::Replace),
        (None, Stored::Missing) => format!("there is no secret {name} in Secrets Manager yet"),
        (None, Stored::Unusable(why)) => format!("the secret {name} cannot be used: {why}"),
    };
    Err(format!("{why}; give --client-secret FILE with the JSON of a web client from Google's console"))
}

/// The secret of one name.
pub(crate) struct GoogleSecret<'a> {
    client: Client,
    name: &'a str,
}

impl<'a> GoogleSecret<'a> {
    /// The secret of this account.
    pub(crate) fn new(account: &Account, name: &'a str) -> Self {
        Self { client: Client::new(&account.config), name }
    }

    /// What is there now.
    pub(crate) async fn look(&self) -> Result<Stored, String> {
        let error = match self.client.get_secret_value().secret_id(self.name).send().await {
            Ok(answer) => {
                let Some(text) = answer.secret_string else {
                    return Ok(Stored::Unusable("It is not text"));
                };
                let client = WebClient::of_googles(ClientText::new(text));
                return Ok(client.map_or_else(Stored::Unusable, Stored::Client));
            }
            Err(error) => error,
        };
        let description = self.client.describe_secret().secret_id(self.name).send().await;
        match (error.code(), description) {
            (_, Err(error)) if error.code() == Some(NOT_FOUND) => Ok(Stored::Missing),
            (_, Ok(description)) if description.deleted_date().is_some() => Err(format!(
                "the secret {0} is marked for deletion: `aws secretsmanager restore-secret --secret-id {0}` \
                 brings it back; or choose another with --parameter GoogleClientSecretId=NAME",
                self.name
            )),
            (Some(NOT_FOUND), _) => Ok(Stored::Unusable("It has no value")),
            (Some("AccessDeniedException"), _) => Ok(Stored::Hidden),
            _ => Err(self.failed("read", &describe(&error))),
        }
    }

    /// Writes; says what was written and how to go back. `place` are the options of the AWS CLI
    /// that lead to the account.
    pub(crate) async fn carry_out(
        &self,
        step: Step,
        value: &WebClient,
        key: Option<&str>,
        place: &str,
    ) -> Result<Option<String>, String> {
        let (name, value) = (self.name, value.text.expose());
        match step {
            Step::Keep => Ok(None),
            Step::Create => {
                let request = self.client.create_secret().name(name).set_kms_key_id(key.map(str::to_owned));
                let request =
                    request.description("Google's web client, as downloaded from Google's console.");
                let answer = request.secret_string(value).send().await;
                answer.map_err(|error| self.failed("created", &describe(&error)))?;
                Ok(Some(format!("The secret {name} was created. It stays if the deployment fails.")))
            }
            Step::Replace => {
                let answer = self.client.put_secret_value().secret_id(name).secret_string(value).send().await;
                // Without an answer it may have been written.
                let answer = answer.map_err(|error| {
                    let problem = self.failed("given a new version", &describe(&error));
                    let look =
                        format!("aws secretsmanager list-secret-version-ids --secret-id {name} {place}");
                    format!("{problem}. This shows whether it has one all the same: {look}")
                })?;
                Ok(Some(self.way_back(answer.version_id().unwrap_or_default(), place).await))
            }
        }
    }

    async fn way_back(&self, new: &str, place: &str) -> String {
        let name = self.name;
        let description = self.client.describe_secret().secret_id(name).send().await;
        let stages = description.ok().and_then(|description| description.version_ids_to_stages);
        let mut previous = stages.into_iter().flatten().filter(|(_, stages)| stages == &["AWSPREVIOUS"]);
        let Some((previous, _)) = previous.next() else {
            return format!("The secret {name} has a new value. No previous one is known.");
        };
        format!(
            "The secret {name} has a new value, which the functions read within five minutes. This brings the \
             previous one back:\n  aws secretsmanager update-secret-version-stage --secret-id {name} \
             --version-stage AWSCURRENT --move-to-version-id {previous} --remove-from-version-id {new} {place}"
        )
    }

    fn failed(&self, what: &str, problem: &str) -> String {
        format!("the secret {} cannot be {what}: Secrets Manager says {problem}", self.name)
    }
}
