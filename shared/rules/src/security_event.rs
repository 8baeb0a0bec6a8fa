//! Security event tokens (RFC 8417), as Google's Cross-Account Protection sends them: what is
//! accepted, and what an accepted one says. The facts about Google are from its guide,
//! developers.google.com/identity/protocols/risc, of May 2026.

mod keys;
mod kind;
mod refusal;
#[cfg(test)]
mod tests;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ring::signature::{RSA_PKCS1_2048_8192_SHA256, RsaPublicKeyComponents};
use serde::Deserialize;
use serde::de::{DeserializeOwned, IgnoredAny};
use serde_json::{Map, Value};

pub use self::keys::{Keys, PublicKey};
pub use self::kind::Kind;
pub use self::refusal::Refusal;
use crate::credential::{Credential, Status};
use crate::digest;
use crate::error::Error;
use crate::time::Timestamp;
use crate::user::UserId;

/// Google's issuer, in the three forms of the guide: its example, its discovery document, its
/// sample.
const ISSUERS: [&str; 3] =
    ["https://accounts.google.com/", "https://accounts.google.com", "accounts.google.com"];
/// In bytes. Google's have less than one thousand.
const TOKEN_LIMIT: usize = 8 * 1024;
/// In bytes, for the ID of a key and of a token.
const ID_LIMIT: usize = 512;
/// How much later than its cause Google may issue an event, in seconds. An older grant that lives
/// is not missed: the next refresh shows that it has ended.
const DELAY: i64 = 5 * 60;
/// The most events and audiences of one token. Google's have one.
const LIST_LIMIT: usize = 8;

const NOT_A_TOKEN: Error = Error::InvalidRequest("The body is not a signed security event token.");
const INCOMPLETE: Error =
    Error::InvalidRequest("The token must have iss, aud, iat, jti and one to eight events.");
const NO_USER: Error = Error::InvalidRequest("The subject of an event must name one of Google's users.");

/// A well-formed token that anybody may have made.
pub struct Unverified {
    key_id: String,
    /// The first two parts, which are signed.
    signed: String,
    claims: Vec<u8>,
    signature: Vec<u8>,
}

#[derive(Deserialize)]
struct Header {
    alg: String,
    kid: String,
    crit: Option<IgnoredAny>,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum Audience {
    One(String),
    Several(Vec<String>),
}

#[derive(Deserialize)]
struct Claims {
    iss: String,
    aud: Audience,
    iat: i64,
    jti: String,
    events: Map<String, Value>,
}

/// What an event says besides its type. Other members are ignored.
#[derive(Default, Deserialize)]
struct Payload {
    subject: Option<Subject>,
    reason: Option<String>,
    state: Option<String>,
}

#[derive(Deserialize)]
struct Subject {
    iss: Option<String>,
    sub: Option<String>,
}

/// A token that Google has signed.
#[derive(Debug)]
pub struct Verified {
    /// Who it is for: client IDs.
    pub audiences: Vec<String>,
    /// SHA-256 of its ID, in hexadecimal digits.
    pub digest: String,
    /// What it tells.
    pub events: Vec<Event>,
}

/// Something that happened to a Google account.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Event {
    /// What happened.
    pub kind: Kind,
    /// Whose account it is, if the event says so.
    pub user: Option<UserId>,
    /// Why the account was disabled, in a word of a closed list.
    pub reason: Option<&'static str>,
    /// The [`fingerprint`] of the state of a test.
    pub state: Option<String>,
    /// When Google issued the token: not before it happened.
    pub at: Timestamp,
}

impl Unverified {
    /// Parses a compact JWS (RFC 7515 section 7.1) with the one algorithm that Google uses.
    pub fn parse(body: &[u8]) -> Result<Self, Error> {
        if body.len() > TOKEN_LIMIT {
            return Err(NOT_A_TOKEN);
        }
        let text = std::str::from_utf8(body).map_err(|_| NOT_A_TOKEN)?;
        let (signed, signature) = text.rsplit_once('.').ok_or(NOT_A_TOKEN)?;
        let (header, claims) = signed.split_once('.').ok_or(NOT_A_TOKEN)?;
        let decoded = |part: &str| URL_SAFE_NO_PAD.decode(part).map_err(|_| NOT_A_TOKEN);
        let header: Header = object(&decoded(header)?).ok_or(NOT_A_TOKEN)?;
        if !(1..=ID_LIMIT).contains(&header.kid.len()) {
            return Err(NOT_A_TOKEN);
        }
        // Nothing that must be understood is (RFC 7515 section 4.1.11).
        if header.alg != "RS256" || header.crit.is_some() {
            return Err(Error::EventRefused(Refusal::NotAuthentic));
        }
        Ok(Self {
            key_id: header.kid,
            signed: signed.to_owned(),
            claims: decoded(claims)?,
            signature: decoded(signature)?,
        })
    }

