//! Stores credentials and sessions in DynamoDB. Every write of a credential is conditional.

mod by_status;
mod change;
mod codes;
mod copying;
mod ended;
mod ending;
mod item;
mod noticing;
mod receipts;
mod resealing;
mod retry;
mod scan;
mod security_events;
mod sessions;
pub mod stream;

use std::sync::LazyLock;

use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::error::{ProvideErrorMetadata, SdkError};
use aws_sdk_dynamodb::operation::update_item::UpdateItemError;
use aws_sdk_dynamodb::types::ReturnValuesOnConditionCheckFailure::AllOld;
use aws_sdk_dynamodb::types::{AttributeValue, ReturnValue};
use postern_rules::config::{Config, Variable, names};
use postern_rules::credential::{
    Credential, Setback, SetbackCause, Status, StoredAccessToken, StoredRefreshToken, first_session_at,
};
use postern_rules::error::Error;
use postern_rules::random;
use postern_rules::scopes::Scopes;
use postern_rules::time::Timestamp;
use postern_rules::user::{Email, UserId};

pub use self::by_status::{Listed, Page};
use self::change::Change;
pub use self::codes::Redemption;
pub use self::copying::{Copying, Incoming, Policy};
pub use self::ended::ENDS_KEPT_FOR;
use self::ending::new_era;
pub use self::item::Unreadable;
use self::item::{attribute as a, number, string};
pub use self::resealing::{Resealed, Swap};
pub(crate) use self::retry::insist;
pub use self::retry::within;
pub use self::scan::{Batch, Described, Reading, SEALED, Segment, Stored, keys_of};
pub use self::sessions::Spending;
use crate::clock::{Clock, Deadline};
use crate::outside::http::aws::describe;
use crate::telemetry::metrics;

/// Why a call to the store failed.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// DynamoDB did not respond in time, or throttles.
    #[error("DynamoDB is not available: {0}")]
    Unavailable(String),
    /// DynamoDB refuses the request, for instance because a table or permission is missing.
    #[error("DynamoDB refuses the request on the table of {}: {text}", table.name)]
    Refused {
        /// The variable with the table's name.
        table: &'static Variable,
        /// What DynamoDB answered, in our words.
        text: String,
    },
    /// This version cannot read the item.
    #[error(transparent)]
    Unreadable(#[from] Unreadable),
}

impl StoreError {
    #[expect(clippy::needless_pass_by_value, reason = "the argument of `map_err`")]
    fn from_sdk<E: ProvideErrorMetadata>(table: &'static Variable, error: SdkError<E>) -> Self {
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
        if refused { Self::Refused { table, text } } else { Self::Unavailable(text) }
    }
}

impl From<StoreError> for Error {
    fn from(error: StoreError) -> Self {
        match error {
            StoreError::Unavailable(_) => Self::StorageUnavailable(error.into()),
            StoreError::Refused { table, .. } => {
                tracing::error!(error = %error, "a table is not set up as this function needs it");
                Self::Config(table.unusable())
            }
            StoreError::Unreadable(_) => {
                metrics::count_seal_failure();
                Self::CredentialUnreadable(error.into())
            }
        }
    }
}

/// The attributes of an access token.
const ACCESS_TOKEN: [&str; 3] = [a::ACCESS_TOKEN, a::ACCESS_TOKEN_EXPIRES_AT, a::ACCESS_TOKEN_OBTAINED_AT];
/// The attributes of a lease.
const LEASE: [&str; 2] = [a::LEASE_HOLDER, a::LEASE_UNTIL];
/// The attributes of a setback: failed refreshes and the wait after them.
const SETBACK: [&str; 4] =
    [a::REFRESH_FAILURE, a::REFRESH_FAILURES, a::REFRESH_RETRY_AT, a::SIGN_IN_ASKED_AT];
/// The attributes of a refresh token that was set aside, except its ID.
const SET_ASIDE: [&str; 3] = [a::DEAD_REFRESH_TOKEN, a::DIED_AT, a::DEAD_TOKEN_TRIED_AT];

/// The outcome of a conditional write.
#[derive(Debug)]
pub enum Written {
    /// The write succeeded and left this credential.
    Done(Box<Credential>),
    /// Another request wrote first and left this credential; `None` if it was deleted.
    Overtaken(Option<Box<Credential>>),
}

