//! The starting points of the store's tests.

use std::time::Duration;

use postern::app::App;
use postern::clock::Deadline;
use postern::outside::dynamodb::{Grant, Written};
use postern_rules::credential::{Credential, StoredAccessToken, StoredRefreshToken};
use postern_rules::random;
use postern_rules::scopes::Scopes;
use postern_rules::secret::Sealed;
use postern_rules::session::Session;
use postern_rules::time::Timestamp;
use postern_rules::user::{Email, UserId};

/// A user.
pub(crate) fn ann() -> UserId {
    UserId::parse("110169484474386276334").unwrap()
}

/// A deadline that no test comes near.
pub(crate) fn in_a_while() -> Deadline {
    Deadline::after(Duration::from_secs(20))
}

/// A unique refresh token.
pub(crate) fn refresh_token() -> StoredRefreshToken {
    StoredRefreshToken {
        sealed: Sealed::from_text(format!("v1.k1.{}", random::token())),
        id: random::identifier(),
        expires_at: None,
    }
}

/// An access token that was received at `now` and is valid for an hour.
pub(crate) fn access_token(now: Timestamp) -> StoredAccessToken {
    StoredAccessToken {
        sealed: Sealed::from_text(format!("v1.k1.{}", random::token())),
        expires_at: now.plus(Duration::from_hours(1)),
        obtained_at: now,
    }
}

/// A grant of everything, with new tokens.
pub(crate) fn grant(now: Timestamp) -> Grant {
    Grant {
        email: Email::for_display("ann@example.com"),
        client_id: "1-a.apps.googleusercontent.com".to_owned(),
        scopes: Scopes::default_needed(),
        refresh_token: Some(refresh_token()),
        access_token: Some(access_token(now)),
    }
}

/// Ann's credential, stored for the first time.
pub(crate) async fn connected(app: &App) -> Credential {
    done(app.store.store_grant(&ann(), &grant(app.clock.now()), None).await.unwrap())
}

/// A session of Ann's that begins now.
pub(crate) fn session(app: &App) -> Session {
    let now = app.clock.now().whole_seconds();
    let (digest, era) = (random::token(), Some(random::mark()));
    Session { digest, user: ann(), era, began_at: now, last_used_at: now }
}

/// Ann's credential as it is stored.
pub(crate) async fn stored(app: &App) -> Option<Credential> {
    app.store.credential(&ann()).await.unwrap()
}

/// The credential after a write that succeeded.
pub(crate) fn done(written: Written) -> Credential {
    match written {
        Written::Done(credential) => *credential,
        Written::Overtaken(found) => panic!("overtaken by {found:?}"),
    }
}

/// The credential that a write found when it came too late.
pub(crate) fn overtaken(written: Written) -> Option<Credential> {
    match written {
        Written::Done(credential) => panic!("carried out: {credential:?}"),
        Written::Overtaken(found) => found.map(|credential| *credential),
    }
}