    /// The ID of the key that it claims to be signed with.
    pub fn key_id(&self) -> &str {
        &self.key_id
    }

    /// Checks signature and issuer, and reads the claims. Does not look at `exp`: what happened
    /// does not expire. The caller checks the audience.
    pub fn verify(self, key: &PublicKey) -> Result<Verified, Error> {
        let key = RsaPublicKeyComponents { n: &key.modulus, e: &key.exponent };
        key.verify(&RSA_PKCS1_2048_8192_SHA256, self.signed.as_bytes(), &self.signature)
            .map_err(|_| Error::EventRefused(Refusal::NotAuthentic))?;
        let claims: Claims = object(&self.claims).ok_or(INCOMPLETE)?;
        if !is_issuer(&claims.iss) {
            return Err(Error::EventRefused(Refusal::OtherIssuer));
        }
        let audiences = match claims.aud {
            Audience::One(audience) => vec![audience],
            Audience::Several(audiences) => audiences,
        };
        let is_complete = (1..=ID_LIMIT).contains(&claims.jti.len())
            && (1..=LIST_LIMIT).contains(&claims.events.len())
            && (1..=LIST_LIMIT).contains(&audiences.len());
        if !is_complete {
            return Err(INCOMPLETE);
        }
        let at = Timestamp::from_seconds(claims.iat);
        let events = claims.events.into_iter().map(|(name, payload)| Event::read(&name, payload, at));
        Ok(Verified {
            audiences,
            digest: digest::hex(&digest::sha256(claims.jti.as_bytes())),
            events: events.collect::<Result<_, _>>()?,
        })
    }
}

/// Whether `issuer` is one of the forms of Google's issuer.
pub fn is_issuer(issuer: &str) -> bool {
    ISSUERS.contains(&issuer)
}

/// What an operator compares with the log: the first digits of the SHA-256 of a test's `state`.
pub fn fingerprint(state: &str) -> String {
    digest::hex(&digest::sha256(state.as_bytes())[..8])
}

impl Event {
    fn read(name: &str, payload: Value, at: Timestamp) -> Result<Self, Error> {
        let kind = Kind::named(name);
        // What an event of an unknown type says is unknown too.
        let payload: Payload = match (kind, payload) {
            (Kind::Unknown, _) => Payload::default(),
            (_, payload @ Value::Object(_)) => serde_json::from_value(payload).map_err(|_| NO_USER)?,
            _ => return Err(NO_USER),
        };
        let user = match payload.subject {
            Some(subject) => subject.user()?,
            None => None,
        };
        if user.is_none() && kind.is_about_a_user() {
            return Err(NO_USER);
        }
        let reason = match payload.reason.as_deref() {
            Some("hijacking") => Some("hijacking"),
            Some("bulk-account") => Some("bulk_account"),
            _ => None,
        };
        let state = payload.state.as_deref().filter(|_| kind == Kind::Verification).map(fingerprint);
        Ok(Self { kind, user, reason, state, at })
    }

    /// Whether the event ends the grant of `credential`: not one that may be newer than what
    /// happened. Google issues no token for a grant that has ended, so the newest token shows how
    /// old the grant may be. Nor one of a client for which the event is not, unless the account
    /// itself is disabled.
    pub fn ends_grant(&self, credential: &Credential, audiences: &[String]) -> bool {
        let proven_at = credential.access_token.as_ref().map(|token| token.obtained_at);
        let proven_at = credential.connected_at.max(proven_at.unwrap_or(credential.connected_at));
        let is_newer = proven_at.seconds() + DELAY > self.at.seconds();
        let is_meant = self.kind == Kind::AccountDisabled || audiences.contains(&credential.client_id);
        self.kind.ends_grant() && credential.status == Status::Active && is_meant && !is_newer
    }

    /// Whether the event ends the sessions of `credential`: not those of an era that began later.
    pub fn ends_sessions(&self, credential: &Credential) -> bool {
        let began_at = credential.connected_at.max(credential.sessions_valid_from);
        self.kind.ends_sessions() && began_at <= self.at
    }
}

impl Subject {
    /// The user, unless the subject is a token.
    fn user(self) -> Result<Option<UserId>, Error> {
        if self.iss.is_some_and(|issuer| !is_issuer(&issuer)) {
            return Err(NO_USER);
        }
        self.sub.map(|sub| UserId::parse(&sub).ok_or(NO_USER)).transpose()
    }
}

/// The JSON object of this form in `bytes`. Serde alone would also read an array, by position.
fn object<T: DeserializeOwned>(bytes: &[u8]) -> Option<T> {
    bytes.trim_ascii_start().starts_with(b"{").then(|| serde_json::from_slice(bytes).ok()).flatten()
}