/// What a sign-in stores.
#[derive(Clone, Debug)]
pub struct Grant {
    /// The email address, for display.
    pub email: Option<Email>,
    /// The OAuth client that the grant belongs to.
    pub client_id: String,
    /// The granted scopes.
    pub scopes: Scopes,
    /// A new refresh token from Google, or the stored one, resealed.
    pub refresh_token: Option<StoredRefreshToken>,
    /// The access token, if it may be reused.
    pub access_token: Option<StoredAccessToken>,
}

/// The two tables. The SDK's futures go on the heap: each has 7 KB, and would be part of all those
/// around it, which are moved.
pub struct Store {
    client: LazyLock<Client, Box<dyn FnOnce() -> Client + Send>>,
    clock: Clock,
    credentials_table: String,
    sessions_table: String,
}

impl Store {
    /// The tables that `config` names, accessed with the client that `make` makes before the first
    /// call: a client costs a quarter of a millisecond, and some requests need none.
    pub fn new(make: impl FnOnce() -> Client + Send + 'static, clock: Clock, config: &Config) -> Self {
        Self {
            client: LazyLock::new(Box::new(make)),
            clock,
            credentials_table: config.credentials_table.clone(),
            sessions_table: config.sessions_table.clone(),
        }
    }

    /// Makes the client now.
    pub(crate) fn prepare(&self) {
        LazyLock::force(&self.client);
    }

    /// The name of the credentials table. Tokens that the first version sealed are bound to it.
    pub(crate) fn credentials_table(&self) -> &str {
        &self.credentials_table
    }

    /// Reads the credential of `user` consistently.
    pub async fn credential(&self, user: &UserId) -> Result<Option<Credential>, StoreError> {
        let request = self.client.get_item().table_name(&self.credentials_table).consistent_read(true);
        let answer = Box::pin(request.key(a::USER_ID, string(user.as_str())).send())
            .await
            .map_err(|error| StoreError::from_sdk(&names::CREDENTIALS_TABLE, error))?;
        Ok(answer.item.as_ref().map(item::credential).transpose()?)
    }

    /// Stores the grant of a sign-in over `previous`, provided that the item is unchanged since it
    /// was read. A grant without a refresh token keeps the stored one, so `previous` must have one.
    /// A grant without an access token keeps the stored one while its refresh token stays.
    /// Over a credential that is being disconnected it is a new connection: the sessions of the one
    /// before are over.
    pub async fn store_grant(
        &self,
        user: &UserId,
        grant: &Grant,
        previous: Option<&Credential>,
    ) -> Result<Written, StoreError> {
        let now = self.clock.now().whole_seconds();
        let mut change = Change::default()
            .set(a::SCHEMA, number(item::SCHEMA))
            .set(a::STATUS, string(Status::Active.word()))
            .set(a::CLIENT_ID, string(&grant.client_id))
            .set(a::SCOPES, string(grant.scopes.to_string()))
            .remove(&LEASE)
            .remove(&SETBACK)
            .remove(&SET_ASIDE)
            .remove(&[a::DEAD_TOKEN_ID]);
        if let Some(email) = &grant.email {
            change = change.set(a::EMAIL, string(email.as_str()));
        }
        let stored = previous.and_then(|previous| previous.refresh_token.as_ref());
        change = with_tokens(change, stored, grant.refresh_token.as_ref(), grant.access_token.as_ref());
        let is_kept = grant
            .refresh_token
            .as_ref()
            .is_none_or(|token| Some(&token.id) == stored.map(|stored| &stored.id));
        change = match previous.filter(|_| is_kept && grant.access_token.is_some()) {
            // This access token is of Google's code. The refresh token was not used for it.
            Some(previous) => change.set(a::REFRESHED_AT, number(previous.last_used_at().seconds())),
            None if is_kept => change,
            None => change.remove(&[a::REFRESHED_AT]),
        };
        if previous.is_none_or(|previous| previous.status == Status::Disconnecting) {
            change = new_era(change.set(a::CONNECTED_AT, number(now.seconds())), first_session_at(now));
        }
        if previous.is_none() {
            change = change.when_absent(a::USER_ID);
        }
        self.write(user, previous, change, &random::identifier()).await
    }

    /// Takes the lease of `credential` until `until`, if the item is unchanged since it was read.
    pub async fn take_lease(&self, credential: &Credential, until: Timestamp) -> Result<Written, StoreError> {
        let holder = random::identifier();
        let change = Change::default()
            .set(a::LEASE_HOLDER, string(&holder))
            .set(a::LEASE_UNTIL, number(until.millis()))
            .when(a::STATUS, string(credential.status.word()));
        self.write(&credential.user, Some(credential), change, &holder).await
    }

