//! Whether the Gmail API is enabled in the client's project. Google tells that to a user's token alone, so it is asked
//! through the API with a session, or read from what list-messages met.

use reqwest::Method;
use reqwest::header::ACCEPT;

use super::door::no_answer;
use super::finding::Finding;
use super::functions::{Function, LIST_MESSAGES};
use super::log;
use super::problem::Problem;
use super::refusal::Refusal;
use super::target::{Place, Target};
use crate::web_client::WebClient;

const WHAT: &str = "whether the Gmail API is enabled";
const HINT: &str =
    "set POSTERN_SESSION_TOKEN to the value of the cookie __Host-session after a sign-in, and ask again";

/// One line.
pub(super) async fn examine(
    target: &Target,
    client: Option<&WebClient>,
    functions: &[Function],
) -> Vec<Finding> {
    let finding = match &target.session {
        Some(_) => by_session(target, client).await,
        None => by_log(target, client, functions).await,
    };
    vec![finding]
}

fn not_enabled(client: Option<&WebClient>, when: &str) -> Finding {
    let page = "https://console.developers.google.com/apis/api/gmail.googleapis.com/overview";
    let project =
        client.and_then(WebClient::project).map(|number| format!("?project={number}")).unwrap_or_default();
    Finding::wrong(
        format!("the Gmail API is not enabled in the Google Cloud project{when}"),
        format!("enable it at {page}{project}, and wait some minutes"),
    )
}

async fn by_session(target: &Target, client: Option<&WebClient>) -> Finding {
    let mut request =
        target.door.request(Method::GET, "/messages?maxResults=1").header(ACCEPT, "application/json");
    if let Some(session) = &target.session {
        request = request.bearer_auth(session.expose());
    }
    let answer = match target.door.ask(request).await {
        Ok(answer) => answer,
        Err(failure) => {
            return Finding::untold(WHAT, no_answer(target, &failure));
        }
    };
    let problem = Problem::of(&answer);
    match (answer.status, problem) {
        (200, _) => Finding::good("the Gmail API lists messages"),
        (_, Some(problem)) if problem.is_gmail_not_enabled() => not_enabled(client, ""),
        (401, Some(problem)) if problem.code == "reauthorization_required" => Finding::untold(
            WHAT,
            "the user of POSTERN_SESSION_TOKEN has to authorize again; do so, and ask again",
        ),
        (401, _) => Finding::untold(WHAT, format!("the session in POSTERN_SESSION_TOKEN is over; {HINT}")),
        (status, Some(problem)) => {
            Finding::untold(WHAT, format!("GET /messages answers {status} {}; ask again", problem.code))
        }
        (status, None) => Finding::untold(WHAT, format!("GET /messages answers {status}; ask again")),
    }
}

async fn by_log(target: &Target, client: Option<&WebClient>, functions: &[Function]) -> Finding {
    let Place::Deployed(deployment) = &target.place else { return Finding::untold(WHAT, HINT) };
    let facts =
        functions.iter().find(|function| function.name == LIST_MESSAGES).map(|function| &function.facts);
    let Some(Ok(facts)) = facts else {
        return Finding::untold(WHAT, format!("the log of {LIST_MESSAGES} is not known; {HINT}"));
    };
    let log = match log::errors(deployment, &facts.log_group).await {
        Ok(log) => log,
        Err(Refusal::Absent) => {
            return Finding::untold(WHAT, format!("{LIST_MESSAGES} has no log that may say it; {HINT}"));
        }
        Err(refusal) => {
            let what = format!("{WHAT}, which the log of {LIST_MESSAGES} may say");
            return refusal.untold(what, "logs:FilterLogEvents");
        }
    };
    let refusals = log.lines.iter().filter(|line| line.says_gmail_not_enabled());
    match refusals.max_by_key(|line| line.at) {
        Some(line) => not_enabled(client, &format!(" ({LIST_MESSAGES} met it at {})", line.moment())),
        None if log.is_whole => {
            Finding::untold(WHAT, format!("{LIST_MESSAGES} met no refusal in the last hour; {HINT}"))
        }
        None => {
            Finding::untold(WHAT, format!("what was read of {LIST_MESSAGES}'s log has no refusal; {HINT}"))
        }
    }
}
