//! What ends sessions and connections: a new era, the mark of a disconnect, and the deletion
//! of a credential.

use aws_sdk_dynamodb::operation::delete_item::DeleteItemError;
use aws_sdk_dynamodb::types::ReturnValuesOnConditionCheckFailure::AllOld;
use postern_rules::config::names;
use postern_rules::credential::{Credential, Status};
use postern_rules::random;
use postern_rules::time::Timestamp;
use postern_rules::user::UserId;

use super::change::Change;
use super::item::{attribute as a, number, string};
use super::{ACCESS_TOKEN, LEASE, SETBACK, Store, StoreError, Written, insist, item};
use crate::clock::Deadline;

/// Begins an era: no session of an earlier one is valid. Versions that know no eras look at
/// `sessions_valid_from` alone.
pub(super) fn new_era(change: Change, sessions_valid_from: Timestamp) -> Change {
    change
        .set(a::ERA, string(random::mark()))
        .set(a::SESSIONS_VALID_FROM, number(sessions_valid_from.seconds()))
}

impl Store {
    /// Ends every session of a credential's era. The grant stays. Repeats a write that another one
    /// overtakes, until `deadline`.
    pub async fn end_all_sessions(
        &self,
        credential: &Credential,
        deadline: Deadline,
    ) -> Result<(), StoreError> {
        let end = async |credential: &Credential| {
            let change = new_era(Change::default(), self.clock.now().whole_seconds());
            self.write(&credential.user, Some(credential), change, &random::identifier()).await
        };
        self.persist(credential, deadline, end).await?;
        Ok(())
    }

    /// Marks a credential whose user wants to disconnect: from now on nothing uses it, and no
    /// refresh stores anything over it (F34). Returns it as it is then; `None` if there is none any
    /// more. A credential that is of another era by then is returned unmarked.
    pub async fn mark_disconnecting(
        &self,
        credential: &Credential,
        deadline: Deadline,
    ) -> Result<Option<Credential>, StoreError> {
        let mark = async |credential: &Credential| {
            if credential.status == Status::Disconnecting {
                return Ok(Written::Done(Box::new(credential.clone())));
            }
            let change = Change::default()
                .set(a::STATUS, string(Status::Disconnecting.word()))
                .remove(&ACCESS_TOKEN)
                .remove(&LEASE)
                .remove(&SETBACK);
            self.write(&credential.user, Some(credential), change, &random::identifier()).await
        };
        self.persist(credential, deadline, mark).await
    }

    /// Deletes a credential if it is unchanged since it was read. Returns what is stored then:
    /// `None`, or what another request has written.
    pub async fn delete_credential(&self, credential: &Credential) -> Result<Option<Credential>, StoreError> {
        let version = i64::try_from(credential.version).unwrap_or(i64::MAX);
        let request = self.client.delete_item().table_name(&self.credentials_table);
        let request = match &credential.era {
            Some(era) => request
                .condition_expression("#version = :version AND #era = :era")
                .expression_attribute_values(":era", string(era)),
            None => request.condition_expression("#version = :version AND attribute_not_exists(#era)"),
        };
        let request = request
            .key(a::USER_ID, string(credential.user.as_str()))
            .expression_attribute_names("#era", a::ERA)
            .expression_attribute_names("#version", a::VERSION)
            .expression_attribute_values(":version", number(version))
            .return_values_on_condition_check_failure(AllOld);
        let Err(error) = Box::pin(request.send()).await else { return Ok(None) };
        match error.as_service_error() {
            // Without an item it is gone already: also when the SDK repeats a deletion whose answer
            // was lost.
            Some(DeleteItemError::ConditionalCheckFailedException(failed)) => {
                Ok(failed.item.as_ref().map(item::credential).transpose()?)
            }
            _ => Err(StoreError::from_sdk(&names::CREDENTIALS_TABLE, error)),
        }
    }

    /// Deletes the credential of `user`, whatever it is.
    pub async fn delete_unread(&self, user: &UserId) -> Result<(), StoreError> {
        let request = self.client.delete_item().table_name(&self.credentials_table);
        Box::pin(request.key(a::USER_ID, string(user.as_str())).send())
            .await
            .map_err(|error| StoreError::from_sdk(&names::CREDENTIALS_TABLE, error))?;
        Ok(())
    }

    /// Makes `write`, again for each credential that another request leaves meanwhile. One of another
    /// era is returned as it is: what the caller saw has ended, and the new one is a newer will.
    async fn persist(
        &self,
        credential: &Credential,
        deadline: Deadline,
        write: impl AsyncFn(&Credential) -> Result<Written, StoreError>,
    ) -> Result<Option<Credential>, StoreError> {
        let mut credential = credential.clone();
        loop {
            match insist(deadline, async || write(&credential).await).await? {
                Written::Done(stored) => return Ok(Some(*stored)),
                Written::Overtaken(Some(found)) if found.era != credential.era => return Ok(Some(*found)),
                Written::Overtaken(Some(found)) => credential = *found,
                Written::Overtaken(None) => return Ok(None),
            }
        }
    }
}
