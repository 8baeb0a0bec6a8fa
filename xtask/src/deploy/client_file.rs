//! The file from Google's console: read, looked at where it lies, and shown to Google. Never says
//! what is in it.

use std::fs::File;
use std::io::Read;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::time::Duration;

use postern::outside::http::HttpStack;

use crate::token_endpoint::{Refused, Verdict, ask};
use crate::web_client::{CONSOLE, ClientText, WebClient};

/// Secrets Manager's limit for one secret.
const LARGEST: usize = 64 * 1024;
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
/// Google checks the client before it checks this.
const ANY_REDIRECT_URI: &str = "https://postern-deploy.invalid/oauth/callback";

/// Reads and checks the file.
pub(crate) fn read(path: &Path) -> Result<WebClient, String> {
    let shown = path.display();
    let cannot = |error| format!("cannot read {shown}: {error}");
    // Large enough from the start: a growing string leaves copies behind that nobody wipes.
    let mut text = String::with_capacity(LARGEST + 1);
    let file = File::open(path).map_err(cannot)?;
    let length = file.take(LARGEST as u64 + 1).read_to_string(&mut text).map_err(cannot)?;
    let text = ClientText::new(text);
    if length > LARGEST {
        return Err(format!("{shown} is too large for a client_secrets.json"));
    }
    WebClient::of_googles(text).map_err(|why| format!("{shown} cannot be stored: {why}"))
}

/// What is unsafe about where the file lies.
pub(crate) fn warning(path: &Path) -> Option<String> {
    let others_may_read = std::fs::metadata(path).is_ok_and(|about| about.permissions().mode() & 0o077 != 0);
    others_may_read.then(|| format!("others on this machine may read {0}; run chmod 600 {0}", path.display()))
}

/// Refuses a client that Google refuses; gives a warning if Google does not say. Changes nothing.
pub(crate) async fn ask_google(file: &WebClient) -> Result<Option<String>, String> {
    let web = HttpStack::new(None).map_err(|error| error.to_string())?.client(CONNECT_TIMEOUT, true);
    let redirect_uri = file.redirect_uris.first().map_or(ANY_REDIRECT_URI, String::as_str);
    let unclear =
        |why: &str| Ok(Some(format!("Google does not say whether it accepts the client in the file: {why}")));
    let refused = match ask(&web, &file.google, redirect_uri).await {
        Ok(Verdict::Accepted) => return Ok(None),
        Ok(Verdict::WrongSecret) => "Google refuses the client secret in the file of",
        Ok(Verdict::Refused(Refused::InvalidClient)) => "Google does not know the client",
        Ok(Verdict::Refused(Refused::DeletedClient)) => "Google has deleted the client",
        Ok(Verdict::Refused(Refused::DisabledClient)) => "Google has disabled the client",
        Ok(Verdict::Refused(Refused::UnauthorizedClient)) => {
            "Google allows no authorization codes to the client"
        }
        Ok(Verdict::Unavailable(status)) => return unclear(&format!("it is not available ({status})")),
        Ok(verdict) => return unclear(&format!("an answer that is not understood ({verdict:?})")),
        Err(failure) => return unclear(&failure.to_string()),
    };
    Err(format!("{refused} {}; see {CONSOLE}. Nothing was changed", file.google.client_id))
}
