//! The sessions table: security events that were handled.

use aws_sdk_dynamodb::operation::put_item::PutItemError;
use postern_rules::config::names;
use postern_rules::time::Timestamp;

use super::item::{Item, attribute as a, event_key, number, string};
use super::{Store, StoreError, item};

impl Store {
    /// Records that the security event token with this digest is here, and returns whether it is
    /// still to be handled: whether nobody has called [`Store::finish_security_event`] for it. A
    /// process that ended in between leaves it to be handled again.
    pub async fn begin_security_event(
        &self,
        digest: &str,
        kept_until: Timestamp,
    ) -> Result<bool, StoreError> {
        let request = self.client.put_item().table_name(&self.sessions_table);
        let request = request
            .set_item(Some(item_of(digest, kept_until)))
            .condition_expression("attribute_not_exists(#id) OR attribute_not_exists(#handled_at)")
            .expression_attribute_names("#id", a::ID)
            .expression_attribute_names("#handled_at", a::HANDLED_AT);
        let Err(error) = Box::pin(request.send()).await else { return Ok(true) };
        match error.as_service_error() {
            Some(PutItemError::ConditionalCheckFailedException(_)) => Ok(false),
            _ => Err(StoreError::from_sdk(&names::SESSIONS_TABLE, error)),
        }
    }

    /// Records that the token was handled, so that it never is again.
    pub async fn finish_security_event(&self, digest: &str, kept_until: Timestamp) -> Result<(), StoreError> {
        let mut item = item_of(digest, kept_until);
        item.insert(a::HANDLED_AT.to_owned(), number(self.clock.now().seconds()));
        let request = self.client.put_item().table_name(&self.sessions_table).set_item(Some(item));
        Box::pin(request.send())
            .await
            .map_err(|error| StoreError::from_sdk(&names::SESSIONS_TABLE, error))?;
        Ok(())
    }
}

fn item_of(digest: &str, kept_until: Timestamp) -> Item {
    Item::from([
        (a::ID.to_owned(), string(event_key(digest))),
        (a::SCHEMA.to_owned(), number(item::SCHEMA)),
        (a::EXPIRES_AT.to_owned(), number(kept_until.seconds())),
    ])
}
