//! `GET /messages/{id}`: one message of the signed-in user, summed up or whole.

use futures_util::future::join;
use lambda_http::http::StatusCode;
use postern::app::{Ahead, App};
use postern::door::query::Query;
use postern::door::{self, Entry, Reply, Request, Route, caller};
use postern::grant::access::{Access, Wanted};
use postern_rules::error::Error;
use postern_rules::mail::MessageId;
use postern_rules::scopes::Need;

/// The route of this function.
pub const ROUTE: Route = Route {
    path: "/messages/{id}",
    methods: "GET",
    entry: Entry::Api,
    ahead: &[Ahead::Secrets, Ahead::DynamoDb, Ahead::Gmail],
};

/// In bytes. Lambda takes 6 MB of response, in which this is a text: a quote counts twice.
const LARGEST_MESSAGE: usize = 5_500_000;

enum Format {
    Metadata,
    Full,
}

impl Format {
    fn parse(query: &Query) -> Result<Self, Error> {
        query.only(&["format"])?;
        match query.one("format")? {
            None | Some("metadata") => Ok(Self::Metadata),
            Some("full") => Ok(Self::Full),
            Some(_) => Err(Error::InvalidRequest("format is metadata or full.")),
        }
    }
}

/// Gets a message.
///
/// # Errors
///
/// Invalid parameters, 401 without a valid session and a working grant, an unknown message, one
/// that is too large, and Gmail's errors.
pub async fn handle(app: &App, request: &Request) -> Result<Reply, Error> {
    let format = Format::parse(&request.query)?;
    let id = MessageId::parse(request.path_id()).ok_or(Error::NotFound)?;
    let caller = caller::authenticate(app, request).await?;
    let credential = caller.credential.ok_or_else(|| Error::not_connected(&caller.session.user))?;
    let need = match format {
        Format::Metadata => Need::List,
        Format::Full => Need::Read,
    };
    let mut access = Access::open(app, credential, Wanted::now(need), request.deadline).await?;
    let reply = async {
        let (google, deadline) = (&app.google, request.deadline);
        match format {
            Format::Metadata => {
                let summary =
                    access.call(async |token| google.message_summary(token, &id, deadline).await).await?;
                door::json(StatusCode::OK, &summary)
            }
            Format::Full => {
                let get = async |token: &_| google.whole_message(token, &id, LARGEST_MESSAGE, deadline).await;
                let message = String::from(Box::<str>::from(access.call(get).await?));
                let escapes = message.bytes().filter(|byte| b"\"\\".contains(byte)).count();
                if message.len() + escapes > LARGEST_MESSAGE {
                    return Err(Error::MessageTooLarge);
                }
                door::json_text(StatusCode::OK, message)
            }
        }
    };
    let (reply, ()) = join(Box::pin(reply), caller::touch(app, &caller.session)).await;
    reply
}
