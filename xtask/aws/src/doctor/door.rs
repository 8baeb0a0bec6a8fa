//! The API as its callers reach it: one way to ask it, and whether a sign-in begins.

use std::net::SocketAddr;
use std::time::Duration;

use postern::door::authorization::START_PATH;
use postern::outside::http::{Answer, Failure, send};
use reqwest::header::{ACCEPT, HOST};
use reqwest::{Client, Method, RequestBuilder};
use serde_json::Value;
use url::{Host, Url};

use super::finding::Finding;
use super::functions::AUTH_START;
use super::problem::Problem;
use super::target::{ASK_AGAIN, Place, Target};

/// Longer than a function may take: a cold start and the ten seconds of its timeout.
const TIMEOUT: Duration = Duration::from_secs(20);
/// Google's own error page has 800 KB.
const LARGEST_ANSWER: usize = 4 * 1024 * 1024;
/// The option with the local API's port.
const PORT: &str = "--api-port";

/// Sends a request of doctor's, with a deadline.
pub(super) async fn ask(client: &Client, request: RequestBuilder) -> Result<Answer, Failure> {
    let request = request.build().map_err(|error| Failure::Broken(error.without_url()))?;
    send(client, request, TIMEOUT, LARGEST_ANSWER).await
}

/// Where the API is.
pub(super) struct Door {
    base: Url,
    /// Where it is asked instead of where a name server says.
    at: Option<SocketAddr>,
    client: Client,
}

impl Door {
    /// The API with this base URL.
    pub(super) fn new(base: &str, at: Option<SocketAddr>, client: Client) -> Result<Self, String> {
        let base = Url::parse(base).map_err(|_| format!("the API's address {base:?} is not a URL"))?;
        // RFC 6761 section 6.3: these names are this machine's, but not every resolver says so.
        let is_this_machine = matches!(base.host(), Some(Host::Domain(name)) if name.ends_with(".localhost"));
        let here = || SocketAddr::from(([127, 0, 0, 1], base.port_or_known_default().unwrap_or(80)));
        let at = at.or_else(|| is_this_machine.then(here));
        Ok(Self { base, at, client })
    }

    /// The base URL, for people.
    pub(super) fn url(&self) -> &str {
        self.base.as_str().trim_end_matches('/')
    }

    /// A request for `path`, which begins with a slash.
    pub(super) fn request(&self, method: Method, path: &str) -> RequestBuilder {
        let Some(address) = self.at else {
            return self.client.request(method, format!("{}{path}", self.url()));
        };
        let prefix = self.base.path().trim_end_matches('/');
        let host = self.base.authority();
        self.client.request(method, format!("http://{address}{prefix}{path}")).header(HOST, host)
    }

    /// Sends a request that [`Door::request`] made.
    pub(super) async fn ask(&self, request: RequestBuilder) -> Result<Answer, Failure> {
        ask(&self.client, request).await
    }
}

/// Begins a sign-in as a script does, and looks where it would lead.
pub(super) async fn examine(target: &Target) -> Vec<Finding> {
    let door = &target.door;
    let what = format!("GET {}{START_PATH}", door.url());
    let request = door.request(Method::GET, START_PATH).header(ACCEPT, "application/json");
    let finding = match door.ask(request).await {
        Err(failure) => unanswered(target, &what, &failure),
        Ok(answer) if answer.status == 200 => begun(target, &what, &answer),
        Ok(answer) => refused(&what, &answer),
    };
    vec![finding]
}

fn unanswered(target: &Target, what: &str, failure: &Failure) -> Finding {
    match (failure, &target.place) {
        (Failure::NotConnected(_), Place::Local { .. }) => {
            Finding::wrong(format!("{what} reaches nobody"), target.remedy(PORT))
        }
        (Failure::NotConnected(_), Place::Deployed(_)) => Finding::wrong(
            format!("{what} reaches nobody"),
            "lead that name to the API (its DNS record and its certificate), or deploy without DomainName and PublicUrl",
        ),
        _ => Finding::untold(what, format!("{failure}; ask again")),
    }
}

/// Why a check got no answer of the API, and what helps.
pub(super) fn no_answer(target: &Target, failure: &Failure) -> String {
    let remedy = match failure {
        Failure::NotConnected(_) => target.remedy(PORT),
        // It was reached: locally, `cargo lambda watch` may be building a function.
        _ => ASK_AGAIN.to_owned(),
    };
    format!("the API gave no answer ({failure}); {remedy}")
}

fn begun(target: &Target, what: &str, answer: &Answer) -> Finding {
    let redirect_uri = serde_json::from_slice::<Value>(&answer.body)
        .ok()
        .and_then(|body| Url::parse(body["authorization_url"].as_str()?).ok())
        .and_then(|url| {
            url.query_pairs().find(|(name, _)| name == "redirect_uri").map(|(_, value)| value.into_owned())
        });
    match redirect_uri {
        Some(uri) if uri == target.callback => Finding::good(format!("{what} begins a sign-in")),
        Some(_) => Finding::wrong(
            format!("{what} begins a sign-in that does not come back to {}", target.callback),
            "deploy the template again with the DomainName or PublicUrl that browsers use",
        ),
        None => Finding::wrong(
            format!("{what} answers 200 without an authorization URL"),
            "deploy the template again: another program answers at this address",
        ),
    }
}

fn refused(what: &str, answer: &Answer) -> Finding {
    let status = answer.status;
    let Some(problem) = Problem::of(answer) else {
        return match status {
            403 => Finding::wrong(
                format!("{what} is forbidden by API Gateway (403)"),
                "deploy with DomainName or PublicUrl, or with DefaultEndpoint on",
            ),
            404 => {
                Finding::wrong(format!("{what} is no route of the API (404)"), "deploy the template again")
            }
            429 => Finding::untold(what, "API Gateway asks for patience (429); ask again in a minute"),
            500..=599 => Finding::wrong(
                format!("{what} answers {status} without a word of {AUTH_START}'s"),
                format!(
                    "read the log of {AUTH_START}: it did not start, or was ended; its Architecture may be another"
                ),
            ),
            _ => Finding::untold(
                what,
                format!("an answer {status} that is not this API's; is the address right?"),
            ),
        };
    };
    let words = problem.words();
    match problem.code {
        "config_error" => Finding::wrong(
            format!("{what} answers {words}"),
            "mend that variable or what it names; the functions read secrets anew within five minutes",
        ),
        "internal" => {
            Finding::wrong(format!("{what} answers {words}"), format!("read the log of {AUTH_START}"))
        }
        "secrets_unavailable" => Finding::wrong(
            format!("{what} answers {words}"),
            "see that Secrets Manager can be reached from the functions, and that their key may be used; ask again",
        ),
        _ => Finding::untold(what, format!("{status} {words}; ask again")),
    }
}
