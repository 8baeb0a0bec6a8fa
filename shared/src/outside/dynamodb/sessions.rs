//! The sessions table: sessions, and states that were spent.

use std::collections::HashMap;
use std::time::Duration;

use aws_sdk_dynamodb::error::SdkError;
use aws_sdk_dynamodb::operation::put_item::PutItemError;
use aws_sdk_dynamodb::operation::update_item::UpdateItemError;
use aws_sdk_dynamodb::types::KeysAndAttributes;
use aws_sdk_dynamodb::types::ReturnValuesOnConditionCheckFailure::AllOld;
use postern_rules::credential::Credential;
use postern_rules::flow::{OFFERED_FOR, Redeemable, Verified};
use postern_rules::session::{Seed, Session};
use postern_rules::user::UserId;

use super::change::Change;
use super::item::{Item, attribute as a, flow_key, number, session_key, string};
use super::{Store, StoreError, item};
use crate::clock::Deadline;

/// A spent state is remembered for this long after its flow ended, so that a replay is recognised:
/// for as long as a browser may be offered a flow of which it did not learn that it is over.
const SPENT_STATE_MARGIN: Duration = OFFERED_FOR;
/// How often keys that DynamoDB left unprocessed are asked for again.
const BATCH_ATTEMPTS: u32 = 3;

/// What became of a state.
pub enum Spending {
    /// It was spent by this request: its code may be exchanged.
    First(Redeemable),
    /// It had been spent before.
    Again {
        /// The flow.
        flow: Verified,
        /// SHA-256 of the random half of the session token that the first request gave out.
        session_seed: Option<String>,
    },
}

impl Store {
    /// The session with this digest and the credential of `user`, in one consistent read.
    ///
    /// # Panics
    ///
    /// Never: each request for keys has one.
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
            let answer = request.send().await.map_err(StoreError::from_sdk)?;
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

    /// Spends the state of `flow` as `attempt`: of all the requests that bring it, one is first
    /// (I5). What was lost on the way back from DynamoDB and repeated by the SDK is recognised by
    /// its `write_id`. An attempt of a request that gave up without an answer, of which the browser
    /// was told, is taken over (F16): if it was carried out, nothing came of it.
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
        let Err(error) = request.return_values_on_condition_check_failure(AllOld).send().await else {
            return Ok(Spending::First(flow.spent()));
        };
        let found = match error {
            SdkError::ServiceError(context) if context.err().is_conditional_check_failed_exception() => {
                match context.into_err() {
                    PutItemError::ConditionalCheckFailedException(failed) => failed.item.unwrap_or_default(),
                    _ => return Err(StoreError::Refused("a condition".to_owned())),
                }
            }
            other => return Err(StoreError::from_sdk(other)),
        };
        if item::optional_text(&found, a::WRITE_ID) == Some(attempt) {
            return Ok(Spending::First(flow.spent()));
        }
        let session_seed = item::optional_text(&found, a::SESSION_SEED).map(str::to_owned);
        Ok(Spending::Again { flow, session_seed })
    }

    /// Writes a session's row.
    pub async fn begin_session(&self, session: &Session) -> Result<(), StoreError> {
        let request = self.client.put_item().table_name(&self.sessions_table);
        request.set_item(Some(item::session_item(session))).send().await.map_err(StoreError::from_sdk)?;
        Ok(())
    }

    /// Deletes a session's row; one that is not there is fine.
    pub async fn end_session(&self, digest: &str) -> Result<(), StoreError> {
        let request = self.client.delete_item().table_name(&self.sessions_table);
        request.key(a::ID, string(session_key(digest))).send().await.map_err(StoreError::from_sdk)?;
        Ok(())
    }

    /// Writes that a session is in use; one that ended meanwhile is not brought back.
    pub async fn touch_session(&self, session: &Session) -> Result<(), StoreError> {
        let change =
            Change::default().set(a::LAST_USED_AT, number(self.clock.now().seconds())).when_present(a::ID);
        let request = self.client.update_item().table_name(&self.sessions_table);
        let request = change.onto(request.key(a::ID, string(session_key(&session.digest))));
        match request.send().await {
            Err(SdkError::ServiceError(context))
                if matches!(context.err(), UpdateItemError::ConditionalCheckFailedException(_)) =>
            {
                Ok(())
            }
            answer => answer.map(|_| ()).map_err(StoreError::from_sdk),
        }
    }
}
