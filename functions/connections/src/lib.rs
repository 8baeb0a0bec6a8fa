//! `connections`: shows and ends the connections of users, for the roles that the operator lists as
//! administrators. It has no route, and never gives out a token, sealed or not.

mod action;
mod count;
mod entry;
mod export;
mod list;

use postern::app::{Ahead, App};
use postern::door::direct::{Call, Function};
use postern::grant::disconnect::{disconnect_any, erase};
use postern::outside::dynamodb::within;
use postern_rules::credential::Credential;
use postern_rules::error::Error;
use postern_rules::user::UserId;
use serde::Serialize;
use serde_json::json;
use serde_json::value::{RawValue, to_raw_value};

use self::action::Action;
pub use self::action::Input;
use self::entry::Entry;

/// This function.
pub const FUNCTION: Function = Function { name: "connections", ahead: &[Ahead::Secrets, Ahead::DynamoDb] };

/// Does what an administrator asks for.
///
/// # Errors
///
/// An input that is not understood, a user of whom nothing is stored, storage or secrets that are
/// not available, and for a disconnect a Google that does not revoke the grant.
pub async fn handle(app: &App, input: Input, call: &Call<'_>) -> Result<Box<RawValue>, Error> {
    call.asks(input.word());
    let action = Action::parse(input)?;
    if let Some(user) = action.user() {
        call.about(user);
    }
    match action {
        Action::Get(user) => get(app, &user, call).await,
        Action::List(wanted) => list::list(app, &wanted, call).await,
        Action::Count(from) => count::count(app, from, call).await,
        Action::Export(user) => export::export(app, &user, call).await,
        Action::Disconnect(user) => {
            disconnect_any(app, stored(app, &user, call).await?, call.deadline).await?;
            answer(&json!({ "disconnected": true }))
        }
        Action::SignOut(user) => {
            let credential = stored(app, &user, call).await?;
            app.store.end_all_sessions(&credential, call.deadline).await?;
            answer(&json!({ "signed_out": true }))
        }
        Action::Erase(user) => {
            let revoked = erase(app, &user, call.deadline).await?.ok_or(Error::ConnectionNotFound)?;
            answer(&json!({ "erased": true, "revoked": revoked }))
        }
    }
}

async fn get(app: &App, user: &UserId, call: &Call<'_>) -> Result<Box<RawValue>, Error> {
    let credential = stored(app, user, call).await?;
    answer(&Entry::of(app, &credential).await?)
}

/// What is stored of a user.
async fn stored(app: &App, user: &UserId, call: &Call<'_>) -> Result<Credential, Error> {
    within(call.deadline, app.store.credential(user)).await?.ok_or(Error::ConnectionNotFound)
}

fn answer(output: &impl Serialize) -> Result<Box<RawValue>, Error> {
    to_raw_value(output).map_err(|_| Error::Internal)
}
