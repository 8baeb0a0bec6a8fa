//! Who the person is: ID tokens, UserInfo, revocation, and the documents that describe them.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ring::digest::{SHA256, digest};
use serde_json::{Map, Value, json};

use super::accounts::Account;
use super::answer::Answer;
use super::calls::Call;
use super::errors::{self, oauth};
use super::scopes::{self, EMAIL, PROFILE};
use super::state::{Shared, State};
use super::tokens::AccessToken;

/// The issuer of ID tokens. It is Google's own, because clients must require that.
pub(super) const ISSUER: &str = "https://accounts.google.com";
const ID_TOKEN_LIFETIME: i64 = 3600;

/// A signed ID token that comes with an access token.
pub(super) fn id_token(
    shared: &Shared,
    state: &State,
    access: &AccessToken,
    value: &str,
    nonce: Option<&str>,
) -> Option<String> {
    let account = state.account(&access.sub)?;
    let now = shared.now().seconds();
    let mut claims = json!({
        "iss": ISSUER,
        "azp": access.client_id,
        "aud": access.client_id,
        "sub": account.sub,
        "at_hash": URL_SAFE_NO_PAD.encode(&digest(&SHA256, value.as_bytes()).as_ref()[..16]),
        "iat": now,
        "exp": now + ID_TOKEN_LIFETIME,
    });
    if let Some(nonce) = nonce {
        claims["nonce"] = nonce.into();
    }
    describe(&mut claims, account, access, "email_verified");
    for (name, value) in &state.switches.claims {
        claims[name] = value.clone();
    }
    if let Some(claims) = claims.as_object_mut() {
        claims.retain(|_, value| !value.is_null());
    }
    Some(shared.signer.sign(&claims))
}

/// The claims about an account that the scopes allow.
fn describe(body: &mut Value, account: &Account, access: &AccessToken, verified: &str) {
    if let Some(domain) = &account.hosted_domain {
        body["hd"] = domain.clone().into();
    }
    if scopes::holds(&access.scopes, EMAIL) {
        body["email"] = account.email.clone().into();
        body[verified] = true.into();
    }
    if scopes::holds(&access.scopes, PROFILE) {
        body["name"] = account.name().into();
        body["given_name"] = account.given_name.clone().into();
        body["family_name"] = account.family_name.clone().into();
    }
}

/// UserInfo: v2 has `id` and `verified_email`, v3 and OpenID Connect have `sub` and
/// `email_verified`.
pub(super) fn user_info(shared: &Shared, call: &Call) -> Answer {
    let is_v2 = call.path == "/oauth2/v2/userinfo";
    let state = shared.state();
    let Some(token) = call.bearer() else { return errors::credentials_missing() };
    let access = state.tokens.live_access(token, shared.now());
    let Some((access, account)) = access.and_then(|access| Some((access, state.account(&access.sub)?)))
    else {
        return if is_v2 {
            errors::invalid_credentials()
        } else {
            oauth(401, "invalid_request", "Invalid Credentials").with(
                "www-authenticate",
                "Bearer realm=\"https://accounts.google.com/\", error=\"invalid_request\"",
            )
        };
    };
    if !access.scopes.iter().any(|scope| scopes::is_identity(scope)) {
        return errors::credentials_missing();
    }
    // UserInfo shows the picture with any identity scope.
    let picture = format!("https://lh3.googleusercontent.com/a/{}=s96-c", account.sub);
    let (id, verified) = if is_v2 { ("id", "verified_email") } else { ("sub", "email_verified") };
    let mut body = Value::Object(Map::from_iter([(id.to_owned(), account.sub.clone().into())]));
    body["picture"] = picture.into();
    describe(&mut body, account, access, verified);
    Answer::api(200, format!("{body:#}"))
}

/// Revoking any live token ends everything that the account has allowed the project.
pub(super) fn revoke(shared: &Shared, call: &Call) -> Answer {
    let token = call.form_value("token").or_else(|| call.query_value("token").map(Into::into));
    let Some(token) = token else {
        return oauth(400, "invalid_request", "Required parameter is missing: token");
    };
    let mut state = shared.state();
    match state.tokens.owner(&token, shared.now()) {
        Some(sub) => {
            state.revoke(&sub, shared.now());
            Answer::oauth(200, &json!({}))
        }
        None => oauth(400, "invalid_token", "Token expired or revoked"),
    }
}

/// The discovery document: Google's issuer, this fake's endpoints.
pub(super) fn discovery(shared: &Shared) -> Answer {
    let base = &shared.url;
    Answer::json(
        200,
        &json!({
            "issuer": ISSUER,
            "authorization_endpoint": format!("{base}/o/oauth2/v2/auth"),
            "token_endpoint": format!("{base}/token"),
            "userinfo_endpoint": format!("{base}/v1/userinfo"),
            "revocation_endpoint": format!("{base}/revoke"),
            "jwks_uri": format!("{base}/oauth2/v3/certs"),
            "response_types_supported": ["code"],
            "subject_types_supported": ["public"],
            "id_token_signing_alg_values_supported": ["RS256"],
            "scopes_supported": ["openid", "email", "profile"],
            "token_endpoint_auth_methods_supported": ["client_secret_post"],
            "code_challenge_methods_supported": ["S256"],
            "grant_types_supported": ["authorization_code", "refresh_token"],
            "authorization_response_iss_parameter_supported": true,
        }),
    )
}
