//! `access-token`, without a route: hands a user's access token to the back ends of the account, or
//! says whose session or receipt it is. Their roles may ask for any user; IAM decides who may ask.

mod input;
mod output;

use postern::app::{Ahead, App};
use postern::door::caller;
use postern::door::direct::{Call, Function};
use postern::grant::access::{Access, Wanted};
use postern::grant::receipt;
use postern::outside::dynamodb::within;
use postern::telemetry::metrics;
use postern_rules::credential::Credential;
use postern_rules::error::Error;
use postern_rules::scopes::Need;

pub use self::input::Input;
use self::input::{Question, Subject};
pub use self::output::{Origin, Output, Says};

/// This function.
pub const FUNCTION: Function = Function { name: "access-token", ahead: &[Ahead::Secrets, Ahead::DynamoDb] };

/// Hands out a token, or introspects.
///
/// # Errors
///
/// An invalid payload, a session or receipt that does not serve, a user or grant without access,
/// scopes that the grant does not cover, and what keeps Google or AWS from answering.
pub async fn handle(app: &App, input: Input, call: &Call<'_>) -> Result<Output, Error> {
    let (subject, question) = input.parse()?;
    let asked = question.asked_by(&subject);
    call.asks(asked);
    let Found { credential, origin } = find(app, subject, &question, call).await?;
    let says = match question {
        Question::Token { life, scopes, refused } => {
            let wanted = Wanted { need: Need::These(scopes), life };
            let access = Access::open(app, credential, wanted, call.deadline).await?;
            let handed_out = access.hand_out(refused.as_ref()).await?;
            metrics::count_handed_out(asked);
            Says::Token(handed_out)
        }
        Question::Introspection => {
            let client = app.secrets.google_client_for(&credential.client_id).await?;
            let now = app.clock.now();
            let standing = credential.standing(&app.config.scopes, &client.client_id, now);
            Says::Standing(credential, standing)
        }
    };
    Ok(Output { says, origin })
}

/// Whom the caller means.
struct Found {
    credential: Credential,
    /// For a receipt.
    origin: Option<Origin>,
}

async fn find(app: &App, subject: Subject, question: &Question, call: &Call<'_>) -> Result<Found, Error> {
    let (user, credential) = match subject {
        Subject::User(user) => {
            call.about(&user);
            let credential = within(call.deadline, app.store.credential(&user)).await?;
            (user, credential)
        }
        Subject::Session(token) => {
            let caller = caller::holder(app, token.expose(), call.deadline).await?;
            call.about(&caller.session.user);
            (caller.session.user, caller.credential)
        }
        Subject::Receipt(text) => {
            let holder = match question {
                Question::Token { .. } => receipt::redeem(app, text.expose(), call.deadline).await?,
                Question::Introspection => receipt::peek(app, text.expose(), call.deadline).await?,
            };
            call.about(&holder.credential.user);
            return Ok(Found { credential: holder.credential, origin: Some(Origin(holder.origin)) });
        }
    };
    let credential = credential.ok_or_else(|| Error::not_connected(&user))?;
    Ok(Found { credential, origin: None })
}
