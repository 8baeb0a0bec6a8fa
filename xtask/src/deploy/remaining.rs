//! What is left to do after a deployment: Google's console has no API for it. Pure.

use crate::stack::Outputs;
use crate::web_client::{CONSOLE, WebClient};

/// The steps, in their order. `client` is unknown when these credentials may not read the secret.
pub(crate) fn steps(
    stack_name: &str,
    outputs: &Outputs,
    client: Option<&WebClient>,
    region: &str,
) -> Vec<String> {
    let mut steps = Vec::new();
    if let Ok(callback) = outputs.get("CallbackUrl")
        && !client.is_some_and(|client| client.lists(callback))
    {
        let (id, reason) = match client {
            Some(client) => (client.google.client_id.as_str(), "the stored JSON does not list it"),
            None => ("your OAuth client", "the stored JSON may not be read with these credentials"),
        };
        steps.push(format!(
            "Register {callback}\nas an authorised redirect URI of {id}\n\
             on {CONSOLE}, if that is not done yet: {reason}.\n\
             It may take some minutes until Google knows it. The functions do not need the list."
        ));
    }
    let project = client.and_then(WebClient::project);
    let query = project.map(|number| format!("?project={number}")).unwrap_or_default();
    steps.push(format!(
        "Enable the Gmail API in the client's project:\n\
         https://console.developers.google.com/apis/api/gmail.googleapis.com/overview{query}"
    ));
    steps.push(format!(
        "Publish the app (\"In production\"): https://console.cloud.google.com/auth/audience{query}\n\
         While it is in testing, only test users get in, and Google ends every refresh token after 7 days.\n\
         Gmail's scopes are restricted: for users outside of your organisation Google must verify the app first."
    ));
    steps.push(format!("cargo xtask doctor --stack-name {stack_name} --region {region}"));
    steps
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::web_client::tests::downloaded;

    const CALLBACK: &str = "https://api.example.com/oauth/callback";

    fn said(client: Option<&WebClient>) -> String {
        steps("mail", &Outputs::from([("CallbackUrl", CALLBACK)]), client, "eu-central-1").join("\n")
    }

    #[test]
    fn a_callback_that_the_client_lacks_is_to_be_registered_and_one_that_it_has_is_not_mentioned() {
        let lacking = said(Some(&downloaded("123-a.apps.googleusercontent.com", "s", &[])));
        assert!(
            lacking.starts_with(&format!("Register {CALLBACK}\nas an authorised redirect URI of 123-a.apps"))
        );
        assert!(!said(Some(&downloaded("123-a", "s", &[CALLBACK]))).contains(CALLBACK));
        assert!(lacking.contains("if that is not done yet: the stored JSON does not list it."), "{lacking}");
        assert!(said(None).contains("of your OAuth client"));
    }

    #[test]
    fn the_links_lead_to_the_clients_project_and_the_last_step_is_the_doctor() {
        let said = said(Some(&downloaded("123-a", "s", &[CALLBACK])));
        let link = "https://console.developers.google.com/apis/api/gmail.googleapis.com/overview?project=123";
        assert!(said.contains(link), "{said}");
        assert!(said.contains("7 days"), "{said}");
        assert!(said.ends_with("cargo xtask doctor --stack-name mail --region eu-central-1"), "{said}");
        assert!(!said.contains("planted"), "{said}");
    }
}
