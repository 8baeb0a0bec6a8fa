//! Secrets Manager and what is remembered of it: the keyring and Google's client. Knows nothing of tables or users.

mod cached;

use std::sync::Arc;

use aws_sdk_secretsmanager::Client;
use aws_sdk_secretsmanager::error::ProvideErrorMetadata;
use zeroize::Zeroizing;

use self::cached::Cached;
use crate::clock::Clock;
use crate::config::{Config, ConfigError, unusable};
use crate::error::Error;
use crate::google_client::GoogleClient;
use crate::outbound::aws::describe;
use crate::seal::{Keyring, OpenError, Purpose};
use crate::secret::Sealed;

/// The stages of a secret's versions (Secrets Manager, "What's in a secret").
const CURRENT: &str = "AWSCURRENT";
const PREVIOUS: &str = "AWSPREVIOUS";

/// Why a secret cannot be had.
#[derive(Debug, thiserror::Error)]
pub enum SecretsError {
    /// Secrets Manager did not answer, or not in time.
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

/// The two secrets, each remembered for five minutes, and for a day while it cannot be read.
pub struct Secrets {
    client: Client,
    clock: Clock,
    keyring: Cached<Keyring>,
    google_client: Cached<GoogleClient>,
}

impl Secrets {
    /// The secrets that `config` names, read through `client`.
    pub fn new(client: Client, clock: Clock, config: &Config) -> Self {
        Self {
            client,
            clock,
            keyring: Cached::new(&config.sealing_keys_secret_id, "SEALING_KEYS_SECRET_ID", |text| {
                Keyring::parse(text).map_err(|_| {
                    unusable!(
                        "SEALING_KEYS_SECRET_ID",
                        "names a secret that is not a keyring: {\"primary\":\"k1\",\"k1\":\"<at least 32 characters>\"}."
                    )
                })
            }),
            google_client: Cached::new(
                &config.google_client_secret_id,
                "GOOGLE_CLIENT_SECRET_ID",
                GoogleClient::parse,
            ),
        }
    }

    /// The sealing keys.
    pub async fn keyring(&self) -> Result<Arc<Keyring>, SecretsError> {
        self.keyring.get(self.clock.now(), || self.read(&self.keyring, CURRENT)).await
    }

    /// Google's client.
    pub async fn google_client(&self) -> Result<Arc<GoogleClient>, SecretsError> {
        self.google_client.get(self.clock.now(), || self.read(&self.google_client, CURRENT)).await
    }

    /// Google's client if it is remembered; never asks.
    pub fn remembered_google_client(&self) -> Option<Arc<GoogleClient>> {
        self.google_client.remembered(self.clock.now())
    }

    /// Google's client read anew, after Google refused `refused`: today's value if it differs, else the previous
    /// version (a secret may be rotated here before or after Google knows of it), else nothing.
    pub async fn another_google_client(
        &self,
        refused: &GoogleClient,
    ) -> Result<Option<Arc<GoogleClient>>, SecretsError> {
        let current =
            self.google_client.reload(self.clock.now(), || self.read(&self.google_client, CURRENT)).await?;
        if !current.is_same_as(refused) {
            return Ok(Some(current));
        }
        // A previous client of another ID is no stand-in for this one.
        let previous =
            self.google_client.previous(self.clock.now(), || self.read(&self.google_client, PREVIOUS)).await;
        Ok(previous.filter(|client| client.client_id == refused.client_id && !client.is_same_as(refused)))
    }

    /// Opens `sealed`; a key id that the remembered keyring does not hold makes it be read anew, at most once a minute, and
    /// for a token at rest the keyring before this one be tried too (F62).
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
        let newest = self.keyring.reload(self.clock.now(), || self.read(&self.keyring, CURRENT)).await?;
        let opened = newest.open(purpose, place, sealed);
        if opened != Err(OpenError::UnknownKey) || purpose != Purpose::Token {
            return Ok(opened);
        }
        let previous = self.keyring.previous(self.clock.now(), || self.read(&self.keyring, PREVIOUS)).await;
        Ok(previous.map_or(opened, |keyring| keyring.open(purpose, place, sealed)))
    }

    async fn read<T>(&self, secret: &Cached<T>, stage: &str) -> Result<Zeroizing<String>, SecretsError> {
        let request = self.client.get_secret_value().secret_id(secret.id()).version_stage(stage);
        let answer = request.send().await.map_err(|error| {
            if !is_refusal(error.code()) {
                return SecretsError::Unavailable(describe(&error));
            }
            tracing::error!(
                secret.variable = secret.variable(),
                error = describe(&error),
                "Secrets Manager refuses to give a secret"
            );
            SecretsError::Unusable(secret.refused())
        })?;
        answer.secret_string.map(Zeroizing::new).ok_or(SecretsError::Unusable(secret.refused()))
    }
}

/// Whether Secrets Manager will say the same tomorrow: the secret, the permission or the request is wrong. Everything
/// else passes, a key service that refuses among it (F65).
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
