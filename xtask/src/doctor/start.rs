//! Whether a sign-in starts: GET /auth/start, as a script calls it.

use postern::door::authorization::START_PATH;
use postern::outside::http::{Answer, Failure};
use reqwest::Method;
use reqwest::header::ACCEPT;
use serde_json::Value;
use url::Url;

use super::finding::{DEPLOY_AGAIN, Finding};
use super::problem::Problem;
use super::target::Target;

/// Starts a sign-in and looks where it would return to.
pub(super) async fn examine(target: &Target) -> Finding {
    let what = format!("GET {}{START_PATH}", target.api);
    let request = target.request(Method::GET, START_PATH).header(ACCEPT, "application/json");
    match target.send(request).await {
        Err(Failure::NotConnected(_)) => Finding::wrong(
            format!("{what} reaches no server"),
            "point that name to the API (its DNS record and its certificate), or deploy without DomainName and \
             PublicUrl",
        ),
        Err(failure) => Finding::unknown(what, format!("{failure}; try again")),
        Ok(answer) if answer.status == 200 => started(target, &what, &answer),
        Ok(answer) => match Problem::of(&answer) {
            Some(problem) => failed(&what, answer.status, &problem),
            None => answered_by_another(&what, answer.status),
        },
    }
}

fn started(target: &Target, what: &str, answer: &Answer) -> Finding {
    let callback = &target.callback;
    let body: Value = serde_json::from_slice(&answer.body).unwrap_or_default();
    let url = body["authorization_url"].as_str().and_then(|url| Url::parse(url).ok());
    let redirect_uri =
        url.as_ref().and_then(|url| url.query_pairs().find(|(name, _)| name == "redirect_uri"));
    match redirect_uri {
        Some((_, uri)) if uri == *callback => {
            Finding::good(format!("{what} starts a sign-in that returns to {callback}"))
        }
        Some(_) => Finding::wrong(
            format!("{what} starts a sign-in that does not return to {callback}"),
            "deploy the template again with the DomainName or PublicUrl that browsers use",
        ),
        None => Finding::wrong(
            format!("{what} answers 200 without an authorization URL"),
            "another program answers at this address; deploy the template again",
        ),
    }
}

fn failed(what: &str, status: u16, problem: &Problem) -> Finding {
    let fix = match problem.code.as_str() {
        "config_error" if problem.variable.is_some() => {
            "correct that variable or what it names; the functions notice a changed secret within five minutes"
        }
        "config_error" | "internal" => "read the log of auth-start",
        "secrets_unavailable" => {
            "check that the functions can reach Secrets Manager and may use its key, and try again"
        }
        _ => return Finding::unknown(what, format!("it answers {status} {}; try again", problem.words())),
    };
    Finding::wrong(format!("{what} answers {status} {}", problem.words()), fix)
}

/// API Gateway answered in place of the function, or a program that is not this API.
fn answered_by_another(what: &str, status: u16) -> Finding {
    match status {
        403 => Finding::wrong(
            format!("{what} is forbidden by API Gateway (403)"),
            "deploy with DomainName or PublicUrl, or with DefaultEndpoint on",
        ),
        404 => Finding::wrong(format!("{what} is not a route of the API (404)"), DEPLOY_AGAIN),
        429 => Finding::unknown(what, "API Gateway limits requests now (429); try again in a minute"),
        500..=599 => Finding::wrong(
            format!("{what} answers {status}, and not by auth-start"),
            "read the log of auth-start: it did not start, perhaps for another Architecture, or was ended",
        ),
        _ => Finding::unknown(what, format!("the answer ({status}) is not this API's; check the address")),
    }
}
