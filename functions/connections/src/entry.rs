//! One connection in an answer: from the credential, or from its entry in the index.

use postern::app::App;
use postern::door::User;
use postern::outside::dynamodb::Listed;
use postern_rules::credential::{Credential, Standing, Terms};
use postern_rules::error::Error;
use postern_rules::time::Timestamp;
use postern_rules::user::{Email, UserId};
use serde::Serialize;

/// How a connection stands: `status` and `reason` as `GET /connection` tells the user.
#[derive(Serialize)]
pub(crate) struct Entry<'a> {
    user: User<'a>,
    status: &'static str,
    reason: Option<&'static str>,
    client_id: &'a str,
    scopes: Vec<&'a str>,
    connected_at: i64,
    grant_expires_at: Option<i64>,
}

impl<'a> Entry<'a> {
    /// From what is stored.
    pub(crate) async fn of(app: &App, credential: &'a Credential) -> Result<Self, Error> {
        let client = app.secrets.google_client_for(&credential.client_id).await?;
        let standing = credential.standing(&app.config.scopes, &client.client_id, app.clock.now());
        let Credential { user, email, connected_at, .. } = credential;
        Ok(Self::of_parts(user, email.as_ref(), *connected_at, credential.terms(), standing))
    }

    /// From the index, which does not know whether an organisation asks for a new sign-in.
    pub(crate) async fn of_listed(app: &App, listed: &'a Listed) -> Result<Self, Error> {
        let client = app.secrets.google_client_for(&listed.client_id).await?;
        let standing = listed.terms().standing(&app.config.scopes, &client.client_id, app.clock.now());
        let Listed { user, email, connected_at, .. } = listed;
        Ok(Self::of_parts(user, email.as_ref(), *connected_at, listed.terms(), standing))
    }

    fn of_parts(
        user: &'a UserId,
        email: Option<&'a Email>,
        connected_at: Timestamp,
        terms: Terms<'a>,
        standing: Standing,
    ) -> Self {
        Self {
            user: User::of(user, email),
            status: standing.status(),
            reason: standing.reason(),
            client_id: terms.client_id,
            scopes: terms.scopes.iter().collect(),
            connected_at: connected_at.seconds(),
            grant_expires_at: terms.ends_at.map(Timestamp::seconds),
        }
    }
}
