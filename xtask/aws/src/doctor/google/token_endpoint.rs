//! The token endpoint, asked to redeem a code that nobody issued. Google looks at the client before it looks at the code
//! (RFC 6749 section 3.2.1), so `invalid_grant` means that client ID and secret are right. No code is spent, no token made.

use serde::Deserialize;
use shared::outbound::Answer;
use shared::random;

use super::super::door::ask;
use super::super::finding::Finding;
use super::super::target::Target;
use super::Refused;
use crate::web_client::{CONSOLE, WebClient};

/// No code of Google's looks like this.
const CODE: &str = "4/postern-doctor-asks-with-a-code-that-nobody-issued";
/// What Google says beside `invalid_client` when it is the client that it does not know.
const NO_SUCH_CLIENT: &str = "The OAuth client was not found.";

#[derive(Deserialize)]
struct Wire {
    error: String,
    error_description: Option<String>,
}

/// Asks, and reads the error.
pub(super) async fn examine(target: &Target, client: &WebClient) -> Finding {
    let google = &client.google;
    let verifier = random::token();
    let form = [
        ("grant_type", "authorization_code"),
        ("code", CODE),
        ("client_id", &google.client_id),
        ("client_secret", google.client_secret.expose()),
        ("redirect_uri", &target.callback),
        ("code_verifier", &verifier),
    ];
    let what =
        format!("whether Google accepts the client secret in the secret {}", target.names.google_client);
    match ask(&target.web, target.web.post(&google.token_endpoint).form(&form)).await {
        Err(failure) => Finding::untold(what, format!("Google's token endpoint: {failure}; ask again")),
        Ok(answer) => read(target, client, what, &answer),
    }
}

fn read(target: &Target, client: &WebClient, what: String, answer: &Answer) -> Finding {
    let status = answer.status;
    let Ok(wire) = serde_json::from_slice::<Wire>(&answer.body) else {
        let why =
            format!("its token endpoint answers {status} and not as documented; see token_uri in the secret");
        return Finding::untold(what, why);
    };
    if wire.error == "invalid_grant" {
        return Finding::good(format!(
            "Google accepts the client secret in the secret {}",
            target.names.google_client
        ));
    }
    let knows_the_client = wire.error_description.as_deref() != Some(NO_SUCH_CLIENT);
    match Refused::of(&wire.error) {
        Some(Refused::InvalidClient) if knows_the_client => Finding::wrong(
            format!("Google refuses the client secret in the secret {}", target.names.google_client),
            format!(
                "put the current client_secrets.json of the client {} into it; a secret that is lost is made anew at \
                 {CONSOLE}",
                client.google.client_id
            ),
        ),
        Some(refused) => refused.finding(target, client),
        None if status == 429 || status >= 500 => {
            Finding::untold(what, format!("Google is not available ({status}); ask again"))
        }
        None => {
            Finding::untold(what, format!("Google answers {status} with another error than those known here"))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_code_that_is_asked_with_is_one_that_the_functions_would_send() {
        assert!(shared::flow::parse_code(CODE).is_some());
    }
}
