//! The limit: the least code that does the work of list-messages. No AWS SDK, and none of what makes
//! the function safe: no sessions, sealing, leases, retries, deadlines, logs or metrics.
#![expect(clippy::disallowed_methods, reason = "the walls are for the functions")]

mod aws;
mod connections;

use std::time::{SystemTime, UNIX_EPOCH};

use bytes::Bytes;
use hyper::{Request, Uri, header};
use lambda_runtime::{Error, LambdaEvent, run, service_fn};
use serde::{Deserialize, Serialize};
use serde_json::json;
use tokio::sync::OnceCell;

use self::aws::{Aws, Service};
use self::connections::Connections;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    let app: &'static App = Box::leak(Box::new(App::new()?));
    app.connections.open(&app.dynamodb.uri);
    app.connections.open(&app.gmail);
    // The client is read only for an expired token: its handshake would add 0.6 ms of CPU time to the
    // first request. Where the bench says that the token is expired, nothing is faster than this.
    if optional("BENCH_EXPIRED").is_some() {
        tokio::spawn(app.client());
    }
    run(service_fn(|event: LambdaEvent<Event>| app.handle(event.payload))).await
}

#[derive(Deserialize)]
struct Event {
    #[serde(default)]
    cookies: Vec<String>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Reply {
    status_code: u16,
    headers: Headers,
    body: String,
}

#[derive(Serialize)]
struct Headers {
    #[serde(rename = "content-type")]
    content_type: &'static str,
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

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Found {
    item: Credential,
}

#[derive(Deserialize)]
struct Credential {
    #[serde(rename = "plain_access_token")]
    access_token: Attribute,
    #[serde(rename = "plain_refresh_token")]
    refresh_token: Attribute,
    #[serde(rename = "plain_expires_at")]
    expires_at: Attribute,
}

#[derive(Deserialize)]
enum Attribute {
    #[serde(alias = "N")]
    S(String),
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Secret {
    secret_string: String,
}

struct App {
    connections: Connections,
    aws: Aws,
    dynamodb: Service,
    secrets: Service,
    gmail: Uri,
    client: OnceCell<GoogleClient>,
    table: String,
    secret_id: String,
    user: String,
}

impl App {
    fn new() -> Result<Self, Error> {
        let aws = Aws {
            region: required("AWS_REGION")?,
            access_key: required("AWS_ACCESS_KEY_ID")?,
            secret_key: required("AWS_SECRET_ACCESS_KEY")?,
            session_token: optional("AWS_SESSION_TOKEN"),
        };
        let service = |name, variable, content_type| {
            let usual = || format!("https://{name}.{}.amazonaws.com", aws.region);
            Ok::<_, Error>(Service {
                name,
                content_type,
                uri: optional(variable).unwrap_or_else(usual).parse()?,
            })
        };
        let gmail = optional("GMAIL_URL").unwrap_or_else(|| "https://gmail.googleapis.com".to_owned());
        Ok(Self {
            connections: Connections::new(optional("EXTRA_ROOT_CERTIFICATES"))?,
            dynamodb: service("dynamodb", "AWS_ENDPOINT_URL_DYNAMODB", "application/x-amz-json-1.0")?,
            secrets: service(
                "secretsmanager",
                "AWS_ENDPOINT_URL_SECRETS_MANAGER",
                "application/x-amz-json-1.1",
            )?,
            gmail: format!("{}/gmail/v1/users/me/messages", gmail.trim_end_matches('/')).parse()?,
            client: OnceCell::new(),
            table: required("CREDENTIALS_TABLE")?,
            secret_id: required("GOOGLE_CLIENT_SECRET_ID")?,
            user: optional("BENCH_USER").unwrap_or_else(|| "user".to_owned()),
            aws,
        })
    }

    async fn handle(&'static self, event: Event) -> Result<Reply, Error> {
        let headers = Headers { content_type: "application/json" };
        if !event.cookies.iter().any(|cookie| cookie.starts_with("__Host-session=")) {
            return Ok(Reply { status_code: 401, headers, body: "{}".to_owned() });
        }
        let get = json!({
            "TableName": self.table, "Key": {"user_id": {"S": self.user}}, "ConsistentRead": true,
        });
        let found =
            self.aws.call(&self.connections, &self.dynamodb, "DynamoDB_20120810.GetItem", &get).await?;
        let credential = serde_json::from_slice::<Found>(&found)?.item;
        let Attribute::S(expires_at) = credential.expires_at;
        let now = now()?;
        let messages = if expires_at.parse::<u64>()? > now {
            let Attribute::S(token) = credential.access_token;
            self.messages(&token).await?
        } else {
            let Attribute::S(refresh_token) = credential.refresh_token;
            let tokens = self.refresh(&refresh_token).await?;
            let update = json!({
                "TableName": self.table, "Key": {"user_id": {"S": self.user}},
                "UpdateExpression": "SET plain_access_token = :token, plain_expires_at = :expires_at",
                "ExpressionAttributeValues": {
                    ":token": {"S": tokens.access_token},
                    ":expires_at": {"N": (now + tokens.expires_in).to_string()},
                },
            });
            let store =
                self.aws.call(&self.connections, &self.dynamodb, "DynamoDB_20120810.UpdateItem", &update);
            tokio::try_join!(self.messages(&tokens.access_token), store)?.0
        };
        Ok(Reply { status_code: 200, headers, body: String::from_utf8(messages.into())? })
    }

    async fn messages(&self, token: &str) -> Result<Bytes, Error> {
        let request =
            Request::get(self.gmail.path()).header(header::AUTHORIZATION, format!("Bearer {token}"));
        self.connections.send(&self.gmail, request, Bytes::new()).await
    }

    async fn refresh(&'static self, refresh_token: &str) -> Result<Tokens, Error> {
        let client = self.client().await?;
        let form = form_urlencoded::Serializer::new(String::new())
            .append_pair("grant_type", "refresh_token")
            .append_pair("refresh_token", refresh_token)
            .append_pair("client_id", &client.client_id)
            .append_pair("client_secret", &client.client_secret)
            .finish();
        let uri: Uri = client.token_uri.parse()?;
        let request =
            Request::post(uri.path()).header(header::CONTENT_TYPE, "application/x-www-form-urlencoded");
        Ok(serde_json::from_slice(&self.connections.send(&uri, request, form.into()).await?)?)
    }

    async fn client(&self) -> Result<&GoogleClient, Error> {
        let read = async || {
            let get = json!({"SecretId": self.secret_id});
            let answer = self
                .aws
                .call(&self.connections, &self.secrets, "secretsmanager.GetSecretValue", &get)
                .await?;
            let secret: Secret = serde_json::from_slice(&answer)?;
            Ok(serde_json::from_str::<ClientSecrets>(&secret.secret_string)?.web)
        };
        self.client.get_or_try_init(read).await
    }
}

fn optional(name: &str) -> Option<String> {
    std::env::var(name).ok().filter(|value| !value.is_empty())
}

fn required(name: &str) -> Result<String, Error> {
    optional(name).ok_or_else(|| format!("{name} is not set").into())
}

fn now() -> Result<u64, Error> {
    Ok(SystemTime::now().duration_since(UNIX_EPOCH)?.as_secs())
}
