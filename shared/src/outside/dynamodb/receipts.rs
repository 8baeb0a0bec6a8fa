//! The sessions table: receipts that were used.

use postern_rules::time::Timestamp;

use super::item::{Item, attribute as a, number, receipt_key, string};
use super::sessions::put_first;
use super::{Store, StoreError, item};

impl Store {
    /// Records as `attempt` that the receipt with this digest was used, until `kept_until`. Returns
    /// whether this request was the first: of all requests with that receipt, only one is (A104,
    /// F102).
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
        Ok(put_first(request, attempt).await?.is_none())
    }
}
