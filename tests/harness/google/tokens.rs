//! Codes, access tokens and refresh tokens, and the rules for their lifetimes. Pure: the time is an
//! argument.

use std::collections::HashMap;
use std::time::Duration;

use postern_rules::time::Timestamp;
use serde::{Deserialize, Serialize};

use crate::random_text;

/// How long a code is valid.
pub(super) const CODE_LIFETIME: Duration = Duration::from_mins(10);
/// How many live refresh tokens an account and client may have. One more ends the oldest.
const MOST_REFRESH_TOKENS: usize = 100;
/// A refresh token that is not used for six months dies.
const LONGEST_REST: Duration = Duration::from_hours(183 * 24);
/// How long Google remembers a dead refresh token. Afterwards it is like one that was never issued.
/// One report says "about 12 hours".
const DEAD_ARE_KNOWN: Duration = Duration::from_hours(12);

/// What happens to the refresh token in a refresh.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Rotation {
    /// It stays, as at Google today.
    #[default]
    Off,
    /// A new one is issued, and the old one still works.
    OldStillWorks,
    /// A new one is issued, and the old one is refused from then on.
    OldDies,
    /// A new one is issued, and using the old one ends all tokens from the same consent.
    ReuseEndsFamily,
}

/// What an authorization code stands for.
#[derive(Clone, Debug)]
pub(super) struct Code {
    pub(super) client_id: String,
    pub(super) redirect_uri: String,
    pub(super) sub: String,
    pub(super) scopes: Vec<String>,
    pub(super) gives_refresh_token: bool,
    /// Made by S256 (RFC 7636).
    pub(super) challenge: Option<String>,
    pub(super) nonce: Option<String>,
    pub(super) expires_at: Timestamp,
    pub(super) is_spent: bool,
}

/// What an access token may do, and until when.
#[derive(Clone, Debug)]
pub(super) struct AccessToken {
    pub(super) client_id: String,
    pub(super) sub: String,
    pub(super) scopes: Vec<String>,
    pub(super) expires_at: Timestamp,
}

/// A refresh token. Dead ones are kept, because Google distinguishes a revoked token from one that
/// it never issued.
#[derive(Clone, Debug)]
pub(super) struct RefreshToken {
    pub(super) value: String,
    pub(super) client_id: String,
    pub(super) sub: String,
    pub(super) scopes: Vec<String>,
    pub(super) issued_at: Timestamp,
    last_used_at: Timestamp,
    /// The consent that it descends from.
    family: u64,
    superseded: bool,
    died_at: Option<Timestamp>,
}

impl RefreshToken {
    fn is_dead(&self) -> bool {
        self.died_at.is_some()
    }

    /// Ends it, unless it has ended before.
    fn die(&mut self, now: Timestamp) {
        self.died_at.get_or_insert(now);
    }

    /// When it expires.
    fn end(&self, lifetime: Option<Duration>) -> Timestamp {
        let rested = self.last_used_at.plus(LONGEST_REST);
        lifetime.map_or(rested, |lifetime| rested.min(self.issued_at.plus(lifetime)))
    }
}

/// Why a refresh token is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Refused {
    /// Never issued, or dead for so long that Google has forgotten it.
    Unknown,
    OtherClient,
    ExpiredOrRevoked,
}

/// Every code and token that was issued.
#[derive(Debug, Default)]
pub(super) struct Tokens {
    pub(super) codes: HashMap<String, Code>,
    access: HashMap<String, AccessToken>,
    refresh: Vec<RefreshToken>,
    families: u64,
}

/// A random value of the length that was recorded, or of the greatest length that Google documents.
fn value(prefix: &str, usual: usize, longest: usize, is_longest: bool) -> String {
    let length = if is_longest { longest } else { usual };
    format!("{prefix}{}", random_text(length - prefix.len()))
}

impl Tokens {
    /// Issues a code.
    pub(super) fn issue_code(&mut self, code: Code, is_longest: bool) -> String {
        let value = value("4/0A", 73, 256, is_longest);
        self.codes.insert(value.clone(), code);
        value
    }

    /// Issues an access token of this usual length.
    pub(super) fn issue_access(&mut self, token: AccessToken, usual: usize, is_longest: bool) -> String {
        let value = value("ya29.a0", usual, 2048, is_longest);
        self.access.insert(value.clone(), token);
        value
    }

