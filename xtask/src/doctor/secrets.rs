//! The two secrets: whether they exist, and whether the functions could read their values. The
//! values stay in types that do not print.

use std::collections::{BTreeMap, BTreeSet};

use aws_sdk_secretsmanager::operation::get_secret_value::GetSecretValueError;
use postern_rules::seal::Keyring;
use postern_rules::secret::Secret;
use zeroize::Zeroizing;

use super::finding::{Finding, Refusal};
use super::target::Target;
use crate::web_client::{ClientText, WebClient};

/// The kind of the keyring's JSON, as a [`Secret`].
enum Keys {}

/// What the secrets hold, as far as it is usable.
#[derive(Default)]
pub(super) struct Held {
    /// Google's client.
    pub(super) client: Option<WebClient>,
    /// The names of the keyring's keys.
    pub(super) keys: Option<BTreeSet<String>>,
}

/// Reads both.
pub(super) async fn examine(target: &Target) -> (Held, Vec<Finding>) {
    let (google, keyring) = (&target.google_client, &target.sealing_keys);
    let (text, keys) = tokio::join!(
        value(target, google, "the secret with Google's client"),
        value::<Keys>(target, keyring, "the secret with the keyring"),
    );
    let mut held = Held::default();
    let about_client = match text.and_then(|text| client(text, google)) {
        Ok(client) => {
            let mut what = format!("Google's client in {google}: {}", client.google.client_id);
            if let Some(outgoing) = &client.outgoing {
                what = format!("{what}, and the outgoing one: {}", outgoing.google.client_id);
            }
            let good = Finding::good(what);
            held.client = Some(client);
            good
        }
        Err(finding) => finding,
    };
    let about_keys = match keys.and_then(|keys| names(keys.expose(), keyring)) {
        Ok(names) => {
            held.keys = Some(names);
            Finding::good(format!("the keyring in {keyring}"))
        }
        Err(finding) => finding,
    };
    (held, vec![about_client, about_keys])
}

fn client(text: ClientText, secret: &str) -> Result<WebClient, Finding> {
    WebClient::of_googles(text).map_err(|problem| {
        Finding::wrong(
            format!("the client in {secret} is not usable ({problem})"),
            "store the client_secrets.json of a web client, as Google's console downloads it",
        )
    })
}

/// The names of the keyring's keys.
fn names(text: &str, secret: &str) -> Result<BTreeSet<String>, Finding> {
    Keyring::parse(text).map_err(|error| {
        Finding::wrong(
            format!("the keyring in {secret}: {error}"),
            "store {\"primary\":\"k1\",\"k1\":\"<at least 32 random characters>\"}, and keep every key that has \
             sealed anything",
        )
    })?;
    let members: BTreeMap<String, Zeroizing<String>> = serde_json::from_str(text).unwrap_or_default();
    Ok(members.into_keys().filter(|name| name != "primary").collect())
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
