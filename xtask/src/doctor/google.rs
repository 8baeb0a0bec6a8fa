//! Google itself, asked without a user: the token endpoint tells whether it knows the client and its secret, the
//! authorization endpoint whether it knows the redirect URI.

mod authorization_page;
mod token_endpoint;

use super::configuration;
use super::finding::Finding;
use super::functions::Function;
use super::target::Target;
use crate::token_endpoint::Refused;
use crate::web_client::{CONSOLE, WebClient};

/// What to do about a refusal. `invalid_client` is of the client alone; what it says of the secret is the token endpoint's.
fn finding(refused: Refused, target: &Target, client: &WebClient) -> Finding {
    let (id, secret) = (&client.google.client_id, &target.names.google_client);
    match refused {
        Refused::InvalidClient => Finding::wrong(
            format!("Google does not know the client {id}"),
            format!(
                "put the client_secrets.json of a web client that exists into the secret {secret} ({CONSOLE})"
            ),
        ),
        Refused::DeletedClient => Finding::wrong(
            format!("the client {id} was deleted at Google"),
            format!(
                "restore it within 30 days at {CONSOLE}, or put another web client into the secret {secret}"
            ),
        ),
        Refused::DisabledClient => Finding::wrong(
            format!("the client {id} is disabled at Google"),
            format!("see why at {CONSOLE}, or put another web client into the secret {secret}"),
        ),
        Refused::UnauthorizedClient => Finding::wrong(
            format!("the client {id} may not redeem authorization codes"),
            format!("put a client of the type Web application into the secret {secret} ({CONSOLE})"),
        ),
        Refused::RedirectUriMismatch => Finding::wrong(
            format!("Google does not know the redirect URI {}", target.callback),
            format!(
                "register {} under Authorized redirect URIs of the web client {id} at {CONSOLE}",
                target.callback
            ),
        ),
    }
}

/// One line for the client and its secret, one for the redirect URI.
pub(super) async fn examine(
    target: &Target,
    client: Option<&WebClient>,
    functions: &[Function],
) -> Vec<Finding> {
    let Some(client) = client else {
        let why = "there is no usable client to ask Google with; mend its secret first";
        return vec![Finding::untold("whether Google knows the client and the redirect URI", why)];
    };
    let config =
        functions.iter().find_map(|function| configuration::read(function.facts.as_ref().ok()?).ok());
    let scopes = config.map(|config| config.scopes);
    let (token, page) = tokio::join!(
        token_endpoint::examine(target, client),
        authorization_page::examine(target, client, scopes.as_ref()),
    );
    vec![token, page]
}
