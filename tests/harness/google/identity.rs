//! Who the person is: ID tokens, UserInfo, token info, revocation, and the documents that describe them.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ring::digest::{SHA256, digest};
use serde_json::{Map, Value, json};

use super::accounts::Account;
use super::answer::{API_JSON, Answer};
use super::calls::Call;
use super::errors::{self, oauth};
use super::scopes;
use super::state::{Shared, State};
use super::tokens::AccessToken;

/// The issuer of ID tokens; Google's own, for that is what a client must insist on.
pub(super) const ISSUER: &str = "https://accounts.google.com";
const ID_TOKEN_LIFETIME: i64 = 3600;

/// What an ID token comes with.
pub(super) struct IdTokenFor<'a> {
    pub(super) access: &'a AccessToken,
    pub(super) access_token: &'a str,
    pub(super) nonce: Option<&'a str>,
}

/// A signed ID token.
pub(super) fn id_token(shared: &Shared, state: &State, token: &IdTokenFor<'_>) -> Option<String> {
    let account = state.account(&token.access.sub)?;
    let hash = digest(&SHA256, token.access_token.as_bytes());
    let now = shared.now().seconds();
    let mut claims = Map::new();
    claims.insert("iss".into(), ISSUER.into());
    claims.insert("azp".into(), token.access.client_id.clone().into());
    claims.insert("aud".into(), token.access.client_id.clone().into());
    claims.insert("sub".into(), account.sub.clone().into());
    if let Some(domain) = &account.hosted_domain {
        claims.insert("hd".into(), domain.clone().into());
    }
    if scopes::holds(&token.access.scopes, scopes::EMAIL) {
        claims.insert("email".into(), account.email.clone().into());
        claims.insert("email_verified".into(), is_verified(state, account).into());
    }
    claims.insert("at_hash".into(), URL_SAFE_NO_PAD.encode(&hash.as_ref()[..16]).into());
    if let Some(nonce) = token.nonce {
        claims.insert("nonce".into(), nonce.into());
    }
    if scopes::holds(&token.access.scopes, scopes::PROFILE) {
        add_names(&mut claims, account);
    }
    claims.insert("iat".into(), now.into());
    claims.insert("exp".into(), (now + ID_TOKEN_LIFETIME).into());
    for (name, value) in &state.switches.claims {
        if value.is_null() {
            claims.remove(name);
        } else {
            claims.insert(name.clone(), value.clone());
        }
    }
    Some(shared.signer.sign(&claims.into()))
}

fn is_verified(state: &State, account: &Account) -> bool {
    !state.switches.unverified.contains(&account.email)
}

fn add_names(claims: &mut Map<String, Value>, account: &Account) {
    claims.insert("name".into(), account.name().into());
    claims.insert("given_name".into(), account.given_name.clone().into());
    claims.insert("family_name".into(), account.family_name.clone().into());
    add_picture(claims, account);
}

fn add_picture(claims: &mut Map<String, Value>, account: &Account) {
    let picture = format!("https://lh3.googleusercontent.com/a/{}=s96-c", account.sub);
    claims.insert("picture".into(), picture.into());
}

/// UserInfo: v2 has `id` and `verified_email`, v3 and OpenID Connect have `sub` and `email_verified`.
pub(super) fn userinfo(shared: &Shared, call: &Call) -> Answer {
    let is_v2 = matches!(call.path.as_str(), "/oauth2/v2/userinfo" | "/userinfo/v2/me");
    let state = shared.state();
    let Some(value) = call.bearer().or(call.query_value("access_token")) else {
        return errors::credentials_missing();
    };
    let Some((access, account)) = state
        .tokens
        .live_access(value, shared.now())
        .and_then(|access| Some((access, state.account(&access.sub)?)))
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
    let mut body = Map::new();
    body.insert(if is_v2 { "id" } else { "sub" }.into(), account.sub.clone().into());
    if scopes::holds(&access.scopes, scopes::EMAIL) {
        let verified = if is_v2 { "verified_email" } else { "email_verified" };
        body.insert("email".into(), account.email.clone().into());
        body.insert(verified.into(), is_verified(&state, account).into());
    }
    if scopes::holds(&access.scopes, scopes::PROFILE) {
        add_names(&mut body, account);
    }
    // UserInfo shows the picture with any identity scope; an ID token with `profile` alone.
    add_picture(&mut body, account);
    if let Some(domain) = &account.hosted_domain {
        body.insert("hd".into(), domain.clone().into());
    }
    Answer::api(200, &body.into())
}

/// Token info, for access tokens and ID tokens; numbers and booleans are strings, but not in
/// versions 1 and 2.
pub(super) fn tokeninfo(shared: &Shared, call: &Call) -> Answer {
    let field = |name: &str| call.query_value(name).map(Into::into).or_else(|| call.form_value(name));
    let is_old = matches!(call.path.as_str(), "/oauth2/v1/tokeninfo" | "/oauth2/v2/tokeninfo");
    let invalid = || {
        let mut body = json!({"error_description": "Invalid Value"});
        if is_old {
            body["error"] = "invalid_token".into();
        }
        Answer::api(400, &body)
    };
    let now = shared.now();
    if let Some(token) = field("id_token") {
        let claims = shared.signer.claims(&token);
        return match claims {
            Some(claims) if claims["exp"].as_i64().is_some_and(|expiry| expiry > now.seconds()) => {
                Answer::api(200, &claims)
            }
            _ => invalid(),
        };
    }
    let state = shared.state();
    // Google's library for Node.js sends the token in the header.
    let token = field("access_token").or_else(|| call.bearer().map(Into::into));
    let access = token.as_deref().and_then(|token| state.tokens.live_access(token, now));
    let Some((access, account)) = access.and_then(|access| Some((access, state.account(&access.sub)?)))
    else {
        return invalid();
    };
    let access_type = if access.offline { "offline" } else { "online" };
    let has_email = scopes::holds(&access.scopes, scopes::EMAIL);
    let expires_in = access.expires_at.since(now).as_secs();
    if is_old {
        let mut body = json!({
            "issued_to": access.client_id,
            "audience": access.client_id,
            "user_id": access.sub,
            "scope": access.scopes.join(" "),
            "expires_in": expires_in,
            "access_type": access_type,
        });
        if has_email {
            body["email"] = account.email.clone().into();
            body["verified_email"] = is_verified(&state, account).into();
        }
        return Answer::api(200, &body);
    }
    let mut body = json!({
        "azp": access.client_id,
        "aud": access.client_id,
        "sub": access.sub,
        "scope": access.scopes.join(" "),
        "exp": access.expires_at.seconds().to_string(),
        "expires_in": expires_in.to_string(),
        "access_type": access_type,
    });
    if has_email {
        body["email"] = account.email.clone().into();
        body["email_verified"] = is_verified(&state, account).to_string().into();
    }
    Answer::api(200, &body)
}

/// Revocation by any live token ends all that the account ever allowed the project.
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
            "token_endpoint_auth_methods_supported": ["client_secret_post", "client_secret_basic"],
            "code_challenge_methods_supported": ["plain", "S256"],
            "grant_types_supported": ["authorization_code", "refresh_token"],
            "authorization_response_iss_parameter_supported": true,
        }),
    )
}

/// The JWK set, and at the old address the same key as PEM.
pub(super) fn certificates(shared: &Shared, call: &Call) -> Answer {
    let is_pem = call.path == "/oauth2/v1/certs";
    let keys = if is_pem { shared.signer.public_key() } else { shared.signer.certificates() };
    Answer::new(200, API_JSON, format!("{keys:#}")).with("cache-control", "public, max-age=20000")
}
