//! list-messages as most would write it: the AWS SDK and reqwest with their defaults, tokens in
//! clear, no sessions and no lease.
#![expect(clippy::disallowed_methods, reason = "the walls are for the functions")]

use std::time::{SystemTime, UNIX_EPOCH};

use aws_config::{BehaviorVersion, SdkConfig};
use aws_sdk_dynamodb::types::AttributeValue;
use aws_smithy_http_client::Builder;
use aws_smithy_http_client::tls::rustls_provider::CryptoMode;
use aws_smithy_http_client::tls::{Provider, TlsContext, TrustStore};
use lambda_http::{Body, Error, Request, Response, run, service_fn};
use serde::Deserialize;
use tokio::sync::OnceCell;

struct App {
    dynamodb: aws_sdk_dynamodb::Client,
    secrets: aws_sdk_secretsmanager::Client,
    http: reqwest::Client,
    table: String,
    secret_id: String,
    gmail_url: String,
    user: AttributeValue,
    client: OnceCell<GoogleClient>,
}

#[derive(Deserialize)]
struct ClientSecrets {
    web: GoogleClient,
}

#[derive(Deserialize)]
struct GoogleClient {
    client_id: String,
    client_secret: String,
    token_uri: String,
}

#[derive(Deserialize)]
struct Tokens {
    access_token: String,
    expires_in: u64,
}

#[tokio::main]
async fn main() -> Result<(), Error> {
    // Only the bench's servers need another root certificate.
    let root = std::env::var("EXTRA_ROOT_CERTIFICATES").ok().map(std::fs::read).transpose()?;
    let config = aws(root.as_deref()).await?;
    let mut http = reqwest::Client::builder();
    if let Some(root) = &root {
        http = http.tls_certs_merge([reqwest::Certificate::from_pem(root)?]);
    }
    let app = App {
        dynamodb: aws_sdk_dynamodb::Client::new(&config),
        secrets: aws_sdk_secretsmanager::Client::new(&config),
        http: http.build()?,
        table: std::env::var("CREDENTIALS_TABLE")?,
        secret_id: std::env::var("GOOGLE_CLIENT_SECRET_ID")?,
        gmail_url: std::env::var("GMAIL_URL").unwrap_or("https://gmail.googleapis.com".into()),
        user: AttributeValue::S(std::env::var("BENCH_USER").unwrap_or("user".into())),
        client: OnceCell::new(),
    };
    app.client().await?;
    run(service_fn(|request| app.handle(request))).await
}

async fn aws(root: Option<&[u8]>) -> Result<SdkConfig, Error> {
    let Some(root) = root else { return Ok(aws_config::load_defaults(BehaviorVersion::latest()).await) };
    let roots = TrustStore::default().with_pem_certificate(root);
    let http = Builder::new()
        .tls_provider(Provider::Rustls(CryptoMode::AwsLc))
        .tls_context(TlsContext::builder().with_trust_store(roots).build()?)
        .build_https();
    Ok(aws_config::defaults(BehaviorVersion::latest()).http_client(http).load().await)
}

impl App {
    async fn handle(&self, request: Request) -> Result<Response<Body>, Error> {
        let cookies = request.headers().get_all("cookie").iter().filter_map(|value| value.to_str().ok());
        if !cookies.flat_map(|line| line.split("; ")).any(|cookie| cookie.starts_with("__Host-session=")) {
            return Ok(Response::builder().status(401).body(Body::Empty)?);
        }
        let token = self.access_token().await?;
        let messages: serde_json::Value = self
            .http
            .get(format!("{}/gmail/v1/users/me/messages", self.gmail_url))
            .bearer_auth(token)
            .send()
            .await?
            .error_for_status()?
            .json()
            .await?;
        let response = Response::builder().header("content-type", "application/json");
        Ok(response.body(messages.to_string().into())?)
    }

    async fn access_token(&self) -> Result<String, Error> {
        let item = self.dynamodb.get_item().table_name(&self.table).key("user_id", self.user.clone());
        let item = item.consistent_read(true).send().await?.item.ok_or("no credential")?;
        let text = |name: &str| match item.get(name) {
            Some(AttributeValue::S(value) | AttributeValue::N(value)) => Ok(value.clone()),
            _ => Err(format!("no {name}")),
        };
        let now = SystemTime::now().duration_since(UNIX_EPOCH)?.as_secs();
        if text("plain_expires_at")?.parse::<u64>()? > now {
            return Ok(text("plain_access_token")?);
        }
        let client = self.client().await?;
        let form = [
            ("grant_type", "refresh_token"),
            ("refresh_token", &text("plain_refresh_token")?),
            ("client_id", &client.client_id),
            ("client_secret", &client.client_secret),
        ];
        let response = self.http.post(&client.token_uri).form(&form).send().await?;
        let tokens: Tokens = response.error_for_status()?.json().await?;
        self.dynamodb
            .update_item()
            .table_name(&self.table)
            .key("user_id", self.user.clone())
            .update_expression("SET plain_access_token = :token, plain_expires_at = :expires_at")
            .expression_attribute_values(":token", AttributeValue::S(tokens.access_token.clone()))
            .expression_attribute_values(
                ":expires_at",
                AttributeValue::N((now + tokens.expires_in).to_string()),
            )
            .send()
            .await?;
        Ok(tokens.access_token)
    }

    async fn client(&self) -> Result<&GoogleClient, Error> {
        self.client
            .get_or_try_init(async || {
                let secret = self.secrets.get_secret_value().secret_id(&self.secret_id).send().await?;
                let text = secret.secret_string().ok_or("the secret has no text")?;
                Ok(serde_json::from_str::<ClientSecrets>(text)?.web)
            })
            .await
    }
}
