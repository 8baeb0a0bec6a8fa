//! The outside world of a deployment on this machine: MiniStack in place of AWS, and the fake
//! Google.

use std::path::Path;

use aws_credential_types::Credentials;
use aws_sdk_secretsmanager::error::ProvideErrorMetadata;
use harness::google::Google;
use postern::clock::Clock;
use tokio::process::Command;

use crate::account::{Account, Called};
use crate::ministack;
use crate::processes::Processes;
use crate::tools::{SAM, Tools};

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
    /// The SAM CLI, and nothing else: no compiler is found from it.
    pub(super) sam: Tools,
}

impl Cloud {
    /// Starts them; what MiniStack and the functions print goes to `log`.
    pub(super) async fn start(log: &Path, processes: &mut Processes) -> Result<Self, String> {
        let sam = Tools::none().fetch(&SAM, processes).await?;
        let google = Google::start_anywhere(Clock::System).await;
        let at_google = |path: &str| format!("{}{path}", google.url());
        let settings = [
            ("AUTH", "true".to_owned()),
            ("GMAIL_URL", at_google("")),
            ("GOOGLE_USERINFO_URL", at_google("/oauth2/v3/userinfo")),
            ("GOOGLE_REVOKE_URL", at_google("/revoke")),
            ("GOOGLE_CERTIFICATES_URL", at_google("/oauth2/v3/certs")),
        ];
        let url = ministack::start(&settings, log, processes).await?;
        let account = Account::at(&url, owner()).await?;
        let cloud = Self { url, account, google, sam };
        cloud.put_secret(FOREIGN_SECRET, "not this application's").await?;
        Ok(cloud)
    }

    /// Runs a command-line tool in this account only; it must succeed.
    pub(super) async fn run(&self, command: &mut Command, processes: &mut Processes) -> Result<(), String> {
        let environment = [
            ("AWS_ENDPOINT_URL", self.url.as_str()),
            ("AWS_ACCESS_KEY_ID", OWNER),
            ("AWS_SECRET_ACCESS_KEY", OWNER),
            ("AWS_REGION", self.account.region()),
            ("AWS_DEFAULT_REGION", self.account.region()),
        ];
        command.envs(environment).env_remove("AWS_PROFILE").env_remove("AWS_SESSION_TOKEN");
        processes.succeed(command).await
    }

    /// Stores a new value of a secret, and creates the secret if needed.
    pub(super) async fn put_secret(&self, name: &str, value: &str) -> Result<(), String> {
        let client = aws_sdk_secretsmanager::Client::new(&self.account.config);
        match client.put_secret_value().secret_id(name).secret_string(value).send().await {
            Err(error) if error.code() == Some("ResourceNotFoundException") => {
                let made = client.create_secret().name(name).secret_string(value).send().await;
                made.or_say(&format!("{name} is not created")).map(drop)
            }
            put => put.or_say(&format!("{name} gets no new value")).map(drop),
        }
    }
}

/// The account's owner.
pub(super) fn owner() -> Credentials {
    Credentials::new(OWNER, OWNER, None, None, "owner")
}
