//! The AWS account that a command works in: profile, region and credentials as every AWS tool finds
//! them.

use std::time::Duration;

use aws_config::profile::ProfileFileCredentialsProvider;
use aws_config::provider_config::ProviderConfig;
use aws_config::timeout::TimeoutConfig;
use aws_config::{BehaviorVersion, Region, SdkConfig};
#[cfg(feature = "local")]
use aws_credential_types::Credentials;
use aws_credential_types::provider::{ProvideCredentials, SharedCredentialsProvider};
use aws_smithy_runtime_api::client::result::SdkError;
use aws_smithy_runtime_api::http::Response;
use aws_smithy_types::error::metadata::ProvideErrorMetadata;
use postern::outside::http::HttpStack;
use postern::outside::http::aws::{Connector, describe};

use crate::commands::AccountOptions;

const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
const CREDENTIALS_TIMEOUT: Duration = Duration::from_mins(1);
const ATTEMPT_TIMEOUT: Duration = Duration::from_secs(10);
const OPERATION_TIMEOUT: Duration = Duration::from_secs(30);

/// An account, with credentials that were there when it was opened.
#[derive(Clone, Debug)]
pub(crate) struct Account {
    /// What every client of the SDK is made with.
    pub(crate) config: SdkConfig,
}

impl Account {
    /// Finds region and credentials; says what to do when there are none.
    pub(crate) async fn open(chosen: &AccountOptions) -> Result<Self, String> {
        let mut loader = aws_config::defaults(BehaviorVersion::latest())
            .http_client(http_client()?)
            .timeout_config(timeouts());
        if let Some(profile) = &chosen.profile {
            loader = loader.profile_name(profile);
        }
        if let Some(region) = &chosen.region {
            loader = loader.region(Region::new(region.clone()));
        }
        let mut config = loader.load().await;
        if let Some(profile) = &chosen.profile {
            // If the environment has credentials, the SDK takes them and not the profile's; SAM and
            // every other tool take those of a profile that is named.
            let provider = ProviderConfig::without_region()
                .with_region(config.region().cloned())
                .with_http_client(http_client()?);
            let provider =
                ProfileFileCredentialsProvider::builder().configure(&provider).profile_name(profile).build();
            config =
                config.to_builder().credentials_provider(SharedCredentialsProvider::new(provider)).build();
        }
        if config.region().is_none() {
            return Err("no AWS region is chosen; set AWS_REGION, or give --region".to_owned());
        }
        let provider = config.credentials_provider().ok_or("there are no AWS credentials")?;
        // A profile may name a program that gives them.
        match tokio::time::timeout(CREDENTIALS_TIMEOUT, provider.provide_credentials()).await {
            Ok(Ok(_)) => Ok(Self { config }),
            _ => Err("there are no usable AWS credentials; sign in (aws sso login), or set AWS_PROFILE or the AWS_ \
                      variables, or give --profile"
                .to_owned()),
        }
    }

    /// An account that an emulator serves at `url`.
    #[cfg(feature = "local")]
    pub(crate) async fn at(url: &str, credentials: Credentials) -> Result<Self, String> {
        let loader = aws_config::defaults(BehaviorVersion::latest())
            .http_client(http_client()?)
            .endpoint_url(url)
            .region(Region::from_static("us-east-1"))
            .credentials_provider(credentials);
        Ok(Self { config: loader.load().await })
    }

    /// The region that is worked in.
    pub(crate) fn region(&self) -> &str {
        self.config.region().map_or("", Region::as_ref)
    }

    /// Asks AWS whose credentials these are: the account's number, and the user or role. Anyone may
    /// ask that, so a refusal means that the credentials are no good.
    pub(crate) async fn identity(&self) -> Result<(String, String), String> {
        let answer = aws_sdk_sts::Client::new(&self.config).get_caller_identity().send().await;
        let answer = answer.map_err(|error| {
            let (region, problem) = (self.region(), describe(&error));
            format!("AWS does not accept these credentials (STS in region {region:?}: {problem}); check both")
        })?;
        let text = |value: Option<&str>| value.unwrap_or("unknown").to_owned();
        Ok((text(answer.account()), text(answer.arn())))
    }
}

/// A call of AWS that may fail.
pub(crate) trait Called<T> {
    /// `problem` and the service's code in place of the SDK's error, which may hold the answer.
    fn or_say(self, problem: &str) -> Result<T, String>;
}

impl<T, E: ProvideErrorMetadata> Called<T> for Result<T, SdkError<E, Response>> {
    fn or_say(self, problem: &str) -> Result<T, String> {
        self.map_err(|error| format!("{problem}: {}", describe(&error)))
    }
}

/// What the SDK sends with.
pub(crate) fn http_client() -> Result<Connector, String> {
    let stack = HttpStack::new(None).map_err(|error| error.to_string())?;
    Ok(Connector::new(stack.client(CONNECT_TIMEOUT, true)))
}

/// How long the SDK waits for an answer, and for a call with all its attempts.
pub(crate) fn timeouts() -> TimeoutConfig {
    let timeouts = TimeoutConfig::builder().operation_attempt_timeout(ATTEMPT_TIMEOUT);
    timeouts.operation_timeout(OPERATION_TIMEOUT).build()
}
