//! `list`: a page of the connections of one status, from the index.

use postern::app::App;
use postern::door::direct::Call;
use postern::outside::dynamodb::within;
use postern_rules::error::Error;
use postern_rules::user::UserId;
use serde::Serialize;
use serde_json::value::RawValue;

use super::action::Wanted;
use super::answer;
use super::entry::Entry;

#[derive(Serialize)]
struct Connections<'a> {
    connections: Vec<Entry<'a>>,
    /// Where the next page begins.
    after: Option<&'a str>,
}

pub(crate) async fn list(app: &App, wanted: &Wanted, call: &Call<'_>) -> Result<Box<RawValue>, Error> {
    let after = wanted.after.as_ref().map(UserId::as_str);
    let query = app.store.connections(wanted.status, after, wanted.limit);
    let page = within(call.deadline, query).await?;
    let mut connections = Vec::with_capacity(page.listed.len());
    for listed in &page.listed {
        connections.push(Entry::of_listed(app, listed).await?);
    }
    answer(&Connections { connections, after: page.next_user()?.as_ref().map(UserId::as_str) })
}
