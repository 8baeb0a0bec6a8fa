//! Gives a working access token to a back end, which makes its own calls to Google.

use postern_rules::credential::Credential;
use postern_rules::error::Error;
use postern_rules::scopes::Scopes;
use postern_rules::secret::AccessToken;
use postern_rules::time::Timestamp;
use subtle::ConstantTimeEq;

use super::{Access, Beside, Working};
use crate::grant::conditions::require_scopes;
use crate::grant::lease::Issued;

/// A token for a back end's own calls.
pub struct HandedOut {
    /// The credential that it belongs to, as it was last read or written.
    pub credential: Credential,
    /// The token.
    pub token: AccessToken,
    /// When it expires; `None` if Google did not say.
    pub expires_at: Option<Timestamp>,
    /// What it covers.
    pub scopes: Scopes,
}

impl Access<'_> {
    /// Gives the token away, after a new one has been stored or could not be: once the answer has
    /// left, the process is frozen. Refreshes nothing ahead: no call to Gmail would hide that time.
    /// A token that Google `refused` to the caller is replaced first, as it is in [`Access::call`],
    /// unless it is new: then the refusal has another cause, and callers who repeat it would have
    /// Google asked for a token each time.
    pub async fn hand_out(mut self, refused: Option<&AccessToken>) -> Result<HandedOut, Error> {
        let token = self.working.token.token.expose().as_bytes();
        let is_refused = refused.is_some_and(|refused| bool::from(refused.expose().as_bytes().ct_eq(token)));
        let now = self.app.clock.now();
        let stored = self.working.credential.access_token.as_ref();
        let is_new = self.working.is_new || stored.is_some_and(|stored| stored.is_new(now));
        if is_refused && !is_new {
            self.renew().await?;
        }
        match std::mem::replace(&mut self.working.beside, Beside::Nothing) {
            store @ Beside::Store(_) => self.perform(store).await,
            Beside::Nothing | Beside::RefreshAhead => {}
        }
        let Working { credential, token: Issued { token, expires_at, narrowed }, .. } = self.working;
        let scopes = narrowed.unwrap_or_else(|| credential.scopes.clone());
        require_scopes(&credential, &scopes, &self.wanted.need)?;
        Ok(HandedOut { credential, token, expires_at, scopes })
    }
}
