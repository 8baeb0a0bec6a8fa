//! The two secrets: whether they are there, and whether their values have the form that the functions read. The values
//! stay in types that do not print.

use aws_sdk_secretsmanager::error::SdkError;
use aws_sdk_secretsmanager::operation::get_secret_value::GetSecretValueError;
use postern_rules::seal::Keyring;
use postern_rules::secret::Secret;

use super::finding::Finding;
use super::refusal::Refusal;
use super::target::Target;
use crate::web_client::{CLIENT_ID_END, ClientText, WebClient};

/// The option with the local Secrets Manager's port.
const PORT: &str = "--secrets-port";

/// The kind of the keyring's JSON, as a [`Secret`].
enum Keys {}

/// Reads both; gives Google's client if it is usable.
pub(super) async fn examine(target: &Target) -> (Option<WebClient>, Vec<Finding>) {
    let (google, keyring) = tokio::join!(
        value(target, &target.names.google_client, "the secret with Google's client"),
        value::<Keys>(target, &target.names.sealing_keys, "the secret with the keyring"),
    );
    let (client, google) = match google {
        Ok(text) => client_of(text, &target.names.google_client),
        Err(finding) => (None, finding),
    };
    let keyring = match keyring {
        Ok(text) => keyring_of(text.expose(), &target.names.sealing_keys),
        Err(finding) => finding,
    };
    (client, vec![google, keyring])
}

fn client_of(text: ClientText, secret: &str) -> (Option<WebClient>, Finding) {
    let client = match WebClient::parse(text) {
        Ok(client) => client,
        Err(error) => {
            let what = format!("Google's client in the secret {secret}: {}", error.trim_end_matches('.'));
            let mend = "put the client_secrets.json of a client of the type Web application into it, as Google's \
                        console downloads it";
            return (None, Finding::wrong(what, mend));
        }
    };
    if !client.has_an_id_of_googles() {
        let what = format!("the client_id in the secret {secret} is not one of Google's");
        let mend = format!(
            "put Google's client_secrets.json into it as downloaded; a client ID ends with {CLIENT_ID_END}"
        );
        return (None, Finding::wrong(what, mend));
    }
    let finding =
        Finding::good(format!("Google's client in the secret {secret}: {}", client.google.client_id));
    (Some(client), finding)
}

fn keyring_of(text: &str, secret: &str) -> Finding {
    match Keyring::parse(text) {
        Ok(_) => Finding::good(format!("the keyring in the secret {secret}")),
        Err(error) => Finding::wrong(
            format!("the secret {secret}: {error}"),
            "put {\"primary\":\"k1\",\"k1\":\"<at least 32 random characters>\"} into it, and keep every key that \
             has sealed something",
        ),
    }
}

async fn value<Kind>(target: &Target, secret: &str, name: &str) -> Result<Secret<Kind>, Finding> {
    let answer = target.secrets.get_secret_value().secret_id(secret).send().await;
    let answer = answer.map_err(|error| match Refusal::of(&error) {
        Refusal::Absent => Finding::wrong(
            format!("{name}, {secret}, is not there"),
            "make it under this name (docs/deploy.md says with what), or deploy with the name that it has",
        ),
        Refusal::Other(_) if is_marked_for_deletion(&error) => Finding::wrong(
            format!("{name}, {secret}, is marked for deletion"),
            format!("restore it with `aws secretsmanager restore-secret --secret-id {secret}`"),
        ),
        refusal => refusal.untold_with(
            &target.remedy(PORT),
            format!("{name}, {secret}"),
            "secretsmanager:GetSecretValue",
        ),
    })?;
    answer.secret_string.map(Secret::new).ok_or_else(|| {
        Finding::wrong(
            format!("{name}, {secret}, holds bytes and no text"),
            "put its value as a secret string",
        )
    })
}

/// Of the reasons for this exception, it is the one that a secret's value that is asked for by its name can have.
fn is_marked_for_deletion(error: &SdkError<GetSecretValueError>) -> bool {
    error.as_service_error().is_some_and(GetSecretValueError::is_invalid_request_exception)
}
