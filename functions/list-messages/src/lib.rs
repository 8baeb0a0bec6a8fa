//! `GET /messages`: lists the mailbox of the signed-in user, one page or all of them.

mod query;

use std::time::Duration;

use futures_util::future::join;
use lambda_http::http::StatusCode;
use postern::app::App;
use postern::door::{self, Entry, Reply, Request, Route, caller};
use postern::grant::access::Access;
use postern::outside::google::gmail::{ListQuery, Page};
use postern_rules::error::Error;
use postern_rules::scopes::Need;

use self::query::Wanted;

/// What this function serves.
pub const ROUTE: Route = Route { path: "/messages", methods: "GET", entry: Entry::Api };

/// The most messages that `all=true` collects.
const MOST_MESSAGES: usize = 5000;
/// The most pages that `all=true` follows: pages may be small, or empty.
const MOST_PAGES: usize = 200;
/// With less than this left, another page is not begun.
const PAGE_TIME: Duration = Duration::from_millis(1500);

/// Lists the caller's mailbox.
///
/// # Errors
///
/// 401 with a reason when the caller has no valid session or no working grant; a parameter that is not usable; what
/// Gmail refuses.
pub async fn handle(app: &App, request: &Request) -> Result<Reply, Error> {
    let wanted = Wanted::parse(&request.query)?;
    let caller = caller::authenticate(app, request).await?;
    let credential = caller.credential.ok_or_else(|| Error::not_connected(&caller.session.user))?;
    let need = if wanted.query.q.is_some() { Need::Search } else { Need::List };
    let mut access = Access::open(app, credential, need, request.deadline).await?;
    let touch = caller::touch(app, &caller.session);
    let (page, ()) = join(Box::pin(pages(app, &mut access, wanted, request)), touch).await;
    door::json(StatusCode::OK, &page?)
}

async fn pages(app: &App, access: &mut Access<'_>, wanted: Wanted, request: &Request) -> Result<Page, Error> {
    if wanted.all {
        all_pages(app, access, wanted.query, request).await
    } else {
        one_page(app, access, &wanted.query, request).await
    }
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
        // Gmail does not say which of the two it dislikes; one that it gave itself is the likelier.
        Error::InvalidQuery if query.page_token.is_some() => Error::InvalidPageToken,
        other => other,
    })
}

/// Follows `nextPageToken` to the end, 5,000 messages or the end of the time, and says where to go on. A page that fails
/// after others came does not take those away: the caller goes on where it failed.
async fn all_pages(
    app: &App,
    access: &mut Access<'_>,
    mut query: ListQuery,
    request: &Request,
) -> Result<Page, Error> {
    let mut whole = one_page(app, access, &query, request).await?;
    for _ in 1..MOST_PAGES {
        // A page that leads to itself would be followed for ever.
        let Some(next) = whole.next_page_token.clone().filter(|next| query.page_token.as_ref() != Some(next))
        else {
            break;
        };
        let room = MOST_MESSAGES.saturating_sub(whole.messages.len());
        if room == 0 || !request.deadline.allows(PAGE_TIME) {
            break;
        }
        // A page is never cut: its rest would be lost to the caller, who goes on by page tokens.
        query.max_results = query.max_results.map(|size| size.min(u16::try_from(room).unwrap_or(u16::MAX)));
        query.page_token = Some(next);
        let Ok(page) = one_page(app, access, &query, request).await else { break };
        whole.messages.extend(page.messages);
        whole.next_page_token = page.next_page_token;
    }
    Ok(whole)
}
