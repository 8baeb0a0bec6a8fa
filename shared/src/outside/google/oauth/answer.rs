//! Parses the responses of the token endpoint: tokens or an error code.

use std::fmt;
use std::time::Duration;

use oauth2::{ErrorResponse, Scope, TokenResponse, TokenType};
use postern_rules::scopes::Scopes;
use postern_rules::secret::{AccessToken, IdToken, RefreshToken};
use serde::{Deserialize, Deserializer, Serialize};

use super::TokenError;
use crate::outside::google::Trouble;

/// Four times the 2,048 bytes that Google documents as the maximum of an access token.
const ACCESS_TOKEN_LIMIT: usize = 4 * 2048;
/// Four times the 512 bytes that Google documents as the maximum of a refresh token.
const REFRESH_TOKEN_LIMIT: usize = 4 * 512;
/// The most scopes in a response.
const SCOPES_LIMIT: usize = 64;
/// Seconds. A longer lifetime of an access token is replaced by the usual one.
const LONGEST_LIFETIME: u64 = 24 * 60 * 60;
const USUAL_LIFETIME: u64 = 60 * 60;

/// The tokens that Google issued.
#[derive(Debug)]
pub struct Tokens {
    /// The access token.
    pub access_token: AccessToken,
    /// Its lifetime. A token without one is not stored.
    pub expires_in: Option<Duration>,
    /// A refresh token, with a first or forced consent or when Google rotates it.
    pub refresh_token: Option<RefreshToken>,
    /// The refresh token's lifetime, for a time-limited grant.
    pub refresh_token_expires_in: Option<Duration>,
    /// The granted scopes.
    pub scopes: Option<Scopes>,
    /// The ID token.
    pub id_token: Option<IdToken>,
}

impl Tokens {
    /// Whether the access token covers all of `scopes`. If Google names none, it covers those
    /// requested (RFC 6749 section 5.1).
    pub fn cover(&self, scopes: &Scopes) -> bool {
        self.scopes.as_ref().is_none_or(|covered| covered.missing(scopes).is_empty())
    }
}

/// Google's `error` code, classified by its consequence.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// `invalid_grant`: this code or refresh token will never work again.
    InvalidGrant,
    /// `invalid_grant` with the subtype `invalid_rapt` or `rapt_required`: the organisation's
    /// session control requires a new sign-in.
    ReauthenticationRequired,
    /// `admin_policy_enforced`, `policy_enforced` (Advanced Protection), `access_denied`: the
    /// application is blocked.
    BlockedByAdmin,
    /// `org_internal`: only accounts of the owner's organisation are allowed.
    OrgInternal,
    /// `invalid_client` and similar: the client or its secret is wrong here or at Google.
    ClientRefused,
    /// `unauthorized_client`: the token was issued to another client.
    OtherClient,
    /// `invalid_request` and similar, which may concern only this grant.
    RequestRefused,
    /// `redirect_uri_mismatch`: the code was issued for another redirect URI.
    RedirectUriMismatch,
    /// Any other code.
    Other,
}

impl Refusal {
    /// Whether another version of the client's secret may help.
    pub const fn is_of_client(self) -> bool {
        matches!(self, Self::ClientRefused | Self::OtherClient | Self::RequestRefused)
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::InvalidGrant => "invalid_grant",
            Self::ReauthenticationRequired => "invalid_rapt",
            Self::BlockedByAdmin => "admin_policy_enforced",
            Self::OrgInternal => "org_internal",
            Self::ClientRefused => "invalid_client",
            Self::OtherClient => "unauthorized_client",
            Self::RequestRefused => "invalid_request",
            Self::RedirectUriMismatch => "redirect_uri_mismatch",
            Self::Other => "another error",
        })
    }
}

/// An error response (RFC 6749 section 5.2).
#[derive(Deserialize, Serialize)]
pub(super) struct ErrorAnswer {
    error: String,
    error_subtype: Option<String>,
}

impl ErrorAnswer {
    /// The class of the error; `None` if it is temporary.
    pub(super) fn refusal(&self) -> Option<Refusal> {
        let refusal = match (self.error.as_str(), self.error_subtype.as_deref()) {
            ("invalid_grant", Some("invalid_rapt" | "rapt_required"))
            | ("invalid_rapt" | "rapt_required", _) => Refusal::ReauthenticationRequired,
            ("invalid_grant", _) => Refusal::InvalidGrant,
            ("admin_policy_enforced" | "policy_enforced" | "access_denied", _) => Refusal::BlockedByAdmin,
            ("org_internal", _) => Refusal::OrgInternal,
            ("redirect_uri_mismatch", _) => Refusal::RedirectUriMismatch,
            ("invalid_client" | "deleted_client" | "disabled_client", _) => Refusal::ClientRefused,
            ("unauthorized_client", _) => Refusal::OtherClient,
            ("invalid_request" | "unsupported_grant_type" | "invalid_scope", _) => Refusal::RequestRefused,
            ("server_error" | "temporarily_unavailable" | "internal_failure", _) => return None,
            _ => Refusal::Other,
        };
        Some(refusal)
    }
}

