//! Google's revocation endpoint (RFC 7009). It ends every grant of the account to every client of
//! the project, so it is called only when a user asks to disconnect, never to clean up (F74).

use std::time::Duration;

use postern_rules::secret::RefreshToken;
use serde::Deserialize;

use super::{Google, Repeatable, Trouble, is_page, repeated};
use crate::clock::Deadline;
use crate::telemetry::metrics::BackEnd;

/// The timeout of one call.
const TIMEOUT: Duration = Duration::from_secs(3);
/// The most bytes of a response.
const LIMIT: usize = 64 * 1024;

impl Repeatable for Trouble {
    fn repeatable(&self) -> Option<&Trouble> {
        self.is_passing().then_some(self)
    }
}

impl Google {
    /// Revokes the grant of a refresh token. Idempotent, so it retries within the deadline: a token
    /// that Google does not know any more is revoked (F75).
    pub async fn revoke(&self, refresh_token: &RefreshToken, deadline: Deadline) -> Result<(), Trouble> {
        #[derive(Deserialize)]
        struct Refusal {
            error: String,
        }
        let form = [("token", refresh_token.expose())];
        repeated(deadline, async || {
            let request = self.http_once.post(&self.revoke_url).form(&form).build();
            let request = request.map_err(|_| Trouble::Malformed { status: 0 })?;
            let time = deadline.at_most(TIMEOUT);
            let answer = self.ask(BackEnd::GoogleToken, &self.http_once, request, time, LIMIT).await?;
            let refusal = serde_json::from_slice(&answer.body).map(|refusal: Refusal| refusal.error);
            match (answer.status, refusal.as_deref()) {
                // What else Google says of a success is not documented. A page is not Google's API.
                (200, Err(_)) if !is_page(&answer) => Ok(()),
                (400, Ok("invalid_token")) => Ok(()),
                (429, _) => Err(self.unavailable(429, &answer)),
                (status, _) => Err(Trouble::Malformed { status }),
            }
        })
        .await
    }
}
