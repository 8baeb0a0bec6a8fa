//! The address that Google sends the browser back to: known before a deployment or only after it, and to be registered. Pure.

use super::parameters::Parameters;
use crate::stack::Stack;
use crate::web_client::{CONSOLE, WebClient};

/// The path of the callback below the API's base URL.
const PATH: &str = "/oauth/callback";

/// The callback of the stack as it is going to be, when that can be known before.
pub(crate) fn known(parameters: &Parameters, stack: Option<&Stack>) -> Option<String> {
    if let Some(url) = parameters.text("PublicUrl") {
        return Some(format!("{url}{PATH}"));
    }
    if let Some(domain) = parameters.text("DomainName") {
        return Some(format!("https://{domain}{PATH}"));
    }
    // Without a domain it is API Gateway's own address, which stays the same; but a domain may only now be taken away.
    let had_domain =
        ["PublicUrl", "DomainName"].into_iter().any(|name| parameters.text_before(name).is_some());
    let stack = stack.filter(|_| !had_domain)?;
    stack.outputs.get("CallbackUrl").ok().map(str::to_owned)
}

/// Refuses to store a client that Google would not send back here. Google never shows a secret again, so a file cannot be
/// downloaded anew after an address was added: the caller may say that it was.
pub(crate) fn require(callback: Option<&str>, file: &WebClient, is_registered: bool) -> Result<(), String> {
    let Some(callback) = callback else { return Ok(()) };
    if is_registered || file.lists(callback) {
        return Ok(());
    }
    Err(format!(
        "the file does not list {callback} among the redirect URIs of the client {id}: without it Google refuses every \
         sign-in. Add it to that client's \"Authorized redirect URIs\" on {CONSOLE} \
         and to \"redirect_uris\" in the file; or, when it is registered there already, give --redirect-uri-is-registered",
        id = file.google.client_id
    ))
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;
    use crate::stack::Outputs;
    use crate::web_client::tests::downloaded;

    const OWN: &str = "https://x.execute-api.eu-central-1.amazonaws.com/oauth/callback";

    fn template() -> Value {
        json!({ "Parameters": { "PublicUrl": { "Default": "" }, "DomainName": { "Default": "" } } })
    }

    fn stack(parameters: [(&str, &str); 1]) -> Stack {
        Stack {
            status: "CREATE_COMPLETE".to_owned(),
            parameters: parameters.map(|(name, value)| (name.to_owned(), value.to_owned())).into(),
            outputs: Outputs::from([("CallbackUrl", OWN)]),
        }
    }

    fn known_with(word: Option<&str>, stack: Option<&Stack>) -> Option<String> {
        let words: Vec<String> = word.into_iter().map(str::to_owned).collect();
        let before = stack.map(|stack| stack.parameters.clone()).unwrap_or_default();
        known(&Parameters::parse(&words, &template()).unwrap().on_top_of(before), stack)
    }

    #[test]
    fn the_callback_is_known_from_a_domain_or_from_a_stack_that_keeps_its_own_address() {
        let (plain, with_domain) =
            (stack([("PublicUrl", "")]), stack([("PublicUrl", "https://mail.example")]));
        let url = |text: &str| Some(text.to_owned());
        for (word, stack, callback) in [
            (None, None, None),
            (Some("PublicUrl=https://a.example/x"), None, url("https://a.example/x/oauth/callback")),
            (Some("DomainName=a.example"), None, url("https://a.example/oauth/callback")),
            (None, Some(&plain), url(OWN)),
            (Some("PublicUrl="), Some(&plain), url(OWN)),
            (None, Some(&with_domain), url("https://mail.example/oauth/callback")),
            (Some("PublicUrl="), Some(&with_domain), None),
        ] {
            assert_eq!(known_with(word, stack), callback, "{word:?}");
        }
    }

    #[test]
    fn a_client_that_google_would_not_send_back_here_is_refused_before_it_is_stored() {
        let file = downloaded("1-a", "s", &["http://localhost:9000/oauth/callback"]);
        let problem = require(Some(OWN), &file, false).unwrap_err();
        for part in [OWN, "1-a", CONSOLE, "--redirect-uri-is-registered"] {
            assert!(problem.contains(part), "{problem}");
        }
        assert!(!problem.contains("planted"), "{problem}");
        assert_eq!(require(Some(OWN), &file, true), Ok(()));
        assert_eq!(require(None, &file, false), Ok(()));
        assert_eq!(require(Some(OWN), &downloaded("1-a", "s", &[OWN]), false), Ok(()));
    }
}
