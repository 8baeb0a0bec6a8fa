//! What becomes of a connection, as events: two states of a stored item in, at most one event out.
//! No token, sealed or not, is ever in an event.

#[cfg(test)]
mod tests;

use serde::Serialize;

use crate::credential::Status;
use crate::digest;
use crate::error::Reason;
use crate::scopes::Scopes;
use crate::time::Timestamp;
use crate::user::{Email, UserId};

/// The source of every event.
pub const SOURCE: &str = "postern";
/// The version of the details' form.
const SCHEMA: u8 = 1;

/// What events need to know of a stored item.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Image {
    /// The owner.
    pub user: UserId,
    /// The owner's address.
    pub email: Option<Email>,
    /// The OAuth client that the grant belongs to.
    pub client_id: String,
    /// The granted scopes.
    pub scopes: Scopes,
    /// The state of the item.
    pub status: Status,
    /// Whether the organisation asked for a new sign-in at a refresh, and none has succeeded since.
    pub is_asked_to_sign_in: bool,
    /// When Google stops accepting the refresh token, if the grant is time-limited.
    pub grant_expires_at: Option<Timestamp>,
    /// The ID of the refresh token whose near end was noticed.
    pub end_noticed_for: Option<String>,
    /// When the user first connected.
    pub connected_at: Timestamp,
    /// The era of the user's sessions.
    pub era: Option<String>,
    /// Grows by one with each write.
    pub version: u64,
}

/// What happened to a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A user connected, for the first time or after disconnecting.
    Connected,
    /// A lapsed grant works again.
    Reconnected,
    /// The user must authorize again.
    Lapsed,
    /// The grant covers other scopes, or belongs to another OAuth client.
    ScopesChanged,
    /// The user disconnected, or the item was deleted.
    Disconnected,
    /// A time-limited grant ends within two days.
    GrantEndsSoon,
}

impl Kind {
    /// All kinds.
    pub const ALL: [Self; 6] = [
        Self::Connected,
        Self::Reconnected,
        Self::Lapsed,
        Self::ScopesChanged,
        Self::Disconnected,
        Self::GrantEndsSoon,
    ];

    /// The event's `detail-type`.
    pub const fn detail_type(self) -> &'static str {
        match self {
            Self::Connected => "Gmail Connected",
            Self::Reconnected => "Gmail Reconnected",
            Self::Lapsed => "Gmail Lapsed",
            Self::ScopesChanged => "Gmail Scopes Changed",
            Self::Disconnected => "Gmail Disconnected",
            Self::GrantEndsSoon => "Gmail Grant Ends Soon",
        }
    }
}

/// What happened to one user's connection.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Event {
    /// What happened.
    pub kind: Kind,
    /// Why the grant lapsed.
    pub reason: Option<Reason>,
    /// The item after the write; the last one of a deleted item.
    image: Image,
    /// The number of the write.
    version: u64,
    /// When the write happened.
    at: Timestamp,
}

/// Whether a connection serves, as one image shows it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Standing {
    Absent,
    Lapsed(Reason),
    Active,
}

impl Standing {
    /// The standing at the time of the later image: a time-limited grant lapses without a write.
    fn of(image: Option<&Image>, at: Timestamp) -> Self {
        let Some(image) = image else { return Self::Absent };
        let is_over = image.grant_expires_at.is_some_and(|end| end <= at);
        match image.status {
            Status::Disconnecting => Self::Absent,
            Status::Revoked => Self::Lapsed(Reason::RevokedOrExpired),
            Status::Active if is_over => Self::Lapsed(Reason::RevokedOrExpired),
            Status::Active if image.is_asked_to_sign_in => Self::Lapsed(Reason::ReauthPolicy),
            Status::Active => Self::Active,
        }
    }
}

impl Event {
    /// The event of the write at `at` that made `after` of `before`: the most significant one, or
    /// none. `None` for an image means that there is no item.
    pub fn between(before: Option<&Image>, after: Option<&Image>, at: Timestamp) -> Option<Self> {
        let (kind, reason) = match (Standing::of(before, at), Standing::of(after, at)) {
            (Standing::Absent, Standing::Active) => (Kind::Connected, None),
            (Standing::Lapsed(_), Standing::Active) => (Kind::Reconnected, None),
            (Standing::Active | Standing::Lapsed(_), Standing::Absent) => (Kind::Disconnected, None),
            (Standing::Active, Standing::Lapsed(reason)) => (Kind::Lapsed, Some(reason)),
            (Standing::Lapsed(old), Standing::Lapsed(new)) if old != new => (Kind::Lapsed, Some(new)),
            (Standing::Active, Standing::Active) => (of_a_working_grant(before?, after?)?, None),
            (Standing::Absent, Standing::Absent | Standing::Lapsed(_))
            | (Standing::Lapsed(_), Standing::Lapsed(_)) => return None,
        };
        // A deletion is a write that leaves no item, and so no number.
        let version = after.map_or_else(|| before.map_or(0, |last| last.version) + 1, |image| image.version);
        Some(Self { kind, reason, image: after.or(before)?.clone(), version, at })
    }

    /// The same for each event of one write, however often it is read. Versions begin again with
    /// each item; eras never do. `pseudonym` is the user's.
    pub fn id(&self, pseudonym: &str) -> String {
        let era = digest::sha256(self.image.era.as_deref().unwrap_or_default().as_bytes());
        format!("{pseudonym}-{}-{}", digest::hex(&era[..4]), self.version)
    }

    /// Whose connection it is.
    pub const fn user(&self) -> &UserId {
        &self.image.user
    }

    /// The event's detail, as JSON. The address is in it only if `carries_email`.
    ///
    /// # Panics
    ///
    /// Never: a detail has text, numbers and lists only.
    pub fn detail(&self, pseudonym: &str, carries_email: bool) -> String {
        let Image { user, email, client_id, scopes, connected_at, grant_expires_at, .. } = &self.image;
        let status = match (self.kind, self.image.status) {
            (Kind::Disconnected, _) | (_, Status::Disconnecting) => "disconnected",
            (_, Status::Active) => "active",
            (_, Status::Revoked) => "revoked",
        };
        let detail = Detail {
            schema: SCHEMA,
            id: &self.id(pseudonym),
            at: self.at.seconds(),
            user: User {
                id: user.as_str(),
                email: email.as_ref().filter(|_| carries_email).map(Email::as_str),
            },
            status,
            reason: self.reason.map(Reason::as_str),
            client_id,
            scopes: scopes.iter().collect(),
            connected_at: connected_at.seconds(),
            grant_expires_at: grant_expires_at.map(Timestamp::seconds),
            version: self.version,
        };
        serde_json::to_string(&detail).expect("a detail is JSON")
    }
}

/// The event of a write to a grant that worked before and works after it.
fn of_a_working_grant(before: &Image, after: &Image) -> Option<Kind> {
    if before.scopes != after.scopes || before.client_id != after.client_id {
        return Some(Kind::ScopesChanged);
    }
    let is_noticed = after.end_noticed_for.is_some() && after.end_noticed_for != before.end_noticed_for;
    is_noticed.then_some(Kind::GrantEndsSoon)
}

#[derive(Serialize)]
struct Detail<'a> {
    schema: u8,
    id: &'a str,
    at: i64,
    user: User<'a>,
    status: &'static str,
    reason: Option<&'static str>,
    client_id: &'a str,
    scopes: Vec<&'a str>,
    connected_at: i64,
    grant_expires_at: Option<i64>,
    version: u64,
}

#[derive(Serialize)]
struct User<'a> {
    id: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    email: Option<&'a str>,
}
