//! Where a request comes from: `Origin`, `Referer` and Fetch Metadata. Rejects what pages of other
//! origins may not do, by exact comparison (A17, A18, A42 to A47, A82). API Gateway sets the CORS
//! headers.

use postern_rules::error::Error;

use super::{Entry, Request, Route};
use crate::app::App;

/// Refuses requests from pages of other origins, and prefetches.
pub(super) fn check(app: &App, route: Route, request: &Request) -> Result<(), Error> {
    let ahead_of_time = ["sec-purpose", "purpose", "x-moz"]
        .iter()
        .any(|name| request.header(name).is_some_and(|value| value.contains("prefetch")));
    if !matches!(route.entry, Entry::Api | Entry::Anyone) && ahead_of_time {
        return Err(Error::PrefetchRefused);
    }
    let allowed = if request.is_safe() {
        match route.entry {
            // The same for all; and where Google redirects the browser, the state is checked instead.
            Entry::Anyone | Entry::Callback => true,
            Entry::Start => may_start(app, request),
            Entry::Api | Entry::Token | Entry::Delivery => {
                !request.cookies.has_ours() || may_read(app, request)?
            }
        }
    } else {
        match route.entry {
            // The code and its verifier are the proof. Browsers send `Origin` with every POST.
            Entry::Token => is_listed(app, request).unwrap_or(true),
            // Only Google can sign, and what is delivered counts once, whoever brings it.
            Entry::Delivery => true,
            Entry::Anyone | Entry::Api | Entry::Start | Entry::Callback => may_change(app, request),
        }
    };
    if !allowed {
        return Err(Error::ForbiddenOrigin);
    }
    let is_preflighted = match route.entry {
        // A form needs no preflight, so that a page redeems its code in one round trip.
        Entry::Token | Entry::Delivery => true,
        // A page of another origin can send neither header without a preflight.
        Entry::Api => sends_csrf_header(request) || request.has_header("authorization"),
        Entry::Anyone | Entry::Start | Entry::Callback => sends_csrf_header(request),
    };
    if !request.is_safe() && !is_preflighted {
        return Err(Error::CsrfHeaderMissing);
    }
    Ok(())
}

fn is_listed(app: &App, request: &Request) -> Option<bool> {
    request
        .has_header("origin")
        .then(|| request.header("origin").is_some_and(|origin| app.config.allowed_origins.contain(origin)))
}

fn referrer_is_listed(app: &App, request: &Request) -> bool {
    request.header("referer").is_some_and(|page| app.config.allowed_origins.of_page(page).is_some())
}

/// Whether a page embeds the response (image, frame, script), by Fetch Metadata.
pub(super) fn is_embedded(request: &Request) -> bool {
    request
        .header("sec-fetch-dest")
        .is_some_and(|destination| destination != "document" && destination != "empty")
}

/// A listed page or the user (typed address, bookmark) may begin a sign-in, by navigation or fetch.
/// A fetch without `Origin` must come from the API's own origin. From a neighbouring host nobody
/// could read its response, and it would only displace sign-ins.
///
/// A navigation that asks for a code may come from anywhere, as at every authorization endpoint: a
/// page may send no `Referer`, and the code goes to a listed address only, where the front end's
/// own state and verifier show whether it asked (A96, A99).
fn may_start(app: &App, request: &Request) -> bool {
    if is_embedded(request) {
        return false;
    }
    is_listed(app, request).unwrap_or_else(|| {
        let is_fetch = request.header("sec-fetch-dest") == Some("empty");
        let asks_for_code = request.query.asks_for_code();
        let is_cross_site = request.header("sec-fetch-site") == Some("cross-site");
        let is_foreign =
            (is_cross_site && !asks_for_code) || (is_fetch && !is_same_origin_or_direct(request));
        !is_foreign || referrer_is_listed(app, request)
    })
}

/// Whether the browser reports this API's own origin, or no page, as the initiator.
fn is_same_origin_or_direct(request: &Request) -> bool {
    request.header("sec-fetch-site").is_some_and(|site| site == "same-origin" || site == "none")
}

/// A listed page, or no page, may read with a cookie. Without `Origin`, Fetch Metadata decides: a
/// neighbouring host's page could send the cookie in a `no-cors` request and learn from the
/// response's time and size (A82). A client without Fetch Metadata must send the CSRF header.
fn may_read(app: &App, request: &Request) -> Result<bool, Error> {
    if let Some(listed) = is_listed(app, request) {
        return Ok(listed);
    }
    if !request.has_header("sec-fetch-site") {
        return if sends_csrf_header(request) { Ok(true) } else { Err(Error::CsrfHeaderMissing) };
    }
    Ok(is_same_origin_or_direct(request))
}

/// A header that a page of another origin can send only after a preflight.
fn sends_csrf_header(request: &Request) -> bool {
    request.has_header("x-requested-with")
}

/// A listed page, or a page of this API's own origin, may make changes. So may a client without
/// `Origin` that sends none of our cookies; the callback's POST must send one.
fn may_change(app: &App, request: &Request) -> bool {
    is_listed(app, request).unwrap_or_else(|| {
        request.header("sec-fetch-site") == Some("same-origin")
            || referrer_is_listed(app, request)
            || !request.cookies.has_ours()
    })
}
