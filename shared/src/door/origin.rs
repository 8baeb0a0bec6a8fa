//! Where a request comes from: `Origin`, `Referer`, Fetch Metadata. API Gateway makes the CORS headers; what a page of
//! another origin may not do is refused here, by exact comparison (A17, A18, A42 to A47, A82).

use postern_rules::error::Error;

use super::{Entry, Request, Route};
use crate::app::App;

/// Refuses a request that a page of another origin made, or that a browser makes ahead of time.
pub(super) fn check(app: &App, route: Route, request: &Request) -> Result<(), Error> {
    let ahead_of_time = ["sec-purpose", "purpose", "x-moz"]
        .iter()
        .any(|name| request.header(name).is_some_and(|value| value.contains("prefetch")));
    if route.entry != Entry::Api && ahead_of_time {
        return Err(Error::PrefetchRefused);
    }
    let allowed = if request.is_safe() {
        match route.entry {
            // Google sends the browser here; the state says whether it belongs.
            Entry::Callback => true,
            Entry::Start => may_start(app, request),
            Entry::Api => !request.cookies.has_ours() || may_read(app, request)?,
        }
    } else {
        may_change(app, request)
    };
    if !allowed {
        return Err(Error::ForbiddenOrigin);
    }
    if !request.is_safe() && !sends_csrf_header(request) {
        return Err(Error::CsrfHeaderMissing);
    }
    Ok(())
}

fn is_listed(app: &App, request: &Request) -> Option<bool> {
    request
        .has_header("origin")
        .then(|| request.header("origin").is_some_and(|origin| app.config.allowed_origins.contain(origin)))
}

/// The origin that the `Referer` belongs to is listed.
fn referrer_is_listed(app: &App, request: &Request) -> bool {
    let referrer = request.header("referer").and_then(|referrer| url::Url::parse(referrer).ok());
    referrer.is_some_and(|url| app.config.allowed_origins.contain(&url.origin().ascii_serialization()))
}

/// Whether a page embeds the answer (an image, a frame, a script), by Fetch Metadata.
pub(super) fn is_embedded(request: &Request) -> bool {
    request
        .header("sec-fetch-dest")
        .is_some_and(|destination| destination != "document" && destination != "empty")
}

fn is_cross_site(request: &Request) -> bool {
    request.header("sec-fetch-site") == Some("cross-site")
}

/// A sign-in is begun by a listed page or by the person (an address typed, a bookmark), as a
/// document or a fetch. A fetch without an `Origin` is of the API's own origin, or nobody sees it:
/// a neighbour's would only crowd out sign-ins.
fn may_start(app: &App, request: &Request) -> bool {
    if is_embedded(request) {
        return false;
    }
    is_listed(app, request).unwrap_or_else(|| {
        let is_fetch = request.header("sec-fetch-dest") == Some("empty");
        let is_foreign = is_cross_site(request) || (is_fetch && !is_own_or_nobodys(request));
        !is_foreign || referrer_is_listed(app, request)
    })
}

/// Whether the browser says that a page of this very origin, or no page at all, makes the request.
fn is_own_or_nobodys(request: &Request) -> bool {
    request.header("sec-fetch-site").is_some_and(|site| site == "same-origin" || site == "none")
}

/// A read with a cookie comes from a listed page, or from none. Without an `Origin` the browser's
/// own word decides: a page of a neighbouring host may send the cookie in a `no-cors` request, and
/// how long the answer takes and how large it is would tell it something (A82). A client that says
/// nothing of where it is proves by a header that it is no such request.
fn may_read(app: &App, request: &Request) -> Result<bool, Error> {
    if let Some(listed) = is_listed(app, request) {
        return Ok(listed);
    }
    if !request.has_header("sec-fetch-site") {
        return if sends_csrf_header(request) { Ok(true) } else { Err(Error::CsrfHeaderMissing) };
    }
    Ok(is_own_or_nobodys(request))
}

/// A header that a page of another origin cannot send without being asked for by a preflight.
fn sends_csrf_header(request: &Request) -> bool {
    request.has_header("x-requested-with")
}

/// A change comes from a listed page. A program that has none of our cookies may leave the origin out; one that sends
/// them, as the callback's POST must, names a listed origin as a page does.
fn may_change(app: &App, request: &Request) -> bool {
    is_listed(app, request).unwrap_or_else(|| {
        request.header("sec-fetch-site") == Some("same-origin")
            || referrer_is_listed(app, request)
            || !request.cookies.has_ours()
    })
}