    /// Issues the refresh token of a new consent, and ends the oldest beyond the hundred.
    pub(super) fn issue_refresh(
        &mut self,
        client_id: &str,
        sub: &str,
        scopes: &[String],
        is_longest: bool,
        now: Timestamp,
    ) -> String {
        self.families += 1;
        let token = RefreshToken {
            value: value("1//0", 103, 512, is_longest),
            client_id: client_id.into(),
            sub: sub.into(),
            scopes: scopes.to_vec(),
            issued_at: now,
            last_used_at: now,
            family: self.families,
            superseded: false,
            died_at: None,
        };
        self.add_refresh(token, now)
    }

    fn add_refresh(&mut self, token: RefreshToken, now: Timestamp) -> String {
        let (value, client_id, sub) = (token.value.clone(), token.client_id.clone(), token.sub.clone());
        self.refresh.push(token);
        let mine =
            |token: &&mut RefreshToken| token.sub == sub && token.client_id == client_id && !token.is_dead();
        let living = self.refresh.iter_mut().filter(mine).count();
        for oldest in self.refresh.iter_mut().filter(mine).take(living.saturating_sub(MOST_REFRESH_TOKENS)) {
            oldest.die(now);
        }
        value
    }

    /// Finds a refresh token that may be used and records its use.
    pub(super) fn use_refresh(
        &mut self,
        value: &str,
        client_id: &str,
        rotation: Rotation,
        lifetime: Option<Duration>,
        now: Timestamp,
    ) -> Result<RefreshToken, Refused> {
        let Some(token) = self.refresh.iter_mut().find(|token| token.value == value) else {
            return Err(Refused::Unknown);
        };
        if token.client_id != client_id {
            return Err(Refused::OtherClient);
        }
        let end = token.end(lifetime);
        if now >= end {
            token.die(end);
        }
        if token.superseded && !token.is_dead() && rotation == Rotation::ReuseEndsFamily {
            let family = token.family;
            for relative in self.refresh.iter_mut().filter(|token| token.family == family) {
                relative.die(now);
            }
            return Err(Refused::ExpiredOrRevoked);
        }
        if token.died_at.is_some_and(|died_at| now >= died_at.plus(DEAD_ARE_KNOWN)) {
            return Err(Refused::Unknown);
        }
        if token.is_dead() || (token.superseded && rotation == Rotation::OldDies) {
            return Err(Refused::ExpiredOrRevoked);
        }
        token.last_used_at = now;
        Ok(token.clone())
    }

    /// Replaces a refresh token by a new one of the same family.
    pub(super) fn rotate(&mut self, old: &RefreshToken, now: Timestamp) -> String {
        for token in self.refresh.iter_mut().filter(|token| token.value == old.value) {
            token.superseded = true;
        }
        let value = format!("1//0{}", random_text(old.value.len() - 4));
        let new = RefreshToken { value, issued_at: now, last_used_at: now, superseded: false, ..old.clone() };
        self.add_refresh(new, now)
    }

    /// The access token with this value, if it is live.
    pub(super) fn live_access(&self, value: &str, now: Timestamp) -> Option<&AccessToken> {
        self.access.get(value).filter(|token| now < token.expires_at)
    }

    /// The account whose live access or refresh token this is.
    pub(super) fn owner(&self, value: &str, now: Timestamp) -> Option<String> {
        let refresh = self.refresh.iter().find(|token| token.value == value && !token.is_dead());
        refresh
            .map(|token| token.sub.clone())
            .or_else(|| self.live_access(value, now).map(|token| token.sub.clone()))
    }

    /// Ends every code and token of an account.
    pub(super) fn end_all_of(&mut self, sub: &str, now: Timestamp) {
        self.codes.retain(|_, code| code.sub != sub);
        self.access.retain(|_, token| token.sub != sub);
        for token in self.refresh.iter_mut().filter(|token| token.sub == sub) {
            token.die(now);
        }
    }

    /// Ends the access tokens of one account, or of all.
    pub(super) fn expire_access_of(&mut self, sub: Option<&str>) {
        self.access.retain(|_, token| sub.is_some_and(|sub| token.sub != sub));
    }

    /// How many refresh tokens an account has that still work.
    pub(super) fn living_refresh_of(&self, sub: &str) -> usize {
        self.refresh.iter().filter(|token| !token.is_dead() && token.sub == sub).count()
    }
}
