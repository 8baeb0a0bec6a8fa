//! Google's OAuth endpoints, through the `oauth2` crate: the authorization URL, the exchange of a
//! code and the refresh. Of an error response only the class of its `error` code is kept, because
//! the crate's error type prints the body.

mod answer;

use std::time::Duration;

use oauth2::basic::{BasicRevocationErrorResponse, BasicTokenIntrospectionResponse};
use oauth2::{
    AuthType, AuthUrl, Client, ClientId, ClientSecret, CsrfToken, EndpointNotSet, EndpointSet, HttpRequest,
    HttpResponse, PkceCodeChallenge, PkceCodeVerifier, RedirectUrl, RequestTokenError, Scope,
    StandardRevocableToken, TokenUrl,
};
use postern_rules::flow::{Flow, Redeemable};
use postern_rules::google_client::GoogleClient;
use postern_rules::scopes::Scopes;
use postern_rules::secret::{AuthorizationCode, RefreshToken, State};
use postern_rules::user::LoginHint;
use zeroize::Zeroizing;

use self::answer::{ErrorAnswer, TokenAnswer};
pub use self::answer::{Refusal, Tokens};
use super::{Google, Repeatable, Trouble, repeated};
use crate::clock::Deadline;
use crate::outside::http::Failure;
use crate::telemetry::metrics::BackEnd;

/// The timeout of one call to the token endpoint.
const TIMEOUT: Duration = Duration::from_secs(3);
/// The most bytes of a token response.
const LIMIT: usize = 64 * 1024;

/// Why the token endpoint issued no tokens.
#[derive(Debug, thiserror::Error)]
pub enum TokenError {
    /// Google returned an error code (RFC 6749 section 5.2).
    #[error("Google refused: {0}")]
    Refused(Refusal),
    /// There was no usable response.
    #[error(transparent)]
    Trouble(#[from] Trouble),
}

impl Repeatable for TokenError {
    fn repeatable(&self) -> Option<&Trouble> {
        match self {
            Self::Trouble(trouble) if trouble.is_passing() => Some(trouble),
            _ => None,
        }
    }
}

type Endpoints = Client<
    ErrorAnswer,
    TokenAnswer,
    BasicTokenIntrospectionResponse,
    StandardRevocableToken,
    BasicRevocationErrorResponse,
    EndpointSet,
    EndpointNotSet,
    EndpointNotSet,
    EndpointNotSet,
    EndpointSet,
>;

/// The client's endpoints. Its URIs were checked when the secret was read, so the crate's parser
/// should accept them.
fn endpoints(client: &GoogleClient, redirect_uri: &str) -> Result<Endpoints, Trouble> {
    let unusable = |_| Trouble::Malformed { status: 0 };
    Ok(Client::new(ClientId::new(client.client_id.clone()))
        .set_client_secret(ClientSecret::new(client.client_secret.expose().to_owned()))
        .set_auth_type(AuthType::RequestBody)
        .set_auth_uri(AuthUrl::new(client.authorization_endpoint.clone()).map_err(unusable)?)
        .set_token_uri(TokenUrl::new(client.token_endpoint.clone()).map_err(unusable)?)
        .set_redirect_uri(RedirectUrl::new(redirect_uri.to_owned()).map_err(unusable)?))
}

/// The parameters of an authorization request.
pub struct AuthorizationRequest<'a> {
    /// The OAuth client.
    pub client: &'a GoogleClient,
    /// The URL of this API's callback.
    pub redirect_uri: &'a str,
    /// The requested scopes.
    pub scopes: &'a Scopes,
    /// The flow that the request belongs to.
    pub flow: &'a Flow,
    /// The flow's state.
    pub state: &'a State,
    /// The account to preselect.
    pub hint: Option<&'a LoginHint>,
    /// The domain whose accounts Google offers, if only one is allowed. This enforces nothing.
    pub hosted_domain: Option<&'a str>,
    /// Whether Google always shows the consent page.
    pub force_consent: bool,
}

