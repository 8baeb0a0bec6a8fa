//! CORS, by real preflight requests (Fetch Standard section 4.8): each front end may call the API
//! with credentials, and no other page may.

use postern::outside::http::Answer;
use reqwest::Method;
use reqwest::header::{
    ACCESS_CONTROL_ALLOW_CREDENTIALS, ACCESS_CONTROL_ALLOW_HEADERS, ACCESS_CONTROL_ALLOW_METHODS,
    ACCESS_CONTROL_ALLOW_ORIGIN, ACCESS_CONTROL_REQUEST_HEADERS, ACCESS_CONTROL_REQUEST_METHOD, HeaderName,
    ORIGIN,
};

use super::finding::{Finding, PUT_BACK};
use super::target::Target;

/// A page that no deployment allows (RFC 2606 section 2).
const STRANGER: &str = "https://postern-doctor.invalid";
/// Doctor does not try more front ends than this.
const MOST_ORIGINS: usize = 20;

/// What a browser asks on behalf of a page: method, path and headers of the call to come.
type Preflight = [&'static str; 3];

const PREFLIGHTS: [Preflight; 2] =
    [["GET", "/messages", "authorization"], ["POST", "/oauth/callback", "content-type,x-requested-with"]];

/// One line for each front end, and one for all other pages.
pub(super) async fn examine(target: &Target) -> Vec<Finding> {
    let configured = || target.deployment.as_ref()?.stack.parameters.get("AllowedOrigins");
    let list = target.page.as_ref().or_else(configured);
    let origins = list.map(String::as_str).unwrap_or_default().split(',').map(str::trim);
    let origins: Vec<&str> = origins.filter(|origin| !origin.is_empty()).take(MOST_ORIGINS).collect();
    if origins.is_empty() {
        let why = "the parameter AllowedOrigins is empty; deploy with the origins of your pages";
        return vec![Finding::unknown("CORS for the front ends", why)];
    }
    let mut findings = Vec::new();
    for origin in origins {
        findings.push(friend(target, origin).await.unwrap_or_else(|finding| finding));
    }
    let what = "CORS for other origins";
    let answer = ask(target, what, STRANGER, PREFLIGHTS[0]).await;
    findings.push(answer.map_or_else(|finding| finding, |_| Finding::good(format!("{what}: refused"))));
    // An API that is open to all is so for each origin.
    findings.dedup();
    findings
}

async fn friend(target: &Target, origin: &str) -> Result<Finding, Finding> {
    let what = format!("CORS for {origin}");
    for preflight in PREFLIGHTS {
        let [method, path, _] = preflight;
        if !allows(&ask(target, &what, origin, preflight).await?, origin, preflight) {
            return Err(Finding::wrong(
                format!("the API does not let pages of {origin} call {method} {path}"),
                "deploy with this origin in AllowedOrigins",
            ));
        }
    }
    Ok(Finding::good(what))
}

/// An answer that does not allow every page. Any status but success tells nothing of CORS: API
/// Gateway refused the request (403), limited it (429) or failed.
async fn ask(target: &Target, what: &str, origin: &str, preflight: Preflight) -> Result<Answer, Finding> {
    let [method, path, headers] = preflight;
    let request = target
        .request(Method::OPTIONS, path)
        .header(ORIGIN, origin)
        .header(ACCESS_CONTROL_REQUEST_METHOD, method)
        .header(ACCESS_CONTROL_REQUEST_HEADERS, headers);
    let unknown = |why: String| Finding::unknown(what, format!("the API {why}; try again"));
    let answer = target.send(request).await;
    let answer = answer.map_err(|failure| unknown(format!("did not answer ({failure})")))?;
    // `*` is enough for a page with a bearer token, and any page can have the origin `null`.
    let is_open = |origin: &String| ["*", "null", STRANGER].contains(&origin.as_str());
    if list(&answer, &ACCESS_CONTROL_ALLOW_ORIGIN).iter().any(is_open) {
        return Err(Finding::wrong("the API lets pages of any origin read its answers", PUT_BACK));
    }
    if !(200..300).contains(&answer.status) {
        return Err(unknown(format!("answered {}", answer.status)));
    }
    Ok(answer)
}

/// With credentials, a browser takes `*` for a name and not for a wildcard.
fn allows(answer: &Answer, origin: &str, [method, _, headers]: Preflight) -> bool {
    let has = |name, entry: &str| list(answer, &name).contains(&entry.to_ascii_lowercase());
    list(answer, &ACCESS_CONTROL_ALLOW_ORIGIN) == [origin]
        && has(ACCESS_CONTROL_ALLOW_CREDENTIALS, "true")
        && has(ACCESS_CONTROL_ALLOW_METHODS, method)
        && headers.split(',').all(|header| has(ACCESS_CONTROL_ALLOW_HEADERS, header))
}

/// The entries of a comma-separated header, in lower case.
fn list(answer: &Answer, name: &HeaderName) -> Vec<String> {
    let values = answer.headers.get_all(name).iter().filter_map(|value| value.to_str().ok());
    values.flat_map(|value| value.split(',')).map(|entry| entry.trim().to_ascii_lowercase()).collect()
}
