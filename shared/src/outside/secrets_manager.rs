//! Reads and caches the two secrets in Secrets Manager: the keyring and Google's OAuth client.

mod cached;

use std::sync::Arc;
use std::time::Duration;

use aws_sdk_secretsmanager::Client;
use aws_sdk_secretsmanager::error::ProvideErrorMetadata;
use postern_rules::config::{Config, ConfigError, names};
use postern_rules::error::Error;
use postern_rules::google_client::GoogleClient;
use postern_rules::seal::{Keyring, OpenError, Purpose, key_id};
use postern_rules::secret::Sealed;
use zeroize::Zeroizing;

use self::cached::{Cached, LEAST_INTERVAL};
use crate::clock::Clock;
use crate::outside::http::aws::describe;

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

/// The two secrets. Each is cached for five minutes, and for a day while it cannot be read.
pub struct Secrets {
    client: Client,
    clock: Clock,
    keyring: Cached<Keyring>,
    google_client: Cached<GoogleClient>,
}

impl Secrets {
    /// The secrets that `config` names, read with `client`.
    pub fn new(client: Client, clock: Clock, config: &Config) -> Self {
        const NO_KEYRING: &str =
            "The secret is not a keyring: {\"primary\":\"k1\",\"k1\":\"<at least 32 characters>\"}.";
        let (keyring, google_client) = (&config.sealing_keys_secret_id, &config.google_client_secret_id);
        Self {
            client,
            clock,
            keyring: Cached::new(keyring, names::SEALING_KEYS_SECRET_ID.name, |text| {
                Keyring::parse(text).map_err(|_| NO_KEYRING)
            }),
            google_client: Cached::new(
                google_client,
                names::GOOGLE_CLIENT_SECRET_ID.name,
                GoogleClient::parse,
            ),
        }
    }

    /// The sealing keys.
    pub async fn keyring(&self) -> Result<Arc<Keyring>, SecretsError> {
        self.keyring.get(self.clock.now(), self.read(&self.keyring, CURRENT)).await
    }

    /// Google's client.
    pub async fn google_client(&self) -> Result<Arc<GoogleClient>, SecretsError> {
        self.google_client.get(self.clock.now(), self.read(&self.google_client, CURRENT)).await
    }

    /// Google's client if it is cached. Makes no call.
    pub fn remembered_google_client(&self) -> Option<Arc<GoogleClient>> {
        self.google_client.remembered(self.clock.now())
    }

    /// The current client, for use with something that belongs to the client `client_id`. Reads the
    /// secret again if the cached client has another ID: the cache may be out of date.
    pub async fn google_client_for(&self, client_id: &str) -> Result<Arc<GoogleClient>, SecretsError> {
        let remembered = self.google_client().await?;
        if remembered.client_id == client_id {
            return Ok(remembered);
        }
        let read = self.read(&self.google_client, CURRENT);
        self.google_client.look_up(self.clock.now(), client_id, read).await
    }

    /// The client with the ID `client_id`, if it is the current or the previous one.
    pub async fn google_client_with(
        &self,
        client_id: &str,
    ) -> Result<Option<Arc<GoogleClient>>, SecretsError> {
        let today = self.google_client_for(client_id).await?;
        if today.client_id == client_id {
            return Ok(Some(today));
        }
        Ok(self.previous_google_client().await?.filter(|client| client.client_id == client_id))
    }

    /// The same client with another client secret, after Google refused `refused`. Tries the
    /// current version, read again, then the previous one: a client secret may be changed here
    /// before or after it is changed at Google.
    pub async fn another_google_client(
        &self,
        refused: &GoogleClient,
    ) -> Result<Option<Arc<GoogleClient>>, SecretsError> {
        let is_another =
            |client: &GoogleClient| client.client_id == refused.client_id && !client.is_same_as(refused);
        let read = self.read(&self.google_client, CURRENT);
        let today = self.google_client.reload(self.clock.now(), REFUSED_INTERVAL, read).await?;
        if is_another(&today) {
            return Ok(Some(today));
        }
        Ok(self.previous_google_client().await?.filter(|client| is_another(client)))
    }

    async fn previous_google_client(&self) -> Result<Option<Arc<GoogleClient>>, SecretsError> {
        self.google_client.previous(self.clock.now(), self.read(&self.google_client, PREVIOUS)).await
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
        let (now, read) = (self.clock.now(), self.read(&self.keyring, CURRENT));
        if purpose != Purpose::Token {
            return Ok(self.keyring.reload(now, LEAST_INTERVAL, read).await?.open(purpose, place, sealed));
        }
        let opened = self.keyring.look_up(now, key_id(sealed), read).await?.open(purpose, place, sealed);
        if opened != Err(OpenError::UnknownKey) {
            return Ok(opened);
        }
        let previous = self.keyring.previous(now, self.read(&self.keyring, PREVIOUS)).await?;
        Ok(previous.map_or(opened, |keyring| keyring.open(purpose, place, sealed)))
    }

    async fn read<T>(&self, secret: &Cached<T>, stage: &str) -> Result<Zeroizing<String>, SecretsError> {
        let request = self.client.get_secret_value().secret_id(secret.id()).version_stage(stage);
        // On the heap: the SDK's future is large and part of many others.
        let answer = Box::pin(request.send()).await.map_err(|error| {
            if !is_refusal(error.code()) {
                return SecretsError::Unavailable(describe(&error));
            }
            tracing::error!(
                variable = secret.refused().variable,
                error = describe(&error),
                "Secrets Manager refuses to give a secret"
            );
            SecretsError::Unusable(secret.refused())
        })?;
        answer.secret_string.map(Zeroizing::new).ok_or(SecretsError::Unusable(secret.refused()))
    }
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
