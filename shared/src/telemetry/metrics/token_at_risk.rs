//! A refresh token between the moment when Google gave it and the one when it is stored.

use super::{Metric, count};

/// A refresh token that Google may have given and that is not stored yet. Counted as lost when it is dropped, whatever
/// ended the request, unless it was settled before.
#[must_use]
#[derive(Debug)]
pub(crate) struct TokenAtRisk {
    is_unsettled: bool,
}

impl TokenAtRisk {
    /// The token of a grant; nothing is at risk when there is none.
    pub(crate) fn of<T>(refresh_token: Option<&T>) -> Self {
        Self { is_unsettled: refresh_token.is_some() }
    }

    /// The token is stored, or nobody needs it any more.
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
