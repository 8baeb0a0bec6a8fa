//! `POST /risc`: receives the security events of Google's Cross-Account Protection (RFC 8935).

use postern::app::{Ahead, App};
use postern::door::{self, Entry, Reply, Request, Route};
use postern::grant::security_event::receive;
use postern_rules::error::Error;

/// The route of this function.
pub const ROUTE: Route = Route {
    path: "/risc",
    methods: "POST",
    entry: Entry::Delivery,
    ahead: &[Ahead::Secrets, Ahead::DynamoDb],
};

/// Receives one security event token. The answer says only that it was accepted: also for a user of
/// whom nothing is stored.
///
/// # Errors
///
/// A token that is not acceptable, and 503 for whatever makes Google's next delivery worth a try.
pub async fn handle(app: &App, request: &Request) -> Result<Reply, Error> {
    receive(app, request.body(), request.deadline).await?;
    Ok(door::accepted())
}
