//! Google's token endpoint, asked with a code that nobody issued: whether Google knows the client
//! and accepts its secret. Whether Google knows the redirect URI, it tells no program.

use super::finding::Finding;
use super::target::Target;
use crate::token_endpoint::{Refused, Verdict, ask};
use crate::web_client::{CONSOLE, WebClient};

/// One line for each client and its secret, and the redirect URI to compare by hand.
pub(super) async fn examine(target: &Target, client: Option<&WebClient>) -> Vec<Finding> {
    let Some(client) = client else {
        let why = "there is no usable client to ask with; fix its secret first";
        return vec![Finding::unknown("whether Google accepts the client", why)];
    };
    let (id, callback) = (&client.google.client_id, &target.callback);
    // Google tells a person who signs in. The stored list may be older than the console's.
    let stored = if client.lists(callback) { "lists it" } else { "does not list it" };
    let to_compare = Finding::unknown(
        format!("whether Google knows the redirect URI {callback}"),
        format!(
            "the stored client_secrets.json {stored}; compare it with the Authorized redirect URIs of the web client \
             {id} at {CONSOLE}"
        ),
    );
    let mut findings = vec![client_and_secret(target, client, &target.google_client).await, to_compare];
    if let Some(outgoing) = &client.outgoing {
        let place = format!("\"outgoing\" of {}", target.google_client);
        findings.push(client_and_secret(target, outgoing, &place).await);
    }
    findings
}

/// Asks about a client that is stored in `secret`.
async fn client_and_secret(target: &Target, client: &WebClient, secret: &str) -> Finding {
    let (id, callback) = (&client.google.client_id, &target.callback);
    let unknown =
        |why: String| Finding::unknown(format!("whether Google accepts the client secret in {secret}"), why);
    let (what, fix) = match ask(&target.web, &client.google, callback).await {
        Err(failure) => return unknown(format!("Google's token endpoint: {failure}; try again")),
        Ok(Verdict::Accepted) => {
            return Finding::good(format!("Google accepts the client secret in {secret}"));
        }
        Ok(Verdict::Unavailable(status)) => {
            return unknown(format!("Google is not available ({status}); try again"));
        }
        Ok(Verdict::OtherError(status)) => {
            return unknown(format!("Google answers {status} with an error unknown to doctor"));
        }
        Ok(Verdict::Undocumented(status)) => {
            return unknown(format!(
                "the token endpoint answers {status} and no documented error; check token_uri in the secret"
            ));
        }
        Ok(Verdict::WrongSecret) => (
            format!("Google refuses the client secret in {secret}"),
            format!(
                "store the current client_secrets.json of the client {id}; {CONSOLE} makes a new secret if yours is lost"
            ),
        ),
        Ok(Verdict::Refused(Refused::InvalidClient)) => (
            format!("Google does not know the client {id}"),
            format!("store the client_secrets.json of an existing web client in {secret} ({CONSOLE})"),
        ),
        Ok(Verdict::Refused(Refused::DeletedClient)) => (
            format!("the client {id} was deleted at Google"),
            format!("restore it within 30 days at {CONSOLE}, or store another web client in {secret}"),
        ),
        Ok(Verdict::Refused(Refused::DisabledClient)) => (
            format!("the client {id} is disabled at Google"),
            format!("find the reason at {CONSOLE}, or store another web client in {secret}"),
        ),
        Ok(Verdict::Refused(Refused::UnauthorizedClient)) => (
            format!("the client {id} may not redeem authorization codes"),
            format!("store a client of the type Web application in {secret} ({CONSOLE})"),
        ),
        Ok(Verdict::Refused(Refused::RedirectUriMismatch)) => (
            format!("Google does not know the redirect URI {callback}"),
            format!("add it to the Authorized redirect URIs of the web client {id} at {CONSOLE}"),
        ),
    };
    Finding::wrong(what, fix)
}
