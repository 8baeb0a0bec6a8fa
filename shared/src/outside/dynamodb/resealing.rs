//! Puts newly sealed texts in the place of the same tokens' old ones. To the functions and to
//! events it is no write: version, write ID, time and lease stay.

use aws_sdk_dynamodb::operation::update_item::UpdateItemError;
use aws_sdk_dynamodb::types::ReturnValuesOnConditionCheckFailure::AllOld;
use postern_rules::config::names;
use postern_rules::credential::Credential;
use postern_rules::secret::Sealed;

use super::change::Change;
use super::item::{attribute as a, string};
use super::{Store, StoreError, Stored, when_unchanged};

/// New texts of a credential's tokens; `None` for a token whose text stays.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Resealed {
    /// The refresh token in use.
    pub refresh_token: Option<Sealed>,
    /// The access token.
    pub access_token: Option<Sealed>,
    /// The refresh token that was set aside.
    pub set_aside: Option<Sealed>,
}

impl Resealed {
    /// The attributes that get a new text, with the text.
    pub(super) fn texts(&self) -> impl Iterator<Item = (&'static str, &Sealed)> {
        let all = [
            (a::REFRESH_TOKEN, &self.refresh_token),
            (a::ACCESS_TOKEN, &self.access_token),
            (a::DEAD_REFRESH_TOKEN, &self.set_aside),
        ];
        all.into_iter().filter_map(|(name, text)| Some((name, text.as_ref()?)))
    }
}

/// The outcome of an exchange of texts.
#[derive(Debug)]
pub enum Swap {
    /// The new texts are stored.
    Done,
    /// The item was written first; this is what is stored, `None` if it was deleted.
    Overtaken(Option<Stored>),
}

impl Store {
    /// Stores `new` if the item has the version and era of `credential` and exactly its texts in
    /// their places.
    pub async fn reseal(&self, credential: &Credential, new: &Resealed) -> Result<Swap, StoreError> {
        let old = |name| match name {
            a::REFRESH_TOKEN => credential.refresh_token.as_ref().map(|token| &token.sealed),
            a::ACCESS_TOKEN => credential.access_token.as_ref().map(|token| &token.sealed),
            _ => credential.set_aside.as_ref().map(|aside| &aside.token.sealed),
        };
        let mut change = when_unchanged(Change::default(), credential);
        for (name, text) in new.texts() {
            change = change.set(name, string(text.as_str()));
            change = match old(name) {
                Some(old) => change.when(name, string(old.as_str())),
                None => change.when_absent(name),
            };
        }
        let request = self.client.update_item().table_name(&self.credentials_table);
        let request = change.onto(request.key(a::USER_ID, string(credential.user.as_str())));
        let request = request.return_values_on_condition_check_failure(AllOld);
        let Err(error) = Box::pin(request.send()).await else { return Ok(Swap::Done) };
        match error.as_service_error() {
            Some(UpdateItemError::ConditionalCheckFailedException(failed)) => {
                Ok(Swap::Overtaken(failed.item.clone().map(Stored)))
            }
            _ => Err(StoreError::from_sdk(&names::CREDENTIALS_TABLE, error)),
        }
    }
}
