//! Reads and caches the two secrets in Secrets Manager: the keyring and Google's OAuth clients.

mod cached;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use aws_sdk_secretsmanager::Client;
use aws_sdk_secretsmanager::error::ProvideErrorMetadata;
use aws_sdk_secretsmanager::operation::batch_get_secret_value::BatchGetSecretValueOutput;
use aws_sdk_secretsmanager::types::{ApiErrorType, SecretValueEntry};
use postern_rules::config::{Config, ConfigError, names as variables};
use postern_rules::error::Error;
use postern_rules::google_client::{GoogleClient, GoogleClients};
use postern_rules::seal::{Keyring, OpenError, Purpose, key_id};
use postern_rules::secret::Sealed;
use postern_rules::time::Timestamp;
use tokio::sync::Mutex;
use zeroize::Zeroizing;

use self::cached::{Cached, LEAST_INTERVAL, Text};
use crate::clock::Clock;
use crate::outside::http::aws::describe;
use crate::telemetry::metrics;

/// The staging labels of a secret's versions (Secrets Manager, "What's in a secret").
const CURRENT: &str = "AWSCURRENT";
const PREVIOUS: &str = "AWSPREVIOUS";

/// The least time between two reads of the client after Google refused it. Attempts to use that
/// client wait longer.
const REFUSED_INTERVAL: Duration = Duration::from_secs(1);

/// Why a secret is not available.
#[derive(Debug, thiserror::Error)]
pub enum SecretsError {
    /// Secrets Manager did not respond in time.
    #[error("Secrets Manager is not available: {0}")]
    Unavailable(String),
    /// Secrets Manager refuses the request, or the secret's value is unusable.
    #[error(transparent)]
    Unusable(#[from] ConfigError),
}

impl From<SecretsError> for Error {
    fn from(error: SecretsError) -> Self {
        match error {
            SecretsError::Unusable(error) => Self::Config(error),
            SecretsError::Unavailable(_) => Self::SecretsUnavailable(error.into()),
        }
    }
}

/// The two secrets. Each is cached for five minutes, and for a day while it cannot be read. One call
/// reads both.
pub struct Secrets {
    client: Client,
    clock: Clock,
    keyring: Cached<Keyring>,
    google_clients: Cached<GoogleClients>,
    /// Whoever holds this reads. Others wait and find what was read.
    reading: Mutex<()>,
    is_batch_refused: AtomicBool,
}

/// The texts of both secrets' current versions.
struct Both {
    keyring: Text,
    google_clients: Text,
}

impl Secrets {
    /// The secrets that `config` names, read with `client`.
    pub fn new(client: Client, clock: Clock, config: &Config) -> Self {
        const NO_KEYRING: &str =
            "The secret is not a keyring: {\"primary\":\"k1\",\"k1\":\"<at least 32 characters>\"}.";
        let (keyring, google_clients) = (&config.sealing_keys_secret_id, &config.google_client_secret_id);
        Self {
            client,
            clock,
            keyring: Cached::new(keyring, variables::SEALING_KEYS_SECRET_ID.name, |text| {
                Keyring::parse(text).map_err(|_| NO_KEYRING)
            }),
            google_clients: Cached::new(
                google_clients,
                variables::GOOGLE_CLIENT_SECRET_ID.name,
                GoogleClients::parse,
            ),
            reading: Mutex::default(),
            is_batch_refused: AtomicBool::default(),
        }
    }

    /// The sealing keys.
    pub async fn keyring(&self) -> Result<Arc<Keyring>, SecretsError> {
        let kept = |now, both: Both| {
            self.google_clients.take_along(both.google_clients, now);
            self.keyring.take(both.keyring, now, None)
        };
        self.current(&self.keyring, kept).await
    }

    /// Google's clients.
    pub async fn google_clients(&self) -> Result<Arc<GoogleClients>, SecretsError> {
        let kept = |now, both: Both| {
            self.keyring.take_along(both.keyring, now);
            self.google_clients.take(both.google_clients, now, None)
        };
        self.current(&self.google_clients, kept).await
    }

    /// Google's clients, read again unless that was tried within the last minute: for something
    /// that belongs to another client, and that anybody may have sent.
    pub async fn newer_google_clients(&self) -> Result<Arc<GoogleClients>, SecretsError> {
        self.reload(&self.google_clients, LEAST_INTERVAL).await
    }

    /// The client that users consent to.
    pub async fn google_client(&self) -> Result<Arc<GoogleClient>, SecretsError> {
        Ok(Arc::clone(&self.google_clients().await?.coming))
    }

    /// The cached value of `secret`, or else a new one, or else the last good one.
    async fn current<T>(
        &self,
        secret: &Cached<T>,
        kept: impl FnOnce(Timestamp, Both) -> Result<Arc<T>, SecretsError>,
    ) -> Result<Arc<T>, SecretsError> {
        let now = self.clock.now();
        if let Some(value) = secret.remembered(now) {
            return Ok(value);
        }
        let _one_at_a_time = self.reading.lock().await;
        if let Some(value) = secret.remembered(now) {
            return Ok(value);
        }
        if let Some(value) = secret.tried_within(LEAST_INTERVAL, now) {
            metrics::count_stale_secret();
            return Ok(value);
        }
        match self.read_both().await {
            Some(both) => kept(now, both),
            None => secret.take(self.read(secret, CURRENT).await, now, None),
        }
    }

