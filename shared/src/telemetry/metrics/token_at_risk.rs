//! Counts refresh tokens that Google issued and that were lost before they could be stored.

use super::{Metric, count};

/// A guard for a refresh token that is not stored yet. If it is dropped before [`Self::settle`],
/// for whatever reason, the token counts as lost.
#[must_use]
pub(crate) struct TokenAtRisk {
    is_unsettled: bool,
}

impl TokenAtRisk {
    /// Guards the token that Google issued, if it issued one.
    pub(crate) fn of<T>(refresh_token: Option<&T>) -> Self {
        Self { is_unsettled: refresh_token.is_some() }
    }

    /// The token is stored, or no longer needed.
    pub(crate) fn settle(mut self) {
        self.is_unsettled = false;
    }
}

impl Drop for TokenAtRisk {
    fn drop(&mut self) {
        if self.is_unsettled {
            count(Metric::TokensNotStored, "");
        }
    }
}
