//! Reads the environment; no other file does. [`postern_rules::config`] defines the variables.

use aws_credential_types::Credentials;
use aws_credential_types::provider::SharedCredentialsProvider;
use postern_rules::config::{ConfigError, Variables, names};

/// The settings of the AWS clients.
#[derive(Clone)]
pub(crate) struct Aws {
    pub(crate) region: String,
    pub(crate) credentials: SharedCredentialsProvider,
    pub(crate) dynamodb_endpoint: Option<String>,
    pub(crate) secrets_manager_endpoint: Option<String>,
    #[cfg(feature = "events")]
    pub(crate) event_bridge_endpoint: Option<String>,
}

impl Aws {
    /// Reads the variables through `look_up`. An empty value counts as unset.
    pub(crate) fn read(look_up: impl Fn(&str) -> Option<String>) -> Result<Self, ConfigError> {
        let variables = Variables(&look_up);
        let credentials = Credentials::new(
            variables.required(&names::AWS_ACCESS_KEY_ID)?,
            variables.required(&names::AWS_SECRET_ACCESS_KEY)?,
            variables.optional(&names::AWS_SESSION_TOKEN),
            None,
            "environment",
        );
        Self::with(SharedCredentialsProvider::new(credentials), look_up)
    }

    /// The same with credentials from elsewhere.
    pub(crate) fn with(
        credentials: SharedCredentialsProvider,
        look_up: impl Fn(&str) -> Option<String>,
    ) -> Result<Self, ConfigError> {
        let variables = Variables(look_up);
        Ok(Self {
            region: variables.required(&names::AWS_REGION)?,
            credentials,
            dynamodb_endpoint: variables.url(&names::AWS_ENDPOINT_URL_DYNAMODB)?,
            secrets_manager_endpoint: variables.url(&names::AWS_ENDPOINT_URL_SECRETS_MANAGER)?,
            #[cfg(feature = "events")]
            event_bridge_endpoint: variables.url(&names::AWS_ENDPOINT_URL_EVENTBRIDGE)?,
        })
    }
}

/// The value of an environment variable, if it is set.
#[expect(clippy::disallowed_methods, reason = "the one place that reads the environment")]
pub(crate) fn environment(variable: &str) -> Option<String> {
    std::env::var(variable).ok()
}

/// The log level in `AWS_LAMBDA_LOG_LEVEL` (Lambda's advanced logging controls); info if it is
/// unset or unknown. tracing has no `FATAL`, so that means error.
pub(crate) fn log_level() -> tracing::Level {
    let level = environment(names::AWS_LAMBDA_LOG_LEVEL.name).unwrap_or_default();
    if level.eq_ignore_ascii_case("fatal") {
        return tracing::Level::ERROR;
    }
    level.parse().unwrap_or(tracing::Level::INFO)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    #[test]
    fn a76_each_aws_setting_that_cannot_be_used_is_named() {
        let complete = BTreeMap::from([
            ("AWS_REGION", "eu-central-1"),
            ("AWS_ACCESS_KEY_ID", "id"),
            ("AWS_SECRET_ACCESS_KEY", "secret"),
            ("AWS_ENDPOINT_URL_DYNAMODB", "http://localhost:8000"),
        ]);
        let read = |variables: &BTreeMap<&str, &str>| {
            Aws::read(|name| variables.get(name).map(|value| (*value).to_owned()))
        };
        let endpoint = read(&complete).ok().unwrap().dynamodb_endpoint;
        assert_eq!(endpoint.as_deref(), Some("http://localhost:8000"));
        for (name, value) in [
            ("AWS_REGION", ""),
            ("AWS_ACCESS_KEY_ID", ""),
            ("AWS_SECRET_ACCESS_KEY", " "),
            ("AWS_ENDPOINT_URL_DYNAMODB", "http://dynamodb.example.com"),
            ("AWS_ENDPOINT_URL_SECRETS_MANAGER", "file:///etc/passwd"),
        ] {
            let mut variables = complete.clone();
            variables.insert(name, value);
            assert_eq!(read(&variables).err().unwrap().variable, name);
        }
    }
}