    /// As [`Self::google_client_for`], if the clients are cached. Makes no call.
    pub fn remembered_google_client_for(&self, client_id: &str) -> Option<Arc<GoogleClient>> {
        let remembered = self.google_clients.remembered(self.clock.now())?;
        Some(Arc::clone(remembered.for_grant_of(client_id)))
    }

    /// The client for a grant of the client `client_id`: that one, or the one to consent to if the
    /// secret does not hold it. Reads the secret again if the cached one does not: the cache may be
    /// out of date.
    pub async fn google_client_for(&self, client_id: &str) -> Result<Arc<GoogleClient>, SecretsError> {
        let mut clients = self.google_clients().await?;
        if clients.of(client_id).is_none() {
            clients = self.look_up(&self.google_clients, client_id).await?;
        }
        Ok(Arc::clone(clients.for_grant_of(client_id)))
    }

    /// The client with the ID `client_id`, if the current or the previous version holds it.
    pub async fn google_client_with(
        &self,
        client_id: &str,
    ) -> Result<Option<Arc<GoogleClient>>, SecretsError> {
        let today = self.google_client_for(client_id).await?;
        if today.client_id == client_id {
            return Ok(Some(today));
        }
        let previous = self.previous(&self.google_clients).await?;
        Ok(previous.and_then(|previous| previous.of(client_id).cloned()))
    }

    /// The same client with another client secret, after Google refused `refused`. Tries the
    /// current version, read again, then the previous one: a client secret may be changed here
    /// before or after it is changed at Google.
    pub async fn another_google_client(
        &self,
        refused: &GoogleClient,
    ) -> Result<Option<Arc<GoogleClient>>, SecretsError> {
        let another_in = |clients: &GoogleClients| {
            clients.of(&refused.client_id).filter(|client| !client.is_same_as(refused)).cloned()
        };
        let today = self.reload(&self.google_clients, REFUSED_INTERVAL).await?;
        if let Some(another) = another_in(&today) {
            return Ok(Some(another));
        }
        let previous = self.previous(&self.google_clients).await?;
        Ok(previous.and_then(|previous| another_in(&previous)))
    }

    /// Opens `sealed`. If the cached keyring lacks the key, it is read again: once a minute for
    /// each key of a stored token, which must have existed, and once a minute in all for values
    /// that a caller sends. A stored token is also tried with the previous keyring (F62).
    pub async fn open(
        &self,
        purpose: Purpose,
        place: &[&str],
        sealed: &Sealed,
    ) -> Result<Result<Zeroizing<Vec<u8>>, OpenError>, SecretsError> {
        let opened = self.keyring().await?.open(purpose, place, sealed);
        if opened != Err(OpenError::UnknownKey) {
            return Ok(opened);
        }
        if purpose != Purpose::Token {
            return Ok(self.reload(&self.keyring, LEAST_INTERVAL).await?.open(purpose, place, sealed));
        }
        let opened = self.look_up(&self.keyring, key_id(sealed)).await?.open(purpose, place, sealed);
        if opened != Err(OpenError::UnknownKey) {
            return Ok(opened);
        }
        let previous = self.previous(&self.keyring).await?;
        Ok(previous.map_or(opened, |keyring| keyring.open(purpose, place, sealed)))
    }

    /// A new value, unless a read was tried less than `interval` ago.
    async fn reload<T>(&self, secret: &Cached<T>, interval: Duration) -> Result<Arc<T>, SecretsError> {
        let now = self.clock.now();
        let _one_at_a_time = self.reading.lock().await;
        match secret.tried_within(interval, now) {
            Some(value) => Ok(value),
            None => secret.take(self.read(secret, CURRENT).await, now, Some(now)),
        }
    }

    /// A new value, because the cached one lacks `name`, which a stored item refers to. Reads at
    /// most once a minute for the same name.
    async fn look_up<T>(&self, secret: &Cached<T>, name: &str) -> Result<Arc<T>, SecretsError> {
        let now = self.clock.now();
        let _one_at_a_time = self.reading.lock().await;
        match secret.was_looked_up(name, now) {
            Some(value) => Ok(value),
            None => secret.take_for(name, self.read(secret, CURRENT).await, now),
        }
    }

    /// The previous version, if there is a usable one. It is read at most once a minute, and again
    /// after the current version was read.
    async fn previous<T>(&self, secret: &Cached<T>) -> Result<Option<Arc<T>>, SecretsError> {
        let now = self.clock.now();
        let _one_at_a_time = self.reading.lock().await;
        match secret.remembered_previous(now) {
            Some(previous) => Ok(previous.value),
            None => secret.take_previous(self.read(secret, PREVIOUS).await, now),
        }
    }

