//! What is left to do by hand after a deployment: Google's console has no API for it.

use super::plan::Plan;
use crate::stack::Outputs;
use crate::web_client::{CONSOLE, WebClient};

/// The steps in order.
pub(crate) fn steps(plan: &Plan, outputs: &Outputs) -> Vec<String> {
    let client = plan.step.client();
    let callback = outputs.get("CallbackUrl").ok();
    let unknown = callback.filter(|callback| !client.is_some_and(|client| client.lists(callback)));
    let id = client.map_or("your OAuth client", |client| client.google.client_id.as_str());
    let project = client.and_then(WebClient::project).map(|number| format!("?project={number}"));
    let project = project.unwrap_or_default();
    let register = unknown.map(|callback| {
        format!(
            "Register {callback}\nas an authorized redirect URI of {id}, unless that is done: {CONSOLE}\n\
             Google may need some minutes to accept it."
        )
    });
    let enable = format!(
        "Enable the Gmail API in the client's project:\n\
         https://console.developers.google.com/apis/api/gmail.googleapis.com/overview{project}"
    );
    let publish = format!(
        "Publish the app (\"In production\"): https://console.cloud.google.com/auth/audience{project}\n\
         In testing, only test users can sign in, and Google ends every refresh token after 7 days.\n\
         Gmail's scopes are restricted: Google verifies the app before users outside your organization can use it."
    );
    let place = plan.place.join(" ");
    let stack = format!("--stack-name {} {place}", plan.stack_name);
    let stack = stack.trim_end();
    let drop = client.filter(|client| client.outgoing.is_some()).map(|_| {
        format!(
            "Drop the outgoing client when nobody belongs to it any more, or only users who may be asked again:\n\
             cargo xtask connections count {stack}\ncargo xtask deploy --old-client drop {stack}"
        )
    });
    let check = format!("Check it: cargo xtask doctor {stack}");
    register.into_iter().chain([enable, publish]).chain(drop).chain([check]).collect()
}
