//! Identifies the user by the ID token from the token endpoint, or by the UserInfo API.

use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use postern_rules::secret::{AccessToken, IdToken};
use postern_rules::time::Timestamp;
use postern_rules::user::{Email, UserId};
use serde::Deserialize;
use subtle::ConstantTimeEq;

use super::api_error::ApiError;
use super::{Google, Repeatable, Trouble, repeated};
use crate::clock::Deadline;
use crate::telemetry::metrics::BackEnd;

/// The two forms of Google's issuer (Google's OpenID Connect guide).
const ISSUERS: [&str; 2] = ["https://accounts.google.com", "accounts.google.com"];
/// The issuer in an authorization response (RFC 9207).
pub const ISSUER: &str = ISSUERS[0];
/// The most seconds by which our clock and Google's may differ.
const SKEW: i64 = 300;
/// The most seconds since an ID token was issued. It was issued for this exchange.
const OLDEST: i64 = 600;
/// The timeout of one call to UserInfo.
const TIMEOUT: Duration = Duration::from_secs(2);
/// The most bytes of a UserInfo response or an ID token.
const LIMIT: usize = 64 * 1024;

/// A user's identity, as stated by Google.
#[derive(Clone, Debug)]
pub struct Identity {
    /// The account.
    pub user: UserId,
    /// Its email address, for display.
    pub email: Option<Email>,
    /// The domain of the organisation that manages the account, if any. Only ID tokens state it.
    pub hosted_domain: Option<String>,
}

/// Why an ID token is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum IdTokenError {
    /// It is malformed or expired, or its issuer or audience is wrong.
    #[error("the ID token is not valid for this client")]
    Invalid,
    /// It was issued for another flow.
    #[error("the ID token was made for another flow")]
    OtherNonce,
}

