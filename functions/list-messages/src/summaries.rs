//! Adds to a page of IDs what a list shows of each message.

use postern::app::App;
use postern::clock::Deadline;
use postern::grant::access::Access;
use postern::outside::google::gmail::{Gathering, Page};
use postern_rules::error::Error;
use postern_rules::mail::Summary;
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
/// A refused access token, and what [`Gathering::finish`] tells.
pub(crate) async fn of(
    app: &App,
    access: &mut Access<'_>,
    page: Page,
    deadline: Deadline,
) -> Result<Summaries, Error> {
    let mut gathering = Gathering::of(page.messages.iter().map(|message| message.id.as_str()));
    access.call(async |token| app.google.gather(token, &mut gathering, deadline).await).await?;
    let outcomes = gathering.finish(|error| access.error_of(error))?;
    let entries = outcomes.into_iter().map(|(position, outcome)| match outcome {
        Ok(summary) => Entry::Summary(summary),
        Err(error) => Entry::Failed { id: page.messages[position].id.clone(), error },
    });
    Ok(Summaries {
        messages: entries.collect(),
        next_page_token: page.next_page_token,
        result_size_estimate: page.result_size_estimate,
    })
}
