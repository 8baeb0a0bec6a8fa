//! CORS, by real preflights (Fetch Standard section 4.8): each front end may call with credentials, and a stranger may not.

use postern::outside::http::{Answer, Failure};
use reqwest::Method;
use reqwest::header::{
    ACCESS_CONTROL_ALLOW_CREDENTIALS, ACCESS_CONTROL_ALLOW_HEADERS, ACCESS_CONTROL_ALLOW_METHODS,
    ACCESS_CONTROL_ALLOW_ORIGIN, ACCESS_CONTROL_REQUEST_HEADERS, ACCESS_CONTROL_REQUEST_METHOD, HeaderName,
    ORIGIN,
};

use super::door::no_answer;
use super::finding::Finding;
use super::target::Target;

/// A page that no deployment allows (RFC 2606 section 2).
const STRANGER: &str = "https://postern-doctor.invalid";
/// More front ends than this are not tried.
const MOST_ORIGINS: usize = 20;

/// What a page of the front end asks before it calls.
struct Preflight {
    method: &'static str,
    path: &'static str,
    headers: &'static str,
}

const PREFLIGHTS: [Preflight; 2] = [
    Preflight { method: "GET", path: "/messages", headers: "authorization" },
    Preflight { method: "POST", path: "/oauth/callback", headers: "content-type,x-requested-with" },
];

/// One line for each origin, and one for the stranger.
pub(super) async fn examine(target: &Target, origins: &[String]) -> Vec<Finding> {
    if origins.is_empty() {
        let why = "no function says which origins it allows; mend the configuration first";
        return vec![Finding::untold("CORS for the front ends", why)];
    }
    let mut findings = Vec::new();
    for origin in origins.iter().take(MOST_ORIGINS) {
        findings.push(friend(target, origin).await);
    }
    // Locally it is `cargo lambda watch` that answers preflights, and it allows everybody.
    if target.deployment().is_some() {
        findings.push(stranger(target).await);
    }
    findings
}

async fn friend(target: &Target, origin: &str) -> Finding {
    let what = format!("CORS for {origin}");
    for preflight in &PREFLIGHTS {
        let answer = match answer(target, &what, origin, preflight).await {
            Ok(answer) => answer,
            Err(finding) => return finding,
        };
        if !allows(&answer, origin, preflight) {
            return Finding::wrong(
                format!(
                    "the API does not let pages of {origin} send {} {}",
                    preflight.method, preflight.path
                ),
                "deploy the template again with this origin in AllowedOrigins",
            );
        }
    }
    Finding::good(what)
}

async fn stranger(target: &Target) -> Finding {
    let what = "CORS for other origins";
    match answer(target, what, STRANGER, &PREFLIGHTS[0]).await {
        Ok(answer) if is_allowed_origin(&answer, STRANGER) => open_to_all(),
        Ok(_) => Finding::good(format!("{what}: refused")),
        Err(finding) => finding,
    }
}

/// An answer to the preflight that names one origin or none. Any other status says only that something else answered: API
/// Gateway itself, which refuses (403) or asks for patience (429), or what broke behind it.
async fn answer(target: &Target, what: &str, origin: &str, preflight: &Preflight) -> Result<Answer, Finding> {
    match ask(target, origin, preflight).await {
        Err(failure) => Err(Finding::untold(what, no_answer(target, &failure))),
        Ok(answer) if names_everybody(&answer) => Err(open_to_all()),
        Ok(answer) if !(200..300).contains(&answer.status) => {
            Err(Finding::untold(what, format!("the API answered {}; ask again", answer.status)))
        }
        Ok(answer) => Ok(answer),
    }
}

fn open_to_all() -> Finding {
    Finding::wrong(
        "the API lets pages of any origin read its answers",
        "deploy the template again: its CORS names each front end",
    )
}

async fn ask(target: &Target, origin: &str, preflight: &Preflight) -> Result<Answer, Failure> {
    let request = target
        .door
        .request(Method::OPTIONS, preflight.path)
        .header(ORIGIN, origin)
        .header(ACCESS_CONTROL_REQUEST_METHOD, preflight.method)
        .header(ACCESS_CONTROL_REQUEST_HEADERS, preflight.headers);
    target.door.ask(request).await
}

/// With credentials, a browser takes `*` for a name and not for everything.
fn allows(answer: &Answer, origin: &str, preflight: &Preflight) -> bool {
    let mut headers = preflight.headers.split(',');
    is_allowed_origin(answer, origin)
        && list(answer, &ACCESS_CONTROL_ALLOW_CREDENTIALS).iter().any(|value| value == "true")
        && list(answer, &ACCESS_CONTROL_ALLOW_METHODS).contains(&preflight.method.to_ascii_lowercase())
        && headers
            .all(|header| list(answer, &ACCESS_CONTROL_ALLOW_HEADERS).iter().any(|known| known == header))
}

/// `*`, which suffices for a bearer token; and `null`, which a frame of anybody's can be.
fn names_everybody(answer: &Answer) -> bool {
    list(answer, &ACCESS_CONTROL_ALLOW_ORIGIN).iter().any(|origin| origin == "*" || origin == "null")
}

fn is_allowed_origin(answer: &Answer, origin: &str) -> bool {
    list(answer, &ACCESS_CONTROL_ALLOW_ORIGIN) == [origin]
}

/// The entries of a comma-separated header, in lower case.
fn list(answer: &Answer, name: &HeaderName) -> Vec<String> {
    let values = answer.headers.get_all(name).iter().filter_map(|value| value.to_str().ok());
    values.flat_map(|value| value.split(',')).map(|entry| entry.trim().to_ascii_lowercase()).collect()
}
