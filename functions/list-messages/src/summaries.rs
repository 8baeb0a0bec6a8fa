//! Adds to a page of IDs what a list shows of each message.

use std::collections::BTreeMap;

use postern::app::App;
use postern::clock::Deadline;
use postern::grant::access::Access;
use postern::outside::google::gmail::{Failed, Gathering, Page};
use postern_rules::error::Error;
use postern_rules::mail::{MessageId, Summary};
use serde::Serialize;

/// A page of messages.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Summaries {
    messages: Vec<Entry>,
    #[serde(skip_serializing_if = "Option::is_none")]
    next_page_token: Option<String>,
    result_size_estimate: u64,
}

#[derive(Serialize)]
#[serde(untagged)]
enum Entry {
    Summary(Summary),
    Failed { id: String, error: &'static str },
}

/// Gets the messages of a page, in its order. Messages that were deleted meanwhile are left out.
///
/// # Errors
///
/// Only if no message could be got and the reason is not one of a single message: it concerns the
/// caller, the quota or a whole call.
pub(crate) async fn of(
    app: &App,
    access: &mut Access<'_>,
    page: Page,
    deadline: Deadline,
) -> Result<Summaries, Error> {
    let ids: Option<Vec<MessageId>> =
        page.messages.iter().map(|message| MessageId::parse(&message.id)).collect();
    let ids = ids.ok_or_else(|| Error::UpstreamMalformed("a message's ID has another form".into()))?;
    let mut gathering = Gathering::of(ids);
    access.call(async |token| app.google.gather(token, &mut gathering, deadline).await).await?;

    let summaries = std::mem::take(&mut gathering.summaries).into_iter();
    let mut entries: BTreeMap<usize, Entry> =
        summaries.map(|(position, summary)| (position, Entry::Summary(summary))).collect();
    let has_none = entries.is_empty();
    let mut general = None;
    for Failed { positions, error, is_of_a_call } in std::mem::take(&mut gathering.failures) {
        let error = access.error_of(error);
        add_failures(&mut entries, &gathering, positions, &error);
        if is_of_a_call || error.facts().status < 500 {
            general = general.or(Some(error));
        }
    }
    let left: Vec<usize> = gathering.left.iter().copied().collect();
    if !left.is_empty() {
        add_failures(&mut entries, &gathering, left, &Error::OutOfTime);
        general = general.or(Some(Error::OutOfTime));
    }
    match general {
        Some(error) if has_none => Err(error),
        _ => Ok(Summaries {
            messages: entries.into_values().collect(),
            next_page_token: page.next_page_token,
            result_size_estimate: page.result_size_estimate,
        }),
    }
}

fn add_failures(
    entries: &mut BTreeMap<usize, Entry>,
    gathering: &Gathering,
    positions: Vec<usize>,
    error: &Error,
) {
    let error = error.facts().code;
    entries.extend(
        positions
            .into_iter()
            .map(|position| (position, Entry::Failed { id: gathering.id(position).to_owned(), error })),
    );
}
