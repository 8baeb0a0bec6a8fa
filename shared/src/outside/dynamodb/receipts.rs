//! The sessions table: receipts that were used.

use aws_sdk_dynamodb::operation::put_item::PutItemError;
use aws_sdk_dynamodb::types::ReturnValuesOnConditionCheckFailure::AllOld;
use postern_rules::config::names;
use postern_rules::time::Timestamp;

use super::item::{Item, attribute as a, number, receipt_key, string};
use super::{Store, StoreError, item};

impl Store {
    /// Records as `attempt` that the receipt with this digest was used, until `kept_until`. Returns
    /// whether this request was the first: of all requests with that receipt, only one is (A104).
    /// When the SDK repeats a write whose answer was lost, the `write_id` shows that the first
    /// attempt succeeded (F102).
    pub async fn spend_receipt(
        &self,
        digest: &str,
        attempt: &str,
        kept_until: Timestamp,
    ) -> Result<bool, StoreError> {
        let item = Item::from([
            (a::ID.to_owned(), string(receipt_key(digest))),
            (a::SCHEMA.to_owned(), number(item::SCHEMA)),
            (a::WRITE_ID.to_owned(), string(attempt)),
            (a::EXPIRES_AT.to_owned(), number(kept_until.seconds())),
        ]);
        let request = self.client.put_item().table_name(&self.sessions_table).set_item(Some(item));
        let request = request.condition_expression("attribute_not_exists(#id)");
        let request = request.expression_attribute_names("#id", a::ID);
        let request = request.return_values_on_condition_check_failure(AllOld);
        let Err(error) = Box::pin(request.send()).await else { return Ok(true) };
        let Some(PutItemError::ConditionalCheckFailedException(failed)) = error.as_service_error() else {
            return Err(StoreError::from_sdk(&names::SESSIONS_TABLE, error));
        };
        let writer = failed.item.as_ref().and_then(|item| item::optional_text(item, a::WRITE_ID));
        Ok(writer == Some(attempt))
    }
}