impl fmt::Debug for ErrorAnswer {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, formatter)
    }
}

impl fmt::Display for ErrorAnswer {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.refusal().unwrap_or(Refusal::Other), formatter)
    }
}

impl ErrorResponse for ErrorAnswer {}

/// `token_type`: Google issues only bearer tokens. The value is case-insensitive (RFC 6749 section
/// 7.1).
#[derive(Clone, Debug, PartialEq, Serialize)]
pub(super) struct Bearer;

impl<'de> Deserialize<'de> for Bearer {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        if text.eq_ignore_ascii_case("bearer") {
            Ok(Self)
        } else {
            Err(serde::de::Error::custom("not a bearer token"))
        }
    }
}

impl TokenType for Bearer {}

/// A token response (RFC 6749 section 5.1 with the additions of OpenID Connect and Google).
#[derive(Deserialize, Serialize)]
pub(super) struct TokenAnswer {
    access_token: oauth2::AccessToken,
    token_type: Bearer,
    #[serde(default, deserialize_with = "lenient_seconds")]
    expires_in: Option<u64>,
    refresh_token: Option<oauth2::RefreshToken>,
    #[serde(default, deserialize_with = "lenient_seconds")]
    refresh_token_expires_in: Option<u64>,
    scope: Option<String>,
    #[serde(skip_serializing)]
    id_token: Option<zeroize::Zeroizing<String>>,
    #[serde(skip_serializing)]
    error: Option<serde::de::IgnoredAny>,
}

impl fmt::Debug for TokenAnswer {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("TokenAnswer([redacted])")
    }
}

impl TokenResponse for TokenAnswer {
    type TokenType = Bearer;

    fn access_token(&self) -> &oauth2::AccessToken {
        &self.access_token
    }

    fn token_type(&self) -> &Bearer {
        &self.token_type
    }

    fn expires_in(&self) -> Option<Duration> {
        self.expires_in.map(Duration::from_secs)
    }

    fn refresh_token(&self) -> Option<&oauth2::RefreshToken> {
        self.refresh_token.as_ref()
    }

    fn scopes(&self) -> Option<&Vec<Scope>> {
        None
    }
}

impl TokenAnswer {
    /// The tokens, if the response is plausible.
    pub(super) fn into_tokens(self) -> Result<Tokens, TokenError> {
        let scopes = self.scope.as_deref().map(Scopes::parse);
        let refresh_token = self.refresh_token.filter(|token| !token.secret().is_empty());
        let is_plausible = self.error.is_none()
            && (1..=ACCESS_TOKEN_LIMIT).contains(&self.access_token.secret().len())
            && self.access_token.secret().bytes().all(|byte| byte.is_ascii_graphic())
            && refresh_token.as_ref().is_none_or(|token| token.secret().len() <= REFRESH_TOKEN_LIMIT)
            && scopes.as_ref().is_none_or(|scopes| scopes.len() <= SCOPES_LIMIT);
        if !is_plausible {
            return Err(Trouble::Malformed { status: 200 }.into());
        }
        let corrected = |seconds| if seconds > LONGEST_LIFETIME { USUAL_LIFETIME } else { seconds };
        Ok(Tokens {
            access_token: AccessToken::new(self.access_token.into_secret()),
            expires_in: self.expires_in.map(corrected).map(Duration::from_secs),
            refresh_token: refresh_token.map(|token| RefreshToken::new(token.into_secret())),
            refresh_token_expires_in: self.refresh_token_expires_in.map(Duration::from_secs),
            scopes,
            id_token: self
                .id_token
                .filter(|token| !token.is_empty())
                .map(|token| IdToken::new(token.as_str())),
        })
    }
}