    /// Reads both secrets in one call. Each has its own outcome: an unusable client does not keep
    /// anybody from the keyring. `None` if the role, or its permissions boundary, lacks the action,
    /// and then it is not tried again; also `None` while the action is throttled.
    async fn read_both(&self) -> Option<Both> {
        if self.is_batch_refused.load(Ordering::Relaxed) {
            return None;
        }
        let ids = [self.keyring.id(), self.google_clients.id()];
        let request = self.client.batch_get_secret_value();
        let request = request.set_secret_id_list(Some(ids.map(str::to_owned).to_vec()));
        match Box::pin(request.send()).await {
            Ok(mut answer) => Some(Both {
                keyring: of_batch(&mut answer, &self.keyring),
                google_clients: of_batch(&mut answer, &self.google_clients),
            }),
            Err(error) if is_refusal(error.code()) => {
                tracing::warn!(
                    error = describe(&error),
                    "Secrets Manager refuses to give both secrets at once"
                );
                self.is_batch_refused.store(true, Ordering::Relaxed);
                None
            }
            // Its quota is 100 a second in an account, a hundredth of that of `GetSecretValue`:
            // https://docs.aws.amazon.com/secretsmanager/latest/userguide/reference_limits.html
            Err(error) if error.code() == Some("ThrottlingException") => None,
            Err(error) => {
                let unavailable = || Err(SecretsError::Unavailable(describe(&error)));
                Some(Both { keyring: unavailable(), google_clients: unavailable() })
            }
        }
    }

    async fn read<T>(&self, secret: &Cached<T>, stage: &str) -> Text {
        let request = self.client.get_secret_value().secret_id(secret.id()).version_stage(stage);
        // On the heap: the SDK's future is large and part of many others.
        let answer = Box::pin(request.send()).await;
        let answer = answer.map_err(|error| failed(secret, error.code(), || describe(&error)))?;
        answer.secret_string.map(Zeroizing::new).ok_or(SecretsError::Unusable(secret.refused()))
    }
}

/// The text of `secret` in the answer for both.
fn of_batch<T>(answer: &mut BatchGetSecretValueOutput, secret: &Cached<T>) -> Text {
    let is_meant = |known: Option<&str>| known.is_some_and(|known| names(secret.id(), known));
    let is_its_value = |value: &&mut SecretValueEntry| is_meant(value.name()) || is_meant(value.arn());
    if let Some(value) = answer.secret_values.iter_mut().flatten().find(is_its_value) {
        let text = value.secret_string.take().map(Zeroizing::new);
        return text.ok_or(SecretsError::Unusable(secret.refused()));
    }
    let error = answer.errors().iter().find(|error| is_meant(error.secret_id()));
    let code = error.and_then(ApiErrorType::error_code);
    let code = code.filter(|code| code.bytes().all(|byte| byte.is_ascii_alphanumeric()));
    Err(failed(secret, code, || code.unwrap_or("no value and no known error").to_owned()))
}

/// Whether `id` names the secret with the name or ARN `known`: it is the same, or an ARN without the
/// hyphen and the six random characters at its end.
fn names(id: &str, known: &str) -> bool {
    let rest = known.strip_prefix(id);
    rest.is_some_and(|rest| {
        rest.is_empty() || (id.starts_with("arn:") && rest.starts_with('-') && rest.len() == 7)
    })
}

fn failed<T>(secret: &Cached<T>, code: Option<&str>, describe: impl Fn() -> String) -> SecretsError {
    if !is_refusal(code) {
        return SecretsError::Unavailable(describe());
    }
    let variable = secret.refused().variable;
    tracing::error!(variable, error = describe(), "Secrets Manager refuses to give a secret");
    SecretsError::Unusable(secret.refused())
}

/// Whether the error is permanent: the secret, the permission or the request is wrong. Other errors
/// are temporary, including a refusal of the key management service (F65).
fn is_refusal(code: Option<&str>) -> bool {
    matches!(
        code,
        Some(
            "ResourceNotFoundException"
                | "AccessDeniedException"
                | "InvalidRequestException"
                | "InvalidParameterException"
                | "ValidationException"
                | "UnrecognizedClientException"
                | "InvalidSignatureException"
                | "MissingAuthenticationTokenException"
        )
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_names_one_secret_and_not_those_whose_names_begin_alike() {
        const ARN: &str = "arn:aws:secretsmanager:eu-central-1:1:secret:postern-AbCdEf";
        for id in [ARN, &ARN[..ARN.len() - 7]] {
            assert!(names(id, ARN), "{id}");
        }
        assert!(names("postern", "postern"));
        for id in ["postern", &ARN[..ARN.len() - 8], "arn:aws:secretsmanager:eu-central-1:1:secret:post"] {
            assert!(!names(id, ARN), "{id}");
        }
        assert!(!names("postern", "postern-google"));
        assert!(!names(&ARN[..ARN.len() - 7], &ARN.replace("-AbCdEf", "-google-AbCdEf")));
    }
}
