//! The sessions table: which connections have ended, so that an older copy of the credentials table
//! brings none of them back. A row names nobody: its key is a keyed hash.

use std::time::Duration;

use aws_sdk_dynamodb::operation::update_item::UpdateItemError;
use postern_rules::config::names;
use postern_rules::time::Timestamp;

use super::item::{attribute as a, ended_key, number, string};
use super::{Store, StoreError, item};

/// How long an end is remembered: a day longer than point-in-time recovery reaches back.
pub const ENDS_KEPT_FOR: Duration = Duration::from_hours(36 * 24);

impl Store {
    /// Remembers that the user with this mark ended, at `ended_at`, every connection that began at
    /// or before that. A later end that is remembered stays.
    pub async fn remember_end(&self, mark: &str, ended_at: Timestamp) -> Result<(), StoreError> {
        // What was marked as disconnecting long ago is remembered from now on.
        let kept_until = ended_at.max(self.clock.now()).plus(ENDS_KEPT_FOR);
        let request = self
            .client
            .update_item()
            .table_name(&self.sessions_table)
            .key(a::ID, string(ended_key(mark)))
            .update_expression("SET #schema = :schema, #ended = :ended, #expires = :expires")
            .condition_expression("attribute_not_exists(#ended) OR #ended < :ended")
            .expression_attribute_names("#schema", a::SCHEMA)
            .expression_attribute_names("#ended", a::ENDED_AT)
            .expression_attribute_names("#expires", a::EXPIRES_AT)
            .expression_attribute_values(":schema", number(item::SCHEMA))
            .expression_attribute_values(":ended", number(ended_at.seconds()))
            .expression_attribute_values(":expires", number(kept_until.seconds()));
        let Err(error) = Box::pin(request.send()).await else { return Ok(()) };
        match error.as_service_error() {
            Some(UpdateItemError::ConditionalCheckFailedException(_)) => Ok(()),
            _ => Err(StoreError::from_sdk(&names::SESSIONS_TABLE, error)),
        }
    }
}
