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
    /// The front end whose page got the receipt, one of the allowed origins of that time; `None` for
    /// a caller that named none.
    pub origin: Option<String>,
}

/// A receipt for the owner of `credential`, for a page of the allowed `origin`. Makes no call while
/// the keyring is remembered. `None` while the user disconnects: it would not serve.
///
/// # Errors
///
/// Secrets that are not available.
pub async fn issue(
    app: &App,
    credential: &Credential,
    origin: Option<&str>,
) -> Result<Option<SealedReceipt>, Error> {
    if credential.status == Status::Disconnecting {
        return Ok(None);
    }
    let keyring = app.secrets.keyring().await?;
    Ok(Some(Receipt::of(credential, origin, app.clock.now()).seal(&keyring)))
}

/// Trades a receipt for its user. It works once. A refused attempt does not use it up; one that ends
/// with an outage may have.
///
/// # Errors
///
/// [`Error::InvalidReceipt`] for every receipt that does not serve, and storage or secrets that are
/// not available.
pub async fn redeem(app: &App, text: &str, deadline: Deadline) -> Result<Holder, Error> {
    let deadline = deadline.sooner_by(REPLY_RESERVE);
    let (receipt, holder) = check(app, text, deadline).await?;
    let (digest, attempt) = (receipt::digest(text), random::identifier());
    // Last: whoever spends it has the answer, and nothing else can refuse it.
    let spending = app.store.spend_receipt(&digest, &attempt, receipt.kept_until());
    if within(deadline, spending).await? {
        return Ok(holder);
    }
    let user = app.secrets.keyring().await.map(|keyring| keyring.pseudonym(&receipt.user)).ok();
    tracing::warn!(event = "receipt_reused", user.id = user, "a receipt was sent again, and is refused");
    Err(Error::InvalidReceipt)
}

/// Says whom a receipt names, as [`redeem`] would, and leaves it usable. Does not know whether it was
/// used.
///
/// # Errors
///
/// As [`redeem`].
pub async fn peek(app: &App, text: &str, deadline: Deadline) -> Result<Holder, Error> {
    let (_, holder) = check(app, text, deadline.sooner_by(REPLY_RESERVE)).await?;
    Ok(holder)
}

/// Opens a receipt and checks its age and era. Malformed, altered, foreign and expired ones, and
/// those of an era that is over, are indistinguishable to the caller.
async fn check(app: &App, text: &str, deadline: Deadline) -> Result<(Receipt, Holder), Error> {
    let opened = app.secrets.open(Purpose::Receipt, &[], &Sealed::from_text(text)).await?;
    let receipt = opened.ok().and_then(|opened| Receipt::parse(&opened)).ok_or(Error::InvalidReceipt)?;
    if !receipt.is_fresh(app.clock.now()) {
        return Err(Error::InvalidReceipt);
    }
    let credential = within(deadline, app.store.credential(&receipt.user)).await?;
    let credential =
        credential.filter(|credential| receipt.belongs_to(credential)).ok_or(Error::InvalidReceipt)?;
    let origin = receipt.origin.clone();
    Ok((receipt, Holder { credential, origin }))
}
