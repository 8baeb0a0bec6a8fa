//! The sessions table: sessions and spent states. [`super::codes`] has the one-time codes,
//! [`super::receipts`] the used receipts, and [`super::security_events`] Google's events.

use std::collections::HashMap;
use std::time::Duration;

use aws_sdk_dynamodb::operation::put_item::PutItemError;
use aws_sdk_dynamodb::operation::put_item::builders::PutItemFluentBuilder;
use aws_sdk_dynamodb::operation::update_item::UpdateItemError;
use aws_sdk_dynamodb::types::KeysAndAttributes;
use aws_sdk_dynamodb::types::ReturnValuesOnConditionCheckFailure::AllOld;
use postern_rules::config::names;
use postern_rules::credential::Credential;
use postern_rules::flow::{OFFERED_FOR, Redeemable, Verified};
use postern_rules::session::{Seed, Session};
use postern_rules::user::UserId;

use super::change::Change;
use super::item::{Item, attribute as a, flow_key, number, session_key, string};
use super::{Store, StoreError, item};
use crate::clock::Deadline;

/// How long a spent state is kept after its flow ended, to detect a replay: as long as a browser
/// may still offer a flow whose end it has not seen.
const SPENT_STATE_MARGIN: Duration = OFFERED_FOR;
/// The most calls of BatchGetItem while DynamoDB leaves keys unprocessed.
const BATCH_ATTEMPTS: u32 = 3;

/// The outcome of spending a state.
pub enum Spending {
    /// This request spent the state. Its code may be exchanged.
    First(Box<Redeemable>),
    /// The state was spent before.
    Again {
        /// SHA-256 of the random half of the session token that the first request issued.
        session_seed: Option<String>,
    },
}

impl Store {
    /// The session with this digest and the credential of `user`, in one consistent read.
    ///
    /// # Panics
    ///
    /// Never: both requests have a key.
    pub async fn session_and_credential(
        &self,
        digest: &str,
        user: &UserId,
        deadline: Deadline,
    ) -> Result<(Option<Session>, Option<Credential>), StoreError> {
        let keys = |name: &str, value: String| {
            let key = HashMap::from([(name.to_owned(), string(value))]);
            KeysAndAttributes::builder().keys(key).consistent_read(true).build().expect("the keys are set")
        };
        let mut wanted = HashMap::from([
            (self.sessions_table.clone(), keys(a::ID, session_key(digest))),
            (self.credentials_table.clone(), keys(a::USER_ID, user.as_str().to_owned())),
        ]);
        let (mut session, mut credential) = (None, None);
        for attempt in 1..=BATCH_ATTEMPTS {
            let request = self.client.batch_get_item().set_request_items(Some(wanted));
            let answer = Box::pin(request.send()).await;
            // DynamoDB does not say which of the two tables it refuses.
            let answer = answer.map_err(|error| StoreError::from_sdk(&names::CREDENTIALS_TABLE, error))?;
            let mut tables = answer.responses.unwrap_or_default();
            if let Some(item) = tables.remove(&self.sessions_table).unwrap_or_default().first() {
                session = Some(item::session(item)?);
            }
            if let Some(item) = tables.remove(&self.credentials_table).unwrap_or_default().first() {
                credential = Some(item::credential(item)?);
            }
            wanted = answer.unprocessed_keys.unwrap_or_default();
            let pause = Duration::from_millis(25 << attempt);
            if wanted.is_empty() {
                return Ok((session, credential));
            }
            if attempt == BATCH_ATTEMPTS || !deadline.allows(pause) {
                break;
            }
            tokio::time::sleep(pause).await;
        }
        Err(StoreError::Unavailable("BatchGetItem left keys unprocessed".to_owned()))
    }

