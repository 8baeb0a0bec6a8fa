//! The sessions table: one-time codes.

use aws_sdk_dynamodb::operation::update_item::UpdateItemError;
use aws_sdk_dynamodb::types::ReturnValuesOnConditionCheckFailure::AllOld;
use postern_rules::code::Issued;
use postern_rules::config::names;

use super::change::Change;
use super::item::{attribute as a, code_key, string};
use super::{Store, StoreError, item};

/// The outcome of redeeming a code.
pub enum Redemption {
    /// This request redeemed it.
    First,
    /// Another request did, for the session with this digest; `None` if the row is gone.
    Again(Option<String>),
}

impl Store {
    /// Writes the row of a new code.
    pub async fn issue_code(&self, code: &Issued) -> Result<(), StoreError> {
        self.put_new(item::code_item(code)).await
    }

    /// Reads the row of the code with this digest consistently.
    pub async fn code(&self, digest: &str) -> Result<Option<Issued>, StoreError> {
        let request = self.client.get_item().table_name(&self.sessions_table).consistent_read(true);
        let answer = Box::pin(request.key(a::ID, string(code_key(digest))).send())
            .await
            .map_err(|error| StoreError::from_sdk(&names::SESSIONS_TABLE, error))?;
        Ok(answer.item.as_ref().map(item::code).transpose()?)
    }

    /// Records that the code was redeemed for the session with the digest `session`. Of all requests
    /// with that code, only one is first. When the SDK repeats a write whose answer was lost, the
    /// session shows that the first attempt succeeded.
    pub async fn redeem_code(&self, digest: &str, session: &str) -> Result<Redemption, StoreError> {
        let change = Change::default()
            .set(a::REDEEMED_FOR, string(session))
            .when_present(a::ID)
            .when_absent(a::REDEEMED_FOR);
        let request = self.client.update_item().table_name(&self.sessions_table);
        let request = change.onto(request.key(a::ID, string(code_key(digest))));
        let request = request.return_values_on_condition_check_failure(AllOld);
        let Err(error) = Box::pin(request.send()).await else { return Ok(Redemption::First) };
        let Some(UpdateItemError::ConditionalCheckFailedException(failed)) = error.as_service_error() else {
            return Err(StoreError::from_sdk(&names::SESSIONS_TABLE, error));
        };
        let redeemed_for = failed.item.as_ref().and_then(|item| item::optional_text(item, a::REDEEMED_FOR));
        Ok(match redeemed_for {
            Some(ours) if ours == session => Redemption::First,
            other => Redemption::Again(other.map(str::to_owned)),
        })
    }
}
