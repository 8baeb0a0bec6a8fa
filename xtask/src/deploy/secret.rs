//! The secret with Google's client in Secrets Manager: read, created, or given a new version. Its
//! value is sent in the body of a request and nowhere else.

use aws_sdk_secretsmanager::Client;
use aws_sdk_secretsmanager::error::ProvideErrorMetadata;

use crate::account::{Account, Called};
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
    /// Looks what is there now.
    pub(crate) async fn look(account: &Account, name: &str) -> Result<Self, String> {
        let client = Client::new(&account.config);
        let error = match client.get_secret_value().secret_id(name).send().await {
            Ok(answer) => {
                let Some(text) = answer.secret_string else { return Ok(Self::Unusable("It is not text")) };
                return Ok(
                    WebClient::of_googles(ClientText::new(text)).map_or_else(Self::Unusable, Self::Client)
                );
            }
            Err(error) => error,
        };
        let description = client.describe_secret().secret_id(name).send().await;
        match (error.code(), description) {
            (_, Err(error)) if error.code() == Some(NOT_FOUND) => Ok(Self::Missing),
            (_, Ok(description)) if description.deleted_date().is_some() => Err(format!(
                "the secret {name} is marked for deletion: `aws secretsmanager restore-secret --secret-id {name}` \
                 brings it back; or choose another with --parameter GoogleClientSecretId=NAME"
            )),
            (Some(NOT_FOUND), _) => Ok(Self::Unusable("It has no value")),
            (Some("AccessDeniedException"), _) => Ok(Self::Hidden),
            _ => Err(error).or_say(&format!("the secret {name} cannot be read")),
        }
    }

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
pub(crate) enum Step {
    /// Nothing; this is in it.
    Keep(Stored),
    /// Creates it with the file as its value.
    Create(WebClient),
    /// Adds the file as a new version, after this one.
    Replace(WebClient, Stored),
}

impl Step {
    /// Writes only if the file says something that is not stored.
    pub(crate) fn decide(name: &str, stored: Stored, file: Option<WebClient>) -> Result<Self, String> {
        let why = match (file, stored) {
            (Some(file), Stored::Missing) => return Ok(Self::Create(file)),
            (Some(file), stored) if stored.client().is_none_or(|known| file.adds_to(known)) => {
                return Ok(Self::Replace(file, stored));
            }
            (_, stored @ (Stored::Hidden | Stored::Client(_))) => return Ok(Self::Keep(stored)),
            (_, Stored::Unusable(why)) => format!("the secret {name} cannot be used: {why}"),
            (None, Stored::Missing) => format!("there is no secret {name} in Secrets Manager yet"),
        };
        Err(format!("{why}; give --client-secret FILE with the JSON of a web client from Google's console"))
    }

    /// The file, if it is going to be stored.
    pub(crate) const fn file(&self) -> Option<&WebClient> {
        if let Self::Create(file) | Self::Replace(file, _) = self { Some(file) } else { None }
    }

    /// The client that the functions are going to use; none if these credentials may not read it.
    pub(crate) const fn client(&self) -> Option<&WebClient> {
        if let Self::Keep(stored) = self { stored.client() } else { self.file() }
    }

    /// Does it; says what was written and how to go back. `place` are the options of the AWS CLI
    /// that lead to the account.
    pub(crate) async fn carry_out(
        &self,
        account: &Account,
        name: &str,
        key: Option<&str>,
        place: &str,
    ) -> Result<Option<String>, String> {
        let client = Client::new(&account.config);
        match self {
            Self::Keep(_) => Ok(None),
            Self::Create(file) => {
                let request = client.create_secret().name(name).set_kms_key_id(key.map(str::to_owned));
                let request =
                    request.description("Google's web client, as downloaded from Google's console.");
                let answer = request.secret_string(file.text.expose()).send().await;
                answer.or_say(&format!("the secret {name} cannot be created"))?;
                Ok(Some(format!("The secret {name} was created. It stays if the deployment fails.")))
            }
            Self::Replace(file, _) => {
                let request = client.put_secret_value().secret_id(name).secret_string(file.text.expose());
                let answer = request.send().await.or_say(&format!("the secret {name} gets no new version"));
                // Without an answer it may have been written.
                let answer = answer.map_err(|problem| {
                    let look = "This shows whether it has one all the same: aws secretsmanager list-secret-version-ids";
                    format!("{problem}. {look} --secret-id {name} {place}")
                })?;
                let new = answer.version_id().unwrap_or_default();
                Ok(Some(way_back(&client, name, new, place).await))
            }
        }
    }
}

async fn way_back(client: &Client, name: &str, new: &str, place: &str) -> String {
    let description = client.describe_secret().secret_id(name).send().await;
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