/// Why a call to UserInfo failed.
#[derive(Debug, thiserror::Error)]
pub enum UserInfoError {
    /// UserInfo refused the access token, with this status.
    #[error("UserInfo refused with {0}")]
    Refused(u16),
    /// UserInfo is disabled in the client's project, or the project was deleted or suspended.
    #[error("UserInfo refuses the project of the OAuth client")]
    ProjectRefused,
    /// There was no usable response.
    #[error(transparent)]
    Trouble(#[from] Trouble),
}

impl Repeatable for UserInfoError {
    fn repeatable(&self) -> Option<&Trouble> {
        match self {
            Self::Trouble(trouble) if trouble.is_passing() => Some(trouble),
            _ => None,
        }
    }
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
    azp: Option<String>,
    sub: String,
    exp: i64,
    iat: i64,
    nonce: Option<String>,
    email: Option<String>,
    hd: Option<String>,
}

/// Validates an ID token that came from Google's token endpoint over TLS (OpenID Connect Core
/// section 3.1.3.7, items 2 to 11). Its signature need not be checked (item 6).
pub fn from_id_token(
    token: &IdToken,
    client_id: &str,
    nonce: &str,
    now: Timestamp,
) -> Result<Identity, IdTokenError> {
    let (identity, claimed) = identify(token, client_id, now)?;
    let same_nonce = claimed.is_some_and(|claimed| bool::from(claimed.as_bytes().ct_eq(nonce.as_bytes())));
    if same_nonce { Ok(identity) } else { Err(IdTokenError::OtherNonce) }
}

/// Validates the ID token of a refresh in the same way. It should have no nonce (OpenID Connect
/// Core section 12.2), and there is no flow that one could belong to.
pub fn from_refreshed_id_token(
    token: &IdToken,
    client_id: &str,
    now: Timestamp,
) -> Result<Identity, IdTokenError> {
    identify(token, client_id, now).map(|(identity, _)| identity)
}

/// The identity, and the nonce that the token claims.
fn identify(
    token: &IdToken,
    client_id: &str,
    now: Timestamp,
) -> Result<(Identity, Option<String>), IdTokenError> {
    let claims = claims(token).ok_or(IdTokenError::Invalid)?;
    // An additional audience is not trusted (item 3).
    let for_us = match &claims.aud {
        Audience::One(audience) => audience == client_id,
        Audience::Several(audiences) => {
            !audiences.is_empty() && audiences.iter().all(|audience| audience == client_id)
        }
    };
    let by_google = ISSUERS.contains(&claims.iss.as_str());
    let party_fits = claims.azp.as_deref().is_none_or(|party| party == client_id);
    let age = now.seconds().saturating_sub(claims.iat);
    let in_time = claims.exp.saturating_add(SKEW) > now.seconds() && (-SKEW..=OLDEST + SKEW).contains(&age);
    if !for_us || !by_google || !party_fits || !in_time {
        return Err(IdTokenError::Invalid);
    }
    let user = UserId::parse(&claims.sub).ok_or(IdTokenError::Invalid)?;
    let email = claims.email.as_deref().and_then(Email::for_display);
    Ok((Identity { user, email, hosted_domain: claims.hd }, claims.nonce))
}

fn claims(token: &IdToken) -> Option<Claims> {
    let text = token.expose();
    let mut parts = text.split('.');
    let (_header, payload, _signature) = (parts.next()?, parts.next()?, parts.next()?);
    if parts.next().is_some() || text.len() > LIMIT {
        return None;
    }
    let json = URL_SAFE_NO_PAD.decode(payload.trim_end_matches('=')).ok()?;
    serde_json::from_slice(&json).ok()
}

impl Google {
    /// Calls UserInfo, with `sub` (OpenID Connect Core section 5.3.2) or `id` (UserInfo v2).
    pub async fn user_info(
        &self,
        token: &AccessToken,
        deadline: Deadline,
    ) -> Result<Identity, UserInfoError> {
        #[derive(Deserialize)]
        struct Wire {
            #[serde(alias = "id")]
            sub: String,
            email: Option<String>,
        }
        repeated(deadline, async || {
            let request = self.http_once.get(&self.userinfo_url).bearer_auth(token.expose()).build();
            let request = request.map_err(|_| Trouble::Malformed { status: 0 })?;
            let answer = self
                .ask(BackEnd::GoogleToken, &self.http_once, request, deadline.at_most(TIMEOUT), LIMIT)
                .await?;
            if answer.status != 200 {
                return Err(refusal(&ApiError::read(&answer, self.clock.now())));
            }
            let malformed = || Trouble::Malformed { status: 200 };
            let wire: Wire = serde_json::from_slice(&answer.body).map_err(|_| malformed())?;
            let user = UserId::parse(&wire.sub).ok_or_else(malformed)?;
            let email = wire.email.as_deref().and_then(Email::for_display);
            Ok(Identity { user, email, hosted_domain: None })
        })
        .await
    }
}

/// Interprets a refusal of UserInfo.
fn refusal(error: &ApiError) -> UserInfoError {
    if error.is_not_enabled() || error.is_of_a_dead_project() {
        UserInfoError::ProjectRefused
    } else if error.is_rate_limit() {
        Trouble::Unavailable { status: error.status, retry_after: error.retry_after }.into()
    } else {
        UserInfoError::Refused(error.status)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    const NOW: Timestamp = Timestamp::from_seconds(1_000_000);

    fn good() -> Value {
        json!({"iss": "https://accounts.google.com", "aud": "client", "azp": "client", "sub": "1", "exp": 1_003_600,
            "iat": 1_000_000, "nonce": "nonce", "email": "ann@example.com"})
    }

    fn check(claims: &Value) -> Result<Identity, IdTokenError> {
        let token = format!("e30.{}.c2ln", URL_SAFE_NO_PAD.encode(claims.to_string()));
        from_id_token(&IdToken::new(token), "client", "nonce", NOW)
    }

    #[test]
    fn a55_a_token_by_or_for_somebody_else_or_out_of_time_is_refused() {
        for (claim, value) in [
            ("iss", json!("https://evil.example")),
            ("iss", json!("https://accounts.google.com/")),
            ("aud", json!("other")),
            ("aud", json!(["other", "another"])),
            ("aud", json!(["client", "other"])),
            ("aud", json!([])),
            ("azp", json!("other")),
            ("exp", json!(999_700)),
            ("exp", json!("soon")),
            ("iat", json!("now")),
            ("iat", json!(null)),
            ("iat", json!(1_000_301)),
            ("iat", json!(999_099)),
            ("iat", json!(i64::MIN)),
            ("iat", json!(i64::MAX)),
            ("sub", json!("")),
            ("sub", json!(1)),
            ("sub", json!("x".repeat(256))),
        ] {
            let mut claims = good();
            claims[claim] = value;
            assert_eq!(check(&claims).err(), Some(IdTokenError::Invalid), "{claim}");
        }
        let mut claims = good();
        claims["aud"] = json!(["client", "other"]);
        claims.as_object_mut().unwrap().remove("azp");
        assert_eq!(check(&claims).err(), Some(IdTokenError::Invalid), "another audience and no party");
        for text in ["", "a", "a.b", "e30.e30.e30", "a.b.c.d"] {
            let refused = from_id_token(&IdToken::new(text), "client", "nonce", NOW);
            assert_eq!(refused.err(), Some(IdTokenError::Invalid));
        }
    }

    #[test]
    fn f73_clocks_may_differ_by_five_minutes() {
        let mut claims = good();
        claims["exp"] = json!(999_701);
        assert!(check(&claims).is_ok());
        for issued_at in [1_000_300, 999_100] {
            claims["iat"] = json!(issued_at);
            assert!(check(&claims).is_ok(), "{issued_at}");
        }
    }

    #[test]
    fn a11_a_token_without_our_nonce_is_of_another_flow() {
        let mut claims = good();
        claims["nonce"] = json!("other");
        assert_eq!(check(&claims).err(), Some(IdTokenError::OtherNonce));
        claims.as_object_mut().unwrap().remove("nonce");
        assert_eq!(check(&claims).err(), Some(IdTokenError::OtherNonce));
    }
}
