//! Whether the Gmail API is enabled in the client's project. Google tells only a user's token, so
//! doctor lists a message with a session, or reads in the log what Google told list-messages.

use postern_rules::secret::SessionToken;
use reqwest::Method;
use reqwest::header::ACCEPT;

use super::finding::Finding;
use super::logs::{self, LIST_MESSAGES, Log};
use super::problem::Problem;
use super::target::Target;
use crate::web_client::WebClient;

const WHAT: &str = "whether the Gmail API is enabled";
const HINT: &str =
    "set POSTERN_SESSION_TOKEN to the value of the cookie __Host-session after a sign-in, and try again";

/// `log` is that of list-messages, if doctor could read it.
pub(super) async fn examine(target: &Target, client: Option<&WebClient>, log: Option<&Log>) -> Finding {
    match (&target.session, log) {
        (Some(session), _) => by_session(target, client, session).await,
        (None, Some(log)) => by_log(client, log),
        (None, None) => Finding::unknown(WHAT, HINT),
    }
}

fn not_enabled(client: Option<&WebClient>, when: &str) -> Finding {
    let page = "https://console.developers.google.com/apis/api/gmail.googleapis.com/overview";
    let project = client.and_then(WebClient::project).map(|number| format!("?project={number}"));
    Finding::wrong(
        format!("the Gmail API is not enabled in the Google Cloud project{when}"),
        format!("enable it at {page}{}, and wait a few minutes", project.unwrap_or_default()),
    )
}

async fn by_session(target: &Target, client: Option<&WebClient>, session: &SessionToken) -> Finding {
    let request = target.request(Method::GET, "/messages?maxResults=1").header(ACCEPT, "application/json");
    let answer = match target.send(request.bearer_auth(session.expose())).await {
        Ok(answer) => answer,
        Err(failure) => {
            return Finding::unknown(WHAT, format!("the API did not answer ({failure}); try again"));
        }
    };
    let problem = Problem::of(&answer);
    let is_not_enabled = problem.as_ref().is_some_and(|problem| problem.is_gmail_not_enabled);
    let words = problem.map(|problem| problem.words()).unwrap_or_default();
    let why = match (answer.status, words.as_str()) {
        (200, _) => return Finding::good("the Gmail API lists messages"),
        _ if is_not_enabled => return not_enabled(client, ""),
        (401, "reauthorization_required") => {
            "the user of POSTERN_SESSION_TOKEN has to authorize again; do so, and try again".to_owned()
        }
        (401, _) => format!("the session in POSTERN_SESSION_TOKEN has ended; {HINT}"),
        (status, words) => format!("GET /messages answers {status} {words}; try again"),
    };
    Finding::unknown(WHAT, why)
}

fn by_log(client: Option<&WebClient>, log: &Log) -> Finding {
    let refusals = log.lines.iter().filter(|line| line.is_gmail_not_enabled);
    if let Some(at) = refusals.map(|line| line.at).max() {
        return not_enabled(client, &format!(" ({LIST_MESSAGES} saw it at {})", logs::time(at)));
    }
    let read = if log.is_whole { "the last hour" } else { "what doctor read" };
    Finding::unknown(WHAT, format!("{read} of {LIST_MESSAGES}'s log does not tell; {HINT}"))
}
