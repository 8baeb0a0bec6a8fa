//! Google's token endpoint, asked to redeem a code that nobody issued. Google checks the client
//! before the code (RFC 6749 section 3.2.1), so `invalid_grant` means that client ID and secret are
//! right. No code is spent, and nothing that Google writes is repeated.

use std::time::Duration;

use postern::outside::http::{Answer, Failure, send};
use postern_rules::google_client::GoogleClient;
use postern_rules::random;
use serde::Deserialize;

/// No code of Google's looks like this.
const CODE: &str = "4/postern-asks-with-a-code-that-nobody-issued";
/// What Google says beside `invalid_client` when it is the client that it does not know.
const NO_SUCH_CLIENT: &str = "The OAuth client was not found.";
const TIMEOUT: Duration = Duration::from_secs(20);
const LARGEST_ANSWER: usize = 64 * 1024;

/// An `error` code that says something about the client: all that are understood.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Refused {
    InvalidClient,
    DeletedClient,
    DisabledClient,
    UnauthorizedClient,
    RedirectUriMismatch,
}

/// What Google's answer means.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// Client ID and secret are right.
    Accepted,
    /// Google knows the client, and not with this secret.
    WrongSecret,
    /// Google refuses the client or the redirect URI.
    Refused(Refused),
    /// Google is not available; the HTTP status.
    Unavailable(u16),
    /// An error that is not in that list, with this status.
    OtherError(u16),
    /// Not the answer of a token endpoint, with this status.
    Undocumented(u16),
}

/// Asks.
pub(crate) async fn ask(
    web: &reqwest::Client,
    google: &GoogleClient,
    redirect_uri: &str,
) -> Result<Verdict, Failure> {
    let verifier = random::token();
    let form = [
        ("grant_type", "authorization_code"),
        ("code", CODE),
        ("client_id", &google.client_id),
        ("client_secret", google.client_secret.expose()),
        ("redirect_uri", redirect_uri),
        ("code_verifier", &verifier),
    ];
    let request = web.post(&google.token_endpoint).form(&form).build();
    let request = request.map_err(|error| Failure::Broken(error.without_url()))?;
    Ok(verdict(&send(web, request, TIMEOUT, LARGEST_ANSWER).await?))
}

fn verdict(answer: &Answer) -> Verdict {
    #[derive(Deserialize)]
    struct Wire {
        error: String,
        error_description: Option<String>,
    }
    let status = answer.status;
    let Ok(wire) = serde_json::from_slice::<Wire>(&answer.body) else { return Verdict::Undocumented(status) };
    let knows_the_client = wire.error_description.as_deref() != Some(NO_SUCH_CLIENT);
    match wire.error.as_str() {
        "invalid_grant" => Verdict::Accepted,
        "invalid_client" if knows_the_client => Verdict::WrongSecret,
        "invalid_client" => Verdict::Refused(Refused::InvalidClient),
        "deleted_client" => Verdict::Refused(Refused::DeletedClient),
        "disabled_client" => Verdict::Refused(Refused::DisabledClient),
        "unauthorized_client" => Verdict::Refused(Refused::UnauthorizedClient),
        "redirect_uri_mismatch" => Verdict::Refused(Refused::RedirectUriMismatch),
        _ if status == 429 || status >= 500 => Verdict::Unavailable(status),
        _ => Verdict::OtherError(status),
    }
}
