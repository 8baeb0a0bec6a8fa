//! What doctor checks: a deployed stack or the local one, and the clients to ask it with.

use std::net::SocketAddr;
use std::time::Duration;

use aws_config::{BehaviorVersion, Region, SdkConfig};
use postern::door::authorization::CALLBACK_PATH;
use postern::outside::http::aws::Connector;
use postern::outside::http::{Answer, Failure, HttpStack, send};
use postern_rules::secret::SessionToken;
use reqwest::header::HOST;
use reqwest::{Method, RequestBuilder};
use url::Url;

use crate::account::{Account, timeouts};
use crate::commands::Ports;
use crate::places::{Places, local_credentials, require_services};
use crate::stack::Stack;

const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
/// Longer than a function may take: a cold start and the ten seconds of its timeout.
const API_TIMEOUT: Duration = Duration::from_secs(20);
const LARGEST_ANSWER: usize = 4 * 1024 * 1024;

/// Where the parts of a deployment are.
pub(crate) struct Target {
    /// The API's base URL, without a slash at its end.
    pub(super) api: String,
    /// The address to reach the API at in place of what a name server says.
    api_at: Option<SocketAddr>,
    /// The redirect URI to register with Google.
    pub(super) callback: String,
    pub(super) credentials_table: String,
    pub(super) sessions_table: String,
    /// The secret with Google's client.
    pub(super) google_client: String,
    /// The secret with the keyring.
    pub(super) sealing_keys: String,
    pub(super) dynamodb: aws_sdk_dynamodb::Client,
    pub(super) secrets: aws_sdk_secretsmanager::Client,
    /// The client for the API and Google, with the same HTTP stack as the functions.
    pub(super) web: reqwest::Client,
    /// On this machine, the origin of the page; in an account the functions name it.
    pub(super) page: Option<String>,
    /// `None` on this machine, where there are no roles, logs or configurations.
    pub(super) deployment: Option<Deployment>,
    /// A session of the API: the value of its cookie, or of bearer mode.
    pub(super) session: Option<SessionToken>,
}

/// What only a deployment has.
pub(super) struct Deployment {
    pub(super) config: SdkConfig,
    pub(super) stack: Stack,
}

impl Target {
    /// The stack `name` of an account. `api_at` is the address of the API where no name server
    /// knows its name, as with an emulator.
    pub(crate) async fn of_stack(
        account: &Account,
        name: &str,
        api_at: Option<SocketAddr>,
    ) -> Result<Self, String> {
        let stack = Stack::require(account, name).await?;
        let (outputs, config) = (&stack.outputs, &account.config);
        let Places { credentials_table, sessions_table, google_client, sealing_keys } =
            Places::of_stack(&stack)?;
        Ok(Self {
            api: outputs.get("ApiUrl")?.trim_end_matches('/').to_owned(),
            api_at,
            callback: outputs.get("CallbackUrl")?.to_owned(),
            credentials_table,
            sessions_table,
            google_client,
            sealing_keys,
            dynamodb: aws_sdk_dynamodb::Client::new(config),
            secrets: aws_sdk_secretsmanager::Client::new(config),
            web: http_client()?,
            page: None,
            deployment: Some(Deployment { config: config.clone(), stack }),
            session: None,
        })
    }

    /// What `cargo xtask dev` runs on these ports. Google's port is in the client's secret.
    pub(crate) async fn local(ports: Ports) -> Result<Self, String> {
        let services = [
            ("--api-port", ports.api),
            ("--dynamodb-port", ports.dynamodb),
            ("--secrets-port", ports.secrets),
        ];
        require_services(&services).await?;
        let Places { credentials_table, sessions_table, google_client, sealing_keys } = Places::local();
        let api = format!("http://localhost:{}", ports.api);
        let web = http_client()?;
        let config = |port: u16| local_config(&web, port);
        Ok(Self {
            callback: format!("{api}{CALLBACK_PATH}"),
            api,
            api_at: None,
            credentials_table,
            sessions_table,
            google_client,
            sealing_keys,
            dynamodb: aws_sdk_dynamodb::Client::new(&config(ports.dynamodb)),
            secrets: aws_sdk_secretsmanager::Client::new(&config(ports.secrets)),
            web,
            page: Some(format!("http://localhost:{}", ports.page)),
            deployment: None,
            session: None,
        })
    }

    /// A request of the API for `path`, which begins with a slash.
    pub(super) fn request(&self, method: Method, path: &str) -> RequestBuilder {
        let url = format!("{}{path}", self.api);
        let (Some(address), Ok(named)) = (self.api_at, Url::parse(&url)) else {
            return self.web.request(method, url);
        };
        let path = url.split_once(named.authority()).map_or(path, |(_, path)| path);
        self.web.request(method, format!("http://{address}{path}")).header(HOST, named.authority())
    }

    /// Sends what [`Target::request`] made.
    pub(super) async fn send(&self, request: RequestBuilder) -> Result<Answer, Failure> {
        let request = request.build().map_err(|error| Failure::Broken(error.without_url()))?;
        send(&self.web, request, API_TIMEOUT, LARGEST_ANSWER).await
    }
}

pub(super) fn http_client() -> Result<reqwest::Client, String> {
    let stack = HttpStack::new(None).map_err(|error| error.to_string())?;
    Ok(stack.client(CONNECT_TIMEOUT, true))
}

/// The configuration of a client of a local service.
fn local_config(web: &reqwest::Client, port: u16) -> SdkConfig {
    SdkConfig::builder()
        .behavior_version(BehaviorVersion::latest())
        .region(Region::from_static("us-east-1"))
        .credentials_provider(local_credentials())
        .http_client(Connector::new(web.clone()))
        .timeout_config(timeouts())
        .endpoint_url(format!("http://127.0.0.1:{port}"))
        .build()
}