/// A number of seconds, also as a string. A value that is not positive counts as absent (F11).
fn lenient_seconds<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<u64>, D::Error> {
    #[derive(Deserialize)]
    #[serde(untagged)]
    enum Wire {
        Number(serde_json::Number),
        Text(String),
        Nothing(()),
    }
    let seconds = match Wire::deserialize(deserializer)? {
        Wire::Number(number) => number.as_u64(),
        Wire::Text(digits) => digits.parse().ok(),
        Wire::Nothing(()) => None,
    };
    Ok(seconds.filter(|seconds| *seconds > 0))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tokens(json: &str) -> Option<Tokens> {
        serde_json::from_str::<TokenAnswer>(json).ok()?.into_tokens().ok()
    }

    fn refusal(json: &str) -> Option<Refusal> {
        serde_json::from_str::<ErrorAnswer>(json).unwrap().refusal()
    }

    #[test]
    fn f11_a_lifetime_is_read_in_every_form_google_or_a_proxy_may_give_it() {
        for (written, seconds) in [
            ("3599", Some(3599)),
            ("\"3599\"", Some(3599)),
            ("0", None),
            ("-1", None),
            ("1.5", None),
            ("null", None),
            ("86401", Some(3600)),
            ("99999999999999999999", None),
        ] {
            let json = format!(r#"{{"access_token":"a","token_type":"bearer","expires_in":{written}}}"#);
            let expires_in = tokens(&json).unwrap().expires_in;
            assert_eq!(expires_in, seconds.map(Duration::from_secs), "{written}");
        }
    }

    #[test]
    fn a53_f30_an_answer_without_a_usable_access_token_is_no_answer() {
        let long = "x".repeat(ACCESS_TOKEN_LIMIT + 1);
        for json in [
            r#"{"error":"invalid_grant"}"#.to_owned(),
            r#"{"token_type":"Bearer"}"#.to_owned(),
            r#"{"access_token":"","token_type":"Bearer"}"#.to_owned(),
            r#"{"access_token":"a b","token_type":"Bearer"}"#.to_owned(),
            r#"{"access_token":"a","token_type":"mac"}"#.to_owned(),
            r#"{"access_token":"a","access_token":"b","token_type":"Bearer"}"#.to_owned(),
            r#"{"access_token":"a","token_type":"Bearer","error":"x"}"#.to_owned(),
            format!(r#"{{"access_token":"{long}","token_type":"Bearer"}}"#),
        ] {
            assert!(tokens(&json).is_none(), "{json:.80}");
        }
    }

    #[test]
    fn a61_an_empty_refresh_token_is_none() {
        let json = r#"{"access_token":"a","token_type":"Bearer","refresh_token":""}"#;
        assert!(tokens(json).unwrap().refresh_token.is_none());
    }

    #[test]
    fn f13_tokens_of_googles_documented_sizes_are_taken_whole() {
        let (access, refresh) = ("a".repeat(2048), "r".repeat(512));
        let json =
            format!(r#"{{"access_token":"{access}","token_type":"Bearer","refresh_token":"{refresh}"}}"#);
        let tokens = tokens(&json).unwrap();
        assert_eq!(tokens.access_token.expose(), access);
        assert_eq!(tokens.refresh_token.unwrap().expose(), refresh);
    }

    #[test]
    fn f24_to_f28_an_error_is_judged_by_its_code_alone() {
        for (json, expected) in [
            (r#"{"error":"invalid_grant","error_description":"Bad Request"}"#, Some(Refusal::InvalidGrant)),
            (
                r#"{"error":"invalid_grant","error_subtype":"invalid_rapt"}"#,
                Some(Refusal::ReauthenticationRequired),
            ),
            (r#"{"error":"invalid_grant","error_description":"invalid_rapt"}"#, Some(Refusal::InvalidGrant)),
            (r#"{"error":"admin_policy_enforced"}"#, Some(Refusal::BlockedByAdmin)),
            (r#"{"error":"policy_enforced"}"#, Some(Refusal::BlockedByAdmin)),
            (r#"{"error":"org_internal"}"#, Some(Refusal::OrgInternal)),
            (r#"{"error":"invalid_client"}"#, Some(Refusal::ClientRefused)),
            (r#"{"error":"deleted_client"}"#, Some(Refusal::ClientRefused)),
            (r#"{"error":"internal_failure"}"#, None),
            (r#"{"error":"something_new"}"#, Some(Refusal::Other)),
        ] {
            assert_eq!(refusal(json), expected, "{json}");
        }
    }

    #[test]
    fn a62_nothing_of_an_answer_is_printed() {
        let answer: TokenAnswer =
            serde_json::from_str(r#"{"access_token":"planted","token_type":"Bearer","id_token":"planted"}"#)
                .unwrap();
        assert!(!format!("{answer:?}").contains("planted"));
        let error: ErrorAnswer = serde_json::from_str(r#"{"error":"planted"}"#).unwrap();
        assert!(!format!("{error:?} {error}").contains("planted"));
    }
}
