//! The answer of `GET /connection`. Every member is always there, so that a page need not ask which.

use postern::door::User;
use postern_rules::credential::Credential;
use postern_rules::error::Reason;
use postern_rules::scopes::Scopes;
use postern_rules::secret::SealedReceipt;
use postern_rules::time::Timestamp;
use serde::Serialize;

/// Whether the caller is signed in and connected.
#[derive(Serialize)]
pub(crate) struct Standing<'a> {
    status: &'static str,
    reason: Option<&'static str>,
    user: Option<User<'a>>,
    scopes: Vec<&'a str>,
    missing_scopes: Vec<String>,
    connected_at: Option<i64>,
    grant_expires_at: Option<i64>,
    receipt: Option<&'a str>,
    start_url: &'a str,
}

impl<'a> Standing<'a> {
    /// For a caller without a valid session or without a credential.
    pub(crate) fn signed_out(reason: Reason, start_url: &'a str) -> Self {
        Self {
            status: "signed_out",
            reason: Some(reason.as_str()),
            user: None,
            scopes: Vec::new(),
            missing_scopes: Vec::new(),
            connected_at: None,
            grant_expires_at: None,
            receipt: None,
            start_url,
        }
    }

    /// For the owner of `credential`. `client_id` is today's OAuth client.
    pub(crate) fn of(
        credential: &'a Credential,
        needed: &Scopes,
        client_id: &str,
        now: Timestamp,
        receipt: Option<&'a SealedReceipt>,
        start_url: &'a str,
    ) -> Self {
        let standing = credential.standing(needed, client_id, now);
        let end = credential.terms().ends_at;
        Self {
            status: standing.status(),
            reason: standing.reason(),
            user: Some(User::of(&credential.user, credential.email.as_ref())),
            scopes: credential.scopes.iter().collect(),
            missing_scopes: credential.scopes.missing(needed).iter().map(str::to_owned).collect(),
            connected_at: Some(credential.connected_at.seconds()),
            grant_expires_at: end.map(Timestamp::seconds),
            receipt: receipt.map(SealedReceipt::expose),
            start_url,
        }
    }
}
