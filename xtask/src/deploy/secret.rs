//! The secret with Google's client in Secrets Manager: read, created, or given a new version. Its
//! value is sent in the body of a request and nowhere else.

use aws_sdk_secretsmanager::Client;
use aws_sdk_secretsmanager::error::ProvideErrorMetadata;

use crate::account::{Account, Called};
use crate::commands::OldClient;
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

    /// What to say if users consented with a client here that `next` may not hold. What cannot be
    /// known counts as a change.
    pub(crate) fn change_to(&self, next: Option<&WebClient>) -> Option<String> {
        match (self, next) {
            (Self::Missing | Self::Unusable(_), _) => None,
            (Self::Client(client), Some(next)) => {
                let gone: Vec<&str> = client.ids().filter(|id| next.ids().all(|next| next != *id)).collect();
                let is_replaced = gone.contains(&client.google.client_id.as_str());
                match (is_replaced, gone.as_slice()) {
                    (_, []) => None,
                    (true, _) => Some(format!(
                        "another OAuth client replaces {}, and every user must consent again",
                        gone.join(" and ")
                    )),
                    (false, _) => Some(format!(
                        "the outgoing OAuth client {} is dropped, and every user who belongs to it must consent again",
                        gone.join(" and ")
                    )),
                }
            }
            (Self::Hidden, _) | (_, None) => Some(
                "these credentials may not read the OAuth client in use; if this replaces it by another, \
                 every user must consent again"
                    .to_owned(),
            ),
        }
    }
}

/// The clients to store in place of `known`; none if they are stored. An outgoing client stays
/// until a file of another client comes.
fn next(
    known: &WebClient,
    file: Option<WebClient>,
    old: Option<OldClient>,
) -> Result<Option<WebClient>, String> {
    let id_of = |client: &WebClient| client.google.client_id.clone();
    let is_another = file.as_ref().is_some_and(|file| id_of(file) != id_of(known));
    let of_file = file.as_ref().and_then(|file| file.outgoing.clone());
    let outgoing = match old {
        Some(OldClient::Drop) => None,
        Some(OldClient::Keep) if is_another => Some(known),
        // A file that holds two clients says itself which is the outgoing one.
        None if of_file.is_some() => of_file.as_deref(),
        None if is_another => None,
        Some(OldClient::Keep) | None => known.outgoing.as_deref(),
    };
    if let (Some(OldClient::Keep), true, Some(third)) = (old, is_another, &known.outgoing)
        && file.as_ref().is_none_or(|file| id_of(file) != id_of(third))
    {
        return Err(format!(
            "the secret already holds the outgoing client {} beside {}, and there is no place for a third; first \
             drop it with --old-client drop",
            id_of(third),
            id_of(known)
        ));
    }
    let is_outgoing_stored = match (outgoing, known.outgoing.as_deref()) {
        (Some(outgoing), Some(stored)) => !outgoing.adds_to(stored),
        (outgoing, stored) => outgoing.is_none() && stored.is_none(),
    };
    let file = file.filter(|file| file.adds_to(known));
    if file.is_none() && is_outgoing_stored {
        return Ok(None);
    }
    Ok(Some(file.as_ref().unwrap_or(known).replacing(outgoing)?))
}

/// What is done with the secret.
pub(crate) enum Step {
    /// Nothing; this is in it.
    Keep(Stored),
    /// Creates it with the file as its value.
    Create(WebClient),
    /// Adds a new version with these clients, after this one.
    Replace(WebClient, Stored),
}

impl Step {
    /// Writes only what is not stored.
    pub(crate) fn decide(
        name: &str,
        stored: Stored,
        file: Option<WebClient>,
        old: Option<OldClient>,
    ) -> Result<Self, String> {
        if old == Some(OldClient::Keep) && file.is_none() {
            return Err(
                "--old-client keep goes with --client-secret FILE of the client that replaces it".to_owned()
            );
        }
        let next = match &stored {
            Stored::Client(known) => next(known, file, old)?,
            Stored::Hidden if old.is_some() => {
                return Err(format!(
                    "these credentials may not read the secret {name}, so the client in it can neither be kept nor dropped"
                ));
            }
            Stored::Hidden | Stored::Missing | Stored::Unusable(_) => file,
        };
        let why = match (next, stored) {
            (Some(next), Stored::Missing) => return Ok(Self::Create(next)),
            (Some(next), stored) => return Ok(Self::Replace(next, stored)),
            (_, stored @ (Stored::Hidden | Stored::Client(_))) => return Ok(Self::Keep(stored)),
            (_, Stored::Unusable(why)) => format!("the secret {name} cannot be used: {why}"),
            (None, Stored::Missing) => format!("there is no secret {name} in Secrets Manager yet"),
        };
        Err(format!("{why}; give --client-secret FILE with the JSON of a web client from Google's console"))
    }

    /// Whether another client takes the place of one that could be kept.
    pub(crate) fn replaces_without_keeping(&self) -> bool {
        matches!(self, Self::Replace(next, Stored::Client(known))
            if next.outgoing.is_none() && next.google.client_id != known.google.client_id)
    }

    /// What is going to be stored.
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
