//! DynamoDB: credentials and sessions, every write conditional. Knows nothing of HTTP, Google or keys.

mod change;
mod item;
mod patience;
mod sessions;

use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::error::{ProvideErrorMetadata, SdkError};
use aws_sdk_dynamodb::operation::update_item::UpdateItemError;
use aws_sdk_dynamodb::types::ReturnValuesOnConditionCheckFailure::AllOld;

use self::change::Change;
pub use self::item::Unreadable;
use self::item::{Item, attribute as a, number, status_word, string};
pub use self::patience::{insist, within};
pub use self::sessions::{Attendance, Spending};
use crate::clock::{Clock, Timestamp};
use crate::config::Config;
use crate::credential::{Credential, Lease, Scopes, Status, StoredAccessToken, StoredRefreshToken};
use crate::error::Error;
use crate::outbound::aws::describe;
use crate::random;
use crate::telemetry::metrics;
use crate::user::{Email, UserId};

/// Why the store did not do what it was asked.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// DynamoDB did not answer, or not in time, or is throttling.
    #[error("DynamoDB is not available: {0}")]
    Unavailable(String),
    /// DynamoDB refuses the request as such: a missing table or permission.
    #[error("DynamoDB refuses the request: {0}")]
    Refused(String),
    /// The item is not one that this version can read.
    #[error(transparent)]
    Unreadable(#[from] Unreadable),
}

impl StoreError {
    #[expect(clippy::needless_pass_by_value, reason = "the argument of `map_err`")]
    fn from_sdk<E>(error: SdkError<E>) -> Self
    where
        E: ProvideErrorMetadata,
    {
        let refused = matches!(
            error.code(),
            Some(
                "ResourceNotFoundException"
                    | "AccessDeniedException"
                    | "ValidationException"
                    | "UnrecognizedClientException"
                    | "InvalidSignatureException"
                    | "MissingAuthenticationTokenException"
                    | "ExpiredTokenException"
            )
        );
        let text = describe(&error);
        if refused { Self::Refused(text) } else { Self::Unavailable(text) }
    }
}

impl From<StoreError> for Error {
    fn from(error: StoreError) -> Self {
        match error {
            StoreError::Unavailable(_) => Self::StorageUnavailable(error.into()),
            StoreError::Refused(_) => {
                tracing::error!(error = %error, "the tables are not set up as this function needs them");
                Self::Config(crate::config::unusable!(
                    "CREDENTIALS_TABLE or SESSIONS_TABLE",
                    "names a table that this function may not use, or the AWS credentials are not accepted."
                ))
            }
            StoreError::Unreadable(_) => {
                metrics::count_seal_failure();
                Self::CredentialUnreadable(error.into())
            }
        }
    }
}

/// What became of a conditional write.
#[derive(Debug)]
pub enum Written {
    /// It was carried out; the credential as it stands now.
    Done(Box<Credential>),
    /// Somebody else wrote first; the credential as they left it, or nothing if it is gone.
    Overtaken(Option<Box<Credential>>),
}

/// What a completed consent or exchange brings.
#[derive(Clone, Debug)]
pub struct Grant {
    /// The address, for display.
    pub email: Option<Email>,
    /// The client that the grant belongs to.
    pub client_id: String,
    /// The granted scopes.
    pub scopes: Scopes,
    /// A new refresh token, if Google sent one.
    pub refresh_token: Option<StoredRefreshToken>,
    /// The access token, if it may be reused.
    pub access_token: Option<StoredAccessToken>,
}

/// The two tables.
pub struct Store {
    client: Client,
    clock: Clock,
    credentials_table: String,
    sessions_table: String,
}

impl Store {
    /// The tables that `config` names, reached through `client`.
    pub fn new(client: Client, clock: Clock, config: &Config) -> Self {
        Self {
            client,
            clock,
            credentials_table: config.credentials_table.clone(),
            sessions_table: config.sessions_table.clone(),
        }
    }

    /// The name of the credentials table, to which every sealed token is bound.
    pub fn credentials_table(&self) -> &str {
        &self.credentials_table
    }

    /// The credential of `user`, read consistently.
    pub async fn credential(&self, user: &UserId) -> Result<Option<Credential>, StoreError> {
        let request = self.client.get_item().table_name(&self.credentials_table).consistent_read(true);
        let answer =
            request.key(a::USER_ID, string(user.as_str())).send().await.map_err(StoreError::from_sdk)?;
        Ok(answer.item.as_ref().map(item::credential).transpose()?)
    }

