//! The outside world of a deployment on this machine: MiniStack in place of AWS, and the fake
//! Google.

use std::path::Path;

use aws_config::{BehaviorVersion, Region, SdkConfig};
use aws_credential_types::Credentials;
use aws_sdk_secretsmanager::operation::put_secret_value::PutSecretValueError;
use harness::google::Google;
use postern::clock::Clock;
use postern::outside::http::aws::describe;

use crate::account::{self, Account};
use crate::ministack::MiniStack;
use crate::processes::Processes;

/// The region that everything is deployed to.
pub(super) const REGION: &str = "us-east-1";
/// The secret with Google's client, by the default of the template's parameter.
pub(super) const GOOGLE_CLIENT_SECRET: &str = "postern/google-client";
/// A secret of another application in the same account.
pub(super) const FOREIGN_SECRET: &str = "another-application/password";

/// The access key that MiniStack accepts as the account's owner.
const OWNER: &str = "test";

/// Both, running.
pub(super) struct Cloud {
    /// MiniStack's URL.
    pub(super) url: String,
    /// MiniStack's account, as its owner.
    pub(super) account: Account,
    /// The fake Google.
    pub(super) google: Google,
}

impl Cloud {
    /// Starts them; what MiniStack and the functions print goes to `log`.
    pub(super) async fn start(log: &Path, processes: &mut Processes) -> Result<Self, String> {
        let ministack = MiniStack::find(processes).await?;
        let google = Google::start_anywhere(Clock::System).await;
        let at_google = |path: &str| format!("{}{path}", google.url());
        let environment = [
            ("GMAIL_URL", at_google("")),
            ("GOOGLE_USERINFO_URL", at_google("/oauth2/v3/userinfo")),
            ("GOOGLE_REVOKE_URL", at_google("/revoke")),
        ];
        let url = ministack.start_account(&environment, log, processes).await?;
        let account =
            Account { config: configured(&url, Credentials::new(OWNER, OWNER, None, None, "owner")).await? };
        let cloud = Self { url, account, google };
        cloud.put_secret(FOREIGN_SECRET, "not this application's").await?;
        Ok(cloud)
    }

    /// The configuration of clients with these credentials.
    pub(super) async fn as_somebody(&self, credentials: Credentials) -> Result<SdkConfig, String> {
        configured(&self.url, credentials).await
    }

    /// The environment in which a command-line tool finds this account.
    pub(super) fn environment(&self) -> [(&'static str, &str); 6] {
        [
            ("AWS_ENDPOINT_URL", self.url.as_str()),
            ("AWS_ACCESS_KEY_ID", OWNER),
            ("AWS_SECRET_ACCESS_KEY", OWNER),
            ("AWS_REGION", REGION),
            ("AWS_DEFAULT_REGION", REGION),
            ("SAM_CLI_TELEMETRY", "0"),
        ]
    }

    /// The host by which MiniStack knows an API.
    pub(super) fn host_of(&self, api_id: &str) -> String {
        let port = self.url.rsplit(':').next().unwrap_or_default();
        format!("{api_id}.execute-api.localhost:{port}")
    }

    /// Stores a new value of a secret, and creates the secret if needed.
    pub(super) async fn put_secret(&self, name: &str, value: &str) -> Result<(), String> {
        let client = aws_sdk_secretsmanager::Client::new(&self.account.config);
        let put = client.put_secret_value().secret_id(name).secret_string(value).send().await;
        match put {
            Ok(_) => Ok(()),
            Err(error)
                if error
                    .as_service_error()
                    .is_some_and(PutSecretValueError::is_resource_not_found_exception) =>
            {
                let made = client.create_secret().name(name).secret_string(value).send().await;
                made.map(drop).map_err(|error| format!("{name} is not created: {}", describe(&error)))
            }
            Err(error) => Err(format!("{name} gets no new value: {}", describe(&error))),
        }
    }
}

async fn configured(url: &str, credentials: Credentials) -> Result<SdkConfig, String> {
    let loader = aws_config::defaults(BehaviorVersion::latest())
        .http_client(account::http_client()?)
        .endpoint_url(url)
        .region(Region::from_static(REGION))
        .credentials_provider(credentials);
    Ok(loader.load().await)
}
