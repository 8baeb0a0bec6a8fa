//! What Google's token endpoint says of the client and its secret, as a finding.

use super::super::finding::Finding;
use super::super::target::Target;
use crate::token_endpoint::{Verdict, ask};
use crate::web_client::{CONSOLE, WebClient};

/// Asks, and reads the answer.
pub(super) async fn examine(target: &Target, client: &WebClient) -> Finding {
    let verdict = ask(&target.web, &client.google, &target.callback).await;
    let secret = &target.names.google_client;
    let why = match verdict {
        Ok(Verdict::Accepted) => {
            return Finding::good(format!("Google accepts the client secret in the secret {secret}"));
        }
        Ok(Verdict::WrongSecret) => return wrong_secret(secret, client),
        Ok(Verdict::Refused(refused)) => return super::finding(refused, target, client),
        Ok(Verdict::Unavailable(status)) => format!("Google is not available ({status}); ask again"),
        Ok(Verdict::OtherError(status)) => {
            format!("Google answers {status} with another error than those known here")
        }
        Ok(Verdict::Undocumented(status)) => {
            format!("its token endpoint answers {status} and not as documented; see token_uri in the secret")
        }
        Err(failure) => format!("Google's token endpoint: {failure}; ask again"),
    };
    Finding::untold(format!("whether Google accepts the client secret in the secret {secret}"), why)
}

fn wrong_secret(secret: &str, client: &WebClient) -> Finding {
    Finding::wrong(
        format!("Google refuses the client secret in the secret {secret}"),
        format!(
            "put the current client_secrets.json of the client {} into it; a secret that is lost is made anew at {CONSOLE}",
            client.google.client_id
        ),
    )
}
