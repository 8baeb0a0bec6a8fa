//! The two secrets: whether they exist, and whether the functions could read their values. The
//! values stay in types that do not print.

use aws_sdk_secretsmanager::operation::get_secret_value::GetSecretValueError;
use postern_rules::seal::Keyring;
use postern_rules::secret::Secret;

use super::finding::{Finding, Refusal};
use super::target::Target;
use crate::web_client::{ClientText, WebClient};

/// The kind of the keyring's JSON, as a [`Secret`].
enum Keys {}

/// Reads both; returns Google's client if it is usable.
pub(super) async fn examine(target: &Target) -> (Option<WebClient>, Vec<Finding>) {
    let (google, keyring) = (&target.google_client, &target.sealing_keys);
    let (text, keys) = tokio::join!(
        value(target, google, "the secret with Google's client"),
        value::<Keys>(target, keyring, "the secret with the keyring"),
    );
    let about_keys = keys.map_or_else(|finding| finding, |keys| keyring_of(keys.expose(), keyring));
    match text.and_then(|text| client(text, google)) {
        Ok(client) => {
            let good = format!("Google's client in {google}: {}", client.google.client_id);
            (Some(client), vec![Finding::good(good), about_keys])
        }
        Err(finding) => (None, vec![finding, about_keys]),
    }
}

fn client(text: ClientText, secret: &str) -> Result<WebClient, Finding> {
    WebClient::of_googles(text).map_err(|problem| {
        Finding::wrong(
            format!("the client in {secret} is not usable ({problem})"),
            "store the client_secrets.json of a web client, as Google's console downloads it",
        )
    })
}

fn keyring_of(text: &str, secret: &str) -> Finding {
    match Keyring::parse(text) {
        Ok(_) => Finding::good(format!("the keyring in {secret}")),
        Err(error) => Finding::wrong(
            format!("the keyring in {secret}: {error}"),
            "store {\"primary\":\"k1\",\"k1\":\"<at least 32 random characters>\"}, and keep every key that has \
             sealed anything",
        ),
    }
}

async fn value<Kind>(target: &Target, secret: &str, name: &str) -> Result<Secret<Kind>, Finding> {
    let what = format!("{name}, {secret}");
    let answer = target.secrets.get_secret_value().secret_id(secret).send().await;
    let answer = answer.map_err(|error| {
        // With a secret that is asked for by its name, this exception has no other reason.
        if error.as_service_error().is_some_and(GetSecretValueError::is_invalid_request_exception) {
            let fix = format!("`aws secretsmanager restore-secret --secret-id {secret}`");
            return Finding::wrong(format!("{what}, is marked for deletion"), fix);
        }
        let fix = "create it under this name (docs/deploy.md says how), or deploy with the name that it has";
        let absent = Finding::wrong(format!("{what}, does not exist"), fix);
        Refusal::of("secretsmanager:GetSecretValue", &error).unless_absent(&what, absent)
    })?;
    answer.secret_string.map(Secret::new).ok_or_else(|| {
        Finding::wrong(format!("{what}, holds bytes instead of text"), "store its value as a secret string")
    })
}
