//! Marks a grant whose near end was noticed.

use aws_sdk_dynamodb::operation::update_item::UpdateItemError;
use postern_rules::config::names;
use postern_rules::credential::Status;
use postern_rules::random;
use postern_rules::user::UserId;

use super::item::{attribute as a, number, string};
use super::{Store, StoreError};

impl Store {
    /// Marks that the end of the grant of `user` with the refresh token `token_id` was noticed.
    /// Does nothing if the grant is no longer active, has another token or is marked already: what
    /// was read from the index may be out of date. So the write does not depend on the item's
    /// version; it makes another one. Nor does it anything while somebody holds the lease, whose
    /// write it would overtake, or while the organisation asks for a new sign-in, when the mark
    /// would make no event. The next hour tries again.
    pub async fn notice_end(&self, user: &UserId, token_id: &str) -> Result<(), StoreError> {
        let now = self.clock.now();
        let request = self
            .client
            .update_item()
            .table_name(&self.credentials_table)
            .key(a::USER_ID, string(user.as_str()))
            .update_expression(
                "SET #noticed = :token, #version = #version + :one, #write = :write, #updated = :now",
            )
            .condition_expression(
                "#status = :active AND #token = :token AND (attribute_not_exists(#noticed) OR #noticed <> :token) \
                 AND (attribute_not_exists(#lease) OR #lease <= :millis) AND attribute_not_exists(#asked)",
            )
            .expression_attribute_names("#noticed", a::END_NOTICED_FOR)
            .expression_attribute_names("#version", a::VERSION)
            .expression_attribute_names("#write", a::WRITE_ID)
            .expression_attribute_names("#updated", a::UPDATED_AT)
            .expression_attribute_names("#status", a::STATUS)
            .expression_attribute_names("#token", a::REFRESH_TOKEN_ID)
            .expression_attribute_names("#lease", a::LEASE_UNTIL)
            .expression_attribute_names("#asked", a::SIGN_IN_ASKED_AT)
            .expression_attribute_values(":token", string(token_id))
            .expression_attribute_values(":one", number(1))
            .expression_attribute_values(":write", string(random::identifier()))
            .expression_attribute_values(":now", number(now.seconds()))
            .expression_attribute_values(":millis", number(now.millis()))
            .expression_attribute_values(":active", string(Status::Active.word()));
        match Box::pin(request.send()).await {
            Ok(_) => Ok(()),
            Err(error) => match error.as_service_error() {
                Some(UpdateItemError::ConditionalCheckFailedException(_)) => Ok(()),
                _ => Err(StoreError::from_sdk(&names::CREDENTIALS_TABLE, error)),
            },
        }
    }
}
