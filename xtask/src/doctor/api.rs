//! Whether the API answers: a sign-in starts, and who is not signed in is told so by Postern itself
//! and not by API Gateway.

use postern::door::authorization::START_PATH;
use postern::outside::http::{Answer, Failure};
use reqwest::Method;
use reqwest::header::ACCEPT;
use serde_json::Value;
use url::Url;

use super::finding::{Finding, PUT_BACK};
use super::problem::Problem;
use super::target::Target;

/// How Postern refuses what needs a sign-in: the path, the function, the status, and a member of
/// the problem with its value.
type Refusal = (&'static str, &'static str, u16, &'static str, &'static str);

const REFUSALS: [Refusal; 2] = [
    ("/messages", "list-messages", 401, "reason", "not_signed_in"),
    ("/oauth/callback", "oauth-callback", 400, "code", "invalid_request"),
];

/// One line for each request, and whether Postern itself answered all of them.
pub(super) async fn examine(target: &Target) -> (bool, Vec<Finding>) {
    let mut outcomes = vec![start(target).await];
    for refusal in REFUSALS {
        outcomes.push(refused(target, refusal).await);
    }
    let is_ours = outcomes.iter().all(Result::is_ok);
    (is_ours, outcomes.into_iter().map(|outcome| outcome.unwrap_or_else(|finding| finding)).collect())
}

/// An error is about an answer that is not Postern's.
type Outcome = Result<Finding, Finding>;

/// Starts a sign-in and looks where it would return to.
async fn start(target: &Target) -> Outcome {
    let what = format!("GET {}{START_PATH}", target.api);
    let answer = ask(target, START_PATH, &what).await?;
    if answer.status == 200 { started(target, &what, &answer) } else { failed(&what, "auth-start", &answer) }
}

async fn refused(target: &Target, (path, function, status, member, word): Refusal) -> Outcome {
    let what = format!("GET {}{path}", target.api);
    let answer = ask(target, path, &what).await?;
    if answer.status == status && document(&answer)[member] == word {
        return Ok(Finding::good(format!("{what} answers {status} {word} to somebody without a session")));
    }
    failed(&what, function, &answer)
}

async fn ask(target: &Target, path: &str, what: &str) -> Result<Answer, Finding> {
    let request = target.request(Method::GET, path).header(ACCEPT, "application/json");
    target.send(request).await.map_err(|failure| match failure {
        Failure::NotConnected(_) => Finding::wrong(
            format!("{what} reaches no server"),
            "point that name to the API (its DNS record and its certificate), or deploy without DomainName and \
             PublicUrl",
        ),
        failure => Finding::unknown(what, format!("{failure}; try again")),
    })
}

fn document(answer: &Answer) -> Value {
    serde_json::from_slice(&answer.body).unwrap_or_default()
}

fn started(target: &Target, what: &str, answer: &Answer) -> Outcome {
    let callback = &target.callback;
    let body = document(answer);
    let url = body["authorization_url"].as_str().and_then(|url| Url::parse(url).ok());
    let redirect_uri =
        url.as_ref().and_then(|url| url.query_pairs().find(|(name, _)| name == "redirect_uri"));
    match redirect_uri {
        Some((_, uri)) if uri == *callback => {
            Ok(Finding::good(format!("{what} starts a sign-in that returns to {callback}")))
        }
        Some(_) => Ok(Finding::wrong(
            format!("{what} starts a sign-in that does not return to {callback}"),
            "deploy with the DomainName or PublicUrl that browsers use",
        )),
        None => Err(answered_by_another(what, "auth-start", 200)),
    }
}

/// Another answer than the expected one.
fn failed(what: &str, function: &str, answer: &Answer) -> Outcome {
    let status = answer.status;
    let problem = Problem::of(answer).ok_or_else(|| answered_by_another(what, function, status))?;
    let says = format!("{what} answers {status} {}", problem.words());
    Ok(match problem.code.as_str() {
        "config_error" if problem.variable.is_some() => Finding::wrong(
            says,
            "correct that variable or what it names; the functions notice a changed secret within five minutes",
        ),
        "config_error" | "internal" => Finding::wrong(says, format!("read the log of {function}")),
        "secrets_unavailable" => Finding::wrong(
            says,
            "check that the functions can reach Secrets Manager and may use its key, and try again",
        ),
        "edge_required" => Finding::wrong(
            says,
            "the request went around CloudFront: let the domain lead to it, or deploy without OriginSecretHashes",
        ),
        _ if status >= 500 || status == 429 => {
            return Err(Finding::unknown(says, format!("try again, and then read the log of {function}")));
        }
        _ => Finding::wrong(says, format!("it is not {function} that answers, or not of this version")),
    })
}

/// API Gateway answered in place of the function, or a program that is not this API.
fn answered_by_another(what: &str, function: &str, status: u16) -> Finding {
    match status {
        403 => Finding::wrong(
            format!("{what} is forbidden by API Gateway (403)"),
            "deploy with DomainName or PublicUrl, or with DefaultEndpoint on",
        ),
        404 => Finding::wrong(format!("{what} is not a route of the API (404)"), PUT_BACK),
        429 => {
            Finding::unknown(what, "API Gateway or Lambda refuses requests now (429); try again in a minute")
        }
        500..=599 => Finding::wrong(
            format!("{what} answers {status}, and not by {function}"),
            format!("read the log of {function}: it may not be invoked, did not start, or was ended"),
        ),
        200..=299 => Finding::wrong(
            format!("{what} answers {status}, and not as {function} would"),
            "find out which program answers at this address, and point the name to the API",
        ),
        _ => Finding::unknown(what, format!("the answer ({status}) is not this API's; check the address")),
    }
}
