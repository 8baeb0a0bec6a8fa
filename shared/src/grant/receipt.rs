//! Receipts: a page gets one, and its back end trades it for the page's user. Needs no Google.

use postern_rules::credential::{Credential, Status};
use postern_rules::error::Error;
use postern_rules::random;
use postern_rules::receipt::{self, Receipt};
use postern_rules::seal::Purpose;
use postern_rules::secret::{Sealed, SealedReceipt};

use super::REPLY_RESERVE;
use crate::app::App;
use crate::clock::Deadline;
use crate::outside::dynamodb::within;

/// Whom a receipt names.
#[derive(Debug)]
pub struct Holder {
    /// The user's credential, of the era in which the receipt was issued.
    pub credential: Credential,
    /// The front end whose page got the receipt, one of the allowed origins of that time; `None`
    /// for a caller that named none.
    pub origin: Option<String>,
}

/// A receipt for the owner of `credential`, for a page of the allowed `origin`. Makes no call while
/// the keyring is remembered. `None` while the user disconnects, when it would not serve, and
/// without the keyring: that must not hide how the connection stands.
pub async fn issue(app: &App, credential: &Credential, origin: Option<&str>) -> Option<SealedReceipt> {
    if credential.status == Status::Disconnecting {
        return None;
    }
    match app.secrets.keyring().await {
        Ok(keyring) => Some(Receipt::of(credential, origin, app.clock.now()).seal(&keyring)),
        Err(error) => {
            tracing::warn!(error = %error, "a receipt could not be sealed");
            None
        }
    }
}

/// A receipt that serves, and is not used up yet.
#[derive(Debug)]
#[must_use = "whoever acts on a receipt spends it"]
pub struct Unspent {
    receipt: Receipt,
    digest: String,
}

/// Opens a receipt and checks its age and era. Malformed, altered, foreign and expired ones, and
/// those of an era that is over, are indistinguishable to the caller. Does not know whether it was
/// used: [`Unspent::spend`] does.
///
/// # Errors
///
/// [`Error::InvalidReceipt`] for every receipt that does not serve, and storage or secrets that are
/// not available.
pub async fn check(app: &App, text: &str, deadline: Deadline) -> Result<(Holder, Unspent), Error> {
    let opened = app.secrets.open(Purpose::Receipt, &[], &Sealed::from_text(text)).await?;
    let receipt = opened.ok().and_then(|opened| Receipt::parse(&opened)).ok_or(Error::InvalidReceipt)?;
    if !receipt.is_fresh(app.clock.now()) {
        return Err(Error::InvalidReceipt);
    }
    let reading = app.store.credential(&receipt.user);
    let credential = within(deadline.sooner_by(REPLY_RESERVE), reading).await?;
    let credential =
        credential.filter(|credential| receipt.belongs_to(credential)).ok_or(Error::InvalidReceipt)?;
    let holder = Holder { credential, origin: receipt.origin.clone() };
    Ok((holder, Unspent { receipt, digest: receipt::digest(text) }))
}

impl Unspent {
    /// Uses the receipt up. The last step before the answer: an attempt that failed earlier can be
    /// repeated, and nothing after this one can fail.
    ///
    /// # Errors
    ///
    /// [`Error::InvalidReceipt`] if it was used before, and storage that is not available: then it
    /// may be used up.
    pub async fn spend(self, app: &App, deadline: Deadline) -> Result<(), Error> {
        let Self { receipt, digest } = self;
        let attempt = random::identifier();
        let spending = app.store.spend_receipt(&digest, &attempt, receipt.kept_until());
        if within(deadline.sooner_by(REPLY_RESERVE), spending).await? {
            return Ok(());
        }
        let user = app.secrets.keyring().await.map(|keyring| keyring.pseudonym(&receipt.user)).ok();
        tracing::warn!(event = "receipt_reused", user.id = user, "a receipt was sent again, and is refused");
        Err(Error::InvalidReceipt)
    }
}