    /// Spends the state of `flow` as `attempt`. Of all requests with that state, only one is first
    /// (I5). A spending is also replaced if its request timed out and told the
    /// browser so (F16): its code was not exchanged.
    pub async fn spend_state(
        &self,
        flow: Verified,
        seed: &Seed,
        attempt: &str,
    ) -> Result<Spending, StoreError> {
        let expires_at = flow.flow().expires_at().plus(SPENT_STATE_MARGIN);
        let item = Item::from([
            (a::ID.to_owned(), string(flow_key(&flow.state_digest()))),
            (a::SCHEMA.to_owned(), number(item::SCHEMA)),
            (a::WRITE_ID.to_owned(), string(attempt)),
            (a::SESSION_SEED.to_owned(), string(seed.digest())),
            (a::EXPIRES_AT.to_owned(), number(expires_at.seconds())),
        ]);
        let request = self.client.put_item().table_name(&self.sessions_table).set_item(Some(item));
        let mut request = request.expression_attribute_names("#id", a::ID);
        let mut alternatives = vec!["attribute_not_exists(#id)".to_owned()];
        for (number, given_up) in flow.flow().unanswered().iter().enumerate() {
            alternatives.push(format!("#write_id = :given_up_{number}"));
            request = request
                .expression_attribute_names("#write_id", a::WRITE_ID)
                .expression_attribute_values(format!(":given_up_{number}"), string(given_up));
        }
        let request = request.condition_expression(alternatives.join(" OR "));
        Ok(match put_first(request, attempt).await? {
            None => Spending::First(Box::new(flow.spent())),
            Some(found) => {
                let seed = item::optional_text(&found, a::SESSION_SEED);
                Spending::Again { session_seed: seed.map(str::to_owned) }
            }
        })
    }

    /// Writes a session's row.
    pub async fn begin_session(&self, session: &Session) -> Result<(), StoreError> {
        self.put_new(item::session_item(session)).await
    }

    /// Writes a row whose key is random and ours alone. If it is there, an attempt of the SDK whose
    /// answer was lost has written it, and a late one must not undo what was written over it since.
    pub(super) async fn put_new(&self, item: Item) -> Result<(), StoreError> {
        let request = self.client.put_item().table_name(&self.sessions_table).set_item(Some(item));
        let request = request.condition_expression("attribute_not_exists(#id)");
        let request = request.expression_attribute_names("#id", a::ID);
        let Err(error) = Box::pin(request.send()).await else { return Ok(()) };
        match error.as_service_error() {
            Some(PutItemError::ConditionalCheckFailedException(_)) => Ok(()),
            _ => Err(StoreError::from_sdk(&names::SESSIONS_TABLE, error)),
        }
    }

    /// Deletes a session's row, if it exists.
    pub async fn end_session(&self, digest: &str) -> Result<(), StoreError> {
        let request = self.client.delete_item().table_name(&self.sessions_table);
        Box::pin(request.key(a::ID, string(session_key(digest))).send())
            .await
            .map_err(|error| StoreError::from_sdk(&names::SESSIONS_TABLE, error))?;
        Ok(())
    }

    /// Records that a session is in use. Does not recreate a session that has ended.
    pub async fn touch_session(&self, session: &Session) -> Result<(), StoreError> {
        let change =
            Change::default().set(a::LAST_USED_AT, number(self.clock.now().seconds())).when_present(a::ID);
        let request = self.client.update_item().table_name(&self.sessions_table);
        let request = change.onto(request.key(a::ID, string(session_key(&session.digest))));
        let Err(error) = Box::pin(request.send()).await else { return Ok(()) };
        match error.as_service_error() {
            Some(UpdateItemError::ConditionalCheckFailedException(_)) => Ok(()),
            _ => Err(StoreError::from_sdk(&names::SESSIONS_TABLE, error)),
        }
    }
}

/// Writes a row that may be written once, as `attempt`, which is its `write_id`. Returns the row
/// that was there, or `None` for the first attempt: also when the SDK repeats a write whose
/// response was lost, and finds its own.
pub(super) async fn put_first(
    request: PutItemFluentBuilder,
    attempt: &str,
) -> Result<Option<Item>, StoreError> {
    let request = request.return_values_on_condition_check_failure(AllOld);
    let Err(error) = Box::pin(request.send()).await else { return Ok(None) };
    let Some(PutItemError::ConditionalCheckFailedException(failed)) = error.as_service_error() else {
        return Err(StoreError::from_sdk(&names::SESSIONS_TABLE, error));
    };
    let found = failed.item.clone().unwrap_or_default();
    let is_ours = item::optional_text(&found, a::WRITE_ID) == Some(attempt);
    Ok(if is_ours { None } else { Some(found) })
}