    /// Stores what a sign-in brought for `user`, over `previous` as it was read. A grant without a refresh token leaves
    /// the stored one untouched; it must not come without `previous` having one.
    pub async fn connect(
        &self,
        user: &UserId,
        grant: &Grant,
        previous: Option<&Credential>,
    ) -> Result<Written, StoreError> {
        let now = self.clock.now().whole_seconds();
        let mut change = Change::default()
            .set(a::SCHEMA, number(item::SCHEMA))
            .set(a::STATUS, string(status_word(Status::Active)))
            .set(a::CLIENT_ID, string(&grant.client_id))
            .set(a::SCOPES, string(grant.scopes.to_string()))
            .remove(&[a::LEASE_HOLDER, a::LEASE_UNTIL, a::DEAD_TOKEN_ID]);
        if let Some(email) = &grant.email {
            change = change.set(a::EMAIL, string(email.as_str()));
        }
        change = with_refresh_token(change, grant.refresh_token.as_ref());
        change = match &grant.access_token {
            Some(token) => with_access_token(change, token),
            None => {
                change.remove(&[a::ACCESS_TOKEN, a::ACCESS_TOKEN_EXPIRES_AT, a::ACCESS_TOKEN_OBTAINED_AT])
            }
        };
        let version = previous.map_or(0, |credential| credential.version);
        if previous.is_none() {
            change = change
                .set(a::CONNECTED_AT, number(now.seconds()))
                .set(a::SESSIONS_VALID_FROM, number(now.seconds()))
                .when_absent(a::USER_ID);
        }
        let after = Credential {
            user: user.clone(),
            email: grant.email.clone().or_else(|| previous.and_then(|credential| credential.email.clone())),
            client_id: grant.client_id.clone(),
            scopes: grant.scopes.clone(),
            status: Status::Active,
            refresh_token: grant
                .refresh_token
                .clone()
                .or_else(|| previous.and_then(|credential| credential.refresh_token.clone())),
            dead_token_id: None,
            access_token: grant.access_token.clone(),
            lease: None,
            version: version + 1,
            connected_at: previous.map_or(now, |credential| credential.connected_at),
            sessions_valid_from: previous.map_or(now, |credential| credential.sessions_valid_from),
        };
        let expected = previous.map(|credential| credential.version);
        self.write(change, expected, after, &random::identifier()).await
    }

    /// Takes the right to refresh `credential`, as it was read, until `until`.
    pub async fn take_lease(&self, credential: &Credential, until: Timestamp) -> Result<Written, StoreError> {
        let holder = random::identifier();
        let change = Change::default()
            .set(a::LEASE_HOLDER, string(&holder))
            .set(a::LEASE_UNTIL, number(until.millis()))
            .when(a::STATUS, string(status_word(Status::Active)));
        let lease = Some(Lease { holder: holder.clone(), until });
        let after = Credential { lease, version: credential.version + 1, ..credential.clone() };
        self.write(change, Some(credential.version), after, &holder).await
    }

    /// Gives the lease back without a result.
    pub async fn release_lease(&self, credential: &Credential) -> Result<Written, StoreError> {
        let change = Change::default().remove(&[a::LEASE_HOLDER, a::LEASE_UNTIL]);
        let after = Credential { lease: None, version: credential.version + 1, ..credential.clone() };
        self.write(change, Some(credential.version), after, &random::identifier()).await
    }

    /// Stores what a refresh brought and gives the lease back. Without a new refresh token the stored one is not
    /// mentioned, so that nothing can wipe it (A61); with one the credential is in use, whatever became of the one before.
    pub async fn store_refreshed(
        &self,
        credential: &Credential,
        access_token: Option<&StoredAccessToken>,
        refresh_token: Option<&StoredRefreshToken>,
    ) -> Result<Written, StoreError> {
        let mut change = Change::default().remove(&[a::LEASE_HOLDER, a::LEASE_UNTIL]);
        let mut after = Credential { lease: None, version: credential.version + 1, ..credential.clone() };
        if let Some(token) = access_token {
            change = with_access_token(change, token);
            after.access_token = Some(token.clone());
        }
        if let Some(token) = refresh_token {
            change = with_refresh_token(change, Some(token))
                .set(a::STATUS, string(status_word(Status::Active)))
                .remove(&[a::DEAD_TOKEN_ID]);
            after.refresh_token = Some(token.clone());
            (after.status, after.dead_token_id) = (Status::Active, None);
        } else {
            change = change.when(a::STATUS, string(status_word(Status::Active)));
        }
        self.write(change, Some(credential.version), after, &random::identifier()).await
    }

