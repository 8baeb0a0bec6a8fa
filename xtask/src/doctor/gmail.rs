//! Whether the Gmail API is enabled in the client's project. Google tells only a user's token, so
//! doctor lists a message with a session, or reads in the log what Google told list-messages.

use postern_rules::secret::SessionToken;
use reqwest::Method;
use reqwest::header::ACCEPT;

use super::finding::Finding;
use super::functions::{Function, LIST_MESSAGES};
use super::logs;
use super::problem::Problem;
use super::target::Target;
use crate::web_client::WebClient;

const WHAT: &str = "whether the Gmail API is enabled";
const HINT: &str =
    "set POSTERN_SESSION_TOKEN to the value of the cookie __Host-session after a sign-in, and try again";

pub(super) async fn examine(target: &Target, client: Option<&WebClient>, functions: &[Function]) -> Finding {
    match &target.session {
        Some(session) => by_session(target, client, session).await,
        None => by_log(target, client, functions).await,
    }
}

fn not_enabled(client: Option<&WebClient>, when: &str) -> Finding {
    let page = "https://console.developers.google.com/apis/api/gmail.googleapis.com/overview";
    let project =
        client.and_then(WebClient::project).map(|number| format!("?project={number}")).unwrap_or_default();
    Finding::wrong(
        format!("the Gmail API is not enabled in the Google Cloud project{when}"),
        format!("enable it at {page}{project}, and wait a few minutes"),
    )
}

async fn by_session(target: &Target, client: Option<&WebClient>, session: &SessionToken) -> Finding {
    let request = target
        .api
        .request(Method::GET, "/messages?maxResults=1")
        .header(ACCEPT, "application/json")
        .bearer_auth(session.expose());
    let answer = match target.api.send(request).await {
        Ok(answer) => answer,
        Err(failure) => return target.no_answer(WHAT, &failure),
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

async fn by_log(target: &Target, client: Option<&WebClient>, functions: &[Function]) -> Finding {
    let Some(deployment) = &target.deployment else { return Finding::unknown(WHAT, HINT) };
    let Some(function) = functions.iter().find(|function| function.name == LIST_MESSAGES) else {
        return Finding::unknown(WHAT, format!("the log of {LIST_MESSAGES} is not known; {HINT}"));
    };
    let log = match logs::read(deployment, &function.log_group).await {
        Ok(log) => log,
        Err(refusal) => {
            let what = format!("{WHAT}, which the log of {LIST_MESSAGES} could tell");
            return refusal.unknown(what, "logs:FilterLogEvents");
        }
    };
    let refusals = log.lines.iter().filter(|line| line.is_gmail_not_enabled);
    if let Some(at) = refusals.map(|line| line.at).max() {
        return not_enabled(client, &format!(" ({LIST_MESSAGES} saw it at {})", logs::time(at)));
    }
    let read = if log.is_whole { "the last hour" } else { "what doctor read" };
    Finding::unknown(WHAT, format!("{read} of {LIST_MESSAGES}'s log does not tell; {HINT}"))
}
