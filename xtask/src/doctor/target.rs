//! What doctor checks: a deployed stack or the local one, and the clients to ask it with.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::time::Duration;

use aws_config::{BehaviorVersion, Region, SdkConfig};
use aws_credential_types::Credentials;
use aws_credential_types::provider::SharedCredentialsProvider;
use postern::door::authorization::CALLBACK_PATH;
use postern::outside::http::aws::Connector;
use postern::outside::http::{Failure, HttpStack};
use postern_rules::secret::SessionToken;

use super::api::Api;
use super::finding::{Finding, TRY_AGAIN};
use crate::account::{Account, timeouts};
use crate::commands::Ports;
use crate::stack::{Outputs, Stack};

const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);

/// Where the parts of a deployment are.
pub(crate) struct Target {
    pub(super) api: Api,
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
    /// The client for Google, with the same HTTP stack as the functions.
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
    pub(super) lambda: aws_sdk_lambda::Client,
    pub(super) iam: aws_sdk_iam::Client,
    pub(super) logs: aws_sdk_cloudwatchlogs::Client,
    pub(super) outputs: Outputs,
    pub(super) parameters: BTreeMap<String, String>,
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
        let output = |name: &str| outputs.get(name).map(str::to_owned);
        let web = http_client()?;
        Ok(Self {
            api: Api::new(outputs.get("ApiUrl")?, api_at, web.clone())?,
            callback: output("CallbackUrl")?,
            credentials_table: output("CredentialsTableName")?,
            sessions_table: output("SessionsTableName")?,
            google_client: output("GoogleClientSecret")?,
            sealing_keys: output("SealingKeysSecretArn")?,
            dynamodb: aws_sdk_dynamodb::Client::new(config),
            secrets: aws_sdk_secretsmanager::Client::new(config),
            web,
            page: None,
            deployment: Some(Deployment {
                lambda: aws_sdk_lambda::Client::new(config),
                iam: aws_sdk_iam::Client::new(config),
                logs: aws_sdk_cloudwatchlogs::Client::new(config),
                outputs: stack.outputs,
                parameters: stack.parameters,
            }),
            session: None,
        })
    }

    /// What `cargo xtask dev` runs on these ports. Google's port is in the client's secret.
    pub(crate) fn local(ports: Ports) -> Result<Self, String> {
        let api = format!("http://localhost:{}", ports.api);
        let web = http_client()?;
        let config = |port: u16| local_config(&web, &format!("http://127.0.0.1:{port}"));
        Ok(Self {
            callback: format!("{api}{CALLBACK_PATH}"),
            credentials_table: "CredentialsTable".to_owned(),
            sessions_table: "SessionsTable".to_owned(),
            google_client: "postern/google-client".to_owned(),
            sealing_keys: "postern/sealing-keys".to_owned(),
            dynamodb: aws_sdk_dynamodb::Client::new(&config(ports.dynamodb)),
            secrets: aws_sdk_secretsmanager::Client::new(&config(ports.secrets)),
            api: Api::new(&api, None, web.clone())?,
            web,
            page: Some(format!("http://localhost:{}", ports.page)),
            deployment: None,
            session: None,
        })
    }

    /// What helps when a service does not answer; `option` sets its local port.
    pub(super) fn remedy(&self, option: &str) -> String {
        match self.deployment {
            None => format!("start `cargo xtask dev`, or set its port with {option}"),
            Some(_) => TRY_AGAIN.to_owned(),
        }
    }

    /// The finding of a check that the API did not answer.
    pub(super) fn no_answer(&self, what: &str, failure: &Failure) -> Finding {
        let remedy = match failure {
            Failure::NotConnected(_) => self.remedy("--api-port"),
            // A local API that was reached may still be building a function.
            _ => TRY_AGAIN.to_owned(),
        };
        Finding::unknown(what, format!("the API did not answer ({failure}); {remedy}"))
    }
}

pub(super) fn http_client() -> Result<reqwest::Client, String> {
    let stack = HttpStack::new(None).map_err(|error| error.to_string())?;
    Ok(stack.client(CONNECT_TIMEOUT, true))
}

/// The local services check no credentials, but the SDK signs every request.
pub(super) fn local_config(web: &reqwest::Client, endpoint: &str) -> SdkConfig {
    let credentials = Credentials::new("test", "test", None, None, "doctor");
    SdkConfig::builder()
        .behavior_version(BehaviorVersion::latest())
        .region(Region::from_static("us-east-1"))
        .credentials_provider(SharedCredentialsProvider::new(credentials))
        .http_client(Connector::new(web.clone()))
        .timeout_config(timeouts())
        .endpoint_url(endpoint)
        .build()
}
