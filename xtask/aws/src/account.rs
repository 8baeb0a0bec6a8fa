//! The AWS account that a command works in: profile, region and credentials as every AWS tool finds them.

use std::time::Duration;

use aws_config::{BehaviorVersion, Region, SdkConfig};
use aws_credential_types::provider::ProvideCredentials;
use shared::outbound::Stack;
use shared::outbound::aws::Connector;

const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);

/// What the caller said of the account; the rest is found in the environment and in `~/.aws`.
#[derive(Clone, Debug, Default, clap::Args)]
pub(crate) struct Chosen {
    /// The profile of ~/.aws/config.
    #[arg(long)]
    pub(crate) profile: Option<String>,
    /// The region, such as eu-central-1.
    #[arg(long)]
    pub(crate) region: Option<String>,
}

/// An account, with credentials that were there when it was opened.
#[derive(Clone, Debug)]
pub(crate) struct Account {
    /// What every client of the SDK is made with.
    pub(crate) config: SdkConfig,
}

impl Account {
    /// Finds region and credentials; says what to do when there are none.
    pub(crate) async fn open(chosen: &Chosen) -> Result<Self, String> {
        let stack = Stack::new(None).map_err(|error| error.to_string())?;
        let mut loader = aws_config::defaults(BehaviorVersion::latest())
            .http_client(Connector::new(stack.client(CONNECT_TIMEOUT, true)));
        if let Some(profile) = &chosen.profile {
            loader = loader.profile_name(profile);
        }
        if let Some(region) = &chosen.region {
            loader = loader.region(Region::new(region.clone()));
        }
        let config = loader.load().await;
        if config.region().is_none() {
            return Err("no AWS region is chosen; set AWS_REGION, or give --region".to_owned());
        }
        let provider = config.credentials_provider().ok_or("there are no AWS credentials")?;
        provider.provide_credentials().await.map_err(|_| {
            "there are no usable AWS credentials; sign in (`aws sso login`), or set AWS_PROFILE or the AWS_ variables"
        })?;
        Ok(Self { config })
    }
}
