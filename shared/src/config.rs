//! Reads the environment; no other file does. [`postern_rules::config`] defines the variables.

use aws_credential_types::Credentials;
use postern_rules::config::{ConfigError, Variables, names};

/// The settings of the AWS clients.
pub(crate) struct Aws {
    pub(crate) region: String,
    pub(crate) credentials: Credentials,
    pub(crate) dynamodb_endpoint: Option<String>,
    pub(crate) secrets_manager_endpoint: Option<String>,
}

impl Aws {
    /// Reads the variables through `look_up`. An empty value counts as unset.
    pub(crate) fn read(look_up: impl Fn(&str) -> Option<String>) -> Result<Self, ConfigError> {
        let variables = Variables(look_up);
        Ok(Self {
            region: variables.required(&names::AWS_REGION)?,
            credentials: Credentials::new(
                variables.required(&names::AWS_ACCESS_KEY_ID)?,
                variables.required(&names::AWS_SECRET_ACCESS_KEY)?,
                variables.optional(&names::AWS_SESSION_TOKEN),
                None,
                "environment",
            ),
            dynamodb_endpoint: variables.url(&names::AWS_ENDPOINT_URL_DYNAMODB)?,
            secrets_manager_endpoint: variables.url(&names::AWS_ENDPOINT_URL_SECRETS_MANAGER)?,
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
