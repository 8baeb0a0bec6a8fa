//! `GET /messages`: lists one page, or all pages, of the signed-in user's mailbox: IDs only, or
//! with what a list shows of each message.

mod query;
mod summaries;

use std::time::Duration;

use futures_util::future::join;
use lambda_http::http::StatusCode;
use postern::app::{Ahead, App};
use postern::door::{self, Entry, Reply, Request, Route, caller};
use postern::grant::access::{self, Access};
use postern::outside::google::gmail::{ListQuery, Page};
use postern_rules::error::Error;
use postern_rules::scopes::Need;

use self::query::{Format, Wanted};

/// The route of this function.
pub const ROUTE: Route = Route {
    path: "/messages",
    methods: "GET",
    entry: Entry::Api,
    ahead: &[Ahead::Secrets, Ahead::DynamoDb, Ahead::Gmail],
};

/// Limit on the messages that `all=true` collects.
const MOST_MESSAGES: usize = 5000;
/// Limit on the pages that `all=true` follows: pages can be small or empty.
const MOST_PAGES: usize = 200;
/// Time that must be left to fetch another page.
const PAGE_TIME: Duration = Duration::from_millis(1500);

/// Lists the caller's mailbox.
///
/// # Errors
///
/// Invalid parameters, 401 without a valid session and a working grant, and Gmail's errors.
pub async fn handle(app: &App, request: &Request) -> Result<Reply, Error> {
    let wanted = Wanted::parse(&request.query)?;
    let caller = caller::authenticate(app, request).await?;
    let credential = caller.credential.ok_or_else(|| Error::not_connected(&caller.session.user))?;
    let need = if wanted.query.q.is_some() { Need::Search } else { Need::List };
    let mut access = Access::open(app, credential, access::Wanted::now(need), request.deadline).await?;
    let touch = caller::touch(app, &caller.session);
    let reply = async {
        match wanted.format {
            Format::Metadata => {
                let page = one_page(app, &mut access, &wanted.query, request).await?;
                let page = summaries::of(app, &mut access, page, request.deadline).await?;
                door::json(StatusCode::OK, &page)
            }
            Format::Ids { all: true } => {
                let pages = all_pages(app, &mut access, wanted.query, request).await?;
                door::json(StatusCode::OK, &pages)
            }
            Format::Ids { all: false } => {
                let page = one_page(app, &mut access, &wanted.query, request).await?;
                door::json(StatusCode::OK, &page)
            }
        }
    };
    join(Box::pin(reply), touch).await.0
}

async fn one_page(
    app: &App,
    access: &mut Access<'_>,
    query: &ListQuery,
    request: &Request,
) -> Result<Page, Error> {
    let page =
        access.call(async |token| app.google.list_messages(token, query, request.deadline).await).await;
    page.map_err(|error| match error {
        // Gmail's error does not name the parameter. A stale page token is more likely than a bad
        // query.
        Error::InvalidQuery if query.page_token.is_some() => Error::InvalidPageToken,
        other => other,
    })
}

/// Follows `nextPageToken` until the last page, 5,000 messages or the end of the time. If a later
/// page fails, returns the pages so far: the caller can continue from the failed one.
async fn all_pages(
    app: &App,
    access: &mut Access<'_>,
    mut query: ListQuery,
    request: &Request,
) -> Result<Page, Error> {
    let mut whole = one_page(app, access, &query, request).await?;
    for _ in 1..MOST_PAGES {
        // A page token that repeats itself would loop forever.
        let Some(next) = whole.next_page_token.clone().filter(|next| query.page_token.as_ref() != Some(next))
        else {
            break;
        };
        let room = MOST_MESSAGES.saturating_sub(whole.messages.len());
        if room == 0 || !request.deadline.allows(PAGE_TIME) {
            break;
        }
        // Shrink the last request instead of cutting its page: the cut messages would be
        // unreachable.
        query.max_results = query.max_results.map(|size| size.min(u16::try_from(room).unwrap_or(u16::MAX)));
        query.page_token = Some(next);
        let Ok(page) = one_page(app, access, &query, request).await else { break };
        whole.messages.extend(page.messages);
        whole.next_page_token = page.next_page_token;
    }
    Ok(whole)
}