    /// Records that Google no longer accepts the refresh token of `credential`: conditional on that very token and on the
    /// version that was read, so that a newer one is never touched. Whoever is overtaken reads anew and decides again.
    pub async fn mark_dead(&self, credential: &Credential) -> Result<Written, StoreError> {
        let id = credential.refresh_token.as_ref().map(|token| token.id.clone()).unwrap_or_default();
        let change = Change::default()
            .set(a::STATUS, string(status_word(Status::Revoked)))
            .set(a::DEAD_TOKEN_ID, string(&id))
            .remove(&[a::REFRESH_TOKEN, a::REFRESH_TOKEN_ID, a::REFRESH_TOKEN_EXPIRES_AT])
            .remove(&[a::ACCESS_TOKEN, a::ACCESS_TOKEN_EXPIRES_AT, a::ACCESS_TOKEN_OBTAINED_AT])
            .remove(&[a::LEASE_HOLDER, a::LEASE_UNTIL])
            .when(a::STATUS, string(status_word(Status::Active)))
            .when(a::REFRESH_TOKEN_ID, string(&id));
        let after = Credential {
            status: Status::Revoked,
            refresh_token: None,
            dead_token_id: Some(id),
            access_token: None,
            lease: None,
            version: credential.version + 1,
            ..credential.clone()
        };
        self.write(change, Some(credential.version), after, &random::identifier()).await
    }

    /// Carries out `change` if the item still has the `expected` version (or does not exist, for `None`), and counts the
    /// version up. A write whose answer was lost is known by its `write_id` when the SDK repeats it (F17, F58).
    async fn write(
        &self,
        change: Change,
        expected: Option<u64>,
        after: Credential,
        write_id: &str,
    ) -> Result<Written, StoreError> {
        let version = |version: u64| number(i64::try_from(version).unwrap_or(i64::MAX));
        let mut change = change
            .set(a::VERSION, version(after.version))
            .set(a::WRITE_ID, string(write_id))
            .set(a::UPDATED_AT, number(self.clock.now().seconds()));
        if let Some(expected) = expected {
            change = change.when(a::VERSION, version(expected));
        }
        let request = self.client.update_item().table_name(&self.credentials_table);
        let request = request.key(a::USER_ID, string(after.user.as_str()));
        let request = change.onto(request).return_values_on_condition_check_failure(AllOld);
        let Err(error) = request.send().await else { return Ok(Written::Done(Box::new(after))) };
        let found = condition_met(error)?;
        if found.as_ref().and_then(|item| item::optional_text(item, a::WRITE_ID)) == Some(write_id) {
            return Ok(Written::Done(Box::new(after)));
        }
        let current = found.as_ref().map(item::credential).transpose()?;
        Ok(Written::Overtaken(current.map(Box::new)))
    }
}

fn with_access_token(change: Change, token: &StoredAccessToken) -> Change {
    change
        .set(a::ACCESS_TOKEN, string(token.sealed.as_str()))
        .set(a::ACCESS_TOKEN_EXPIRES_AT, number(token.expires_at.seconds()))
        .set(a::ACCESS_TOKEN_OBTAINED_AT, number(token.obtained_at.seconds()))
}

fn with_refresh_token(change: Change, token: Option<&StoredRefreshToken>) -> Change {
    let Some(token) = token else { return change };
    let change = change
        .set(a::REFRESH_TOKEN, string(token.sealed.as_str()))
        .set(a::REFRESH_TOKEN_ID, string(&token.id));
    match token.expires_at {
        Some(end) => change.set(a::REFRESH_TOKEN_EXPIRES_AT, number(end.seconds())),
        None => change.remove(&[a::REFRESH_TOKEN_EXPIRES_AT]),
    }
}

/// The item that a condition met instead, when a condition is what failed the write.
fn condition_met(error: SdkError<UpdateItemError>) -> Result<Option<Item>, StoreError> {
    match error {
        SdkError::ServiceError(context) if context.err().is_conditional_check_failed_exception() => {
            match context.into_err() {
                UpdateItemError::ConditionalCheckFailedException(failed) => Ok(failed.item),
                _ => Err(StoreError::Refused("a condition".to_owned())),
            }
        }
        other => Err(StoreError::from_sdk(other)),
    }
}