impl AuthorizationRequest<'_> {
    /// The URL (RFC 6749 section 4.1.1 with PKCE S256, RFC 7636; parameters as in Google's guide
    /// for web servers).
    pub fn url(&self) -> Result<String, Trouble> {
        let endpoints = endpoints(self.client, self.redirect_uri)?;
        let verifier = PkceCodeVerifier::new(self.flow.verifier().expose().to_owned());
        let mut request = endpoints
            .authorize_url(|| CsrfToken::new(self.state.expose().to_owned()))
            .add_scopes(self.scopes.iter().map(|scope| Scope::new(scope.to_owned())))
            .set_pkce_challenge(PkceCodeChallenge::from_code_verifier_sha256(&verifier))
            .add_extra_param("access_type", "offline")
            .add_extra_param("nonce", self.flow.nonce());
        if let Some(hint) = self.hint {
            request = request.add_extra_param("login_hint", hint.as_str());
        }
        if let Some(domain) = self.hosted_domain {
            request = request.add_extra_param("hd", domain);
        }
        if self.force_consent {
            request = request.add_extra_param("prompt", "consent");
        }
        let (url, _) = request.url();
        Ok(url.into())
    }
}

impl Google {
    /// Exchanges the code of a verified flow (RFC 6749 section 4.1.3). A code works once, so the
    /// request is repeated only if Google did not process it: no connection, a 429 or a 503.
    pub async fn exchange(
        &self,
        client: &GoogleClient,
        flow: &Redeemable,
        code: &AuthorizationCode,
        redirect_uri: &str,
        deadline: Deadline,
    ) -> Result<Tokens, TokenError> {
        let endpoints = endpoints(client, redirect_uri)?;
        let exchange_once = async || {
            let http = |request| self.carry(&self.http_once, request, deadline);
            let answer = endpoints
                .exchange_code(oauth2::AuthorizationCode::new(code.expose().to_owned()))
                .set_pkce_verifier(PkceCodeVerifier::new(flow.flow().verifier().expose().to_owned()))
                .request_async(&http)
                .await;
            answer.map_err(retyped)?.into_tokens()
        };
        let first = exchange_once().await;
        let pause = match &first {
            Err(TokenError::Trouble(Trouble::Unanswered(Failure::NotConnected(_)))) => Duration::ZERO,
            Err(TokenError::Trouble(Trouble::Unavailable { status: 429 | 503, retry_after })) => {
                Duration::from_secs(retry_after.unwrap_or(1))
            }
            _ => return first,
        };
        if !deadline.allows(pause + super::CONNECT_TIMEOUT) {
            return first;
        }
        tokio::time::sleep(pause).await;
        exchange_once().await
    }

    /// Gets a new access token (RFC 6749 section 6). Idempotent, so it retries within the deadline.
    pub async fn refresh(
        &self,
        client: &GoogleClient,
        refresh_token: &RefreshToken,
        deadline: Deadline,
    ) -> Result<Tokens, TokenError> {
        // A refresh request has no redirect URI, but the crate's client requires one.
        let endpoints = endpoints(client, "https://localhost/")?;
        let refresh_token = oauth2::RefreshToken::new(refresh_token.expose().to_owned());
        repeated(deadline, async || {
            let http = |request| self.carry(&self.tokens, request, deadline);
            let answer = endpoints.exchange_refresh_token(&refresh_token).request_async(&http).await;
            answer.map_err(retyped)?.into_tokens()
        })
        .await
    }

    /// Sends a request of the `oauth2` crate with `client`.
    async fn carry(
        &self,
        client: &reqwest::Client,
        request: HttpRequest,
        deadline: Deadline,
    ) -> Result<HttpResponse, Trouble> {
        let malformed = || Trouble::Malformed { status: 0 };
        let request = reqwest::Request::try_from(request).map_err(|_| malformed())?;
        let mut answer =
            self.ask(BackEnd::GoogleToken, client, request, deadline.at_most(TIMEOUT), LIMIT).await?;
        if answer.status == 429 {
            return Err(self.unavailable(429, &answer));
        }
        let mut response = HttpResponse::new(std::mem::take(&mut *answer.body));
        *response.status_mut() = http::StatusCode::from_u16(answer.status).map_err(|_| malformed())?;
        *response.headers_mut() = answer.headers;
        Ok(response)
    }
}

/// Converts the crate's error and drops the body.
fn retyped(error: RequestTokenError<Trouble, ErrorAnswer>) -> TokenError {
    match error {
        RequestTokenError::ServerResponse(answer) => match answer.refusal() {
            Some(refusal) => TokenError::Refused(refusal),
            None => Trouble::Unavailable { status: 400, retry_after: None }.into(),
        },
        RequestTokenError::Request(trouble) => trouble.into(),
        RequestTokenError::Parse(_, body) => {
            drop(Zeroizing::new(body));
            Trouble::Malformed { status: 200 }.into()
        }
        RequestTokenError::Other(_) => Trouble::Malformed { status: 200 }.into(),
    }
}
