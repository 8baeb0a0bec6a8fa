//! `count`: how many connections there are of each status, client and set of scopes, page by page
//! of the index, until the time is nearly up. The caller adds up.

use std::collections::BTreeMap;
use std::time::Duration;

use postern::app::App;
use postern::door::direct::Call;
use postern::outside::dynamodb::within;
use postern_rules::credential::{Status, Terms};
use postern_rules::error::Error;
use postern_rules::scopes::Scopes;
use postern_rules::user::UserId;
use serde::Serialize;
use serde_json::value::RawValue;

use super::action::Position;
use super::answer;

/// The entries that one call of DynamoDB reads: about 300 KB.
const PAGE: u16 = 1000;
/// No page is begun with less time left: a call may take as long as this.
const RESERVE: Duration = Duration::from_secs(3);

#[derive(Serialize)]
struct Answer<'a> {
    counts: Vec<Count<'a>>,
    /// How many of the active ones are of none of today's clients, or lack a scope of today's.
    asked_again: u64,
    /// How many of the active ones are of the client that another replaces; none without such a
    /// one.
    of_outgoing_client: Option<u64>,
    /// Where the next call goes on.
    after: Option<String>,
}

#[derive(Serialize)]
struct Count<'a> {
    status: &'static str,
    client_id: &'a str,
    scopes: Vec<&'a str>,
    connections: u64,
}

pub(crate) async fn count(app: &App, from: Position, call: &Call<'_>) -> Result<Box<RawValue>, Error> {
    let mut kinds: BTreeMap<(Status, String, Scopes), u64> = BTreeMap::new();
    let mut position = Some(from);
    while let Some(Position { status, after }) = position {
        let after = after.as_ref().map(UserId::as_str);
        let page = within(call.deadline, app.store.connections(status, after, PAGE)).await?;
        let next = page.next_user()?;
        for listed in page.listed {
            *kinds.entry((listed.status, listed.client_id, listed.scopes)).or_default() += 1;
        }
        position = match next {
            Some(user) => Some(Position { status, after: Some(user) }),
            None => Position { status, after: None }.next_status(),
        };
        if !call.deadline.allows(RESERVE) {
            break;
        }
    }
    let (mut asked_again, mut of_outgoing_client) = (0, 0);
    for ((status, client_id, scopes), connections) in &kinds {
        let client = app.secrets.google_client_for(client_id).await?;
        let terms = Terms { status: *status, client_id, scopes, ends_at: None };
        let is_asked = terms.mismatch(&app.config.scopes, Some(&client.client_id)).is_some();
        let counted = |is_it: bool| if *status == Status::Active && is_it { *connections } else { 0 };
        asked_again += counted(is_asked);
        of_outgoing_client += counted(client.is_outgoing);
    }
    let has_outgoing = app.secrets.google_clients().await?.outgoing.is_some();
    let counts = kinds.iter().map(|((status, client_id, scopes), connections)| Count {
        status: status.word(),
        client_id,
        scopes: scopes.iter().collect(),
        connections: *connections,
    });
    answer(&Answer {
        counts: counts.collect(),
        asked_again,
        of_outgoing_client: has_outgoing.then_some(of_outgoing_client),
        after: position.map(|position| position.cursor()),
    })
}
