//! What is examined: a deployed stack or the local one, and the clients to ask it with.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::time::Duration;

use aws_config::{BehaviorVersion, Region, SdkConfig};
use aws_credential_types::Credentials;
use aws_credential_types::provider::SharedCredentialsProvider;
use harness::stack::{CREDENTIALS_TABLE, GOOGLE_CLIENT_SECRET, SEALING_KEYS_SECRET, SESSIONS_TABLE};
use postern::door::authorization::CALLBACK_PATH;
use postern::outside::http;
use postern::outside::http::aws::Connector;
use postern_rules::secret::SessionToken;
use xtask::ports::Ports;

use super::door::Door;
use crate::account::{Account, timeouts};
use crate::stack::{Outputs, Stack};

const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
/// What helps when trouble may pass.
pub(super) const ASK_AGAIN: &str = "ask again";

/// Where the parts of a deployment are.
pub(crate) struct Target {
    /// The API.
    pub(super) door: Door,
    /// The redirect URI that Google must know.
    pub(super) callback: String,
    /// The names of tables and secrets.
    pub(super) names: Names,
    /// DynamoDB.
    pub(super) dynamodb: aws_sdk_dynamodb::Client,
    /// Secrets Manager.
    pub(super) secrets: aws_sdk_secretsmanager::Client,
    /// Google's side: over the same stack as the functions' own calls.
    pub(super) web: reqwest::Client,
    /// Where the functions are.
    pub(super) place: Place,
    /// A session of the API, if the caller has one.
    pub(super) session: Option<SessionToken>,
}

/// The names of what holds data.
pub(super) struct Names {
    pub(super) credentials_table: String,
    pub(super) sessions_table: String,
    pub(super) google_client: String,
    pub(super) sealing_keys: String,
}

/// Where the functions run.
pub(super) enum Place {
    /// On this machine, for a page of this origin; there is nobody to ask for their configuration, roles and logs.
    Local { page: String },
    /// In an account.
    Deployed(Deployment),
}

/// What only a deployment has.
pub(super) struct Deployment {
    pub(super) lambda: aws_sdk_lambda::Client,
    pub(super) iam: aws_sdk_iam::Client,
    pub(super) logs: aws_sdk_cloudwatchlogs::Client,
    pub(super) outputs: Outputs,
    pub(super) parameters: BTreeMap<String, String>,
}

impl Deployment {
    pub(super) fn of(stack: Stack, config: &SdkConfig) -> Self {
        Self {
            lambda: aws_sdk_lambda::Client::new(config),
            iam: aws_sdk_iam::Client::new(config),
            logs: aws_sdk_cloudwatchlogs::Client::new(config),
            outputs: stack.outputs,
            parameters: stack.parameters,
        }
    }
}

impl Target {
    /// The stack `name` of an account. With `api_at`, the API is reached at that address under its own name, for an
    /// emulator whose names no name server knows.
    pub(crate) async fn of_stack(
        account: &Account,
        name: &str,
        api_at: Option<SocketAddr>,
    ) -> Result<Self, String> {
        let stack = Stack::require(account, name).await?;
        let outputs = &stack.outputs;
        let config = &account.config;
        let web = web()?;
        Ok(Self {
            door: Door::new(outputs.get("ApiUrl")?, api_at, web.clone())?,
            callback: outputs.get("CallbackUrl")?.to_owned(),
            names: Names {
                credentials_table: outputs.get("CredentialsTableName")?.to_owned(),
                sessions_table: outputs.get("SessionsTableName")?.to_owned(),
                google_client: outputs.get("GoogleClientSecret")?.to_owned(),
                sealing_keys: outputs.get("SealingKeysSecretArn")?.to_owned(),
            },
            dynamodb: aws_sdk_dynamodb::Client::new(config),
            secrets: aws_sdk_secretsmanager::Client::new(config),
            web,
            place: Place::Deployed(Deployment::of(stack, config)),
            session: None,
        })
    }

    /// What `cargo xtask dev` runs on these ports. Google's port stands in the client's secret.
    pub(crate) fn local(ports: Ports) -> Result<Self, String> {
        let api = format!("http://localhost:{}", ports.api);
        let page = format!("http://localhost:{}", ports.page);
        let at = |port: u16| format!("http://127.0.0.1:{port}");
        Self::at(&api, page, &at(ports.dynamodb), &at(ports.secrets))
    }

    /// A local stack at these URLs.
    pub(super) fn at(api: &str, page: String, dynamodb: &str, secrets: &str) -> Result<Self, String> {
        let web = web()?;
        Ok(Self {
            door: Door::new(api, None, web.clone())?,
            callback: format!("{api}{CALLBACK_PATH}"),
            names: Names {
                credentials_table: CREDENTIALS_TABLE.to_owned(),
                sessions_table: SESSIONS_TABLE.to_owned(),
                google_client: GOOGLE_CLIENT_SECRET.to_owned(),
                sealing_keys: SEALING_KEYS_SECRET.to_owned(),
            },
            dynamodb: aws_sdk_dynamodb::Client::new(&local_config(&web, dynamodb)),
            secrets: aws_sdk_secretsmanager::Client::new(&local_config(&web, secrets)),
            web,
            place: Place::Local { page },
            session: None,
        })
    }

    /// The same with a session of the API: the value of its cookie, or of bearer mode.
    #[must_use]
    pub(crate) fn with_session(mut self, session: SessionToken) -> Self {
        self.session = Some(session);
        self
    }

    /// What helps when a part gives no answer that is its own: a deployed one may give it later, a local one listens
    /// elsewhere or not at all. `option` says its port.
    pub(super) fn remedy(&self, option: &str) -> String {
        match &self.place {
            Place::Local { .. } => format!("start `cargo xtask dev`, or say with {option} where it listens"),
            Place::Deployed(_) => ASK_AGAIN.to_owned(),
        }
    }

    /// What only a deployment has; nothing on this machine.
    pub(super) const fn deployment(&self) -> Option<&Deployment> {
        match &self.place {
            Place::Local { .. } => None,
            Place::Deployed(deployment) => Some(deployment),
        }
    }
}

fn web() -> Result<reqwest::Client, String> {
    let stack = http::HttpStack::new(None).map_err(|error| error.to_string())?;
    Ok(stack.client(CONNECT_TIMEOUT, true))
}

/// The fakes ask for no credentials; the SDK signs all the same.
pub(super) fn local_config(web: &reqwest::Client, endpoint: &str) -> SdkConfig {
    SdkConfig::builder()
        .behavior_version(BehaviorVersion::latest())
        .region(Region::from_static("us-east-1"))
        .credentials_provider(SharedCredentialsProvider::new(Credentials::new(
            "test", "test", None, None, "doctor",
        )))
        .http_client(Connector::new(web.clone()))
        .timeout_config(timeouts())
        .endpoint_url(endpoint)
        .build()
}