    /// Returns the lease without a token and records the `setback`, if any.
    pub async fn release_lease(
        &self,
        credential: &Credential,
        setback: Option<&Setback>,
    ) -> Result<Written, StoreError> {
        let mut change = Change::default().remove(&LEASE);
        if let Some(setback) = setback {
            change = change
                .set(a::REFRESH_FAILURE, string(setback.cause.word()))
                .set(a::REFRESH_FAILURES, number(i64::from(setback.failures)))
                .set(a::REFRESH_RETRY_AT, number(setback.retry_at.millis()));
            // It stays when a later attempt fails for another reason: that lifts no policy.
            if setback.cause == SetbackCause::ReauthPolicy {
                change = change.set(a::SIGN_IN_ASKED_AT, number(self.clock.now().seconds()));
            }
        }
        self.write(&credential.user, Some(credential), change, &random::identifier()).await
    }

    /// Stores the tokens of a refresh and returns the lease. If `refresh_token` is `None`, the
    /// update does not mention the stored one and so cannot erase it (A61). Otherwise the
    /// credential becomes active, even if it was revoked.
    pub async fn store_refreshed(
        &self,
        credential: &Credential,
        access_token: Option<&StoredAccessToken>,
        refresh_token: Option<&StoredRefreshToken>,
    ) -> Result<Written, StoreError> {
        let change = Change::default().remove(&LEASE).remove(&SETBACK);
        let mut change = with_tokens(change, credential.refresh_token.as_ref(), refresh_token, access_token);
        if access_token.is_some() {
            change = change.remove(&[a::REFRESHED_AT]);
        }
        let change = match refresh_token {
            Some(_) => change
                .set(a::STATUS, string(Status::Active.word()))
                .remove(&SET_ASIDE)
                .remove(&[a::DEAD_TOKEN_ID]),
            None => change.when(a::STATUS, string(Status::Active.word())),
        };
        self.write(&credential.user, Some(credential), change, &random::identifier()).await
    }

    /// Stores a refresh token that Google issued to replace the one with the ID `replaced`. Retries
    /// until `deadline` and overwrites concurrent changes, except a newer consent. The new token
    /// stays valid if the replaced one was found dead meanwhile (F31). Returns the item after the
    /// write, or `None` if the user disconnects or has disconnected meanwhile.
    pub(crate) async fn store_rotated(
        &self,
        credential: &Credential,
        replaced: &str,
        access_token: Option<&StoredAccessToken>,
        rotated: &StoredRefreshToken,
        deadline: Deadline,
    ) -> Result<Option<Credential>, StoreError> {
        let mut credential = credential.clone();
        loop {
            let write = async || self.store_refreshed(&credential, access_token, Some(rotated)).await;
            let found = match insist(deadline, write).await {
                Ok(Written::Done(stored)) => return Ok(Some(*stored)),
                Ok(Written::Overtaken(Some(found))) => *found,
                Ok(Written::Overtaken(None)) => return Ok(None),
                Err(error) => {
                    tracing::error!(event = "rotated_token_lost", error = %error, "a rotated refresh token could not be stored");
                    return Err(error);
                }
            };
            if found.status == Status::Disconnecting {
                return Ok(None);
            }
            let latest = found.refresh_token.as_ref().map(|token| &token.id).or(found.dead_token_id.as_ref());
            if latest.is_none_or(|latest| latest != replaced) {
                // A newer consent was stored first. It stays.
                return Ok(Some(found));
            }
            credential = found;
        }
    }

    /// Records that Google refused `token` of `credential` and returns the lease. The token in use
    /// is set aside; for one that was set aside before, the waiting time starts again. The write
    /// requires this token and the version that was read, so it never affects a newer token. If it
    /// is overtaken, the caller must read the item again and decide again.
    pub async fn bury(
        &self,
        credential: &Credential,
        token: &StoredRefreshToken,
    ) -> Result<Written, StoreError> {
        let now = self.clock.now().seconds();
        let change = Change::default().set(a::DEAD_TOKEN_TRIED_AT, number(now)).remove(&LEASE);
        let change = if credential.status == Status::Active {
            change
                .set(a::STATUS, string(Status::Revoked.word()))
                .set(a::DEAD_REFRESH_TOKEN, string(token.sealed.as_str()))
                .set(a::DEAD_TOKEN_ID, string(&token.id))
                .set(a::DIED_AT, number(now))
                .remove(&[a::REFRESH_TOKEN, a::REFRESH_TOKEN_ID])
                .remove(&ACCESS_TOKEN)
                .remove(&SETBACK)
                .when(a::STATUS, string(Status::Active.word()))
                .when(a::REFRESH_TOKEN_ID, string(&token.id))
        } else {
            change.when(a::DEAD_TOKEN_ID, string(&token.id))
        };
        self.write(&credential.user, Some(credential), change, &random::identifier()).await
    }

