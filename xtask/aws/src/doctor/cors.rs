//! CORS, by real preflights (Fetch Standard section 4.8): each front end may call with credentials, and a stranger may not.

use reqwest::Method;
use reqwest::header::{
    ACCESS_CONTROL_ALLOW_CREDENTIALS, ACCESS_CONTROL_ALLOW_HEADERS, ACCESS_CONTROL_ALLOW_METHODS,
    ACCESS_CONTROL_ALLOW_ORIGIN, ACCESS_CONTROL_REQUEST_HEADERS, ACCESS_CONTROL_REQUEST_METHOD, HeaderName,
    ORIGIN,
};
use shared::outbound::{Answer, Failure};

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
        match ask(target, origin, preflight).await {
            Err(failure) => {
                return Finding::untold(what, format!("the API gave no answer ({failure}); ask again"));
            }
            Ok(answer) if answer.status == 429 || answer.status >= 500 => {
                return Finding::untold(what, format!("the API answered {}; ask again", answer.status));
            }
            Ok(answer) if !allows(&answer, origin, preflight) => {
                return Finding::wrong(
                    format!(
                        "the API does not let pages of {origin} send {} {}",
                        preflight.method, preflight.path
                    ),
                    "deploy the template again with this origin in AllowedOrigins",
                );
            }
            Ok(_) => {}
        }
    }
    Finding::good(what)
}

async fn stranger(target: &Target) -> Finding {
    let what = "CORS for other origins";
    match ask(target, STRANGER, &PREFLIGHTS[0]).await {
        Err(failure) => Finding::untold(what, format!("the API gave no answer ({failure}); ask again")),
        Ok(answer) if is_allowed_origin(&answer, STRANGER) => Finding::wrong(
            "the API lets pages of any origin read its answers",
            "deploy the template again: its CORS names each front end",
        ),
        Ok(_) => Finding::good(format!("{what}: refused")),
    }
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

fn is_allowed_origin(answer: &Answer, origin: &str) -> bool {
    list(answer, &ACCESS_CONTROL_ALLOW_ORIGIN) == [origin]
}

/// The entries of a comma-separated header, in lower case.
fn list(answer: &Answer, name: &HeaderName) -> Vec<String> {
    let values = answer.headers.get_all(name).iter().filter_map(|value| value.to_str().ok());
    values.flat_map(|value| value.split(',')).map(|entry| entry.trim().to_ascii_lowercase()).collect()
}