    /// Erases the refresh token that was set aside. Its ID stays.
    pub async fn erase_set_aside(&self, credential: &Credential) -> Result<Written, StoreError> {
        let change = Change::default().remove(&SET_ASIDE);
        self.write(&credential.user, Some(credential), change, &random::identifier()).await
    }

    /// Makes `change` if the item still has the version and era of `previous`, increments the version
    /// and returns the item after the write. Versions begin again with a new item; eras never do.
    /// When the SDK repeats a write whose response was lost, the `write_id` shows that the first
    /// attempt succeeded (F17, F58).
    async fn write(
        &self,
        user: &UserId,
        previous: Option<&Credential>,
        change: Change,
        write_id: &str,
    ) -> Result<Written, StoreError> {
        let mut change = change
            .set(a::VERSION, version(previous.map_or(0, |previous| previous.version).saturating_add(1)))
            .set(a::WRITE_ID, string(write_id))
            .set(a::UPDATED_AT, number(self.clock.now().seconds()));
        if let Some(previous) = previous {
            change = when_unchanged(change, previous);
        }
        let request = self.client.update_item().table_name(&self.credentials_table);
        let request = change.onto(request.key(a::USER_ID, string(user.as_str())));
        let request =
            request.return_values(ReturnValue::AllNew).return_values_on_condition_check_failure(AllOld);
        let (item, is_ours) = match Box::pin(request.send()).await {
            Ok(answer) => (answer.attributes, true),
            Err(error) => match error.as_service_error() {
                Some(UpdateItemError::ConditionalCheckFailedException(failed)) => {
                    let found = failed.item.clone();
                    let writer = found.as_ref().and_then(|item| item::optional_text(item, a::WRITE_ID));
                    let is_ours = writer == Some(write_id);
                    (found, is_ours)
                }
                _ => return Err(StoreError::from_sdk(&names::CREDENTIALS_TABLE, error)),
            },
        };
        match (item.as_ref().map(item::credential).transpose()?.map(Box::new), is_ours) {
            (Some(stored), true) => Ok(Written::Done(stored)),
            (None, true) => Err(StoreError::Unavailable("a write was answered without its item".to_owned())),
            (found, false) => Ok(Written::Overtaken(found)),
        }
    }
}

/// The attribute's value for a version.
fn version(version: u64) -> AttributeValue {
    number(i64::try_from(version).unwrap_or(i64::MAX))
}

/// Requires that the item still has the version and era of `previous`.
fn when_unchanged(change: Change, previous: &Credential) -> Change {
    let change = change.when(a::VERSION, version(previous.version));
    match &previous.era {
        Some(era) => change.when(a::ERA, string(era)),
        None => change.when_absent(a::ERA),
    }
}

/// Sets the new tokens. A stored access token stays if no other came, but only next to the refresh
/// token that it belongs to.
fn with_tokens(
    mut change: Change,
    stored: Option<&StoredRefreshToken>,
    refresh_token: Option<&StoredRefreshToken>,
    access_token: Option<&StoredAccessToken>,
) -> Change {
    if let Some(token) = refresh_token {
        change = change
            .set(a::REFRESH_TOKEN, string(token.sealed.as_str()))
            .set(a::REFRESH_TOKEN_ID, string(&token.id));
        change = match token.expires_at {
            Some(end) => change.set(a::REFRESH_TOKEN_EXPIRES_AT, number(end.seconds())),
            None => change.remove(&[a::REFRESH_TOKEN_EXPIRES_AT]),
        };
    }
    let is_new = refresh_token.is_some_and(|token| Some(&token.id) != stored.map(|stored| &stored.id));
    match access_token {
        Some(token) => change
            .set(a::ACCESS_TOKEN, string(token.sealed.as_str()))
            .set(a::ACCESS_TOKEN_EXPIRES_AT, number(token.expires_at.seconds()))
            .set(a::ACCESS_TOKEN_OBTAINED_AT, number(token.obtained_at.seconds())),
        None if is_new => change.remove(&ACCESS_TOKEN),
        None => change,
    }
}
